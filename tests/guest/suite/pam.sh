#!/bin/bash
# SPDX-License-Identifier: MIT
# pam_leash in real stacks: ssh, xrdp, login, su, cron, at; before and after pam_systemd; what is left when it is over.
# pam.sh [quick]: without xrdp, and with pam_leash before pam_systemd alone
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin
conf=/etc/leash/leash.conf

# policy LINE...: the policy from now on
policy() {
    install -d /etc/leash
    printf '%s\n' "$@" >"$conf"
}

# enable, disable: as the package does
enable() { DEBIAN_FRONTEND=noninteractive pam-auth-update --enable leash; }
disable() { DEBIAN_FRONTEND=noninteractive pam-auth-update --disable leash; }

# after_systemd: the line behind that of pam_systemd instead of before it
after_systemd() {
    sed -i '/pam_leash.so/d' /etc/pam.d/common-session
    echo 'session optional pam_leash.so' >>/etc/pam.d/common-session
}

# before_systemd: as pam-auth-update puts it
before_systemd() {
    sed -i '/pam_leash.so/d' /etc/pam.d/common-session
    disable
    enable
}

# jobs [ARGUMENT...]: the line in the stacks of cron and at
jobs_stack() {
    local service
    for service in cron atd; do
        sed -i '/pam_leash.so/d' "/etc/pam.d/$service"
        (($# == 0)) || echo "session optional pam_leash.so $*" >>"/etc/pam.d/$service"
    done
}

# limit_of UID FILE: what a file of the user's slice says
limit_of() { cat "$(slice_path "$1")/$2" 2>/dev/null; }

# limits NAME UID PERCENT TASKS: what the kernel has. Where PID 1 was too slow for a login, as it may be under
# emulation, the journal has to say so, and the next leash brings it to order; a few times, see the end.
too_slow=0
limits() {
    local quota
    if ! wait_for 5 limits_are "$2" "$3" "$4" && journalctl -t pam_leash -o cat --since -60s | grep -q 'did not answer in time'; then
        too_slow=$((too_slow + 1))
        echo "# $1: PID 1 was too slow for the login"
        leash list >/dev/null
    fi
    quota=$(quota "$2")
    [[ $quota == "$3" ]] || problem "the quota is $quota, not $3"
    [[ $(cgroup_version) != v2 || $(limit_of "$2" pids.max) == "$4" ]] || problem "pids.max is $(limit_of "$2" pids.max), not $4"
    : >"$lib_run/out"
    leash list >"$lib_run/err" 2>&1
    verdict "$1"
}

limits_are() {
    [[ $(quota "$1") == "$2" && ($(cgroup_version) != v2 || $(limit_of "$1" pids.max) == "$3") ]]
}

# missing SINCE: what the journal says of limits that could not be set, but for what was only slow
missing() {
    journalctl -t pam_leash -p warning -o cat --since "@$1" |
        grep -vE 'did not answer in time|ledger is busy|the next leash does'
}

# gone USER: no process, no slice, and in time no trace of the policy
gone() {
    logout_all "$1"
    ends "${uid_of[$1]}"
}
# ends UID: by itself; or by the next leash, where the journal tells that PID 1 was too slow
ends() {
    wait_for 60 nothing_left "$1" && return
    if journalctl -t pam_leash -o cat --since -90s | grep -q 'the next leash does'; then
        echo "# PID 1 was too slow for the end of a login of $1"
        leash list >/dev/null
        nothing_left "$1" && return
    fi
    cat "/run/leash/user-$1.slice"
    systemctl --no-pager status "user-$1.slice" "leash-gone@$1.service"
    loginctl --no-pager list-users # logind may have forgotten to stop the slice
    loginctl --no-pager list-sessions
    systemctl --no-pager list-units --all "*$1*" 'session-*.scope'
    journalctl --no-pager -b -u systemd-logind -n 20
    return 1
} >&2
nothing_left() {
    [[ ! -e /run/leash/user-$1.slice && ! -e /run/systemd/system/user-$1.slice.d/zz-leash.conf ]]
}

tidy_policy() {
    # back to how the image was, also for the suites that come after this one
    {
        jobs_stack
        disable
        sed -i '/pam_leash.so/d' /etc/pam.d/common-session
        sed -i 's/ nested$//' /etc/nsswitch.conf
        rm -rf /etc/leash /usr/lib/libnss_nested.so.2
        gpasswd -d alice students
        for i in $(seq 40); do groupdel "many$i"; done
        groupdel students
    } >/dev/null 2>&1
    tidy
}
trap tidy_policy EXIT

[[ -e /usr/share/pam-configs/leash ]] || { not_ok "the profile is installed"; suite_end; }
check "the module is installed" find /usr/lib -path '*/security/pam_leash.so'
groupadd students
gpasswd -a alice students >/dev/null
for i in $(seq 40); do
    groupadd "many$i"
    gpasswd -a bob "many$i" >/dev/null
done
policy '[limits everyone]' 'cpu-quota=90%' 'tasks-max=900' 'memory-high=1G' \
    '[limits students]' 'match-group=students' 'cpu-quota=40%' \
    '[limits many]' 'match-group=many37' 'cpu-quota=60%' 'tasks-max=600' \
    '[limits desktop]' 'match-service=xrdp-sesman' 'cpu-quota=70%' 'tasks-max=700' \
    '[limits cron]' 'match-service=cron atd' 'tasks-max=300' \
    '[exempt staff]' 'match-user=exempt' 'exempt=yes'
check "the policy is sound" leash check
enable
check "pam-auth-update puts it into common-session" grep -q 'pam_leash.so' /etc/pam.d/common-session

test_ssh() { # WHERE
    local span=5
    login carol carol
    limits "$1: ssh, a user in no group" 1003 90 900
    if [[ $(cgroup_version) == v2 ]]; then
        check_equal "$1: memory.high" "$(limit_of 1003 memory.high)" 1073741824
    fi
    login alice alice
    limits "$1: ssh, a user in two matching sections" 1001 40 900
    login bob bob
    limits "$1: ssh, a user in 40 groups" 1002 60 600
    session_spawn "$alice" burn 3
    sleep 1
    # Linux 7.2, which User Mode Linux may be, keeps a slice's quota on average (core/kernel.c): it gets the time.
    [[ $(uname -r) != 7.2.* ]] || span=20
    measures "$1: three busy loops of alice use what she may" 33 42 cpu_of_slice 1001 "$span"
    pkill -KILL -x burn
    session_run "$alice" "leash list" | grep -q user-1001.slice || problem "alice does not see it"
    verdict "$1: the user sees their limits"
    login carol again
    limits "$1: a second login" 1003 90 900
    systemctl daemon-reload
    limits "$1: after a daemon-reload" 1003 90 900
    session_close "$again"
    session_close "$carol"
    check "$1: nothing is left of carol" gone carol
    check "$1: nothing is left of alice, whose session was killed" gone alice
    check "$1: nothing is left of bob" gone bob
    check_equal "$1: nothing at all" "$(leftovers)" ""
    check_equal "$1: no journal entry about limits that are missing" "$(missing "$suite_epoch")" ""
}

test_untouched() {
    if session_open root; then
        session_close "$SESSION"
    else
        problem "root does not get in"
    fi
    verdict "root is let in"
    check "root has no record" test ! -e /run/leash/user-0.slice
    check "pamtester: a system user is let in and untouched" pamtester sshd nobody open_session
    check "and has no record" test ! -e /run/leash/user-65534.slice
}

test_login_and_su() {
    # a real login(1) on a terminal of its own, whose shell waits for what is typed; as getty starts it, who leads the
    # terminal's session: that of util-linux, in Debian 13, stops as a background job else
    sleep 90 | timeout 90 setsid script -qec 'exec login -f bob' /dev/null >"$lib_run/login.out" 2>&1 &
    wait_for 60 test -e /run/leash/user-1002.slice
    limits "login" 1002 60 600
    # the record is there before the session is, and who is not in yet cannot be sent away
    check "login: the shell runs" wait_for 60 pgrep -u bob bash
    check "nothing is left of it" gone bob
    systemd-run -q --unit=leash-su --collect su - carol -c 'sleep 60' || problem "su"
    wait_for 60 test -e /run/systemd/system/user-1003.slice.d/zz-leash.conf || problem "no drop-in"
    limits "su - starts inside the limits" 1003 90 900
    systemctl stop leash-su
    check "nothing is left of it" gone carol
}

test_xrdp() {
    if ! rdp_open alice; then
        not_ok "an xrdp desktop"
        return
    fi
    limits "xrdp: the policy by service, which comes last" 1001 70 700
    login alice ssh
    limits "xrdp and ssh: the strictest of both" 1001 40 700
    session_close "$ssh"
    kill "$RDP_CLIENT"
    check "nothing is left of the desktop" gone alice
    systemctl stop xrdp xrdp-sesman
}

test_jobs() {
    jobs_stack capture
    cron_job bob pamcron
    job_pid pamcron || not_ok "cron starts the job"
    check "capture: the job of cron is in the slice" in_slice "$JOB" 1002
    limits "capture: with the limits of cron" 1002 60 300
    job_end pamcron
    crontab -r -u bob
    login bob bob
    sleep 31 # until neither the job nor the login may be on its way to its slice any more
    session_run "$bob" "cd /; echo 'exec $job pamat' | at now 2>/dev/null"
    job_pid pamat || not_ok "at starts the job"
    check "capture: the job of at is in the slice" in_slice "$JOB" 1002
    limits "capture: with the limits of at" 1002 60 300
    job_end pamat
    check "capture: the login has its own limits again" wait_for 30 limits_are 1002 60 600
    session_close "$bob"
    check "nothing is left of the jobs" ends 1002
    jobs_stack
    # without capture the job stays where it was, and leaves nothing either
    sed -i 's/$//; $a session optional pam_leash.so' /etc/pam.d/cron
    cron_job bob pamplain
    job_pid pamplain || not_ok "cron starts the plain job"
    in_slice "$JOB" 1002 && problem "it was moved"
    verdict "without capture the job stays in cron.service"
    job_end pamplain
    crontab -r -u bob
    check "nothing is left of the plain job" ends 1002
    jobs_stack
}

test_manual() {
    login alice alice
    leash -q 10% -u alice >/dev/null
    capped "a manual leash is on top" 1001 10
    login alice second
    capped "and stays there at the next login" 1001 10
    leash release -u alice >/dev/null
    limits "release goes back to the policy" 1001 40 900
    policy '[limits everyone]' 'cpu-quota=30%'
    leash apply --all >"$lib_run/out" 2>&1 || problem "leash apply: $(<"$lib_run/out")"
    capped "apply: the new policy" 1001 30
    [[ $(cgroup_version) != v2 || $(limit_of 1001 pids.max) != 900 ]] || problem "the old policy's tasks-max stays"
    verdict "apply takes away what the policy does not say any more"
    rm "$conf"
    leash apply -u alice >/dev/null
    capped "no policy, no limits" 1001 none
    check_equal "and no trace" "$(leftovers)" ""
    policy '[limits everyone]' 'cpu-quota=90%' 'tasks-max=900'
    session_close "$second"
    login alice third
    limits "the next login has limits again" 1001 90 900
    leash -u alice >/dev/null
    logout_all alice
    check "a manual leash outlasts the logins" test -e /run/leash/user-1001.slice
    leash release -u alice >/dev/null
    leash release --gone
    check "and nothing is left after it" wait_for 60 nothing_left 1001
}

# in_at_once NAME PATTERN: bob logs in although something is broken, and the journal says why
in_at_once() {
    local since=$EPOCHSECONDS
    session_open bob || problem "bob does not get in"
    session_close "$SESSION"
    journalctl -t pam_leash --since "@$since" -o cat | grep -q "$2" || problem "the journal: $(journalctl -t pam_leash --since "@$since" -o cat | tail -n 3)"
    : >"$lib_run/out"
    : >"$lib_run/err"
    verdict "$1"
    gone bob
}

test_broken() {
    mv /run/systemd/private /run/systemd/private.away
    in_at_once "PID 1's socket is gone: bob gets in, the journal knows" 'limits of the policy are missing'
    mv /run/systemd/private.away /run/systemd/private
    chmod 666 "$conf"
    in_at_once "a policy that others may write: bob gets in, the journal knows" 'may be written to by others'
    chmod 644 "$conf"
    install -d -m 700 /run/leash
    mount -t tmpfs -o size=4k,mode=700 full /run/leash
    head -c 8192 /dev/zero >/run/leash/fill 2>/dev/null
    in_at_once "no room for the ledger: bob gets in, the journal knows" 'ENOSPC'
    umount /run/leash
    sed -i -E 's/optional\s+pam_leash.so/required pam_leash.so strict/' /etc/pam.d/common-session
    chmod 666 "$conf"
    ssh -o ConnectTimeout=30 bob@localhost true 2>/dev/null && problem "bob gets in"
    ssh -o ConnectTimeout=30 root@localhost true || problem "root is locked out"
    verdict "strict: a broken policy refuses bob, and never root"
    chmod 644 "$conf"
    ssh -o ConnectTimeout=30 bob@localhost true || problem "bob does not get in"
    verdict "strict: a sound policy lets bob in"
    sed -i 's/required pam_leash.so strict/optional pam_leash.so/' /etc/pam.d/common-session
    gone bob
}

test_many() {
    local i pids=()
    for i in $(seq 60); do
        pamtester sshd bob open_session close_session >"$lib_run/many.$i" 2>&1 &
        pids+=($!)
    done
    for i in "${pids[@]}"; do wait "$i" || problem "status $?"; done
    ((${#problems[@]} == 0)) || problem "$(cat "$lib_run"/many.* | sort | uniq -c)"
    [[ -z $(missing "$1") ]] || problem "$(missing "$1" | tail -n 2)"
    : >"$lib_run/out"
    : >"$lib_run/err"
    verdict "60 logins of one user at once"
    gone bob
    check "nothing is left of them" ends 1002
}

# A directory in which carol's group is a member of another, which names no users.
test_nested() {
    install -m 644 "$LEASH_TESTS/libnss_nested.so.2" /usr/lib/
    sed -i 's/^group:.*/& nested/' /etc/nsswitch.conf
    policy '[limits everyone]' 'cpu-quota=90%' 'tasks-max=900' '[limits faculty]' 'match-group=faculty' 'cpu-quota=35%'
    check_equal "nested groups: the outer group names no users" "$(getent group faculty)" faculty:x:4712:
    run leash check -u carol
    [[ $OUT == *35%*'[limits faculty]'* ]] || problem "does not name the section"
    verdict "nested groups: leash check says which section decides"
    login carol carol
    limits "nested groups: ssh" 1003 35 900
    check "nested groups: nothing is left of carol" gone carol
    sed -i 's/ nested$//' /etc/nsswitch.conf
    rm /usr/lib/libnss_nested.so.2
}

suite_epoch=$EPOCHSECONDS
test_ssh "before pam_systemd"
if [[ ${1-} != quick ]]; then
    after_systemd
    test_ssh "after pam_systemd"
    before_systemd
    test_untouched
    test_xrdp
fi
test_login_and_su
test_jobs
test_manual
test_broken
test_many "$EPOCHSECONDS"
test_nested
echo "# PID 1 was too slow for $too_slow logins"
check "no more than three logins had to wait for the next leash" test "$too_slow" -le 3
suite_end
