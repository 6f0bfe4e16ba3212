# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# Sourced by `run`: what a test case has to work with.
#
# A case is a function test_WHAT_IT_SHOWS. It runs in a process of its own with
#
#   $root         a directory that stands before /run, /etc and /sys/fs/cgroup
#   $uid $slice   a user nobody knows, and the unit that carries the user's limits; $other is another
#
# and says what is wrong by `fail`. Programs it starts end with it.

# Of the range for people, which ends at 60000 (systemd's docs/UIDS-GIDS).
uid=57431
while getent passwd $uid >/dev/null; do uid=$((uid + 2)); done
other=$((uid + 1))
slice=user-$uid.slice
failures=()

fail() { failures+=("$1"); }

# another_user [UID]: a process can be another's: not where this is root of a user namespace with one uid
another_user() {
    setpriv --reuid="${1:-$uid}" --regid="${1:-$uid}" --clear-groups true 2>/dev/null || skip "needs a second user: run as root"
}

# figure TEXT: something measured, to be seen in the output
figure() { echo "$1" >>"$figures"; }

# skip REASON: ends the case
skip() {
    echo "skip $1" >"$result"
    exit 0
}

# equal WHAT GOT WANT
equal() { [[ $2 == "$3" ]] || fail "$1 is '$2', not '$3'"; }

# like WHAT GOT PATTERN. Not by [[, where parentheses mean something.
like() {
    # shellcheck disable=SC2254
    case $2 in
    $3) ;;
    *) fail "$1 is '$2', not like '$3'" ;;
    esac
}

there() { [[ -e $root/$1 ]] || fail "$1 is not there"; }
absent() { [[ ! -e $root/$1 ]] || fail "$1 is there"; }

# ---- the host ------------------------------------------------------------------------------------

make_root() {
    rm -rf "$root"
    mkdir -p "$root"/{fake/live,etc/systemd/system,sys/fs/cgroup/user.slice} \
        "$root"/run/systemd/{system,system.control,transient} "$root"/host/systemd/{journal,sessions,users} "$root"/{usr/lib/systemd/system,var/lib}
    echo "cpu memory pids io cpuset" >"$root/sys/fs/cgroup/cgroup.controllers"
    cp "$root/sys/fs/cgroup/cgroup.controllers" "$root/sys/fs/cgroup/user.slice/"
}

# login UID [CONTROLLER...]: the user's slice as the kernel shows it. Before pid1, or followed by
# daemon_reload.
login() {
    local cgroup=$root/sys/fs/cgroup/user.slice/user-$1.slice controllers
    shift
    controllers=$*
    mkdir "$cgroup"
    echo "${controllers:-cpu memory pids io cpuset}" >"$cgroup/cgroup.controllers"
    : >"$cgroup/cgroup.procs"
    echo 0 >"$cgroup/cgroup.freeze"
    printf 'usage_usec 0\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n' >"$cgroup/cpu.stat"
}

logout() { rm -r "$root/sys/fs/cgroup/user.slice/user-$1.slice" "$root/fake/live/user-$1.slice"; }

# kernel FILE [SLICE]: what the kernel holds
kernel() { cat "$root/sys/fs/cgroup/user.slice/${2:-$slice}/$1"; }

# pid1 [--bus]: starts the fake PID 1
# shellcheck disable=SC2120 # cases pass it
pid1() {
    rm -f "$root/run/systemd/private"
    # shellcheck disable=SC2094
    exec {fake_ready}< <(DBUS_SYSTEM_BUS_ADDRESS=unix:path=$root/bus exec "$tools/fake-systemd" "$@" "$root" 2>>"$root/fake/log")
    fake_pid=$!
    read -r -t 10 -u "$fake_ready" || { fail "the fake PID 1 did not start: $(<"$root/fake/log")"; return 1; }
}

stop_pid1() {
    kill "$fake_pid" 2>/dev/null
    exec {fake_ready}<&-
    rm -f "$root/run/systemd/private"
}

