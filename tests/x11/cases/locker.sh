# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2086
# Lockers that misbehave: the screen is never open.

test_locker_killed_ten_times() {
    local i
    policy idle=60s "locker=$(locker)" "fallback-locker=$(locker --fallback)"
    desktop && start
    lock_up
    for ((i = 0; i < 10; i++)); do
        kill -KILL "$(locker_pid)" 2>/dev/null
        sleep 0.5
    done
    wait_until 10 logged Terminate
    equal state "$(status state)" ending
    never_open
    grep -q -- --fallback "/proc/$(locker_pid)/cmdline" 2>/dev/null || [[ $(status locker) == *--fallback ]] || fail "the fallback was not tried"
    alive
}

test_locker_killed_once_comes_back_at_once() {
    local killed
    policy idle=60s "locker=$(locker)"
    desktop && start
    lock_up
    sleep 0.3
    killed=$(now)
    kill -KILL "$(locker_pid)"
    sleep 0.5
    wait_until 5 locker_up
    figure "up again after $((($(awk '$3 == "up" { t = $1 } END { print t }' "$root/locker") - killed) / 1000)) ms"
    equal "locked hint" "$(status locked_hint)" true
    never_open
    unlock
    logged "SetLockedHint no" || fail "the hint stays"
}

test_locker_missing() {
    policy idle=60s "locker=$root/not-there"
    desktop && start
    lock_now
    wait_until 10 logged Terminate
    equal "locked hint" "$(status locked_hint)" false
    never_open
    like log "$(cat "$root/lock.log")" "*cannot be run*"
    alive
}

test_locker_missing_and_the_fallback_is_there() {
    policy idle=60s "locker=$root/not-there" "fallback-locker=$(locker)"
    desktop && start
    lock_now
    wait_until 10 locker_up
    equal state "$(status state)" locked
    never_open
    unlock
}

test_locker_that_exits_with_0_at_once() {
    policy idle=60s "locker=$(locker --exit0)" "fallback-locker=$(locker)"
    desktop && start
    lock_now
    wait_until 10 locker_up
    like log "$(cat "$root/lock.log")" "*ended with 0 without having locked*"
    never_open
    unlock
    alive
}

test_locker_that_dies_once_up() {
    policy idle=60s "locker=$(locker --die)"
    desktop && start
    lock_now
    wait_until 10 logged Terminate
    never_open
    alive
}

test_locker_out_of_memory() {
    policy idle=60s "locker=$(locker)"
    desktop && start
    prlimit --pid $lock --as=$((4096 * $(cut -d' ' -f1 /proc/$lock/statm))) 2>/dev/null || skip "no prlimit"
    ! sanitized || skip "sanitizers want memory"
    lock_now
    sleep 2
    never_open
    state_is ending || locker_up || fail "neither ended nor locked: $(status state)"
    alive
}

test_slow_locker_that_never_maps_a_window() {
    policy idle=60s "locker=$(locker --never-map)" "fallback-locker=$(locker)"
    desktop && start
    lock_now
    sleep 14
    equal "locked hint" "$(status locked_hint)" false
    sleep 2
    [[ $(grep -c started "$root/locker") -ge 2 ]] || fail "it was not replaced"
    never_open
    alive
}

test_slow_locker_with_a_small_window_is_none() {
    policy idle=60s "locker=$(locker --small)"
    desktop && start
    lock_now
    sleep 2
    equal state "$(status state)" locking
    sleep 14
    [[ $(grep -c started "$root/locker") -ge 2 ]] || fail "it was not replaced"
    alive
}

test_slow_locker_without_grabs_is_none() {
    policy idle=60s "locker=$(locker --no-grab --ready)"
    desktop && start
    lock_now
    sleep 2
    equal state "$(status state)" locking
    never_open
    alive
}

test_locker_that_says_ready() {
    policy idle=60s "locker=$(locker --ready)"
    desktop && start
    lock_up
    never_open
    unlock
}

