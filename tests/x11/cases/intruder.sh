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

# hurt WHAT: it does that to the cover, below a locker that is up and without one
hurt() {
    local first
    policy idle=60s "locker=$(locker)" "fallback-locker=$(locker)"
    desktop && start
    lock_up
    first=$(locker_pid)
    intrude "$1" || fail "there was no cover"
    wait_until 3 cover_is 1024x768+0+0
    locker_up || fail "the locker is not up"
    equal "the locker" "$(locker_pid)" "$first"
    kill -KILL "$first"
    wait_until 10 locker_up
    never_open
    alive
    unlock
}

test_intruder_moves_the_cover() { hurt move; }
test_intruder_unmaps_the_cover() { hurt unmap; }
test_intruder_destroys_the_cover() { hurt destroy; }
test_intruder_keeps_the_cover() { hurt reparent; }

# Without a locker the grabs went with the cover, and must be ours again.
test_intruder_destroys_the_cover_that_has_the_grabs() {
    policy idle=60s "locker=$root/not-there"
    desktop && start
    login_say refuse
    lock_now
    wait_until 10 logged Terminate
    intrude destroy || fail "there was no cover"
    wait_until 3 cover_is 1024x768+0+0
    sleep 0.2
    ! "$build/tests/observer" grab 0 >/dev/null || fail "the grabs are free"
    alive
}

test_intruder_destroys_the_window_that_answers() {
    local first
    policy idle=60s "locker=$(locker)"
    desktop && start
    lock_up
    first=$(locker_pid)
    intrude helper || fail "nobody has the selection"
    wait_until 5 state_is locked
    sleep 4
    xdotool key x
    sleep 0.5
    equal "the locker" "$(locker_pid)" "$first"
    locker_up || fail "the locker is not up"
    never_open
    alive
    unlock
}

# Who can be told from leash-lock by the server is not even asked.
asked_in_vain() { # SECONDS
    local n
    n=$(intrude take "$1")
    ! ldd "$build/tests/leash-lock" | grep -q libXRes || equal "asked" "$n" 0
}

# It answers as leash-lock would, and the selection is taken back.
test_intruder_plays_leash_lock() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    asked_in_vain 1
    wait_until 5 state_is open
    lock_up
    asked_in_vain 3
    state_is locked || fail "it is $(status state)"
    never_open
    alive
    unlock
}

# leash-lock does not leave what it has covered to one that may be anybody.
test_intruder_plays_leash_lock_while_no_locker_is_up() {
    policy idle=60s "locker=$(locker --slow)"
    desktop && start
    lock_now
    intrude take 1 >/dev/null
    wait_until 10 locker_up
    never_open
    alive
}

# Found by a leash-lock that starts, too.
test_intruder_is_there_first() {
    policy idle=60s "locker=$(locker)"
    desktop
    spawn "$build/tests/intruder" take 20
    sleep 0.3
    spawn "$build/tests/leash-lock" 2>>"$root/lock.log"
    lock=$spawned
    observe
    wait_until 5 grep -q inhibit "$root/login"
    lock_up
    alive
    unlock
}

# overlay KIND SECONDS: a full-screen window over all others, and with KIND overlay the grabs
overlay() {
    spawn "$build/tests/intruder" "$1" "$2" >"$root/over" 2>>"$root/intruder.log"
    over=$spawned
}
is_over() { [[ -s $root/over ]]; }

not_before_the_locker() {
    wait_until 5 grep -q mapped "$root/locker"
    wait_until 20 locker_up
    wait_until 2 logged "SetLockedHint yes"
    (($(time_of login "SetLockedHint yes") > $(time_of locker mapped))) || fail "said to be locked before the locker was there"
}

# What is the locker's is not told by what a window looks like: it starts for two seconds.
test_intruder_window_is_no_lockers() {
    policy idle=60s "locker=$(locker --slow)"
    desktop && start
    login_say sleep
    wait_until 5 grep -q started "$root/locker"
    overlay overlay 6
    wait_until 3 is_over
    not_before_the_locker
    wait_until 2 logged released
    (($(time_of login released) > $(time_of locker mapped))) || fail "the sleep was released before the locker was there"
    never_open
    alive
}

# The server cannot tell whose a window is; one that was there before the locker is not its own.
test_intruder_window_is_no_lockers_without_xres() {
    policy idle=60s "locker=$(locker --slow)"
    desktop -extension X-Resource && start
    overlay overlay 3
    wait_until 3 is_over
    lock_now
    wait_until 5 grep -q started "$root/locker"
    not_before_the_locker
    never_open
    alive
}

# It hides the locker's window while that comes up, and goes: that is not the locker's going.
test_intruder_window_goes() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    overlay window 20
    wait_until 3 is_over
    lock_up
    kill -KILL $over
    sleep 1
    locker_up || fail "the locker is not up"
    equal deaths "$(status locker_deaths)" 0
    equal "lockers started" "$(grep -c started "$root/locker")" 1
    never_open
    alive
    unlock
}

# Over the locker's when the password was right: that was the locker's success all the same.
test_intruder_window_stays() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    lock_up
    overlay window 20
    wait_until 3 is_over
    kill -USR1 "$(locker_pid)"
    wait_until 5 grep -q unlocks "$root/locker"
    sleep 1
    equal state "$(status state)" open
    ! grep -q "in the background" "$root/lock.log" || fail "the locker was blamed"
    alive
}
