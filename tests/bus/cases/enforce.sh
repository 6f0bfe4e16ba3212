# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# PID 1 says yes, and the kernel has to show it.

test_enforce_notices_that_the_kernel_did_not_change() {
    local before
    login $uid && pid1
    before=$(snapshot)
    rule '*' SetUnitProperties no-kernel
    leash -u $uid
    expect 4 "$uid: CPU 50%" "leash: $uid: set but not enforced: cpu.max is 'max 100000' in the kernel, not 50% of one CPU; see 'leash doctor'"
    leash list
    like list "$out" "*CPU 50% (NOT ENFORCED)*"
    leash doctor
    equal "status of doctor" "$status" 4
    like doctor "$out" "*FAILED*enforced*$slice: cpu.max is 'max 100000'*"
    behave
    leash release -u $uid
    expect 0 "$uid: released" ""
    unchanged "$before"
}

test_enforce_says_that_the_cpu_controller_is_missing() {
    local before
    login $uid memory pids && pid1
    before=$(snapshot)
    leash -u $uid
    expect 4 "$uid: CPU 50%" "leash: $uid: set but not enforced: the cpu controller is not available to $slice (no cpu.max in its cgroup); see 'leash doctor'"
    leash list
    like list "$out" "*NOT ENFORCED*"
    leash release -u $uid
    expect 0 "$uid: released" ""
    unchanged "$before"
}

test_enforce_says_that_the_memory_controller_is_missing() {
    login $uid cpu && pid1
    leash -u $uid -q 30% --memory-max=1G
    expect 4 "$uid: CPU 30%*" "leash: $uid: set but not enforced: the memory controller is not available to $slice (no memory.max in its cgroup)*"
    equal cpu.max "$(kernel cpu.max | cut -d' ' -f1)" 30000
}

test_enforce_notices_another_property_too() {
    login $uid && pid1
    rule '*' SetUnitProperties no-kernel
    leash -u $uid --memory-max=1G
    expect 4 "$uid: memory max 1.0G" "leash: $uid: set but not enforced: memory.max is 'max' in the kernel, not 1.0G*"
}

# Queued behind a reload, say.
test_enforce_waits_for_a_kernel_that_changes_late() {
    login $uid && pid1
    rule '*' SetUnitProperties late 300
    leash -u $uid --cpu-period=100ms -q 50%
    expect 0 "$uid: CPU 50%" ""
    equal cpu.max "$(kernel cpu.max)" "50000 100000"
}

test_enforce_notices_that_freezing_did_nothing() {
    login $uid && pid1
    rule '*' FreezeUnit no-kernel
    leash -u $uid --freeze
    expect 4 "$uid: frozen yes" "leash: $uid: set but not enforced: cgroup.freeze is '0' in the kernel, not yes*"
}

test_enforce_says_so_in_json() {
    command -v jq >/dev/null || skip "needs jq"
    login $uid && pid1
    rule '*' SetUnitProperties no-kernel
    leash -u $uid --json
    expect 4 "\[*\]" "leash: $uid: set but not enforced*"
    equal enforced "$(jq .[0].enforced <<<"$out")" false
    leash list --json
    equal "enforced by list" "$(jq .[0].enforced <<<"$out")" false
}
