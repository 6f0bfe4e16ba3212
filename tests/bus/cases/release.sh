# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# leash release: everything is as it was, whatever that was.

# given_back BASE: leashes and releases; the live quota has to be BASE again, in the one call that
# sets anything
given_back() {
    local before
    pid1 || return
    equal "quota before" "$(live CPUQuotaPerSecUSec)" "$1"
    before=$(snapshot)
    leash -u $uid -q 50%
    expect 0 "$uid: CPU 50%" ""
    forget
    leash release -u $uid
    expect 0 "$uid: released" ""
    like calls "$(calls)" "GetUnit $slice
SetUnitProperties $slice true [[](CPUQuotaPerSecUSec t:${1/infinity/18446744073709551615})*]"
    unchanged "$before"
}

test_release_gives_back_no_quota() {
    login $uid
    given_back infinity
}

test_release_gives_back_the_quota_of_a_drop_in() {
    login $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=150%"
    given_back 1500000
}

test_release_gives_back_the_quota_of_all_users() {
    login $uid
    conf etc/systemd/system/user-.slice.d/20-site.conf "[Slice]" "CPUQuota=400%"
    given_back 4000000
}

test_release_gives_back_the_quota_of_set_property() {
    login $uid
    conf run/systemd/system.control/$slice.d/50-CPUQuota.conf "[Slice]" "CPUQuota=75%"
    given_back 750000
}

# A third of a CPU, as a program sets it over the bus; a unit file cannot hold it.
test_release_gives_back_an_odd_quota() {
    local before
    login $uid && pid1
    sed -i 's/^CPUQuotaPerSecUSec=.*/CPUQuotaPerSecUSec=333333/' "$root/fake/live/$slice"
    echo "33333 100000" >"$root/sys/fs/cgroup/user.slice/$slice/cpu.max"
    before=$(snapshot)
    leash -u $uid
    equal cpu.max "$(kernel cpu.max | cut -d' ' -f1)" 50000
    leash release -u $uid
    equal quota "$(live CPUQuotaPerSecUSec)" 333333
    unchanged "$before"
}

test_release_gives_back_lists_of_cpus_and_weights() {
    local before
    login $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "AllowedCPUs=1,3" "CPUWeight=200" "TasksMax=1000"
    pid1
    before=$(snapshot)
    leash -u $uid --cpus=1 --cpu-weight=10 --tasks-max=50
    equal cpuset.cpus "$(kernel cpuset.cpus)" 1
    leash release -u $uid
    expect 0 "$uid: released" ""
    unchanged "$before"
}

test_release_after_several_leashes_gives_back_the_first_base() {
    local before
    login $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=150%" "MemoryHigh=4G"
    pid1
    before=$(snapshot)
    leash -u $uid -q 50%
    leash -u $uid -q 30% --for=1h
    leash -u $uid --memory-high=1G
    leash -u $uid -q 90% --persist
    leash release -u $uid
    unchanged "$before"
}

# stale DOING...: the admin does something while the leash is in force. Then it is not for leash to
# say what counts: PID 1 has to read the files again, and what it then has, it is made to hand to the
# kernel, which it does not do by itself.
stale() {
    login $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=150%"
    pid1
    leash -u $uid
    "$@"
    forget
    leash release -u $uid
    expect 0 "$uid: released" ""
    equal calls "$(calls | cut -d' ' -f1 | xargs)" 'GetUnit Reload Get SetUnitProperties'
    absent run/systemd/system/$slice.d
    absent run/leash/$slice
}

test_release_after_a_changed_drop_in_reloads() {
    stale conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=80%"
    equal cpu.max "$(kernel cpu.max)" "80000 100000"
}

test_release_after_a_new_drop_in_reloads() {
    stale conf etc/systemd/system/user-.slice.d/99-site.conf "[Slice]" "CPUQuota=60%"
    equal cpu.max "$(kernel cpu.max)" "60000 100000"
}

