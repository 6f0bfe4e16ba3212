# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# Nothing blocks a login: whatever is broken, the user is in at once and the journal says what is missing.
# With `strict` it is a refusal, and that is as quick.

# broken NAME...: both with and without strict; then the same login when all is well again
# Uses the functions break_it and mend_it of the case.
broken() {
    local pattern=$1
    break_it
    case $pattern in *ETIMEDOUT* | *EBUSY* | '*'*) patient=no ;; esac
    pam -k
    opened
    figure "open_session took $took ms"
    journal "*MESSAGE=$user: limits of the policy are missing: $pattern; logged in all the same*PRIORITY=4*"
    stack strict
    pam
    opened "Cannot make/remove an entry for the specified session"
    journal "*MESSAGE=$user: limits of the policy are missing: $pattern*"
    stack
    mend_it
    patient=yes
    pam -k
    opened
    limited
}

# deaf [-b]: a socket that accepts and never says a word; -b: that does not even accept
deaf() {
    rm -f "$root/run/systemd/private"
    exec {deaf_ready}< <(exec setpriv --pdeathsig KILL python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX); s.bind(sys.argv[1]); s.listen(0 if sys.argv[2] else 64); held = []
print("ready", flush=True)
if sys.argv[2]:
    for i in range(3):
        c = socket.socket(socket.AF_UNIX); c.setblocking(False)
        try: c.connect(sys.argv[1])
        except OSError: pass
        held.append(c)
    time.sleep(120)
while True: held.append(s.accept()[0])' "$root/run/systemd/private" "${1:-}")
    read -r -t 10 -u "$deaf_ready" || fail "the deaf socket did not come up"
}

test_never_waits_for_a_socket_that_is_gone() {
    machine && login $uid && pid1
    break_it() { mv "$root/run/systemd/private" "$root/private"; }
    mend_it() { mv "$root/private" "$root/run/systemd/private"; }
    broken "the limits cannot be set (E*)"
}

test_never_waits_for_a_socket_that_nobody_listens_at() {
    machine && login $uid && pid1
    break_it() {
        mv "$root/run/systemd/private" "$root/private"
        python3 -c 'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$root/run/systemd/private"
    }
    mend_it() { mv "$root/private" "$root/run/systemd/private"; }
    broken "the limits cannot be set (ECONNREFUSED)"
}

test_never_waits_for_a_PID_1_that_accepts_and_is_silent() {
    machine && login $uid && pid1
    break_it() { mv "$root/run/systemd/private" "$root/private" && deaf; }
    mend_it() { mv -f "$root/private" "$root/run/systemd/private"; }
    broken "PID 1 did not answer in time (ETIMEDOUT)"
}

test_never_waits_for_a_PID_1_that_does_not_accept() {
    machine && login $uid && pid1
    break_it() { mv "$root/run/systemd/private" "$root/private" && deaf -b; }
    mend_it() { mv -f "$root/private" "$root/run/systemd/private"; }
    broken "* (E*)"
}

test_never_waits_for_an_answer() {
    machine && login $uid && pid1
    break_it() { rule '*' '*' silent; }
    mend_it() { behave; }
    broken "PID 1 did not answer in time (ETIMEDOUT)"
}

# Neither slice nor PID 1: the drop-in waits for the slice all the same.
test_never_waits_for_an_answer_before_there_is_a_slice() {
    machine && pid1
    rule '*' '*' silent
    patient=no
    pam -k
    opened
    behave
    comes_up
    limited
}

# The record of the first is still dirty when the second one changes it, and neither is answered.
test_never_finishes_another_limit_than_the_last_one() {
    machine && login $uid && pid1
    rule '*' '*' silent
    patient=no
    pam -k
    policy "[limits all]" "cpu-quota=60%" "memory-max=1G"
    later
    pam -k
    opened
    behave
    leash list --json
    leash list --json
    limited "60000 100000"
    equal memory.max "$(kernel memory.max)" 1073741824
}

# Its answer came too late for the login, and the login is over: nobody else would look at the record.
test_never_leaves_what_it_did_not_wait_for() {
    machine && pid1
    rule 1 '*' silent
    patient=no
    pam
    opened
    journal "*PID 1 did not answer in time (ETIMEDOUT)*"
    absent "run/leash/$slice"
    absent "run/systemd/system/$slice.d"
}

