#!/bin/bash
# SPDX-License-Identifier: MIT
# A limit that the kernel does not hold is not called one; freezing; what the user is told; and what others
# than root may do.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin
login alice alice

no_cpu=/run/systemd/system/user.slice.d/no-cpu.conf

# cpu_controller on|off: for everything below user.slice, as an admin may; it reaches slices made after
cpu_controller() {
    logout_all alice
    if [[ $1 == off ]]; then
        install -d "${no_cpu%/*}"
        printf '[Slice]\nDisableControllers=cpu\n' >"$no_cpu"
    else
        rm -f "$no_cpu"
        rmdir "${no_cpu%/*}"
    fi
    systemctl daemon-reload
    login alice alice
}

test_no_controller() {
    local before
    if [[ $(cgroup_version) == v1 ]]; then
        skip "the cpu controller is not available" "DisableControllers= is of cgroup v2"
        return
    fi
    cpu_controller off
    if [[ -e $(slice_path 1001)/cpu.max ]]; then
        not_ok "the cpu controller is off"
        cpu_controller on
        return
    fi
    before=$(snapshot 1001)
    run leash "$(shell_of "$alice")"
    status_is 4
    one_line
    [[ $ERR == *"cpu controller"* ]] || problem "the line does not name the cpu controller"
    [[ $ERR == *user-1001.slice* ]] || problem "the line does not name the slice"
    verdict "no cpu controller: exit 4, and the reason"
    run leash list --json
    json_is 'length == 1 and .[0].enforced == false' "$lib_run/out" || problem "enforced is not false"
    verdict "no cpu controller: list says so"
    run leash doctor
    ((STATUS != 0)) || problem "exit 0"
    [[ $OUT$ERR == *cpu* ]] || problem "doctor does not speak of cpu"
    verdict "no cpu controller: doctor says so"
    run leash release -u alice
    status_is 0
    verdict "no cpu controller: release"
    same "no cpu controller: as before" "$before" "$(snapshot 1001)"
    cpu_controller on
    run leash -u alice
    check_equal "the controller is back: it holds again" "$STATUS $(quota 1001)" "0 50"
    leash release -u alice >/dev/null
    check_equal "nothing is left behind" "$(leftovers)" ""
}

test_freeze() {
    session_spawn "$alice" burn 1
    run leash -u alice --freeze
    if [[ $(cgroup_version) == v1 ]]; then
        status_is 4
        one_line
        verdict "--freeze on cgroup v1: exit 4"
        leash release -u alice >/dev/null
        kill -KILL "$SPAWNED"
        return
    fi
    status_is 0
    sleep 0.5
    verdict "--freeze"
    measures "--freeze: CPU of the slice" 0 1 cpu_of_slice 1001 2
    check "--freeze: the process still lives" kill -0 "$SPAWNED"
    run leash list
    [[ ${OUT,,} == *fr[eo]*z* ]] || problem "list does not say frozen"
    verdict "--freeze: list says so"
    run leash release -u alice
    status_is 0
    verdict "--freeze: release"
    measures "--freeze: running again" 50 210 cpu_of_slice 1001 2
    check_equal "--freeze: the shell answers" "$(session_run "$alice" "echo alive")" alive
    check_equal "--freeze: nothing is left" "$(leftovers)" ""
    kill -KILL "$SPAWNED"
}

# what bob may do: look, and be told what to do instead of changing
test_not_root() {
    local before verb
    login bob bob
    session_spawn "$alice" burn 1
    leash "$SPAWNED" >/dev/null
    before=$(snapshot 1001; leftovers)
    for verb in list "list --json" doctor "explain $SPAWNED" "show $SPAWNED" "show -u bob" "show -u alice --json" --help --version; do
        run_in "$bob" "timeout 60 leash $verb"
        status_is 0
        [[ -s $lib_run/out ]] || problem "nothing on stdout"
        clean_output
        verdict "not root: ${verb/$SPAWNED/PID}"
    done
    for verb in "$SPAWNED" "-q 90% -u alice" "release -u alice" "release --all" "--force -q 90% -u bob"; do
        run_in "$bob" "timeout 60 leash $verb"
        ((STATUS != 0 && STATUS != 124)) || problem "exit $STATUS"
        [[ -s $lib_run/err ]] || problem "nothing on stderr"
        clean_output
        [[ $before == "$(snapshot 1001; leftovers)" ]] || problem "something changed"
        verdict "not root, not allowed: ${verb/$SPAWNED/PID} (exit $STATUS)"
    done
    # the leashed user cannot help herself either
    run_in "$alice" "timeout 60 leash release -u alice"
    ((STATUS != 0)) || problem "exit 0"
    run_in "$alice" "echo max > $(slice_path 1001)/cpu.max"
    run_in "$alice" "systemctl set-property --runtime user-1001.slice CPUQuota=90% </dev/null"
    [[ $(quota 1001) == 50 ]] || problem "quota $(quota 1001)"
    verdict "alice cannot lift her own leash"
    run_in "$bob" "LEASH_BACKEND=cgroup timeout 60 leash list"
    leash release --all >/dev/null
    kill -KILL "$SPAWNED"
}

# heard TEXT: it arrived at the terminal within some seconds
heard() { wait_for 10 grep -qF -- "$1" "$lib_run/terminal"; }

# sshd makes the terminal after it has told logind of the login, and takes no other way than a real one
test_told() {
    local ssh size
    ssh -tt alice@localhost "mesg n; tty; exec sleep 1000" </dev/null >"$lib_run/terminal" 2>&1 &
    ssh=$!
    if ! wait_for 60 grep -q /dev/pts/ "$lib_run/terminal"; then
        not_ok "ssh -tt gives a terminal" "$(cat -v "$lib_run/terminal")"
        kill "$ssh"
        return
    fi
    run leash -u alice --reason $'so \e[31mred\a'
    status_is 0
    heard 'Your session is limited by root: CPU 50%. Reason: so \x1b[31mred\x07' || problem "$(cat -v "$lib_run/terminal")"
    [[ $(<"$lib_run/terminal") != *$'\e[31m'* ]] || problem "the terminal was told to do something"
    verdict "a login by ssh is told on its terminal, control characters escaped"
    run leash release -u alice
    status_is 0
    heard "Your session is no longer limited" || problem "$(cat -v "$lib_run/terminal")"
    verdict "release: it is told, too"
    size=$(stat -c %s "$lib_run/terminal")
    run leash -u alice --no-notify
    status_is 0
    run leash release -u alice --no-notify
    status_is 0
    sleep 2
    [[ $(stat -c %s "$lib_run/terminal") == "$size" ]] || problem "$(cat -v "$lib_run/terminal")"
    verdict "--no-notify: nothing arrives"
    kill "$ssh"
    wait "$ssh" 2>/dev/null
}

test_no_controller
test_freeze
test_told
test_not_root
suite_end
