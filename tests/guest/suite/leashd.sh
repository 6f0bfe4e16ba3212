#!/bin/bash
# SPDX-License-Identifier: MIT
# leashd with real systemd, logind and xrdp: who is away is squeezed and let go, warned and ended; killed at any
# moment, restarted, overtaken by an admin.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/leashd-common.sh"
[[ $(cgroup_version) == v2 ]] || { skip "leashd" "what it verifies is read from cgroup v2"; suite_end; }

# ---- left behind --------------------------------------------------------------------------------

policy "[state away]" when=disconnected after=5s cpu-quota=20%
check "leashd starts" systemctl start leashd
check_equal "and is ready" "$(systemctl is-active leashd)" active
rdp_open alice || { not_ok "a desktop"; suite_end; }
desktop=$SESSION
burner 1
check "the connection is seen" wait_for 30 noted_some Connected "$desktop"
sleep 8
check_equal "who is connected is not squeezed" "$(quota $uid)" none

kill "$RDP_CLIENT"
check "the disconnection is seen" wait_for 30 noted_some Disconnected "$desktop"
since=$(noted Disconnected "$desktop")
check "who is away is squeezed" wait_for 60 quota_is 20
measures "a busy loop is held" 15 25 cpu_of_slice $uid 4

run leash show -u alice --json
check "and for how long is shown" json_is --arg id "$desktop" '.[0].sessions[] | select(.session == $id) | .connected == false and (.disconnected_since | fromdateiso8601) > now - 600' "$lib_run/out"

systemctl restart leashd
check "after a restart" wait_for 60 noted_some Disconnected "$desktop"
check_equal "nothing is forgotten" "$(noted Disconnected "$desktop") $(quota $uid)" "$since 20"
for i in 1 2 3 4; do
    sleep 0.$((RANDOM % 90 + 10))
    systemctl kill -s KILL leashd
    wait_for 60 systemctl is-active -q leashd
done
wait_for 60 noted_some Disconnected "$desktop"
check_equal "killed again and again" "$(noted Disconnected "$desktop") $(quota $uid)" "$since 20"
systemctl daemon-reexec
systemctl restart systemd-logind
sleep 5
check_equal "daemon-reexec and a restarted logind" "$(noted Disconnected "$desktop") $(quota $uid)" "$since 20"
date -s '+3 days' >/dev/null
sleep 2
check_equal "the clock jumps" "$(noted Disconnected "$desktop")" "$since"
date -s '-3 days' >/dev/null

# The end of the squeeze, from when the kernel shows the connection.
limit=$((1000 + 10 * $(moment)))
rdp_open alice &
opener=$!
begin=
for ((i = 0; i < 4000; i++)); do
    if [[ -z $begin ]] && awk '$8 ~ /xrdp_display_[0-9]+$/ && $6 == "03" { f = 1 } END { exit !f }' /proc/net/unix; then begin=$EPOCHREALTIME; fi
    ! quota_is none || break
    sleep 0.05