test_never_minds_what_PID_1_answers() {
    local action
    machine && login $uid && pid1
    patient=no
    for action in "error org.freedesktop.DBus.Error.AccessDenied no" "error-huge 100000" hang-up garbage lost "reply s no"; do
        rm -rf "$root/run/leash" "$root/run/systemd/system/$slice.d"
        echo "max 100000" >"$root/sys/fs/cgroup/user.slice/$slice/cpu.max"
        rm -f "$root/fake/journal"
        rule '*' '*' $action
        pam -k
        opened
        journal "*MESSAGE=$user: limits of the policy are missing: * (E*); logged in all the same*"
        behave
    done
}

test_never_minds_a_kernel_that_does_not_enforce() {
    machine && login $uid && pid1
    break_it() { rule '*' '*' no-kernel; }
    mend_it() { behave; }
    broken "the kernel does not enforce them, see 'leash doctor' (EOPNOTSUPP)"
}

# ---- the policy ----------------------------------------------------------------------------------

# bad_policy PATTERN: as broken(), for a policy of which nothing counts
bad_policy() {
    pam -k
    opened
    journal "*MESSAGE=$user: limits of the policy are missing: $1*PRIORITY=4*"
    absent run/leash
    stack strict
    pam
    opened "Cannot make/remove an entry for the specified session"
    pam root # nobody is locked out by a slip in the policy who could mend it
    opened
}

test_never_minds_a_policy_that_others_may_write() {
    machine && login $uid && pid1
    chmod 666 "$root/etc/leash/leash.conf"
    bad_policy "/etc/leash/leash.conf:*may be written to by others than root*"
}

test_never_minds_a_policy_of_somebody_else() {
    machine && login $uid && pid1
    chown $uid "$root/etc/leash/leash.conf" 2>/dev/null || skip "needs a second user: run as root"
    bad_policy "/etc/leash/leash.conf:*does not belong to root*"
}

test_never_minds_10_MB_of_garbage() {
    machine && login $uid && pid1
    head -c 10000000 /dev/urandom >"$root/etc/leash/leash.conf"
    bad_policy "*larger than 1 MiB*"
}

test_never_minds_a_megabyte_of_garbage() {
    machine && login $uid && pid1
    head -c 1000000 /dev/urandom >"$root/etc/leash/leash.conf"
    bad_policy "/etc/leash/leash.conf:*(* in all*"
}

test_never_minds_a_loop_of_links() {
    machine && login $uid && pid1
    rm "$root/etc/leash/leash.conf"
    ln -s leash.conf "$root/etc/leash/leash.conf"
    bad_policy "*is a symbolic link*"
}

test_never_waits_for_a_fifo() {
    machine && login $uid && pid1
    rm "$root/etc/leash/leash.conf"
    mkfifo "$root/etc/leash/leash.conf"
    bad_policy "*no regular file*"
}

test_never_minds_a_half_written_policy() {
    machine && login $uid && pid1
    policy "[limits all]" "cpu-quota=40%" "[limits stu"
    pam -k
    opened
    limited "40000 100000"
    journal "*limits of the policy are missing: /etc/leash/leash.conf:3: *1 in all*"
}

test_never_minds_that_conf_names_nothing() {
    machine && login $uid && pid1
    pam -k
    rm -f "$root/fake/journal"
    stack conf=/etc/leash/leahs.conf
    pam -k
    opened
    journal "*MESSAGE=$user: limits of the policy are missing: the policy that conf= names is not there*PRIORITY=4*"
    limited # what the last login had
    stack conf=/etc/leash/leahs.conf strict
    pam
    opened "Cannot make/remove an entry for the specified session"
    journal "*the policy that conf= names is not there (ENOENT)*"
    pam root
    opened
    conf etc/leash/leahs.conf.d/10-here.conf "[limits all]" "cpu-quota=60%"
    later
    rm -f "$root/fake/journal"
    pam
    opened
    limited "60000 100000"
    journal "*limited by the policy: cpu-quota 60%*"
}

# ---- the ledger ----------------------------------------------------------------------------------

test_never_minds_a_damaged_ledger() {
    machine && login $uid && pid1
    pam -k
    again() { echo "not a record" >"$root/run/leash/$slice"; }
    again
    pam -k
    opened
    limited
    there run/leash/$slice.damaged
    journal "*damaged record was set aside*"
}

