# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2086
# A program of the user's that tries to open the lock, or to have it end the session, by X alone.

# intrude WHAT...
intrude() { "$build/tests/intruder" "$@" 2>>"$root/intruder.log"; }

cover_is() { [[ $(intrude cover) == "$1" ]]; }

test_intruder_events_that_no_server_sent() {
    local first t0
    policy idle=60s "locker=$(locker)"
    desktop && start
    lock_up
    first=$(locker_pid)
    intrude fake || fail "nothing was sent"
    t0=$(now)
    state_is locked || fail "it is $(status state)"
    within "the answer took" $(($(now) - t0)) 0 1500000
    sleep 4
    equal "the locker" "$(locker_pid)" "$first"
    equal deaths "$(status locker_deaths)" 0
    locker_up || fail "the locker is not up"
    equal cover "$(intrude cover)" 1024x768+0+0
    never_open
    alive
    unlock
}