done
# No beginning: both came between two looks.
took=$(awk -v a="${begin:-$EPOCHREALTIME}" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d", (b - a) * 1000 }')
check_range "let go when back, in ms" "$took" 0 "$limit"
wait "$opener"
RDP_CLIENT=$(pgrep -u root -x 'xfreerdp3?' | head -n 1)
check_equal "nothing is left of it" "$(leftovers | grep -v "^$log")" ""

# ---- drift, and an admin ------------------------------------------------------------------------

policy "[state locked]" when=locked after=1s cpu-quota=50% "[state idle]" when=idle after=1s cpu-quota=30%
sleep 2
hint "$desktop" SetLockedHint true
check "a locked session is squeezed" wait_for 60 quota_is 50
sleep 2
echo "max 100000" >"/sys/fs/cgroup/user.slice/user-$uid.slice/cpu.max"
check "a write behind systemd's back is undone" wait_for 60 quota_is 50
systemctl daemon-reload
sleep 2
check_equal "a daemon-reload changes nothing" "$(quota $uid)" 50
before=$(incidents yielded)
systemctl set-property --runtime user-$uid.slice CPUQuota=70%
check "an admin's newer word counts" wait_for 60 more_incidents yielded "$before"
check "and stays" wait_for 30 quota_is 70
hint "$desktop" SetLockedHint false
# An admin who sets something in the very moment in which leashd puts it back may lose: PID 1 has no way to ask.
check "and the squeeze ends with the lock" wait_for 60 test ! -e /run/leash/user-$uid.slice
systemctl set-property --runtime user-$uid.slice CPUQuota=
rm -rf /run/systemd/system.control/user-$uid.slice.d
systemctl daemon-reload
sleep 2
hint "$desktop" SetIdleHint true
check "an idle session is squeezed" wait_for 60 quota_is 30
hint "$desktop" SetIdleHint false
check "and let go" wait_for 60 quota_is none

# ---- the ladder ---------------------------------------------------------------------------------

policy "[state away]" when=disconnected after=1s cpu-quota=20% warn-after=5s end-after=15s
kill "$RDP_CLIENT"
check "who is away is warned" wait_for 90 more_incidents warned 0
check_equal "and not ended before" "$(incidents asked)" 0
systemctl restart xrdp-sesman xrdp # the session is an orphan now
check "the session is ended" wait_for 240 no_session "$desktop"
check "by the first rung" more_incidents asked 0
check_equal "the window manager is gone" "$(pgrep -u alice openbox)" ""
systemctl stop burner
logout_all alice
check "the squeeze ends with the login" wait_for 60 test ! -e /run/leash/user-$uid.slice

# ---- what a user tells logind ---------------------------------------------------------------------

login alice alice
# What alice may tell logind of her session, while nobody else has control of it, as Xorg has of a desktop.
session=$(session_run "$alice" 'echo $XDG_SESSION_ID')
setpriv --reuid=alice --regid=alice --init-groups "$LEASH_TESTS/claim" "$session" x11 >"$lib_run/claim" 2>&1 &
claim=$!
check "alice says that her login is a desktop" wait_for 60 grep -qx SetType "$lib_run/claim"
check_equal "and logind repeats it" "$(loginctl show-session "$session" -P Type)" x11
run leash show -u alice --json
check "leash does not" json_is --arg id "$session" '.[0].sessions[] | select(.session == $id) | .type == "tty"' "$lib_run/out"
kill "$claim"
logout_all alice

# ---- leash top ----------------------------------------------------------------------------------

policy ""
login alice alice
session_spawn "$alice" burn 1
mkfifo "$lib_run/keys"
exec {keys}<>"$lib_run/keys"
# On a terminal of its own, in which screen_has looks for what was drawn.
TERM=xterm script -qefc 'stty rows 24 cols 80; exec leash top' "$lib_run/screen" <"$lib_run/keys" >/dev/null 2>&1 &
top=$!
screen_has() { grep -aq -- "$1" "$lib_run/screen"; }
check "leash top shows who is here" wait_for 90 screen_has alice
printf l >&"$keys"
check "asks before it leashes" wait_for 60 screen_has 'Leash user 1001? (y/n)'
capped "and does nothing before" $uid none
printf y >&"$keys"
check "leashes" wait_for 90 quota_is 50
printf r >&"$keys"
check "asks before it releases" wait_for 60 screen_has 'Release user 1001? (y/n)'
printf y >&"$keys"
check "releases" wait_for 90 quota_is none
printf q >&"$keys"
STATUS=0
wait "$top" || STATUS=$?
exec {keys}>&-
check_equal "and ends" "$STATUS" 0
logout_all alice

# ---- at rest ------------------------------------------------------------------------------------

sleep 5
pid=$(systemctl show leashd -P MainPID)
switches() { awk '/^voluntary_ctxt/ { print $2 }' "/proc/$pid/status"; }
before=$(switches)
sleep 60
check_range "wake-ups in a minute at rest" $(($(switches) - before)) 0 1
echo "# resident: $(awk '/^VmRSS/ { print $2, $3 }' "/proc/$pid/status")"
run leash top
status_is 0
verdict "leash top without a terminal"
run leash metrics
grep -q '^# EOF' "$lib_run/out" || problem "no end"
verdict "leash metrics"
# An hour is the watchdog's; here it is shorter. Stopped, the loop does not even get the SIGABRT.
install -d /run/systemd/system/leashd.service.d
printf '[Service]\nWatchdogSec=10s\nTimeoutAbortSec=5s\n' >/run/systemd/system/leashd.service.d/watchdog.conf
systemctl daemon-reload
systemctl restart leashd
pid=$(systemctl show leashd -P MainPID)
pid_is_another() { [[ $(systemctl show leashd -P MainPID) != "$pid" ]] && systemctl is-active -q leashd; }
sleep 25
check_equal "the watchdog lets a loop that turns" "$(systemctl show leashd -P MainPID)" "$pid"
kill -STOP "$pid"
check "one that hangs is ended, and the next begins" wait_for 90 pid_is_another
check_equal "as the watchdog's" "$(journalctl -u leashd -o cat | grep -c 'Watchdog timeout')" 1
rm -r /run/systemd/system/leashd.service.d
systemctl daemon-reload
check "leashd stops" systemctl stop leashd
check_equal "nothing is left behind" "$(leftovers | grep -v "^$log")" ""
suite_end
