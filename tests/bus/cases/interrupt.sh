# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# leash killed at each call it makes and before each change it makes to a file: the next command
# brings it to order, and release gives back what was before.

# The host each run starts from; $before is how it looks.
host() {
    make_root
    login $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=150%"
    conf run/systemd/system.control/$slice.d/50-CPUQuota.conf "# by hand" "[Slice]" "CPUQuota=120%"
    pid1
    before=$(snapshot)
}

# settles WHERE: after a leash was killed
settles() {
    local kept=${#failures[@]}
    behave
    environment=()
    leash list
    [[ $status$err == 0 ]] || fail "list $1: exit status $status, $err"
    if [[ -e $root/run/leash/$slice || -e $root/var/lib/leash/$slice ]]; then
        like "list $1" "$out" "*$slice*CPU [52]0%*"
        [[ $out != *"NOT ENFORCED"* ]] || fail "list $1: $out"
        grep -qs '^Dirty=0' "$root"/{run,var/lib}/leash/$slice || fail "the record is still dirty $1"
    else
        equal "list $1" "$out" "No leashes in force."
    fi
    leash release -u $uid
    [[ $status$err == 0 ]] || fail "release $1: exit status $status, $err"
    tidy_up "$1"
    unchanged "$before" "$1"
    # The next one starts from where this one began.
    if ((${#failures[@]} > kept)); then
        stop_pid1
        host
    fi
}

tidy_up() { :; }

# at_each_call PREPARATION ARGUMENTS...: leash ARGUMENTS is killed at each of its calls, once before PID 1
# has seen it, once after PID 1 has acted on it
at_each_call() {
    local prepare=$1 n action line
    shift
    host
    for action in kill kill-after; do
        for ((n = 1; n < 40; n++)); do
            $prepare
            forget
            rule $n '*' $action
            leash "$@"
            ((status == 137)) || break
            line=$(calls | tail -n 1 | cut -c 1-60)
            settles "after '$*' and $action at call $n ($line)"
        done
        ((n > $(count_calls))) || fail "'$*' went on after $action at call $n"
        ((n > 1)) || fail "'$*' was never killed"
        settles "after '$*' undisturbed"
        ((${#failures[@]} < 5)) || return
    done
}

# before_each_change PREPARATION ARGUMENTS...: the same for what it does to files
before_each_change() {
    local prepare=$1 n
    shift
    host
    for ((n = 1; n < 80; n++)); do
        $prepare
        environment=(LD_PRELOAD="$tools/kill-at.so" LEASH_KILL_AT="$n")
        leash "$@"
        environment=()
        ((status == 137)) || break
        settles "after '$*' killed before its change $n"
        ((${#failures[@]} < 5)) || return
    done
    ((n > 3)) || fail "'$*' was never killed: $err"
    settles "after '$*' undisturbed"
}

nothing() { :; }
leashed() { leash -u $uid; }
leashed_for() { leash -u $uid --for=1h; }
persisted() { leash -u $uid --persist --for=1h --memory-max=1G -q 50%; }

cut_off() {
    rule first SetUnitProperties kill-after
    forget
    leash -u $uid
    behave
}

test_killed_cap_at_each_call() { at_each_call nothing -u $uid; }
test_killed_cap_with_time_at_each_call() { at_each_call nothing -u $uid --for=1h; }
test_killed_change_at_each_call() { at_each_call leashed_for -u $uid -q 20% --for=2h; }
test_killed_freeze_at_each_call() { at_each_call nothing -u $uid --freeze -q 20%; }
test_killed_release_at_each_call() { at_each_call leashed release -u $uid; }
test_killed_release_with_time_at_each_call() { at_each_call leashed_for release -u $uid; }
test_killed_release_of_persisted_at_each_call() { at_each_call persisted release -u $uid; }

test_killed_cap_before_each_change_of_a_file() { before_each_change nothing -u $uid; }
test_killed_cap_to_persist_before_each_change_of_a_file() { before_each_change nothing -u $uid --persist --for=1h; }
test_killed_change_to_persist_before_each_change_of_a_file() { before_each_change leashed -u $uid -q 20% --persist; }
test_killed_change_from_persist_before_each_change_of_a_file() { before_each_change persisted -u $uid -q 20%; }
test_killed_release_before_each_change_of_a_file() { before_each_change leashed_for release -u $uid; }
test_killed_release_of_persisted_before_each_change_of_a_file() { before_each_change persisted release -u $uid; }

# The scope of the offenders stays until they end, without limits.
test_killed_cap_with_an_offender_at_each_call() {
    burn
    place $burner "/user.slice/$slice/session-1.scope"
    # shellcheck disable=SC2317 # called by name
    offend() {
        echo $burner >"$root/sys/fs/cgroup/user.slice/$slice/cgroup.procs"
    }
    # shellcheck disable=SC2317 # instead of the one above
    tidy_up() {
        local scope
        for scope in "$root/sys/fs/cgroup/user.slice/$slice"/leash-*.scope; do
            [[ -d $scope ]] || continue
            like "the scope's cpu.max $1" "$(<"$scope/cpu.max")" "max *"
            rm -r "$scope" "$root/fake/live/${scope##*/}"
        done
        : >"$root/sys/fs/cgroup/user.slice/$slice/cgroup.procs"
    }
    at_each_call offend -u $uid -q 20%
    [[ $(calls) == *StartTransientUnit* ]] || fail "no offender was moved: $(calls)"
    umount "/proc/$burner/cgroup" # or its file is in use for as long as it takes to end
    kill $burner
}

# The second command may be cut off as well.
test_killed_while_settling_before_each_change_of_a_file() { before_each_change cut_off release -u $uid; }

# Whoever is at work is not disturbed by others that bring things to order.
test_killed_is_not_who_is_merely_slow() {
    local slow
    login $uid && pid1
    rule first SetUnitProperties delay 700
    (leash -u $uid; echo "$status $out$err" >"$root.slow") &
    slow=$!
    wait_until grep -q SetUnitProperties "$root/fake/calls"
    leash list
    equal status "$status" 0
    wait $slow
    equal "the slow one" "$(<"$root.slow")" "0 $uid: CPU 50%"
    equal "calls that set" "$(calls | grep -c SetUnitProperties)" 1
}
