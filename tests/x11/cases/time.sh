# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2086
# When it warns and locks, by real input events.

# Wakes up the idle clock, and tells when.
touch_mouse() {
    xdotool mousemove $((RANDOM % 500 + 1)) $((RANDOM % 500 + 1))
    now
}

test_exact_warned_and_locked_on_time() {
    local before t0 late warned covered
    policy idle=3s warn=1s "locker=$(locker)"
    desktop && start
    before=$(now)
    t0=$(touch_mouse)
    late=$((t0 - before)) # the event was at some time between
    wait_until 4 logged "SetIdleHint yes" # told at the moment of the warning
    warned=$(($(time_of login "SetIdleHint yes") - t0))
    wait_until 5 grep -q covered "$root/seen"
    wait_until 5 locker_up
    covered=$(($(time_of seen covered) - t0))
    within "warned" $warned $((1999000 - late)) 2500000
    within "covered" $covered $((2999000 - late)) 3500000
    figure "warned $(((warned - 2000000) / 1000)) ms after T - w"
    figure "locked $(((covered - 3000000) / 1000)) ms after T"
    figure "locker up $((($(time_of locker up) - t0 - 3000000) / 1000)) ms after T"
    equal state "$(status state)" locked
    never_open
    alive
}

# Told by when the lock came at last: a busy host may stretch what is asked in between.
test_exact_input_in_the_warning_cancels() {
    local before covered
    policy idle=6s warn=3s "locker=$(locker)"
    desktop && start
    touch_mouse >/dev/null
    wait_until 8 state_is warning
    touch_mouse >/dev/null
    wait_until 2 state_is open
    wait_until 8 state_is warning
    before=$(now)
    xdotool key a
    wait_until 12 locker_up
    covered=$(($(time_of seen covered) - before))
    within "covered after the last input" $covered 5900000 7500000
    equal "hints" "$(awk '/SetIdleHint/ && $3 != last { printf "%s ", last = $3 }' "$root/login")" "no yes no yes no yes "
    alive
}

test_saver_switched_off_does_not_matter() {
    policy idle=2s "locker=$(locker)"
    desktop && start
    xset s off 2>/dev/null || skip "xset is not here"
    wait_until 6 locker_up
    alive
}

test_server_without_idle_counter() {
    policy idle=2s "locker=$(locker)"
    export LEASH_TEST_NO_SYNC=1
    desktop && start
    wait_until 8 locker_up
    unlock
    alive
}

# A server that has been idle for long when it starts.
test_idle_before_it_started() {
    policy idle=2s warn=1s "locker=$(locker)"
    desktop
    sleep 2.5
    start
    wait_until 4 locker_up
}

test_unlocked_is_not_locked_again_at_once() {
    policy idle=2s "locker=$(locker)"
    desktop && start
    wait_until 6 locker_up
    sleep 1
    unlock
    sleep 0.5
    equal state "$(status state)" open
    alive
}

# wakeups SECONDS: how often leash-lock woke up
wakeups() {
    local before
    before=$(awk '/^(non)?voluntary_ctxt/ { n += $2 } END { print n }' /proc/$lock/status)
    sleep "$1"
    awk -v before="$before" '/^(non)?voluntary_ctxt/ { n += $2 } END { print n - before }' /proc/$lock/status
}

test_exact_asleep_while_idle_and_while_locked() {
    local idle locked
    policy idle=60s warn=10s blank-after=2s "locker=$(locker)"
    desktop && start
    sleep 0.5
    idle=$(wakeups 4)
    lock_up
    sleep 3
    locked=$(wakeups 4)
    equal "wake-ups while idle" "$idle" 0
    equal "wake-ups while locked" "$locked" 0
    figure "RSS $(awk '/^VmRSS/ { print $2 }' /proc/$lock/status) KiB"
}
