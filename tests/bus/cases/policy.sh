# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# leash check and leash apply: what the policy says, and having it count.

# policy LINE...: leash.conf
policy() {
    conf etc/leash/leash.conf "$@"
    chmod 755 "$root/etc/leash"
}

# known: the users of these cases have names, and sessions as logind keeps them
known() {
    with_host
    host_session 3 $uid
    getent passwd $uid >/dev/null || as+=(bash -c 'mount --bind "$0/passwd" /etc/passwd && exec "$@"' "$root")
    { cat /etc/passwd; echo "tester:x:$uid:$uid::/:/bin/sh"; echo "other:x:$other:$other::/:/bin/sh"; } >"$root/passwd"
}

test_check_without_a_policy() {
    leash check
    expect 0 "there is no policy: *" ""
}

test_check_of_a_sound_policy() {
    policy "[limits all]" "cpu-quota=50%"
    leash check
    expect 0 "*leash.conf: no mistakes found" ""
}

test_check_tells_every_mistake_and_its_line() {
    policy "[limits all]" "cpu-quota=half" "tasks-max=5" "colour=red"
    conf etc/leash/leash.conf.d/10.conf "nonsense"
    leash check
    expect 1 "" "*leash.conf:2: cpu-quota=half: *leash.conf:4: colour: *leash.conf.d/10.conf:1: *"
}

test_check_refuses_what_others_may_write() {
    policy "[limits all]" "cpu-quota=50%"
    chmod 666 "$root/etc/leash/leash.conf"
    leash check
    expect_error 1 "leash.conf: may be written to by others than root"
}

test_check_says_who_decided() {
    known
    policy "[limits all]" "cpu-quota=400%" "tasks-max=100" "[limits ssh]" "match-service=sshd" "cpu-quota=100%"
    leash check -u tester
    expect 0 "LIMIT*cpu-quota*400% of one CPU*leash.conf:2, \[limits all\]*tasks-max*100*leash.conf:3,*" ""
    leash check -u $uid --service=sshd
    expect 0 "LIMIT*cpu-quota*100% of one CPU*leash.conf:6, \[limits ssh\]*" ""
    leash check -u tester --service=sshd --json
    equal "the line" "$(jq -r '.[0].decided_by.cpu_quota_percent.line' <<<"$out")" 6
    equal "the quota" "$(jq -r '.[0].limits.cpu_quota_percent' <<<"$out")" 100
    equal "mistakes" "$(jq -r '.[0].mistakes | length' <<<"$out")" 0
    absent run/leash
}

test_check_says_who_is_exempt() {
    known
    policy "[limits all]" "cpu-quota=400%" "[exempt staff]" "match-user=tester" "exempt=yes"
    leash check -u tester
    expect 0 "tester: exempt by *leash.conf:5, \[exempt staff\]" ""
    leash check -u root
    expect 0 "root: no limits; root and system users are meant by match-user= alone" ""
    leash check -u nobody-of-that-name
    expect_error 3 "no such user"
}

test_apply_sets_the_default_layer() {
    known
    login $uid && pid1
    policy "[limits all]" "cpu-quota=40%" "tasks-max=50"
    leash apply --all
    expect 0 "tester: CPU 40%, tasks 50" ""
    equal "cpu.max" "$(kernel cpu.max)" "40000 100000"
    equal "pids.max" "$(kernel pids.max)" 50
    forget
    leash apply -u tester
    expect 0 "tester: CPU 40%, tasks 50, as before" ""
    equal "calls" "$(count_calls)" 0
    leash list --json
    equal "the layer" "$(jq -r '.[0].layer' <<<"$out")" default
    leash release -u tester
    equal "cpu.max" "$(kernel cpu.max)" "40000 100000"
}

# A policy that changes is followed, up and down; what it drops is what it was before leash.
test_apply_follows_the_policy() {
    local before
    known
    login $uid && pid1
    conf etc/systemd/system/user-.slice.d/50-admin.conf "[Slice]" "TasksMax=777"
    daemon_reload
    before=$(snapshot)
    policy "[limits all]" "cpu-quota=40%" "tasks-max=50"
    leash apply --all
    policy "[limits all]" "cpu-quota=60%" "tasks-max=20"
    leash apply --all
    equal "cpu.max" "$(kernel cpu.max)" "60000 100000"
    policy "[limits all]" "cpu-quota=60%"
    leash apply --all
    expect 0 "tester: CPU 60%" ""
    equal "pids.max" "$(kernel pids.max)" 777
    rm -r "$root/etc/leash"
    leash apply --all
    expect 0 "tester: the policy sets no limits any more" ""
    equal "cpu.max" "$(kernel cpu.max)" "max 100000"
    unchanged "$before" "without a policy"
}

test_a_manual_leash_stays_on_top_of_the_policy() {
    local before
    known
    login $uid && pid1
    policy "[limits all]" "cpu-quota=40%"
    leash apply --all
    before=$(snapshot | grep -v run/leash/)
    leash -u tester -q 10% --memory-max=1G
    equal "cpu.max" "$(kernel cpu.max)" "10000 100000"
    policy "[limits all]" "cpu-quota=70%"
    leash apply -u tester
    equal "cpu.max" "$(kernel cpu.max)" "10000 100000"
    leash release -u tester
    expect 0 "tester: released, the limits of the policy stay" ""
    equal "cpu.max" "$(kernel cpu.max)" "70000 100000"
    equal "memory.max" "$(kernel memory.max)" max
}

