#!/bin/bash
# SPDX-License-Identifier: MIT
# leash-lock in a real xrdp session: logind's hints and signals, PAM's own password by a real locker,
# disconnecting and reconnecting, the user unit; with the argument "xvnc" the same on Xvnc behind xrdp.
# Needs i3lock or xsecurelock for the password.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin

# Policies of the suites must not stay for the next one.
tidy_lock() {
    systemctl stop leashd
    rm -rf /etc/leash/leash.conf /run/leashd
    [[ ! -e $lib_run/xrdp.ini ]] || cp "$lib_run/xrdp.ini" /etc/xrdp/xrdp.ini
    tidy
}
trap tidy_lock EXIT

policy=/etc/leash/leash.conf

# as_alice COMMAND...: with her session's display
as_alice() {
    sudo -u alice env DISPLAY="$display" XAUTHORITY=/home/alice/.Xauthority HOME=/home/alice \
        XDG_RUNTIME_DIR=/run/user/1001 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1001/bus "$@"
}

# hint NAME: as logind has it
hint() { loginctl show-session "$session" -p "$1" --value; }
hint_is() { [[ $(hint "$1") == "$2" ]]; }
state() { as_alice leash-lock status --json 2>/dev/null | jq -r '.[0].state'; }
state_is() { [[ $(state) == "$1" ]]; }
locker_pid() { as_alice leash-lock status --json | jq -r '.[0].locker_pid'; }
is_up() { [[ $(as_alice leash-lock status --json 2>/dev/null | jq -r '.[0].locker_up') == true ]]; }
saver_is() { [[ $(as_alice "$LEASH_TESTS/observer" saver) == "$1" ]]; }
layout_is() { [[ $(as_alice "$LEASH_TESTS/observer" layout) == "$1" ]]; }
runs() { pgrep -u alice -x leash-lock; }

# unguarded: how often leashd has told that a session has no leash-lock
unguarded() { leash log --json | jq '[.[] | select(.kind == "unguarded")] | length'; }

no_notice_runs() { [[ -z $(systemctl list-units --all --plain --no-legend 'leash-notify-*') ]]; }

conf() {
    install -d /etc/leash
    { echo "[lock everyone]"; echo "match-user=alice"; printf '%s\n' "$@"; } >"$policy"
}

# desktop: alice's xrdp session; sets session and display
desktop() {
    rdp_open alice || return 1
    session=$SESSION
    display=$(loginctl show-session "$session" -p Display --value)
    [[ -n $display ]]
}

# type_password TEXT: by events of a keyboard, as far as X can tell
type_password() {
    as_alice xdotool type --delay 200 "$1"
    as_alice xdotool key Return
}

# again: leash-lock reads its policy when it starts; the loop that keeps it starts a new one
again() {
    pkill -KILL -u alice -x leash-lock
    wait_for 30 state_is open
}

locker=
for candidate in i3lock xsecurelock; do
    command -v "$candidate" >/dev/null && locker=$candidate && break
done
case $locker in
i3lock) command_line="i3lock -n -c 000000" ;;
xsecurelock) command_line=xsecurelock ;;
*) skip "leash-lock in xrdp" "neither i3lock nor xsecurelock is in the guest"; suite_end ;;
esac

conf idle=never "locker=$command_line" on-disconnect=lock
if ! desktop; then
    not_ok "an xrdp session for alice"
    suite_end
fi
check "started with the session" wait_for 60 runs
check "open at first" wait_for 30 state_is open

loginctl lock-session "$session"
check "locked by logind's signal" wait_for 60 is_up
check "LockedHint says so" wait_for 10 hint_is LockedHint yes
loginctl unlock-session "$session"
sleep 2
check "unlock-session opens nothing" state_is locked
check_equal "LockedHint after unlock-session" "$(hint LockedHint)" yes

kill -KILL "$(locker_pid)"
check "a locker that is killed comes back" wait_for 60 is_up
check_equal "LockedHint meanwhile" "$(hint LockedHint)" yes

before=$(locker_pid)
pkill -KILL -u alice -x leash-lock
check "leash-lock comes back by itself, locked" wait_for 60 is_up
check "with a locker of its own" test "$(locker_pid)" != "$before"

type_password wrong
sleep 5
check "a wrong password opens nothing" state_is locked
type_password leash
check "the right password opens" wait_for 60 state_is open
check "LockedHint says that, too" wait_for 10 hint_is LockedHint no

conf idle=50s warn=35s "locker=$command_line" on-disconnect=lock
again
as_alice xdotool mousemove 50 50
check "warned" wait_for 40 state_is warning
check_equal "IdleHint while warned" "$(hint IdleHint)" yes
as_alice xdotool mousemove 60 60
check "input cancels" wait_for 5 state_is open
check "IdleHint no more" wait_for 5 hint_is IdleHint no
check "locked when idle" wait_for 60 is_up

