# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# Figures of leash-xrdp; see tests/bench/leashd.

# milliseconds TIMES COMMAND...: of one, the mean
milliseconds() {
    local times=$1 begin i
    shift
    begin=$EPOCHREALTIME
    for ((i = 0; i < times; i++)); do "$@" >/dev/null 2>&1 </dev/null || fail "$*"; done
    awk -v a="$begin" -v b="$EPOCHREALTIME" -v n="$times" 'BEGIN { printf "%.1f", (b - a) * 1000 / n }'
}

in_root() { env -i PATH="$PATH" LEASH_TEST_ROOT="$root" DBUS_SYSTEM_BUS_ADDRESS="unix:path=$root/bus" "$@"; }
sessions_are() { (($(grep -c '^\[session ' "$root/run/leashd/sessions") == $1)); }

test_list_with_two_hundred_desktops() {
    local n=200 i without with shows
    host_with_logind || return
    for ((i = 10; i < 10 + n; i++)); do
        login $((30000 + i))
        echo $((i << 20)) >"$root/sys/fs/cgroup/user.slice/user-$((30000 + i)).slice/memory.current"
    done
    rules_are ""
    play xrdp-sesman sesman child
    tell desks $n 30000 $said
    without=$(milliseconds 20 in_root "$tools/leash-xrdp" list)
    start_leashd
    wait_until sessions_are $n
    sleep 4
    with=$(milliseconds 20 in_root "$tools/leash-xrdp" list)
    (($(in_root "$tools/leash-xrdp" list | wc -l) == n + 1)) || fail "not all are listed"
    figure "leash-xrdp list, $n desktops, leashd runs" "$with ms" "under 50 ms"
    figure "the same without leashd, asking logind (here a slow one)" "$without ms" ""
    if command -v loginctl >/dev/null; then
        shows=$(milliseconds 20 in_root loginctl show-session d12)
        figure "of loginctl show-session for each, $shows ms" "$(awk -v l="$with" -v s="$shows" -v n=$n 'BEGIN { printf "%.4f", l / (s * n) }')" "at most 0.1"
    fi
    stop_leashd
}
