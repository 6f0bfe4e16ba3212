# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# The account hook: who may come to a host that is being emptied.

# emptying: the host is; with the account line in the stack of "xrdp-sesman"
emptying() {
    echo "account required $tools/pam_leash.so" >"$root/pam.d/xrdp-sesman"
    LEASH_TEST_ROOT=$root "$build/leash-xrdp" drain on >/dev/null 2>&1
    there var/lib/leash/drain
}

# session ID SERVICE STATE: one of the user's, as logind writes it down
session() {
    printf '%s\n' UID=$uid USER=$user ACTIVE=1 STATE=$3 TYPE=x11 CLASS=${class:-user} SERVICE=$2 LEADER=$$ DISPLAY=:10 >"$root/run/systemd/sessions/$1"
    printf '%s\n' NAME=$user STATE=active SESSIONS="$1" ACTIVE_SESSIONS="$1" ONLINE_SESSIONS="$1" >"$root/run/systemd/users/$uid"
}

# asked [USER]: what the account phase said
asked() {
    inside "$tools/pam-driver" -a "$root/pam.d" xrdp-sesman "${1:-$user}" >"$root.out" 2>"$root.err"
    out=$(<"$root.out") err=$(<"$root.err")
    [[ -z $err ]] || fail "on stderr: $err"
    answer=$(sed -n 's/^account //p' <<<"$out")
    took=$(sed -n 's/^slowest //p' <<<"$out")
    awk -v t="${took:-9999}" 'BEGIN { exit t < 2000 }' && fail "it took $took ms"
}
let_in() { asked "${2:-$user}"; equal "$1" "$answer" success; }
refused() { asked; equal "$1" "$answer" "Permission denied"; }

test_account_newcomers_are_refused_while_emptying() {
    machine && pid1 && emptying
    refused "a newcomer"
    like "what they are told" "$out" "*said This host is being emptied for maintenance. Please use another, or come back later.*"
    journal "*MESSAGE=$user: maintenance: refused: this host is being emptied*"
    rm "$root/var/lib/leash/drain"
    let_in "when it is over"
    journal_nothing
}

test_account_who_has_a_session_comes_back_to_it() {
    machine && pid1 && emptying
    session c1 xrdp-sesman active
    let_in "a session of the same service"
    session c1 xrdp-sesman closing
    refused "one that is closing"
    session 7 sshd active
    refused "another service's"
    class=manager session c1 xrdp-sesman active
    refused "the user manager's"
    session c1 xrdp-sesman online
    let_in "one that is not in front"
}

test_account_root_and_the_exempt_always_get_in() {
    machine && pid1 && emptying
    let_in "root" root
    policy "[exempt admins]" "match-group=students" "exempt=yes"
    let_in "exempt by their group"
    policy "[exempt admins]" "match-user=somebody" "exempt=yes"
    refused "not exempt"
}

# Whatever cannot be told is no reason to refuse.
test_account_a_failure_refuses_nobody() {
    machine && pid1 && emptying
    let_in "a user nobody knows" nobodyknows
    journal "*: let in while in doubt: *this host is being emptied, and the user cannot be looked up*"
    policy "[exempt admins" "match-user=x"
    let_in "a policy with mistakes"
    journal "*: let in while in doubt: *whom the policy exempts cannot be told (EBADMSG)*"
    policy "[limits all]" "cpu-quota=40%"
    echo "account required $tools/pam_leash.so conf=/etc/leash/leahs.conf" >"$root/pam.d/xrdp-sesman"
    let_in "a policy that is not there"
    journal "*: let in while in doubt: *whom the policy exempts cannot be told (ENOENT)*"
    emptying
    mv "$root/run/systemd/users" "$root/users"
    let_in "no login manager"
    journal "*: let in while in doubt: *their sessions cannot be told*"
    mv "$root/users" "$root/run/systemd/users"
    refused "all is well again"
    rm -f "$root/fake/journal"
    echo garbage >"$root/var/lib/leash/drain"
    let_in "a mark that is damaged"
    journal "*: let in while in doubt: *cannot tell whether this host is being emptied*"
    rm "$root/var/lib/leash/drain"
    ln -s /etc/passwd "$root/var/lib/leash/drain"
    let_in "a mark that is a link"
}

test_long_account_never_refuses_who_is_welcome_whatever_fails() {
    machine && pid1 && emptying
    session c1 xrdp-sesman active
    cp "$root/pam.d/xrdp-sesman" "$root/pam.d/cron"
    sed -i 's/SERVICE=.*/SERVICE=cron/' "$root/run/systemd/sessions/c1"
    limit=250 inside "$tools/pam-faults" "$root/pam.d" $user /nowhere account >"$root.out" 2>&1 || fail "$(tail -n 5 "$root.out" | tr '\n' '|')"
    figure "$(tail -n 1 "$root.out")"
    rm "$root/run/systemd/sessions/c1" "$root/run/systemd/users/$uid"
    policy "[exempt admins]" "match-group=students" "exempt=yes"
    limit=250 inside "$tools/pam-faults" "$root/pam.d" $user /nowhere account >"$root.out" 2>&1 || fail "$(tail -n 5 "$root.out" | tr '\n' '|')"
    figure "exempt: $(tail -n 1 "$root.out")"
    policy "[limits all]" "cpu-quota=40%"
    limit=250 inside "$tools/pam-faults" "$root/pam.d" $user /nowhere newcomer >"$root.out" 2>&1 || fail "$(tail -n 5 "$root.out" | tr '\n' '|')"
    figure "newcomer: $(tail -n 1 "$root.out")"
}