test_locker_that_stops_itself() {
    policy idle=60s "locker=$(locker --stop)"
    desktop && start
    lock_now
    wait_until 5 grep -q "goes on" "$root/locker"
    wait_until 5 locker_up
    never_open
    unlock
}

test_locker_stopped_again_and_again_is_replaced() {
    local i first
    policy idle=60s "locker=$(locker)"
    desktop && start
    lock_up
    first=$(locker_pid)
    # Two stops before it could go on are one.
    for ((i = 0; i < 20; i++)); do
        kill -STOP "$first" 2>/dev/null
        sleep 0.2
    done
    wait_until 5 locker_up
    [[ $(locker_pid) != "$first" ]] || fail "it was not replaced"
    never_open
    alive
}

test_locker_that_unmaps_and_stays() {
    policy idle=60s "locker=$(locker --unmap)" "fallback-locker=$(locker)"
    desktop && start
    lock_now
    sleep 5
    [[ $(grep -c started "$root/locker") -ge 2 ]] || fail "it was not replaced"
    never_open
    alive
}

test_locker_that_goes_into_the_background() {
    policy idle=60s "locker=$(locker --background)" "fallback-locker=$(locker)"
    desktop && start
    lock_now
    wait_until 15 grep -q "background" "$root/lock.log"
    wait_until 15 state_is locked
    never_open
    alive
}

test_locker_that_is_slow() {
    policy idle=60s "locker=$(locker --slow)"
    desktop && start
    lock_now
    sleep 1
    equal state "$(status state)" locking
    xdotool key x
    wait_until 5 locker_up
    never_open
}

# through COMMAND...: a locker whose window is of a process that COMMAND starts
through() {
    printf '#!/bin/sh\n%s\nexit $?\n' "$*" >"$root/wrapper"
    chmod 755 "$root/wrapper"
    policy idle=60s "locker=$root/wrapper"
    desktop && start
    lock_up
    [[ $(locker_pid) != "$(status locker_pid)" ]] || fail "the locker has no child"
    equal state "$(status state)" locked
    never_open
    unlock
    alive
}

test_locker_draws_in_a_child() { through "$(locker)"; }
test_locker_draws_in_a_group_of_its_own() { through setsid --wait "$(locker)"; }
test_locker_draws_in_a_child_that_outlived_its_parent() { through "( $(locker) & ) ; while ! grep -q unlocks $root/locker; do sleep 0.1; done; sleep 0.2"; }

# As xscreensaver: what draws is no process of the locker's, which has to say so itself.
test_locker_has_a_daemon_draw() {
    cat >"$root/wrapper" <<END
#!/bin/bash
echo "0 \$\$ wrapper" >>$root/locker
touch $root/wanted
while ! grep -q over $root/over; do sleep 0.1; done
eval "exec \$XSS_SLEEP_LOCK_FD>&-"
while [ ! -e $root/password ]; do sleep 0.1; done
END
    chmod 755 "$root/wrapper"
    policy idle=60s "locker=$root/wrapper"
    desktop
    : >"$root/over"
    spawn bash -c 'until [[ -e $0 ]]; do sleep 0.1; done; exec "$1" overlay 60 >"$2"' "$root/wanted" "$build/tests/intruder" "$root/over"
    over=$spawned
    start
    lock_up
    equal state "$(status state)" locked
    wait_until 3 eval '[[ $("$build/tests/intruder" top) == other ]]'
    kill -KILL $over
    wait_until 5 eval "! locker_up"
    never_open
    alive
}

