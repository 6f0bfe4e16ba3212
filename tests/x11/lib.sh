# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2086
# Sourced by `run`: what a test case has to work with.
#
# A case is a function test_WHAT_IT_SHOWS, in a process of its own, with $root, a directory that stands
# before /etc and /run. test_slow_... run beside the others, test_exact_... alone and last.
#
# All times are microseconds of the monotonic clock.

failures=()
started=()

fail() { failures+=("$1"); }

# skip REASON: ends the case
skip() {
    stop_all
    echo "skip $1" >"$result"
    exit 0
}

# equal WHAT GOT WANT
equal() { [[ $2 == "$3" ]] || fail "$1 is '$2', not '$3'"; }

# like WHAT GOT PATTERN
like() {
    # shellcheck disable=SC2254
    case $2 in
    $3) ;;
    *) fail "$1 is '$2', not like '$3'" ;;
    esac
}

# figure TEXT: goes behind the case's name
figure() { echo "$1" >>"$root/figure"; }

now() { "$build/tests/observer" now; }

# within WHAT USEC LOW HIGH
within() { (($2 >= $3 && $2 <= $4)) || fail "$1: $(($2 / 1000)) ms, not between $(($3 / 1000)) and $(($4 / 1000))"; }

# wait_until SECONDS COMMAND...: on a host that stands still now and then it may take 10 s longer; what
# has to come in time is measured, by `within`
wait_until() {
    local end=$(($(now) + ($1 + 10) * 1000000))
    shift
    while (($(now) < end)); do
        "$@" >/dev/null 2>&1 && return 0
        sleep 0.05
    done
    fail "waited in vain for: $*"
    return 1
}

# spawn COMMAND...: in the background, ends with the case; $spawned
spawn() {
    setpriv --pdeathsig KILL "$@" <&0 & # or the shell gives it /dev/null
    spawned=$!
    started+=("$spawned")
}

stop_all() {
    # A locker outlives leash-lock, as it should.
    local pid
    ((${#started[@]} == 0)) || kill -KILL "${started[@]}" 2>/dev/null
    for pid in $(awk '{ print $2 }' "$root/locker" 2>/dev/null | sort -u); do
        [[ -e /proc/$pid && $(tr '\0' ' ' <"/proc/$pid/cmdline") == *"$root"* ]] && kill -KILL "$pid" 2>/dev/null
    done
    wait 2>/dev/null
}

# ---- the host ------------------------------------------------------------------------------------

bus() { # NAME
    cat >"$root/$1.conf" <<END
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <listen>unix:path=$root/$1</listen>
  <auth>EXTERNAL</auth>
  <policy context="default"><allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/></policy>
  <limit name="max_message_size">33554432</limit>
</busconfig>
END
    spawn dbus-daemon --nofork --nopidfile --config-file="$root/$1.conf" 2>>"$root/bus.log"
    wait_until 5 test -S "$root/$1"
}

xserver() { # OPTIONS...
    local number
    mkfifo "$root/displayfd"
    exec {display_fd}<>"$root/displayfd" # or opening it for writing would wait for a reader
    spawn Xvfb -displayfd 5 -screen 0 1024x768x24 -noreset -nolisten tcp "$@" 5>"$root/displayfd" 2>"$root/xvfb.log"
    read -r -t 20 -u $display_fd number || { fail "Xvfb did not start: $(tail -n 1 "$root/xvfb.log")"; return 1; }
    export DISPLAY=:$number
}

# login: the fake login manager; `login_say LINE` commands it
login() {
    mkfifo "$root/login.in"
    exec {login_fd}<>"$root/login.in"
    spawn "$build/tests/fake-login" "$root/login" <"$root/login.in" >"$root/login.out"
    wait_until 5 test -s "$root/login.out"
}

login_say() { echo "$*" >&"$login_fd"; }

# policy LINE...: for whoever runs this; root is matched by name alone
policy() {
    mkdir -p "$root/etc/leash"
    printf '%s\n' "[lock everyone]" "match-user=$(id -un)" "$@" >"$root/etc/leash/leash.conf"
}

# desktop: all of the above
desktop() {
    unset XDG_SESSION_ID XDG_RUNTIME_DIR WAYLAND_DISPLAY
    export LEASH_TEST_ROOT=$root DBUS_SYSTEM_BUS_ADDRESS=unix:path=$root/system DBUS_SESSION_BUS_ADDRESS=unix:path=$root/session
    export ASAN_OPTIONS=exitcode=99:detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1
    bus system && bus session && login && xserver "$@"
}

# ---- leash-lock ----------------------------------------------------------------------------------

# locker OPTIONS...: the command line of a locker for the policy
locker() { echo "$build/tests/test-locker --log=$root/locker $*"; }

# start: leash-lock, $lock; and what a person would see from now on
start() {
    spawn "$build/tests/leash-lock" 2>>"$root/lock.log"
    lock=$spawned
    wait_until 5 "$build/tests/leash-lock" status
    [[ -n ${observer:-} ]] || observe
    # Its first answers from the login manager are there.
    wait_until 5 grep -q inhibit "$root/login"
}

observe() {
    spawn "$build/tests/observer" >"$root/seen"
    observer=$spawned
    wait_until 5 test -s "$root/seen"
}

# status KEY: as leash-lock tells it
status() { "$build/tests/leash-lock" status --json 2>/dev/null | sed -nE "s/^ *\"$1\": \"?([^\",]*)\"?,?$/\1/p"; }

state_is() { [[ $(status state) == "$1" ]]; }
locker_up() { [[ $(status locker_up) == true ]]; }
lock_now() { "$build/tests/leash-lock" lock; }
locker_pid() { awk '$3 == "started" { pid = $2 } END { print pid }' "$root/locker"; }

# lock_up: locks and waits for the locker
lock_up() {
    lock_now
    wait_until 10 locker_up
}

# unlock: as if the password was right
unlock() {
    kill -USR1 "$(locker_pid)"
    wait_until 5 state_is open
}

# ended PID: of a child of this shell, a zombie until it is waited for
ended() { [[ ! -s /proc/$1/cmdline ]]; }

# logged WHAT: calls of the login manager, e.g. "SetLockedHint yes"
logged() { grep -q " $1\$" "$root/login"; }
time_of() { awk -v what="$2" 'index($0, what) { print $1; exit }' "$root/$1"; }

# never_open: once it was covered, the screen never showed anything else
never_open() {
    local open
    sleep 0.1
    grep -q covered "$root/seen" || fail "the screen was never covered"
    open=$(awk '/covered/ { was = 1 } /open/ && was { print $1 }' "$root/seen" | head -n 1)
    [[ -z $open ]] || fail "the screen was open at $open: $(tr '\n' ';' <"$root/seen")"
    [[ $(tail -n 1 "$root/seen") == *" covered "* ]] || fail "the screen is open"
}

# alive: leash-lock runs, and no sanitizer has complained
alive() {
    kill -0 "$lock" 2>/dev/null || fail "leash-lock has ended: $(tail -n 1 "$root/lock.log")"
    ! grep -qE 'Sanitizer|runtime error' "$root/lock.log" || fail "$(grep -E -m 1 'Sanitizer|runtime error' "$root/lock.log")"
}

sanitized() { grep -qa __asan_init "$build/tests/leash-lock"; }
