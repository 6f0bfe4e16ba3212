#!/bin/bash
# SPDX-License-Identifier: MIT
# What leash will not do: each refusal says in one line what the process belongs to, and changes nothing.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin

# system_state: the limits of all units, and every file leash may write
# units by name: patterns are answered in the order of PID 1's hash table
system_state() {
    systemctl show -p Id -p CPUQuotaPerSecUSec -p CPUQuotaPeriodUSec -p MemoryHigh -p TasksMax \
        -- -.slice init.scope system.slice machine.slice nginx.service cron.service 'user*.slice' '*.scope' |
        awk -v RS= -v FS='\n' '{ for (i = 1; i <= NF; i++) if ($i ~ /^Id=/) id = $i; for (i = 1; i <= NF; i++) print id, $i }' | sort
    find /run/leash /var/lib/leash /run/systemd/system /run/systemd/system.control \
        /run/systemd/transient /etc/systemd -type f 2>/dev/null | sort
}

# unchanged NAME TEST: runs a test of refusals, and checks that they have changed nothing
unchanged() {
    local name=$1 before
    shift
    # a notice of the test before is not this one's doing
    wait_for 60 eval '! compgen -G "/run/systemd/transient/leash-notify-*" >/dev/null' || problem "a notice does not end"
    before=$(system_state)
    "$@"
    same "$name: nothing was changed" "$before" "$(system_state)"
}

# refuses NAME STATUS PATTERN COMMAND...: the exit status, and one line that matches
refuses() {
    local name=$1 status=$2 pattern=$3
    shift 3
    "$@"
    status_is "$status"
    one_line
    clean_output
    shopt -s nocasematch
    [[ $ERR =~ $pattern ]] || problem "the line has no '$pattern'"
    shopt -u nocasematch
    verdict "$name"
}

# make_box: a container's root directory of one program
make_box() {
    local box=/var/lib/machines/leashbox
    mkdir -p $box/{bin,usr,etc,proc,sys,dev,tmp}
    cp "$(command -v busybox)" $box/bin/busybox
    ln -sf busybox $box/bin/sh
    ln -sf busybox $box/bin/sleep
    echo ID=box >$box/etc/os-release
    systemd-nspawn -q -D $box -M leashbox --private-network --as-pid2 /bin/sleep 1000 \
        >"$lib_run/nspawn" 2>&1 </dev/null &
    wait_for 90 machinectl show leashbox
    box_pid=$(machinectl show leashbox -p Leader --value)
    wait_for 60 pgrep -P "$box_pid" || :
}

test_system() {
    local nginx alice
    systemctl start nginx
    nginx=$(systemctl show nginx -P MainPID)
    systemd-run -q --unit=leash-test-alice --uid=alice sleep 1000
    alice=$(systemctl show leash-test-alice -P MainPID)
    unchanged "the system's own" refuse_system
    systemctl stop nginx leash-test-alice
}

refuse_system() {
    refuses "PID 1" 3 'init|PID 1|systemd' run leash 1
    refuses "a kernel thread" 3 'kernel thread' run leash 2
    refuses "a kernel worker" 3 'kernel' run leash "$(pgrep -P 2 kworker | head -n 1)"
    refuses "nginx" 3 'nginx\.service' run leash "$nginx"
    refuses "a worker of nginx" 3 'nginx\.service' run leash "$(pgrep -P "$nginx" | head -n 1)"
    refuses "nginx, with --force" 3 'nginx\.service' run leash --force "$nginx"
    refuses "a system service with User=alice" 3 'leash-test-alice\.service' run leash "$alice"
}

test_sessions() {
    local root svc svc_uid
    login root root
    useradd --system --create-home --shell /bin/bash svc
    cp -r /home/bob/.ssh /home/svc/
    chown -R svc: /home/svc/.ssh
    svc_uid=$(id -u svc)
    login svc svc
    unchanged "others' sessions" refuse_sessions
    session_close "$root"
    systemctl kill -s KILL "user-$svc_uid.slice"
    wait_for 20 slice_gone "$svc_uid"
    userdel -r svc 2>/dev/null
}

