# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# leashd beside a fake PID 1 and a fake logind, with sockets where xrdp's are.

# A user at an xrdp desktop, connected.
desktop() {
    login $uid
    host_with_logind || return
    tell serve 10 $uid
    tell call 10
    tell new c1 $uid 10
}

squeeze_policy() {
    rules_are "[state away]" "when=disconnected" "after=${1:-1s}" "cpu-quota=20%"
}

# squeezed_desktop: somebody has just left their desktop, and leashd has squeezed it
squeezed_desktop() {
    squeeze_policy 0s
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until quota_is 20000
}

test_leashd_squeezes_who_is_away_and_lets_go_at_once() {
    local begin
    squeeze_policy 1s
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    equal "quota before" "$(quota)" max
    tell hangup 10
    wait_until noted_some Disconnected c1
    equal "quota too early" "$(quota)" max
    wait_until quota_is 20000
    wait_until incident_is squeezed 1
    like "the record" "$(cat "$root/run/leash/$slice")" "*[[]state]*cpu-quota=200000*By=leashd*"
    begin=$EPOCHREALTIME
    tell call 10
    wait_until quota_is max
    awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { exit !(b - a < 1) }' || fail "letting go took longer than a second"
    wait_until incident_is lifted 1
    wait_until test ! -e "$root/run/leash/$slice"
    stop_leashd
    equal status "$status" 0
}

test_leashd_watching_only_changes_nothing() {
    squeeze_policy 0s
    desktop || return
    start_leashd --watch
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until incident_is squeezed 1
    like "the incident" "$(cat "$root/var/lib/leash/log/incidents")" "*watch=1*uid=$uid*condition=disconnected*cpu-quota=20%*rule=*leash.conf:*"
    equal quota "$(quota)" max
    no_changes
    tell call 10
    wait_until incident_is lifted 1
    stop_leashd
    no_changes
}

test_leashd_mode_is_taken_from_the_policy_and_read_again() {
    rules_are "[daemon all]" mode=watch "[state away]" when=disconnected after=0s cpu-quota=20%
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until incident_is squeezed 1
    equal quota "$(quota)" max
    squeeze_policy 0s
    kill -HUP $leashd_pid
    wait_until quota_is 20000
    rules_are "[daemon all]" mode=watch
    kill -HUP $leashd_pid
    wait_until quota_is max
    stop_leashd
}

# rehearsed: a leashd that only watches has warned of an end and climbed the ladder
rehearsed() {
    rules_are "[daemon all]" mode=watch "[state away]" when=disconnected warn-after=0s end-after=1s
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until incident_is asked 1
    wait_until noted_some Rung c1
    equal "calls" "$(grep -c Session "$root/fake/logind-calls")" 0
    rules_are "[state away]" when=disconnected warn-after=0s end-after=1s
}

# nothing of it counts: the user is warned, and asked first
begun_anew() {
    wait_until incident_is warned 2
    wait_until grep -q Session "$root/fake/logind-calls"
    equal calls "$(grep Session "$root/fake/logind-calls")" "KillSession c1 leader 15"
    like "the mode" "$(head -n 4 "$root/run/leashd/sessions")" "*Mode=enforce*"
    stop_leashd
}

test_leashd_what_was_only_watched_ends_nobody_unwarned() {
    rehearsed || return
    kill -HUP $leashd_pid
    begun_anew
}

test_leashd_what_an_earlier_one_only_watched_ends_nobody_unwarned() {
    rehearsed || return
    stop_leashd
    start_leashd
    begun_anew
}

test_leashd_rules_differ_by_user_and_exempt_nobody_is_touched() {
    rules_are "[state away]" when=disconnected after=0s cpu-quota=20% "[exempt some]" "match-user=$uid" exempt=yes
    login $other
    desktop || return
    tell serve 11 $other
    tell call 11
    tell new c2 $other 11
    start_leashd
    wait_until noted_some Connected c2
    sleep 0.3
    equal "quota of who has just arrived" "$(quota user-$other.slice)" max
    tell hangup 11
    wait_until quota_is 20000 user-$other.slice
    tell hangup 10
    wait_until noted_some Disconnected c1
    sleep 0.3
    equal "quota of the exempt" "$(quota)" max
    stop_leashd
}

# own_users: leashd has NSS files of its own, in which both users are, the first in the group admins
own_users() {
    { cat /etc/passwd; echo "tester:x:$uid:$uid::/:/bin/sh"; echo "other:x:$other:$other::/:/bin/sh"; } >"$root/passwd"
    { cat /etc/group; echo "admins:x:$uid:tester"; echo "plain:x:$other:"; } >"$root/group"
    # shellcheck disable=SC2016
    alone=(unshare --mount --propagation private -- bash -c
        'mount --bind "$0/passwd" /etc/passwd && mount --bind "$0/group" /etc/group && exec "$@"' "$root")
}

# long BYTES: NSS refuses to read an entry of a user's of 64 KiB, and of a group's of 4 MiB
long() { head -c "$1" /dev/zero | tr '\0' x; }

# unknown_to_nss NAME UID: it fails for them; for others it does not come to that line
unknown_to_nss() {
    { grep -v "^$1:" "$root/passwd"; echo "$1:x:$2:$2:$(long 70000):/:/bin/sh"; } >"$root/passwd.new"
    cat "$root/passwd.new" >"$root/passwd" # which is mounted
}

two_desktops() {
    login $other
    desktop || return
    tell serve 11 $other
    tell call 11
    tell new c2 $other 11
}

test_leashd_who_is_in_an_exempt_group_is_touched_by_nothing() {
    rules_are "[state away]" when=disconnected after=0s cpu-quota=20% "[exempt admins]" match-group=admins exempt=yes
    two_desktops || return
    own_users
    start_leashd
    wait_until noted_some Connected c2
    tell hangup 10
    tell hangup 11
    wait_until quota_is 20000 user-$other.slice
    sleep 0.5
    equal "the admin's quota" "$(quota)" max
    stop_leashd
}