test_release_after_a_removed_drop_in_reloads() {
    stale rm -r "$root/etc/systemd/system/$slice.d"
    equal cpu.max "$(kernel cpu.max)" "max 100000"
}

# systemctl set-property, without --runtime
test_release_after_a_lasting_set_property_reloads() {
    stale conf etc/systemd/system.control/$slice.d/50-CPUQuota.conf "[Slice]" "CPUQuota=70%"
    equal cpu.max "$(kernel cpu.max)" "70000 100000"
}

# systemctl set-property --runtime, meanwhile
test_release_keeps_what_the_admin_set_meanwhile() {
    local file=run/systemd/system.control/$slice.d/50-CPUQuota.conf
    stale conf "$file" "[Slice]" "CPUQuota=250%"
    equal cpu.max "$(kernel cpu.max)" "250000 100000"
    equal file "$(<"$root/$file")" $'[Slice]\nCPUQuota=250%'
}

test_release_of_somebody_who_is_not_leashed_does_nothing() {
    local before
    login $uid && pid1
    before=$(snapshot)
    leash release -u $uid
    expect 0 "$uid: not leashed" ""
    leash release --all
    expect 0 "nobody is leashed" ""
    equal calls "$(count_calls)" 0
    unchanged "$before"
}

test_release_all_releases_all() {
    local before
    login $uid && login $other && pid1
    before=$(snapshot)
    leash -u $uid
    leash -u $other --memory-max=1G
    leash release --all
    expect 0 "$uid: released
$other: released" ""
    unchanged "$before"
}

test_release_of_one_leaves_the_other() {
    login $uid && login $other && pid1
    leash -u $uid
    leash -u $other -q 30% --cpu-period=100ms
    leash release -u $uid
    expect 0 "$uid: released" ""
    equal "cpu.max of the other" "$(kernel cpu.max user-$other.slice)" "30000 100000"
    there run/leash/user-$other.slice
    there run/systemd/system/user-$other.slice.d/zz-leash.conf
}

test_release_twice_says_so() {
    login $uid && pid1
    leash -u $uid
    leash release -u $uid
    leash release -u $uid
    expect 0 "$uid: not leashed" ""
}

# Somebody emptied /run/leash: what the leash set is not what was before it.
test_release_after_a_lost_ledger_gives_back_the_true_base() {
    login $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=150%"
    pid1
    leash -u $uid
    rm "$root/run/leash/$slice"
    leash -u $uid -q 20%
    expect 0 "$uid: CPU 20%" ""
    leash release -u $uid
    expect 0 "$uid: released" ""
    equal cpu.max "$(kernel cpu.max)" "150000 100000"
    absent run/systemd/system/$slice.d
    absent run/leash/$slice
}

test_release_after_a_damaged_record_gives_back_the_true_base() {
    login $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=150%"
    pid1
    leash -u $uid
    sed -i 's/^cpu-quota=.*/cpu-quota=many/' "$root/run/leash/$slice"
    leash -u $uid -q 20%
    like stderr "$err" "leash: *damaged*"
    leash release -u $uid
    expect 0 "$uid: released" ""
    equal cpu.max "$(kernel cpu.max)" "150000 100000"
    absent run/systemd/system/$slice.d
}

test_persist_goes_to_the_places_that_last() {
    local before
    login $uid && pid1
    before=$(snapshot)
    leash -u $uid --persist
    expect 0 "$uid: CPU 50%" ""
    there var/lib/leash/$slice
    there etc/systemd/system/$slice.d/zz-leash.conf
    absent run/leash/$slice
    absent run/systemd/system/$slice.d
    equal "mode of the directory" "$(stat -c %a "$root/var/lib/leash")" 700
    equal "mode of the record" "$(stat -c %a "$root/var/lib/leash/$slice")" 600
    leash list
    like list "$out" "*$slice*CPU 50%*"
    leash release -u $uid
    expect 0 "$uid: released" ""
    absent etc/systemd/system/$slice.d
    absent var/lib/leash/$slice
    unchanged "$before"
}

