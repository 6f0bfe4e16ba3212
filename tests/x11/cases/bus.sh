# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2086
# The login manager, inhibitors on the session bus, xrdp.

test_bus_lock_and_unlock() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    login_say lock
    wait_until 5 locker_up
    wait_until 2 logged "SetLockedHint yes"
    login_say unlock
    sleep 0.5
    equal "state after Unlock" "$(status state)" locked
    never_open
    unlock
    wait_until 2 logged "SetLockedHint no"
    alive
}

test_bus_hints_tell_the_truth() {
    policy idle=2s warn=1s "locker=$(locker)"
    desktop && start
    wait_until 2 logged "SetIdleHint no"
    wait_until 5 logged "SetIdleHint yes"
    [[ $(grep -c "SetLockedHint yes" "$root/login") == 0 ]] || fail "locked before it was"
    wait_until 5 locker_up
    wait_until 2 logged "SetLockedHint yes"
    (($(time_of login "SetLockedHint yes") > $(time_of locker up))) || fail "the hint came before the locker"
    xdotool key x
    wait_until 2 eval '[[ $(grep -a SetIdleHint "$root/login" | tail -n 1) == *no ]]'
}

test_bus_sleep_waits_for_the_locker() {
    local up released
    policy idle=60s "locker=$(locker --slow)"
    desktop && start
    login_say sleep
    sleep 1
    ! logged released || fail "released before the locker was up"
    wait_until 5 logged released
    up=$(time_of locker up) released=$(time_of login released)
    ((released > up)) || fail "released $((up - released)) us before the locker was up"
    ((released - $(time_of login sleep) < 5000000)) || fail "later than InhibitDelayMaxSec"
    figure "released $(((released - up) / 1000)) ms after the locker was up"
    never_open
    login_say resume
    wait_until 2 eval '[[ $(grep -c "inhibit delay" "$root/login") == 2 ]]'
    login_say sleep
    wait_until 2 eval '[[ $(grep -c released "$root/login") == 2 ]]'
    alive
}

# covers_at DUE LATEST: in us since t0; until then what inhibits is heard
covers_at() {
    local covered
    equal "state while inhibited" "$(status state)" open
    equal inhibitors "$(status inhibitors)" 1
    wait_until 10 locker_up
    covered=$(($(time_of seen covered) - t0))
    within covered $covered $(($1 - 200000)) "$2"
    figure "T + ceiling + $(((covered - $1) / 1000)) ms"
}

test_bus_inhibitor_has_a_ceiling() {
    local t0
    policy idle=2s warn=1s inhibit-max=3s "locker=$(locker)"
    desktop && start
    spawn "$build/tests/inhibitor" 1 10 <"$root/login.in" >"$root/granted"
    wait_until 5 grep -q 1 "$root/granted"
    xdotool mousemove 7 7
    t0=$(now)
    sleep 3
    covers_at 5000000 6000000
    alive
}

test_bus_inhibitor_that_dies_is_forgotten() {
    policy idle=2s warn=1s inhibit-max=1h "locker=$(locker)"
    desktop && start
    spawn "$build/tests/inhibitor" 3 10 <"$root/login.in" >"$root/granted"
    wait_until 5 grep -q 3 "$root/granted"
    sleep 2.5
    equal "state while inhibited" "$(status state)" open
    kill -KILL $spawned
    wait_until 1 state_is warning
    equal inhibitors "$(status inhibitors)" 0
    wait_until 5 locker_up
    alive
}

test_bus_inhibitors_are_limited() {
    local i
    policy idle=60s "locker=$(locker)"
    desktop && start
    for i in 1 2 3 4 5 6; do
        spawn "$build/tests/inhibitor" 40 200000 <"$root/login.in" >"$root/granted"
        wait_until 10 test -s "$root/granted"
        ((i > 1)) || equal "granted to one" "$(<"$root/granted")" 16
    done
    equal "granted to the last" "$(<"$root/granted")" 0
    equal inhibitors "$(status inhibitors)" 64
    (($(awk '/^VmRSS/ { print $2 }' /proc/$lock/status) < 100000)) || sanitized || fail "it keeps what it was sent"
    alive
}

test_bus_garbage_is_ignored() {
    policy idle=10min "locker=$(locker)"
    desktop && start
    "$build/tests/inhibitor" garbage
    equal inhibitors "$(status inhibitors)" 0
    equal state "$(status state)" open
    alive
    lock_up
    "$build/tests/inhibitor" garbage
    equal state "$(status state)" locked
    never_open
    alive
}

# manager NAME: of a desktop that has the name; `manager_say LINE` commands it
manager() {
    mkfifo "$root/manager.in.$1"
    exec {manager_fd}<>"$root/manager.in.$1"
    spawn "$build/tests/fake-manager" "$1" <"$root/manager.in.$1" >"$root/manager.out"
    manager_pid=$spawned
    wait_until 5 grep -q ready "$root/manager.out"
}
manager_say() { echo "$*" >&"$manager_fd"; }
inhibitors_are() { [[ $(status inhibitors) == "$1" ]]; }

