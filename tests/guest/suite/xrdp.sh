#!/bin/bash
# SPDX-License-Identifier: MIT
# leash-xrdp and [xrdp] with a real xrdp and real RDP clients: who is connected, from where, after each change;
# many users at once; a sesman that was restarted; Xvnc; ending, disconnecting, messages; a full host. xrdp.sh [USERS]:
# how many desktops there are at once, 5 to 10; each takes half a minute to come up under emulation, and ten
# want 3 GB: run -m 3072 -t 3600.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin
[[ $(cgroup_version) == v2 ]] || { skip "leash-xrdp" "leashd is of cgroup v2"; suite_end; }

log=/var/lib/leash/log
here=10.9.9.1 there=10.9.9.2
declare -A client=()
others=(u1 u2 u3 u4 u5 u6 u7)
users=${1:-10}
crowd=("${others[@]:0:users-3}") # beside alice, bob and carol

policy() { # LINE...: the policy from now on
    install -d -m 755 /etc/leash
    printf '%s\n' "$@" >/etc/leash/leash.conf
    if systemctl is-active -q leashd; then systemctl reload leashd; fi
}

tidy_xrdp() {
    local user
    kill "${client[@]}" 2>/dev/null
    systemctl stop leashd xrdp xrdp-sesman 2>/dev/null
    for user in "${others[@]}"; do loginctl terminate-user "$user"; done 2>/dev/null
    pkill -x Xtigervnc
    rm -rf /etc/leash "$log" /run/leashd
    [[ ! -e $lib_run/xrdp.ini ]] || cp "$lib_run/xrdp.ini" /etc/xrdp/xrdp.ini
    tidy
}
trap tidy_xrdp EXIT

incidents() { cat "$log"/incidents* 2>/dev/null | grep -c "kind=$1" || true; }
incident_of() { cat "$log"/incidents* 2>/dev/null | grep "kind=$1" | grep -q "user=$2"; }
# time_of KIND USER: when the last one was, in s
time_of() { grep -h "kind=$1" "$log"/incidents* | grep "user=$2" | tail -n 1 | sed -E 's/.*time=([0-9]+)[0-9]{6}\t.*/\1/'; }
no_session() { ! loginctl show-session "$1" >/dev/null 2>&1; }

# what one call of systemctl takes here, in ms: the guest's own measure of a moment
moment() {
    local begin=$EPOCHREALTIME
    systemctl show user.slice >/dev/null
    awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d", (b - a) * 1000 }'
}

# ---- what the kernel and logind tell, without leash --------------------------------------------------

session_of() { # USER: the desktop that began last
    local id
    for id in $(loginctl list-sessions --no-legend | awk -v u="$1" '$3 == u { print $1 }'); do
        [[ $(loginctl show-session "$id" -P Service) != xrdp-sesman || $(loginctl show-session "$id" -P State) == closing ]] || echo "$id"
    done | tail -n 1 | grep .
}

display_of() { # USER
    local id
    id=$(session_of "$1") && loginctl show-session "$id" -P Display | sed 's/^://; s/\..*//' | grep .
}

viewed() { # USER: somebody is at the Xorg display
    local number
    number=$(display_of "$1") && awk -v n="xrdp_display_$number" '{ p = $8; sub(/.*\//, "", p) } p == n && $6 == "03" { f = 1 } END { exit !f }' /proc/net/unix
}
not_viewed() { ! viewed "$1"; }

# ---- clients ---------------------------------------------------------------------------------------

program=$(command -v xfreerdp3) options="/cert:ignore /tls:seclevel:0"
[[ -n $program ]] || { program=$(command -v xfreerdp) options="/cert-ignore /tls-seclevel:0"; }

# start_client USER ADDRESS: a client that comes from that address, since both ends have it
start_client() {
    # shellcheck disable=SC2086 # several words
    DISPLAY=:50 "$program" "/v:$2" "/u:$1" /p:leash /w:800 /h:600 /sec:tls $options </dev/null >"$lib_run/rdp.$1.log" 2>&1 &
    client[$1]=$!
}

# rdp USER [ADDRESS]: until somebody is there
rdp() {
    start_client "$1" "${2:-$here}"
    wait_for 240 viewed "$1" || { tail -n 5 "$lib_run/rdp.$1.log"; return 1; }
}

hang_up() { # USER
    kill "${client[$1]:-}" 2>/dev/null
    wait "${client[$1]:-}" 2>/dev/null
    unset "client[$1]"
    wait_for 60 not_viewed "$1"
}

# ---- what leash tells ------------------------------------------------------------------------------

