# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by the suites about leashd: common.sh, and what only these need.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin

uid=1001
log=/var/lib/leash/log

policy() { # LINE...: the policy from now on
    install -d -m 755 /etc/leash
    printf '%s\n' "$@" >/etc/leash/leash.conf
    if systemctl is-active -q leashd; then systemctl reload leashd; fi
}

tidy_leashd() {
    systemctl stop leashd burner 2>/dev/null
    kill "$RDP_CLIENT" 2>/dev/null
    rm -rf /etc/leash "$log" /run/leashd
    tidy
}
trap tidy_leashd EXIT
RDP_CLIENT=

noted() { # KEY SESSION: what leashd has written down
    awk -v s="[session $2]" -v k="$1=" '$0 == s { i = 1; next } /^\[/ { i = 0 } i && index($0, k) == 1 { print substr($0, length(k) + 1) }' /run/leashd/sessions
}
noted_some() { [[ -n $(noted "$1" "$2") ]]; }
incidents() { cat "$log"/incidents* 2>/dev/null | grep -c "kind=$1" || true; }
more_incidents() { (($(incidents "$1") > $2)); }
quota_is() { [[ $(quota $uid) == "$1" ]]; }
no_session() { ! loginctl show-session "$1" >/dev/null 2>&1; }
hint() { # SESSION METHOD true|false: as a desktop tells logind
    local path
    path=$(busctl call org.freedesktop.login1 /org/freedesktop/login1 org.freedesktop.login1.Manager GetSession s "$1" | cut -d'"' -f2)
    busctl call org.freedesktop.login1 "$path" org.freedesktop.login1.Session "$2" b "$3"
}
number() { [[ $(<"/sys/fs/cgroup/user.slice/user-$uid.slice/$1") =~ ^[0-9]+$ ]]; }
burner() { systemd-run -q --unit=burner --slice=user-$uid.slice --uid=alice "$LEASH_TESTS/burn" "$1"; }

# what one call of systemctl takes here, in ms: the guest's own measure of a moment
moment() {
    local begin=$EPOCHREALTIME
    systemctl show user-$uid.slice >/dev/null
    awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d", (b - a) * 1000 }'
}
