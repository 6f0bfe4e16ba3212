# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# leash-xrdp audit: what an admin and a monitoring system see. The rules are in tests/unit/test-audit.c.

# server: one that is sound, but for what the host itself has
server() {
    conf etc/xrdp/sesman.ini "[Security]" "AllowRootLogin=false" "[Sessions]" "MaxSessions=50"
    conf etc/xrdp/xrdp.ini "[Globals]" "tcp_keepalive=true" "security_layer=tls" "certificate=/etc/xrdp/a.crt" "key_file=/etc/xrdp/a.key"
    conf etc/xrdp/a.crt x
    conf etc/xrdp/a.key x
    chmod 600 "$root/etc/xrdp/a.key"
    conf etc/pam.d/xrdp-sesman "@include common" "account required pam_leash.so"
    conf etc/pam.d/common "session optional pam_leash.so" "session optional pam_systemd.so"
    conf etc/leash/leash.conf "[limits all]" "cpu-quota=100%" "[state away]" "when=disconnected" "[lock all]" "locker=/bin/lock"
    mkdir -p "$root/bin"
    conf bin/lock x
}

audit() {
    xrdp audit "$@"

}

test_audit_of_a_sound_server() {
    server
    audit
    expect 0 "XRDP OK: 0 critical, 0 warning, 0 unknown, 0 note | critical=0 warning=0 unknown=0" ""
    audit --json
    expect 0 "[[]*]" ""
    equal findings "$(jq length <<<"$out")" 0
}

test_audit_levels_and_their_exit_statuses() {
    server
    rm "$root/etc/pam.d/xrdp-sesman"
    conf etc/pam.d/xrdp-sesman "@include common"
    audit
    expect 0 "XRDP OK: 0 critical, 0 warning, 0 unknown, 1 note*note pam-drain /etc/pam.d/xrdp-sesman: *Remedy: *" ""
    sed -i 's/MaxSessions/#&/' "$root/etc/xrdp/sesman.ini"
    audit
    expect 1 "XRDP WARNING: 0 critical, 1 warning*warning sesman-max-sessions /etc/xrdp/sesman.ini:3: MaxSessions is not set, which is 0*" ""
    rm "$root/etc/xrdp/sesman.ini"
    audit
    expect 3 "XRDP UNKNOWN: *1 unknown*unknown sesman-unreadable /etc/xrdp/sesman.ini: it is not there*" ""
    chmod 644 "$root/etc/xrdp/a.key"
    audit
    expect 2 "XRDP CRITICAL: 1 critical*critical xrdp-key-open /etc/xrdp/xrdp.ini:5: /etc/xrdp/a.key can be read by everybody*" ""
    equal "the first line alone has a bar" "$(grep -c '|' <<<"$out")" 1
    audit --json
    equal status "$status" 2
    equal json "$(jq -c '[.[] | [.id, .level, .line]] | sort' <<<"$out")" \
        '[["pam-drain","note",null],["sesman-unreadable","unknown",null],["xrdp-key-open","critical",5]]'
    like "why and what to do" "$(jq -r '.[0] | .why + .remedy' <<<"$out")" "?*.?*"
}

# A link of authselect's, one to nowhere, directories, garbage, and lines that would disturb a terminal.
test_audit_reads_what_is_there() {
    server
    mv "$root/etc/pam.d/common" "$root/etc/common"
    ln -s ../common "$root/etc/pam.d/common"
    ln -s nowhere "$root/etc/pam.d/other"
    mkdir "$root/etc/pam.d/subdir"
    head -c 5000 /dev/urandom >"$root/etc/pam.d/random"
    head -c 500000 /dev/zero >"$root/etc/pam.d/large"
    mkfifo "$root/etc/pam.d/pipe"
    audit
    expect 0 "XRDP OK: *" ""
    printf 'Policy=\033[2JSeparate\nPolicy=D\033[2J\n' >>"$root/etc/xrdp/sesman.ini"
    audit
    expect 1 '*warning sesman-policy /etc/xrdp/sesman.ini:6: Policy=D\\x1b[[]2J*' ""
    head -c 500000 /dev/zero | tr '\0' x >"$root/etc/xrdp/sesman.ini"
    audit
    expect 3 "*unknown sesman-unreadable /etc/xrdp/sesman.ini: it cannot be read*" ""
}

test_audit_links_to_the_certificate_of_the_installation() {
    server
    mkdir -p "$root/etc/ssl/certs"
    conf etc/ssl/certs/ssl-cert-snakeoil.pem x
    ln -sf /etc/ssl/certs/ssl-cert-snakeoil.pem "$root/etc/xrdp/a.crt"
    audit
    expect 1 "*warning xrdp-certificate-default /etc/xrdp/xrdp.ini:4: /etc/xrdp/a.crt is the one made at installation*" ""
    rm "$root/etc/ssl/certs/ssl-cert-snakeoil.pem"
    audit
    expect 2 "*critical xrdp-certificate-missing /etc/xrdp/xrdp.ini:4: /etc/xrdp/a.crt is not there*" ""
}

test_audit_usage() {
    xrdp audit more
    expect 2 "" "leash-xrdp: audit takes*"
    xrdp audit --reason=x
    expect 2 "" "leash-xrdp: --reason does not go with audit*"
}