desktop_inhibits() { # NAME SHOWN
    policy idle=3s warn=1s inhibit-max=1h "locker=$(locker)"
    desktop
    manager "$1"
    manager_say on
    start
    wait_until 5 inhibitors_are 1
    like "who inhibits" "$(status inhibitor_names)" "*$2*"
    sleep 3.5
    equal "state while inhibited" "$(status state)" open
    manager_say garbage
    wait_until 2 inhibitors_are 0
    manager_say on
    wait_until 2 inhibitors_are 1
    kill -KILL $manager_pid # and what it held goes with it
    wait_until 2 inhibitors_are 0
    wait_until 5 locker_up
    alive
}

test_bus_inhibitors_of_gnome_count() { desktop_inhibits gnome "session manager"; }

test_bus_inhibitors_of_kde_count() { desktop_inhibits kde "power management"; }

test_bus_inhibitors_of_a_desktop_that_comes_later() {
    local covered t0
    policy idle=4s warn=1s inhibit-max=2s "locker=$(locker)"
    desktop && start
    equal "at first" "$(status inhibitors)" 0
    manager kde || return
    manager_say on
    wait_until 5 inhibitors_are 1
    xdotool mousemove 9 9
    t0=$(now)
    wait_until 10 locker_up # the ceiling counts for these, too
    covered=$(($(time_of seen covered) - t0))
    within covered $covered 5800000 7000000
    alive
}

test_bus_activity_is_an_inhibitor_like_others() {
    policy idle=2s warn=1s inhibit-max=2s "locker=$(locker)"
    desktop && start
    spawn bash -c 'for i in {1..60}; do "$0" call SimulateUserActivity; sleep 0.2; done' "$build/tests/inhibitor"
    wait_until 9 locker_up
    alive
}

test_bus_logind_inhibitors_count() {
    policy idle=2s warn=1s inhibit-max=1h "locker=$(locker)"
    desktop && start
    login_say block "$(id -u)" sleep:idle:shutdown
    wait_until 2 eval '[[ $(status inhibitors) == 1 ]]'
    sleep 2.5
    equal state "$(status state)" open
    login_say block "$(id -u)" shutdown
    wait_until 4 locker_up
    alive
}

# Anybody on the host may inhibit idleness, and does so for themselves.
test_bus_logind_inhibitors_of_others_do_not_count() {
    policy idle=2s inhibit-max=1h "locker=$(locker)"
    desktop
    login_say block 4321 idle:shutdown
    start
    wait_until 5 locker_up
    equal inhibitors "$(status inhibitors)" 0
    login_say block 4322 idle
    sleep 0.3
    equal inhibitors "$(status inhibitors)" 0
    alive
}

test_bus_suspended_saver_counts() {
    policy idle=4s warn=1s inhibit-max=1h "locker=$(locker)"
    desktop && start
    xset s 1 1 || skip "xset is not here"
    spawn "$build/tests/observer" suspend 7
    sleep 6
    equal state "$(status state)" open
    wait_until 9 locker_up
    alive
}

# held_up KIND: leash-lock knows of an inhibitor of each kind
held_up() {
    case $1 in
    bus)
        spawn "$build/tests/inhibitor" 1 10 <"$root/login.in" >"$root/granted"
        wait_until 5 test -s "$root/granted"
        ;;
    logind) login_say block "$(id -u)" idle ;;
    saver)
        spawn "$build/tests/observer" suspend 40 >"$root/suspended"
        wait_until 5 test -s "$root/suspended"
        ;;
    esac
}

ceiling() { # KIND: idle for 4 s, and 3 s more
    local t0
    policy idle=4s warn=1s inhibit-max=3s "locker=$(locker)"
    desktop && start
    xset s 1 1 || skip "xset is not here"
    held_up "$1"
    sleep 0.5
    xdotool mousemove 7 7
    t0=$(now)
    sleep 5.5
    covers_at 7000000 9000000
    equal "inhibitors still" "$(status inhibitors)" 1
    alive
}

test_bus_logind_inhibitor_has_a_ceiling() { ceiling logind; }
test_bus_suspended_saver_has_a_ceiling() { ceiling saver; }

test_bus_logout_after_so_long() {
    local took
    policy idle=60s logout-after=3s inhibit-max=1h "locker=$(locker)"
    desktop && start
    xset s 1 1 || skip "xset is not here"
    held_up bus
    held_up logind
    held_up saver
    lock_up
    wait_until 6 logged Terminate
    took=$(($(time_of login Terminate) - $(time_of login "SetLockedHint yes")))
    within "the end after the lock" $took 2900000 8000000
    never_open
    alive
}