# bus: starts a message bus
bus() {
    cat >"$root/bus.conf" <<EOF
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path=$root/bus</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_destination="*"/>
    <allow receive_sender="*"/>
  </policy>
</busconfig>
EOF
    exec {bus_ready}< <(exec setpriv --pdeathsig KILL dbus-daemon --nofork --nopidfile --print-address --config-file="$root/bus.conf" 2>/dev/null)
    read -r -t 10 -u "$bus_ready" || { fail "dbus-daemon did not start"; return 1; }
}

# daemon_reload: as systemctl does
daemon_reload() {
    kill -HUP "$fake_pid"
    wait_until test -e "$root/fake/reloaded"
    rm "$root/fake/reloaded"
}

# wait_until COMMAND...: at most 5 s
wait_until() {
    local i
    for ((i = 0; i < 250; i++)); do
        "$@" 2>/dev/null && return
        sleep 0.02
    done
    fail "waited in vain for: $*"
}

# conf FILE LINE...: a drop-in of the admin's, below the root
conf() {
    local file=$root/$1
    shift
    mkdir -p "${file%/*}"
    printf '%s\n' "$@" >"$file"
}

# live PROPERTY: what PID 1 holds of the slice
live() { sed -n "s/^$1=//p" "$root/fake/live/$slice"; }

# burn: a busy loop, $burner; its average is over the mark after a third of a second
burn() {
    timeout 30 bash -c 'while :; do :; done' &
    burner=$!
    sleep 0.1
    burner=$(pgrep -P $burner)
    sleep 0.4
}

# rule NUMBER|first|* MEMBER ACTION...: misbehave, see fake-systemd.c; behave: not any more
rule() { echo "$*" >>"$root/fake/rules"; }
behave() { rm -f "$root/fake/rules"; }

calls() { cat "$root/fake/calls" 2>/dev/null; }
# settings: of these, what sets limits or makes units
settings() { calls | grep -E '^(Set|Freeze|Thaw|Start)'; }
count_calls() { calls | wc -l; }
forget() { rm -f "$root/fake/calls"; }

# no_changes: of all calls so far, none may change anything
no_changes() {
    local changing
    changing=$(calls | grep -Ev '^(Get|GetUnit|GetAll) ')
    [[ -z $changing ]] || fail "a changing call: ${changing//$'\n'/; }"
}

# ---- leash ----------------------------------------------------------------------------------------

# leash ARGUMENTS...: leaves $out, $err, $status
leash() {
    local to=$root.$BASHPID
    {
        setpriv --pdeathsig TERM timeout -k 2 "${limit:-20}" env -i PATH="$PATH" LC_ALL=C.UTF-8 TZ=UTC \
            LEASH_TEST_ROOT="$root" LEASH_BACKEND=systemd DBUS_SYSTEM_BUS_ADDRESS="unix:path=$root/bus" \
            ASAN_OPTIONS=verify_asan_link_order=0:exitcode=99 UBSAN_OPTIONS=print_stacktrace=1 \
            "${environment[@]}" "${as[@]}" "$leash" "$@" >"$to.out" 2>"$to.err" </dev/null
    } 2>/dev/null
    status=$?
    out=$(<"$to.out") err=$(<"$to.err")
    [[ $err != *Sanitizer* && $err != *"runtime error"* ]] || fail "leash $*: ${err//$'\n'/ | }"
    ((status != 124)) || fail "leash $*: not done after ${limit:-20} s"
}
environment=() as=()

# with_host: from now on leash sees a login manager and a journal, those of $root/host
with_host() {
    unshare --mount --propagation private -- true 2>/dev/null || skip "needs mount namespaces"
    # shellcheck disable=SC2016
    as=(unshare --mount --propagation private -- bash -c 'mount --bind "$0" /run && exec "$@"' "$root/host")
}

# host_session ID UID: a graphical login, as logind writes it down
host_session() {
    printf '%s\n' UID="$2" USER="$2" ACTIVE=1 STATE=active REMOTE=0 TYPE=x11 CLASS=user SERVICE=xrdp-sesman \
        LEADER=$$ DISPLAY=:10 >"$root/host/systemd/sessions/$1"
    printf '%s\n' NAME="$2" STATE=active DISPLAY="$1" SESSIONS="$1" ACTIVE_SESSIONS="$1" ONLINE_SESSIONS="$1" >"$root/host/systemd/users/$2"
}

