# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# --for, --until: PID 1 keeps the time.

# The arguments of the last StartTransientUnit for a timer
timer_call() { calls | grep '^StartTransientUnit leash-expire-' | tail -n 1; }

# calendar SECONDS: the second at or after then, as the timer has it
calendar() { date -u -d "@$1" +'%Y-%m-%d %H:%M:%S UTC'; }

test_expiry_arms_a_timer_that_runs_release() {
    local start call name end at
    login $uid && pid1
    start=$EPOCHSECONDS
    leash -u $uid --for=90min
    end=$EPOCHSECONDS
    expect 0 "$uid: CPU 50% until *??:??*" ""
    call=$(timer_call)
    name=$(timers)
    like "name of the timer" "$name" "leash-expire-$uid-*.timer"
    equal "ledger's timer" "$(ledger Timer)" "$name"
    like call "$call" "StartTransientUnit $name fail *(AccuracyUSec t:100000)*(RemainAfterElapse b:false)*"
    like service "$call" "*[[](${name%.timer}.service [[]*(Type s:oneshot)*(ExecStart a(sasb):[[](*/leash [[]*/leash release --expired] false)])])]"
    at=$(sed -n 's/.*(OnCalendar \([^)]*\)).*/\1/p' <<<"$call")
    # Rounded up: when it fires, the time has come.
    [[ "$at" == "$(calendar $((start + 5400)))" || "$at" > "$(calendar $((start + 5400)))" ]] || fail "too early: $at"
    [[ "$at" == "$(calendar $((end + 5401)))" || "$at" < "$(calendar $((end + 5401)))" ]] || fail "too late: $at"
}

test_expiry_at_a_time_of_day_arms_that_time() {
    local at
    login $uid && pid1
    at=$((EPOCHSECONDS + 7200))
    leash -u $uid --until="$(date -u -d "@$at" +'%Y-%m-%d %H:%M:%S')"
    expect 0 "$uid: CPU 50% until *" ""
    like call "$(timer_call)" "*(OnCalendar $(calendar $at))*"
}

test_expiry_is_replaced_by_the_next_leash() {
    local first second
    login $uid && pid1
    leash -u $uid --for=1h
    first=$(timers)
    leash -u $uid --for=3h
    second=$(timers)
    equal "number of timers" "$(wc -l <<<"$second")" 1
    [[ $first != "$second" ]] || fail "the same timer: $first"
    like calls "$(calls)" "*StartTransientUnit $second *StopUnit $first replace*"
    equal "ledger's timer" "$(ledger Timer)" "$second"
}

test_expiry_stands_if_the_next_one_cannot_be_set() {
    local first
    login $uid && pid1
    leash -u $uid --for=1h
    first=$(timers)
    rule '*' StartTransientUnit error org.freedesktop.DBus.Error.InvalidArgs no
    leash -u $uid --for=3h
    equal status "$status" 1
    equal timers "$(timers)" "$first"
    equal "ledger's timer" "$(ledger Timer)" "$first"
}

# What changes besides the end needs no other timer.
test_expiry_stands_while_its_end_does() {
    local at=$((EPOCHSECONDS + 7200)) first
    login $uid && pid1
    leash -u $uid --until="$(date -u -d "@$at" +'%Y-%m-%d %H:%M:%S')"
    first=$(timers)
    forget
    leash -u $uid -q 20% --until="$(date -u -d "@$at" +'%Y-%m-%d %H:%M:%S')"
    expect 0 "$uid: CPU 20% until *" ""
    equal timers "$(timers)" "$first"
    [[ $(calls) != *leash-expire-* ]] || fail "a call: $(calls)"
}

test_expiry_is_lifted_by_a_leash_without_one() {
    login $uid && pid1
    leash -u $uid --for=1h
    leash -u $uid
    expect 0 "$uid: CPU 50%" ""
    equal timers "$(timers)" ""
    equal "ledger's timer" "$(ledger Timer)" ""
}