conf idle=never "locker=$command_line" on-disconnect=lock
type_password leash
wait_for 60 state_is open
again
kill "$RDP_CLIENT"
check "locked when the viewer goes" wait_for 60 is_up
rdp_open alice
sleep 3
check "still locked when it is back" state_is locked

check "and its locker is up" wait_for 60 is_up
type_password leash
wait_for 60 state_is open

# Blanked while nobody is there, and the prompt for who comes back.
conf idle=never blank-after=60s "locker=$command_line" on-disconnect=lock
again
kill "$RDP_CLIENT"
check "locked, and blanked after a while" eval 'wait_for 60 is_up && wait_for 150 saver_is on'
rdp_open alice
check "awake when the viewer is back" wait_for 45 saver_is off
check "and locked" state_is locked
type_password leash
wait_for 60 state_is open

# What root's leash tells arrives on her desktop, from a process that is hers alone.
as_alice "$LEASH_TESTS/fake-desktop" /tmp/shown >/dev/null 2>&1 &
fake=$!
sleep 2
# shellcheck disable=SC2016
leash -u alice -q 80% --reason '<b>too much</b> of $HOME, ${PATH} and $$' >/dev/null
check "leash tells her on her desktop" wait_for 20 grep -q 'Your session is limited|' /tmp/shown
check "its text is no markup" grep -q '&lt;b&gt;too much' /tmp/shown
# shellcheck disable=SC2016
check "and names no variable of PID 1's" grep -qF ' of $HOME, ${PATH} and $$' /tmp/shown
leash release -u alice >/dev/null
check "and when it is over, in the place of that" wait_for 20 grep -q '^1 .*no longer limited' /tmp/shown
check_equal "nothing of it is left" "$(pgrep -c -x leash-notify)" 0
# The service that ends it is cleared away when it has done so, and the notice must not go with it.
rm -f /tmp/shown
leash -u alice -q 80% --for=5s --no-notify >/dev/null
systemctl daemon-reload
check "an end by time is told, too" wait_for 60 grep -q 'no longer limited' /tmp/shown
check "no service of it is left" wait_for 20 no_notice_runs

# leashd, from inside its own walls: a warning that nobody is there to see.
conf idle=never "locker=$command_line" "[state away]" when=disconnected warn-after=5s end-after=1h
again
rm -f /tmp/shown
systemctl start leashd
sleep 5
kill "$RDP_CLIENT"
check "leashd warns on the desktop" wait_for 90 grep -q 'has been disconnected.*It will be ended at' /tmp/shown
check "nobody is welcomed before they are back" bash -c '! grep -q Welcome /tmp/shown'
rdp_open alice
check "and when she is back" wait_for 90 grep -q 'Welcome back' /tmp/shown
check "in its place" awk '/has been disconnected/ { id = $1 } /Welcome back/ { same = $1 == id } END { exit !same }' /tmp/shown
kill "$fake"

# A session without leash-lock. That it began long ago saves two minutes.
systemctl stop leashd
sed -i 's/^Created=.*/Created=1/' /run/leashd/sessions
conf idle=1h "locker=$command_line"
again
before=$(unguarded)
systemctl start leashd
sleep 15
check_equal "leashd sees leash-lock in the session" "$(unguarded)" "$before"
pkill -KILL -u alice -x leash-lock
wait_for 30 runs
sleep 20
check_equal "killed and back: nothing to tell" "$(unguarded)" "$before"
pkill -KILL -u alice -x leash-lock-keep
pkill -KILL -u alice -x leash-lock
check "killed for good: told" wait_for 90 eval '(($(unguarded) == before + 1))'
systemctl stop leashd

# The user unit, as in desktops with a graphical-session.target.
unit() { as_alice systemctl --user "$@"; }
unit_pid() { unit show -P MainPID leash-lock.service; }
unit_has_another() { [[ $(unit_pid) != 0 && $(unit_pid) != "$1" ]] && state_is "$2"; }
unit import-environment DISPLAY XAUTHORITY
check "the user unit starts" unit start leash-lock.service
check "and tells that it runs" state_is open
before=$(unit_pid)
kill -KILL "$before"
check "killed: another one runs" wait_for 60 unit_has_another "$before" open
as_alice leash-lock lock
wait_for 60 is_up
before=$(unit_pid)
kill -KILL "$before"
check "killed while locked: another one runs, locked" wait_for 60 unit_has_another "$before" locked
check "and its locker is up" wait_for 60 is_up
check_equal "LockedHint" "$(hint LockedHint)" yes
type_password leash
check "the password opens" wait_for 60 state_is open
check "the unit stops" unit stop leash-lock.service
check "and leash-lock with it" wait_for 30 eval '! runs'

