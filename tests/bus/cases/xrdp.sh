# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# leash-xrdp: the table of remote desktops, with displays, clients and a sesman that are played.

# A port that nobody else's case uses.
port_of_case() { echo $((20000 + BASHPID % 20000)); }

# desktops: alice's (uid) at :10, with a client; the other's at :11, without
desktops() {
    command -v jq >/dev/null || skip "needs jq"
    login $uid
    login $other
    echo $((300 << 20)) >"$root/sys/fs/cgroup/user.slice/$slice/memory.current"
    host_with_logind || return
    play xrdp-sesman sesman child
    leader=$said sesman=$player
    tell serve 10 $uid
    tell call 10
    tell new c1 $uid 10
    tell set c1 Leader $leader
    tell serve 11 $other
    tell new c2 $other 11
    tell set c2 Leader $leader
}

# visit DISPLAY ID: somebody comes, and goes again, while leashd looks
visit() {
    tell call "$1"
    wait_until noted_some Connected "$2"
    tell hangup "$1"
    wait_until noted_some Disconnected "$2"
}

row() { # DISPLAY FIELD: of the last list
    jq -r ".[] | select(.display == \"$1\") | .$2" <<<"$out"
}

test_xrdp_lists_without_a_leashd() {
    desktops || return
    tell new 7 $uid - # a terminal is no desktop
    xrdp list
    expect 0 "USER *SESSION*DISPLAY*STATE*FROM*IDLE*LOCKED*FLAGS*$uid *c1 *:10 *xorg *connected *300.0M*$other *c2 *:11 *xorg *disconnected *" ""
    [[ $out != *"$uid "*" 7 "* ]] || fail "a terminal is listed"
    xrdp list --json
    expect 0 "*" ""
    equal user "$(row :10 user) $(row :10 uid) $(row :10 session)" "$uid $uid c1"
    equal connected "$(row :10 connected) $(row :11 connected)" "true false"
    equal orphan "$(row :10 orphan) $(row :11 orphan)" "false false"
    equal locked "$(row :10 locked) $(row :10 locked_since)" "false null"
    equal memory "$(row :10 memory_bytes)" $((300 << 20))
    equal "leash" "$(row :11 leash)" null
    equal "since when, which nobody knows" "$(row :10 connected_since) $(row :11 disconnected_since)" "null null"
    tell set c1 LockedHint 1
    xrdp list --json
    equal locked "$(row :10 locked) $(row :10 locked_since)" "true null"
    xrdp list
    like "locked, in the table" "$out" "*$uid *c1 * yes *"
    xrdp show :11
    expect 0 "*session  c2*state  disconnected*" ""
    xrdp show -u $uid --json
    equal shown "$(field session)" c1
    xrdp show c9
    expect 3 "" "leash-xrdp: c9: no such remote desktop*"
}

# A user may set both at logind.
test_xrdp_lists_a_desktop_that_says_it_is_none() {
    desktops || return
    tell set c1 Type tty
    tell set c1 Display :99
    xrdp list --json
    expect 0 "*" ""
    equal "the desktop" "$(row :10 session) $(row :10 connected)" "c1 true"
    equal "another user's" "$(row :11 session)" c2
}

test_xrdp_lists_what_leashd_has_followed() {
    local since
    rules_are "[state away]" when=disconnected after=0s cpu-quota=20%
    desktops || return
    start_leashd
    visit 11 c2
    wait_until quota_is 20000 user-$other.slice
    tell set c1 LockedHint 1
    tell set c1 IdleHint 1
    wait_until noted_some Locked c1
    wait_until noted_some Idle c1
    since=$(noted Disconnected c2)
    sleep 1.1
    xrdp list --json
    equal "locked" "$(row :10 locked)" true
    like "since when" "$(row :10 locked_since)" "20*T*Z"
    like "idle" "$(row :10 idle_seconds)" "[12345]"
    like "disconnected since" "$(row :11 disconnected_since)" "20*T*Z"
    equal "leash" "$(row :11 leash.layer) $(row :11 leash.cpu_quota_percent)" "state 20"
    xrdp list
    like "the table" "$out" "*$other *c2 *disconnected *[0-9]s *20% (state)*"
    # what leashd has not noticed yet is seen all the same
    kill -STOP $leashd_pid
    tell hangup 10
    xrdp list --json
    equal "connected" "$(row :10 connected)" false
    tell call 10
    xrdp list --json
    equal "connected" "$(row :10 connected)" true
    kill -CONT $leashd_pid
    stop_leashd KILL
    tell set c1 LockedHint 0
    xrdp list --json # what a dead leashd has left is not believed
    equal "locked" "$(row :10 locked)" false
}