# The first cannot be looked up, and one of the other's groups cannot.
test_slow_leashd_whom_nss_cannot_tell_is_left_alone_until_it_can() {
    local i
    rules_are "[state away]" when=disconnected after=0s cpu-quota=20% warn-after=1s end-after=2s "[exempt admins]" match-group=admins exempt=yes
    two_desktops || return
    tell serve 12 $((uid + 2)) # nobody knows them at all
    tell call 12
    tell new c3 $((uid + 2)) 12
    own_users
    unknown_to_nss tester $uid
    sed -i "/^plain:/d" "$root/group"
    { printf 'plain:x:%s:' $other; long 5000000; echo; } >>"$root/group"
    start_leashd
    wait_until noted_some Connected c3
    for i in 0 1 2; do tell hangup 1$i; done
    wait_until noted_some Disconnected c3
    sleep 4
    equal "quotas" "$(quota) $(quota user-$other.slice)" "max max"
    equal "incidents" "$(incidents squeezed) $(incidents warned)" "0 0"
    equal "lines in the log" "$(grep -c "cannot be looked up" "$root/fake/leashd")" 1
    { sed "/^tester:/d" "$root/passwd"; echo "tester:x:$uid:$uid::/:/bin/sh"; } >"$root/passwd.new"
    { sed "/^plain:/d" "$root/group"; echo "plain:x:$other:"; } >"$root/group.new"
    cat "$root/passwd.new" >"$root/passwd"
    cat "$root/group.new" >"$root/group"
    for ((i = 0; i < 350; i++)); do # it asks again each half a minute
        ! quota_is 20000 user-$other.slice || break
        sleep 0.1
    done
    wait_until quota_is 20000 user-$other.slice
    wait_until grep -qx "KillSession c2 leader 15" "$root/fake/logind-calls"
    equal "the admin's quota" "$(quota)" max
    equal "whom it was done to" "$(sed -n 's/.*uid=\([0-9]*\).*/\1/p' "$root/var/lib/leash/log/incidents" | sort -u)" $other
    stop_leashd
}

# Once it was told, that stays while NSS is out of order.
test_leashd_who_was_known_is_known() {
    rules_are "[state away]" when=disconnected after=0s cpu-quota=20% "[exempt admins]" match-group=admins exempt=yes
    two_desktops || return
    own_users
    start_leashd
    wait_until noted_some Connected c2
    unknown_to_nss other $other
    tell set c2 LockedHint 1
    wait_until noted_some Locked c2
    tell hangup 11
    wait_until quota_is 20000 user-$other.slice
    stop_leashd
}

test_leashd_no_runaway_is_penalised_whom_nss_cannot_tell() {
    rules_are "[runaway all]" pressure=20% share=150% window=1s steps=100%/1h "[exempt admins]" match-group=admins exempt=yes
    runaway_desktop || return
    own_users
    unknown_to_nss tester $uid
    start_leashd
    wait_until noted_some Connected c1
    contend 12
    equal "penalties" "$(incidents penalised) $(quota)" "0 max"
    stop_leashd
}

# Of a process that has ended, so that it cannot be read, whoever asks.
unreadable() {
    alone=(unshare --mount --propagation private -- bash -c
        'sleep 60 & mount --bind /proc/$!/mem "$0" && kill -KILL $! && wait $!; exec "$@"' "$1")
}

test_leashd_a_policy_that_cannot_be_read_may_exempt_anybody() {
    squeeze_policy 0s
    mkdir "$root/etc/leash/leash.conf.d"
    : >"$root/etc/leash/leash.conf.d/10-exempt.conf"
    desktop || return
    unreadable "$root/etc/leash/leash.conf.d/10-exempt.conf"
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until noted_some Disconnected c1
    sleep 0.5
    equal quota "$(quota)" max
    like "what leashd says" "$(cat "$root/fake/leashd")" "*10-exempt.conf*the policy cannot be read: nobody is limited or ended*"
    stop_leashd
}

test_leashd_locked_and_idle_sessions() {
    rules_are "[state locked]" when=locked after=0s cpu-quota=50% "[state idle]" when=idle after=0s cpu-quota=30%
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    tell set c1 LockedHint 1
    wait_until quota_is 50000
    tell set c1 LockedHint 0
    wait_until quota_is max
    stop_leashd
}

test_leashd_another_session_keeps_the_user_free() {
    squeeze_policy 0s
    desktop || return
    tell new 7 $uid -
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until noted_some Disconnected c1
    sleep 0.3
    equal quota "$(quota)" max
    tell del 7
    wait_until quota_is 20000
    tell new 8 $uid -
    wait_until quota_is max
    stop_leashd
}

test_leashd_ends_a_session_politely() {
    rules_are "[state away]" when=disconnected warn-after=1s end-after=2s
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until incident_is warned 1
    equal "asked too early" "$(incidents asked)" 0
    wait_until incident_is asked 1
    wait_until grep -qx "KillSession c1 leader 15" "$root/fake/logind-calls"
    tell call 10 # back before the next rung
    wait_until noted_some Connected c1
    sleep 0.2
    equal "the rung" "$(noted Rung c1)" ""
    tell del c1
    stop_leashd
    equal "calls" "$(grep -c Session "$root/fake/logind-calls")" 1
}

test_leashd_stays_on_a_rung_that_fails() {
    rules_are "[state away]" when=disconnected warn-after=0s end-after=1s
    desktop || return
    tell refuse 1000
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until incident_is failed 1
    sleep 0.3
    equal "the rung" "$(noted Rung c1)" ""
    equal "calls" "$(grep Session "$root/fake/logind-calls")" "KillSession c1 leader 15"
    equal "said to be done" "$(incidents asked)" 0
    stop_leashd
}