# The user's variables must not change what a locker does.
test_locker_gets_a_clean_environment() {
    local fd
    policy idle=60s "locker=$(locker)"
    export XSECURELOCK_NO_AUTH=1 XSECURELOCK_SHOW_KEYBOARD_LAYOUT=0 LD_LIBRARY_PATH=/nowhere
    desktop && start
    lock_up
    equal "what is said to xsecurelock" "$(tr '\0' '\n' <"/proc/$(locker_pid)/environ" | grep '^XSECURELOCK')" XSECURELOCK_SHOW_KEYBOARD_LAYOUT=1
    ! tr '\0' '\n' <"/proc/$(locker_pid)/environ" | grep -qE '^(LD_|LEASH)' || fail "passed on: $(tr '\0' ' ' <"/proc/$(locker_pid)/environ")"
    tr '\0' '\n' <"/proc/$(locker_pid)/environ" | grep -q '^DISPLAY=' || fail "no DISPLAY"
    equal "its input" "$(readlink "/proc/$(locker_pid)/fd/0")" /dev/null
    for fd in "/proc/$(locker_pid)/fd/"*; do # beyond what leash-lock was itself started with
        ((${fd##*/} < 3)) || [[ $(readlink "$fd") != /dev/null || -e /proc/$lock/fd/${fd##*/} ]] ||
            fail "it has got a descriptor of /dev/null too many: ${fd##*/}"
    done
}

# nested: an X server in a window, which can be resized; resize WIDTH HEIGHT
nested() {
    local number
    command -v Xephyr >/dev/null || skip "Xephyr is not here"
    outer=$DISPLAY
    mkfifo "$root/nestedfd"
    exec {nested_fd}<>"$root/nestedfd"
    spawn Xephyr -displayfd 5 -resizeable -screen 600x400 -noreset 5>"$root/nestedfd" 2>/dev/null
    read -r -t 20 -u $nested_fd number || skip "Xephyr does not start"
    export DISPLAY=:$number
}

resize() {
    DISPLAY=$outer xdotool search --name Xephyr windowsize "$1" "$2"
    wait_until 5 eval '[[ $(xdpyinfo -display $DISPLAY) == *"'$1x$2' pixels"* ]]'
}

test_locker_screen_is_resized() {
    policy idle=60s "locker=$(locker --never-map)"
    desktop && nested
    command -v xdpyinfo >/dev/null || skip "xdpyinfo is not here"
    start
    resize 900 700
    lock_now
    wait_until 5 grep -q "covered 900x700" "$root/seen"
    resize 640 480
    resize 1000 600
    sleep 0.5
    # The server grows first, and the cover as soon as it is told.
    like "at last" "$(tail -n 1 "$root/seen")" "* covered *"
    like "the cover" "$(xdotool search --name '^leash-lock$' getwindowgeometry)" "*1000x600*"
}

# real NAME COMMAND: a locker people use
real() {
    command -v "$1" >/dev/null || skip "$1 is not here"
    policy idle=60s "locker=$2"
    desktop && start
    lock_now
    wait_until 10 locker_up || return
    equal state "$(status state)" locked
    sleep 0.5
    kill -KILL "$(status locker_pid)"
    sleep 0.3
    wait_until 10 locker_up
    never_open
    kill -KILL "$(status locker_pid)"
    alive
}

test_real_i3lock() { real i3lock "i3lock -n -c 000000"; }
test_real_xsecurelock() { real xsecurelock "xsecurelock"; }

layout_is() { [[ $("$build/tests/observer" layout) == "$1" ]]; }

# A password typed in another layout is wrong: the prompt names it, and Ctrl-Tab takes the next one.
test_real_xsecurelock_switches_the_layout() {
    command -v xsecurelock >/dev/null || skip "xsecurelock is not here"
    policy idle=60s locker=xsecurelock
    desktop
    setxkbmap us,de 2>/dev/null || skip "setxkbmap is not here"
    start
    lock_up
    layout_is 0 || fail "another layout from the beginning"
    xdotool key a # the prompt comes with the first key
    sleep 1
    xdotool key ctrl+Tab
    wait_until 5 layout_is 1
    xdotool key ctrl+Tab
    wait_until 5 layout_is 0
    locker_up || fail "the locker is not up"
    kill -KILL "$(status locker_pid)"
    never_open
    alive
}

test_real_i3lock_in_the_background_is_told() {
    command -v i3lock >/dev/null || skip "i3lock is not here"
    policy idle=60s "locker=i3lock -c 000000" "fallback-locker=$(locker)"
    desktop && start
    lock_now
    wait_until 20 grep -q "in the background" "$root/lock.log"
    wait_until 20 locker_up
    never_open
}
