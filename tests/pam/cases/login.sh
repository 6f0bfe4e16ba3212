# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# What a login gets, and what is left when it is over.

# Before pam_systemd: there is no slice yet.
test_a_first_login_finds_its_limits_waiting() {
    machine && pid1
    pam -k
    opened
    equal "calls" "$(calls)" "GetUnit $slice"
    there run/leash/$slice
    journal "*MESSAGE=$user: limited by the policy: cpu-quota 40% of one CPU, tasks-max 50*PRIORITY=6*SYSLOG_IDENTIFIER=pam_leash*"
    comes_up
    limited
    equal pids.max "$(kernel pids.max)" 50
}

# After pam_systemd: the slice is there, without limits.
test_a_login_into_a_slice_that_is_there() {
    machine && login $uid && pid1
    pam -k
    opened
    limited
    equal "calls" "$(calls | cut -d' ' -f1)" SetUnitProperties
    absent run/systemd/system.control/$slice.d
    daemon_reload
    limited
}

test_a_login_again_asks_nobody() {
    machine && login $uid && pid1
    pam -k
    forget
    pam -k
    opened
    equal "calls" "$(count_calls)" 0
    journal "*limited by the policy*"
    journal_nothing
    stop_pid1
    pam -k
    opened
    journal_nothing
}

# Many at once, or a leash that holds the record for long: what stands needs no lock.
test_a_login_again_needs_no_lock() {
    machine && login $uid && pid1
    stack strict
    pam -k
    opened
    hold_record
    forget
    patience=no
    pam -k
    opened
    equal "calls" "$(count_calls)" 0
    policy "[limits all]" "cpu-quota=30%" "tasks-max=50"
    pam -k
    opened "Cannot make/remove an entry for the specified session"
    policy "[limits all]" "cpu-quota=40%" "tasks-max=50"
    sed -i s/^Dirty=0/Dirty=1/ "$root/run/leash/$slice"
    pam -k
    opened "Cannot make/remove an entry for the specified session"
    let_record_go
}

# A limit that the kernel does not have is no reason to ask, and hides none that it has.
test_a_login_again_asks_nobody_for_what_there_is_not() {
    machine && login $uid cpu && pid1
    pam -k
    opened
    journal "*the kernel does not enforce them*"
    forget
    pam -k
    opened
    equal "calls" "$(count_calls)" 0
    policy "[limits all]" "memory-max=1G" "tasks-max=50" "cpu-weight=20"
    later
    pam -k
    echo 100 >"$root/sys/fs/cgroup/user.slice/$slice/cpu.weight"
    rm -f "$root/sys/fs/cgroup/user.slice/$slice"/{memory,pids}.*
    forget
    pam -k
    like calls "$(calls)" "SetUnitProperties *"
    equal cpu.weight "$(kernel cpu.weight)" 20
    stack strict
    pam -k
    opened "Cannot make/remove an entry for the specified session"
}

# What somebody else has changed meanwhile is set again.
test_a_login_again_puts_right_what_is_wrong() {
    machine && login $uid && pid1
    pam -k
    echo "max 100000" >"$root/sys/fs/cgroup/user.slice/$slice/cpu.max"
    pam -k
    limited
    rm "$root/run/systemd/system/$slice.d/zz-leash.conf"
    pam -k
    there run/systemd/system/$slice.d/zz-leash.conf
}

test_the_policy_decides_by_service_group_host_and_session() {
    machine && login $uid && pid1
    policy "[limits all]" "cpu-quota=400%" "[limits cron]" "match-service=cron" "cpu-quota=10%" \
        "[limits students]" "match-group=students" "match-service=test" "cpu-quota=90%" \
        "[limits x]" "match-type=x11" "match-remote=10.*" "cpu-quota=30%" \
        "[limits here]" "match-host=$(uname -n)" "tasks-max=7" "[limits there]" "match-host=elsewhere" "tasks-max=6"
    pam -k
    limited "90000 100000"
    equal pids.max "$(kernel pids.max)" 7
    later
    pam -k -e XDG_SESSION_TYPE=x11 -h 10.9.8.7
    limited "30000 100000"
    later
    pam -k $user cron
    limited "10000 100000"
    later
    pam -k $user sshd
    limited "400000 100000"
}