# logind_hangs: four desktops are left, and logind hangs before they are to be ended
logind_hangs() {
    local i
    rules_are "[state away]" when=disconnected warn-after=0s end-after=3s
    desktop || return
    for i in 1 2 3; do
        tell serve 1$i $((uid + i))
        tell call 1$i
        tell new c$((i + 1)) $((uid + i)) 1$i
    done
    start_leashd
    wait_until noted_some Connected c4
    for i in 0 1 2 3; do tell hangup 1$i; done
    wait_until incident_is warned 4
    kill -STOP $logind_pid
    sleep 3.5
}

test_leashd_a_logind_that_hangs_holds_up_nothing() {
    local begin
    logind_hangs || return
    rules_are "[state away]" when=nonsense
    kill -HUP $leashd_pid
    sleep 1
    like "what leashd says" "$(cat "$root/fake/leashd")" "*leash.conf:2:*"
    begin=$EPOCHREALTIME
    stop_leashd
    awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { exit !(b - a < 2) }' || fail "it took longer than two seconds to end"
    equal status "$status" 0
    kill -KILL $logind_pid
}

test_leashd_says_that_it_has_asked_when_logind_has_heard() {
    logind_hangs || return
    equal "said to be done" "$(incidents asked)" 0
    equal "the rung" "$(noted Rung c1)" ""
    kill -CONT $logind_pid
    wait_until incident_is asked 4
    wait_until noted_some Rung c1
    sleep 0.5
    equal "calls" "$(grep -c KillSession "$root/fake/logind-calls")" 4
    equal "incidents" "$(incidents asked) $(incidents failed)" "4 0"
    stop_leashd
}

test_leashd_killed_forgets_nothing() {
    local since i
    squeeze_policy 1s
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until noted_some Disconnected c1
    since=$(noted Disconnected c1)
    for i in 1 2 3 4 5 6; do
        sleep 0.$((RANDOM % 40 + 10))
        stop_leashd KILL
        start_leashd
    done
    wait_until quota_is 20000
    equal "since when" "$(noted Disconnected c1)" "$since"
    stop_leashd KILL
    equal "quota without leashd" "$(quota)" 20000
    tell call 10 # while nobody watches
    start_leashd
    wait_until quota_is max
    wait_until test ! -e "$root/run/leash/$slice"
    stop_leashd
    equal "drop-ins left" "$(find "$root/run/systemd" "$root/etc/systemd" -name 'zz-leash.conf')" ""
}

test_leashd_stopped_lets_everybody_go() {
    squeezed_desktop || return
    stop_leashd
    equal quota "$(quota)" max
    absent run/leash/$slice
    start_leashd
    wait_until quota_is 20000 # and is there again at once
    stop_leashd
}

test_leashd_logind_restarts_and_nothing_is_lost() {
    local since
    squeeze_policy 1s
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until noted_some Disconnected c1
    since=$(noted Disconnected c1)
    tell away
    tell new c2 $other 11
    tell back
    wait_until noted_some Uid c2
    equal "since when" "$(noted Disconnected c1)" "$since"
    wait_until quota_is 20000
    stop_leashd
}

# What logind cannot tell just now has not gone.
test_leashd_logind_that_fails_and_nothing_is_lost() {
    local since
    squeeze_policy 0s
    desktop || return
    tell unlist 1
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until quota_is 20000
    since=$(noted Disconnected c1)
    tell break c1
    tell away
    tell back # a new list
    tell new c2 $other -
    wait_until noted_some Uid c2
    sleep 0.5
    equal "since when" "$(noted Disconnected c1)" "$since"
    equal quota "$(quota)" 20000
    tell mend c1
    tell new c3 $other -
    wait_until noted_some Uid c3
    sleep 2.5
    equal "since when" "$(noted Disconnected c1)" "$since"
    equal quota "$(quota)" 20000
    tell del c1
    wait_until quota_is max
    stop_leashd
}

# Another leash at work on one user is nobody else's wait.
test_leashd_does_not_wait_for_another_leash() {
    local lock begin
    squeeze_policy 0s
    login $other
    desktop || return
    tell serve 11 $other
    tell call 11
    tell new c2 $other 11
    start_leashd
    wait_until noted_some Connected c2
    tell hangup 11
    wait_until quota_is 20000 user-$other.slice
    mkdir -p "$root/run/leash"
    exec {lock}>>"$root/run/leash/$slice.lock"
    flock $lock
    tell hangup 10
    wait_until noted_some Disconnected c1
    sleep 0.3
    tell call 11
    wait_until quota_is max user-$other.slice
    equal "the busy one's" "$(quota)" max
    equal "failures" "$(incidents failed)" 0
    flock -u $lock
    wait_until quota_is 20000
    stop_leashd
}

test_leashd_manual_always_wins() {
    squeeze_policy 0s
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    leash -u $uid -q 60%
    expect 0 "*60%*" ""
    tell hangup 10
    wait_until incident_is squeezed 1
    equal quota "$(quota)" 60000
    leash release -u $uid
    wait_until quota_is 20000
    tell call 10
    wait_until quota_is max
    stop_leashd
}

test_leashd_restores_what_has_drifted() {
    squeezed_desktop || return
    sleep 0.5
    echo "max 100000" >"$root/sys/fs/cgroup/user.slice/$slice/cpu.max" # by whoever it was
    wait_until incident_is restored 1
    wait_until quota_is 20000
    stop_leashd
}

# wakes: how often leashd has waited for something
wakes() { awk '/^voluntary_ctxt/ { print $2 }' /proc/$leashd_pid/status; }

# is_at_rest: it does nothing for two seconds; but for a second look at what it did last
is_at_rest() {
    local before
    before=$(wakes)
    sleep 2
    (($(wakes) - before <= 3)) || fail "woken $(($(wakes) - before)) times in 2 s"
}

test_leashd_a_limit_without_a_controller_is_no_drift() {
    rules_are "[state locked]" when=locked after=0s memory-high=1G
    login $uid cpu pids
    host_with_logind || return
    tell serve 10 $uid
    tell call 10
    tell new c1 $uid 10
    start_leashd
    wait_until noted_some Connected c1
    tell set c1 LockedHint 1
    wait_until incident_is squeezed 1
    sleep 5 # what follows a change of the displays
    forget
    is_at_rest
    equal "calls" "$(calls)" ""
    equal "incidents" "$(incidents restored) $(incidents failed)" "0 0"
    stop_leashd
}

