# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by every script here: lib.sh, and what only these suites need.

set -u
. "${LEASH_TESTS:-/usr/lib/leash-tests}/lib.sh"
export SYSTEMD_PAGER='' NO_COLOR=1
job=$LEASH_TESTS/guest/suite/job
declare -A uid_of=([alice]=1001 [bob]=1002 [carol]=1003)

# suite_begin: a known state to start from, and tidied up when the script ends, however it ends
suite_begin() {
    suite_start=$SECONDS
    command -v leash >/dev/null || { not_ok "leash is installed"; finish; }
    if [[ ! -e /run/systemd/logind.conf.d/leash-tests.conf ]]; then
        # the slice of a user who has gone stops at once, not after ten seconds
        install -d /run/systemd/logind.conf.d
        printf '[Login]\nUserStopDelaySec=0\n' >/run/systemd/logind.conf.d/leash-tests.conf
        systemctl restart systemd-logind
        mute_generators
    fi
    # The first quota on a machine patches the kernel's code while it runs (a jump label,
    # cfs_bandwidth_used()), which Linux 6.12 did not survive under emulation: one is there all the time.
    systemctl is-active -q leash-tests-quota.service ||
        systemd-run -q --unit=leash-tests-quota -p CPUQuota=90% sleep infinity
    trap tidy EXIT
}

# Generators make nothing here, and take most of the time of a daemon-reload.
mute_generators() {
    local kind file
    for kind in system-generators user-generators user-environment-generators; do
        install -d "/run/systemd/$kind"
        for file in "/usr/lib/systemd/$kind"/*; do
            [[ ! -e $file ]] || ln -sf /dev/null "/run/systemd/$kind/${file##*/}"
        done
    done
}

# json_is [OPTIONS] FILTER FILE: what FILE holds is such. Nothing at all is not, and jq 1.6 says that it is.
json_is() {
    [[ -s ${*: -1} ]] && jq -e "$@" >/dev/null
}

# suite_end: the last line of a script
suite_end() {
    echo "# ${0##*/}: $((SECONDS - suite_start)) s"
    finish
}

tidy() {
    local status=$? user
    ((lib_failed == 0)) || status=1 # a trap of a suite's own has run before
    {
        leash release --all
        for user in alice bob carol; do
            crontab -r -u "$user"
            systemctl kill -s KILL "user-${uid_of[$user]}.slice"
            loginctl terminate-user "$user"
        done
        pkill -KILL -x burn
        pkill -KILL -x forker
        rm -rf "$lib_run"
        # left by a failed test, and no reason for the next suite to fail as well
        rm -rf /run/leash /var/lib/leash
        find /etc/systemd/system /run/systemd/system -name 'zz-leash.conf' -delete
        rm -rf /run/systemd/system/user.slice.d
        systemctl stop 'leash-*.timer' 'leash-*.scope'
        site_default none
    } >/dev/null 2>&1 </dev/null
    exit "$status"
}

# login USER VARIABLE: a real ssh login whose id goes to VARIABLE; without it the suite ends
login() {
    session_open "$1" || { not_ok "ssh logs $1 in"; finish; }
    printf -v "$2" %s "$SESSION"
}

# shell_of ID: the PID of a login's shell
shell_of() {
    cut -d' ' -f4 "$lib_run/session.$1"
}

# logout_all USER: ends every process of the user, and waits until the slice is gone
logout_all() {
    local unit=user-${uid_of[$1]}.slice
    systemctl kill -s KILL "$unit" 2>/dev/null
    wait_for 30 slice_gone "${uid_of[$1]}" && return
    # Seen on busy hosts, with 252 and 257, where the kill came within seconds of the login: the slice stays with
    # nobody in it, and nobody stops it.
    echo "# $unit has stayed with nobody in it" >&2
    systemctl stop "$unit"
    wait_for 30 slice_gone "${uid_of[$1]}"
}

slice_gone() {
    [[ ! -e /sys/fs/cgroup/user.slice/user-$1.slice && \
        ! -e /sys/fs/cgroup/systemd/user.slice/user-$1.slice ]]
}

# job_pid NAME: waits until the job has told its PID; sets JOB
job_pid() {
    JOB=
    wait_for 90 test -s "$lib_run/$1.pid" || return 1
    # shellcheck disable=SC2034 # for the caller
    JOB=$(<"$lib_run/$1.pid")
}

