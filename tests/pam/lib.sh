# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# Sourced after tests/bus/lib.sh: what the cases of the PAM module have besides.

# The user of these cases has a name and groups.
user=tester
install -m 755 "$build/pam_leash.so" "$build/tests/pam-driver" "$build/tests/pam-faults" "$tools"

# machine: a root with an /etc of its own, and what systemd keeps in /run
machine() {
    local file
    for file in nsswitch.conf login.defs ld.so.cache ld.so.conf ld.so.conf.d security localtime hostname; do
        [[ ! -e /etc/$file ]] || cp -a "/etc/$file" "$root/etc/"
    done
    { grep -v ":$uid:" /etc/passwd; echo "$user:x:$uid:$uid::/:/bin/sh"; } >"$root/etc/passwd"
    { cat /etc/group; echo "$user:x:$uid:"; echo "students:x:$((uid + 10)):$user"; } >"$root/etc/group"
    mkdir -p "$root/etc/leash" "$root/pam.d" "$root"/run/systemd/{sessions,users}
    ln -s "$root/host/systemd/journal" "$root/run/systemd/journal"
    stack
    policy "[limits all]" "cpu-quota=40%" "tasks-max=50"
}

# stack [ARGUMENT...]: the PAM stack of service "test"
# shellcheck disable=SC2120 # cases pass some
stack() {
    echo "session required $tools/pam_leash.so $*" >"$root/pam.d/test"
    cp "$root/pam.d/test" "$root/pam.d/cron"
    cp "$root/pam.d/test" "$root/pam.d/sshd"
    cp "$root/pam.d/test" "$root/pam.d/systemd-user"
}

policy() { conf etc/leash/leash.conf "$@"; }

# inside COMMAND...: with the test's own /etc, /run and cgroups
inside() {
    # shellcheck disable=SC2016
    setpriv --pdeathsig TERM timeout -k 2 "${limit:-60}" unshare --mount --propagation private -- bash -c '
        mount --bind "$0/etc" /etc && mount --rbind "$0/run" /run && mount --bind "$0/sys/fs/cgroup" /sys/fs/cgroup &&
        mount --bind "$0/var/lib" /var/lib &&
        exec "$@"' "$root" env -i PATH="$PATH" LC_ALL=C.UTF-8 ASAN_OPTIONS=exitcode=99 UBSAN_OPTIONS=print_stacktrace=1 \
        ${evil:+LEASH_BACKEND=cgroup LEASH_TEST_ROOT=/nowhere DBUS_SYSTEM_BUS_ADDRESS=unix:path=/nowhere} "$@"
}

# pam [OPTION...] [USER [SERVICE]]: a login and its end; leaves $out, $err, $status. On a machine so busy that the fake
# PID 1 does not get to answer in time, once more: unless patient=no, for cases in which it is not to answer. What the
# case had done before is done again by again().
pam() {
    local options=() try
    while [[ ${1:-} == -* ]]; do
        options+=("$1")
        if [[ $1 == -[rjehul] ]]; then options+=("$2"); shift; fi
        shift
    done
    for try in 1 2 3 4 5 6; do
        inside "$tools/pam-driver" "${options[@]}" "$root/pam.d" "${2:-test}" "${1-$user}" >"$root.out" 2>"$root.err"
        status=$?
        [[ $patient == yes ]] && sleep 0.05 && grep -qE 'did not answer in time|ledger is busy' "$root/fake/journal" 2>/dev/null || break
        rm -f "$root/fake/journal"
        forget
        again
        # As if it were the first: no login before it may still be on its way.
        [[ ! -e $root/run/leash/$slice ]] || touch -d "-31 seconds" "$root/run/leash/$slice"
    done
    out=$(<"$root.out") err=$(<"$root.err")
    took=$(slowest)
    [[ " ${options[*]}" == *" -"[rj]* ]] || grep -qs capture "$root/pam.d/${2:-test}" || hold_to_time "$@"
    [[ -z $err ]] || fail "on stderr: ${err//$'\n'/ | }"
    ((status == 0)) || fail "the login program ended with $status"
    [[ $out != *changed* ]] || fail "$(grep changed <<<"$out")"
    # 200 at once wait for each other's turn on the processors, too
    is_less "$took" "$([[ " ${options[*]}" == *" -j"* ]] && echo 5000 || echo 2000)" || fail "a login took $took ms"
}
patient=yes
again() { :; }

slowest() { sed -n 's/^slowest //p' "$root.out" | sort -n | tail -n 1; }
is_less() { awk -v a="${1:-9999}" -v b="$2" 'BEGIN { exit !(a < b) }'; }

# hold_to_time [USER [SERVICE]]: the login that pam has made took no longer than there is for one; on a busy machine, one
# of two more like it. What PID 1 and the journal have of these is not kept.
hold_to_time() {
    local file try
    is_less "$took" 600 && return
    sleep 0.1
    for file in calls journal; do
        [[ ! -e $root/fake/$file ]] || cp "$root/fake/$file" "$root.$file"
    done
    for try in 1 2; do
        inside "$tools/pam-driver" "${options[@]}" "$root/pam.d" "${2:-test}" "${1-$user}" >"$root.out" 2>/dev/null
        is_less "$(slowest)" "$took" && took=$(slowest)
        is_less "$took" 600 && break
    done
    sleep 0.1
    for file in calls journal; do
        rm -f "$root/fake/$file"
        [[ ! -e $root.$file ]] || mv "$root.$file" "$root/fake/$file"
    done
    is_less "$took" 600 || fail "a login took $took ms, at the best of three"
}

# opened RESULT: what the program was told; by default, that the user is in
opened() { equal "open_session" "$(sed -n 's/^open //p' <<<"$out" | sort -u)" "${1:-success}"; }

# journal PATTERN, journal_nothing
journal() {
    wait_until test -s "$root/fake/journal"
    like journal "$(<"$root/fake/journal")" "$1"
    rm -f "$root/fake/journal"
}
journal_nothing() {
    sleep 0.1
    [[ ! -s $root/fake/journal ]] || fail "in the journal: $(<"$root/fake/journal")"
}

# limited: the kernel has what the policy says
limited() {
    equal cpu.max "$(kernel cpu.max)" "${1:-40000 100000}"
}

# comes_up: pam_systemd has the slice started, which reads its drop-ins
comes_up() {
    login $uid
    daemon_reload
}

# hold_record: another leash, which has the user's record locked until let_record_go
hold_record() {
    install -d -m 700 "$root/run/leash"
    setpriv --pdeathsig KILL flock "$root/run/leash/$slice.lock" sleep 60 &
    record_holder=$!
    sleep 0.3
}

let_record_go() {
    kill $record_holder
    wait $record_holder 2>/dev/null
    rm -f "$root/run/leash/$slice.lock" # what flock has started holds on to that
}

# later: whoever logged in before has come to their slice, or never will
later() { touch -d "-31 seconds" "$root/run/leash/$slice"; }