test_leashd_a_lock_beside_a_record_is_no_news() {
    local file=$root/sys/fs/cgroup/user.slice/$slice/cpu.max
    squeezed_desktop || return
    sleep 1
    echo "max 100000" >"$file.new"
    mv "$file.new" "$file" # so that nobody hears of it
    : >"$root/run/leash/$slice.lock"
    rm "$root/run/leash/$slice.lock"
    sleep 1
    equal "looked at" "$(incidents restored)" 0
    tell reloaded
    wait_until incident_is restored 1
    stop_leashd
}

tries_are() { (($(calls | grep -c ^SetUnitProperties) == $1)); }

# A kernel that keeps another value, whatever is asked of PID 1.
test_leashd_what_cannot_be_put_back_is_told_once() {
    local first
    rules_are "[state locked]" when=locked after=0s cpu-quota=20%
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    tell set c1 LockedHint 1
    wait_until quota_is 20000
    sleep 5 # what follows a change of the displays
    forget
    rule "*" SetUnitProperties no-kernel
    echo "max 100000" >"$root/sys/fs/cgroup/user.slice/$slice/cpu.max"
    wait_until incident_is failed 1
    like "what is said" "$(cat "$root/var/lib/leash/log/incidents")" "*kind=failed*condition=cpu-quota*error=drift: the kernel has max 100000*"
    # The first pause is 5 s, of which some have gone by until it was told.
    first=${EPOCHREALTIME/./}
    wait_until tries_are 2
    (((${EPOCHREALTIME/./} - first) / 1000 > 2500)) || fail "tried again after $(((${EPOCHREALTIME/./} - first) / 1000)) ms"
    equal "incidents" "$(incidents restored) $(incidents failed)" "0 1"
    behave
    tell set c1 LockedHint 0
    wait_until test ! -e "$root/run/leash/$slice"
    stop_leashd
}

test_leashd_puts_back_what_could_not_be_put_back_before() {
    squeezed_desktop || return
    sleep 0.5
    rule "*" SetUnitProperties error org.freedesktop.DBus.Error.Failed
    echo "max 100000" >"$root/sys/fs/cgroup/user.slice/$slice/cpu.max"
    wait_until incident_is failed 1
    behave
    sleep 2
    wait_until quota_is 20000
    wait_until incident_is restored 1
    equal "dirty" "$(ledger Dirty)" 0
    stop_leashd
}

test_leashd_yields_to_an_admin() {
    squeezed_desktop || return
    sleep 0.5
    conf run/systemd/system.control/$slice.d/50-CPUQuota.conf "[Slice]" "CPUQuota=70%"
    echo "70000 100000" >"$root/sys/fs/cgroup/user.slice/$slice/cpu.max"
    wait_until incident_is yielded 1
    wait_until test ! -e "$root/run/leash/$slice"
    sleep 0.5
    absent run/leash/$slice # and is not squeezed again while away
    there run/systemd/system.control/$slice.d/50-CPUQuota.conf
    stop_leashd
}

# A journal that takes nothing any more, as journald stopped by a signal: its socket is full.
test_leashd_a_journal_that_has_stopped_stops_nothing() {
    local full
    rules_are "[state locked]" when=locked after=0s cpu-quota=20%
    desktop || return
    with_host
    alone=("${as[@]}")
    start_leashd
    wait_until noted_some Connected c1
    tell set c1 LockedHint 1
    wait_until incident_is squeezed 1
    wait_until test -s "$root/fake/journal"
    like "what the journal has" "$(<"$root/fake/journal")" "MESSAGE=$uid squeezed, locked: cpu-quota=20%?MESSAGE_ID=fb6ff0bd24cd4a3e9c44e1c1f7a6ad20?PRIORITY=5?SYSLOG_IDENTIFIER=leashd?LEASH_UID=$uid?LEASH_USER=$uid?LEASH_SESSION=c1?LEASH_CONDITION=locked?LEASH_LIMITS=cpu-quota=20%?LEASH_RULE=*leash.conf:*?LEASH_PROCESSES=?LEASH_USED_PERCENT=-1?LEASH_PRESSURE_PERCENT=-1?LEASH_WATCH=0"
    # Another one in its place, which nobody reads from.
    rm "$root/host/systemd/journal/socket"
    python3 -c 'import signal, socket, sys
journal, sender = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(2)]
journal.bind(sys.argv[1])
sender.setblocking(False)
try:
    while True: sender.sendto(b"full", sys.argv[1])
except BlockingIOError: open(sys.argv[2], "w")
signal.pause()' "$root/host/systemd/journal/socket" "$root/fake/full" &
    full=$!
    wait_until test -e "$root/fake/full"
    tell set c1 LockedHint 0
    wait_until quota_is max
    wait_until incident_is lifted 1
    tell set c1 LockedHint 1
    wait_until noted_some Locked c1 # it goes on
    kill $full
    stop_leashd
    equal status "$status" 0
}

# use UID CPU_USEC WAITED_USEC: what the user's slice has used and waited for up to now
use() {
    local dir=$root/sys/fs/cgroup/user.slice/user-$1.slice
    printf 'usage_usec %s\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n' "$2" >"$dir/cpu.stat"
    printf 'some avg10=0.00 avg60=0.00 avg300=0.00 total=%s\n' "$3" >"$dir/cpu.pressure"
}