test_conf_names_another_policy() {
    machine && login $uid && pid1
    stack conf=/etc/leash/other.conf
    conf etc/leash/other.conf "[limits all]" "cpu-quota=70%"
    pam -k
    limited "70000 100000"
}

# The user has a desktop, session 7, with 30 % of a CPU, and may have 90 % by ssh.
desktop_7() {
    host_session 7 $uid
    rm -r "$root/run/systemd/sessions" "$root/run/systemd/users"
    ln -s "$root"/host/systemd/{sessions,users} "$root/run/systemd/"
    policy "[limits desktop]" "match-service=xrdp-sesman" "cpu-quota=30%" "[limits ssh]" "match-service=sshd" "cpu-quota=90%"
}

test_of_all_sessions_the_strictest_counts() {
    machine && login $uid && pid1
    desktop_7
    pam -k $user sshd
    limited "30000 100000"
    later
    # logind's session 7 is the one being opened: what PAM says of it counts
    sed -i /^LEADER=/d "$root/host/systemd/sessions/7"
    pam -k -l /run/systemd/sessions/7 $user sshd
    limited "90000 100000"
}

# On Fedora the stack of user@.service includes system-auth, and does not know of what PAM told the login.
test_a_manager_is_left_to_the_login_that_starts_it() {
    machine && login $uid && pid1
    desktop_7
    policy "[limits everyone]" "cpu-quota=20%" "[limits ssh]" "match-service=sshd" "cpu-quota=90%"
    sed -i 's/^SERVICE=.*/SERVICE=sshd/' "$root/host/systemd/sessions/7"
    pam -k $user sshd
    limited "90000 100000"
    journal "*limited by the policy: cpu-quota 90%*"
    forget
    pam -k $user systemd-user
    opened
    limited "90000 100000"
    # logind has written down the user's session, and not yet the session itself
    rm "$root/host/systemd/sessions/7"
    pam $user systemd-user
    limited "90000 100000"
    equal calls "$(count_calls)" 0
    journal_nothing
}

test_a_manager_of_who_lingers_has_limits() {
    machine && login $uid && pid1
    policy "[limits everyone]" "cpu-quota=20%" "[limits ssh]" "match-service=sshd" "cpu-quota=90%"
    pam -k $user systemd-user
    opened
    limited "20000 100000"
    journal "*limited by the policy: cpu-quota 20%*"
}

# Since systemd 256 logind has a session for the manager itself: it is nobody's login.
test_a_manager_is_not_left_to_itself() {
    machine && login $uid && pid1
    desktop_7
    policy "[limits everyone]" "cpu-quota=20%"
    sed -i 's/^CLASS=.*/CLASS=manager/' "$root/host/systemd/sessions/7"
    pam -k $user systemd-user
    opened
    limited "20000 100000"
}

# pam_env may have read it from a file of the user's: it is no way to have another session overlooked.
test_which_session_is_opened_is_not_the_user_s_word() {
    machine && login $uid && pid1
    desktop_7
    pam -k -e XDG_SESSION_ID=7 $user sshd
    limited "30000 100000"
}

# jobs_are_captured: cron and at have 30 % of a CPU, and no session; who has a desktop 90 there
jobs_are_captured() {
    echo "session required $tools/pam_leash.so capture" >"$root/pam.d/cron"
    policy "[limits everyone]" "cpu-quota=95%" "[limits desktop]" "match-service=xrdp-sesman" "cpu-quota=90%" \
        "[limits lingering]" "match-service=systemd-user" "cpu-quota=80%" "[limits jobs]" "match-service=cron" "cpu-quota=30%"
}

# stricter_jobs: the user has a desktop, and had it for long
stricter_jobs() {
    desktop_7
    jobs_are_captured
    apply_inside apply -u $user
    limited "90000 100000"
    later
}

# a_login_leaves_a_note: by ssh, while another leash has the record, and half a minute ago
a_login_leaves_a_note() {
    patience=no
    hold_record
    pam -k $user sshd
    there "run/leash/$slice.note"
    let_record_go
    later
}

