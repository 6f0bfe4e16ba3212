#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs inside the guest: what pam_leash adds to the opening of a session, beside what pam_systemd adds and what the usual
# recipe does, pam_exec with a script around systemctl set-property. In stacks as a release has them: pam_unix, the module,
# pam_systemd. What a module adds is what its stack takes more than the same one without it in the same round, in turn, so
# that all see the same machine; what it takes to load the stack, which a login program does before it asks for a
# password, and to close the session are told apart.
# shellcheck source=tests/guest/lib.sh
. "${LEASH_TESTS:-/usr/lib/leash-tests}/lib.sh"
rounds=${1:-60}

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
unix='session required pam_unix.so' systemd='session optional pam_systemd.so'
stack empty "$unix"
stack systemd "$unix" "$systemd"
stack leash40 "$unix" 'session optional pam_leash.so conf=/etc/leash/40.conf' "$systemd"
stack leash50 "$unix" 'session optional pam_leash.so conf=/etc/leash/50.conf' "$systemd"
stack exec "$unix" 'session optional pam_exec.so /usr/local/bin/limit-session' "$systemd"

# pam_exec closes as many descriptors as there may be, one by one, 10000 at most: cheap on hardware, half a second where a
# system call takes 50 us.
ulimit -n 64

# The user is logged in: slice and user manager run, as for most logins of a day.
session_open alice
sleep 3
# open_close NAME STACK: a line with the name, and in ms the stack, the session, its end. What logind and PID 1 do
# afterwards is not the next one's.
open_close() {
    echo "$1 $(pamtime "bench-$2" alice)"
    sleep 0.3
}

# measure FILE: a line for each session that limits were set for, of what was added to its opening, to loading, to closing
measure() {
    local i o u
    for i in $(seq "$rounds"); do
        {
            open_close empty empty
            open_close systemd systemd
            open_close set leash40 # another quota than the last time: set anew
            open_close right leash40 # the same again: nothing to do
            open_close again leash50
            open_close exec exec
        } >/tmp/round
        rm -rf /run/systemd/system.control/user-1001.slice.d
        o=$(bench 1 onecall user-1001.slice $((40 + i)) | cut -d' ' -f1)
        u=$(bench 1 true | cut -d' ' -f1)
        rm -rf /run/systemd/system.control/user-1001.slice.d
        # the first rounds warm up
        ((i <= 2)) || awk -v o="$o" -v u="$u" '
            { load[$1] = $2; open[$1] = $3; close_[$1] = $4 }
            function row(set) {
                print open[set] - open["systemd"], open["right"] - open["systemd"], open["exec"] - open["systemd"],
                    open["systemd"] - open["empty"], o - u,
                    load[set] - load["systemd"], load["exec"] - load["systemd"], load["systemd"] - load["empty"],
                    close_[set] - close_["systemd"], close_["exec"] - close_["systemd"], close_["systemd"] - close_["empty"]
            }
            END { row("set"); row("again") }' /tmp/round >>"$1"
    done
}
median() { cut -d' ' -f"$2" "$1" | sort -n | awk '{ v[NR] = $1 } END { printf "%.2f", (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'; }
ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", (b > 0 ? a / b : 0) }'; }

# table FILE: and whether it is as fast as wanted
table() {
    local s a x y o
    s=$(median "$1" 1) a=$(median "$1" 2) x=$(median "$1" 3) y=$(median "$1" 4) o=$(median "$1" 5)
    echo "| added by | ms | of pam_exec | of pam_systemd | to loading, ms | to closing, ms |"
    echo "|---|---|---|---|---|---|"
    echo "| pam_leash, limits to be set | $s | $(ratio "$s" "$x") | $(ratio "$s" "$y") | $(median "$1" 6) | $(median "$1" 9) |"
    echo "| pam_leash, limits right already | $a | $(ratio "$a" "$x") | $(ratio "$a" "$y") | | |"
    echo "| pam_exec, shell, systemctl set-property | $x | 1 | $(ratio "$x" "$y") | $(median "$1" 7) | $(median "$1" 10) |"
    echo "| one call to PID 1, a program of its own | $o | $(ratio "$o" "$x") | $(ratio "$o" "$y") | | |"
    echo "| pam_systemd | $y | $(ratio "$y" "$x") | 1 | $(median "$1" 8) | $(median "$1" 11) |"
    echo
    awk -v s="$s" -v x="$x" -v y="$y" 'BEGIN { exit !(s <= 0.2 * x && s <= 0.3 * y) }' &&
        echo "At most 0.2 of pam_exec and 0.3 of pam_systemd: yes." || echo "At most 0.2 of pam_exec and 0.3 of pam_systemd: NO."
    echo
}

measure /tmp/pam-bench
echo "# Logins: $(. /etc/os-release && echo "$PRETTY_NAME"), $(systemctl --version | head -n 1), Linux $(uname -r)"
echo
echo "Medians of $((rounds - 2)) rounds ($(systemd-detect-virt), $(nproc) CPUs). In a guest only ratios mean anything."
echo
table /tmp/pam-bench
echo "Connections to PID 1 where limits are right already, by strace:"
echo
pamtester bench-leash40 alice open_session >/dev/null 2>&1 # what the rows above left is not the policy's
strace -f -e trace=connect pamtester bench-leash40 alice open_session 2>&1 | grep -c 'systemd/private' | sed 's/^/    /'
exit 0