test_expiry_is_stopped_by_release() {
    local before name
    login $uid && pid1
    before=$(snapshot)
    leash -u $uid --for=1h
    name=$(timers)
    forget
    leash release -u $uid
    expect 0 "$uid: released" ""
    like calls "$(calls)" "*StopUnit $name replace*"
    unchanged "$before"
}

test_expiry_releases_what_is_due_and_nothing_else() {
    login $uid && login $other && pid1
    leash -u $uid -q 30% --for=1h
    leash -u $other -q 40% --for=1h
    leash release --expired
    expect 0 "" ""
    equal "before the time" "$(kernel cpu.max | cut -d' ' -f1)" 30000
    leash -u $uid --for=1s
    sleep 1.1
    leash release --expired
    ((status == 0)) || fail "exit status $status: $err"
    equal "after the time" "$(kernel cpu.max)" "max 100000"
    absent run/leash/$slice
    absent run/systemd/system/$slice.d
    like "timer that is left" "$(timers)" "leash-expire-$other-*.timer"
    equal "the other" "$(kernel cpu.max user-$other.slice | cut -d' ' -f1)" 40000
}

# The timer may have been lost with everything else.
test_expiry_without_its_timer_is_noticed_by_the_next_command() {
    login $uid && pid1
    leash -u $uid --for=1s
    rm -f "$root"/run/systemd/transient/*
    sleep 1.1
    leash list
    expect 0 "No leashes in force." ""
    equal cpu.max "$(kernel cpu.max)" "max 100000"
}

test_expiry_is_armed_anew_after_a_reboot() {
    login $uid && pid1
    leash -u $uid --persist --for=1h
    stop_pid1
    rm -rf "$root/run" "$root/fake/live" "$root/sys/fs/cgroup/user.slice/$slice"
    mkdir -p "$root"/run/systemd/{system,system.control,transient} "$root/fake/live"
    login $uid && pid1
    leash list
    like list "$out" "*$slice*CPU 50%*"
    like timers "$(timers)" "leash-expire-$uid-*.timer"
}

test_expiry_outside_the_range_is_refused() {
    pid1
    leash -u $uid --for=0s
    expect_error 2 "--for=0s: out of range*"
    leash -u $uid --for=500000000000000h
    expect_error 2 "--for=*: out of range*"
    leash -u $uid --until="2001-01-01 00:00"
    expect_error 2 "--until=*: out of range*"
    leash -u $uid --for=1h --until=23:59
    expect_error 2 "--for and --until exclude each other*"
    equal calls "$(count_calls)" 0
}

# The timer comes but once.
test_expiry_waits_for_a_leash_at_work() {
    local lock
    login $uid && pid1
    leash -u $uid --for=1s
    sleep 1.1
    exec {lock}>"$root/run/leash/$slice.lock"
    flock $lock
    (sleep 0.5; flock -u $lock) &
    leash release --expired
    exec {lock}>&-
    equal status "$status" 0
    equal cpu.max "$(kernel cpu.max)" "max 100000"
}

test_expiry_that_fails_is_told_to_pid1_which_tries_again() {
    login $uid && pid1
    leash -u $uid --for=1s
    like service "$(calls | grep ^StartTransientUnit)" "*(Restart s:on-failure)*"
    sleep 1.1
    rule '*' SetUnitProperties error org.freedesktop.DBus.Error.NoReply
    leash release --expired
    equal status "$status" 1
    behave
    leash release --expired
    equal status "$status" 0
    equal cpu.max "$(kernel cpu.max)" "max 100000"
}

# PID 1 drops a timer whose time has passed.
test_expiry_is_never_set_for_the_past() {
    local at
    login $uid && pid1
    rule first SetUnitProperties delay 2500
    leash -u $uid --for=1s
    at=$(calls | sed -n 's/.*(OnCalendar \([^)]*\)).*/\1/p')
    (($(date -d "$at" +%s) >= EPOCHSECONDS - 1)) || fail "the timer was set for $at, now is $(date -u)"
}