# job_begins, job_ends: a job of cron's
job_begins() {
    inside "$tools/pam-driver" -w /run/go "$root/pam.d" cron $user >"$root.job" 2>&1 &
    wait_until grep -q "^open success" "$root.job"
}
job_ends() {
    touch "$root/run/go"
    wait_until grep -q "^close success" "$root.job"
}

test_what_a_job_had_ends_with_it() {
    machine && login $uid && pid1
    stricter_jobs
    job_begins
    limited "30000 100000"
    job_ends
    limited "90000 100000"
    sleep 0.1
    ! grep -qE '\(E[A-Z]+\)|tidy up' "$root/fake/journal" || fail "in the journal: $(<"$root/fake/journal")"
}

# The process that closes a session is one that its user may stop.
test_what_a_session_had_outlasts_it() {
    machine && login $uid && pid1
    stricter_jobs
    cp "$root/pam.d/test" "$root/pam.d/cron"
    pam $user cron
    limited "30000 100000"
}

# Of another job nobody knows by which service it came, and a login may be on its way to its slice.
test_what_a_job_had_stays_while_it_may_be_anothers() {
    local jobs
    machine && login $uid && pid1
    stricter_jobs
    jobs=$(cd "$root" && find sys -type d -path "*/user.slice/$slice" | head -n 1)
    mkdir -p "$root/$jobs/leash-job-1-2-3.scope"
    echo $$ >"$root/$jobs/leash-job-1-2-3.scope/cgroup.procs"
    pam $user cron
    limited "30000 100000"
    # not the only one: another has just come
    rm -r "$root/$jobs"/leash-job-*
    pam $user cron
    limited "30000 100000"
    rm -r "$root/$jobs"/leash-job-*
    later
    pam $user cron
    limited "90000 100000"
}

test_what_a_job_had_stays_where_the_policy_is_not_sure() {
    machine && login $uid && pid1
    stricter_jobs
    job_begins
    policy "[limits everyone]" "cpu-quota=95%" "[limits desktop]" "match-service=xrdp-sesman" "cpu-qouta=90%" \
        "[limits jobs]" "match-service=cron" "cpu-quota=30%"
    job_ends
    limited "30000 100000"
}

# A login that could not wait for the record counts, whoever comes by it first.
test_what_a_job_had_stays_for_a_note() {
    machine && login $uid && pid1
    stricter_jobs
    policy "[limits everyone]" "cpu-quota=95%" "[limits desktop]" "match-service=xrdp-sesman" "cpu-quota=90%" \
        "[limits ssh]" "match-service=sshd" "cpu-quota=20%" "[limits jobs]" "match-service=cron" "cpu-quota=30%"
    job_begins
    limited "30000 100000"
    a_login_leaves_a_note
    job_ends
    absent "run/leash/$slice.note"
    limited "20000 100000"
}

test_what_a_job_had_ends_with_it_for_who_lingers() {
    machine && login $uid && pid1
    jobs_are_captured
    mkdir -p "$root/var/lib/systemd/linger"
    touch "$root/var/lib/systemd/linger/$user"
    pam $user cron
    limited "80000 100000"
    rm "$root/var/lib/systemd/linger/$user"
    later
    pam $user cron
    limited "30000 100000"
}

# Between pam_leash and pam_systemd logind does not know a session.
test_a_login_on_its_way_counts() {
    machine && pid1
    policy "[limits desktop]" "match-service=cron" "cpu-quota=30%" "[limits ssh]" "match-service=sshd" "cpu-quota=90%" "tasks-max=9"
    pam -k $user cron
    pam -k $user sshd
    forget
    pam -k $user sshd
    pam -k $user cron
    equal calls "$(count_calls)" 0
    comes_up
    limited "30000 100000"
    equal pids.max "$(kernel pids.max)" 9
    later
    pam -k $user sshd
    limited "90000 100000"
    pam -k $user cron
    pam -k $user sshd
    limited "30000 100000"
}