test_never_minds_a_ledger_of_others() {
    machine && login $uid && pid1
    break_it() { mkdir -p "$root/run/leash" && chmod 777 "$root/run/leash"; }
    mend_it() { chmod 700 "$root/run/leash"; }
    broken "the ledger cannot be opened (EPERM)"
}

test_never_minds_a_ledger_that_is_a_file() {
    machine && login $uid && pid1
    break_it() { : >"$root/run/leash"; }
    mend_it() { rm "$root/run/leash"; }
    broken "the ledger cannot be opened (ENOTDIR)"
}

test_never_waits_for_a_lock() {
    machine && login $uid && pid1
    break_it() { hold_record; }
    mend_it() { let_record_go; }
    broken "the ledger is busy (EBUSY)"
}

test_never_minds_a_full_disk() {
    machine && login $uid && pid1
    mkdir -m 700 "$root/run/leash"
    break_it() {
        mount -t tmpfs -o size=8k,mode=700 full "$root/run/leash" || skip "needs to mount"
        head -c 100000 /dev/zero >"$root/run/leash/fill" 2>/dev/null
    }
    mend_it() { umount "$root/run/leash"; }
    broken "the limits cannot be set (ENOSPC)"
}

# ---- the user ------------------------------------------------------------------------------------

test_never_minds_who_the_user_is() {
    local name
    machine && pid1
    for name in nosuchuser "$(printf 'a%.0s' {1..300})" $'two\nlines' $'bell\a' '../../etc' '%s%n' ''; do
        pam "$name"
        opened
        journal "*limits of the policy are missing: the user cannot be looked up (ESRCH); logged in all the same*"
    done
    stack strict
    pam nosuchuser
    opened "User not known to the underlying authentication module"
    absent run/leash
}

# crowd BYTES: so long is the entry of the group that the user is in
crowd() {
    sed -i /^students:/d "$root/etc/group"
    echo "students:x:$((uid + 10)):$user$(head -c "$1" /dev/zero | sed 's/\x00\{16\}/,somebodyorother/g' | tr -d '\0')" >>"$root/etc/group"
}

test_never_minds_how_large_a_group_is() {
    machine && login $uid && pid1
    policy "[limits students]" "match-group=students" "cpu-quota=40%"
    crowd 200000
    pam -k
    opened
    limited
    journal "*limited by the policy*"
}

test_never_keeps_silent_about_a_group_that_cannot_be_looked_up() {
    machine && login $uid && pid1
    policy "[limits students]" "match-group=students" "cpu-quota=40%"
    crowd 6000000
    pam -k
    opened
    journal "*MESSAGE=$user: limits of the policy are missing: some of the user's groups cannot be looked up*"
    stack strict
    pam -k
    opened "Cannot make/remove an entry for the specified session"
}

test_never_forges_a_line_of_the_log() {
    machine && pid1
    pam $'x\nMESSAGE=forged'
    wait_until test -s "$root/fake/journal"
    grep -q '^MESSAGE=forged' "$root/fake/journal" && fail "$(<"$root/fake/journal")"
}

test_never_minds_arguments_it_does_not_know() {
    machine && login $uid && pid1
    stack colour=red conf=relative
    pam -k
    opened
    limited
    journal "*'colour=red' in the PAM stack is not understood*"
    stack strict conf=relative
    pam
    opened "Cannot make/remove an entry for the specified session"
}

test_never_believes_the_environment() {
    machine && login $uid && pid1
    evil=1
    pam -k
    opened
    limited
}

test_never_needs_a_log() {
    machine && login $uid && pid1
    rm "$root/run/systemd/journal"
    stack debug
    pam
    opened
    limited
}

# A reader that has stopped: the queue of the socket is full.
test_never_waits_for_the_log() {
    machine && login $uid && pid1
    rm "$root/run/systemd/journal" && mkdir "$root/run/systemd/journal"
    exec {log_ready}< <(exec setpriv --pdeathsig KILL python3 -c '
import socket, sys, time
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1])
c = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); c.setblocking(False)
try:
    while True: c.sendto(b"x" * 1000, sys.argv[1])
except OSError: pass
print("ready", flush=True); time.sleep(120)' "$root/run/systemd/journal/socket")
    read -r -t 10 -u "$log_ready" || fail "the stopped log did not come up"
    stack debug
    pam
    opened
    limited
}

# ---- many ----------------------------------------------------------------------------------------