list() { leash-xrdp list --json >"$lib_run/list.json"; }
row() { # USER FIELD: of the last list
    jq -r --arg u "$1" ".[] | select(.user == \$u) | .$2" "$lib_run/list.json" | tail -n 1
}
rows() { jq length "$lib_run/list.json"; }
row_is() { list && [[ $(row "$1" "$2") == "$3" ]]; }

# shown NAME USER CONNECTED ADDRESS: one list, within a second of when the kernel had it; here, of moments
shown() {
    local begin=$EPOCHREALTIME took got
    list
    took=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d", (b - a) * 1000 }')
    got="$(row "$2" connected) $(row "$2" client_address)"
    if [[ $got == "$3 $4" ]] && ((took <= limit)); then
        ok "$1 ($took ms)"
    else
        not_ok "$1" "'$got' after $took ms, not '$3 $4' within $limit ms"
    fi
}

# ---- the table -------------------------------------------------------------------------------------

for user in "${others[@]}"; do
    id "$user" >/dev/null 2>&1 || useradd -m -s /bin/bash "$user"
    echo "$user:leash" | chpasswd
done
ip link set lo up
ip addr add $here/32 dev lo 2>/dev/null
ip addr add $there/32 dev lo 2>/dev/null
cp /etc/xrdp/xrdp.ini "$lib_run/xrdp.ini"
systemctl start xrdp-sesman xrdp
Xvfb :50 -screen 0 1024x768x24 >"$lib_run/xvfb.log" 2>&1 &
wait_for 60 test -e /tmp/.X11-unix/X50
limit=$((1000 + 10 * $(moment)))

policy "[exempt nobody]" "match-user=nobody" exempt=yes
check "leashd starts" systemctl start leashd
run leash-xrdp list
status_is 0
[[ $OUT == "No remote desktops." ]] || problem "something is listed"
verdict "nobody is here"

rdp alice "$here" || { not_ok "a desktop for alice"; suite_end; }
shown "connect" alice true $here
check_equal "whose, where" "$(row alice session) $(row alice display) $(row alice backend)" "$(session_of alice) :$(display_of alice) xorg"
check_equal "no flags" "$(row alice orphan) $(row alice closing) $(row alice duplicate) $(row alice ticket_expired)" "false false false null"
check "memory is told" test "$(row alice memory_bytes)" -gt 1000000
first=$(session_of alice)

pid=${client[alice]}
before=$(ss -xH 2>/dev/null | grep -c xrdp_display_)
for ((i = 0; i < 25; i++)); do leash-xrdp list >/dev/null; done
check "looking throws nobody out" kill -0 "$pid"
check_equal "and leaves the connections as they were" "$(ss -xH 2>/dev/null | grep -c xrdp_display_)" "$before"

hang_up alice
shown "disconnect" alice false null
check "since when" wait_for 5 eval 'list && [[ $(row alice disconnected_since) == 20* ]]'
since=$(row alice disconnected_since)
systemctl restart leashd
check "leashd is ready again" wait_for 60 row_is alice disconnected_since "$since"

rdp alice $there
shown "reconnect from another address" alice true $there
check_equal "to the same session" "$(row alice session)" "$first"

rdp bob $here
shown "a second user" bob true $here
check_equal "and the first" "$(row alice connected) $(row alice client_address) $(rows)" "true $there 2"

# Nothing that a user can name gets into the table, or out of it to a terminal.
setpriv --reuid bob --regid bob --init-groups python3 - >"$lib_run/fool" 2>&1 <<'EOF' &
import os, socket, time
made = []
for path in ("/run/xrdp/sockdir/xrdp_display_77", "/run/xrdp/sockdir/%d/xrdp_display_77" % os.getuid(), "/tmp/.xrdp/xrdp_display_77"):
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        s = socket.socket(socket.AF_UNIX); s.bind(path); s.listen(1)
        c = socket.socket(socket.AF_UNIX); c.connect(path); made += [s, c, s.accept()]
    except OSError as e:
        print(path, e)
t = socket.socket(); t.bind(("127.0.0.1", 5977)); t.listen(1); made.append(t)
time.sleep(600)
EOF
fooling=$!
sleep 3
sudo -u bob env DISPLAY=":$(display_of bob)" XAUTHORITY=/home/bob/.Xauthority xterm -T $'\e]0;evil\a\e[31m' -e sleep 600 >/dev/null 2>&1 &
sleep 3
run leash-xrdp list
status_is 0
clean_output
[[ $OUT != *:77* ]] || problem "bob's made-up display is listed"
verdict "a user's own sockets, ports and titles are no desktops"
kill $fooling 2>/dev/null
pkill -u bob -x xterm

# ---- messages, disconnecting -------------------------------------------------------------------------

