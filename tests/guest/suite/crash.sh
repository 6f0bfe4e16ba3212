#!/bin/bash
# SPDX-License-Identifier: MIT
# kill -9 at any moment, and many at once: nothing is lost, nothing is left, nobody waits for ever.
# crash.sh [KILLS [AT_ONCE]]: how often to kill, 200 without an argument; how many commands at once, 50
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin
kills=${1:-200}
at_once=${2:-50}
uids=$(seq 2001 $((2000 + at_once)))

# pause MICROSECONDS: without starting a process, which takes longer than what is to be hit
exec {never}<> <(:)
pause() {
    local text
    printf -v text '%d.%06d' $(($1 / 1000000)) $(($1 % 1000000))
    read -r -t "$text" -u "$never"
}

now_us() {
    NOW=${EPOCHREALTIME/[.,]/}
}

# duration COMMAND...: the median of five runs in us; sets TOOK
duration() {
    local start i times=()
    for i in 1 2 3 4 5; do
        now_us; start=$NOW
        "$@" >/dev/null 2>&1
        now_us; times+=($((NOW - start)))
        if [[ $* != *release* ]]; then leash release --all >/dev/null; else leash "$victim" >/dev/null; fi
    done
    TOOK=$(printf '%s\n' "${times[@]}" | sort -n | sed -n 3p)
}

# kill_one MAX COMMAND...: kills the command at a random moment within MAX us
kill_one() {
    local max=$1 pid status
    shift
    "$@" >/dev/null 2>&1 </dev/null &
    pid=$!
    pause $(((RANDOM << 15 | RANDOM) % max))
    kill -KILL "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    status=$?
    killed=$((killed + (status == 137)))
}

# quick COMMAND...: run, without a process to bound it; the suite as a whole is bounded
quick() {
    STATUS=0
    OUT=$("$@" 2>"$lib_run/err") || STATUS=$?
    ERR=$(<"$lib_run/err")
}

# consistent WHEN: the books and the kernel say the same, and the next command has no complaint
consistent() {
    local listed=no
    quick leash list
    status_is 0
    [[ $'\n'$OUT != *$'\nalice '* ]] || listed=yes
    case "$listed $(quota 1001)" in
    "yes 50" | "no 150") ;;
    *) problem "$1: listed: $listed, quota $(quota 1001)" ;;
    esac
    [[ -z $ERR ]] || problem "$1: list complains: $ERR"
}

# respawn N: one that burns, whose leash makes a scope and takes longer, now and then; else one that
# sleeps, by which the moments are measured
respawn() {
    [[ -z $victim ]] || kill -KILL "$victim" 2>/dev/null
    if (($1 % 20)); then session_spawn "$alice" sleep 600; else session_spawn "$alice" burn 1; fi
    victim=$SPAWNED
}