# steady: the heap is as large as it was. Loading and unloading the module, and what PID 1 answers, leave some
# kilobytes more or less in the allocator, the same for 200 logins and for 2000; for single bytes see below.
steady() {
    local bytes
    bytes=$(sed -n 's/^heap //p' <<<"$out")
    [[ $build == *san* ]] || ((bytes < 32768)) || fail "$bytes bytes more after all logins than after the first"
}

test_long_never_leaks_in_10000_logins() {
    local rounds=10000
    machine && login $uid && pid1
    [[ $build != *san* ]] || rounds=500
    pam -k
    limit=280 pam -q -r $rounds
    equal "open or close that failed" "$(grep -cE '^(open|close)' <<<"$out")" 0
    equal "descriptors" "$(sed -n 's/^fds //p' <<<"$out")" 0
    steady
    limited
    figure "open_session again, nothing to do: $(sed -n 's/^mean //p' <<<"$out") ms on average, $took ms at worst of $rounds"
}

test_long_never_loses_a_byte() {
    command -v valgrind >/dev/null || skip "valgrind is not installed"
    [[ $build != *san* ]] || skip "the sanitizer looks for itself"
    machine && login $uid && pid1
    limit=120 inside valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect,possible --show-leak-kinds=definite,indirect,possible --error-exitcode=9 \
        --track-fds=no "$tools/pam-driver" -q -r 5 "$root/pam.d" test $user >"$root.out" 2>&1 || fail "$(head -n 20 "$root.out" | tr '\n' '|')"
    stop_pid1
    rm -r "$root/run/leash"
    limit=120 inside valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect,possible --show-leak-kinds=definite,indirect,possible --error-exitcode=9 \
        "$tools/pam-driver" -q -r 5 "$root/pam.d" test $user >"$root.out" 2>&1 || fail "$(head -n 20 "$root.out" | tr '\n' '|')"
}

# Every one of them asks PID 1, which refuses, or is not there.
test_long_never_leaks_when_it_fails() {
    machine && login $uid && pid1
    rule '*' '*' "error org.freedesktop.DBus.Error.Failed no"
    limit=120 pam -q -r 2000
    equal "descriptors" "$(sed -n 's/^fds //p' <<<"$out")" 0
    steady
    stop_pid1
    limit=120 pam -q -r 2000
    equal "descriptors" "$(sed -n 's/^fds //p' <<<"$out")" 0
    steady
}

test_long_never_a_deadlock_of_200_logins_at_once() {
    local uids one
    machine && login $uid
    mapfile -t uids < <(seq 30001 30050)
    for one in "${uids[@]}"; do
        echo "u$one:x:$one:$one::/:/bin/sh" >>"$root/etc/passwd"
        login "$one"
    done
    pid1
    limit=60 pam -q -j 200
    [[ $out != *open* && $out != *close* ]] || fail "not let in: $(grep -cE '^(open|close)' <<<"$out")"
    limited
    figure "the slowest of 200 at once: $took ms$(and_without)"
    of_50_users_at_once "${uids[@]}"
}

# and_without: how many logins had to do without limits for a while. On a busy machine that may be many, of which the
# journal may miss some: nobody waits for it.
and_without() {
    local why n
    sleep 0.3
    for why in EBUSY ETIMEDOUT; do
        n=$(grep -c "^MESSAGE=.*($why)" "$root/fake/journal" 2>/dev/null)
        echo -n ", $why: ${n:-0}"
    done
}

# limited_of UID...: for how many the kernel has what the policy says
limited_of() {
    local one n=0
    for one; do [[ $(kernel cpu.max "user-$one.slice" 2>/dev/null) != "40000 100000" ]] || n=$((n + 1)); done
    echo $n
}

# of_50_users_at_once UID...: four logins of each
of_50_users_at_once() {
    local uids=("$@")
    # shellcheck disable=SC2016
    inside bash -c 'driver=$0 conf=$1; shift; for one; do "$driver" -q -k -j 4 "$conf" test "u$one" & done; wait' \
        "$tools/pam-driver" "$root/pam.d" "${uids[@]}" >"$root.out" 2>&1
    equal "logins that were heard of" "$(grep -c ^slowest "$root.out")" 200
    equal "who were not let in" "$(grep -c ^open "$root.out")" 0
    is_less "$(slowest)" 5000 || fail "a login took $(slowest) ms"
    figure "the slowest of 50 users at once: $(slowest) ms$(and_without); limited by then: $(limited_of "${uids[@]}")"
    # PID 1 was too slow for some: whoever comes by next brings that to order
    leash list
    equal "users with limits" "$(limited_of "${uids[@]}")" 50
}