# XDG autostart, as systemd's generator has it for desktops that leave it to systemd. Desktops that lock by
# themselves are left alone.
autostarted='app-leash\x2dlock@autostart.service'
xdg_start() { # DESKTOP: its session, which wants what is started with it
    unit set-environment XDG_CURRENT_DESKTOP="$1"
    unit daemon-reload
    unit stop desktop.service 2>/dev/null
    as_alice systemd-run -q --user --unit=desktop -p Wants=xdg-desktop-autostart.target sleep 600
}
rm -f /run/systemd/user-generators/systemd-xdg-autostart-generator # masked in guests, to start sooner
xdg_start KDE
sleep 5
check_equal "XDG autostart: not where the desktop locks" "$(runs)" ""
xdg_start XFCE
check "XDG autostart: with the desktop" wait_for 60 runs
check "XDG autostart: by the installed file" unit is-active --quiet "$autostarted"
check "XDG autostart: it is open at first" wait_for 30 state_is open

conf idle=never "locker=/nowhere/locker"
pkill -KILL -u alice -x leash-lock
wait_for 30 runs
as_alice leash-lock lock
check "no locker at all: the session is ended" wait_for 60 eval "! loginctl show-session $session"

# ---- Xvnc behind xrdp --------------------------------------------------------------------------------

[[ ${1-} == xvnc ]] || suite_end
if ! command -v Xtigervnc >/dev/null; then
    skip "Xvnc" "tigervnc-standalone-server is not in the guest"
    suite_end
fi
kill "$RDP_CLIENT" 2>/dev/null
cp /etc/xrdp/xrdp.ini "$lib_run/xrdp.ini"
sed -i 's/^autorun=.*/autorun=Xvnc/' /etc/xrdp/xrdp.ini
wait_for 60 eval '! rdp_session alice'
# xrdp talks to Xvnc by TCP, and not by the socket that lib.sh looks for.
rdp_connected() { SESSION=$(rdp_session "$1") && kill -0 "$RDP_CLIENT"; } 2>/dev/null
viewed() { [[ -n $(find /run/xrdp -name "xrdp_chansrv_audio_out_socket_${display#:}" 2>/dev/null) ]]; }

conf idle=never "locker=$command_line" on-disconnect=lock
if ! desktop; then
    not_ok "an Xvnc session for alice"
    suite_end
fi
display=${display%.*}
check "Xvnc: it is one" wait_for 60 pgrep -u alice 'Xvnc|Xtigervnc'
check "Xvnc: leash-lock runs" wait_for 60 runs
check "Xvnc: open at first" wait_for 30 state_is open
# Where chansrv is slower to start than xrdp is to give up on it, xrdp goes without it for as long as this viewer stays.
if ! wait_for 60 viewed; then
    echo "# $(grep -i chansrv /var/log/xrdp.log | tail -n 1)"
    kill "$RDP_CLIENT"
    rdp_open alice
fi
check "Xvnc: somebody looks at it" wait_for 60 viewed
loginctl lock-session "$session"
check "Xvnc: locked by logind's signal" wait_for 60 is_up
check "Xvnc: LockedHint says so" wait_for 10 hint_is LockedHint yes
kill -KILL "$(locker_pid)"
check "Xvnc: a locker that is killed comes back" wait_for 60 is_up
type_password wrong
sleep 5
check "Xvnc: a wrong password opens nothing" state_is locked
type_password leash
check "Xvnc: the right password opens" wait_for 60 state_is open
check "Xvnc: LockedHint says that, too" wait_for 10 hint_is LockedHint no
kill "$RDP_CLIENT"
check "Xvnc: locked when the viewer goes" wait_for 60 is_up
rdp_open alice
check "Xvnc: somebody looks at it again" wait_for 60 viewed
check "Xvnc: still locked" state_is locked
check "Xvnc: with its prompt" saver_is off
type_password leash
wait_for 60 state_is open
conf idle=50s warn=35s "locker=$command_line"
again
as_alice xdotool mousemove 50 50
check "Xvnc: warned" wait_for 40 state_is warning
check "Xvnc: locked when idle" wait_for 90 is_up
type_password leash
wait_for 60 state_is open

# xsecurelock, which names the layout and switches it
if command -v xsecurelock >/dev/null; then
    conf idle=never locker=xsecurelock
    again
    as_alice setxkbmap us,de
    as_alice leash-lock lock
    check "Xvnc: xsecurelock is up" wait_for 60 is_up
    check "Xvnc: it is told to name the layout" grep -qz '^XSECURELOCK_SHOW_KEYBOARD_LAYOUT=1$' "/proc/$(locker_pid)/environ"
    as_alice xdotool key a
    sleep 5
    as_alice xdotool key ctrl+Tab
    check "Xvnc: its prompt switches the layout" wait_for 20 layout_is 1
    as_alice xdotool key ctrl+Tab
    check "Xvnc: and back" wait_for 20 layout_is 0
else
    skip "Xvnc: xsecurelock" "it is not in the guest"
fi

suite_end
