# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2086
# Other clients of the display, and leash-locks beside each other.

test_display_has_one_leash_lock() {
    local code=0
    policy idle=60s "locker=$(locker)"
    desktop && start
    "$build/tests/leash-lock" 2>"$root/second" || code=$?
    equal "exit status" $code 3
    like stderr "$(cat "$root/second")" "leash-lock: a leash-lock runs on this display already"
    alive
}

test_display_stopped_leash_lock_is_replaced() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    kill -STOP $lock
    spawn "$build/tests/leash-lock" 2>>"$root/lock.log"
    lock=$spawned
    sleep 2.5
    equal state "$(status state)" open
    alive
}

test_display_many_leash_locks_start_at_once() {
    local i pids=() alive=0
    policy idle=60s "locker=$(locker)"
    desktop
    for i in 1 2 3 4 5 6; do
        spawn "$build/tests/leash-lock" 2>>"$root/lock.log"
        pids+=("$spawned")
    done
    wait_until 5 "$build/tests/leash-lock" status
    sleep 3
    for i in "${pids[@]}"; do
        ! kill -0 "$i" 2>/dev/null || { alive=$((alive + 1)) lock=$i; }
    done
    equal "how many run" $alive 1
    alive
}

# Stopped while locked, replaced, and it goes on: they do not fight.
test_display_replaced_leash_lock_gives_in() {
    local old
    policy idle=60s "locker=$(locker)"
    desktop && start
    lock_up
    old=$lock
    kill -STOP $old
    spawn "$build/tests/leash-lock" 2>>"$root/lock.log"
    lock=$spawned
    wait_until 6 state_is locked
    wait_until 6 locker_up
    kill -CONT $old
    wait_until 6 eval "! kill -0 $old"
    sleep 0.5
    equal state "$(status state)" locked
    wait_until 5 locker_up
    never_open
    alive
    unlock
}

test_display_without_leash_lock_is_told() {
    local code=0
    desktop
    "$build/tests/leash-lock" status 2>/dev/null || code=$?
    equal "exit status" $code 5
    code=0
    DISPLAY=:4711 "$build/tests/leash-lock" 2>/dev/null || code=$?
    equal "exit status without a display" $code 1
}

# held KIND: another client keeps the grabs for long
held() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    if [[ $1 == managed ]]; then
        command -v openbox >/dev/null || skip "openbox is not here"
        spawn openbox --sm-disable 2>/dev/null
        sleep 0.7
    fi
    exec {held_fd}< <(exec setpriv --pdeathsig KILL "$build/tests/observer" "$1" 40)
    read -r -t 20 -u $held_fd || fail "nothing was grabbed"
    lock_now
    wait_until 1 grep -q covered "$root/seen"
    wait_until 6 locker_up
    like log "$(cat "$root/lock.log")" "*another program holds*"
    never_open
    unlock
    alive
}

test_display_menu_is_open() { held grab; }
test_display_full_screen_program_has_grabs() { held managed; }

test_display_grab_that_cannot_be_broken_is_waited_for() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    exec {held_fd}< <(exec setpriv --pdeathsig KILL "$build/tests/observer" root 6)
    read -r -t 20 -u $held_fd || fail "nothing was grabbed"
    lock_now
    sleep 2
    equal state "$(status state)" locking
    wait_until 10 locker_up
    never_open
    alive
}

test_slow_display_grab_for_ever_ends_the_session() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    exec {held_fd}< <(exec setpriv --pdeathsig KILL "$build/tests/observer" root 40)
    read -r -t 20 -u $held_fd || fail "nothing was grabbed"
    lock_now
    wait_until 15 logged Terminate
    equal "locked hint" "$(status locked_hint)" false
    never_open
    alive
}

# busy: by a client that holds the server, and by a server that does not run at all
busy() { # COMMAND...: begins and ends it
    policy idle=60s "locker=$(locker)"
    desktop && start
    "$@" # the lock falls due meanwhile
    wait_until 10 locker_up
    (($(time_of login "SetLockedHint yes") > $(time_of locker mapped))) || fail "said to be locked before it was"
    equal deaths "$(status locker_deaths)" 0
    never_open
    alive
    unlock
}