# contend N: N looks, one each 0.3 s or as fast as the host lets: the user burns all CPUs, the other wants one and waits
contend() {
    local i us cpus
    cpus=$(nproc)
    : "${contended:=$EPOCHREALTIME}"
    for ((i = 0; i < $1; i++)); do
        us=$((${EPOCHREALTIME/./} - ${contended/./} + 1))
        use $uid $((us * cpus)) $us
        use $other $((us / 15)) $((us / 15))
        echo "some avg10=90.00 avg60=0.00 avg300=0.00 total=$((us / 30 * 29))" >"$root/proc/pressure/cpu"
        echo >"$root/proc/pressure/cpu.trigger"
        sleep 0.3
    done
}

runaway_desktop() {
    login $other
    desktop || return
    tell new 9 $other -
}

test_leashd_penalises_a_runaway_once() {
    rules_are "[runaway all]" pressure=20% share=150% window=2s steps=100%/1h
    runaway_desktop || return
    start_leashd
    wait_until noted_some Connected c1
    contend 20
    wait_until incident_is penalised 1
    wait_until quota_is 100000
    equal "the other's" "$(quota user-$other.slice)" max
    like "the incident" "$(cat "$root/var/lib/leash/log/incidents")" "*uid=$uid*condition=cpu*used=*pressure=*active=2*step=0*"
    like "the timer" "$(timers)" "leash-expire-$uid-*.timer"
    like "the layer" "$(cat "$root/run/leash/$slice")" "*[[]runaway]*cpu-quota=1000000*"
    stop_leashd KILL
    start_leashd
    wait_until noted_some Connected c1
    contend 12
    equal "penalties after being killed" "$(incidents penalised)" 1
    leash release -u $uid # an admin ends it
    wait_until quota_is max
    stop_leashd
}

test_leashd_a_hog_alone_is_left_alone() {
    rules_are "[runaway all]" pressure=20% share=150% window=1s steps=100%/1h
    runaway_desktop || return
    start_leashd
    wait_until noted_some Connected c1
    local i
    for ((i = 1; i <= 10; i++)); do
        use $uid $((i * 300000 * $(nproc))) $((i * 300000))
        use $other 100 0
        echo "some avg10=90.00 avg60=0.00 avg300=0.00 total=$((i * 290000))" >"$root/proc/pressure/cpu"
        echo >"$root/proc/pressure/cpu.trigger"
        sleep 0.3
    done
    equal penalties "$(incidents penalised)" 0
    equal quota "$(quota)" max
    stop_leashd
}

sessions_are() { (($(grep -c '^\[session ' "$root/run/leashd/sessions") == $1)); }

test_slow_leashd_follows_two_thousand() {
    local before after
    squeeze_policy 0s
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    before=$(awk '/^VmRSS/ { print $2 }' /proc/$leashd_pid/status)
    tell storm 2000 30000
    wait_until sessions_are 2001
    tell calm 2000
    wait_until sessions_are 1
    tell storm 2000 30000
    wait_until sessions_are 2001
    tell hangup 10
    wait_until quota_is 20000
    tell calm 2000
    wait_until sessions_are 1
    after=$(awk '/^VmRSS/ { print $2 }' /proc/$leashd_pid/status)
    grep -q __asan_init "$tools/leashd" || ((after - before < 6144)) || fail "resident memory went from $before to $after KiB"
    echo "# resident: $before, then $after KiB"
    stop_leashd
    equal status "$status" 0
}

test_leashd_policy_with_mistakes_is_told() {
    rules_are "[state away]" when=disconnected after=soon cpu-quota=20% "[nonsense x]" a=b
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    like "what leashd says" "$(cat "$root/fake/leashd")" "*leash.conf:3:*leash.conf:5:*"
    stop_leashd
}

test_leashd_keeps_a_textfile() {
    rules_are "[daemon all]" "textfile=$root/metrics.prom" "[state away]" when=disconnected after=0s cpu-quota=20%
    desktop || return
    start_leashd
    wait_until grep -q '^# EOF' "$root/metrics.prom"
    like "the file" "$(cat "$root/metrics.prom")" "*leash_user_cpu_seconds_total{uid=\"$uid\",*"
    stop_leashd
}

test_leashd_says_once_that_it_cannot_keep() {
    local i
    squeeze_policy 0s
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    rm "$root/run/leashd/sessions"
    mkdir -p "$root/run/leashd/sessions/in-the-way"
    for i in 1 0 1 0 1 0; do
        tell set c1 LockedHint $i
        sleep 0.2
    done
    equal "lines in the log" "$(grep -c "cannot keep" "$root/fake/leashd")" 1
    stop_leashd
}

test_leashd_needs_systemd() {
    host_with_logind || return
    rmdir "$root/run/systemd/system"
    LEASH_TEST_ROOT=$root timeout 5 "$tools/leashd" >"$root/said" 2>&1
    equal status $? 1
    like "what it says" "$(<"$root/said")" "*cannot begin: PID 1 is not systemd"
}

test_leashd_is_there_once() {
    rules_are "[daemon all]" mode=watch
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    LEASH_TEST_ROOT=$root timeout 10 "$tools/leashd" >"$root/second" 2>&1
    equal "status of the second" $? 1
    like "what it says" "$(<"$root/second")" "*cannot begin: another leashd runs"
    stop_leashd KILL
    start_leashd # and the lock went with the first
    tell set c1 LockedHint 1
    wait_until noted_some Locked c1
    stop_leashd
    equal status "$status" 0
}

# Since when, as leash tells it; $1 is the key
since_of() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" <<<"$out"; }
shows_since() { leash show -u $uid --json; [[ -n $(since_of locked_since) ]]; }

