#!/bin/bash
# SPDX-License-Identifier: MIT
# A host of a farm, with real xrdp, PAM, systemd and leashd: what its balancer is told, how it is emptied, what its audit
# says. Reboots, so it has a guest of its own.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin
[[ $(cgroup_version) == v2 ]] || { skip "a farm" "the kernel's pressure files are looked at on cgroup v2"; suite_end; }

stack=/etc/pam.d/xrdp-sesman
RDP_CLIENT=

# ask: the agent's line, and nothing else
ask() {
    local line
    { exec 5<>/dev/tcp/127.0.0.1/9707; } 2>/dev/null || return
    IFS= read -r -t 10 line <&5
    exec 5>&-
    echo "$line"
}
# shellcheck disable=SC2254 # a pattern
says() { case $(ask) in $1) ;; *) return 1 ;; esac; }

# attempt USER: a client that tries to log in, in $ATTEMPT
attempt() {
    local client options
    if client=$(command -v xfreerdp3); then
        options="/cert:ignore /tls:seclevel:0"
    else
        client=xfreerdp options="/cert-ignore /tls-seclevel:0"
    fi
    # shellcheck disable=SC2086 # several words
    DISPLAY=:50 "$client" /v:127.0.0.1 "/u:$1" /p:leash /w:800 /h:600 /sec:tls $options </dev/null >"$lib_run/attempt.log" 2>&1 &
    ATTEMPT=$!
}
refused() { journalctl -t pam_leash -o cat | grep -q "^$1: maintenance: refused"; }
has_session() { rdp_session "$1" >/dev/null; }
has_no_session() { ! has_session "$1"; }

tidy_farm() {
    kill "$RDP_CLIENT" "${ATTEMPT:-}" 2>/dev/null
    systemctl stop leashd leash-agent.socket leash-agent.service 2>/dev/null
    rm -rf /etc/leash /run/leashd /var/lib/leash/log
    tidy
}

if [[ ${LEASH_GUEST_BOOT:-1} == 2 ]]; then
    trap tidy_farm EXIT
    run leash-xrdp drain status
    status_is 0
    [[ $OUT == "Emptying this host since "*"two reboots"* ]] || problem "$OUT"
    verdict "the host stays empty through a reboot"
    systemctl start leashd leash-agent.socket
    check "and its balancer is told" wait_for 60 says "drain up *draining"
    run leash-xrdp drain off
    status_is 0
    verdict "until somebody ends it"
    check "the balancer is told that, too" wait_for 60 says "ready up *"
    suite_end
fi
trap tidy_farm EXIT

# ---- the agent ----------------------------------------------------------------------------------

install -d -m 755 /etc/leash
printf '%s\n' "[limits all]" cpu-quota=400% "[exempt staff]" match-user=carol exempt=yes >/etc/leash/leash.conf
sed -i 's/^@include common-account/&\naccount required pam_leash.so/' $stack
for unit in leash-agent.socket leash-agent.service; do
    run systemd-analyze verify --man=no "/usr/lib/systemd/system/$unit"
    [[ $STATUS == 0 && -z $(grep leash-agent "$lib_run/err") ]] || problem "$ERR"
    verdict "systemd has nothing to say against $unit"
done
check "leashd starts" systemctl start leashd
check "PID 1 takes the port" systemctl start leash-agent.socket
check_equal "and starts nobody for it" "$(systemctl is-active leash-agent.service)" inactive
check "an empty host" wait_for 60 says "ready up * maxconn:50 #0 sessions 0 disconnected psi * memory *"
check_equal "the agent has no capability" "$(awk '/^CapEff/ { print $2 }' "/proc/$(systemctl show leash-agent -P MainPID)/status")" 0000000000000000

rdp_open alice || { not_ok "a desktop"; suite_end; }
desktop=$SESSION
check "a session" wait_for 60 says "ready up *#1 sessions 0 disconnected*"
kill "$RDP_CLIENT"
check "that nobody looks at" wait_for 60 says "ready up *#1 sessions 1 disconnected*"
systemctl kill -s KILL leash-agent.service
check "an agent that is killed is back at the next question" wait_for 60 says "ready up *#1 sessions 1 disconnected*"
systemctl stop leashd
check "without leashd: sessions, and no word of who looks" wait_for 60 says "ready up *#1 sessions psi*"
systemctl start leashd
touch /run/reboot-required
check "packages that want a restart" wait_for 60 says "ready up *restart required"
rm /run/reboot-required