# expect STATUS OUT ERR: of the last leash; OUT and ERR are patterns
expect() {
    ((status == $1)) || fail "exit status is $status, not $1 ($out|$err)"
    like stdout "$out" "$2"
    like stderr "$err" "$3"
}

# expect_error STATUS TEXT: one line that holds TEXT, a pattern; nothing on stdout
expect_error() {
    expect "$1" "" "leash: *$2*"
    [[ $err != *$'\n'* ]] || fail "more than one line on stderr: ${err//$'\n'/ | }"
}

# snapshot: every file below the root with its mode and content. What is left out: the fake's
# notes, the ledger's own directories (made once, kept) and its locks, which are empty.
snapshot() {
    local -a all=(. '(' -path ./fake/calls -o -path ./fake/rules -o -path ./fake/log -o -path ./run/systemd/private
        -o -path ./fake/journal -o -path ./run/mount -o -path ./host -o -path './bus*' -o -path './run/leash/*.lock' -o -name cpu.stat ')' -prune -o)
    (
        cd "$root" || exit
        find "${all[@]}" ! -path ./run/leash ! -path ./var/lib/leash -printf '%p %m %y\n'
        find "${all[@]}" -type f -exec sha1sum {} + | awk '{ print $2, $1 }'
    ) | sort
}

# unchanged SNAPSHOT [WHEN]: all is as it was then
unchanged() {
    local now difference
    now=$(snapshot)
    [[ $now != "$1" ]] || return 0
    difference=$(diff <(echo "$1") <(echo "$now") | sed -n 's/^\([<>]\) \([^ ]*\).*/\1\2/p' | sort -u | tr '\n' ' ')
    fail "not as before${2:+ $2}: $difference"
    return 1
}

# timers: the transient timers that PID 1 holds
timers() { (cd "$root/run/systemd/transient" && ls -A -- *.timer 2>/dev/null); }

# ledger KEY [TARGET]: a value of the record
ledger() { sed -n "s/^$1=//p" "$root/run/leash/${2:-$slice}" | head -n 1; }

# with_notify: leash-notify is installed, which the fake PID 1 does not start: see notices(); and there is a desktop
with_notify() {
    notify=$(grep -aoE '/[[:print:]]*/leash-notify' "$leash" | head -n 1)
    install -D -m 755 /bin/true "$root$notify"
    mkdir -p "$root/tmp/.X11-unix"
    : >"$root/tmp/.X11-unix/X10" # root's, and so perhaps the user's
}

# with_top: leash-top is installed
with_top() {
    [[ -n $top_program ]] || skip "leash was built without ncurses"
    install -D -m 755 "$build/leash-top" "$root$top_program"
}

# notices [PATTERN]: the services that PID 1 was to show notices by, one a line
notices() {
    # An argument may hold newlines.
    calls | awk '/^(Start|Stop|Get|Set|Attach|Freeze|Thaw|Reload)/ { print line; line = $0; next } { line = line " | " $0 } END { print line }' |
        grep -E "^StartTransientUnit leash-notify-.*${1:-}"
}
notices_are() { (($(notices "$1" | wc -l) == $2)); }

# ---- leashd ---------------------------------------------------------------------------------------

# rules_are LINE...: leash.conf; before leashd, or followed by its SIGHUP
rules_are() {
    mkdir -p "$root/etc/leash"
    printf '%s\n' "$@" >"$root/etc/leash/leash.conf"
}

# host_with_logind: a message bus, PID 1, a login manager, and xrdp's directory
host_with_logind() {
    [[ $LEASH_BUS_NAMESPACE == *--mount* && $LEASH_BUS_NAMESPACE != *--user* ]] || skip "needs root"
    mkdir -p "$root"/{run/xrdp/sockdir,proc/pressure,host/leashd}
    mkfifo "$root/fake/logind" "$root/proc/pressure/cpu.trigger"
    echo "some avg10=0.00 avg60=0.00 avg300=0.00 total=0" >"$root/proc/pressure/cpu"
    bus && pid1 && start_logind
}