sudo -u alice env XDG_RUNTIME_DIR=/run/user/1001 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1001/bus "$LEASH_TESTS/fake-desktop" /tmp/shown >/dev/null 2>&1 &
wait_for 20 sudo -u alice env DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1001/bus busctl --user status org.freedesktop.Notifications
check "a message" leash-xrdp message -u alice "The server restarts at <b>six</b>"
check "is on the screen" wait_for 20 grep -q 'The server restarts at' /tmp/shown
check "and is no markup" grep -q '&lt;b&gt;six' /tmp/shown

rm -f /tmp/shown
policy "[xrdp all]" when-full=evict-oldest-disconnected max-sessions=99 "[state away]" when=disconnected after=1h cpu-quota=50%
hang_up alice
sleep 3
rdp alice $here
check "who is back is told what applies" wait_for 60 grep -q 'This is the session that you left' /tmp/shown
check "and what becomes of it" grep -q 'Disconnected for 1h' /tmp/shown

before=$(session_of alice)
check "disconnect" leash-xrdp disconnect ":$(display_of alice)"
check "the client is gone" wait_for 30 eval '! kill -0 "${client[alice]}"'
shown "and the list says so" alice false null
check_equal "the session goes on" "$(session_of alice)" "$before"
policy "[exempt nobody]" "match-user=nobody" exempt=yes

# notes_its_end USER: the user's next desktop has a window manager that notes its TERM, and a program that saves on exit
notes_its_end() {
    cat >"/home/$1/saver" <<'EOF'
#!/bin/bash
trap 'echo saved >~/saved; exit' TERM
while :; do sleep 0.2; done
EOF
    cat >"/home/$1/.xsession" <<'EOF'
#!/bin/bash
setsid ~/saver </dev/null >/dev/null 2>&1 &
trap 'echo term >~/wm.term; kill $wm; exit' TERM
openbox & wm=$!
wait $wm
EOF
    chmod 755 "/home/$1/saver" "/home/$1/.xsession"
    chown "$1:" "/home/$1/saver" "/home/$1/.xsession"
}

# ---- many users ------------------------------------------------------------------------------------

notes_its_end u2
failed=0
for user in carol "${crowd[@]}"; do rdp "$user" || failed=$((failed + 1)); done
check_equal "$users users: desktops that did not come up" "$failed" 0
limit=$((1000 + 10 * $(moment))) # ten desktops leave less of the machine than there was at first
begin=$EPOCHREALTIME
list
took=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d", (b - a) * 1000 }')
check_range "$users users: in ms" "$took" 0 "$limit"
check_equal "$users users: all of them" "$(rows)" "$users"
check_equal "$users users: connected" "$(jq '[.[] | select(.connected)] | length' "$lib_run/list.json")" $((users - 1))
check_equal "$users users: from here" "$(jq --arg h $here '[.[] | select(.client_address == $h)] | length' "$lib_run/list.json")" $((users - 1))
begin=$EPOCHREALTIME
for user in "${crowd[@]}"; do loginctl show-session "$(row "$user" session)" >/dev/null; done
shows=$(awk -v a="$begin" -v b="$EPOCHREALTIME" 'BEGIN { printf "%d", (b - a) * 1000 }')
echo "# a list of $users takes $took ms, loginctl show-session for ${#crowd[@]} $shows ms"

# ---- ending ----------------------------------------------------------------------------------------

# u1's next desktop notes what it is told.
leash-xrdp end -u u1 --grace 10s >/dev/null
hang_up u1
notes_its_end u1
rdp u1 || not_ok "another desktop for u1"
check "its window manager" wait_for 60 pgrep -u u1 -x openbox
check "and its program" wait_for 30 pgrep -u u1 -f /home/u1/saver
id=$(session_of u1) number=$(display_of u1)
scope=/sys/fs/cgroup/user.slice/user-$(id -u u1).slice/session-$id.scope
# shellcheck disable=SC2034 # by eval
cursor=$(journalctl -n 1 --show-cursor --no-pager | sed -n 's/^-- cursor: //p')
run leash-xrdp end "$id" --grace 10s --reason "maintenance <tonight>"
status_is 0
verdict "end"
check "the window manager got its TERM" test -e /home/u1/wm.term
check "a program that saves on exit has saved" test -e /home/u1/saved
check "no session is left" no_session "$id"
check "no group of processes" test ! -e "$scope"
check_equal "no X server" "$(ps -u u1 -o comm= | grep -E 'Xorg|openbox|xrdp-chansrv')" ""
check_equal "no socket" "$(find /run/xrdp -name "xrdp_display_$number")" ""
check "PAM has closed it" wait_for 20 eval 'journalctl --after-cursor "$cursor" --no-pager | grep -q "xrdp-sesman:session.*session closed for user u1"'
run leash log -u u1
[[ $OUT == *asked*"by "*"maintenance"* ]] || problem "the log does not tell"
verdict "the log tells who and why"
unset "client[u1]"

