# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# PID 1 refuses, breaks off or talks nonsense: one line, exit 1, and as if nothing had been asked.

denied=org.freedesktop.DBus.Error.AccessDenied

# fails RULE... -- ERROR [LEASH ARGUMENTS...]: with the rule, leash fails and says ERROR; without it, nothing
# is left of the attempt, at once and after the next command.
fails() {
    local before
    local -a told=()
    while [[ $1 != -- ]]; do
        told+=("$1")
        shift
    done
    local text=$2
    shift 2
    login $uid && pid1 || return
    conf run/systemd/system.control/$slice.d/50-CPUQuota.conf "[Slice]" "CPUQuota=75%"
    daemon_reload
    before=$(snapshot)
    rule "${told[@]}"
    leash -u $uid "$@"
    expect_error 1 "$text"
    recovers "$before"
}

# recovers SNAPSHOT: PID 1 behaves again. What leash said it had not done must not be done later.
recovers() {
    behave
    kill -0 "$fake_pid" 2>/dev/null || pid1
    leash list
    expect 0 "No leashes in force." ""
    unchanged "$1" "after list"
    leash release --all
    expect 0 "nobody is leashed" ""
    unchanged "$1" "after release --all"
}

test_error_access_denied_on_reading() { fails '*' Get error $denied -- "$uid: not limited: Permission denied*"; }
test_error_access_denied_on_setting() { fails '*' SetUnitProperties error $denied -- "$uid: not limited: Permission denied*"; }
test_error_access_denied_once_on_setting() { fails first SetUnitProperties error $denied -- "$uid: not limited: Permission denied*"; }
test_error_access_denied_on_everything() { fails '*' '*' error $denied -- "$uid: not limited: Permission denied*"; }
test_error_access_denied_on_the_timer() { fails '*' StartTransientUnit error $denied -- "$uid: not limited: Permission denied*" --for=1h; }
test_error_access_denied_on_freezing() { fails '*' FreezeUnit error $denied -- "$uid: not limited: Permission denied*" --freeze; }
test_error_interactive_authorization() { fails '*' SetUnitProperties error org.freedesktop.DBus.Error.InteractiveAuthorizationRequired -- "$uid: not limited: *"; }
test_error_no_such_unit_on_setting() { fails '*' SetUnitProperties error org.freedesktop.systemd1.NoSuchUnit No such unit. -- "$uid: not limited: *"; }
test_error_no_such_unit_on_reading() { fails '*' Get error org.freedesktop.systemd1.NoSuchUnit No such unit. -- "$uid: not limited: *"; }
test_error_unknown() { fails '*' SetUnitProperties error org.example.Whatever Some text. -- "$uid: not limited: *"; }
test_error_read_only_property() { fails '*' SetUnitProperties error org.freedesktop.DBus.Error.PropertyReadOnly Cannot set it. -- "$uid: not limited: *"; }
test_error_hang_up_on_reading() { fails first Get hang-up -- "$uid: not limited: *"; }
test_error_hang_up_on_setting() { fails first SetUnitProperties hang-up -- "$uid: not limited: *"; }
test_error_hang_up_after_setting() { fails first SetUnitProperties lost -- "$uid: not limited: *"; }
test_error_hang_up_on_the_timer() { fails first StartTransientUnit hang-up -- "$uid: not limited: *" --for=1h; }
test_error_hang_up_after_the_timer() { fails first StartTransientUnit lost -- "$uid: not limited: *" --for=1h; }
test_error_garbage_on_reading() { fails first Get garbage -- "$uid: not limited: *"; }
test_error_garbage_on_setting() { fails first SetUnitProperties garbage -- "$uid: not limited: *"; }
test_error_reply_of_another_type() { fails first Get reply 's' text -- "$uid: not limited: *"; }
test_error_reply_with_nothing_in_it() { fails first Get reply '""' -- "$uid: not limited: *"; }
test_error_reply_without_the_variant() { fails first Get reply t 5 -- "$uid: not limited: *"; }
test_error_reply_with_another_variant() { fails first Get reply 'v(s)' text -- "$uid: not limited: *"; }
test_error_reply_with_a_number_for_a_list() { fails first Get reply 'v(t)' 7 -- "$uid: not limited: *" --cpus=0; }
test_error_huge_reply() { fails first Get huge 30000000 -- "$uid: not limited: *"; }
test_error_huge_text() { fails '*' SetUnitProperties error-huge 10000000 -- "$uid: not limited: *"; }