test_xrdp_tells_where_clients_are() {
    local port
    port=$(port_of_case)
    desktops || return
    tell hangup 10
    play xrdp rdp $port "$root/run/xrdp/sockdir/xrdp_display_10"
    play xrdp client $port 127.0.0.5
    client=$player
    tell take 10
    xrdp list --json
    equal address "$(row :10 client_address) $(row :10 connected)" "127.0.0.5 true"
    equal "the other's" "$(row :11 client_address)" null
}

test_xrdp_finds_xvnc_and_its_client_behind_xrdp() {
    local port display=$((200 + BASHPID % 700))
    port=$(port_of_case)
    desktops || return
    play_as=(--reuid "$uid" --regid "$uid" --clear-groups)
    play Xtigervnc vnc $((5900 + display))
    play_as=()
    tell new c3 $uid $display
    tell set c3 Leader $leader
    xrdp list --json
    equal server "$(row :$display backend) $(row :$display session) $(row :$display connected)" "xvnc c3 false"
    equal duplicate "$(row :10 duplicate) $(row :$display duplicate) $(row :11 duplicate)" "true true false"
    play xrdp rdp $port ":$((5900 + display))"
    play xrdp client $port 127.0.0.6
    wait_until listed :$display connected true
    equal address "$(row :$display client_address)" 127.0.0.6
    tell del c3
    xrdp list --json
    equal "without a session" "$(row :$display backend) $(row :$display session) $(row :$display user)" "vnc null $uid"
}

listed() { # DISPLAY FIELD VALUE
    xrdp list --json
    [[ $(row "$1" "$2") == "$3" ]]
}

# A user's own process at a port of VNC's is no desktop, nor is a socket of theirs at another's display.
test_xrdp_is_not_fooled() {
    local display=$((200 + BASHPID % 700))
    desktops || return
    cp "$tools/Xtigervnc" "$root/Xtigervnc"
    chown $uid "$root/Xtigervnc"
    exec {fd}< <(exec setpriv --reuid $uid --regid $uid --clear-groups --pdeathsig KILL "$root/Xtigervnc" vnc $((5900 + display)))
    read -r -t 10 -u "$fd" said
    tell shut 11
    tell serve 11 $uid # the number is the other's session's
    xrdp list --json
    equal "a program of the user's own" "$(row :$display user)" ""
    equal "whose socket it is" "$(row :11 user) $(row :11 connected) $(row :11 backend)" "$other null null"
}

test_xrdp_knows_orphans() {
    desktops || return
    play xrdp-sesman sesman lost
    tell set c1 Leader $said
    xrdp list --json
    equal orphan "$(row :10 orphan) $(row :11 orphan)" "true false"
    xrdp list
    like flags "$out" "*c1 * orphan*"
    play xrdp-sesman sesman pair # as 0.10's, whose sesman is not the parent any more
    tell set c1 Leader $said
    xrdp list --json
    equal connected "$(row :10 orphan)" false
    kill $sesman $player
    tell set c2 Leader $BASHPID
    play xrdp-sesman sesman child
    xrdp list --json
    equal "with another" "$(row :10 orphan) $(row :11 orphan)" "true true"
    tell set c1 Leader 1
    tell set c2 Leader 1
    as=(unshare --pid --fork --mount-proc) # where there is none
    xrdp list --json
    equal "with no sesman at all" "$(row :10 orphan) $(row :11 orphan)" "false false"
    as=()
    tell set c1 State closing
    xrdp list --json
    equal closing "$(row :10 closing) $(row :10 orphan)" "true false"
    # 0.10's leader goes with its xrdp-sesman, and logind takes that for the session's end
    scope=$root/sys/fs/cgroup/user.slice/$slice/session-c1.scope
    mkdir "$scope"
    play Xtigervnc vnc $((20000 + BASHPID % 20000)) :10
    echo $player >"$scope/cgroup.procs"
    xrdp list --json
    equal "with its X server" "$(row :10 closing) $(row :10 orphan) $(row :10 connected)" "false true true"
    tell hangup 10
    xrdp end --oldest-disconnected --grace 200ms # the fake's does not go
    like "who is ended" "$(<"$root/fake/logind-calls")" "*KillSession c1*"
    play Xtigervnc vnc $((40000 + BASHPID % 20000)) :5
    echo $player >"$scope/cgroup.procs"
    xrdp list --json
    equal "with another X server" "$(row :10 closing) $(row :10 orphan)" "true false"
    echo $BASHPID >"$scope/cgroup.procs"
    xrdp list --json
    equal "with another program" "$(row :10 closing) $(row :10 orphan)" "true false"
}