test_leashd_tells_since_when() {
    local before after since
    rules_are "[state locked]" when=locked end-after=1h
    desktop || return
    host_session c1 $uid
    with_host
    leash show -u $uid --json
    like "without leashd" "$out" "*\"connected\": *null*\"connected_since\": *null*\"disconnected_since\": *null*\"locked_since\": *null*"
    start_leashd
    wait_until noted_some Connected c1
    before=$EPOCHSECONDS
    tell set c1 LockedHint 1
    wait_until noted_some Locked c1
    after=$EPOCHSECONDS
    tell hangup 10
    wait_until noted_some Disconnected c1
    leash show -u $uid --json
    like "in JSON" "$out" "*\"connected\": *false*\"connected_since\": *null*\"idle_since\": *null*"
    since=$(date -d "$(since_of locked_since)" +%s)
    ((since >= before - 1 && since <= after + 1)) || fail "locked since $since, not $before to $after"
    [[ -n $(since_of disconnected_since) ]] || fail "it is not told since when nobody is connected"
    sleep 1.1
    stop_leashd KILL
    start_leashd
    wait_until shows_since
    since=$(date -d "$(since_of locked_since)" +%s)
    ((since >= before - 1 && since <= after + 1)) || fail "after a restart locked since $since, not $before to $after"
    leash show -u $uid
    like "as text" "$out" "*session *c1,*disconnected since *[0-9]:[0-9]*, locked since *[0-9]:[0-9]*"
    as+=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chmod 755 "$root"
    leash show -u $uid
    [[ $out != *locked* ]] || fail "others than root are told: $out"
    as=("${as[@]:0:${#as[@]}-4}")
    stop_leashd
    leash show -u $uid
    [[ $out != *locked* ]] || fail "what a leashd that has ended knew is told: $out"
}

# What `leash log` has of the incidents of one kind: their rules
rule_of() { sed -n "s/.*kind=$1.*rule=\([^\t]*\).*/\1/p" "$root/var/lib/leash/log/incidents"; }

test_leashd_tells_by_which_line() {
    rules_are "[state away]" when=disconnected after=0s end-after=1h warn-after=1s
    mkdir "$root/etc/leash/leash.conf.d"
    printf '%s\n' "[state away]" cpu-quota=20% >"$root/etc/leash/leash.conf.d/50-squeeze.conf"
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until incident_is squeezed 1
    wait_until incident_is warned 1
    equal "squeezed" "$(rule_of squeezed)" "$root/etc/leash/leash.conf.d/50-squeeze.conf:2"
    equal "warned" "$(rule_of warned)" "$root/etc/leash/leash.conf:4"
    stop_leashd
}

test_leashd_ends_what_is_locked_for_too_long() {
    rules_are "[state locked]" when=locked warn-after=1s end-after=3s
    desktop || return
    with_notify
    start_leashd
    wait_until noted_some Connected c1
    tell set c1 LockedHint 1
    wait_until incident_is warned 1
    wait_until notices_are "has been locked for [1-9]s It will be ended at .* unless you come back to it" 1
    tell set c1 LockedHint 0 # it is taken
    wait_until notices_are --close 1
    tell set c1 LockedHint 1
    wait_until incident_is warned 2
    equal "ended too early" "$(incidents asked)" 0
    wait_until incident_is asked 1
    wait_until grep -qx "KillSession c1 leader 15" "$root/fake/logind-calls"
    stop_leashd
}

test_leashd_sees_to_the_end_that_leash_lock_owes() {
    local end
    rules_are "[lock all]" idle=10min logout-after=90min "[exempt all]" exempt=yes
    desktop || return
    tell set c1 LockedHint 1
    start_leashd
    wait_until noted_some Locked c1
    sed -i "s/^Locked=.*/Locked=1/" "$root/run/leashd/sessions"
    stop_leashd KILL
    start_leashd
    if awk '{ exit !($1 < 5415) }' /proc/uptime; then
        sleep 1
        equal "too early" "$(incidents warned)" 0
    else
        wait_until incident_is warned 1
        equal "by which rule" "$(rule_of warned)" "$root/etc/leash/leash.conf:3"
        end=$(sed -n 's/.*kind=warned.*until=\([0-9]*\)[0-9]\{6\}.*/\1/p' "$root/var/lib/leash/log/incidents")
        ((end >= EPOCHSECONDS + 50 && end <= EPOCHSECONDS + 62)) || fail "it ends in $((end - EPOCHSECONDS)) s"
    fi
    stop_leashd
}

# guarded_desktop: a desktop whose login was long ago, with leash-lock at $helper in its session
guarded_desktop() {
    desktop || return
    scope=$root/sys/fs/cgroup/user.slice/$slice/session-c1.scope
    mkdir -p "$scope" "$root/bin"
    : >"$scope/cgroup.procs"
    cp -L "$(command -v sleep)" "$root/bin/leash-lock"
    start_leashd
    wait_until noted_some Connected c1
    stop_leashd KILL
    sed -i "s/^Created=.*/Created=1/" "$root/run/leashd/sessions"
}

# helper: starts one, as the user; sets $helper
helper() {
    setpriv --reuid=$uid --clear-groups --pdeathsig KILL "${1:-$root/bin/leash-lock}" 60 &
    helper=$!
    echo $helper >>"$scope/cgroup.procs"
    wait_until eval '[[ $(readlink /proc/$helper/exe) == */leash-lock ]]'
}
helper_ends() {
    kill -KILL $helper
    wait $helper 2>/dev/null
    : >"$scope/cgroup.procs"
}

test_slow_leashd_misses_a_lock_helper_that_was_killed() {
    local i
    rules_are "[lock all]" idle=10min
    guarded_desktop || return
    helper
    start_leashd
    sleep 2.5
    equal "there is one" "$(incidents unguarded)" 0
    helper_ends
    helper # it is kept
    sleep 12
    equal "it was back at once" "$(incidents unguarded)" 0
    helper_ends
    for ((i = 0; i < 20; i++)); do ! incident_is unguarded 1 || break; sleep 1; done
    incident_is unguarded 1 || fail "that it is gone is not told"
    equal "the rule" "$(rule_of unguarded)" "$root/etc/leash/leash.conf:2"
    leash log -u $uid
    like "the log" "$out" "*unguarded *session c1*"
    stop_leashd KILL
    start_leashd
    tell set c1 LockedHint 1
    wait_until noted_some Locked c1
    helper
    sleep 1.5
    helper_ends
    sleep 1.5
    equal "told once" "$(incidents unguarded)" 1
    stop_leashd
}

