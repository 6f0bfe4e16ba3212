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

# As after "make uninstall". The keeper's pauses add up to minutes, so they are left out here.
test_keep_ends_when_leash_lock_is_gone_for_good() {
    sed "s|@BINDIR@|$root/none|g" "$here/../../packaging/xsession/leash-lock-keep" >"$root/keep"
    mkdir "$root/bin"
    printf '#!/bin/sh\necho >>%s\n' "$root/slept" >"$root/bin/sleep"
    chmod 755 "$root/bin/sleep"
    PATH=$root/bin:$PATH timeout 20 sh "$root/keep" 2>"$root/said" || fail "it goes on"
    equal "tries" "$(grep -c . "$root/said")" 30
    equal "pauses" "$(wc -l <"$root/slept")" 29
}

test_keep_ends_where_there_is_one() {
    policy idle=60s "locker=$(locker)"
    desktop && start && keep
    wait_until 5 eval "! kill -0 $keeper"
    alive
}

test_keep_wayland_is_refused() {
    local code=0
    policy idle=60s "locker=$(locker)"
    desktop
    export WAYLAND_DISPLAY=wayland-0
    timeout 5 "$build/tests/leash-lock" 2>"$root/said" || code=$?
    equal "exit status" $code 3
    like stderr "$(cat "$root/said")" "leash-lock: this is a Wayland session*"
    grep -q '^ConditionEnvironment=!WAYLAND_DISPLAY$' "$here/../../packaging/systemd/user/leash-lock.service" || fail "the unit starts it"
    sed "s|@BINDIR@/leash-lock|touch $root/ran|" "$here/../../packaging/xsession/leash-lock-keep" >"$root/keep"
    timeout 5 sh "$root/keep" || fail "leash-lock-keep fails"
    [[ ! -e $root/ran ]] || fail "leash-lock-keep starts it"
}

# unreadable FILE: leash-lock without root's right to read it all the same
unreadable() {
    local code=0
    chmod 0 "$1"
    timeout 5 setpriv --inh-caps=-all --bounding-set=-all "$build/tests/leash-lock" 2>"$root/said" || code=$?
    chmod 755 "$1"
    equal "exit status without $1" $code 1
    like stderr "$(cat "$root/said")" "*$1: cannot be*"
}

test_keep_policy_that_cannot_be_read_is_an_error() {
    policy idle=60s "locker=$(locker)"
    desktop
    mkdir "$root/etc/leash/leash.conf.d"
    : >"$root/etc/leash/leash.conf.d/a.conf"
    unreadable "$root/etc/leash/leash.conf"
    unreadable "$root/etc/leash/leash.conf.d/a.conf"
    unreadable "$root/etc/leash/leash.conf.d"
    unreadable "$root/etc/leash"
}
