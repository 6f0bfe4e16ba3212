#!/bin/bash
# SPDX-License-Identifier: MIT
# What a limit does to the rest of the user's session: a probe that sleeps 5 ms and works 0.2 ms,
# beside busy programs, in an ssh login and in an xrdp desktop. Its delay is the desktop's stutter.
# spare.sh [beside]: with "beside", measured in the same run against a plain systemctl set-property of the same quota
# and against leash --no-spare, which any machine can tell; else against the unleashed session, which takes a host with nothing else to do
# and as fast as these loads were made for
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin
seconds=5
beside=${1-}

# measure ID NAME: a probe in the session; prints the whole line as a comment. Sets p90 and p99.
measure() {
    local line
    line=$(session_run "$1" "$LEASH_TESTS/probe $seconds")
    echo "# $2: $line"
    read -r p90 p99 < <(awk '{ print $4, $6 }' <<<"$line")
}

# at_most LOW HIGH FACTOR: whether the first is there, and at most so many times the second
at_most() {
    awk -v l="$1" -v h="$2" -v f="$3" 'BEGIN { exit !(l != "" && h != "" && l <= f * h) }'
}

# spared NAME ID COMMAND...: the probe's p99 is at most twice that of the unleashed, loaded session; or its p90
# at most half of that under the bare quota and half of that with --no-spare, as unspared() has measured both
# before. The machine beneath the guest has moments of its own, which can only make it worse: the best of three.
spared() {
    local name=$1 id=$2 free leashed try
    shift 2
    for try in 1 2 3; do
        measure "$id" "$name, loaded, free"
        free=$p99
        run "$@"
        status_is 0
        sleep 0.5
        measure "$id" "$name, leashed"
        leashed=$p99
        after_leash
        leash release -u alice >/dev/null
        ((${#problems[@]} == 0)) || break
        if [[ -n $beside ]]; then
            if at_most "$p90" "$bare" 0.5 && at_most "$p90" "$unspared" 0.5; then
                verdict "$name: p90 $p90 ms leashed, $unspared ms with --no-spare, $bare ms by systemctl"
                return 0
            fi
        elif at_most "$leashed" "$free" 2; then
            verdict "$name: p99 $leashed ms leashed, $free ms free"
            return 0
        fi
        sleep 1
    done
    if ((${#problems[@]} == 0)) && [[ -n $beside ]]; then
        problem "p90 $p90 ms leashed, $unspared ms with --no-spare, $bare ms by systemctl, in the last of $try tries"
        verdict "$name: p90 at most half of that with --no-spare, and of that under the bare quota"
        return
    fi
    if ((${#problems[@]} == 0)) && noisy; then
        skip "$name: p99 at most doubled" "the host beneath is too busy to measure: p99 of an idle probe $idle_p99 ms"
        return
    fi
    ((${#problems[@]} > 0)) || problem "p99 $leashed ms leashed, $free ms free, in the last of $try tries"
    verdict "$name: p99 at most doubled"
}

# after_leash: what else must hold while leashed; set by the tests
after_leash() { :; }

# unspared NAME ID COMMAND...: the same without sparing, for comparison
unspared() {
    local name=$1 id=$2
    shift 2
    run "$@" --no-spare
    sleep 0.5
    measure "$id" "$name, leashed with --no-spare"
    unspared=$p90
    leash release -u alice >/dev/null
    systemctl set-property --runtime user-1001.slice CPUQuota=50%
    sleep 0.5
    measure "$id" "$name, plain systemctl set-property"
    bare=$p90
    site_default none
}

test_ssh() {
    local loops=()
    login alice alice
    measure "$alice" "ssh, idle"
    for _ in 1 2 3; do
        session_spawn "$alice" burn 1
        loops+=("$SPAWNED")
    done
    # The program to be spared is there when leash looks. It wakes up often and does little: together
    # with the probe that measures it stays below what the loops leave.
    session_spawn "$alice" probe 900 40
    sleep 3
    after_leash() {
        local pid
        for pid in "${loops[@]}"; do
            [[ $(unit_path_of "$pid") == */user-1001.slice/leash-1001-*.scope ]] ||
                problem "$pid burns in $(unit_path_of "$pid")"
        done
        [[ $(quota 1001) == 50 ]] || problem "quota $(quota 1001)"
    }
    unspared "ssh, 3 loops" "$alice" leash "${loops[1]}"
    spared "ssh, 3 loops, one named" "$alice" leash "${loops[1]}"
    kill -KILL "${loops[@]}"
    logout_all alice
}

# A shell at its prompt, which has not woken up for long when leash looks: what runs in it later is spared.
test_terminal() {
    local shell
    login alice alice
    ssh -tt alice@localhost "tty; exec bash --norc -i" < <(sleep 600) >"$lib_run/terminal" 2>&1 &
    shell=$!
    wait_for 60 grep -q /dev/pts/ "$lib_run/terminal" || problem "no terminal: $(cat -v "$lib_run/terminal")"
    for _ in 1 2 3; do session_spawn "$alice" burn 1; done
    sleep 3
    after_leash() { :; }
    unspared "terminal, 3 loops" "$alice" leash "$SPAWNED"
    spared "terminal, 3 loops, one named" "$alice" leash "$SPAWNED"
    kill "$shell"
    logout_all alice
}

# desktop_open: a client in the guest logs alice in to xrdp. Sets desktop: a handle for session_run,
# for a shell that is a program of the desktop.
desktop_open() {
    local dir=$lib_run/desktop client="xfreerdp /cert-ignore /tls-seclevel:0"
    ! command -v xfreerdp3 >/dev/null || client="xfreerdp3 /cert:ignore /tls:seclevel:0"
    systemctl start xrdp-sesman xrdp
    install -d -o alice "$dir"
    mkfifo "$dir/in"
    chmod 666 "$dir/in"
    exec {desktop_fd}<>"$dir/in"
    cat >/home/alice/.xsession <<END
bash -s <$dir/in >$dir/log 2>&1 &
xterm -e sleep 1000 &
exec openbox
END
    echo "echo \"- \$\$ \$DISPLAY\" >$dir/id.part; mv $dir/id.part $dir/id" >&"$desktop_fd"
    Xvfb :50 -screen 0 800x600x24 -nolisten tcp >"$lib_run/xvfb" 2>&1 {desktop_fd}>&- &
    xvfb=$!
    wait_for 20 test -S /tmp/.X11-unix/X50 || return 1
    # shellcheck disable=SC2086 # words
    DISPLAY=:50 $client /v:127.0.0.1 /u:alice /p:leash /w:800 /h:600 /sec:tls \
        >"$lib_run/xfreerdp" 2>&1 </dev/null {desktop_fd}>&- &
    client_pid=$!
    wait_for 90 test -s "$dir/id" || return 1
    read -r _ desktop_pid desktop_display <"$dir/id"
    desktop=$(grep -o 'session-[^/]*\.scope' "/proc/$desktop_pid/cgroup" | head -n 1)
    desktop=${desktop#session-} desktop=${desktop%.scope}
    echo "$dir $desktop_fd $client_pid $desktop_pid" >"$lib_run/session.$desktop"
    echo "# desktop: session $desktop, display $desktop_display," \
        "$(loginctl show-session "$desktop" -P Type) by $(loginctl show-session "$desktop" -P Service)"
}

desktop_close() {
    kill "$client_pid" "$xvfb"
    logout_all alice
    systemctl stop xrdp xrdp-sesman
    rm -f /home/alice/.xsession
} 2>/dev/null

# pillars: what must stay where it is, as "name pid path" in lines
pillars() {
    local pid leader name
    leader=$(loginctl show-session "$desktop" -P Leader)
    echo "leader $leader $(unit_path_of "$leader")"
    for pid in $(pgrep -u 1001 -x 'Xorg|openbox|\(sd-pam\)|systemd|dbus-daemon|dbus-broker|xrdp-chansrv'); do
        name=$(<"/proc/$pid/comm")
        echo "$name $pid $(unit_path_of "$pid")"
    done | sort
}

# A build of small C files by four compilers at a time, which never ends within the test
write_build() {
    local dir=$lib_run/build
    install -d -o alice "$dir"
    cat >"$dir/Makefile" <<'END'
objects := $(foreach n,$(shell seq 2000),$(n).o)
all: $(objects)
%.o:
	echo '#include <stdio.h>' >$*.c
	echo 'int f$*(void) { return printf("%d\n", $*); }' >>$*.c
	gcc -O2 -c $*.c
END
}

test_desktop() {
    local before
    desktop_open || {
        not_ok "an xrdp desktop comes up"
        tail -n 5 "$lib_run/xfreerdp" "$lib_run/xvfb" /var/log/xrdp-sesman.log | sed 's/^/# /'
        return
    }
    ok "an xrdp desktop comes up"
    measure "$desktop" "desktop, idle"
    write_build
    session_spawn "$desktop" "make -k -s -C $lib_run/build -j4 2>$lib_run/build/errors"
    wait_for 20 pgrep -u 1001 -x cc1
    before=$(pillars)
    echo "# ${before//$'\n'/$'\n# '}"
    after_leash() {
        [[ $(pillars) == "$before" ]] ||
            problem "moved: $(diff <(echo "$before") <(pillars) | grep '^[<>]' | tr '\n' ' ')"
        [[ $(unit_path_of "$SPAWNED") == */leash-1001-*.scope ]] ||
            problem "make is in $(unit_path_of "$SPAWNED")"
        [[ $(wc -l <<<"$before") -ge 6 ]] || problem "not all of the desktop was found"
        kill -0 "$SPAWNED" 2>/dev/null || problem "the build has ended: $(tail -n 3 "$lib_run/build/errors")"
    }
    unspared "desktop, make -j4" "$desktop" leash "$SPAWNED"
    spared "desktop, make -j4, make named" "$desktop" leash "$SPAWNED"
    run leash "$SPAWNED"
    measures "desktop: CPU of the slice" 40 52 cpu_of_slice 1001 5
    leash release -u alice >/dev/null
    kill -KILL "$SPAWNED"
    desktop_close
}

test_ssh
[[ -n $beside ]] || test_terminal # there cap.sh looks at what it is that is kept
test_desktop
check_equal "nothing is left behind" "$(leftovers)" ""
suite_end
