#!/bin/bash
# SPDX-License-Identifier: MIT
# Ways out that a leashed user may try: each ends inside the slice, or is listed and can be captured.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin
login alice alice
leash -u alice >/dev/null || not_ok "leash -u alice"

ways=(double-fork setsid su systemd-run-user systemd-run-scope second-login named-Xorg cron at)
try_all() {
    cron_job alice cron
    session_run "$alice" "( ( $job double-fork & ) & )"
    session_run "$alice" "setsid --fork $job setsid"
    session_run "$alice" "echo leash | su bob -c '$job su' >/dev/null 2>&1 &"
    session_run "$alice" "systemd-run --user --quiet $job systemd-run-user"
    session_run "$alice" "systemd-run --user --quiet --scope $job systemd-run-scope >/dev/null 2>&1 &"
    session_run "$alice" "echo 'exec $job at' | at now 2>/dev/null"
    session_run "$alice" "cp $LEASH_TESTS/burn /tmp/Xorg; setsid --fork $job named-Xorg /tmp/Xorg 1 400"
    login alice second
    session_run "$second" "setsid --fork $job second-login"
}

# escapees: PIDs of those that leash sees outside
escapees() {
    leash show -u alice --json | jq -r '.[].escapees[].pid'
}

test_each() {
    local way outside
    for way in "${ways[@]}"; do job_pid "$way"; done # who did not start is told of below
    outside=" $(escapees | tr '\n' ' ')"
    for way in "${ways[@]}"; do
        if ! job_pid "$way"; then
            not_ok "$way" "the job did not start"
        elif in_slice "$JOB" 1001; then
            [[ $outside != *" $JOB "* ]] || problem "inside, and listed as escapee"
            verdict "$way: is inside"
        else
            [[ $outside == *" $JOB "* ]] || problem "in $(unit_path_of "$JOB") and not listed"
            verdict "$way: is listed as escapee"
        fi
    done
    job_pid cron
    leash show -u alice --json >"$lib_run/out"
    json_is --argjson pid "$JOB" '.[0].escapees[] | select(.pid == $pid) | .comm == "burn"
        and (.cgroup | contains("cron.service"))' "$lib_run/out" || problem "fields"
    verdict "an escapee is listed with its name and cgroup"
    run leash show -u alice
    [[ $OUT == *"$JOB"*cron.service* ]] || problem "no line with $JOB and cron.service"
    verdict "and show names it for people, too"
}

test_capture() {
    local way
    run leash -u alice --capture
    status_is 0
    verdict "--capture"
    for way in "${ways[@]}"; do
        job_pid "$way"
        in_slice "$JOB" 1001 || problem "$way is in $(unit_path_of "$JOB")"
    done
    [[ -z $(escapees) ]] || problem "escapees: $(escapees | tr '\n' ' ')"
    verdict "--capture: everyone is inside"
    capped "--capture: the quota" 1001 50
    sleep 1
    measures "--capture: CPU of all of them" 38 52 cpu_of_slice 1001 5
    # what is not in the slice and not of root has nothing to burn any more
    for way in cron at; do
        job_pid "$way"
        kill -0 "$JOB" || problem "$way was killed"
    done
    systemctl is-active -q cron atd || problem "cron or atd is down"
    verdict "--capture killed nobody"
}

try_all
test_each
test_capture
crontab -r -u alice
leash release -u alice >/dev/null
check_equal "nothing is left behind" "$(leftovers)" ""
rm -f /tmp/Xorg
suite_end
