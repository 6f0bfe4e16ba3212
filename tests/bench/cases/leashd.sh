# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# Figures of leashd; see tests/bench/leashd.

switches() { awk '/^voluntary_ctxt/ { print $2 }' /proc/$leashd_pid/status; }
cpu_ticks() { awk '{ print $14 + $15 }' /proc/$leashd_pid/stat; }
sessions_are() { (($(grep -c '^\[session ' "$root/run/leashd/sessions") == $1)); }

wanted_policy() {
    rules_are "[state away]" when=disconnected after=10min cpu-quota=20% end-after=14d warn-after=13d \
        "[runaway all]" pressure=20% share=150% window=2min steps=100%/15min
}

test_rest_with_a_thousand_sessions() {
    local before
    wanted_policy
    host_with_logind || return
    start_leashd
    tell storm 1000 30000
    wait_until sessions_are 1000
    sleep 5
    figure "resident with 1000 sessions" "$(awk '/^VmRSS/ { printf "%.1f MiB", $2 / 1024 }' /proc/$leashd_pid/status)" "at most 6 MiB"
    figure "of it its own" "$(awk '/^RssAnon/ { printf "%.1f MiB", $2 / 1024 }' /proc/$leashd_pid/status)" ""
    before=$(switches)
    sleep 60
    figure "wake-ups in a minute at rest" "$(($(switches) - before))" "0"
    stop_leashd
}

test_contended_with_two_hundred_sessions() {
    local i before begin n=120
    wanted_policy
    host_with_logind || return
    for ((i = 0; i < 200; i++)); do
        login $((30000 + i))
        echo "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" >"$root/sys/fs/cgroup/user.slice/user-$((30000 + i)).slice/cpu.pressure"
    done
    start_leashd
    tell storm 200 30000
    wait_until sessions_are 200
    sleep 4
    before=$(cpu_ticks)
    # As many looks as twenty minutes of contention bring, one in ten seconds.
    for ((i = 0; i < n; i++)); do
        echo >"$root/proc/pressure/cpu.trigger"
        sleep 0.1
    done
    figure "CPU while contended, 200 sessions" \
        "$(awk -v t=$(($(cpu_ticks) - before)) -v hz="$(getconf CLK_TCK)" -v n=$n 'BEGIN { printf "%.3f %% of a core", t / hz / (n * 10) * 100 }')" "at most 0.1 %"
    stop_leashd
}

test_top_with_a_thousand_users() {
    local i
    for ((i = 0; i < 1000; i++)); do
        mkdir "$root/sys/fs/cgroup/user.slice/user-$((30000 + i)).slice"
        echo "usage_usec $i" >"$root/sys/fs/cgroup/user.slice/user-$((30000 + i)).slice/cpu.stat"
        echo "some avg10=0.00 avg60=0.00 avg300=0.00 total=$i" >"$root/sys/fs/cgroup/user.slice/user-$((30000 + i)).slice/cpu.pressure"
        echo 1000 >"$root/sys/fs/cgroup/user.slice/user-$((30000 + i)).slice/memory.current"
    done
    pid1
    with_top
    environment=(LEASH_TOP_LOOKS=50)
    leash top
    figure "leash top, a refresh with 1000 users" "$(sed -n 's/^leash: # a look and a screen: //p' <<<"$err")" "at most 20 ms"
}