test_xrdp_usage_is_checked() {
    xrdp
    expect_error_of 2 "no such verb"
    xrdp list --oldest-disconnected
    expect_error_of 2 "does not go with list"
    xrdp list more
    expect_error_of 2 "list takes"
    xrdp show
    expect_error_of 2 "show needs"
    xrdp $'\e[31mred'
    [[ $err != *$'\e'* ]] || fail "an escape reached the terminal"
}

test_xrdp_list_needs_root() {
    another_user
    as=(setpriv --reuid "$uid" --regid "$uid" --clear-groups)
    xrdp list
    expect_error_of 3 "needs root"
}
expect_error_of() { expect "$1" "" "leash-xrdp: *$2*"; }

ends() { grep -c "Session c1" "$root/fake/logind-calls"; }

test_xrdp_ends_a_session_by_rungs() {
    desktops || return
    with_notify
    tell stubborn 1
    xrdp end c1 --grace 1s
    expect 0 "c1: ended" ""
    like "what is shown" "$(notices)" "*(User s:$uid)*[[]$notify --tag=session -- Your session is being ended []]*"
    equal calls "$(cat "$root/fake/logind-calls" | grep -v Subscribe)" "KillSession c1 leader 15"
    incident_is asked 1
    like "the log" "$(cat "$root/var/lib/leash/log/incidents")" "*kind=asked*uid=$uid*session=c1*condition=by root*"
    tell new c1 $uid 10
    tell stubborn 2
    xrdp end :10 --grace=300ms --reason "maintenance"
    expect 0 "c1: ended" ""
    equal calls "$(tail -n 2 "$root/fake/logind-calls")" $'KillSession c1 leader 15\nTerminateSession c1  0'
    like "the reason" "$(tail -n 1 "$root/var/lib/leash/log/incidents")" "*kind=terminated*rule=maintenance*"
    tell new c1 $uid 10
    tell stubborn 3
    xrdp end c1 --grace 300ms
    expect 0 "c1: ended" ""
    equal calls "$(tail -n 1 "$root/fake/logind-calls")" "KillSession c1 all 9"
    tell new c1 $uid 10
    tell set c1 State closing # what TerminateSession does nothing about
    with_host
    host_session c1 $uid
    sed -i 's/^STATE=.*/STATE=closing/' "$root/host/systemd/sessions/c1"
    xrdp end c1 --grace 300ms
    as=()
    expect 0 "c1: ended" ""
    equal "calls of one that is closing" "$(tail -n 3 "$root/fake/logind-calls")" \
        $'KillSession c1 leader 15\nKillSession c1 all 15\nKillSession c1 all 9'
    tell new c1 $uid 10
    tell stubborn 0
    xrdp end c1 --grace 200ms
    expect 4 "" "leash-xrdp: c1: something of it is still there"
    incident_is stuck 1
    xrdp end c1 c8
    expect 3 "" "leash-xrdp: c8: no such remote desktop*"
}

# What could not be asked of a session is asked again, and nothing harder done instead.
test_xrdp_end_does_not_skip_what_fails() {
    desktops || return
    tell stubborn 1
    tell refuse 1
    xrdp end c1 --grace 3s
    expect 0 "c1: ended" ""
    equal calls "$(grep Session "$root/fake/logind-calls" | sort | uniq -c | xargs)" "2 KillSession c1 leader 15"
    incident_is asked 1
    tell refuse 1000
    xrdp end c2 --grace 300ms
    expect 4 "" "leash-xrdp: c2: *denied*leash-xrdp: c2: something of it is still there"
    [[ $(cat "$root/fake/logind-calls") != *" c2 all "* ]] || fail "it was to be killed, though never asked"
    incident_is stuck 0
}

