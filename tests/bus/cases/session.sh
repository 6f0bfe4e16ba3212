# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# leash PID: real processes, whose place in the cgroup tree is made up by mounting over it.

# place PID CGROUP: what /proc/PID/cgroup says from now on, until the process ends
place() {
    local file=$root/fake/cgroup-$1
    [[ $LEASH_BUS_NAMESPACE == *--mount* ]] || skip "needs a mount namespace"
    echo "0::$2" >"$file"
    mount --bind "$file" "/proc/$1/cgroup" 2>/dev/null || skip "needs to mount over files of /proc"
}

# session: a login with one idle process, $idle
session() {
    login $uid
    sleep 60 &
    idle=$!
    enter $idle session-9.scope
}

# enter PID SCOPE: a process of the user's session or manager
enter() {
    local cgroup=$root/sys/fs/cgroup/user.slice/$slice/$2
    place "$1" "/user.slice/$slice/$2"
    mkdir -p "$cgroup"
    [[ -e $cgroup/cgroup.controllers ]] || cp "$root/sys/fs/cgroup/cgroup.controllers" "$cgroup"
    echo "$1" >>"$cgroup/cgroup.procs"
}

test_session_of_a_process_is_found_and_limited() {
    session && pid1
    leash $idle --no-spare
    expect 0 "$uid: CPU 50%*" ""
    like calls "$(calls)" "*SetUnitProperties $slice true *"
    leash release $idle
    expect 0 "$uid: released" ""
    equal cpu.max "$(kernel cpu.max | cut -d' ' -f1)" max
    kill $idle
}

test_session_is_explained() {
    session && pid1
    leash explain $idle
    expect 0 "$idle (sleep)*lives in  a login session: session-9.scope*would     limit $slice to CPU 50%*" ""
    leash explain $idle --cpu-period 20ms
    like "with a period alone" "$out" "*would     limit $slice to CPU 50%"
    equal calls "$(count_calls)" 0
    kill $idle
}

test_session_alone_is_limited_on_request() {
    local before
    session && pid1
    before=$(snapshot)
    leash $idle --scope=session -q 30%
    like stdout "$out" "$uid: CPU 30%*"
    equal status "$status" 0
    like calls "$(calls)" "*SetUnitProperties session-9.scope true [[](CPUQuotaPerSecUSec t:300000)*"
    absent run/systemd/system/session-9.scope.d
    there run/leash/session-9.scope
    leash release $idle
    expect 0 "$uid: released" ""
    equal "quota after" "$(sed -n 's/^CPUQuotaPerSecUSec=//p' "$root/fake/live/session-9.scope")" infinity
    absent run/leash/session-9.scope
    kill $idle
}

test_session_offender_is_moved_and_the_rest_is_not() {
    local call quota
    session && burn
    enter $burner session-9.scope
    pid1
    leash $burner -q 50%
    like stdout "$out" "$uid: CPU 50%*offenders *1 process: bash*"
    equal status "$status" 0
    call=$(calls | grep '^StartTransientUnit')
    like scope "$call" "StartTransientUnit leash-$uid-$burner.scope fail *(Slice s:$slice)*(Delegate b:true)*(PartOf as:[[]session-9.scope])*(PIDs au:[[]$burner])*"
    quota=$(sed -n 's/.*CPUQuotaPerSecUSec t:\([0-9]*\).*/\1/p' <<<"$call")
    ((quota >= 400000 && quota <= 500000)) || fail "the scope's quota is $quota"
    equal "left in the session" "$(cat "$root/sys/fs/cgroup/user.slice/$slice/session-9.scope/cgroup.procs")" "$idle"
    forget
    leash release -u $uid
    expect 0 "$uid: released" ""
    like "calls of release" "$(calls)" "*SetUnitProperties leash-$uid-$burner.scope true [[](CPUQuotaPerSecUSec t:18446744073709551615)*"
    kill $idle $burner
}

test_session_offenders_scope_follows_the_quota() {
    local quota
    session && burn
    enter $burner session-9.scope
    pid1
    leash $burner -q 50%
    forget
    leash -u $uid -q 20%
    expect 0 "$uid: CPU 20%*" ""
    like calls "$(settings)" "*SetUnitProperties leash-$uid-$burner.scope true *"
    quota=$(sed -n 's/^CPUQuotaPerSecUSec=//p' "$root/fake/live/leash-$uid-$burner.scope")
    ((quota >= 160000 && quota <= 200000)) || fail "the scope's quota is $quota"
    kill $idle $burner
}

test_session_offender_stays_without_sparing() {
    session && burn
    enter $burner session-9.scope
    pid1
    leash $burner --no-spare
    expect 0 "$uid: CPU 50%*" ""
    [[ $(calls) != *StartTransientUnit* ]] || fail "moved: $(calls)"
    kill $idle $burner
}