# Each thing that can fail fails once: memory, files, the bus, NSS.
test_long_never_minds_what_fails_in_it() {
    machine && login $uid && pid1
    limit=250 inside "$tools/pam-faults" "$root/pam.d" $user /run/leash/$slice >"$root.out" 2>&1 || fail "$(tail -n 5 "$root.out" | tr '\n' '|')"
    figure "$(tail -n 1 "$root.out")"
    limited
}

test_long_never_minds_what_fails_in_it_when_strict() {
    machine && login $uid && pid1
    limit=250 inside "$tools/pam-faults" "$root/pam.d" $user /run/leash/$slice strict >"$root.out" 2>&1 || fail "$(tail -n 5 "$root.out" | tr '\n' '|')"
    figure "$(tail -n 1 "$root.out")"
}

# A policy that asks for all there is to ask for.
test_long_never_refuses_root_whatever_fails_in_it() {
    machine && login 0 && pid1
    stack strict
    policy "[limits all]" "match-group=students" "match-service=sshd" "cpu-quota=40%" "[limits root]" "match-user=root" "cpu-quota=300%"
    limit=250 inside "$tools/pam-faults" "$root/pam.d" root /run/leash/user-0.slice strict >"$root.out" 2>&1 || fail "$(tail -n 5 "$root.out" | tr '\n' '|')"
    figure "$(tail -n 1 "$root.out")"
    equal cpu.max "$(kernel cpu.max user-0.slice)" "300000 100000"
}

test_never_refuses_root_whom_NSS_does_not_know() {
    machine && login 0 && pid1
    stack strict
    sed -i /^root:/d "$root/etc/passwd"
    printf '%s: files\n' passwd group >"$root/etc/nsswitch.conf" # nss-systemd knows root by itself
    pam root
    opened
    journal "*MESSAGE=root: limits of the policy are missing: the user cannot be looked up (ESRCH); logged in all the same*"
}

test_long_never_minds_what_fails_in_it_before_there_is_a_slice() {
    machine && pid1
    limit=250 inside "$tools/pam-faults" "$root/pam.d" $user /run/leash/$slice >"$root.out" 2>&1 || fail "$(tail -n 5 "$root.out" | tr '\n' '|')"
    figure "$(tail -n 1 "$root.out")"
    comes_up
    limited
}

# ---- while PID 1 reads its unit files again ----------------------------------------------------------

# Whoever holds the record until that is over sees to it that the login has its limits then.
test_never_waits_for_a_reload_nor_goes_without_limits() {
    local release
    machine && login $uid && pid1
    leash -u $uid -q 20%
    conf "etc/systemd/system/$slice.d/99-site.conf" "[Slice]" "CPUQuota=90%" # so that PID 1 has to work out what counts
    rule '*' Reload delay 3000
    leash release -u $uid &
    release=$!
    wait_until grep -q Reload "$root/fake/calls"
    patience=no
    pam -k
    opened
    figure "open_session took $took ms"
    journal "*MESSAGE=$user: limits of the policy are missing: the ledger is busy (EBUSY); logged in all the same*"
    wait $release
    limited
    leash list --json
    equal layer "$(jq -r '.[0].layer' <<<"$out")" default
    absent "run/leash/$slice.note"
}

# A login whose holder has gone without looking: the next leash looks.
test_never_forgets_a_login_whose_holder_was_killed() {
    machine && login $uid && pid1
    hold_record
    patience=no
    pam -k
    opened
    there "run/leash/$slice.note"
    let_record_go
    leash list
    limited
    absent "run/leash/$slice.note"
}

# PID 1 answers the login of somebody who is logged in already too late, and then another logs out.
test_never_leaves_a_limit_that_PID_1_was_too_slow_for() {
    machine && login $uid && pid1
    rule '*' '*' silent
    patience=no
    pam -k
    opened
    behave
    equal cpu.max "$(kernel cpu.max)" "max 100000"
    leash release --gone
    limited
}

# A login that came to nothing leaves nothing.
test_never_follows_a_login_that_came_to_nothing() {
    machine && pid1
    hold_record
    patience=no
    pam -k
    let_record_go
    sed -i 's/^\(Since=\).*/\11700000000000000/' "$root/run/leash/$slice.note"
    leash list
    absent "run/leash/$slice"
    absent "run/leash/$slice.note"
}