test_persist_survives_a_reboot() {
    login $uid && pid1
    leash -u $uid --persist
    stop_pid1
    rm -rf "$root/run" "$root/fake/live" "$root/sys/fs/cgroup/user.slice/$slice"
    mkdir -p "$root"/run/systemd/{system,system.control,transient} "$root/fake/live"
    login $uid && pid1
    equal "cpu.max after the reboot" "$(kernel cpu.max | cut -d' ' -f1)" 50000
    leash list
    like list "$out" "*$slice*CPU 50%*"
    leash release -u $uid
    expect 0 "$uid: released" ""
    equal "cpu.max after the release" "$(kernel cpu.max)" "max 100000"
    absent etc/systemd/system/$slice.d
    absent var/lib/leash/$slice
}

test_persist_can_be_added_and_taken_away() {
    login $uid && pid1
    leash -u $uid
    leash -u $uid --persist
    there etc/systemd/system/$slice.d/zz-leash.conf
    there var/lib/leash/$slice
    absent run/systemd/system/$slice.d/zz-leash.conf
    absent run/leash/$slice
    leash -u $uid
    there run/systemd/system/$slice.d/zz-leash.conf
    there run/leash/$slice
    absent etc/systemd/system/$slice.d
    absent var/lib/leash/$slice
}

test_freeze_freezes_and_release_thaws() {
    local before
    login $uid && pid1
    before=$(snapshot)
    leash -u $uid --freeze
    expect 0 "$uid: frozen yes" ""
    equal calls "$(settings)" "FreezeUnit $slice"
    equal cgroup.freeze "$(kernel cgroup.freeze)" 1
    forget
    leash release -u $uid
    expect 0 "$uid: released" ""
    equal "calls of release" "$(settings)" "ThawUnit $slice"
    unchanged "$before"
}

test_freeze_with_a_quota_gives_both_back() {
    local before
    login $uid && pid1
    before=$(snapshot)
    leash -u $uid --freeze -q 20%
    expect 0 "$uid: CPU 20%, frozen yes" ""
    leash release -u $uid
    unchanged "$before"
}

test_freeze_is_thawed_although_the_admin_changed_the_files() {
    login $uid && pid1
    leash -u $uid --freeze
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=80%"
    leash release -u $uid
    expect 0 "$uid: released" ""
    equal cgroup.freeze "$(kernel cgroup.freeze)" 0
    equal "PID 1's quota" "$(live CPUQuotaPerSecUSec)" 800000
}

# What was frozen before stays frozen after.
test_freeze_of_what_was_frozen_leaves_it_frozen() {
    login $uid && pid1
    echo 1 >"$root/sys/fs/cgroup/user.slice/$slice/cgroup.freeze"
    leash -u $uid --freeze
    leash release -u $uid
    equal cgroup.freeze "$(kernel cgroup.freeze)" 1
}

test_release_after_the_admin_set_a_property_between_two_leashes() {
    login $uid && pid1
    leash -u $uid -q 50%
    conf run/systemd/system.control/$slice.d/50-CPUQuota.conf "[Slice]" "CPUQuota=250%"
    sed -i 's/^CPUQuotaPerSecUSec=.*/CPUQuotaPerSecUSec=2500000/' "$root/fake/live/$slice"
    leash -u $uid -q 30%
    leash release -u $uid
    equal cpu.max "$(kernel cpu.max)" "250000 100000"
    there run/systemd/system.control/$slice.d/50-CPUQuota.conf
}

test_release_interrupted_after_a_reboot_brings_no_runtime_value_back() {
    login $uid
    conf run/systemd/system.control/$slice.d/50-CPUQuota.conf "[Slice]" "CPUQuota=250%"
    pid1
    leash -u $uid --persist
    stop_pid1
    rm -rf "$root/run" "$root/fake/live" "$root/sys/fs/cgroup/user.slice/$slice"
    mkdir -p "$root"/run/systemd/{system,system.control,transient} "$root/fake/live"
    login $uid && pid1
    rule first GetUnit kill
    leash release -u $uid
    behave
    leash list
    equal status "$status" 0
    equal cpu.max "$(kernel cpu.max)" "max 100000"
    absent run/systemd/system.control/$slice.d
}