test_xrdp_ends_the_oldest_disconnected_and_no_other() {
    rules_are "[state away]" when=disconnected after=1h cpu-quota=20%
    desktops || return
    start_leashd
    wait_until noted_some Disconnected c2
    sleep 0.2
    tell serve 12 $uid
    tell new c3 $uid 12
    wait_until noted_some Disconnected c3
    tell stubborn 1
    xrdp end --oldest-disconnected
    expect 0 "c2: ended" ""
    xrdp end --oldest-disconnected
    expect 0 "c3: ended" ""
    tell new c4 $uid 12
    stop_leashd KILL
    tell stubborn 0
    xrdp end --oldest-disconnected --grace 100ms # without a leashd by age
    expect 4 "" "*c4: something of it*"
    tell del c4
    xrdp end --oldest-disconnected
    expect 3 "" "*no session is disconnected*" # c1 is connected, and stays
    equal "ended" "$(grep -c "leader 15" "$root/fake/logind-calls")" 3
    [[ $(cat "$root/fake/logind-calls") != *" c1 "* ]] || fail "who is connected was asked to go"
}

test_xrdp_disconnects_a_viewer() {
    local fd
    desktops || return
    xrdp disconnect :10
    expect 1 "" "leash-xrdp: :10: cannot disconnect: No such file*" # no socket to ask by
    # xorgxrdp's part: a datagram of four bytes ends the connection
    python3 - "$root/run/xrdp/sockdir/xrdp_disconnect_display_10" $uid >"$root/fake/got" <<'EOF' &
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chown(sys.argv[1], int(sys.argv[2]), -1)
print(s.recv(64), flush=True)
EOF
    fd=$!
    wait_until test -S "$root/run/xrdp/sockdir/xrdp_disconnect_display_10"
    sleep 0.2
    (wait_until grep -q sig "$root/fake/got"; tell hangup 10) &
    xrdp disconnect :10
    expect 0 ":10: disconnected" ""
    equal "what the X server got" "$(cat "$root/fake/got")" "b'sig\\x00'"
    kill $fd 2>/dev/null
    xrdp disconnect c2
    expect 0 ":11: nobody is connected" ""
}

# A link in the user's directory leads nowhere.
test_xrdp_disconnect_follows_no_link() {
    desktops || return
    python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.bind(sys.argv[1]); s.settimeout(4); print(s.recv(64))' \
        "$root/fake/elsewhere" >"$root/fake/got" 2>/dev/null &
    wait_until test -S "$root/fake/elsewhere"
    ln -s "$root/fake/elsewhere" "$root/run/xrdp/sockdir/xrdp_disconnect_display_10"
    xrdp disconnect :10
    expect 1 "" "leash-xrdp: :10: cannot disconnect: *not permitted*"
    rm "$root/run/xrdp/sockdir/xrdp_disconnect_display_10"
    ln "$root/fake/elsewhere" "$root/run/xrdp/sockdir/xrdp_disconnect_display_10" # root's, not the user's
    xrdp disconnect :10
    expect 1 "" "leash-xrdp: :10: cannot disconnect: *not permitted*"
    equal "what came there" "$(cat "$root/fake/got")" ""
}

test_xrdp_disconnects_vnc() {
    local display=$((200 + BASHPID % 700))
    desktops || return
    play_as=(--reuid "$uid" --regid "$uid" --clear-groups)
    play Xtigervnc vnc $((5900 + display))
    play_as=()
    play xrdp client $((5900 + display)) 127.0.0.7
    xrdp list --json
    equal "client" "$(row :$display client_address) $(row :$display connected)" "127.0.0.7 true"
    xrdp disconnect :$display
    [[ $err != *"not supported"* ]] || skip "this kernel closes no connections"
    expect 0 ":$display: disconnected" ""
    play xrdp client $((5900 + display)) 127.0.0.7
    play xrdp client $((5900 + display)) 127.0.0.8
    xrdp disconnect :$display # all who look
    expect 0 ":$display: disconnected" ""
}

