# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by the suites inside the guest: . "${LEASH_TESTS:-/usr/lib/leash-tests}/lib.sh"

LEASH_TESTS=${LEASH_TESTS:-/usr/lib/leash-tests}
PATH=$LEASH_TESTS:$PATH
lib_passed=0 lib_failed=0 lib_skipped=0
if [[ ${LEASH_GUEST_BOOT:-1} != 1 ]]; then
    read -r lib_passed lib_failed lib_skipped </var/lib/leash-guest/counts
fi
lib_run=/run/leash-tests
install -d -m 1777 "$lib_run"

ok() {
    lib_passed=$((lib_passed + 1))
    echo "ok - $1"
}

not_ok() {
    lib_failed=$((lib_failed + 1))
    echo "not ok - $1${2:+: $2}"
}

skip() {
    lib_skipped=$((lib_skipped + 1))
    echo "ok - $1 # SKIP $2"
}

# finish: the last line of a suite
finish() {
    echo "$lib_passed passed, $lib_failed failed, $lib_skipped skipped"
    exit $((lib_failed > 0))
}

# check NAME COMMAND...: passes if the command succeeds; its output is shown if not
check() {
    local name=$1 output status=0
    shift
    output=$("$@" 2>&1 </dev/null) || status=$?
    if ((status == 0)); then
        ok "$name"
    else
        not_ok "$name" "exit $status: $*"
        [[ -z $output ]] || echo "#   ${output//$'\n'/$'\n'#   }"
    fi
}

# check_status STATUS NAME COMMAND...: passes if the command exits with STATUS
check_status() {
    local want=$1 name=$2 output status=0
    shift 2
    output=$("$@" 2>&1 </dev/null) || status=$?
    if ((status == want)); then
        ok "$name"
    else
        not_ok "$name" "exit $status, not $want: $*"
        [[ -z $output ]] || echo "#   ${output//$'\n'/$'\n'#   }"
    fi
}

# check_equal NAME GOT WANTED
check_equal() {
    if [[ $2 == "$3" ]]; then ok "$1"; else not_ok "$1" "'$2', not '$3'"; fi
}

# check_range NAME VALUE LOW HIGH: decimal fractions allowed
check_range() {
    if awk -v v="$2" -v l="$3" -v h="$4" 'BEGIN { exit !(v != "" && v >= l && v <= h) }'; then
        ok "$1 ($2)"
    else
        not_ok "$1" "'$2' is not within $3 to $4"
    fi
}

# wait_for SECONDS COMMAND...: polls until the command succeeds
wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        ((SECONDS < end)) || return 1
        sleep 0.1
    done
}

# session_open USER: a real login by ssh that stays. Sets SESSION (logind's id) and SESSION_PID (the
# login shell, as seen by `leash`); the id is the handle of the functions below.
session_open() {
    local user=$1 dir
    dir=$(mktemp -d "$lib_run/login.XXXXXX")
    chown "$user:" "$dir"
    mkfifo "$dir/in"
    # open for both ways: neither side waits for the other, and the shell sees no end of file
    exec {lib_fd}<>"$dir/in"
    ssh -T "$user@localhost" "exec bash -s" <"$dir/in" >"$dir/log" 2>&1 {lib_fd}>&- &
    lib_ssh=$!
    echo "echo \"\$XDG_SESSION_ID \$\$\" >$dir/id.part && mv $dir/id.part $dir/id" >&"$lib_fd"
    if ! wait_for 150 test -s "$dir/id"; then
        cat "$dir/log"
        echo "# no login for $user"
        return 1
    fi
    read -r SESSION SESSION_PID <"$dir/id"
    echo "$dir $lib_fd $lib_ssh $SESSION_PID" >"$lib_run/session.$SESSION"
}

# session_run ID COMMAND: runs shell text in the session, shows its output, returns its status
session_run() {
    local dir fd ssh pid job
    read -r dir fd ssh pid <"$lib_run/session.$1"
    job=$(mktemp -u "$dir/job.XXXXXX")
    printf '{ %s\n} </dev/null >%s.out 2>&1; echo $? >%s.part; mv %s.part %s\n' \
        "$2" "$job" "$job" "$job" "$job" >&"$fd"
    until [[ -e $job ]]; do
        kill -0 "$pid" 2>/dev/null || return 255
        sleep 0.05
    done
    cat "$job.out"
    return "$(<"$job")"
}

# session_spawn ID COMMAND...: starts a command in the session, in the background; sets SPAWNED
session_spawn() {
    local id=$1
    shift
    # shellcheck disable=SC2034 # for the caller
    SPAWNED=$(session_run "$id" "(PATH=$LEASH_TESTS:\$PATH exec $*) >/dev/null 2>&1 & echo \$!")
}

