#!/bin/bash
# SPDX-License-Identifier: MIT
# guest.sh [one|quota|delay|list]...: runs inside the guest, all parts or those named. Every figure stands
# beside a peer's, measured in the same minute: absolute times under emulation mean nothing.
# shellcheck source=tests/guest/lib.sh
. "${LEASH_TESTS:-/usr/lib/leash-tests}/lib.sh"
tools=$LEASH_TESTS
parts=("$@")
((${#parts[@]})) || parts=(one quota delay list)

ratio() { awk -v a="$1" -v b="$2" 'BEGIN { printf "%.2f", a / b }'; }

# unlimited: as before anybody set alice's slice a quota
unlimited() {
    systemctl set-property --runtime user-1001.slice CPUQuota=
    rm -rf /run/systemd/system.control/user-1001.slice.d
    systemctl daemon-reload
}

# median COLUMN FILE: without the first row, which warmed up
median() { tail -n +2 "$2" | cut -d' ' -f"$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'; }

# busy: another busy process in the session, which no leash has met yet; sets pid
busy() {
    [[ ! -v pid ]] || { kill "$pid"; sleep 0.5; }
    session_spawn "$SESSION" burn 1
    pid=$SPAWNED
    sleep 2
}

# in turn, so that all see the same machine
one() {
    local pid i
    rm -f /tmp/one
    for i in {1..15}; do
        {
            busy
            bench 1 leash "$pid"
            leash release -u alice --no-notify >/dev/null
            busy
            bench 1 leash --no-spare "$pid"
            leash release -u alice --no-notify >/dev/null
            bench 1 systemctl set-property --runtime user-1001.slice "CPUQuota=$((50 + i))%"
            bench 1 onecall user-1001.slice "$((70 + i))"
            bench 1 leash --dry-run "$pid"
            bench 1 leash --version
            bench 1 systemctl --version
            bench 1 true
            unlimited
        } >/tmp/row
        tr '\n' ' ' </tmp/row >>/tmp/one
        echo >>/tmp/one
    done
    kill "$pid"
    echo "## One command"
    echo
    echo "| command | median ms | of set-property | peak KiB | of its |"
    echo "|---|---|---|---|---|"
    i=1
    while read -r command; do
        echo "| $command | $(median "$i" /tmp/one) | $(ratio "$(median "$i" /tmp/one)" "$(median 5 /tmp/one)") |" \
            "$(median $((i + 1)) /tmp/one) | $(ratio "$(median $((i + 1)) /tmp/one)" "$(median 6 /tmp/one)") |"
        i=$((i + 2))
    done <<'END'
`leash PID`: verified, recorded, offenders moved, user told
`leash --no-spare PID`: verified, recorded, user told
`systemctl set-property --runtime`
one call to PID 1 and nothing else (`onecall`)
`leash --dry-run PID`
`leash --version`
`systemctl --version`
`true`
END
    echo
}

quota() {
    local load pid spared unspared peer
    echo "## Quota error: CPU of the slice over 5 s, 50 % wanted"
    echo
    echo "| load | leash | leash --no-spare | cpulimit -l 50 on the process |"
    echo "|---|---|---|---|"
    for load in "burn 1" "burn 4" "burn 64" forker; do
        session_spawn "$SESSION" "$load"
        pid=$SPAWNED
        sleep 4
        leash --no-notify "$pid" >/dev/null
        spared=$(cpu_of_slice 1001 5)
        leash release -u alice --no-notify >/dev/null
        leash --no-notify --no-spare "$pid" >/dev/null
        unspared=$(cpu_of_slice 1001 5)
        leash release -u alice --no-notify >/dev/null
        timeout 12 cpulimit -l 50 -m -p "$pid" >/dev/null 2>&1 &
        sleep 2
        peer=$(cpu_of_slice 1001 5)
        wait $!
        echo "| $load | $spared | $unspared | $peer |"
        pkill -KILL -u alice burn
        pkill -KILL -u alice forker
        sleep 1
    done
    echo
}

row() {
    local cpu
    sleep 1
    session_run "$SESSION" "$tools/probe 8" >/tmp/delay &
    cpu=$(cpu_of_slice 1001 6)
    wait $!
    echo "| $1 | $cpu % | $(cat /tmp/delay) |"
}

delay() {
    local pid
    echo "## Wake-up delay of a small program beside three busy loops, in ms"
    echo
    echo "Sleeps 5 ms, works 0.2 ms, in the same session; one of the loops is named to leash."
    echo
    echo "| set-up | CPU of the slice | delay |"
    echo "|---|---|---|"
    session_spawn "$SESSION" burn 1
    pid=$SPAWNED
    session_spawn "$SESSION" burn 1
    session_spawn "$SESSION" burn 1
    session_spawn "$SESSION" probe 600 40
    row "no cap"
    systemctl set-property --runtime user-1001.slice CPUQuota=50%
    row "\`systemctl set-property CPUQuota=50%\` (period 100 ms)"
    unlimited
    leash --no-notify --no-spare --cpu-period=100ms "$pid" >/dev/null
    row "\`leash --no-spare --cpu-period=100ms\`"
    leash release -u alice --no-notify >/dev/null
    leash --no-notify --no-spare "$pid" >/dev/null
    row "\`leash --no-spare\` (period 10 ms)"
    leash release -u alice --no-notify >/dev/null
    leash --no-notify "$pid" >/dev/null
    row "\`leash PID\` (offenders in a scope of 80 %, period 10 ms)"
    leash release -u alice --no-notify >/dev/null
    pkill -KILL -u alice burn
    pkill -KILL -u alice probe
    echo
}

list() {
    local many=1000 a ak j jk b bk c ck peers
    echo "## \`leash list\` with $many leashes"
    echo
    # One is leashed; its record and drop-in serve as the pattern of the others. Each has a process: an empty
    # slice is nobody's login.
    printf '[Service]\nSlice=user-%%i.slice\nExecStart=sleep infinity\n' >/run/systemd/system/leash-bench@.service
    systemctl daemon-reload
    systemctl start leash-bench@20000.service
    leash --no-notify --force -u 20000 >/dev/null
    seq 20001 $((20000 + many - 1)) | sed 's|.*|/run/systemd/system/user-&.slice.d|' | xargs mkdir
    (
        umask 077
        awk -v last=$((20000 + many - 1)) '{ line[NR] = $0 } END {
            for (uid = 20001; uid <= last; uid++) {
                file = "/run/leash/user-" uid ".slice"
                for (i = 1; i <= NR; i++) { text = line[i]; gsub(/20000/, uid, text); print text >file }
                close(file)
            } }' /run/leash/user-20000.slice
    )
    awk -v last=$((20000 + many - 1)) '{ line[NR] = $0 } END {
        for (uid = 20001; uid <= last; uid++) {
            file = "/run/systemd/system/user-" uid ".slice.d/zz-leash.conf"
            for (i = 1; i <= NR; i++) { text = line[i]; gsub(/20000/, uid, text); print text >file }
            close(file)
        } }' /run/systemd/system/user-20000.slice.d/zz-leash.conf
    systemctl daemon-reload
    seq 20001 $((20000 + many - 1)) | sed 's/.*/leash-bench@&.service/' | xargs systemctl start
    echo "On the books and enforced: $(leash list --json | jq '[.[] | select(.enforced)] | length')."
    echo
    read -r a ak <<<"$(bench 5 leash list)"
    read -r j jk <<<"$(bench 5 leash list --json)"
    read -r b bk <<<"$(bench 5 loginctl list-sessions)"
    read -r c ck <<<"$(seq 20000 $((20000 + many - 1)) | sed 's/.*/user-&.slice/' | xargs bench 3 systemctl show)"
    peers=$(awk -v b="$b" -v c="$c" 'BEGIN { print b + c }')
    echo "| command | median ms | of the last two | peak KiB |"
    echo "|---|---|---|---|"
    echo "| \`leash list\`, verified in the kernel, CPU measured over 200 ms | $a | $(ratio "$a" "$peers") | $ak |"
    echo "| \`leash list --json\` | $j | $(ratio "$j" "$peers") | $jk |"
    echo "| \`loginctl list-sessions\` | $b | | $bk |"
    echo "| \`systemctl show\` for all of them | $c | | $ck |"
}

echo "# Benchmarks: $(. /etc/os-release && echo "$PRETTY_NAME"), $(systemctl --version | head -n 1), Linux $(uname -r), $(systemd-detect-virt), $(nproc) CPUs"
echo
session_open alice
for part in "${parts[@]}"; do
    "$part"
done
exit 0