# Another user's connection from or to a port of that number is not one to this display.
test_xrdp_counts_no_other_users_connections() {
    local display=$((200 + BASHPID % 700)) fd served
    desktops || return
    play_as=(--reuid "$uid" --regid "$uid" --clear-groups)
    play Xtigervnc vnc $((5900 + display))
    play_as=()
    exec {fd}< <(exec timeout 20 python3 -c 'import os, socket, sys, time
os.setuid(int(sys.argv[2]))
a = socket.create_server(("127.0.0.9", int(sys.argv[1])))
b = socket.socket()
b.connect(a.getsockname())
c = a.accept()
print("there", flush=True)
time.sleep(60)' $((5900 + display)) "$other")
    served=$!
    read -r -t 10 -u "$fd" said
    equal "the other's" "$said" there
    xrdp list --json
    equal "connected" "$(jq -r ".[] | select(.display == \":$display\" and .uid == $uid) | .connected" <<<"$out")" false
    kill $served
}

test_xrdp_ends_a_vnc_server_that_is_no_session() {
    local display=$((200 + BASHPID % 700))
    desktops || return
    play_as=(--reuid "$uid" --regid "$uid" --clear-groups)
    play Xtigervnc vnc $((5900 + display))
    xrdp end :$display --grace 2s
    expect 0 ":$display: ended" ""
    kill -0 $player 2>/dev/null && fail "the server is still there"
}

# A shell variable that was never set names nobody, least of all every server without a session.
test_xrdp_an_empty_name_is_nobodys() {
    local display=$((200 + BASHPID % 700)) verb
    desktops || return
    play_as=(--reuid "$uid" --regid "$uid" --clear-groups)
    play Xtigervnc vnc $((5900 + display))
    play_as=()
    for verb in show "end --grace=100ms" disconnect; do
        xrdp $verb ""
        expect 3 "" "leash-xrdp: an empty name: no such remote desktop*"
        xrdp $verb --session=
        ((status == 2 || status == 3)) || fail "$verb --session= ends with $status ($out|$err)"
    done
    kill -0 $player 2>/dev/null || fail "the server was ended"
}

test_xrdp_messages() {
    desktops || return
    xrdp message hello
    expect_error_of 2 "message needs"
    xrdp message -u $uid
    expect_error_of 2 "message takes"
    xrdp message -u $uid $'be\e[31mware'
    expect 4 "$uid: 0 terminals" "*neither a desktop*"
    xrdp message --all "hello"
    like "who was told" "$out" "*$uid: 0 terminals*$other: 0 terminals*"
    with_notify
    xrdp message -u $uid '$HOME is %h'
    expect 0 "$uid: desktop, 0 terminals" ""
    like "what is shown" "$(notices)" "*(User s:$uid)*(NoNewPrivileges b:true)*(TimeoutStartUSec t:4000000)*(KillSignal i:9) (Type s:oneshot)*[[]$notify --tag=message -- Message from the administrator \$\$HOME is %h[]] false)*"
    rule '*' StartTransientUnit fails
    xrdp message -u $uid hello
    expect 4 "$uid: 0 terminals" "*neither a desktop*"
    behave
    rule '*' StartTransientUnit silent
    limit=10 xrdp message -u $uid hello
    expect 4 "$uid: 0 terminals" "*neither a desktop*"
    behave
}

# ccache FILE END: a credential cache whose ticket runs out then
ccache() {
    python3 - "$@" <<'EOF'
import struct, sys
def text(s): return struct.pack(">I", len(s)) + s.encode()
def name(*c): return struct.pack(">II", 1, len(c)) + text("EXAMPLE.ORG") + b"".join(map(text, c))
with open(sys.argv[1], "wb") as f:
    f.write(bytes([5, 4]) + struct.pack(">H", 0) + name("alice") + name("alice") + name("krbtgt", "EXAMPLE.ORG") +
            struct.pack(">H", 18) + text("key") + struct.pack(">IIII", 0, 0, int(sys.argv[2]), 0) + b"\0" +
            struct.pack(">III", 0, 0, 0) + text("ticket") + text(""))
EOF
}

# leads NAME: a leader whose child has that for KRB5CCNAME, as xrdp's window manager has; sets $said
leads() {
    local fd
    exec {fd}< <(exec setpriv --pdeathsig KILL bash -c 'setpriv --reuid '"$uid --regid $uid"' --clear-groups --pdeathsig KILL env KRB5CCNAME="$0" sleep 60 & echo $$; wait' "$1")
    read -r -t 10 -u "$fd" said
    wait_until pgrep -P "$said" -x sleep
}

test_xrdp_knows_expired_tickets() {
    local now
    desktops || return
    now=$(date +%s)
    ccache "$root/cache" $((now - 60))
    chmod 600 "$root/cache"
    chown $uid "$root/cache"
    chmod o+x "$work" "$root"
    leads "FILE:$root/cache"
    tell set c1 Leader $said
    xrdp list --json
    equal "expired" "$(row :10 ticket_expired) $(row :11 ticket_expired)" "true null"
    ccache "$root/cache" $((now + 3600))
    xrdp list --json
    equal "valid" "$(row :10 ticket_expired)" false
    # what is root's, or a pipe, is not looked at, and nothing waits for it
    chown 0 "$root/cache"
    xrdp list --json
    equal "root's" "$(row :10 ticket_expired)" null
    rm "$root/cache"
    mkfifo "$root/cache"
    chown $uid "$root/cache"
    limit=5 xrdp list --json
    equal "a pipe" "$(row :10 ticket_expired)" null
    leads "KEYRING:persistent:$uid"
    tell set c1 Leader $said
    xrdp list --json
    equal "elsewhere" "$(row :10 ticket_expired)" null
}

test_xrdp_greets() {
    local now
    rules_are "[xrdp all]" when-full=evict-oldest-disconnected max-sessions=50 \
        "[state away]" when=disconnected after=10min cpu-quota=20% end-after=14d
    desktops || return
    start_leashd
    visit 11 c2
    sleep 1.1
    tell call 11
    wait_until noted_some Connected c2
    with_notify
    xrdp greet c2
    like "what is shown" "$(notices)" "*(User s:$other)*[[]$notify --tag=greeting -- Welcome back This is the session that you left *"
    expect 0 "$other: This is the session that you left [1-9]*s ago. Disconnected for 10min, it is limited to cpu-quota=20%. Disconnected for 14d, it is ended. When this server is full, *" ""
    now=$(date +%s)
    ccache "$root/cache" $((now - 60))
    chown $uid "$root/cache"
    chmod o+x "$work" "$root"
    leads "FILE:$root/cache"
    tell set c1 Leader $said
    wait_until eval '[[ $(noted Leader c1) == '"$said"' ]]'
    tell serve 12 $uid
    tell new c4 $uid 12
    wait_until noted_some Uid c4
    xrdp greet c1
    like "what is said" "$out" "*You have another desktop, :12, *Your Kerberos ticket has expired: run 'kinit'*"
    rules_are ""
    xrdp greet c2
    like "without a policy" "$out" "*This is the session*"
    stop_leashd
}

test_xrdp_last_hour_is_kept_by_leashd() {
    rules_are ""
    desktops || return
    printf 'usage_usec 1000000\n' >"$root/sys/fs/cgroup/user.slice/$slice/cpu.stat"
    start_leashd
    wait_until test -e "$root/run/leashd/hours"
    like "what is kept" "$(cat "$root/run/leashd/hours")" "*[[]user $uid]*Used=1000000*"
    printf 'usage_usec 601000000\n' >"$root/sys/fs/cgroup/user.slice/$slice/cpu.stat"
    xrdp list --json
    awk -v p="$(row :10 cpu_hour_percent)" 'BEGIN { exit !(p > 1000) }' || fail "the last hour: $(row :10 cpu_hour_percent)"
    stop_leashd
}

# hook WHAT: xrdp's hook with programs that note that they were called; sets $noted
hook() {
    local dir=$root/hook program
    mkdir -p "$dir"
    for program in loginctl leash-lock xset xscreensaver-command setxkbmap klist systemctl leash-notify; do
        [[ -e $dir/$program ]] || printf '#!/bin/sh\necho "${0##*/} $*" >>"%s/calls"\nexit 1\n' "$dir" >"$dir/$program"
    done
    chmod 755 "$dir"/*
    sed "s|@LIBEXECDIR@|$dir|g" "$here/../../packaging/xrdp/leash-xrdp-hook" >"$root/leash-xrdp-hook"
    rm -f "$dir/calls"
    env -i PATH="$dir:/usr/bin:/bin" XDG_SESSION_ID=c1 LEASH_HOOK_WAIT=0 "${hook_environment[@]}" sh "$root/leash-xrdp-hook" "$1"
    equal "hook's status" $? 0
    noted=$(cat "$dir/calls" 2>/dev/null)
}
hook_environment=()
stub() { # PROGRAM COMMANDS: what one of them does besides
    mkdir -p "$root/hook"
    printf '#!/bin/sh\necho "${0##*/} $*" >>"%s/calls"\n%s\n' "$root/hook" "$2" >"$root/hook/$1"
}