# ---- emptying -----------------------------------------------------------------------------------

run leash-xrdp drain on --reason "two reboots"
status_is 0
[[ $OUT == "Emptying this host; "*"1 of 1 sessions left: 0 connected, 1 disconnected." ]] || problem "$OUT"
verdict "the host is being emptied"
check "the balancer is told" wait_for 60 says "drain up *draining"
attempt bob
check "a newcomer is refused" wait_for 180 refused bob
sleep 10
check "and has no session" has_no_session bob
kill "$ATTEMPT"
check "who has a session comes back to it" rdp_open alice
check_equal "the same one" "$SESSION" "$desktop"
attempt carol
check "the exempt get in" wait_for 180 has_session carol
kill "$ATTEMPT"

run leash-xrdp drain status --json
json_is '.[0].draining and .[0].reason == "two reboots" and .[0].sessions == 2' "$lib_run/out" || problem "$OUT"
verdict "the status tells who is left"
kill "$RDP_CLIENT"
leash-xrdp end -u carol --grace 5s >/dev/null 2>&1
leash-xrdp drain status --wait 5min >"$lib_run/waited" 2>&1 &
waiter=$!
sleep 3
leash-xrdp end -u alice --grace 10s >/dev/null 2>&1
check "waiting ends with the last of them" wait_for 120 grep -q 'nobody is left' "$lib_run/waited"
wait "$waiter"
check_equal "and with success" "$?" 0
run leash-xrdp drain off
check "open again" wait_for 60 says "ready up *"
attempt bob
check "newcomers are welcome" wait_for 180 has_session bob
kill "$ATTEMPT"
logout_all bob

# A mark that somebody has spoilt refuses nobody.
leash-xrdp drain on >/dev/null
echo garbage >/var/lib/leash/drain
attempt bob
check "a damaged mark lets everybody in" wait_for 180 has_session bob
kill "$ATTEMPT"
logout_all bob
leash-xrdp drain off >/dev/null

# ---- the audit ----------------------------------------------------------------------------------

found() { json_is --arg id "$1" 'any(.[]; .id == $id)' "$lib_run/out" || problem "$1 is not found"; }
not_found() { json_is --arg id "$1" 'all(.[]; .id != $id)' "$lib_run/out" || problem "$1 is found"; }

run leash-xrdp audit --json
status_is 2
found sesman-root-login
found sesman-group
found xrdp-security-negotiate
found xrdp-certificate-default
found locker-none
for id in sesman-unreadable xrdp-unreadable pam-missing pam-systemd pam-drain limits-none xrdp-key-closed xrdp-key-open \
    xrdp-key-missing xrdp-certificate-missing sesman-kill-disconnected sesman-max-sessions xrdp-no-keepalive; do
    not_found "$id"
done
json_is 'all(.[]; .why != null and .remedy != null and .file != null)' "$lib_run/out" || problem "something is missing"
verdict "the audit of xrdp as it is shipped"
line=$(grep -n '^AllowRootLogin' /etc/xrdp/sesman.ini | cut -d: -f1)
check_equal "with the line" "$(jq -r '.[] | select(.id == "sesman-root-login") | .line' "$lib_run/out")" "$line"
gpasswd -d xrdp ssl-cert >/dev/null
run leash-xrdp audit --json
found xrdp-key-closed
verdict "a key that xrdp cannot read"
gpasswd -a xrdp ssl-cert >/dev/null
sed -i 's/^AllowRootLogin=.*/AllowRootLogin=false/; s/^TerminalServerUsers=.*/TerminalServerUsers=/' /etc/xrdp/sesman.ini
sed -i 's/^security_layer=.*/security_layer=tls/' /etc/xrdp/xrdp.ini
run leash-xrdp audit
status_is 1
[[ $OUT == "XRDP WARNING: 0 critical, "* ]] || problem "${OUT%%$'\n'*}"
clean_output
verdict "what was mended is not said again"

# ---- a reboot -----------------------------------------------------------------------------------

leash-xrdp drain on --reason "two reboots" >/dev/null
trap - EXIT
guest_reboot