test_release_after_the_slice_got_a_unit_file() {
    login $uid && pid1
    leash -u $uid
    conf etc/systemd/system/$slice "[Slice]" "CPUQuota=300%"
    forget
    leash release -u $uid
    like calls "$(calls)" "*Reload*"
}

# A ledger outlives a boot, after which PID 1 may be another one.
test_release_leash_of_another_backend() {
    local before
    login $uid && pid1
    leash -u $uid -q 30%
    expect 0 "*" ""
    equal "whose it is" "$(ledger Backend)" systemd
    sed -i 's/^Backend=.*/Backend=cgroup/' "$root/run/leash/$slice"
    echo "max 100000" >"$root/sys/fs/cgroup/user.slice/$slice/cpu.max" # nothing of its is here
    before=$(snapshot)
    forget
    leash list
    expect 0 "*$slice *CPU 30% (BY ANOTHER BACKEND) *" ""
    leash show -u $uid
    expect 0 "*BY ANOTHER BACKEND*backend *cgroup: not looked at*" ""
    leash show -u $uid --json
    like json "$out" '*"backend": "cgroup"*"enforced": null*'
    leash doctor
    like doctor "$out" "*ok *enforced *all*warning *other backends *$slice is leashed by 'cgroup', not looked at*"
    leash -u $uid -q 20%
    expect_error 1 "not limited: a leash by another backend is on; release it first"
    leash release -u $uid # it is not to be had below another root
    expect_error 1 "leashed by the backend 'cgroup', which does not work here now: *; release it where it does"
    leash release --expired
    expect 0 "" ""
    no_changes
    unchanged "$before"
    sed -i 's/^Backend=.*/Backend=of-a-later-version/' "$root/run/leash/$slice"
    leash release -u $uid
    expect_error 1 "'of-a-later-version'*this leash does not know it"
    sed -i '/^Backend=/d' "$root/run/leash/$slice" # of an earlier version
    leash release -u $uid
    expect 0 "$uid: released" ""
    absent run/leash/$slice
    equal quota "$(kernel cpu.max)" "max 100000"
}

# orphaned UID: a leash whose record somebody has deleted
orphaned() {
    leash -u $1 --force
    rm "$root/run/leash/user-$1.slice"
    there run/systemd/system/user-$1.slice.d/zz-leash.conf
}

test_release_of_a_leash_without_a_record_is_bounded_for_a_helpdesk() {
    login $uid && pid1
    orphaned $uid
    environment=("PKEXEC_UID=$uid")
    leash release -u $uid
    expect_error 3 "$slice: only root may release this; use sudo"
    there run/systemd/system/$slice.d/zz-leash.conf
    environment=(PKEXEC_UID=57999)
    leash release -u $uid
    expect 0 "$slice: a leash without a record was taken away*" ""
    absent run/systemd/system/$slice.d
}

# A login under way writes the drop-in and its record under the lock.
test_release_of_a_leash_without_a_record_waits_for_who_is_at_work() {
    local lock
    login $uid && pid1
    leash -u $uid
    mv "$root/run/leash/$slice" "$root/record"
    exec {lock}>"$root/run/leash/$slice.lock"
    flock $lock
    (sleep 0.7; mv "$root/record" "$root/run/leash/$slice"; flock -u $lock) &
    leash release -u $uid
    exec {lock}>&-
    expect 0 "$uid: not leashed" ""
    there run/systemd/system/$slice.d/zz-leash.conf
    there run/leash/$slice
}

# PID 1 reads drop-ins when it loads the slice, which may be right after it said that there is none.
test_release_leaves_nothing_to_a_login_that_comes_just_then() {
    pid1
    leash -u $uid
    forget
    rule first GetUnit kill-after
    leash release -u $uid
    equal status "$status" 137
    behave
    login $uid
    daemon_reload
    equal cpu.max "$(kernel cpu.max)" "max 100000"
}
