# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# leash list beside loginctl and systemctl, which ask the fakes; see tests/bench/leashd. The fake PID 1 has a tenth of a real
# one's properties to tell of each unit, so systemctl looks better here than it is.

# book UID...: what a leash of 50 % leaves, copied from that of the first user
book() {
    local first=$1 i
    for i in "${@:2}"; do
        sed "s/$first/$i/g" "$root/run/leash/user-$first.slice" >"$root/run/leash/user-$i.slice"
        mkdir "$root/run/systemd/system/user-$i.slice.d"
        cp "$root/run/systemd/system/user-$first.slice.d/zz-leash.conf" "$root/run/systemd/system/user-$i.slice.d/"
        cp "$root/sys/fs/cgroup/user.slice/user-$first.slice/cpu.max" "$root/sys/fs/cgroup/user.slice/user-$i.slice/"
        cp "$root/fake/live/user-$first.slice" "$root/fake/live/user-$i.slice"
    done
}

# show_units: one systemctl for all slices
show_units() {
    unshare --mount --propagation private -- bash -c 'mount --bind "$0/run" /run && exec systemctl show "$@"' \
        "$root" "${units[@]}"
}

test_list_with_a_thousand_leashes() {
    local n=1000 i users=() units=() list sessions show
    host_with_logind || return
    for ((i = 30000; i < 30000 + n; i++)); do
        login $i
        users+=("$i") units+=("user-$i.slice")
    done
    daemon_reload
    leash -u 30000 --no-notify
    expect 0 "*" "*"
    umask 077
    book "${users[@]}"
    tell storm $n 30000
    list=$(milliseconds 5 in_root LEASH_BACKEND=systemd "$leash" list --json)
    equal "on the books and enforced" "$(in_root LEASH_BACKEND=systemd "$leash" list --json | jq '[.[] | select(.enforced)] | length')" $n
    figure "leash list, $n leashes, verified, CPU measured over 200 ms" "$list ms" ""
    if command -v loginctl >/dev/null && show_units >"$root.shown" 2>/dev/null && (($(grep -c '^CPUQuotaPerSecUSec=' "$root.shown") == n)); then
        sessions=$(milliseconds 3 in_root loginctl list-sessions)
        show=$(milliseconds 3 show_units)
        figure "loginctl list-sessions, $sessions ms, and one systemctl show, $show ms" \
            "$(awk -v l="$list" -v s="$sessions" -v u="$show" 'BEGIN { printf "%.2f", l / (s + u) }')" "at most 0.1"
    fi
    rm -f "$root.shown"
}
