#!/bin/bash
# SPDX-License-Identifier: MIT
# After release everything is byte for byte what it was, whatever the admin had set before.
# undo.sh [KIND...]: on top of all kinds of an admin's default, or of those named
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin

reload() {
    systemctl daemon-reload
}

# holds USER: still 50 % in the kernel and in the unit, after a daemon-reload
holds() {
    local uid=${uid_of[$1]} property
    property=$(systemctl show "user-$uid.slice" -P CPUQuotaPerSecUSec)
    [[ $(quota "$uid") == 50 && $property == 500ms ]] ||
        problem "$1 after daemon-reload: quota $(quota "$uid"), property $property"
}

# round_trip KIND: on top of one kind of admin's default, alice is released, and bob's time runs out
round_trip() {
    local kind=$1 alices bobs start
    site_default "$kind"
    alices=$(snapshot 1001) bobs=$(snapshot 1002)
    [[ $kind == none || "$(quota 1001) $(quota 1002)" == "150 150" ]] ||
        problem "the default is $(quota 1001) $(quota 1002)"
    session_spawn "$alice" burn 1
    run leash "$SPAWNED"
    status_is 0
    [[ $(quota 1001) == 50 ]] || problem "quota $(quota 1001)"
    verdict "default $kind: leash PID"
    start=$SECONDS
    run leash -u bob --for 15s
    status_is 0
    [[ $(quota 1002) == 50 ]] || problem "quota $(quota 1002)"
    verdict "default $kind: --for 15s"
    pkill -KILL -x leash
    reload
    holds alice
    verdict "default $kind: 50 % also after daemon-reload"
    if ((SECONDS - start <= 12)); then
        holds bob
        verdict "default $kind: --for 15s: 50 % also after daemon-reload"
    else
        skip "default $kind: --for 15s: 50 % also after daemon-reload" "so slow a guest that its time was nearly over"
    fi
    run leash release -u alice
    status_is 0
    verdict "default $kind: release"
    same "default $kind: as before at once" "$alices" "$(snapshot 1001)"
    wait_for 40 eval '[[ ! -e /run/leash/user-1002.slice ]]' || problem "not within $((SECONDS - start)) s"
    ((SECONDS - start >= 14)) || problem "after $((SECONDS - start)) s"
    wait_for 10 eval '[[ -z $(leftovers) ]]'
    verdict "default $kind: --for 15s ran out"
    same "default $kind: as before after --for" "$bobs" "$(snapshot 1002)"
    reload
    same "default $kind: as before after release and daemon-reload" "$alices" "$(snapshot 1001)"
    same "default $kind: as before after --for and daemon-reload" "$bobs" "$(snapshot 1002)"
    check_equal "default $kind: nothing is left" "$(leftovers)" ""
    kill -KILL "$SPAWNED"
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
    session_close "$bob"
    logout_all alice
    check "the slice is gone with the last login" slice_gone 1001
    run leash list
    [[ $STATUS == 0 && $OUT == *alice* ]] || problem "list does not show alice"
    verdict "logged out: list still has the leash"
    login alice alice
    capped "logout and new login while leashed: still capped" 1001 50
    session_spawn "$alice" burn 2
    sleep 1
    measures "and in fact" 40 54 cpu_of_slice 1001 10
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
login bob bob
(($#)) || set -- none 10-site 99-site 10-and-99 set-property runtime
for kind; do
    round_trip "$kind"
done
site_default none
test_edited_default
test_logout
test_persist
suite_end