refuse_sessions() {
    refuses "root's ssh session" 3 'root' run leash "$(shell_of "$root")"
    refuses "-u root" 3 'root' run leash -u root
    refuses "-s, a session of root" 3 'root' run leash -s "$root"
    refuses "a system user's session" 3 'system user' run leash "$(shell_of "$svc")"
    refuses "-u of a system user" 3 'system user' run leash -u svc
    refuses "-s, no such session" 3 'no such session' run leash -s nosuch
    refuses "-u, no such user" 3 'no such user' run leash -u nosuch
}

test_own_session() {
    login alice alice
    login bob bob
    session_spawn "$alice" burn 1
    unchanged "one's own session" refuse_own
    run_in "$alice" "sudo leash --force $SPAWNED"
    check_equal "with --force it is done" "$STATUS $(quota 1001)" "0 50"
    run_in "$alice" "sudo leash release -u alice"
    check_equal "and undone from there" "$STATUS $(quota 1001)" "0 none"
    run_in "$alice" "sudo leash $(shell_of "$bob")"
    check_equal "another user's session, by sudo" "$STATUS $(quota 1002)" "0 50"
    leash release --all >/dev/null
    kill "$SPAWNED"

    # not a container: browsers and flatpaks live in a PID namespace of their own
    session_spawn "$alice" "unshare --user --map-root-user --pid --fork --mount-proc $job sandbox"
    wait_for 20 pgrep -u 1001 -x burn
    run leash "$(pgrep -u 1001 -x burn)"
    check_equal "a sandboxed process of alice is hers" "$STATUS $(quota 1001)" "0 50"
    leash release --all >/dev/null
    pkill -x burn
}

refuse_own() {
    refuses "the caller's own session, by sudo" 3 'own|called from' run_in "$alice" "sudo leash $SPAWNED"
    refuses "the caller's own user, by sudo" 3 'own|called from' run_in "$alice" "sudo leash -u alice"
}

test_container() {
    make_box
    unchanged "a container" refuse_container
    machinectl terminate leashbox 2>/dev/null
    wait_for 20 eval '! machinectl show leashbox'
    rm -rf /var/lib/machines/leashbox
}

refuse_container() {
    refuses "a process in a container" 3 'container' run leash "$(pgrep -P "$box_pid" | head -n 1)"
    refuses "the container's leader" 3 'container' run leash "$box_pid"
}