test_kills() {
    local before i cap release killed=0 bad=0 start=$SECONDS victim=
    site_default 10-site
    login alice alice
    before=$(snapshot 1001)
    respawn 1
    duration leash "$victim"; cap=$TOOK
    leash "$victim" >/dev/null
    duration leash release -u alice; release=$TOOK
    leash release --all >/dev/null
    echo "# cap takes $((cap / 1000)) ms, release $((release / 1000)) ms; $kills kills"
    for ((i = 0; i < kills / 2 && bad < 5; i++)); do
        ((i % 10)) || respawn "$i"
        kill_one $((cap * 11 / 10)) leash "$victim"
        consistent "after kill $i of cap"
        quick leash "$victim"
        status_is 0
        [[ $(quota 1001) == 50 ]] || problem "leashed after kill $i of cap: quota $(quota 1001)"
        kill_one $((release * 11 / 10)) leash release -u alice
        consistent "after kill $i of release"
        quick leash release -u alice
        status_is 0
        [[ $(quota 1001) == 150 ]] || problem "released after kill $i: quota $(quota 1001)"
        [[ -z $(shopt -s nullglob; echo /run/leash/*) ]] || problem "left after kill $i: $(echo /run/leash/*)"
        if ((i % 10 == 9)); then
            kill_one $((cap * 11 / 10)) leash "$victim"
            run leash doctor
            status_is 0
            consistent "after kill $i and doctor"
            leash release --all >/dev/null
        fi
        ((${#problems[@]} == 0)) || { bad=$((bad + 1)); verdict "kill $i"; }
    done
    echo "# $killed of the kills hit, $((SECONDS - start)) s"
    check_equal "after each kill list, leash and release work and agree with the kernel" "$bad" 0
    check_range "most of the kills came before the end" "$killed" $((kills / 3)) $((kills * 2))
    same "kill -9: as before at the end" "$before" "$(snapshot 1001)"
    systemctl daemon-reload
    same "kill -9: as before after daemon-reload" "$before" "$(snapshot 1001)"
    check_equal "kill -9: nothing is left" "$(leftovers)" ""
    run leash doctor
    status_is 0
    verdict "kill -9: doctor at the end"
    kill -KILL "$victim"
}

# The same where chance would seldom hit: at each system call that changes something.
test_kills_by_call() {
    local before n what calls killed bad=0 status
    before=$(snapshot 1001)
    session_spawn "$alice" burn 1
    victim=$SPAWNED
    for what in "leash $victim" "leash release -u alice"; do
        killed=0
        for ((n = 1; n < 60; n++)); do
            calls="renameat,renameat2,rename,unlink,unlinkat,rmdir,mkdir,mkdirat,sendmsg,fsync,fdatasync,linkat"
            status=0
            # in a group: the shell itself says "Killed"
            # shellcheck disable=SC2086 # words
            { timeout -k 1 60 strace -qq -o /dev/null -e trace=$calls \
                -e inject=$calls:signal=KILL:when=$n $what || status=$?; } >/dev/null 2>&1 </dev/null
            ((status == 137)) || break
            killed=$((killed + 1))
            consistent "$what killed at call $n"
            if [[ $what == *release* ]]; then leash "$victim" >/dev/null; else leash release --all >/dev/null; fi
            ((${#problems[@]} == 0)) || { bad=$((bad + 1)); verdict "$what, call $n"; }
        done
        check_equal "killed at each of $killed changing system calls of ${what/$victim/PID}" "$bad" 0
        check_range "calls were hit" "$killed" 3 58
        leash "$victim" >/dev/null
    done
    leash release --all >/dev/null
    same "killed at each call: as before at the end" "$before" "$(snapshot 1001)"
    check_equal "killed at each call: nothing is left" "$(leftovers)" ""
    kill -KILL "$victim"
}

# parallel TEXT...: shell commands at once, each bounded; sets STATUSES
parallel() {
    local text pids=()
    STATUSES=
    for text; do
        timeout -k 1 600 bash -c "$text" >>"$lib_run/parallel" 2>&1 </dev/null &
        pids+=($!)
    done
    for text in "${pids[@]}"; do
        wait "$text"
        STATUSES+="$? "
    done
}

# repeat N TEXT
repeat() {
    local i
    for ((i = 0; i < $1; i++)); do echo "$2"; done
}

test_parallel() {
    local before i percent texts
    before=$(snapshot 1001)
    for i in 1 2 3 4 5; do
        parallel "leash -u alice -q 30%" "leash -u alice -q 60%"
        percent=$(leash list --json | jq '.[0].cpu_quota_percent' | sed 's/\.0$//') # jq 1.7 has it as it was written
        [[ $STATUSES == "0 0 " ]] || problem "exit $STATUSES"
        [[ $percent == "$(quota 1001)" && $percent =~ ^(30|60)$ ]] ||
            problem "listed $percent, kernel $(quota 1001)"
    done
    verdict "two leashes at once: one of them holds, and is listed"

    for i in 1 2 3 4 5; do
        parallel "leash -u alice -q 50%" "leash release -u alice"
        [[ $STATUSES == "0 0 " ]] || problem "exit $STATUSES"
        consistent "round $i"
    done
    verdict "leash during release: done or undone, never half"
    leash release --all >/dev/null
    same "two at once: as before" "$before" "$(snapshot 1001)"

    mapfile -t texts < <(repeat $((at_once / 2)) "leash -u alice -q 50%"; repeat $((at_once / 2)) "leash release -u alice")
    : >"$lib_run/parallel"
    parallel "${texts[@]}"
    [[ $STATUSES == "$(printf '0 %.0s' "${texts[@]}")" ]] || problem "exit $STATUSES"
    consistent "$at_once at once"
    cp "$lib_run/parallel" "$lib_run/err"
    verdict "$((at_once / 2)) leash and as many release on one user"
    mapfile -t texts < <(repeat "$at_once" "leash -u alice -q 50%")
    parallel "${texts[@]}"
    [[ $STATUSES == "$(printf '0 %.0s' "${texts[@]}")" ]] || problem "exit $STATUSES"
    [[ $(quota 1001) == 50 ]] || problem "quota $(quota 1001)"
    verdict "$at_once in parallel on one user"
    run leash release -u alice
    same "$at_once in parallel on one user: as before after one release" "$before" "$(snapshot 1001)"
    site_default none
}

# users_begin: u2001 and the next, each with a process in a slice of theirs
users_begin() {
    local uid
    for uid in $uids; do
        echo "u$uid:x:$uid:$uid::/nonexistent:/bin/sh"
    done | newusers -r 2>/dev/null || for uid in $uids; do
        useradd -M -u "$uid" "u$uid"
    done
    for uid in $uids; do
        systemd-run -q --no-block --unit="leash-many-$uid" --slice="user-$uid.slice" --uid="$uid" sleep 1000
    done
    wait_for 60 eval '[[ $(systemctl list-units --plain --no-legend "leash-many-*" --state=running | wc -l) == '"$at_once"' ]]'
}

quotas_of_users() {
    local uid
    for uid in $uids; do quota "$uid"; done | sort | uniq -c | awk '{ print $1 "x" $2 }'
}

test_users() {
    local uid texts=()
    users_begin
    for uid in $uids; do texts+=("leash -u u$uid -q 50%"); done
    : >"$lib_run/parallel"
    parallel "${texts[@]}"
    run leash list --json
    cp "$lib_run/parallel" "$lib_run/err"
    [[ $STATUSES == "$(printf '0 %.0s' "${texts[@]}")" ]] || problem "exit $STATUSES"
    [[ $(jq length "$lib_run/out") == "$at_once" ]] || problem "$(jq length "$lib_run/out") records"
    [[ $(jq '[.[] | select(.enforced)] | length' "$lib_run/out") == "$at_once" ]] || problem "not all are enforced"
    [[ $(quotas_of_users) == "${at_once}x50" ]] || problem "quotas $(quotas_of_users | tr '\n' ' ')"
    verdict "$at_once in parallel on as many users: each has a record and a quota"
    run leash release --all
    status_is 0
    [[ $(quotas_of_users) == "${at_once}xnone" ]] || problem "quotas $(quotas_of_users | tr '\n' ' ')"
    [[ -z $(leftovers) ]] || problem "left: $(leftovers | tr '\n' ' ')"
    verdict "release --all: $at_once given back, nothing left"
    systemctl stop 'leash-many-*'
    for uid in $uids; do echo "u$uid"; done >"$lib_run/users"
    sed -i -E '/^u20[0-9][0-9]:/d' /etc/passwd /etc/shadow /etc/group /etc/gshadow
}

# As the user of a desktop can have what root runs in its terminal, whose cgroup is theirs.
test_frozen() {
    local holder lock=/run/leash/user-1001.slice.lock
    leash -u alice >/dev/null
    systemd-run -q --unit leash-holder flock --no-fork "$lock" sleep 600
    check "somebody holds the record" wait_for 30 eval '[[ -e $lock ]] && ! flock -n "$lock" true'
    holder=$(systemctl show -P MainPID leash-holder)
    systemctl freeze leash-holder
    run leash -u alice -q 30%
    status_is 1
    [[ $ERR == *"sleep, process $holder, is frozen with its cgroup in the middle of it; 'kill -KILL $holder' ends it"* ]] ||
        problem "stderr"
    verdict "who is frozen with a record's lock in hand is named at once"
    kill -KILL "$holder"
    run leash -u alice -q 30%
    status_is 0
    [[ $(quota 1001) == 30 ]] || problem "quota $(quota 1001)"
    verdict "and in nobody's way when they have been ended"
    leash release --all >/dev/null
}

test_kills
test_kills_by_call
test_frozen
test_parallel
test_users
suite_end
