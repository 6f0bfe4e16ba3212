#!/bin/bash
# SPDX-License-Identifier: MIT
# The rig itself: what every other suite takes for granted. Needs no leash.
set -u
. "${LEASH_TESTS:-/usr/lib/leash-tests}/lib.sh"

echo "# $(systemctl --version | head -n 1), kernel $(uname -r), cgroup $(cgroup_version)"
echo "# up after $(cut -d' ' -f1 /proc/uptime) s, $(nproc) CPUs, $(systemd-detect-virt)"

test_system() {
    check "the boot has no failed units" test -z "$(systemctl --failed --no-legend)"
    check "loopback answers" test -n "$(ip -4 -br address show dev lo up)"
}

test_session() {
    local id
    session_open alice || { not_ok "ssh logs alice in"; return; }
    ok "ssh logs alice in"
    id=$SESSION
    loginctl list-sessions | sed 's/^/# /'
    check_equal "logind knows its owner" "$(loginctl show-session "$id" -P Name)" alice
    check_equal "its shell is in its scope" \
        "$(session_run "$id" "grep -o 'session-.*' /proc/self/cgroup | tail -n 1")" \
        "session-$id.scope"
    session_run "$id" "status() { return 7; }; status"
    check_equal "session_run returns the command's status" $? 7
    check "alice may sudo" session_run "$id" "sudo -n true"
    test_quota "$id"
    session_close "$id"
    check "the session is gone" wait_for 20 eval "! loginctl show-session $id"
}

test_quota() {
    session_spawn "$1" burn 3
    sleep 2
    check_equal "no limit is seen before one is set" "$(cpu_max 1001)" "max 100000"
    check_range "three busy loops are free" "$(cpu_of_slice 1001 3)" 90 210
    systemctl set-property --runtime user-1001.slice CPUQuota=50%
    check_equal "the kernel has the quota" "$(cpu_max 1001)" "50000 100000"
    check_range "three busy loops get half a CPU" "$(cpu_of_slice 1001 8)" 42 58
    echo "# probe: $(probe 2)"
    kill "$SPAWNED"
    session_spawn "$1" forker 2
    check_range "a forking load gets half a CPU" "$(cpu_of_slice 1001 8)" 42 58
    kill "$SPAWNED"
}

if [[ $LEASH_GUEST_BOOT == 1 ]]; then
    test_system
    test_session
    touch /etc/kept
    guest_reboot
fi
check "files outlast a reboot" test -e /etc/kept
check_equal "a runtime limit does not" "$(cpu_max 1001)" "max 100000"
finish