test_gone() {
    local pid i
    sleep 0 &
    pid=$!
    wait "$pid"
    refuses "a PID that is gone" 5 "$pid.*no such process" run leash "$pid"
    refuses "the same for release" 5 "$pid.*no such process" run leash release "$pid"
    refuses "a PID nobody has" 5 'no such process' run leash 4194303
    # ends at some moment while leash looks at it: either it was there or it was not
    for i in {0..19}; do
        session_spawn "$alice" "sleep 0.$((i / 10))$((i % 10))"
        run leash "$SPAWNED"
        status_is 0 5
        ((STATUS != 5)) || one_line
        if ((STATUS == 5)); then
            [[ $(quota 1001) == none ]] || problem "gone, and yet the quota is $(quota 1001)"
        else
            leash release -u alice >/dev/null
        fi
        ((${#problems[@]} == 0)) || break
    done
    verdict "a PID that ends meanwhile: done or exit 5"
    gone_at pidfd_open 1 exit
    status_is 5
    [[ $(quota 1001) == none ]] || problem "quota $(quota 1001)"
    verdict "a PID that ends while it is being resolved: exit 5"
    gone_at sendmsg "$(calls_before_move)" enter
    status_is 0 5
    if ((STATUS == 0)); then
        [[ $(quota 1001) == 50 && -z $ERR ]] || problem "exit 0, quota $(quota 1001)"
    else
        one_line
    fi
    leash release --all >/dev/null
    verdict "a PID that ends just before it is moved: limited or exit 5"

    run leash 1 "$pid" "$(shell_of "$alice")"
    status_is 3 5
    [[ $(quota 1001) == 50 ]] || problem "quota $(quota 1001)"
    [[ $ERR == *init*$'\n'*"$pid"* ]] || problem "not a line for each of the others"
    verdict "of several PIDs the worst counts, and the good one is limited"
    leash release --all >/dev/null
}

# bad NAME ARGUMENTS...: exit 2 or 5
bad() {
    local name=$1
    shift
    run leash "$@"
    status_is 2 5
    one_line
    clean_output
    [[ ! -s $lib_run/out ]] || problem "something on stdout"
    verdict "bad input: $name"
}

# gone_at CALL N enter|exit: leash stands still before or after its Nth CALL until the process is gone
gone_at() {
    session_spawn "$alice" "burn 1 2"
    sleep 0.3 # for the load to be seen
    run strace -qq -o /dev/null -e "trace=$1" -e "inject=$1:delay_$3=2500000:when=$2" leash "$SPAWNED"
}

# calls_before_move: the number of the message by which PID 1 is asked to move the process
calls_before_move() {
    session_spawn "$alice" burn 1
    sleep 0.3
    strace -qq -s 400 -o "$lib_run/trace" -e trace=sendmsg leash "$SPAWNED" >/dev/null
    leash release --all >/dev/null
    kill -KILL "$SPAWNED"
    # a scope that an earlier leash left is used again
    grep -nE 'StartTransientUnit|leash-1001-[0-9]+\.scope' "$lib_run/trace" | tail -n 1 | cut -d: -f1
}

test_bad_input() {
    local long verb quota
    printf -v long '%070000d' 0
    long=${long//0/9}
    bad abc abc
    bad -5 -5
    bad "-- -5" -- -5
    bad 0 0
    bad 99999999999 99999999999
    bad "empty" ""
    bad "nothing at all"
    bad "1x" 1x
    bad "a PID with a leading blank" " 12"
    bad "70000 digits" "$long"
    bad "escape sequences" $'1\e]0;owned\a\n2'
    bad "a user with escape sequences" -u $'al\e[2Jice\n' -q 0%
    for quota in 0% -1% 1e9% 50 % nan% inf% 50%% ' 50%' 50%hosts 0.001% "$long%" ''; do
        bad "--quota ${quota:0:20}" -u alice --quota "$quota"
    done
    for verb in release show explain; do
        bad "$verb abc" $verb abc
        bad "$verb 0" $verb 0
    done
    bad "release without whom" release
    bad "list with an operand" list 12
    bad "--for nonsense" -u alice --for nonsense
    bad "--for -1s" -u alice --for -1s
    bad "--until in the past" -u alice --until '2001-01-01 00:00'
    bad "--for and --until" -u alice --for 1h --until 23:59
    bad "--memory-max lots" -u alice --memory-max lots
    bad "--cpus 99999" -u alice --cpus 99999
    bad "--scope nonsense" -u alice --scope nonsense
    bad "an option that is none" --nonsense 12
    bad "-u and a PID" -u alice "$$"
    bad "a reason of 70000 characters" -u alice --reason "$long"
}

test_evil_names() {
    local evil
    cat >"$lib_run/evil" <<'END'
printf 'a\e]0;x\a\n) R 1\e[2J' >/proc/$$/comm
echo $$ >"$1.part" && mv "$1.part" "$1"
while :; do :; done
END
    session_spawn "$alice" "bash $lib_run/evil /home/alice/evil"
    wait_for 20 test -s /home/alice/evil
    evil=$(</home/alice/evil)
    [[ $(<"/proc/$evil/comm") == *$'\e'* ]] || problem "the name is not evil"
    for verb in explain show "" list release; do
        # shellcheck disable=SC2086 # none or one
        if [[ $verb == list ]]; then run leash list; else run leash $verb "$evil"; fi
        status_is 0
        clean_output
        [[ ! -s $lib_run/err ]] || problem "something on stderr"
        verdict "an evil name: leash $verb"
    done
    leash "$evil" --reason $'because\e[2J\nof me' >/dev/null
    run leash list
    clean_output
    [[ $OUT == *because* && $OUT == *$'\n'* && $OUT != *$'\n'*$'\n'* ]] || problem "not a header and one line"
    verdict "an evil reason in list"
    run leash show "$evil" --json
    status_is 0
    clean_output
    json_is . "$lib_run/out" || problem "not JSON"
    verdict "an evil name in show --json"
    leash release --all >/dev/null
    kill -KILL "$evil"

    systemd-run -q --unit=leash-test-evil bash "$lib_run/evil" "$lib_run/evil.pid"
    wait_for 20 test -s "$lib_run/evil.pid"
    refuses "a service's process with an evil name" 3 'leash-test-evil\.service' \
        run leash "$(<"$lib_run/evil.pid")"
    systemctl stop leash-test-evil
}

test_system
test_sessions
test_own_session
test_container
test_gone
unchanged "bad input" test_bad_input
test_evil_names
check_equal "nothing is left behind" "$(leftovers)" ""
suite_end