saver_is() { [[ $("$build/tests/observer" saver) == "$1" ]]; }

# Blank after so long; who comes back finds the prompt, and no black screen. Ten seconds, since a busy
# host takes some for a look.
test_slow_bus_blanked_and_awake_for_who_comes_back() {
    local socket=$root/run/xrdp/sockdir/xrdp_chansrv_audio_out_socket_
    policy idle=60s blank-after=10s "locker=$(locker)"
    desktop
    socket+=${DISPLAY#:}
    mkdir -p "${socket%/*}"
    start
    lock_up
    wait_until 20 saver_is on
    : >"$socket" # a viewer connects to xrdp
    wait_until 2 saver_is off
    xset s activate || skip "xset is not here"
    saver_is on || fail "the saver is not on"
    login_say unlock
    wait_until 2 saver_is off
    state_is locked || fail "it is $(status state)"
    locker_up || fail "the locker is not up"
    never_open
    alive
}

test_bus_without_login_manager_windows_are_closed() {
    policy idle=60s "locker=$root/not-there"
    desktop && start
    login_say refuse
    spawn "$build/tests/observer" window 60
    sleep 0.5
    lock_now
    wait_until 5 logged Terminate
    wait_until 5 eval "! kill -0 $spawned"
    never_open
    alive
}

test_bus_that_goes_and_comes_back() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    kill -KILL "${started[1]}"
    rm -f "$root/session"
    sleep 0.3
    alive
    spawn dbus-daemon --nofork --nopidfile --config-file="$root/session.conf" 2>/dev/null
    sleep 3
    wait_until 5 "$build/tests/inhibitor" call GetActive
    kill -KILL "${started[2]}" # the login manager
    lock_up
    never_open
    alive
}

test_bus_none_at_all() {
    policy idle=2s "locker=$(locker)"
    desktop
    kill -KILL "${started[0]}" "${started[1]}"
    spawn "$build/tests/leash-lock" 2>>"$root/lock.log"
    lock=$spawned
    observe
    wait_until 6 locker_up
    never_open
    alive
}

test_bus_xrdp_viewer_goes() {
    local dir=$root/run/xrdp/sockdir
    policy idle=60s on-disconnect=lock "locker=$(locker)"
    desktop
    mkdir -p "$dir"
    : >"$dir/xrdp_chansrv_audio_out_socket_${DISPLAY#:}"
    : >"$dir/xrdp_chansrv_audio_out_socket_4711"
    start
    rm "$dir/xrdp_chansrv_audio_out_socket_4711"
    sleep 0.3
    equal "another's viewer" "$(status state)" open
    rm "$dir/xrdp_chansrv_audio_out_socket_${DISPLAY#:}"
    wait_until 5 locker_up
    : >"$dir/xrdp_chansrv_audio_out_socket_${DISPLAY#:}"
    sleep 0.3
    equal "reconnected" "$(status state)" locked
    alive
}

# /tmp is everybody's: a directory that another user has made there is none of xrdp's.
test_bus_xrdp_viewer_goes_where_xrdp_is_built_otherwise() {
    local socket=xrdp_chansrv_audio_out_socket_
    policy idle=60s on-disconnect=lock "locker=$(locker)"
    desktop
    socket+=${DISPLAY#:}
    mkdir -p "$root/run/xrdp/$UID" "$root/tmp/.xrdp"
    chown 4321 "$root/tmp/.xrdp" 2>/dev/null || skip "no other user to be had"
    : >"$root/tmp/.xrdp/$socket"
    : >"$root/run/xrdp/$UID/$socket"
    start
    rm "$root/tmp/.xrdp/$socket"
    sleep 0.3
    state_is open || fail "it is $(status state)"
    rm "$root/run/xrdp/$UID/$socket"
    wait_until 5 locker_up
    alive
}

# Where xrdp's directory is everybody's, another user may make such a socket, and take it away.
test_bus_xrdp_socket_of_another_user_does_not_count() {
    local socket=$root/run/xrdp/sockdir/xrdp_chansrv_audio_out_socket_
    policy idle=60s on-disconnect=lock "locker=$(locker)"
    desktop
    socket+=${DISPLAY#:}
    mkdir -p "${socket%/*}"
    : >"$root/other"
    chown 4321 "$root/other" 2>/dev/null || skip "no other user to be had"
    start
    mv "$root/other" "$socket"
    rm "$socket"
    : >"$root/other"
    chown 4321 "$root/other"
    mv "$root/other" "$socket"
    rm "$socket"
    sleep 0.3
    state_is open || fail "it is $(status state)"
    equal "what is said" "$(grep -c "is not this user's" "$root/lock.log")" 1
    : >"$socket"
    rm "$socket"
    wait_until 5 locker_up
    alive
}