job_end() {
    kill -KILL "$(<"$lib_run/$1.pid")"
    rm -rf "$lib_run/$1.pid" "$lib_run/$1.once"
} 2>/dev/null

# cron_job USER NAME: a line in the user's crontab, run within seconds: the clock is set shortly
# before the next minute, and cron is told by a restart (it keeps its jobs, KillMode=process)
cron_job() {
    local now
    echo "* * * * * $job $2" | crontab -u "$1" -
    now=$(date +%s)
    ((60 - now % 60 < 6)) || date -s "@$(((now / 60 + 1) * 60 - 4))" >/dev/null
    systemctl restart cron
}

# cgroup_of PID: its path; on v1, that of the cpu controller
cgroup_of() {
    if [[ $(cgroup_version) == v2 ]]; then
        sed -n 's/^0:://p' "/proc/$1/cgroup"
    else
        sed -nE 's/^[0-9]+:([a-z_]+,)*cpu(,[a-z_]+)*://p' "/proc/$1/cgroup"
    fi 2>/dev/null
}

# unit_path_of PID: its path in systemd's own hierarchy
unit_path_of() {
    sed -nE 's/^(0:|1:name=systemd)://p' "/proc/$1/cgroup" 2>/dev/null | head -n 1
}

# in_slice PID UID: by both the limits and systemd
in_slice() {
    local path
    for path in "$(cgroup_of "$1")" "$(unit_path_of "$1")"; do
        [[ $path/ == "/user.slice/user-$2.slice/"* ]] || return 1
    done
}

# percent_of DIRECTORY: the quota the kernel holds there in percent of one CPU, or "none"
percent_of() {
    local quota=max period=100000
    if [[ -e $1/cpu.max ]]; then
        read -r quota period <"$1/cpu.max"
    elif [[ -e $1/cpu.cfs_quota_us ]]; then
        quota=$(<"$1/cpu.cfs_quota_us")
        period=$(<"$1/cpu.cfs_period_us")
        ((quota > 0)) || quota=max
    fi
    if [[ $quota == max ]]; then echo none; else echo $((quota * 100 / period)); fi
}

# quota UID: the same for a user's slice
quota() {
    percent_of "$(slice_path "$1")"
}

# capped NAME UID PERCENT: checks the kernel's quota of the slice
capped() {
    check_equal "$1" "$(quota "$2")" "$3"
}

# measures NAME LOW HIGH COMMAND...: check_range of what the command prints. A busy machine beneath the guest takes
# CPU time away from it, and can do so only for a while: of what is too little the best of three counts. It gives
# nobody more than the quota: too much once is too much.
measures() {
    local name=$1 low=$2 high=$3 value try
    shift 3
    for try in 1 2 3; do
        value=$("$@")
        awk -v v="$value" -v l="$low" 'BEGIN { exit !(v != "" && v < l) }' || break
        echo "# $name: $value in try $try"
    done
    if awk -v v="$value" -v l="$low" 'BEGIN { exit !(v != "" && v < l) }' && noisy; then
        skip "$name" "the host beneath is too busy to measure: $value, p99 of an idle probe $idle_p99 ms"
        return
    fi
    check_range "$name" "$value" "$low" "$high"
}

# All places of unit files that there may be, whether they exist or not.
unit_dirs=$(systemd-analyze unit-paths | sort -u)

# drop_ins UID: every directory and file that says something of the user's slice, with its contents
drop_ins() {
    local found
    # shellcheck disable=SC2086 # one word each
    found=$(find $unit_dirs -mindepth 1 -maxdepth 2 \( -path "*/user-$1.slice*" -o \
        -path '*/user-.slice*' -o -path '*/slice.d*' \) -printf '%p %m %y %l\n' 2>/dev/null | sort -u)
    echo "$found"
    sed -n 's/ [0-7]* f $//p' <<<"$found" | xargs -r sha256sum
}

# snapshot UID: everything a leash on the user's slice may touch
snapshot() {
    systemctl show "user-$1.slice" -p CPUQuotaPerSecUSec -p CPUQuotaPeriodUSec
    echo "cpu.max $(cpu_max "$1")"
    drop_ins "$1"
}

