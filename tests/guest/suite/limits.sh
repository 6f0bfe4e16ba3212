#!/bin/bash
# SPDX-License-Identifier: MIT
# Every limit that there is, in the kernel and gone again. Wants a kernel with all controllers.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin
[[ $(cgroup_version) == v1 ]] || grep -q 'cpuset.*io' /sys/fs/cgroup/cgroup.controllers ||
    { skip "limits" "this kernel has not all controllers"; suite_end; }
login alice alice
base=$(snapshot 1001)

# kernel_limits: of alice's slice
kernel_limits() {
    local file
    for file in memory.high memory.max memory.swap.max pids.max cpu.weight io.weight cpuset.cpus; do
        echo "$file $(head -n 1 "$(slice_path 1001)/$file" 2>/dev/null)"
    done
}

test_all_at_once() {
    local before last all
    before=$(kernel_limits)
    last=$(($(nproc) - 1)) all=$(</sys/fs/cgroup/cpuset.cpus.effective)
    run leash -u alice --memory-high 512M --memory-max 1G --swap-max 100M --tasks-max 500 \
        --cpu-weight 50 --io-weight 60 --cpus "$last"
    status_is 0
    same "memory, swap, tasks, weights and CPUs are in the kernel" "$(kernel_limits)" \
        "memory.high 536870912
memory.max 1073741824
memory.swap.max 104857600
pids.max 500
cpu.weight 50
io.weight default 60
cpuset.cpus $last"
    verdict "all limits at once"
    leash release -u alice >/dev/null
    # controllers that nobody needs any more may go, with their files
    # and the kernel lets nobody empty a CPU list in use, but all CPUs are the same as none named
    same "and as before after release" \
        "$(kernel_limits | sed "s/ default 100$//; s/^\(cpuset.cpus\) $all\$/\1/; s/ $//")" \
        "$(sed 's/ default 100$//; s/ $//' <<<"$before")"
    same "and no file is left" "$base" "$(snapshot 1001)"
}

test_on_v1() {
    run leash -u alice --tasks-max 500
    check_equal "--tasks-max" "$STATUS $(cat /sys/fs/cgroup/pids/user.slice/user-1001.slice/pids.max)" "0 500"
    leash release -u alice >/dev/null
}

if [[ $(cgroup_version) == v1 ]]; then test_on_v1; else test_all_at_once; fi
check_equal "nothing is left behind" "$(leftovers)" ""
suite_end
