# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2086
# What starts leash-lock in a session, and starts it again.

# keep: leash-lock-keep, $keeper
keep() {
    mkdir -p "$root/bin"
    ln -sf "$build/tests/leash-lock" "$root/bin/leash-lock"
    sed "s|@BINDIR@|$root/bin|g" "$here/../../packaging/xsession/leash-lock-keep" >"$root/bin/keep"
    spawn sh "$root/bin/keep" 2>>"$root/lock.log"
    keeper=$spawned
    wait_until 5 "$build/tests/leash-lock" status
}

kept_pid() { status pid; }
is_another() { [[ -n $(kept_pid) && $(kept_pid) != "$1" ]]; }

test_keep_starts_another_for_one_that_was_ended() {
    local signal pid
    policy idle=60s "locker=$(locker)"
    desktop && keep
    for signal in TERM KILL TERM TERM; do
        pid=$(kept_pid)
        kill -$signal "$pid"
        wait_until 5 is_another "$pid"
    done
    kill -KILL "$(kept_pid)"
    wait_until 5 state_is open
    kill -KILL "${started[3]}" # the X server
    wait_until 5 eval "! kill -0 $keeper"
}

test_keep_ends_where_there_is_one() {
    policy idle=60s "locker=$(locker)"
    desktop && start && keep
    wait_until 5 eval "! kill -0 $keeper"
    alive
}