test_leashd_misses_a_lock_helper_at_once_after_a_long_login() {
    rules_are "[lock all]" on-disconnect=lock
    guarded_desktop || return
    start_leashd
    wait_until incident_is unguarded 1
    stop_leashd
}

test_leashd_another_program_is_no_lock_helper() {
    rules_are "[lock all]" on-disconnect=lock
    guarded_desktop || return
    mkdir "$root/home"
    cp "$root/bin/leash-lock" "$root/home/"
    chown $uid "$root/home/leash-lock"
    helper "$root/home/leash-lock" # the user's own
    start_leashd
    wait_until incident_is unguarded 1
    helper_ends
    stop_leashd
}

test_leashd_wants_no_lock_helper_without_a_policy() {
    rules_are "[lock some]" match-user=root idle=10min
    guarded_desktop || return
    tell new 7 $uid -
    start_leashd
    tell set c1 LockedHint 1
    wait_until noted_some Locked c1
    sleep 1.5
    equal "missed" "$(incidents unguarded)" 0
    stop_leashd
}

# A full host: three desktops at most, alice's and the other's left, one newcomer.
full_host() {
    rules_are "[xrdp all]" max-sessions=2 when-full=evict-oldest-disconnected "warn=$1" "${@:2}"
    login $other
    desktop || return
    tell serve 11 $other
    tell call 11
    tell new c2 $other 11
    start_leashd
    wait_until noted_some Connected c2
    tell hangup 10
    wait_until noted_some Disconnected c1
    sleep 0.1
    tell hangup 11
    wait_until noted_some Disconnected c2
}

newcomer() {
    tell serve 12 $((uid + 2))
    tell call 12
    tell new c3 $((uid + 2)) 12
    wait_until noted_some Connected c3
}

test_leashd_full_host_ends_the_oldest_disconnected_after_its_warning() {
    full_host 3s || return
    with_notify
    sleep 0.3
    equal "warned while there is room" "$(incidents warned)" 0
    newcomer
    wait_until incident_is warned 1
    wait_until notices_are "has been disconnected for .* Since this server is full, it will be ended at 20.* unless you come back to it" 1
    equal "ended before its time" "$(incidents asked)" 0
    like "whom" "$(cat "$root/var/lib/leash/log/incidents")" "*kind=warned*uid=$uid*session=c1*condition=surplus*rule=*leash.conf:*"
    wait_until incident_is asked 1
    wait_until grep -qx "KillSession c1 leader 15" "$root/fake/logind-calls"
    tell del c1
    sleep 0.3
    equal "sessions ended" "$(grep -c Session "$root/fake/logind-calls")" 1
    stop_leashd
}

test_leashd_full_host_never_ends_who_is_back() {
    full_host 3s || return
    newcomer
    wait_until incident_is warned 1
    tell call 10 # back in time: now it is the other's turn
    wait_until incident_is warned 2
    tell call 11
    wait_until noted_some Connected c2
    sleep 4
    equal "asked" "$(incidents asked)" 0
    equal "calls" "$(grep -c KillSession "$root/fake/logind-calls")" 0
    stop_leashd
}

test_leashd_full_host_is_no_matter_to_the_exempt_or_in_watch_mode() {
    full_host 0s "[exempt some]" "match-user=$uid" exempt=yes "[lock all]" logout-after=90min || return
    newcomer
    wait_until incident_is asked 1
    like "who" "$(cat "$root/var/lib/leash/log/incidents")" "*kind=asked*uid=$other*"
    stop_leashd
    rules_are "[daemon x]" mode=watch "[xrdp all]" max-sessions=1 when-full=evict-oldest-disconnected warn=0s
    start_leashd
    wait_until eval '(($(grep -c "watch=1.*kind=asked\|kind=asked.*watch=1" "$root/var/lib/leash/log/incidents") > 0))'
    equal "calls" "$(grep -c KillSession "$root/fake/logind-calls")" 1
    stop_leashd
}

# orphan: a desktop whose leader is PID 1, which no xrdp-sesman knows; none runs
orphan() {
    rules_are "[xrdp all]" orphans=end "warn=$1"
    desktop || return
    alone
    start_leashd
    wait_until noted_some Connected c1
    wait_until pgrep -P $leashd_pid >/dev/null
    play_in=(nsenter --pid --target "$(pgrep -P $leashd_pid)")
}

test_leashd_orphans_are_ended_if_the_policy_says_so() {
    orphan 0s || return
    tell hangup 10
    wait_until noted_some Disconnected c1
    sleep 0.7
    equal "asked while no xrdp-sesman runs" "$(incidents asked)" 0
    tell call 10
    wait_until noted_some Connected c1
    play xrdp-sesman sesman child
    sleep 0.3
    equal "asked while connected" "$(incidents asked)" 0
    tell hangup 10
    wait_until incident_is asked 1
    stop_leashd KILL
}

# What looked like an orphan is looked at again when its end is due.
test_leashd_orphans_are_not_ended_by_an_old_look() {
    orphan 3s || return # in which it has to have ended
    play xrdp-sesman sesman child
    tell hangup 10
    wait_until incident_is warned 1
    pkill -KILL -P "$(pgrep -d, -P $player)" # it is being restarted
    pkill -KILL -P $player
    sleep 4
    equal "asked" "$(incidents asked)" 0
    stop_leashd KILL
}

test_leashd_has_users_told_when_they_connect() {
    rules_are "[xrdp all]" greet=yes "[xrdp other]" "match-user=$other" greet=no
    login $other
    desktop || return
    tell serve 11 $other
    tell call 11
    tell new c2 $other 11
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until noted_some Disconnected c1
    tell hangup 11
    sleep 0.2
    tell call 10
    tell call 11
    wait_until grep -q "leash-greet@c1.service" "$root/fake/calls"
    sleep 0.5
    equal "times told" "$(calls | grep -c leash-greet@)" 1
    stop_leashd KILL
    start_leashd # who was told is not told again
    wait_until noted_some Connected c1
    sleep 2.5
    equal "times told" "$(calls | grep -c leash-greet@)" 1
    stop_leashd
}

