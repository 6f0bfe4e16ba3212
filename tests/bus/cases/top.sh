# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# leash top on a terminal of 80x24, which tmux plays; leash log and metrics.

# used UID USEC: the CPU time of a slice, and what goes with it
used() {
    local dir=$root/sys/fs/cgroup/user.slice/user-$1.slice
    printf 'usage_usec %s\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n' "$2" >"$dir/cpu.stat"
    printf 'some avg10=0.00 avg60=0.00 avg300=0.00 total=%s\n' "$2" >"$dir/cpu.pressure"
    echo $((64 << 20)) >"$dir/memory.current"
}

# top [PROGRAM]: leash top in a terminal of its own; PROGRAM is what it takes for leash
top() {
    local command="$leash top"
    [[ -z ${1:-} ]] || command="$root$top_program $1"
    command -v tmux >/dev/null || skip "needs tmux"
    with_top
    terminal=(tmux -L "leash-$BASHPID" -f /dev/null)
    cat >"$root/top" <<EOF2
exec env -i PATH="$PATH" TERM=screen LC_ALL=C.UTF-8 LEASH_TEST_ROOT=$root LEASH_BACKEND=systemd \
ASAN_OPTIONS=verify_asan_link_order=0 setpriv --pdeathsig KILL $command 2>$root/top.err
EOF2
    "${terminal[@]}" new-session -d -x 80 -y 24 "sh $root/top; echo ended \$? >$root/top.end; sleep 60" || skip "tmux does not start"
}
screen() { "${terminal[@]}" capture-pane -p; }
keys() { "${terminal[@]}" send-keys "$@"; }
screen_has() { grep -qE -- "$1" <<<"$(screen)"; }
resize() { # WIDTH, which leash top gets a moment to notice
    "${terminal[@]}" resize-window -x "$1" -y 24
    sleep 0.5
    : >"$root/resized"
}
top_end() { "${terminal[@]}" kill-server; }

test_top_shows_sorts_and_ends() {
    login $uid
    login $other
    used $uid 1000000
    used $other 1000000
    pid1
    top
    wait_until screen_has "^USER +CPU% +MEM +PSI% +THR% STATE +CONN LEASH"
    wait_until screen_has "^$uid "
    used $other 4000000
    wait_until screen_has "^$other +[1-9][0-9.]* +64.0M"
    [[ $(screen | sed -n 4p) == "$other "* ]] || fail "the busiest is not on top: $(screen | sed -n 4p)"
    keys U
    wait_until screen_has "by name"
    wait_until screen_has "^leash top  2 users"
    equal "lines of the screen" "$(screen | wc -l)" 24
    keys / $other Enter
    wait_until screen_has "filter: $other"
    ! screen_has "^$uid " || fail "the filter lets others through"
    keys q
    wait_until grep -q "ended 0" "$root/top.end"
    equal stderr "$(cat "$root/top.err")" ""
    top_end
}

test_top_leashes_and_releases_after_asking() {
    login $uid
    used $uid 1000000
    pid1
    top
    wait_until screen_has "^$uid "
    keys l
    wait_until screen_has "Leash user $uid\? \(y/n\)"
    keys n
    sleep 0.3
    absent run/leash/$slice
    keys l
    wait_until screen_has "Leash user $uid"
    keys y
    wait_until screen_has "manual 50%"
    there run/leash/$slice
    keys r
    wait_until screen_has "Release user $uid"
    keys y
    wait_until test ! -e "$root/run/leash/$slice"
    keys s
    wait_until screen_has "press a key"
    keys x
    wait_until screen_has "^leash top"
    keys q
    wait_until grep -q "ended 0" "$root/top.end"
    top_end
}