# keeps_or_refuses: what stands where PID 1 will write is put back, or else nothing is begun
keeps_or_refuses() {
    local before
    pid1
    before=$(snapshot; find "$root/run/systemd/system.control" -printf '%p %l\n')
    leash -u $uid
    if ((status == 0)); then
        leash release -u $uid
    else
        expect_error 1 "$uid: not limited: *"
    fi
    equal "what is there" "$(snapshot; find "$root/run/systemd/system.control" -printf '%p %l\n')" "$before"
}

test_error_control_file_of_a_size_beyond_reason() {
    login $uid
    conf run/systemd/system.control/$slice.d/50-CPUQuota.conf "$(printf '#%.0s' {1..100000})"
    keeps_or_refuses
}

# "systemctl mask" of a drop-in is a link to /dev/null.
test_error_control_file_that_is_a_link() {
    login $uid
    mkdir "$root/run/systemd/system.control/$slice.d"
    ln -s /dev/null "$root/run/systemd/system.control/$slice.d/50-CPUQuota.conf"
    keeps_or_refuses
}

test_error_control_file_with_a_zero_byte() {
    login $uid
    mkdir "$root/run/systemd/system.control/$slice.d"
    printf '[Slice]\n# \0 here\nCPUQuota=90%%\n' >"$root/run/systemd/system.control/$slice.d/50-CPUQuota.conf"
    keeps_or_refuses
}