# ---- a leash that does not let go of a record ----------------------------------------------------

# hold [SIGNAL]: somebody has the user's record locked, and was sent that; sets $holder
hold() {
    install -d -m 700 "$root/run/leash"
    flock "$root/run/leash/$slice.lock" sleep 60 &
    holder=$!
    wait_until grep -q "FLOCK .* $holder " /proc/locks
    kill -"${1:-CONT}" $holder
}

let_go() {
    pkill -KILL -P $holder
    kill -KILL $holder
}

# seconds of CPU time that leashd has had, in hundredths
cpu_of_leashd() { awk '{ print $14 + $15 }' /proc/$leashd_pid/stat; }

test_leashd_a_penalty_waits_for_a_record_and_nothing_else_does() {
    rules_are "[runaway all]" pressure=20% share=150% window=1s steps=100%/1h "[state away]" when=disconnected after=0s cpu-quota=20%
    runaway_desktop || return
    tell serve 11 $other
    tell call 11
    start_leashd
    wait_until noted_some Connected c1
    tell del 9
    tell new c2 $other 11
    wait_until noted_some Connected c2
    hold STOP
    contend 12
    wait_until grep -q "$slice cannot be limited or let go: flock, process $holder, is stopped.*kill -CONT $holder" "$root/fake/leashd"
    equal "penalties while it is locked" "$(incidents penalised) $(quota)" "0 max"
    tell hangup 11 # another user is served meanwhile
    wait_until quota_is 20000 user-$other.slice
    let_go
    wait_until quota_is 100000
    wait_until incident_is penalised 1
    equal failures "$(incidents failed)" 0
    equal "lines in the log" "$(grep -c "cannot be limited" "$root/fake/leashd")" 1
    stop_leashd
}

test_slow_leashd_squeezes_when_a_stopped_leash_has_let_go() {
    local before i
    squeeze_policy 0s
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    hold STOP
    tell hangup 10
    wait_until grep -q "cannot be limited or let go" "$root/fake/leashd"
    before=$(cpu_of_leashd)
    sleep 2
    (($(cpu_of_leashd) - before <= 5)) || fail "it is busy waiting"
    let_go
    for ((i = 0; i < 300; i++)); do # it tries again each half a minute
        ! quota_is 20000 || break
        sleep 0.1
    done
    wait_until quota_is 20000
    stop_leashd
}

test_leash_says_who_has_the_record() {
    login $uid
    pid1 || return
    hold STOP
    leash -u $uid
    expect_error 1 "flock, process $holder, is stopped in the middle of it; 'kill -CONT $holder' has it go on*"
    let_go
    leash -u $uid
    expect 0 "*" ""
    hold STOP
    leash release -u $uid
    expect_error 1 "flock, process $holder, is stopped*"
    let_go
    leash release -u $uid
    expect 0 "*released*" ""
}

# Who calls it through sudo has Ctrl-Z.
test_leash_is_not_stopped_in_the_middle() {
    local pid=
    login $uid
    pid1 || return
    hold
    leash -u $uid -q 37% &
    wait_until pgrep -xf "$leash -u $uid -q 37%"
    pid=$(pgrep -xf "$leash -u $uid -q 37%")
    wait_until grep -qE '^SigIgn:.*3[89a-f][0-9a-f]{4}$' /proc/$pid/status
    kill -TSTP $pid
    sleep 0.2
    like state "$(grep ^State: /proc/$pid/status)" "*[RSD] (*"
    let_go
    wait_until quota_is 37000
}

# ---- what a session's user may tell logind -------------------------------------------------------

# Whoever has taken control of a session, as its user may, sets its Type (org.freedesktop.login1(5)), and
# since systemd 254 its Display.

test_leashd_a_type_that_the_user_sets_changes_nothing() {
    rules_are "[state away]" when=disconnected match-type=x11 after=0s cpu-quota=20%
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    tell set c1 Type tty
    tell hangup 10
    wait_until noted_some Disconnected c1
    wait_until quota_is 20000
    stop_leashd
}

test_leashd_a_display_that_the_user_sets_changes_nothing() {
    squeeze_policy 0s
    login $other
    desktop || return
    tell serve 11 $other
    tell call 11
    tell new c2 $other 11
    start_leashd
    wait_until noted_some Connected c1
    tell set c1 Display :11 # somebody else's, who is connected
    tell hangup 10
    wait_until quota_is 20000
    equal "display" "$(noted Display c1)" 10
    tell set c1 Display :999 # nobody's
    sleep 0.3
    tell call 10
    wait_until quota_is max
    stop_leashd
}

test_leashd_sees_through_what_was_set_before_it_came() {
    squeeze_policy 0s
    desktop || return
    tell set c1 Type tty
    tell set c1 Display :999
    start_leashd
    wait_until noted_some Connected c1
    equal "display" "$(noted Display c1)" 10
    tell hangup 10
    wait_until quota_is 20000
    stop_leashd
}

test_leashd_a_desktop_without_its_x_server_is_left() {
    squeeze_policy 0s
    desktop || return
    start_leashd
    wait_until noted_some Connected c1
    tell shut 10
    tell hangup 10
    wait_until noted_some Disconnected c1
    wait_until quota_is 20000
    stop_leashd
}

test_leashd_a_session_is_of_the_type_it_began_as() {
    rules_are "[state idle]" when=idle match-type=tty after=0s cpu-quota=30%
    login $uid
    host_with_logind || return
    mkdir -p "$root/run/systemd/sessions"
    printf '%s\n' "UID=$uid" TYPE=x11 ORIGINAL_TYPE=tty >"$root/run/systemd/sessions/7"
    tell new 7 $uid -
    tell set 7 Type x11
    tell set 7 IdleHint 1
    start_leashd
    wait_until quota_is 30000
    stop_leashd
}