test_session_tree_gets_a_scope_of_its_own() {
    session && pid1
    leash $idle --scope=tree -q 20%
    equal status "$status" 0
    like stdout "$out" "$uid: CPU 20%*"
    like calls "$(calls)" "*StartTransientUnit leash-tree-$uid-$idle.scope fail *(CPUQuotaPerSecUSec t:200000)*(PIDs au:[[]$idle])*"
    [[ $(calls) != *"SetUnitProperties $slice"* ]] || fail "the slice was limited, too"
    leash list
    like list "$out" "*leash-tree-$uid-$idle.scope*CPU 20%*"
    kill $idle
}

# stands RULE...: the scope cannot be made; the limit is in force all the same
stands() {
    local before
    session && burn
    enter $burner session-9.scope
    pid1
    before=$(snapshot)
    rule "$@"
    leash $burner
    equal status "$status" 0
    like stdout "$out" "$uid: CPU 50%*"
    [[ $out != *offenders* ]] || fail "says that offenders were moved"
    like stderr "$err" "leash: $uid: limited, but the offenders could not be moved: *"
    equal cpu.max "$(kernel cpu.max | cut -d' ' -f1)" 50000
    behave
    leash release -u $uid
    equal "status of release" "$status" 0
    unchanged "$before"
    kill $idle $burner
}

test_session_scope_that_is_denied_leaves_the_limit() { stands '*' StartTransientUnit error org.freedesktop.DBus.Error.AccessDenied; }
test_session_scope_that_exists_leaves_the_limit() { stands '*' StartTransientUnit error org.freedesktop.systemd1.UnitExists Unit exists.; }

# It ended while leash was at it.
test_session_offender_that_is_gone_is_none() {
    session && burn
    enter $burner session-9.scope
    pid1
    rule '*' StartTransientUnit error org.freedesktop.DBus.Error.UnixProcessIdUnknown No such process.
    leash $idle
    expect 0 "$uid: CPU 50%*" ""
    equal cpu.max "$(kernel cpu.max | cut -d' ' -f1)" 50000
    kill $idle $burner
}

test_session_process_of_the_users_manager_is_found() {
    session && pid1
    sleep 60 &
    enter $! "user@$uid.service/app.slice/app-editor.scope"
    leash $! --no-spare
    expect 0 "$uid: CPU 50%*" ""
    leash $! --scope=session
    expect_error 3 "$! (sleep) belongs to a user, but to no single session; use --scope=user or --scope=tree"
    kill $! $idle
}

test_session_refuses_services_containers_and_init() {
    pid1
    sleep 60 &
    place $! /system.slice/nginx.service
    leash $!
    expect_error 3 "$! (sleep) belongs to the system service nginx.service, not to a login session; limit the service: systemctl set-property --runtime nginx.service CPUQuota=50%"
    kill $!
    sleep 60 &
    place $! /machine.slice/machine-web.scope
    leash $!
    expect_error 3 "$! (sleep) *container*"
    kill $!
    leash 1
    expect_error 3 "1 (*) is the init process*"
    leash 4194305
    expect_error 5 "4194305: no such process"
    leash nonsense
    expect_error 2 "'nonsense' is neither a process id nor a verb*"
    equal calls "$(count_calls)" 0
}

test_session_list_of_processes_ends_with_the_worst() {
    session && pid1
    leash $idle 4194305 --no-spare
    equal status "$status" 5
    like stdout "$out" "$uid: CPU 50%*"
    like stderr "$err" "leash: 4194305: no such process"
    kill $idle
}

test_session_container_that_no_unit_tells_of_is_refused() {
    local sandbox job=
    unshare -pf --kill-child -- true 2>/dev/null || skip "needs pid namespaces"
    pid1
    unshare -pf --kill-child sleep 60 &
    sandbox=$!
    for _ in {1..100}; do
        job=$(pgrep -P $sandbox -x sleep) && break
        sleep 0.05
    done
    place $job /
    leash $job
    expect_error 3 "$job (sleep) runs in a container, not in a login session; limit the container through its manager"
    kill $sandbox
}

# "unshare -p" takes no rights, so a pid namespace in a job's service is the job's own doing.
test_session_cron_job_in_a_pid_namespace_is_captured() {
    local job sandbox
    another_user
    login $uid
    setpriv --reuid $uid --regid $uid --clear-groups unshare -Urpf --kill-child sleep 60 &
    sandbox=$!
    for _ in {1..100}; do
        job=$(pgrep -P $sandbox -x sleep) # other cases have theirs, as the same user
        [[ -z $job ]] || break
        sleep 0.05
    done
    place $job /system.slice/cron.service
    pid1
    leash $job --no-spare
    equal status "$status" 0
    leash release -u $uid
    leash --capture -u $uid --no-spare
    equal status "$status" 0
    like output "$out" "*captured*process*"
    kill -KILL $job # the first process of a namespace takes no other signal that it has not asked for
    wait $sandbox
}