# Many that come all the time do not keep up for each other what one of them once had.
test_a_login_on_its_way_counts_for_a_while() {
    local i stamp
    machine && login $uid && pid1
    policy "[limits desktop]" "match-service=cron" "cpu-quota=30%" "[limits ssh]" "match-service=sshd" "cpu-quota=90%"
    pam -k $user cron
    stamp=$(stat -c %y "$root/run/leash/$slice")
    for i in 1 2; do
        pam -k $user sshd
        limited "30000 100000"
        equal "stamp" "$(stat -c %y "$root/run/leash/$slice")" "$stamp"
    done
}

# What others are given meanwhile is not known where the lock is not to be had.
test_a_note_lifts_nothing() {
    machine && login $uid && pid1
    policy "[limits desktop]" "match-service=cron" "cpu-quota=30%" "[limits ssh]" "match-service=sshd" "cpu-quota=90%" "tasks-max=9"
    pam -k $user cron
    a_login_leaves_a_note
    leash list
    absent "run/leash/$slice.note"
    limited "30000 100000"
    equal pids.max "$(kernel pids.max)" 9
}

test_a_login_whose_groups_are_not_known_lifts_nothing() {
    machine && login $uid && pid1
    policy "[limits all]" "cpu-quota=90%" "tasks-max=9" "[limits students]" "match-group=students" "cpu-quota=40%" "tasks-max=20"
    pam -k
    policy "[limits all]" "cpu-quota=90%" "tasks-max=9" "[limits students]" "match-group=students" "cpu-quota=40%"
    later
    unsure
    pam -k
    opened
    limited
    equal pids.max "$(kernel pids.max)" 9
}

test_root_and_system_users_are_untouched() {
    machine && login 0 && pid1
    pam -k root
    opened
    absent run/leash
    journal_nothing
    pam -k daemon
    opened
    equal "calls" "$(count_calls)" 0
}

test_root_is_meant_by_name() {
    machine && login 0 && pid1
    policy "[limits root]" "match-user=root" "cpu-quota=300%"
    pam -k root
    equal cpu.max "$(kernel cpu.max user-0.slice)" "300000 100000"
}

test_the_exempt_are_untouched() {
    machine && login $uid && pid1
    policy "[limits all]" "cpu-quota=40%" "[exempt s]" "match-group=students" "exempt=yes"
    pam
    opened
    absent run/leash
    equal "calls" "$(count_calls)" 0
}

test_a_manual_leash_stays_on_top() {
    machine && login $uid && pid1
    leash -u $uid -q 10%
    pam
    opened
    limited "10000 100000"
    leash release -u $uid
    limited
    leash list --json
    equal layer "$(jq -r '.[0].layer' <<<"$out")" default
}