test_xrdp_hook_wakes_the_prompt_and_opens_nothing() {
    stub loginctl '[ "$1" != show-session ] || echo yes'
    stub setxkbmap 'echo "layout:     de"; echo "variant:    nodeadkeys"'
    hook reconnect
    like "another locker" "$noted" "*xset s reset*xset dpms force on*xscreensaver-command -deactivate*"
    [[ $noted != *unlock-session* ]] || fail "another locker was unlocked"
    like "what is said" "$noted" "*leash-notify --tag=layout -- This screen is locked Keyboard layout: de (nodeadkeys). Type your password.*"
    stub leash-lock "echo '    \"state\": \"open\",'"
    hook reconnect
    [[ $noted != *unlock-session* ]] || fail "another locker was unlocked, as leash-lock runs"
    like "another locker, and leash-lock runs" "$noted" "*xscreensaver-command -deactivate*"
    stub leash-lock "echo '    \"state\": \"locked\",'"
    hook reconnect
    like "leash-lock" "$noted" "*leash-lock status*loginctl unlock-session c1*"
    [[ $noted != *"xset s"* ]] || fail "and the others besides"
}

test_xrdp_hook_open_screens_and_tickets() {
    stub loginctl 'echo no'
    stub setxkbmap 'echo "layout:     us"'
    hook_environment=(KRB5CCNAME=FILE:/x)
    hook reconnect
    like "what is said" "$noted" "*leash-notify --tag=layout -- Welcome back Keyboard layout: us*leash-notify --tag=ticket -- *expired*kinit*"
    [[ $noted != *unlock* && $noted != *xset* ]] || fail "an open screen was woken: $noted"
    stub systemctl "exit 0" # leashd runs, and tells
    hook start
    [[ $noted != *leash-notify* ]] || fail "told twice: $noted"
}