# leftovers: what a leash has left behind; nothing, if all is well. The scope of those that were
# moved stays until they end, without a limit.
leftovers() {
    local scope
    find /run/leash /var/lib/leash /etc/systemd /run/systemd \( -path '/run/leash/*' -o \
        -path '/var/lib/leash/*' -o -name '*zz-leash*' -o -name 'leash-expire*' \) ! -type d 2>/dev/null
    for scope in /sys/fs/cgroup{,/cpu}/user.slice/user-*.slice/leash-*.scope; do
        [[ ! -d $scope || $(percent_of "$scope") == none ]] || echo "$scope $(percent_of "$scope")%"
    done
}

# same NAME BEFORE AFTER: checks that two snapshots agree, and shows where they do not
same() {
    if [[ $2 == "$3" ]]; then
        ok "$1"
    else
        not_ok "$1"
        diff <(echo "$2") <(echo "$3") | sed 's/^/#   /'
    fi
}

# site_file NAME PERCENT: a drop-in for all users
site_file() {
    install -d "$etc/user-.slice.d"
    printf '[Slice]\nCPUQuota=%s%%\n' "$2" >"$etc/user-.slice.d/$1.conf"
}

# site_default KIND [PERCENT]: what the admin has set for alice and bob before leash comes. 10-and-99 are two files, of
# which the later one counts
site_default() {
    local etc=/etc/systemd/system percent=${2:-150} uid
    rm -rf {"$etc.control","/run/systemd/system.control"}/user-100[12].slice.d
    rm -f "$etc/user-.slice.d/"{10,99}-site.conf
    if [[ -d $etc/user-.slice.d ]]; then rmdir --ignore-fail-on-non-empty "$etc/user-.slice.d"; fi
    case $1 in
    10-site | 99-site) site_file "$1" "$percent" ;;
    10-and-99)
        site_file 10-site $((percent + 20))
        site_file 99-site "$percent"
        ;;
    esac
    systemctl daemon-reload
    for uid in 1001 1002; do
        case $1 in
        set-property) systemctl set-property "user-$uid.slice" "CPUQuota=$percent%" ;;
        runtime) systemctl set-property --runtime "user-$uid.slice" "CPUQuota=$percent%" ;;
        esac
        # systemd hands a changed default to the kernel with the slice's next unit, not at the reload
        slice_gone "$uid" || systemd-run -q --scope --slice="user-$uid.slice" true
    done
}

# run COMMAND...: sets STATUS, and OUT and ERR to what it wrote; bounded, since none may hang
run() {
    STATUS=0
    timeout -k 1 60 "$@" >"$lib_run/out" 2>"$lib_run/err" </dev/null || STATUS=$?
    OUT=$(<"$lib_run/out") ERR=$(<"$lib_run/err")
}

# run_in ID COMMAND: the same for shell text in a session
run_in() {
    STATUS=0
    session_run "$1" "( $2
        ) >/run/leash-tests/$1.out 2>/run/leash-tests/$1.err" || STATUS=$?
    OUT=$(<"$lib_run/$1.out") ERR=$(<"$lib_run/$1.err")
    cp "$lib_run/$1.out" "$lib_run/out"
    cp "$lib_run/$1.err" "$lib_run/err"
}

# problem TEXT, verdict NAME: one test that looks at several things
problems=()
problem() {
    problems+=("$1")
}

verdict() {
    if ((${#problems[@]} == 0)); then
        ok "$1"
    else
        not_ok "$1" "$(printf '%s; ' "${problems[@]}")"
        sed 's/^/#   out: /' "$lib_run/out" | cat -v | cut -c1-300 | head -n 8
        sed 's/^/#   err: /' "$lib_run/err" | cat -v | cut -c1-300 | head -n 8
    fi
    problems=()
}

# clean_output: what was written disturbs no terminal
clean_output() {
    local text=$OUT$ERR
    [[ ! ${text//[$'\n\t']/} =~ [[:cntrl:]] ]] || problem "control characters in the output"
}

# one_line: exactly one line on stderr, of a length that can be read
one_line() {
    local lines
    mapfile -t lines <"$lib_run/err"
    ((${#lines[@]} == 1)) || problem "${#lines[@]} lines on stderr"
    ((${#ERR} <= 500)) || problem "a line of ${#ERR} characters"
}

# status_is STATUS...: one of these
status_is() {
    local want
    for want; do
        ((STATUS != want)) || return 0
    done
    problem "exit $STATUS, not ${*}"
}
