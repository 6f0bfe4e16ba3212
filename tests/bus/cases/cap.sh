# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# leash -u USER: what is set, where it is written, what is said.

infinity=18446744073709551615

test_cap_sets_quota_and_period_in_one_call() {
    login $uid && pid1
    leash -u $uid -q 50% --cpu-period=20ms
    expect 0 "$uid: CPU 50%" ""
    equal calls "$(settings)" "SetUnitProperties $slice true [(CPUQuotaPerSecUSec t:500000) (CPUQuotaPeriodUSec t:20000)]"
    equal cpu.max "$(kernel cpu.max)" "10000 20000"
}

# The contract: so many calls, whatever else changes. Each costs the admin of a machine on its knees
# one turn of a busy PID 1.
test_cap_and_release_stay_within_their_number_of_calls() {
    login $uid && pid1
    leash -u $uid
    (($(count_calls) <= 2)) || fail "the first leash: $(count_calls) calls, not 2"
    forget
    leash -u $uid -q 30%
    (($(count_calls) <= 1)) || fail "the second leash: $(count_calls) calls, not 1"
    forget
    leash -u $uid -q 30% --for=1h
    (($(count_calls) <= 2)) || fail "with --for: $(count_calls) calls, not 2"
    forget
    leash release -u $uid
    (($(count_calls) <= 3)) || fail "release, with a timer to stop: $(count_calls) calls, not 3"
    forget
    leash release -u $uid
    leash list
    leash show -u $uid
    equal "calls by what changes nothing" "$(count_calls)" 0
}

test_cap_writes_a_drop_in_that_sorts_last() {
    local file=run/systemd/system/$slice.d/zz-leash.conf
    login $uid && pid1
    leash -u $uid -q 33.33% --cpu-period=50ms --for=1h
    expect 0 "$uid: CPU 33.33% until *" ""
    there "$file"
    equal mode "$(stat -c %a "$root/$file")" 644
    like text "$(<"$root/$file")" "\
# Written by leash(1), which takes it away again: leash release -u $uid
\[X-Leash\]
Since=20??-??-??T??:??:??Z
Until=20??-??-??T??:??:??Z
Layer=manual

\[Slice\]
CPUQuota=33.33%
CPUQuotaPeriodSec=50000us"
    absent "etc/systemd/system/$slice.d"
}

test_cap_writes_a_record_that_root_alone_may_read() {
    login $uid && pid1
    leash -u $uid -q 40% --reason="compiling on the login node"
    expect 0 "$uid: CPU 40%" ""
    equal "mode of the directory" "$(stat -c %a "$root/run/leash")" 700
    equal "mode of the record" "$(stat -c %a "$root/run/leash/$slice")" 600
    equal Dirty "$(ledger Dirty)" 0
    equal Target "$(ledger Target)" "$slice"
    equal Reason "$(ledger Reason)" "compiling on the login node"
    equal base "$(sed -n '/^\[base\]/,/^\[manual\]/s/^cpu-quota=//p' "$root/run/leash/$slice")" infinity
    equal set "$(sed -n '/^\[manual\]/,/^\[files\]/s/^cpu-quota=//p' "$root/run/leash/$slice")" 400000
    absent "run/leash/$slice.lock"
    absent "run/leash/.$slice.tmp"
}

test_cap_leaves_no_file_of_set_property_behind() {
    login $uid && pid1
    leash -u $uid -q 20% --memory-max=2G
    absent "run/systemd/system.control/$slice.d"
    leash release -u $uid
    absent "run/systemd/system.control/$slice.d"
}