# subordinate LOGIN_UID: a process in a user namespace of the user's, under a subordinate uid; sets job
subordinate() {
    local holder ours
    ours=$(readlink /proc/self/ns/user)
    unshare --user true 2>/dev/null || skip "no user namespaces are to be had"
    setpriv --reuid $uid --regid $uid --clear-groups unshare --user sleep 60 &
    holder=$!
    wait_until eval '[[ $(readlink /proc/$holder/ns/user) != "$ours" && $(<"/proc/$holder/comm") == sleep ]]'
    printf '%s\n' "0 $uid 1" "1 $((uid + 100000)) 10" | dd of=/proc/$holder/uid_map bs=4096 2>/dev/null # in one piece
    echo "0 $uid 1" >/proc/$holder/gid_map
    (echo $1 >/proc/self/loginuid; exec nsenter --user --target $holder --setuid 1 sleep 60) &
    job=$!
    wait_until eval '[[ $(<"/proc/$job/comm") == sleep ]]'
    equal "real uid" "$(awk '/^Uid:/ { print $2 }' /proc/$job/status)" $((uid + 100000))
    equal loginuid "$(<"/proc/$job/loginuid")" $1
    kill $holder
    place $job /system.slice/cron.service
    pid1
}

# newuidmap(1) gives users more uids; the audit login uid stays.
test_session_cron_job_of_a_subordinate_uid_is_its_users() {
    local job
    login $uid
    subordinate $uid
    leash $job --no-spare
    expect 0 "*$uid: CPU 50%*" ""
    leash show -u $uid
    like show "$out" "*escapee*$job (sleep) in*"
    # What shows a notice is leash's, and not the user's to be brought in.
    place $job /system.slice/leash-notify-$uid-1.service
    leash show -u $uid
    [[ $out != *"$job (sleep) in"* ]] || fail "who shows a notice is an escapee: $out"
    kill $job
    wait $job
}

# Where nothing has set it, a user may give themselves any login uid, and only then become a subordinate one.
test_session_login_uid_of_ones_own_choice() {
    local job
    login $uid
    login $other
    subordinate $other
    leash $job --no-spare
    expect 0 "*$uid: CPU 50%*captured*sleep*" ""
    kill $job
    wait $job
}

# A list of processes is of numbers, and by the time they are moved one may be root's.
test_session_offender_that_became_somebody_elses_stays() {
    local other first
    session && burn
    first=$burner
    enter $first session-9.scope
    burn
    other=$burner
    place $other /system.slice/nginx.service
    echo $other >>"$root/sys/fs/cgroup/user.slice/$slice/session-9.scope/cgroup.procs"
    pid1
    leash $first
    expect 0 "$uid: CPU 50%*" ""
    like "who was moved" "$(cat "$root/sys/fs/cgroup/user.slice/$slice"/leash-*.scope/cgroup.procs)" "*$first*"
    [[ $(cat "$root/sys/fs/cgroup/user.slice/$slice"/leash-*.scope/cgroup.procs) != *"$other"* ]] ||
        fail "root's $other was moved"
    kill $other $first
}

# The default of PID 1 would stay, after release as well.
test_session_scope_has_no_limit_of_tasks() {
    session && burn
    enter $burner session-9.scope
    pid1
    leash $burner
    like scope "$(calls | grep ^StartTransientUnit)" "*TasksMax*18446744073709551615*"
    kill $idle
}

test_session_scope_of_an_earlier_leash_is_used_again() {
    local first
    session && burn
    first=$burner
    burn
    enter $first session-9.scope
    enter $burner session-9.scope
    pid1
    leash $first
    leash release -u $uid
    forget
    place $first "/user.slice/$slice/leash-$uid-$first.scope"
    leash $burner
    equal status "$status" 0
    [[ $(calls) != *StartTransientUnit* ]] || fail "a second scope: $(calls | grep StartTransientUnit)"
    kill $idle
}

test_session_process_that_ends_while_leash_waits_is_gone() {
    local lock waiting
    session && pid1
    mkdir -m 700 "$root/run/leash"
    exec {lock}>"$root/run/leash/leash-tree-$uid-$idle.scope.lock"
    flock $lock
    (leash --scope=tree $idle; echo "$status|$out|$err" >"$root.gone") {lock}>&- &
    waiting=$!
    sleep 1
    kill $idle
    wait $idle
    exec {lock}>&-
    wait $waiting
    equal result "$(<"$root.gone")" "5||leash: $idle: no such process"
    rm "$root.gone"
}
