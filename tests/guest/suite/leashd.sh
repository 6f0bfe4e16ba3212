#!/bin/bash
# SPDX-License-Identifier: MIT
# leashd with real systemd, logind and xrdp: who is away is squeezed and let go, warned and ended; a hog among
# others is limited and a hog alone is not; killed at any moment, restarted, overtaken by an admin.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin
[[ $(cgroup_version) == v2 ]] || { skip "leashd" "the kernel's pressure of slices is of cgroup v2"; suite_end; }

uid=1001
log=/var/lib/leash/log

policy() { # LINE...: the policy from now on
    install -d -m 755 /etc/leash
    printf '%s\n' "$@" >/etc/leash/leash.conf
    if systemctl is-active -q leashd; then systemctl reload leashd; fi
}

tidy_leashd() {
    systemctl stop leashd burner 2>/dev/null
    kill "$RDP_CLIENT" 2>/dev/null
    rm -rf /etc/leash "$log" /run/leashd
    tidy
}
trap tidy_leashd EXIT
RDP_CLIENT=

noted() { # KEY SESSION: what leashd has written down
    awk -v s="[session $2]" -v k="$1=" '$0 == s { i = 1; next } /^\[/ { i = 0 } i && index($0, k) == 1 { print substr($0, length(k) + 1) }' /run/leashd/sessions
}
noted_some() { [[ -n $(noted "$1" "$2") ]]; }
incidents() { cat "$log"/incidents* 2>/dev/null | grep -c "kind=$1" || true; }
more_incidents() { (($(incidents "$1") > $2)); }
quota_is() { [[ $(quota $uid) == "$1" ]]; }
no_session() { ! loginctl show-session "$1" >/dev/null 2>&1; }
hint() { # SESSION METHOD true|false: as a desktop tells logind
    local path
    path=$(busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager GetSession s "$1" | cut -d'"' -f2)
    busctl call org.freedesktop.login1 "$path" org.freedesktop.login1.Session "$2" b "$3"
}
number() { [[ $(<"/sys/fs/cgroup/user.slice/user-$uid.slice/$1") =~ ^[0-9]+$ ]]; }
burner() { systemd-run -q --unit=burner --slice=user-$uid.slice --uid=alice "$LEASH_TESTS/burn" "$1"; }

# what one call of systemctl takes here, in ms: the guest's own measure of a moment
moment() {
    local begin=$EPOCHREALTIME
    systemctl show user-$uid.slice >/dev/null
    awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d", (b - a) * 1000 }'
}

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

# share_of_bob: of what both get, as an emulated CPU has more and less to give
share_of_bob() {
    cpu_of_slice 1001 5 >"$lib_run/alice" &
    cpu_of_slice 1002 5 >"$lib_run/bob"
    wait $!
    awk -v a="$(<"$lib_run/alice")" -v b="$(<"$lib_run/bob")" 'BEGIN { print b / (a + b) }'
}

# ---- runaways -----------------------------------------------------------------------------------

# The system has its part of a CPU, too, and emulated it is a large one: a fair share of the machine is more
# than what two users can get of it.
rule=("[runaway alice]" match-user=alice pressure=10% share=30% window=15s steps=5%/10min)
policy "${rule[@]}" exempt-command=burn
login alice alice
login bob bob

# What alice may tell logind of her session, while nobody else has control of it, as Xorg has of a desktop.
session=$(session_run "$alice" 'echo $XDG_SESSION_ID')
setpriv --reuid=alice --regid=alice --init-groups "$LEASH_TESTS/claim" "$session" x11 >"$lib_run/claim" 2>&1 &
claim=$!
check "alice says that her login is a desktop" wait_for 60 grep -qx SetType "$lib_run/claim"
check_equal "and logind repeats it" "$(loginctl show-session "$session" -P Type)" x11
run leash show -u alice --json
check "leash does not" json_is --arg id "$session" '.[0].sessions[] | select(.session == $id) | .type == "tty"' "$lib_run/out"
kill "$claim"

session_spawn "$alice" burn 6
session_spawn "$bob" burn 2
bobs=$SPAWNED
check "a hog that runs what the policy exempts is noted" wait_for 120 more_incidents excused 0
check_equal "and let" "$(incidents penalised) $(quota $uid)" "0 none"
policy "${rule[@]}"
fought=$(share_of_bob)
check "the hog is penalised" wait_for 120 more_incidents penalised 0
check "in the kernel" wait_for 30 quota_is 5
check_range "the other gets what the hog had" "$(awk -v a="$(share_of_bob)" -v b="$fought" 'BEGIN { print a / b }')" 1.6 2.5
check "PID 1 keeps the end" bash -c 'systemctl list-timers --all | grep -q leash-expire-1001'
run leash log -u alice --json
json_is '.[] | select(.kind == "penalised") | .used_percent > 30 and .pressure_percent > 10 and .rule' "$lib_run/out" ||
    problem "$(jq -c '.[] | select(.kind == "penalised")' "$lib_run/out")"
verdict "the log tells why"
journalctl --sync
journalctl -t leashd MESSAGE_ID=fb6ff0bd24cd4a3e9c44e1c1f7a6ad27 -o json | tail -n 1 >"$lib_run/out"
check "and the journal, with fields" json_is '.LEASH_USER == "alice" and .LEASH_UID == "1001" and .LEASH_CONDITION == "cpu"
    and .LEASH_WATCH == "0" and (.LEASH_RULE | test("^/etc/leash/leash.conf:[0-9]+$"))
    and (.LEASH_USED_PERCENT | tonumber) > 30 and (.LEASH_PRESSURE_PERCENT | tonumber) > 10
    and (.LEASH_LIMITS | test("5%")) and (.LEASH_PROCESSES | test("burn"))' "$lib_run/out"
systemctl kill -s KILL leashd
sleep 30
check_equal "killed: no second penalty" "$(incidents penalised)" 1
run leash release -u alice
check "an admin ends it" wait_for 30 quota_is none
kill "$bobs"
before=$(incidents penalised)
sleep 45
check_equal "the hog alone is left alone" "$(incidents penalised) $(quota $uid)" "$before none"
logout_all alice
logout_all bob

# ---- memory -------------------------------------------------------------------------------------

# Bob waits for memory, as MemoryHigh= has him; alice holds more than her share of it meanwhile.
policy "[runaway alice]" match-user=alice memory-pressure=5% pressure=100% share=15% window=15s steps=50%/10min
login alice alice
login bob bob
systemctl set-property --runtime user-1002.slice MemoryHigh=60M
before=$(incidents penalised)
session_spawn "$alice" hold 600
session_spawn "$bob" hold 300 again
check "who holds the memory is penalised" wait_for 180 more_incidents penalised "$before"
check "by memory.high" wait_for 30 number memory.high
check_equal "and by nothing else" "$(quota $uid) $(<"/sys/fs/cgroup/user.slice/user-$uid.slice/memory.max")" "none max"
run leash log -u alice --json
check "the log tells of memory" json_is '[.[] | select(.kind == "penalised")] | last | .condition == "memory" and .rule' "$lib_run/out"
run leash release -u alice
check_equal "an admin ends it" "$(<"/sys/fs/cgroup/user.slice/user-$uid.slice/memory.high")" max
systemctl set-property --runtime user-1002.slice MemoryHigh=infinity
rm -rf /run/systemd/system.control/user-1002.slice.d
logout_all alice
logout_all bob

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
