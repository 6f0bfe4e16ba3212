#!/bin/bash
# SPDX-License-Identifier: MIT
# After release everything is byte for byte what it was, whatever the admin had set before.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin

reload() {
    systemctl daemon-reload
}

# gone: no leash of alice is on the books
unleashed() {
    [[ $(leash list --json | jq length) == 0 ]]
}

# round_trip KIND: release, and then running out of time, on top of one kind of admin's default
round_trip() {
    local kind=$1 before start
    site_default "$kind"
    before=$(snapshot 1001)
    [[ $kind == none || $(quota 1001) == 150 ]] || problem "the default is $(quota 1001)"

    run leash "$(shell_of "$alice")"
    status_is 0
    [[ $(quota 1001) == 50 ]] || problem "leashed: quota $(quota 1001)"
    reload
    [[ $(quota 1001) == 50 ]] || problem "after daemon-reload: quota $(quota 1001)"
    [[ $(systemctl show user-1001.slice -P CPUQuotaPerSecUSec) == 500ms ]] ||
        problem "after daemon-reload: property $(systemctl show user-1001.slice -P CPUQuotaPerSecUSec)"
    verdict "default $kind: 50 %, also after daemon-reload"
    run leash release -u alice
    status_is 0
    verdict "default $kind: release"
    same "default $kind: as before at once" "$before" "$(snapshot 1001)"
    reload
    same "default $kind: as before after daemon-reload" "$before" "$(snapshot 1001)"
    check_equal "default $kind: nothing is left" "$(leftovers)" ""

    start=$SECONDS
    run leash -u alice --for 10s
    status_is 0
    pkill -KILL -x leash
    reload
    ((SECONDS - start >= 9)) || [[ $(quota 1001) == 50 ]] || problem "after daemon-reload: quota $(quota 1001)"
    wait_for 30 eval '[[ ! -e /run/leash/user-1001.slice ]]' || problem "still leashed after $((SECONDS - start)) s"
    ((SECONDS - start >= 9)) || problem "released after $((SECONDS - start)) s"
    verdict "default $kind: --for 10s ran out"
    wait_for 10 eval '[[ -z $(leftovers) ]]'
    same "default $kind: as before after --for" "$before" "$(snapshot 1001)"
    reload
    same "default $kind: as before after --for and daemon-reload" "$before" "$(snapshot 1001)"
    check_equal "default $kind: nothing is left after --for" "$(leftovers)" ""
}

# an admin who changes his default while somebody is leashed
test_edited_default() {
    local before
    site_default 99-site 120
    before=$(snapshot 1001)
    site_default 99-site 150
    leash -u alice >/dev/null
    site_default 99-site 120
    capped "the default is edited while leashed: still" 1001 50
    run leash release -u alice
    same "edited while leashed: the new default counts after release" "$before" "$(snapshot 1001)"
    reload
    same "edited while leashed: and after daemon-reload" "$before" "$(snapshot 1001)"

    site_default none
    before=$(snapshot 1001)
    site_default 10-site
    leash -u alice >/dev/null
    site_default none
    leash release -u alice >/dev/null
    reload
    same "removed while leashed: no limit after release" "$before" "$(snapshot 1001)"

    leash -u alice >/dev/null
    systemctl set-property user-1001.slice CPUQuota=80%
    leash release -u alice >/dev/null
    reload
    check_equal "set-property by the admin while leashed outlasts the release" "$(quota 1001)" 80
    site_default none
}

test_logout() {
    local before
    before=$(snapshot 1001)
    leash "$(shell_of "$alice")" >/dev/null
    logout_all alice
    check "the slice is gone with the last login" slice_gone 1001
    run leash list
    [[ $STATUS == 0 && $OUT == *alice* ]] || problem "list does not show alice"
    verdict "logged out: list still has the leash"
    login alice alice
    capped "logout and new login while leashed: still capped" 1001 50
    session_spawn "$alice" burn 2
    sleep 1
    measures "and in fact" 40 54 cpu_of_slice 1001 3
    kill -KILL "$SPAWNED"
    leash release -u alice >/dev/null
    same "released: as before" "$before" "$(snapshot 1001)"
    logout_all alice
    login alice alice
    same "logout and new login after release: not capped" "$before" "$(snapshot 1001)"

    leash -u alice >/dev/null
    logout_all alice
    run leash release -u alice
    status_is 0
    verdict "released while logged out"
    check_equal "nothing is left" "$(leftovers)" ""
    login alice alice
    same "the next login is not capped" "$before" "$(snapshot 1001)"

    logout_all alice
    run leash -u alice -q 30%
    status_is 0
    verdict "leashed while logged out"
    login alice alice
    capped "leashed while logged out: the next login is capped" 1001 30
    leash release -u alice >/dev/null
    same "and as before after release" "$before" "$(snapshot 1001)"
}

test_persist() {
    local before own=/etc/systemd/system/user-1001.slice.d/zz-leash.conf
    before=$(snapshot 1001)
    run leash -u alice --persist -q 40%
    status_is 0
    [[ -s $own ]] || problem "no $own"
    [[ -s /var/lib/leash/user-1001.slice ]] || problem "no record in /var/lib/leash"
    [[ $(stat -c '%U %a' /var/lib/leash) == "root 700" ]] || problem "/var/lib/leash is $(stat -c '%U %a' /var/lib/leash)"
    verdict "--persist: drop-in in /etc, record in /var/lib"
    reload
    capped "--persist: after daemon-reload" 1001 40
    run leash -u alice -q 60%
    capped "--persist: leashed again without" 1001 60
    [[ ! -e $own && ! -e /var/lib/leash/user-1001.slice ]] || problem "what persisted is still there"
    verdict "leashed again without --persist: it will not survive a reboot"
    leash -u alice --persist >/dev/null
    leash release -u alice >/dev/null
    same "--persist: release" "$before" "$(snapshot 1001)"
    reload
    same "--persist: release, after daemon-reload" "$before" "$(snapshot 1001)"
    check_equal "--persist: nothing is left" "$(leftovers)" ""
}

login alice alice
for kind in none 10-site 99-site set-property runtime; do
    round_trip "$kind"
done
site_default none
test_edited_default
test_logout
test_persist
suite_end