# The strictest of all of a user's sessions counts.
test_apply_takes_all_sessions_together() {
    known
    login $uid && pid1
    host_session 4 $uid
    sed -i 's/SERVICE=.*/SERVICE=sshd/' "$root/host/systemd/sessions/4"
    sed -i 's/SESSIONS=.*/SESSIONS=3 4/' "$root/host/systemd/users/$uid"
    policy "[limits desktop]" "match-service=xrdp-sesman" "cpu-quota=30%" "[limits ssh]" "match-service=sshd" "cpu-quota=90%" "tasks-max=9"
    leash apply -u tester
    expect 0 "tester: CPU 30%, tasks 9" ""
}

# Who lingers, or has a job that was captured, has limits and no session.
test_apply_reaches_slices_without_a_session() {
    known
    login $uid && pid1
    policy "[limits all]" "cpu-quota=90%"
    leash apply --all
    rm "$root/host/systemd/sessions/3" "$root/host/systemd/users/$uid"
    policy "[limits all]" "cpu-quota=30%"
    leash apply --all
    expect 0 "tester: CPU 30%" ""
    equal "cpu.max" "$(kernel cpu.max)" "30000 100000"
    policy "[limits all]" "cpu-quota=20%"
    leash apply -u tester
    expect 0 "tester: CPU 20%" ""
    mkdir "$root/sys/fs/cgroup/user.slice/$slice/leash-job-$uid-1-1.scope" # by which service is not known
    echo $$ >"$root/sys/fs/cgroup/user.slice/$slice/leash-job-$uid-1-1.scope/cgroup.procs"
    policy "[limits all]" "cpu-quota=80%" "tasks-max=9"
    leash apply -u tester
    expect 0 "tester: CPU 20%, tasks 9" ""
    rm -r "$root/sys/fs/cgroup/user.slice/$slice/leash-job-$uid-1-1.scope"
    leash apply -u tester
    expect 0 "tester: CPU 80%, tasks 9" ""
    logout $uid
    leash apply -u tester
    expect 0 "tester: not logged in; *" ""
    leash apply --all
    expect 0 "nobody is logged in" ""
}

test_apply_to_who_is_not_there() {
    known
    pid1
    policy "[limits all]" "cpu-quota=40%"
    leash apply -u other
    expect 0 "other: not logged in; *" ""
    absent run/leash/user-$other.slice
    leash apply
    expect_error 2 "apply needs --user or --all"
}

# When the last login is over nothing is left, and a login on its way is left alone.
test_the_default_layer_ends_with_the_last_login() {
    local before
    known
    login $uid && pid1
    before=$(snapshot | grep -v cgroup)
    policy "[limits all]" "cpu-quota=40%"
    leash apply --all
    rm -r "$root/etc/leash"
    logout $uid
    leash release --expired
    there run/leash/$slice
    touch -d '1 minute ago' "$root/run/leash/$slice"
    leash release --expired
    absent run/leash/$slice
    equal "what is left" "$(snapshot | grep -v cgroup)" "$(grep -v "fake/live/$slice" <<<"$before")"
}

test_a_manual_leash_outlasts_the_last_login() {
    known
    login $uid && pid1
    policy "[limits all]" "cpu-quota=40%"
    leash apply --all
    leash -u tester -q 10%
    logout $uid
    touch -d '1 minute ago' "$root/run/leash/$slice"
    leash release --gone
    there run/leash/$slice
    there run/systemd/system/$slice.d/zz-leash.conf
    touch -d '1 minute ago' "$root/run/leash/$slice"
    leash release -u tester
    touch -d '1 minute ago' "$root/run/leash/$slice" 2>/dev/null
    leash release --gone
    absent run/leash/$slice
    absent run/systemd/system/$slice.d
}

# For a helpdesk, what the policy says is what there was before, and the base where it says nothing.
test_a_helpdesk_never_widens_what_the_policy_says() {
    login $uid && pid1 && known
    policy "[limits all]" "cpu-quota=40%"
    leash apply --all
    equal cpu.max "$(kernel cpu.max)" "40000 100000"
    environment=(PKEXEC_UID=57999)
    leash -u $uid -q 90%
    expect_error 3 "*: root alone may set more than there was before; use sudo"
    equal cpu.max "$(kernel cpu.max)" "40000 100000"
    leash -u $uid -q 30% --cpu-weight=50
    expect 0 "*: CPU 30%*" ""
}

# Only what an admin has set is to survive a reboot.
test_release_of_what_persists_leaves_the_policy_s_limits_until_the_reboot() {
    login $uid && pid1 && known
    policy "[limits all]" "cpu-quota=40%"
    leash apply --all
    leash -u $uid -q 20% --persist
    there "var/lib/leash/$slice"
    leash release -u $uid
    expect 0 "*: released, the limits of the policy stay" ""
    equal cpu.max "$(kernel cpu.max)" "40000 100000"
    there "run/leash/$slice"
    absent "var/lib/leash/$slice"
    there "run/systemd/system/$slice.d/zz-leash.conf"
    absent "etc/systemd/system/$slice.d"
    leash -u $uid -q 20% --persist --for=1s
    sleep 1.1
    leash release --expired
    there "run/leash/$slice"
    absent "var/lib/leash/$slice"
    absent "etc/systemd/system/$slice.d"
}
