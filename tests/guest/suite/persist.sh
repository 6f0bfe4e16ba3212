#!/bin/bash
# SPDX-License-Identifier: MIT
# What outlasts a reboot: a leash made with --persist and the admin's default, and nothing else.
# Boots twice, so it is not for all.sh.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin
if [[ $LEASH_GUEST_BOOT == 1 ]]; then
    trap - EXIT
    site_default 10-site
    login alice alice
    snapshot 1001 >/var/lib/before
    run leash -u alice --persist -q 40% --reason "for long"
    check_equal "leashed with --persist" "$STATUS $(quota 1001)" "0 40"
    run leash -u bob -q 30%
    check_equal "another without" "$STATUS" 0
    run leash -u carol --persist --for 5s
    check_equal "a third with --persist, for five seconds" "$STATUS" 0
    guest_reboot
fi
sleep $((5 - SECONDS < 0 ? 0 : 5 - SECONDS))
run leash list --json
status_is 0
[[ $(jq -r '.[].user' "$lib_run/out" | tr '\n' ' ') == "alice " ]] ||
    problem "listed: $(jq -r '.[].user' "$lib_run/out" | tr '\n' ' ')"
json_is '.[0].reason == "for long"' "$lib_run/out" || problem "the reason is lost"
verdict "after the reboot the books hold the persistent leash alone"
login alice alice
login bob bob
login carol carol
check_equal "who is limited after the reboot" "$(quota 1001) $(quota 1002) $(quota 1003)" "40 150 150"
run leash list --json
json_is '.[0].enforced' "$lib_run/out" || problem "not enforced"
verdict "it is verified"
run leash release -u alice
status_is 0
verdict "release after the reboot"
same "as before the first boot's leash" "$(</var/lib/before)" "$(snapshot 1001)"
check_equal "nothing is left behind" "$(leftovers)" ""
suite_end