start_logind() {
    exec {logind_ready}< <(DBUS_SYSTEM_BUS_ADDRESS=unix:path=$root/bus exec "$tools/fake-logind" "$root" 2>>"$root/fake/log")
    logind_pid=$!
    read -r -t 10 -u "$logind_ready" || { fail "the fake logind did not start: $(<"$root/fake/log")"; return 1; }
}

# tell COMMAND: to the fake logind, see fake-logind.c; waits until it is done
tell() {
    local before
    before=$(wc -l <"$root/fake/logind-done" 2>/dev/null || echo 0)
    echo "$*" >"$root/fake/logind"
    wait_until has_more "$root/fake/logind-done" "$before"
}
has_more() { (($(wc -l <"$1") > $2)); }

# start_leashd ARGUMENTS...: sets $leashd_pid; ready when its sessions are known
start_leashd() {
    "${alone[@]}" env -i PATH="$PATH" LC_ALL=C.UTF-8 TZ=UTC LEASH_TEST_ROOT="$root" \
        DBUS_SYSTEM_BUS_ADDRESS="unix:path=$root/bus" ASAN_OPTIONS=verify_asan_link_order=0:exitcode=99 \
        "$tools/leashd" "$@" >>"$root/fake/leashd" 2>&1 </dev/null &
    leashd_pid=$!
    wait_until test -d "$root/run/leashd"
}

# Where processes of other cases must not be seen; ended by stop_leashd KILL.
alone=()
alone() { alone=(unshare --pid --fork --kill-child --mount-proc); }

# stop_leashd [SIGNAL]: waits for its end; sets $status
stop_leashd() {
    kill "-${1:-TERM}" "$leashd_pid"
    wait "$leashd_pid" 2>/dev/null
    status=$?
    ! grep -qE 'Sanitizer|runtime error' "$root/fake/leashd" || fail "leashd: $(head -c 2000 "$root/fake/leashd")"
}

# quota: what the kernel holds of the user's, "max" or the first number of cpu.max
quota() { kernel cpu.max "${1:-$slice}" | cut -d' ' -f1; }
quota_is() { [[ $(quota "${2:-$slice}") == "$1" ]]; }

# incidents [KIND]: how many there are in the store
incidents() { cat "$root"/var/lib/leash/log/incidents* 2>/dev/null | grep -c "kind=${1:-}" || true; }
incident_is() { (($(incidents "$1") == $2)); }

# known KEY SESSION: what leashd has written down of a session
noted() { awk -v s="[session $2]" -v k="$1=" '$0 == s { in_it = 1; next } /^\[/ { in_it = 0 } in_it && index($0, k) == 1 { print substr($0, length(k) + 1) }' "$root/run/leashd/sessions"; }
noted_is() { [[ $(noted "$1" "$2") == "$3" ]]; }
noted_some() { [[ -n $(noted "$1" "$2") ]]; }

# ---- leash-xrdp -----------------------------------------------------------------------------------

# xrdp ARGUMENTS...: leash-xrdp; leaves $out, $err, $status
xrdp() {
    local leash=$tools/leash-xrdp
    leash "$@"
}

# field NAME [INDEX]: of the JSON that the last one printed
field() { jq -r ".[${2:-0}].$1" <<<"$out"; }

# play PROGRAM ARGUMENTS...: the stand-in of that name, see fake-xrdp.c; sets $player, its PID, and $said
play() {
    local program=$1 fd
    shift
    exec {fd}< <(exec "${play_in[@]}" setpriv "${play_as[@]}" --pdeathsig KILL "$tools/$program" "$@" 2>>"$root/fake/log")
    player=$!
    read -r -t 10 -u "$fd" said || fail "$program $*: $(tail -n 1 "$root/fake/log")"
    exec {fd}<&-
}
play_as=() play_in=()