test_error_reason_that_is_too_long() {
    pid1
    leash -u $uid --reason="$(printf 'x%.0s' {1..257})"
    expect_error 2 "--reason=*: out of range*"
    ((${#err} < 2100)) || fail "${#err} bytes on stderr"
    equal calls "$(count_calls)" 0
}

test_error_none_for_the_longest_reason() {
    local reason
    login $uid && pid1
    reason=$(printf '\001%.0s' {1..256})
    leash -u $uid --reason="$reason"
    expect 0 "$uid: CPU 50%" ""
    leash list
    [[ $status$err == 0 ]] || fail "list: $err"
    leash release -u $uid
    expect 0 "$uid: released" ""
}

# The answer to what sets is of no interest, as long as it is no error.
test_error_none_for_a_strange_answer_to_setting() {
    login $uid && pid1
    rule '*' SetUnitProperties delay 20
    leash -u $uid
    expect 0 "$uid: CPU 50%" ""
}

test_error_no_PID_1_at_all() {
    local before
    login $uid
    before=$(snapshot)
    leash -u $uid
    expect_error 1 "$uid: not limited: *"
    unchanged "$before"
}

test_error_nobody_behind_the_bus() {
    local before
    login $uid && bus
    before=$(snapshot)
    leash -u $uid
    expect_error 1 "$uid: not limited: *"
    unchanged "$before"
}

test_error_PID_1_leaves_the_bus_meanwhile() {
    local before
    login $uid && bus && pid1 --bus
    before=$(snapshot)
    rule first SetUnitProperties hang-up
    leash -u $uid
    expect_error 1 "$uid: not limited: *"
    behave
    pid1 --bus
    leash list
    expect 0 "No leashes in force." ""
    unchanged "$before"
}

test_error_text_of_PID_1_does_not_reach_the_terminal_raw() {
    login $uid && pid1
    rule '*' SetUnitProperties error org.example.Whatever $'\e]0;title\a red'
    leash -u $uid
    [[ $err != *$'\e'* && $err != *$'\a'* ]] || fail "stderr: $err"
}

test_error_ledger_that_others_may_write_to() {
    local before
    login $uid && pid1
    mkdir -m 777 "$root/run/leash"
    before=$(snapshot)
    leash -u $uid
    expect_error 1 "cannot open the ledger /run/leash: *"
    equal calls "$(count_calls)" 0
    unchanged "$before"
}

test_error_backend_that_does_not_exist() {
    environment=(LEASH_BACKEND=upstart)
    leash list
    expect_error 2 "LEASH_BACKEND=upstart: no such backend*"
}

# full DIRECTORY: a file system of its own with no room left; make_room gives some
full() {
    [[ $LEASH_BUS_NAMESPACE == *--mount* ]] || skip "needs a mount namespace"
    mkdir -p "$root/$1"
    mount -t tmpfs -o size=64k,mode=700 leash-test "$root/$1" 2>/dev/null || skip "needs to mount a tmpfs"
    full=$root/$1
    dd if=/dev/zero of="$full/filler" bs=4k 2>/dev/null
}
make_room() { rm "$full/filler"; }

test_error_no_room_for_the_ledger() {
    login $uid && pid1
    full run/leash
    leash -u $uid
    expect_error 1 "$uid: not limited: No space left on device*"
    no_changes
    absent run/systemd/system/$slice.d
    make_room
    leash list
    expect 0 "No leashes in force." ""
    leash -u $uid
    expect 0 "$uid: CPU 50%" ""
    umount "$full"
}

test_error_no_room_for_the_drop_in() {
    login $uid && pid1
    full run/systemd/system
    leash -u $uid
    expect_error 1 "$uid: not limited: No space left on device*"
    equal cpu.max "$(kernel cpu.max)" "max 100000"
    make_room
    leash list
    expect 0 "No leashes in force." ""
    absent run/leash/$slice
    absent run/systemd/system/$slice.d
    umount "$full"
}

# The user gets free although nothing can be written.
test_error_no_room_at_release() {
    login $uid && pid1
    mkdir -p "$root/run/leash"
    full run/leash
    make_room
    leash -u $uid
    dd if=/dev/zero of="$full/filler" bs=4k 2>/dev/null
    leash release -u $uid
    if ((status != 0)); then
        expect_error 1 "$uid: cannot give back what was before: No space left on device; the next leash tries again"
        make_room
        leash release -u $uid
    fi
    expect 0 "$uid: released" ""
    equal cpu.max "$(kernel cpu.max)" "max 100000"
    absent run/leash/$slice
    umount "$full"
}

# What is in force already stays so if it cannot be changed.
test_error_on_a_change_leaves_the_earlier_leash() {
    local before
    login $uid && pid1
    leash -u $uid -q 50% --cpu-period=100ms
    before=$(snapshot)
    rule '*' SetUnitProperties error $denied
    leash -u $uid -q 20%
    expect_error 1 "$uid: not limited: *"
    behave
    leash list
    like list "$out" "*CPU 50%*"
    equal cpu.max "$(kernel cpu.max)" "50000 100000"
    equal Dirty "$(ledger Dirty)" 0
    leash release -u $uid
    equal "cpu.max after" "$(kernel cpu.max)" "max 100000"
}

# broken_release RULE...: release fails, says so, and the next one finishes it
broken_release() {
    local before
    login $uid
    conf run/systemd/system.control/$slice.d/50-CPUQuota.conf "[Slice]" "CPUQuota=75%"
    pid1
    before=$(snapshot)
    leash -u $uid --for=1h
    forget
    rule "$@"
    leash release -u $uid
    expect_error 1 "$uid: cannot give back what was before: *; the next leash tries again"
    behave
    kill -0 "$fake_pid" 2>/dev/null || pid1
    leash list
    expect 0 "No leashes in force." ""
    unchanged "$before" "after the next leash"
}

test_error_release_denied() { broken_release '*' SetUnitProperties error $denied; }
test_error_release_hung_up_at_first() { broken_release 1 '*' hang-up; }
test_error_release_hung_up_on_setting() { broken_release first SetUnitProperties hang-up; }
test_error_release_hung_up_after_setting() { broken_release first SetUnitProperties lost; }
test_error_release_hung_up_on_the_timer() { broken_release first StopUnit hang-up; }
test_error_release_hung_up_after_the_timer() { broken_release first StopUnit lost; }
test_error_release_garbage() { broken_release first SetUnitProperties garbage; }

test_error_release_timer_gone_is_none() {
    local before
    login $uid && pid1
    before=$(snapshot)
    leash -u $uid --for=1h
    rm "$root"/run/systemd/transient/*
    leash release -u $uid
    expect 0 "$uid: released" ""
    unchanged "$before"
}

test_error_release_reload_denied() {
    login $uid && pid1
    leash -u $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=80%"
    rule '*' Reload error $denied
    leash release -u $uid
    expect_error 1 "$uid: cannot give back what was before: Permission denied; the next leash tries again"
    behave
    leash list
    expect 0 "No leashes in force." ""
    equal cpu.max "$(kernel cpu.max)" "80000 100000"
}

# In a cluster getopt(3) has not yet done with the word that the letter stands in.
test_error_options_are_named_right() {
    local -a wrong
    local row
    pid1
    for row in "-zn 1|-z: unknown option" "-nz 1|-z: unknown option" "-nu|-u: needs a value" "1 -nvz|-z: unknown option" \
        "--nonsense 1|--nonsense: unknown option" "--user|--user: needs a value" "--json=yes 1|--json=yes: takes no value"; do
        read -r -a wrong <<<"${row%%|*}"
        leash "${wrong[@]}"
        expect_error 2 "${row#*|}; see 'leash --help'"
    done
    for row in "-zu 1 list|-z: unknown option" "-hu|-u: needs a value" "--help=me|--help=me: takes no value"; do
        read -r -a wrong <<<"${row%%|*}"
        xrdp "${wrong[@]}"
        expect 2 "" "leash-xrdp: ${row#*|}; see 'leash-xrdp --help'"
    done
    leash $'-n\xff' 1
    expect_error 2 '-\\xff: unknown option*'
}