server_held() {
    exec {held_fd}< <(exec setpriv --pdeathsig KILL "$build/tests/observer" server 4)
    read -r -t 20 -u $held_fd || fail "the server was not held"
    login_say lock
    sleep 2
    ! logged "SetLockedHint yes" || fail "said to be locked"
    ! grep -q covered "$root/seen" || fail "the server was not busy"
}

server_stopped() {
    kill -STOP "${started[3]}"
    login_say lock
    sleep 3
    ! logged "SetLockedHint yes" || fail "said to be locked"
    kill -CONT "${started[3]}"
}

test_display_server_is_held_by_a_client() { busy server_held; }
test_display_server_is_busy() { busy server_stopped; }

test_display_garbage_is_ignored() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    "$build/tests/observer" garbage || fail "nothing was sent"
    sleep 0.5
    alive
    wait_until 5 "$build/tests/leash-lock" status
    [[ $(status state) == open ]] || wait_until 5 locker_up # a client may ask for the lock
    lock_up
    "$build/tests/observer" garbage
    equal state "$(status state)" locked
    never_open
    alive
}

test_display_another_window_is_raised_all_the_time() {
    local before after
    policy idle=60s "locker=$(locker --slow)"
    desktop && start
    spawn "$build/tests/observer" raise 6
    lock_now
    before=$(awk '{ print $14 + $15 }' /proc/$lock/stat)
    sleep 1.5
    after=$(awk '{ print $14 + $15 }' /proc/$lock/stat)
    ((after - before < 75)) || fail "it took $(((after - before) * 10)) ms of CPU in 1.5 s"
    wait_until 10 locker_up
    alive
}

# leash-lock is killed while it is locked: the locker stays, the next one takes over.
test_display_leash_lock_killed_while_locked() {
    local first
    policy idle=60s "locker=$(locker)"
    desktop && start
    lock_up
    first=$(locker_pid)
    kill -KILL $lock
    sleep 0.5
    never_open
    start
    wait_until 10 locker_up
    [[ $(locker_pid) != "$first" ]] || fail "the old locker was kept"
    [[ ! -s /proc/$first/cmdline ]] || fail "the old locker still runs" # a zombie has none
    never_open
    unlock
    grep -q open <(tail -n 1 "$root/seen") || sleep 0.2
    equal "at last" "$(tail -n 1 "$root/seen" | cut -d' ' -f2)" open
}

test_display_leash_lock_told_to_end_while_locked() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    lock_up
    kill -TERM $lock
    wait_until 5 ended $lock
    kill -0 "$(locker_pid)" || fail "the locker is gone"
    never_open
}

test_display_leash_lock_does_not_end_without_a_locker() {
    policy idle=60s "locker=$(locker --never-map)"
    desktop && start
    lock_now
    wait_until 5 grep -q covered "$root/seen"
    kill -TERM $lock
    sleep 1
    alive
    never_open
}

test_display_ends_with_the_server() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    kill -KILL "${started[3]}"
    wait_until 5 ended $lock
}

test_display_status_of_a_locked_session() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    lock_up
    like json "$("$build/tests/leash-lock" status --json)" '[[]*"state": "locked"*"locked_since": "20??-*Z"*"locker_pid": '"$(locker_pid)"'*]'
    like text "$("$build/tests/leash-lock" status)" "*State: locked*Locked since: 20*"
    if command -v jq >/dev/null; then
        equal "hint in json" "$("$build/tests/leash-lock" status --json | jq '.[0].locked_hint')" true
    fi
}

test_display_installed_program_heeds_no_test_variable() {
    local here there
    policy idle=47s
    export LEASH_TEST_ROOT=$root
    there=$("$build/tests/leash-lock" tty --seconds)
    here=$("$build/leash-lock" tty --seconds)
    equal "with the tests' part" "$there" 47
    [[ $here != 47 ]] || fail "the installed program reads LEASH_TEST_ROOT"
    ! nm -D "$build/leash-lock" 2>/dev/null | grep -q LEASH_TEST || fail "it knows the variable"
    ! grep -qa LEASH_TEST "$build/leash-lock" || fail "it knows the variable"
}

# In a cluster getopt(3) has not yet done with the word that the letter stands in.
test_display_unknown_option_is_named() {
    local said
    said=$("$build/leash-lock" -xh status 2>&1)
    equal "exit status" "$?" 2
    equal "what is said" "$said" "leash-lock: -x: unknown option; see 'leash-lock --help'"
}