# session_close ID: logs out; what the session left running stays, as it does for a real user
session_close() {
    local dir fd ssh pid
    read -r dir fd ssh pid <"$lib_run/session.$1"
    echo exit >&"$fd"
    exec {fd}>&-
    wait_for 20 lib_gone "$pid" || kill "$ssh"
    wait "$ssh" 2>/dev/null
    rm -rf "$dir" "$lib_run/session.$1"
}

lib_gone() {
    ! kill -0 "$1" 2>/dev/null
}

# rdp_open USER: a real xrdp desktop (openbox) with a connected client in this same guest. Sets SESSION,
# and RDP_CLIENT, the client's PID: killing it disconnects, calling rdp_open again reconnects.
rdp_open() {
    local client options
    systemctl start xrdp-sesman xrdp
    [[ -e /tmp/.X11-unix/X50 ]] || Xvfb :50 -screen 0 1024x768x24 >"$lib_run/xvfb.log" 2>&1 &
    wait_for 60 test -e /tmp/.X11-unix/X50 || return
    if client=$(command -v xfreerdp3); then
        options="/cert:ignore /tls:seclevel:0"
    else
        client=xfreerdp options="/cert-ignore /tls-seclevel:0"
    fi
    # /sec:rdp fails with OpenSSL 3
    # shellcheck disable=SC2086 # several words
    DISPLAY=:50 "$client" /v:127.0.0.1 "/u:$1" /p:leash /w:800 /h:600 /sec:tls $options \
        </dev/null >"$lib_run/rdp.log" 2>&1 &
    RDP_CLIENT=$!
    if ! wait_for 180 rdp_connected "$1"; then
        tail -n 20 "$lib_run/rdp.log"
        echo "# no desktop for $1"
        return 1
    fi
}

# rdp_session USER: prints the id of the user's desktop session
rdp_session() {
    local id
    for id in $(loginctl list-sessions --no-legend | awk -v u="$1" '$3 == u { print $1 }'); do
        [[ $(loginctl show-session "$id" -P Service) != xrdp-sesman ]] || echo "$id"
    done | grep -m 1 .
}

# rdp_connected USER: whether a client is at the desktop, as the kernel's list of sockets tells
rdp_connected() {
    SESSION=$(rdp_session "$1") || return
    kill -0 "$RDP_CLIENT" 2>/dev/null || return
    awk '$8 ~ /xrdp_display_[0-9]+$/ && $6 == "03" { found = 1 } END { exit !found }' /proc/net/unix
}

# noisy: true if the guest does not get its CPUs in time, which it cannot see in any other way: a
# program with nothing beside it wakes up late. Sets idle_p99.
noisy() {
    idle_p99=$(probe 3 | awk '{ print $6 }')
    awk -v p="$idle_p99" 'BEGIN { exit !(p > 12) }'
}

# cgroup_version: v1 or v2
cgroup_version() {
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then echo v2; else echo v1; fi
}

# slice_path UID: the directory of the user's slice; on v1, in the cpu hierarchy, where it exists
# only while something in systemd asks for CPU accounting or a CPU limit
slice_path() {
    local root=/sys/fs/cgroup
    [[ $(cgroup_version) == v2 ]] || root=/sys/fs/cgroup/cpu
    echo "$root/user.slice/user-$1.slice"
}

# cpu_of_slice UID SECONDS: percent of one CPU, to 0.1
cpu_of_slice() {
    local path
    path=$(slice_path "$1")
    # at both ends of the wait in one process, see tools/meter.c
    if [[ $(cgroup_version) == v2 ]]; then
        meter "$path/cpu.stat" "$2"
    elif [[ -e $path/cpuacct.usage ]]; then
        meter "$path/cpuacct.usage" "$2"
    else
        meter "/sys/fs/cgroup/systemd/user.slice/user-$1.slice" "$2"
    fi
}

# cpu_max UID: "QUOTA PERIOD" in microseconds as the kernel has it, QUOTA is "max" without a limit
cpu_max() {
    local path quota period
    path=$(slice_path "$1")
    if [[ -e $path/cpu.max ]]; then
        cat "$path/cpu.max"
    elif [[ -e $path/cpu.cfs_quota_us ]]; then
        quota=$(<"$path/cpu.cfs_quota_us")
        period=$(<"$path/cpu.cfs_period_us")
        ((quota > 0)) || quota=max
        echo "$quota $period"
    else
        echo "max 100000"
    fi
}

# guest_reboot: reboots for real; the suite starts again from its top with LEASH_GUEST_BOOT=2, and
# its counts go on
guest_reboot() {
    echo "$lib_passed $lib_failed $lib_skipped" >/var/lib/leash-guest/counts
    touch /var/lib/leash-guest/reboot-wanted
    echo "# rebooting"
    systemctl reboot
    sleep infinity
}
