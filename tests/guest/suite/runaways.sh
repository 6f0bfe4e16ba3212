#!/bin/bash
# SPDX-License-Identifier: MIT
# leashd on a machine that is fought over: a hog among others is limited, and a hog alone is not.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/leashd-common.sh"
[[ -e /sys/fs/cgroup/user.slice/cpu.pressure ]] || { skip "runaways" "this kernel has no pressure files of cgroups"; suite_end; }

# share_of_bob: of what both get, as an emulated CPU has more and less to give
share_of_bob() {
    cpu_of_slice 1001 5 >"$lib_run/alice" &
    cpu_of_slice 1002 5 >"$lib_run/bob"
    wait $!
    awk -v a="$(<"$lib_run/alice")" -v b="$(<"$lib_run/bob")" 'BEGIN { print b / (a + b) }'
}

# ---- runaways -----------------------------------------------------------------------------------

# The system has its part of a CPU, too, and emulated it is a large one: a fair share of the machine is more
# than what two users can get of it.
rule=("[runaway alice]" match-user=alice pressure=10% share=30% window=15s steps=5%/10min)
policy "${rule[@]}" exempt-command=burn
check "leashd starts" systemctl start leashd
login alice alice
login bob bob

session_spawn "$alice" burn 6
session_spawn "$bob" burn 2
bobs=$SPAWNED
check "a hog that runs what the policy exempts is noted" wait_for 120 more_incidents excused 0
check_equal "and let" "$(incidents penalised) $(quota $uid)" "0 none"
policy "${rule[@]}"
fought=$(share_of_bob)
check "the hog is penalised" wait_for 120 more_incidents penalised 0
check "in the kernel" wait_for 30 quota_is 5
check_range "the other gets what the hog had" "$(awk -v a="$(share_of_bob)" -v b="$fought" 'BEGIN { print a / b }')" 1.6 2.5
check "PID 1 keeps the end" bash -c 'systemctl list-timers --all | grep -q leash-expire-1001'
run leash log -u alice --json
json_is '.[] | select(.kind == "penalised") | .used_percent > 30 and .pressure_percent > 10 and .rule' "$lib_run/out" ||
    problem "$(jq -c '.[] | select(.kind == "penalised")' "$lib_run/out")"
verdict "the log tells why"
journalctl --sync
journalctl -t leashd MESSAGE_ID=fb6ff0bd24cd4a3e9c44e1c1f7a6ad27 -o json | tail -n 1 >"$lib_run/out"
check "and the journal, with fields" json_is '.LEASH_USER == "alice" and .LEASH_UID == "1001" and .LEASH_CONDITION == "cpu"
    and .LEASH_WATCH == "0" and (.LEASH_RULE | test("^/etc/leash/leash.conf:[0-9]+$"))
    and (.LEASH_USED_PERCENT | tonumber) > 30 and (.LEASH_PRESSURE_PERCENT | tonumber) > 10
    and (.LEASH_LIMITS | test("5%")) and (.LEASH_PROCESSES | test("burn"))' "$lib_run/out"
systemctl kill -s KILL leashd
sleep 30
check_equal "killed: no second penalty" "$(incidents penalised)" 1
run leash release -u alice
check "an admin ends it" wait_for 30 quota_is none
kill "$bobs"
before=$(incidents penalised)
sleep 45
check_equal "the hog alone is left alone" "$(incidents penalised) $(quota $uid)" "$before none"
logout_all alice
logout_all bob

# ---- memory -------------------------------------------------------------------------------------

# Bob waits for memory, as MemoryHigh= has him; alice holds more than her share of it meanwhile.
policy "[runaway alice]" match-user=alice memory-pressure=5% pressure=100% share=15% window=15s steps=50%/10min
login alice alice
login bob bob
systemctl set-property --runtime user-1002.slice MemoryHigh=60M
before=$(incidents penalised)
session_spawn "$alice" hold 600
session_spawn "$bob" hold 300 again
check "who holds the memory is penalised" wait_for 180 more_incidents penalised "$before"
check "by memory.high" wait_for 30 number memory.high
check_equal "and by nothing else" "$(quota $uid) $(<"/sys/fs/cgroup/user.slice/user-$uid.slice/memory.max")" "none max"
run leash log -u alice --json
check "the log tells of memory" json_is '[.[] | select(.kind == "penalised")] | last | .condition == "memory" and .rule' "$lib_run/out"
run leash release -u alice
check_equal "an admin ends it" "$(<"/sys/fs/cgroup/user.slice/user-$uid.slice/memory.high")" max
systemctl set-property --runtime user-1002.slice MemoryHigh=infinity
rm -rf /run/systemd/system.control/user-1002.slice.d
logout_all alice
logout_all bob

check "leashd stops" systemctl stop leashd
check_equal "nothing is left behind" "$(leftovers | grep -v "^$log")" ""
suite_end
