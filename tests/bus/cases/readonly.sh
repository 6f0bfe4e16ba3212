# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# What only looks, changes nothing.

# As somebody else than the owner of the ledger
ordinary() {
    another_user 65534
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
}

# looks ARGUMENTS...: no changing call, no changed file
looks() {
    local before
    before=$(snapshot)
    forget
    leash "$@"
    no_changes
    unchanged "$before" "after $*"
}

test_looking_changes_nothing_without_a_leash() {
    local verb
    login $uid && pid1
    for verb in list "list --json" "show -u $uid" "show -u $uid --json" "explain $$" doctor "doctor --json" \
        "-n -u $uid" "-n -u $uid --for=1h --persist --freeze -q 20%" "release -n -u $uid" "release -n --all"; do
        looks $verb
        equal "calls of $verb" "$(count_calls)" 0
    done
    absent run/leash
}

test_looking_changes_nothing_with_a_leash() {
    local verb
    login $uid && pid1
    leash -u $uid --for=1h -q 40% --reason=builds
    for verb in list "list --json" "show -u $uid" "show -u $uid --json" "explain $$" doctor "doctor --json" \
        "-n -u $uid" "-n -u $uid --for=1h --persist --freeze -q 20%" "release -n -u $uid" "release -n --all"; do
        looks $verb
    done
    equal "the leash" "$(kernel cpu.max | cut -d' ' -f1)" 40000
}

test_dry_run_says_what_would_be_done() {
    pid1
    leash -n -u $uid -q 30% --memory-max=2G
    expect 0 "$uid: would limit $slice to CPU 30%, memory max 2.0G" ""
    leash -n -u $uid
    expect 0 "$uid: would limit $slice to CPU 50%" ""
}

test_dry_run_of_release_says_what_would_be_released() {
    login $uid && pid1
    leash -u $uid
    leash release -n -u $uid
    expect 0 "*would be released" ""
    leash list
    like list "$out" "*CPU 50%*"
}

test_list_shows_each_leash() {
    login $uid && login $other && pid1
    leash -u $uid -q 30% --for=1h --reason="too many builds"
    leash -u $other --memory-max=1G
    leash list
    expect 0 "USER *" ""
    equal lines "$(wc -l <<<"$out")" 3
    like "the first" "$(sed -n 2p <<<"$out")" "$uid *$slice *CPU 30% *manual *??:??:?? *??:??* *too many builds"
    like "the second" "$(sed -n 3p <<<"$out")" "$other *user-$other.slice *memory max 1.0G *manual *??:??:?? *-*"
}

test_show_tells_what_was_before() {
    login $uid
    conf etc/systemd/system/$slice.d/20-site.conf "[Slice]" "CPUQuota=150%"
    pid1
    leash -u $uid -q 30% --cpu-period=100ms --reason=builds
    leash show -u $uid
    expect 0 "$uid (uid $uid)*" ""
    like leash "$out" "*$slice: CPU 30%, enforced*manual*: builds*before*CPU 150%*kernel*cpu.max 30000 100000*"
}

test_list_measures_all_where_few_files_may_be_open() {
    local i name
    login $uid && pid1
    leash -u $uid
    for ((i = 1; i < 10; i++)); do
        name=user-$((uid + i)).slice
        sed "s/$uid/$((uid + i))/g" "$root/run/leash/$slice" >"$root/run/leash/$name"
        chmod 600 "$root/run/leash/$name"
        cp -r "$root/sys/fs/cgroup/user.slice/$slice" "$root/sys/fs/cgroup/user.slice/$name"
    done
    as=(prlimit --nofile=16:16) # half of them stay open between the two looks
    leash list --json
    equal "exit status" "$status" 0
    equal "all are enforced and measured" "$(jq 'length == 10 and all(.enforced and (.cpu_percent | type) == "number")' <<<"$out")" true
}

test_list_and_show_in_json_parse() {
    command -v jq >/dev/null || skip "needs jq"
    login $uid && pid1
    leash -u $uid --for=1h --reason=$'a "quoted"\nreason'
    leash list --json
    equal "length of list" "$(jq length <<<"$out")" 1
    leash show -u $uid --json
    equal "base of show" "$(jq '.[0].base | has("cpu_quota_percent")' <<<"$out")" true
    leash doctor --json
    equal "doctor --json" "$(jq 'length > 0 and all(has("check") and has("health") and has("remedy"))' <<<"$out")" true
}

test_doctor_finds_a_drop_in_without_a_record_and_its_remedy_works() {
    login $uid && pid1
    leash -u $uid
    rm "$root/run/leash/$slice"
    leash doctor
    like doctor "$(grep -A 1 leftovers <<<"$out")" "FAILED *leftovers*$slice.d/zz-leash.conf*-> leash release -u*"
    equal status "$status" 4
    leash release -u $uid
    absent run/systemd/system/$slice.d
    leash doctor
    like "leftovers after the remedy" "$(grep leftovers <<<"$out")" "ok *none"
}

# damaged COMMAND...: what the command says of it
damaged() {
    login $uid && pid1
    leash -u $uid
    sed -i 's/^cpu-quota=.*/cpu-quota=many/' "$root/run/leash/$slice"
    leash "$@"
    like "stderr of $*" "$err" "leash: *damaged*"
    there run/leash/$slice.damaged
}

test_damaged_record_is_set_aside_and_said_by_list() { damaged list; }
test_damaged_record_is_set_aside_and_said_by_show() { damaged show -u $uid; }
test_damaged_record_is_set_aside_and_said_by_release() { damaged release -u $uid; }
test_damaged_record_is_set_aside_and_said_by_cap() { damaged -u $uid; }

test_damaged_record_is_seen_by_doctor() {
    damaged list
    leash doctor
    like doctor "$out" "*warning*damaged records*1 set aside*"
}

test_ordinary_users_see_the_leashes() {
    ordinary
    login $uid && as=() && pid1
    leash -u $uid -q 30% --for=1h --reason=secret
    leash -u $other -q infinity
    forget
    as=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    leash list
    expect 0 "*$uid *$slice *CPU 30%*" ""
    [[ $out != *secret* ]] || fail "the reason is not everybody's business: $out"
    like "no limit" "$out" "*user-$other.slice *CPU no limit*"
    leash show -u $uid
    equal status "$status" 0
    leash -n -u $uid
    expect 0 "$uid: would limit*" ""
    leash doctor
    ((status == 0 || status == 4)) || fail "doctor: exit status $status: $err"
    equal calls "$(count_calls)" 0
}

test_ordinary_users_change_nothing() {
    local before verb
    [[ ! -e /usr/bin/pkexec ]] || skip "pkexec is here and would ask"
    ordinary
    login $uid && pid1
    before=$(snapshot)
    for verb in "-u $uid" "release -u $uid" "release --all"; do
        leash $verb
        expect_error 3 "this needs root; use sudo"
    done
    equal calls "$(count_calls)" 0
    unchanged "$before"
}