# A login changes another layer of the record than the one that has an end.
test_a_leash_with_an_end_keeps_it() {
    local timer
    machine && login $uid && pid1
    stack strict
    leash -u $uid -q 10% --for=1h
    timer=$(timers)
    pam -k
    opened
    equal timers "$(timers)" "$timer"
    journal "*limited by the policy*"
    rm "$root/run/systemd/transient"/*
    policy "[limits all]" "cpu-quota=60%"
    later
    pam -k
    opened
    like timers "$(timers)" "leash-expire-$uid-*.timer"
    equal "ledger's timer" "$(ledger Timer)" "$(timers)"
    like call "$(calls | grep '^StartTransientUnit leash-expire-')" "*(ExecStart a(sasb):[[](/*/leash [[]/*/leash release --expired] false)])*"
}

test_a_session_that_closes_leaves_the_slice_to_its_end() {
    machine && login $uid && pid1
    pam
    opened
    there run/leash/$slice
    limited
}

# A job of cron without pam_systemd has no slice at all.
test_a_job_without_a_slice_leaves_nothing() {
    local before
    machine && pid1
    before=$(snapshot)
    pam $user cron
    opened
    equal "close" "$(sed -n 's/^close //p' <<<"$out")" success
    unchanged "$before" "after a job"
}

# A login that is between pam_leash and its slice keeps the record, whoever comes and goes meanwhile; by
# its age it ends.
test_a_job_does_not_end_what_a_login_counts_on() {
    machine && pid1
    pam -k
    sleep 0.02
    pam -k $user cron
    pam $user cron
    sleep 0.02
    pam $user cron
    there run/leash/$slice
    there run/systemd/system/$slice.d/zz-leash.conf
    comes_up
    limited
    logout $uid
    touch -d "-31 seconds" "$root/run/leash/$slice"
    leash release --gone
    absent run/leash/$slice
    absent run/systemd/system/$slice.d
}

# The last one was long ago: it will not come any more.
test_a_job_ends_what_no_login_counts_on() {
    machine && pid1
    pam -k
    touch -d "-31 seconds" "$root/run/leash/$slice"
    pam $user cron
    absent run/leash/$slice
}

test_limits_that_the_policy_drops_stay_until_apply() {
    machine && login $uid && pid1
    pam -k
    policy "[limits all]" "cpu-quota=60%"
    later
    pam -k
    limited "60000 100000"
    equal pids.max "$(kernel pids.max)" 50
    calls | grep -q Reload && fail "a login had PID 1 reload"
    rm "$root/etc/leash/leash.conf"
    pam -k
    opened
    limited "60000 100000"
}

test_without_a_policy_nothing_is_done() {
    machine && login $uid && pid1
    rm -r "$root/etc/leash"
    pam
    opened
    absent run/leash
    equal "calls" "$(count_calls)" 0
    journal_nothing
}

test_capture_moves_the_job_into_the_slice() {
    local scope
    machine && pid1
    stack capture
    pam $user cron
    opened
    scope=$(calls | grep -o "leash-job-$uid-[0-9]*-[0-9a-f]*.scope" | head -n 1)
    [[ -n $scope ]] || fail "no scope: $(calls)"
    like call "$(calls | grep Start)" "StartTransientUnit leash-job-*Slice s:$slice*"
    there sys/fs/cgroup/user.slice/$slice/$scope/cgroup.procs
    journal "*the job was moved into the slice*"
}

# The end of a job decides nothing. What others have a value for is decided by the next login.
test_a_job_s_limits_stay_until_somebody_decides() {
    machine && login $uid && pid1
    desktop_7
    stack capture
    policy "[limits all]" "tasks-max=infinity" "cpu-quota=90%" "[limits jobs]" "match-service=cron" "tasks-max=40" "cpu-weight=20"
    pam -k $user sshd
    limited "90000 100000"
    later
    pam $user cron
    equal pids.max "$(kernel pids.max)" 40
    later
    pam -k $user sshd
    equal pids.max "$(kernel pids.max)" max
    equal cpu.weight "$(kernel cpu.weight)" 20
    calls | grep -q Reload && fail "a login had PID 1 reload"
    apply_inside apply -u $user
    equal cpu.weight "$(kernel cpu.weight)" 100
}

# PID 1 takes descriptions in UTF-8 only, also of names that are cut, or never were any.
test_capture_moves_jobs_of_whoever_has_a_long_name() {
    local old=$user
    machine && pid1
    stack capture
    for user in "$(printf 'a%.0s' {1..59})äöü" $'b\xe4r'; do
        sed -i "s/^$old:/$user:/" "$root/etc/passwd"
        pam -k "$user" cron
        opened
        like calls "$(calls)" "*StartTransientUnit leash-job-$uid-*Slice s:$slice*"
        forget
        old=$user
    done
}

test_capture_leaves_alone_who_has_no_limits() {
    machine && pid1
    stack capture
    policy "[limits ssh]" "match-service=sshd" "cpu-quota=5%"
    pam $user cron
    opened
    equal "calls" "$(count_calls)" 0
}

test_capture_follows_a_manual_leash() {
    machine && login $uid && pid1
    stack capture
    rm "$root/etc/leash/leash.conf"
    leash -u $uid -q 10%
    forget
    pam $user cron
    like calls "$(calls)" "StartTransientUnit leash-job-*"
}

# Limits that cannot be set are no way out of those there are.
test_capture_moves_a_job_whose_limits_cannot_be_set() {
    machine && login $uid && pid1
    stack capture
    patience=no
    hold_record
    limit=20 inside "$tools/pam-driver" -k "$root/pam.d" cron $user >"$root.out" 2>&1
    like "the job" "$(<"$root.out")" "open success*"
    like calls "$(calls)" "*StartTransientUnit leash-job-$uid-*Slice s:$slice*"
    journal "*the ledger is busy (EBUSY)*"
    let_record_go
    rm -rf "$root/run/leash"
    forget
    rule '*' SetUnitProperties silent
    limit=20 inside "$tools/pam-driver" -k "$root/pam.d" cron $user >"$root.out" 2>&1
    like "the job" "$(<"$root.out")" "open success*"
    like calls "$(calls)" "*StartTransientUnit leash-job-$uid-*Slice s:$slice*"
    journal "*PID 1 did not answer in time (ETIMEDOUT)*"
}

# What a person has started, as su, they may also stop; and it stays in their slice.
test_what_a_person_has_started_is_no_login() {
    machine && login $uid && pid1
    setpriv --ruid $other -- true 2>/dev/null || skip "needs other users: run as root"
    pam -u $other
    opened
    absent run/leash
    equal calls "$(count_calls)" 0
    stack strict capture
    pam -u $uid
    opened
    equal calls "$(count_calls)" 0
    journal_nothing
    stack
    pam -k -u 1
    opened
    limited
}

test_announce_tells_the_user() {
    machine && login $uid && pid1
    stack announce
    pam
    like conversation "$(grep ^said <<<"$out")" "said *cpu-quota 40% of one CPU, tasks-max 50. Ask the administrators*"
    policy "[limits ssh]" "match-service=sshd" "cpu-quota=5%"
    leash apply --all
    rm -r "$root/run/leash"
    pam
    [[ $out != *said* ]] || fail "$out"
}

test_debug_says_more() {
    machine && login $uid && pid1
    stack debug
    pam
    rm -f "$root/fake/journal"
    pam
    journal "*limited by the policy: cpu-quota 40%*session closed*"
}

test_only_what_libpam_asks_for_is_exported() {
    equal symbols "$(nm -D --defined-only "$tools/pam_leash.so" | awk '$2 != "A" { print $3 }' | grep -v '^__[a-z]*san' | sort | tr '\n' ' ')" \
        "pam_sm_acct_mgmt pam_sm_close_session pam_sm_open_session "
}

# systemd 252 leaves the group of a slice that has stopped, if its limits were set meanwhile.
test_a_deserted_group_is_nobody_s_login() {
    machine && login $uid && pid1
    echo "populated 0" >"$root/sys/fs/cgroup/user.slice/$slice/cgroup.events"
    rm "$root/fake/live/$slice"
    pam
    opened
    journal "*"
    absent "run/leash/$slice"
    absent "run/systemd/system/$slice.d"
}

# unsure: the entry of one of the user's groups is longer than anybody reads
unsure() {
    sed -i /^students:/d "$root/etc/group"
    echo "students:x:$((uid + 10)):$user$(head -c 6000000 /dev/zero | sed 's/\x00\{16\}/,somebodyorother/g' | tr -d '\0')" >>"$root/etc/group"
}

# apply_inside ARGUMENTS...: leash with the same /etc; leaves $out, $err, $status
apply_inside() {
    inside env LEASH_BACKEND=systemd "$leash" "$@" >"$root.out" 2>"$root.err"
    status=$? out=$(<"$root.out") err=$(<"$root.err")
}

# A group that is missed may be the one that limits.
test_apply_leaves_alone_whose_groups_are_not_known() {
    machine && login $uid && pid1
    desktop_7
    policy "[limits all]" "cpu-quota=90%" "[limits students]" "match-group=students" "cpu-quota=40%"
    pam -k
    limited
    unsure
    apply_inside apply -u $user
    expect_error 1 "$user: some of the user's groups cannot be looked up"
    apply_inside apply --all
    expect_error 1 "$user: some of the user's groups cannot be looked up"
    limited
    apply_inside check -u $user
    expect_error 1 "$user: some of the user's groups cannot be looked up"
}
