# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# What the login manager says, and what the journal is told.

# What is linked is loaded by each `leash PID`: a third of its time, before anything is done.
test_leash_is_not_linked_with_what_few_verbs_need() {
    local linked
    linked=$(readelf -d "$leash" | sed -n 's/.*NEEDED.*\[\(.*\)\]/\1/p')
    like "what leash is linked with" "$linked" "*libsystemd.so*"
    ! grep -E 'ncurses|tinfo|cgroup' <<<"$linked" >"$root/fake/linked" || fail "leash is linked with $(tr '\n' ' ' <"$root/fake/linked")"
}

# journal PATTERN: an entry like that has come in
journal() {
    wait_until test -s "$root/fake/journal"
    like journal "$(<"$root/fake/journal")" "$1"
    rm -f "$root/fake/journal"
}

test_journal_is_told_of_leash_and_release() {
    with_host
    login $uid && pid1
    leash -u $uid -q 30% --reason=$'builds\nMESSAGE=forged'
    expect 0 "$uid: CPU 30%" ""
    journal "*MESSAGE=$slice of $uid limited: *cpu-quota=30%*MESSAGE_ID=*PRIORITY=5*SYSLOG_IDENTIFIER=leash*LEASH_TARGET=$slice*LEASH_UID=$uid*LEASH_BY=*LEASH_REASON=builds*"
    leash release -u $uid
    journal "*MESSAGE=$slice of $uid released*LEASH_TARGET=$slice*"
}

test_journal_has_no_field_of_the_reasons_making() {
    with_host
    login $uid && pid1
    leash -u $uid --reason=$'builds\nMESSAGE=forged'
    wait_until test -s "$root/fake/journal"
    grep -q '^MESSAGE=forged' "$root/fake/journal" && fail "$(<"$root/fake/journal")"
}

test_journal_is_told_what_is_not_enforced() {
    with_host
    login $uid && pid1
    rule '*' SetUnitProperties no-kernel
    leash -u $uid
    ((status == 4)) || fail "exit status $status"
    journal "*MESSAGE=$slice of $uid limited, but the kernel does not enforce it*PRIORITY=4*"
}

test_journal_is_told_of_the_end_of_the_time() {
    with_host
    login $uid && pid1
    leash -u $uid --for=1s
    journal "*limited: *"
    sleep 1.1
    leash release --expired
    journal "*MESSAGE=$slice of $uid released, its time was up*"
}

test_journal_that_is_gone_does_not_matter() {
    with_host
    rm -rf "$root/host/systemd/journal"
    mkdir "$root/host/systemd/journal"
    login $uid && pid1
    rm -f "$root/host/systemd/journal/socket"
    leash -u $uid
    expect 0 "$uid: CPU 50%" ""
}

test_host_session_is_found_by_its_id() {
    with_host
    login $uid && pid1
    host_session 9 $uid
    leash -s 9
    expect 0 "$uid: CPU 50%" ""
    like calls "$(settings)" "SetUnitProperties $slice true *"
    leash show -s 9
    like show "$out" "*session   9, x11, by xrdp-sesman*"
    leash release -s 9
    expect 0 "$uid: released" ""
    leash -s 10
    expect_error 3 "10: no such session; 'loginctl' lists them"
    leash -s ../../etc/passwd
    expect_error 3 "*no such session*"
}

test_host_session_alone_is_limited_by_its_id() {
    with_host
    login $uid
    mkdir "$root/sys/fs/cgroup/user.slice/$slice/session-9.scope"
    cp "$root/sys/fs/cgroup/cgroup.controllers" "$root/sys/fs/cgroup/user.slice/$slice/session-9.scope"
    pid1
    host_session 9 $uid
    leash -s 9 --scope=session -q 40% --cpu-period=100ms
    expect 0 "$uid: CPU 40%" ""
    like calls "$(settings)" "SetUnitProperties session-9.scope true *"
    equal cpu.max "$(kernel cpu.max $slice/session-9.scope)" "40000 100000"
}