# ---- a restart: orphans ------------------------------------------------------------------------------

systemctl restart xrdp-sesman xrdp
client=()
check "after a restart all are orphans" wait_for 30 eval 'list && [[ $(jq "[.[] | select(.orphan)] | length" "$lib_run/list.json") == $(rows) ]]'
check_equal "and disconnected" "$(jq '[.[] | select(.connected)] | length' "$lib_run/list.json")" 0
echo "# $(rows) orphans"
run leash-xrdp end --oldest-disconnected --grace 10s
status_is 0
verdict "the oldest is ended"
policy "[xrdp all]" orphans=end warn=0s
check "the policy ends all orphans" wait_for 300 eval 'list && [[ $(rows) == 0 ]]'
check_equal "and lets them save first" "$(cat /home/u2/wm.term /home/u2/saved 2>&1)" "term"$'\n'"saved"
policy "[exempt nobody]" "match-user=nobody" exempt=yes
rdp alice || not_ok "a desktop after the restart"
list
check_equal "a new one is no orphan" "$(row alice orphan)" false

# ---- a full host -----------------------------------------------------------------------------------

rdp bob
hang_up alice
sleep 2
hang_up bob
rm -f "$log"/incidents*
policy "[xrdp all]" max-sessions=2 when-full=evict-oldest-disconnected warn=15s greet=no
sleep 5
check_equal "two of two: nobody is warned" "$(incident_of warned alice && echo warned)" ""
alices=$(session_of alice) bobs=$(session_of bob)
rdp carol
check "a newcomer is in" viewed carol
check "the oldest is warned" wait_for 60 incident_of warned alice
check "and then ended" wait_for 120 no_session "$alices"
check_range "not before its time, in s" "$(($(time_of asked alice) - $(time_of warned alice)))" 14 120
check "the newcomer is still there" viewed carol
check_equal "nobody else has gone" "$(session_of bob)" "$bobs"
rdp bob
rdp u2
sleep 25
check "full of people: nobody who is connected is ended" eval 'viewed bob && viewed carol && viewed u2'
policy "[exempt nobody]" "match-user=nobody" exempt=yes
hang_up carol
rdp carol $there
list
check_equal "who left comes back to their session" "$(row carol connected) $(row carol client_address)" "true $there"
leash-xrdp end -u bob --grace 10s >/dev/null
leash-xrdp end -u carol --grace 10s >/dev/null
leash-xrdp end -u u2 --grace 10s >/dev/null
kill "${client[@]}" 2>/dev/null
client=()

# ---- Xvnc ------------------------------------------------------------------------------------------

if command -v Xtigervnc >/dev/null; then
    sed -i 's/^autorun=.*/autorun=Xvnc/' /etc/xrdp/xrdp.ini
    start_client u3 $here
    # xrdp 0.9 gives up on an X server that takes long to start; the session is there for the next try.
    wait_for 120 row_is u3 client_address $here || start_client u3 $here
    check "Xvnc behind xrdp: connected" wait_for 120 row_is u3 connected true
    check_equal "Xvnc: which, and from where" "$(row u3 backend) $(row u3 client_address) $(row u3 orphan)" "xvnc $here false"
    kill "${client[u3]}"
    check "Xvnc: disconnected" wait_for 60 row_is u3 connected false
    start_client u3 $there
    check "Xvnc: back" wait_for 120 row_is u3 client_address $there
    if [[ $(systemd-detect-virt) == uml ]]; then
        run leash-xrdp disconnect -u u3
        status_is 1
        [[ $ERR == *CONFIG_INET_DIAG_DESTROY* ]] || problem "does not say what this kernel lacks"
        row_is u3 connected true || problem "and the viewer is gone"
        verdict "Xvnc: this kernel cannot send the viewer away"
    else
        check "Xvnc: the viewer is sent away" leash-xrdp disconnect -u u3
    fi
    check "Xvnc: and ended" leash-xrdp end -u u3 --grace 10s
    sudo -u u4 Xtigervnc :40 -SecurityTypes None -localhost >/dev/null 2>&1 &
    check "plain VNC" wait_for 60 row_is u4 backend vnc
    check_equal "of no session" "$(row u4 display) $(row u4 connected)" ":40 false"
    check "is ended, too" leash-xrdp end :40 --grace 10s
else
    skip "Xvnc" "tigervnc-standalone-server is not in the guest"
fi

list
check_equal "nothing is left" "$(rows)" 0
check "leashd stops" systemctl stop leashd
suite_end