# Where a resize interrupts what waits, and where leash says more than is kept.
test_top_waits_for_leash_while_it_is_resized() {
    cat >"$root/leash" <<EOF2
#!/bin/bash
echo begun >$root/begun
[[ \$1 != show ]] || echo shown
while [[ ! -e $root/resized ]]; do sleep 0.05; done
echo said first
printf '%02048d\n' 1 2
sleep 0.2
echo said last
echo ended >$root/said
EOF2
    chmod 755 "$root/leash"
    login $uid
    used $uid 1000000
    pid1
    top "$root/leash"
    wait_until screen_has "^$uid "
    keys l
    wait_until screen_has "Leash user $uid"
    keys y
    wait_until test -e "$root/begun"
    resize 100
    wait_until test -e "$root/said"
    wait_until screen_has "^said first"
    rm -f "$root"/{begun,resized,said}
    keys s
    wait_until test -e "$root/begun"
    ! screen_has "press a key" || fail "asks for a key before it has shown anything"
    resize 90
    wait_until screen_has "press a key"
    there said
    resize 80
    screen_has "press a key" || fail "a resize counts as a key"
    keys x
    wait_until screen_has "^leash top"
    top_end
}

test_top_without_a_terminal_tells_once() {
    with_top
    login $uid
    used $uid 1000000
    pid1
    leash top
    expect 0 "USER *$uid *" ""
}

test_top_that_is_not_installed_is_named() {
    login $uid
    pid1
    leash top
    [[ -n $top_program ]] && expect_error 1 "cannot run $root$top_program: No such file or directory"
}

test_metrics_are_bounded_by_users() {
    login $uid
    login $other
    used $uid 1500000
    used $other 0
    pid1
    leash -u $uid -q 25%
    leash metrics
    expect 0 "*leash_user_cpu_seconds_total{uid=\"$uid\",user=\"$uid\"} 1.500000*leash_user_cpu_quota_ratio{uid=\"$uid\",user=\"$uid\"} 0.250000*leash_user_limited{uid=\"$uid\",user=\"$uid\",layer=\"manual\"} 1*# EOF" ""
    (($(wc -l <<<"$out") < 60)) || fail "so many lines for two users: $(wc -l <<<"$out")"
    leash release -u $uid
}

test_log_tells_filters_and_speaks_json() {
    install -d -m 700 "$root"/var/lib/leash{,/log}
    printf '%s\n' "time=1700000000000000	kind=squeezed	watch=0	uid=$uid	until=0	user=al\\x1bice	session=c1	condition=disconnected	limits=cpu-quota=20%	rule=/etc/leash/leash.conf:3" \
        "time=1700000001000000	kind=penalised	watch=1	uid=$other	until=0	user=bob	condition=cpu	used=310	pressure=90	active=5	n=2	processes=cc1 ld" \
        "garbage" >"$root/var/lib/leash/log/incidents"
    login $uid
    pid1
    leash log
    expect 0 "TIME *squeezed *disconnected, session c1*cpu-quota=20%*leash.conf:3*bob *would: penalised*310% of the share, pressure 90%, 5 active; moved 2: cc1 ld*" "leash: 1 lines of the log*"
    [[ $out != *$'\e'* ]] || fail "an escape reached the terminal"
    leash log -u $other --json
    like json "$out" '*"kind"*"penalised"*"used_percent"*310*'
    [[ $out != *squeezed* ]] || fail "another user's is told"
    leash log --since 1h
    expect 0 "Nothing was done." "*"
    leash log --since 2023-11-14
    like since "$out" "*penalised*"
    leash list --since 1h
    expect_error 2 "--since goes with log alone"
}

# Names are their users' to choose, and JSON goes to terminals, too.
test_log_as_json_is_escaped_as_elsewhere() {
    install -d -m 700 "$root"/var/lib/leash{,/log}
    printf '%s\n' 'time=1700000000000000	kind=penalised	watch=0	uid=7	until=0	user=al\x1bice	condition=cpu	n=2	processes=\x9b2J\xff \xc2\x9b2J' \
        >"$root/var/lib/leash/log/incidents"
    pid1
    leash log --json
    like json "$out" '*al\\\\x1bice*"\\\\x9b2J\\\\xff \\\\xc2\\\\x9b2J"*'
    ! LC_ALL=C grep -q '[^ -~]' <<<"$out" || fail "bytes that are not text: $(LC_ALL=C sed -n l <<<"$out")"
    like times "$out" '*"time"*"2023-11-14T22:13:20Z"*"until"*null*'
}