test_xrdp_startwm_runs_the_users_own_after_the_hook() {
    mkdir -p "$root"/{hook,home,etc/xrdp}
    printf '#!/bin/sh\necho hook $1 >>"%s/out"\n' "$root" >"$root/hook/leash-xrdp-hook"
    printf '#!/bin/sh\nsleep 0.2; echo "the user'"'"'s" >>"%s/out"\n' "$root" >"$root/home/startwm.sh"
    printf '#!/bin/sh\nsleep 0.2; echo "xrdp'"'"'s" >>"%s/out"\n' "$root" >"$root/etc/xrdp/startwm.sh"
    printf '#!/bin/sh\necho lock >>"%s/lock"\n' "$root" >"$root/hook/leash-lock-keep"
    chmod 755 "$root"/hook/* "$root/home/startwm.sh" "$root/etc/xrdp/startwm.sh"
    sed "s|@LIBEXECDIR@|$root/hook|g; s|@SYSCONFDIR@|$root/etc|" "$here/../../packaging/xrdp/leash-startwm.sh" >"$root/startwm"
    HOME=$root/home sh "$root/startwm"
    equal "what ran" "$(tr '\n' ',' <"$root/out")" "hook start,the user's,"
    equal "the lock" "$(cat "$root/lock")" lock
    rm "$root/home/startwm.sh" "$root/out"
    HOME=$root/home sh "$root/startwm"
    equal "what ran" "$(tr '\n' ',' <"$root/out")" "hook start,xrdp's,"
}