test_cap_puts_an_existing_control_file_back_byte_for_byte() {
    local file=$root/run/systemd/system.control/$slice.d/50-CPUQuota.conf
    login $uid
    mkdir -p "${file%/*}"
    printf '# by hand, caf\xc3\xa9\t\\n "quoted"\r\n[Slice]\nCPUQuota=120%%\n\n# no newline here' >"$file"
    chmod 640 "$file"
    cp "$file" "$root.before"
    pid1
    equal "CPUQuota before" "$(live CPUQuotaPerSecUSec)" 1200000
    leash -u $uid
    cmp -s "$root.before" "$file" || fail "changed by the leash: $(<"$file")"
    equal cpu.max "$(kernel cpu.max)" "50000 100000"
    leash release -u $uid
    cmp -s "$root.before" "$file" || fail "changed by the release: $(<"$file")"
    equal "CPUQuota after" "$(live CPUQuotaPerSecUSec)" 1200000
    equal "files there" "$(ls -A "${file%/*}")" 50-CPUQuota.conf
}

test_cap_sets_two_properties_in_one_call() {
    login $uid && pid1
    leash -u $uid -q 30% --cpu-period=100ms --memory-max=1G
    expect 0 "$uid: CPU 30%, memory max 1.0G" ""
    equal calls "$(settings)" \
        "SetUnitProperties $slice true [(CPUQuotaPerSecUSec t:300000) (CPUQuotaPeriodUSec t:100000) (MemoryMax t:1073741824)]"
    equal cpu.max "$(kernel cpu.max)" "30000 100000"
    equal memory.max "$(kernel memory.max)" 1073741824
}

test_cap_sets_every_property_with_its_type_and_gives_each_back() {
    local before
    login $uid && pid1
    before=$(snapshot)
    leash -u $uid -q 80% --cpu-period=10ms --cpu-weight=50 --memory-high=1G --memory-max=2G --swap-max=0 \
        --tasks-max=500 --io-weight=20 --cpus=0,2-3
    expect 0 "$uid: CPU 80%*" ""
    equal calls "$(settings)" "SetUnitProperties $slice true [(CPUQuotaPerSecUSec t:800000)\
 (CPUQuotaPeriodUSec t:10000) (CPUWeight t:50) (MemoryHigh t:1073741824) (MemoryMax t:2147483648)\
 (MemorySwapMax t:0) (TasksMax t:500) (IOWeight t:20) (AllowedCPUs ay:[13])]"
    equal kernel "$(for f in cpu.max cpu.weight memory.high memory.max memory.swap.max pids.max io.weight cpuset.cpus; do kernel $f; done)" "\
8000 10000
50
1073741824
2147483648
0
500
default 20
0,2-3"
    forget
    leash release -u $uid
    expect 0 "$uid: released" ""
    equal "calls of release" "$(settings)" "SetUnitProperties $slice true [(CPUQuotaPerSecUSec t:$infinity)\
 (CPUQuotaPeriodUSec t:$infinity) (CPUWeight t:$infinity) (MemoryHigh t:$infinity) (MemoryMax t:$infinity)\
 (MemorySwapMax t:$infinity) (TasksMax t:$infinity) (IOWeight t:$infinity) (AllowedCPUs ay:[])]"
    unchanged "$before"
}

# A period alone limits nothing.
test_cap_of_a_period_alone_means_the_usual_quota() {
    login $uid && pid1
    leash -u $uid --cpu-period=20ms
    ((status == 2)) || expect 0 "$uid: CPU 50%" ""
}

test_cap_without_sparing_takes_a_short_period() {
    login $uid && pid1
    leash -u $uid --no-spare
    expect 0 "$uid: CPU 50%" ""
    equal cpu.max "$(kernel cpu.max)" "5000 10000"
}

test_cap_reads_the_base_once() {
    login $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=150%" "MemoryMax=3G"
    pid1
    leash -u $uid -q 50%
    forget
    leash -u $uid -q 20% --memory-max=1G
    expect 0 "$uid: CPU 20%, memory max 1.0G" ""
    equal "properties read" "$(calls | grep ^Get)" "Get $slice org.freedesktop.systemd1.Slice MemoryMax"
    equal "base" "$(sed -n '/^\[base\]/,/^\[manual\]/{/^cpu-quota\|^memory-max/p}' "$root/run/leash/$slice")" \
        $'cpu-quota=1500000\nmemory-max=3221225472'
    leash release -u $uid
    equal "quota" "$(live CPUQuotaPerSecUSec)" 1500000
    equal "memory" "$(live MemoryMax)" 3221225472
}

test_cap_of_a_user_who_is_not_logged_in_waits_for_the_login() {
    pid1
    leash -u $uid
    expect 0 "$uid: CPU 50%, from the next login on" ""
    there run/systemd/system/$slice.d/zz-leash.conf
    absent run/systemd/system.control/$slice.d
    login $uid
    daemon_reload
    like cpu.max "$(kernel cpu.max)" "50000 100000"
    leash list
    like list "$out" "*$uid*$slice*CPU 50%*"
    [[ $out != *"not logged in"* && $out != *"NOT ENFORCED"* ]] || fail "list says: $out"
    leash release -u $uid
    equal "cpu.max after" "$(kernel cpu.max)" "max 100000"
}

test_cap_outlives_logout_and_is_released_without_the_slice() {
    login $uid && pid1
    leash -u $uid
    logout $uid
    forget
    leash list
    like list "$out" "*CPU 50% (not logged in)*"
    leash release -u $uid
    expect 0 "$uid: released" ""
    no_changes
    absent run/systemd/system/$slice.d
    absent run/systemd/system.control/$slice.d
    absent run/leash/$slice
}

test_cap_holds_through_daemon_reload() {
    login $uid
    conf etc/systemd/system/$slice.d/99-site.conf "[Slice]" "CPUQuota=300%"
    pid1
    leash -u $uid
    daemon_reload
    equal cpu.max "$(kernel cpu.max)" "50000 100000"
    leash release -u $uid
    equal "cpu.max after" "$(kernel cpu.max)" "300000 100000"
}

# Lists of CPUs add up over the drop-ins of a unit.
test_cap_of_cpus_holds_through_daemon_reload() {
    login $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "AllowedCPUs=2-3"
    pid1
    leash -u $uid --cpus=0
    equal cpuset.cpus "$(kernel cpuset.cpus)" 0
    daemon_reload
    equal "cpuset.cpus after daemon-reload" "$(kernel cpuset.cpus)" 0
}

# CPUQuota= takes no "infinity" in a unit file.
test_cap_of_no_quota_holds_through_daemon_reload() {
    login $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=100%"
    pid1
    leash -u $uid -q infinity
    expect 0 "$uid: CPU no limit" ""
    equal cpu.max "$(kernel cpu.max)" "max 100000"
    daemon_reload
    equal "cpu.max after daemon-reload" "$(kernel cpu.max)" "max 100000"
}

test_cap_works_over_the_system_bus() {
    local before
    login $uid && bus && pid1 --bus
    before=$(snapshot)
    leash -u $uid
    expect 0 "$uid: CPU 50%" ""
    like calls "$(calls)" "*SetUnitProperties $slice true [[](CPUQuotaPerSecUSec t:500000)*"
    leash release -u $uid
    expect 0 "$uid: released" ""
    unchanged "$before"
}

test_cap_needs_no_message_bus() {
    login $uid && pid1
    absent bus
    leash -u $uid
    expect 0 "$uid: CPU 50%" ""
}

test_cap_escapes_what_people_typed() {
    login $uid && pid1
    leash -u $uid --reason=$'red \e[31m and\nnewline \xff\xe2\x80\xae'
    expect 0 "$uid: CPU 50%" ""
    leash list
    [[ $out != *[$'\e\xff']* && $(wc -l <<<"$out") == 2 && $out != *$'\xe2\x80\xae'* ]] || fail "list: $out"
    leash list --json
    [[ $out != *[$'\e\xff']* ]] || fail "list --json: $out"
    LC_ALL=C grep -q $'[\x01-\x09\x0b-\x1f]' "$root/run/leash/$slice" && fail "control characters in the record"
    equal "sections of the record" "$(grep -c '^\[' "$root/run/leash/$slice")" 7
}

test_cap_prints_json() {
    command -v jq >/dev/null || skip "needs jq"
    login $uid && pid1
    leash -u $uid -q 25% --json --for=1h --reason=builds
    expect 0 "\[*\]" ""
    equal members "$(jq -c '.[0] | [.user, .uid, .target, .scope, (.cpu_quota_percent | floor), .layer, .reason, .enforced, (.until | length)]' <<<"$out")" \
        "[\"$uid\",$uid,\"$slice\",\"user\",25,\"manual\",\"builds\",true,20]"
}

test_cap_refuses_root_and_system_users() {
    pid1
    leash -u root
    expect_error 3 "root: this is root; use --force*"
    leash -u 1
    expect_error 3 "1: this is a system user; use --force*"
    leash -u no-such-user-here
    expect_error 3 "no-such-user-here: no such user"
    equal calls "$(count_calls)" 0
}

test_cap_with_two_leashes_at_once_ends_with_one_of_them() {
    local before first
    login $uid && pid1
    before=$(snapshot)
    rule first SetUnitProperties delay 300
    (leash -u $uid -q 20% --cpu-period=100ms; echo "$status $out" >"$root.first") &
    first=$!
    wait_until test -s "$root/fake/calls"
    leash -u $uid -q 30% --cpu-period=100ms
    wait $first
    like "the first" "$(<"$root.first")" "0 *"
    equal "status of the second" "$status" 0
    equal Dirty "$(ledger Dirty)" 0
    like cpu.max "$(kernel cpu.max)" "?0000 100000"
    equal "the record agrees with the kernel" "$(sed -n '/^\[manual\]/,/^\[files\]/s/^cpu-quota=//p' "$root/run/leash/$slice")" \
        "$(kernel cpu.max | cut -c 1-5)0"
    leash release -u $uid
    unchanged "$before"
}

test_cap_and_release_many_at_once_leave_nothing() {
    local before i
    local -a running=()
    login $uid && pid1
    before=$(snapshot)
    for i in {1..8}; do
        (
            if ((i % 2)); then leash -u $uid -q $((10 + i))%; else leash release -u $uid; fi
            echo "$status$err" >"$root.many$i"
        ) &
        running+=($!)
    done
    wait "${running[@]}"
    for i in {1..8}; do
        equal "status of number $i" "$(<"$root.many$i")" 0
    done
    leash release -u $uid
    unchanged "$before"
}

# pkexec leaves PKEXEC_UID; a helpdesk may do less than root.
test_cap_for_a_helpdesk_is_bounded() {
    login $uid && pid1
    environment=(PKEXEC_UID=57999)
    leash -u $uid --persist
    expect_error 3 "*are for root; use sudo"
    leash -u $uid --freeze
    expect_error 3 "*are for root; use sudo"
    leash -u $uid -q 9%
    expect_error 3 "less than 10% of one CPU may be set by root alone; use sudo"
    leash -u 57999
    expect_error 3 "57999: leash was called from this user's own session*"
    leash -u root --force
    expect_error 3 "*root*"
    equal calls "$(count_calls)" 0
    leash -u $uid -q 10%
    expect 0 "$uid: CPU 10%" ""
    equal By "$(ledger By)" 57999
    leash release -u $uid
    expect 0 "$uid: released" ""
}

test_cap_for_a_helpdesk_never_widens() {
    login $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=150%" "CPUWeight=50"
    pid1
    environment=(PKEXEC_UID=57999)
    leash -u $uid -q infinity
    expect_error 3 "$uid: root alone may set more than there was before; use sudo"
    equal cpu.max "$(kernel cpu.max)" "150000 100000"
    leash -u $uid --cpu-weight=10000
    equal status "$status" 3
    equal cpu.weight "$(kernel cpu.weight)" 50
    leash -u $uid -q 100% --cpu-weight=20
    equal status "$status" 0
}
