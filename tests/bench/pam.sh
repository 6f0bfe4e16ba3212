#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs inside the guest: what a login costs with pam_leash, beside pam_systemd and the usual recipe, pam_exec with a
# script around systemctl set-property. Stacks of their own, one module each, pamtester opening and closing a session;
# in turn, so that all see the same machine. What an empty stack takes is taken off. Twice: pamtester as it is, which
# loads libsystemd for pam_leash alone, and with libsystemd there from the start, as in the sshd of Debian 12, which is linked with it.
# shellcheck source=tests/guest/lib.sh
. "${LEASH_TESTS:-/usr/lib/leash-tests}/lib.sh"
rounds=${1:-25}

install -d /etc/leash
for percent in 40 50; do
    printf '[limits all]\ncpu-quota=%s%%\nmemory-high=1G\ntasks-max=500\n' $percent >/etc/leash/$percent.conf
done
cat >/usr/local/bin/limit-session <<'END'
#!/bin/sh
[ "$PAM_TYPE" = open_session ] || exit 0
uid=$(id -u "$PAM_USER")
[ "$uid" -ge 1000 ] || exit 0
systemctl set-property --runtime "user-$uid.slice" "CPUQuota=$(( 40 + $$ % 20 ))%" MemoryHigh=1G TasksMax=500
END
chmod +x /usr/local/bin/limit-session
stack() { # NAME LINE...
    { echo 'auth sufficient pam_permit.so'; echo 'account sufficient pam_permit.so'; printf '%s\n' "${@:2}"; } >"/etc/pam.d/bench-$1"
}
stack empty 'session required pam_permit.so'
stack leash40 'session required pam_leash.so conf=/etc/leash/40.conf'
stack leash50 'session required pam_leash.so conf=/etc/leash/50.conf'
stack exec 'session required pam_exec.so /usr/local/bin/limit-session'
stack systemd 'session required pam_systemd.so'

# The user is logged in: slice and user manager run, as for most logins of a day.
session_open alice
sleep 3
# open_close STACK [PROGRAM...]: in ms
open_close() {
    bench 1 "${@:2}" pamtester "bench-$1" alice open_session close_session | cut -d' ' -f1
}
with_libsystemd=(env LD_PRELOAD=libsystemd.so.0)

# measure FILE [PROGRAM...]: a line for each round
measure() {
    local file=$1 i e s a t x y o u
    shift
    for i in $(seq "$rounds"); do
        e=$(open_close empty "$@")
        s=$(open_close leash40 "$@") # another quota than the last time: set anew
        a=$(open_close leash40 "$@") # the same again: nothing to do
        t=$(open_close leash50 "$@")
        x=$(open_close exec "$@")
        rm -rf /run/systemd/system.control/user-1001.slice.d
        y=$(open_close systemd "$@")
        o=$(bench 1 onecall user-1001.slice $((40 + i)) | cut -d' ' -f1)
        u=$(bench 1 true | cut -d' ' -f1)
        rm -rf /run/systemd/system.control/user-1001.slice.d
        # the first rounds warm up
        ((i <= 2)) || echo "$e $s $a $t $x $y $o $u" >>"$file"
    done
}
median() { cut -d' ' -f"$2" "$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }
less() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a - b }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }

# table FILE: and whether it is as fast as wanted
table() {
    local e s a x y o
    e=$(median "$1" 1) s=$(less "$(median "$1" 2)" "$e") a=$(less "$(median "$1" 3)" "$e")
    x=$(less "$(median "$1" 5)" "$e") y=$(less "$(median "$1" 6)" "$e")
    o=$(less "$(median "$1" 7)" "$(median "$1" 8)") # as a program, less what one takes that does nothing
    echo "Less what an empty stack takes, $e ms."
    echo
    echo "| stack | ms | to pam_exec | to pam_systemd |"
    echo "|---|---|---|---|"
    echo "| pam_leash, limits to be set | $s | $(ratio "$s" "$x") | $(ratio "$s" "$y") |"
    echo "| pam_leash, limits right already | $a | $(ratio "$a" "$x") | $(ratio "$a" "$y") |"
    echo "| pam_exec, shell, systemctl set-property | $x | 1 | $(ratio "$x" "$y") |"
    echo "| one call to PID 1 and nothing else | $o | $(ratio "$o" "$x") | $(ratio "$o" "$y") |"
    echo "| pam_systemd | $y | $(ratio "$y" "$x") | 1 |"
    echo
    awk -v s="$s" -v x="$x" -v y="$y" 'BEGIN { exit !(s <= 0.2 * x && s <= 0.3 * y) }' &&
        echo "At most 0.2 of pam_exec and 0.3 of pam_systemd: yes." || echo "At most 0.2 of pam_exec and 0.3 of pam_systemd: NO."
    echo
}

measure /tmp/pam-bench
measure /tmp/pam-bench-linked "${with_libsystemd[@]}"
echo "# Logins: $(. /etc/os-release && echo "$PRETTY_NAME"), $(systemctl --version | head -n 1), Linux $(uname -r)"
echo
echo "Medians of $((rounds - 2)) sessions opened and closed ($(systemd-detect-virt), $(nproc) CPUs). In a guest only ratios mean anything."
echo
echo "## In a program that loads libsystemd for pam_leash"
echo
table /tmp/pam-bench
echo "## In a program that is linked with libsystemd, as the sshd of Debian 12 is"
echo
table /tmp/pam-bench-linked
echo "Calls to PID 1 in the second row, by strace:"
echo
pamtester bench-leash40 alice open_session >/dev/null 2>&1 # what the rows above left is not the policy's
strace -f -e trace=connect pamtester bench-leash40 alice open_session 2>&1 | grep -c 'systemd/private' | sed 's/^/    /'
exit 0
