# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# A host that is being emptied, as its balancer and its admin see it.

# drained HOST on|off
drained() { LEASH_TEST_ROOT=$(root "$1") "$build/leash-xrdp" drain "$2" >/dev/null 2>&1 || fail "leash-xrdp drain $2 ended with $?"; }

test_drain_and_ready() {
    local i before
    farm
    start_haproxy "$example" || return
    before=$(logins alice)
    home=${before##*.}
    home=$((home - 11))
    equal "who comes again" "$(logins alice alice)" "$before"$'\n'"$before"
    drained $home on
    wait_until state_is $home "DRAIN (agent)"
    like "the balancer's admin sees why" "$(column last_agt $home)" "*draining*"
    equal "who has a session comes back to it" "$(logins alice)" "$before"
    for i in 1 2 3 4 5 6 7 8; do
        like "a newcomer" "$(logins "new$i")" "new$i 192.0.2.*"
        [[ $(logins "other$i") != *"${hosts[home]}" ]] || fail "a newcomer came to the host that is being emptied"
    done
    # HAProxy's own word is another's to take back; the agent's is the agent's.
    drained $home off
    wait_until state_is $home UP
    drained 0 on
    drained 1 on
    drained 2 on
    wait_until state_is 2 "DRAIN (agent)"
    wait_until state_is 0 "DRAIN (agent)"
    wait_until state_is 1 "DRAIN (agent)"
    equal "all closed: they still come back" "$(logins alice)" "$before"
    for i in 0 1 2; do drained $i off; done
    wait_until all_up
    end_farm
    stop_haproxy
}
