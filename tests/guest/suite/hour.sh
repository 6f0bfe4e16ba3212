#!/bin/bash
# SPDX-License-Identifier: MIT
# "An xrdp server in an hour" of ADMIN.md, as it stands, on a fresh guest: its boxes are run one after the
# other, and then the server does what the chapter promises. A boot of its own: it changes PAM and xrdp.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin
export DEBIAN_FRONTEND=noninteractive
[[ $(cgroup_version) == v2 ]] || { skip "an hour" "leashd is of cgroup v2"; suite_end; }

chapter="An xrdp server in an hour"
admin=$(ls /usr/share/doc/leash/ADMIN.md /usr/local/share/doc/leash/ADMIN.md 2>/dev/null | head -n 1)
steps=$lib_run/steps
install -d "$steps"

# The boxes that begin with ```sh, a file each.
awk -v chapter="## $chapter" -v dir="$steps" '
    /^## / { in_it = $0 == chapter }
    in_it && /^```sh$/ { n++; file = sprintf("%s/%02d.sh", dir, n); next }
    /^```$/ { file = ""; next }
    in_it && file != "" { print >file }' "$admin"
mapfile -t all < <(find "$steps" -name '*.sh' | sort)
check "the chapter has steps" test "${#all[@]}" -ge 5

for step in "${all[@]}"; do
    check "step ${step##*/}: $(head -n 1 "$step" | cut -c1-60)" bash -eu "$step"
done
check_equal "the policy has no mistakes" "$(leash check >/dev/null 2>&1; echo $?)" 0
check_equal "leashd runs" "$(systemctl is-active leashd)" active
check "and at the next boot" systemctl is-enabled -q leashd

# ---- what it promises --------------------------------------------------------------------------------

shown=/tmp/shown
list() { leash-xrdp list --json >"$lib_run/list.json"; }
row() { jq -r --arg u "$1" ".[] | select(.user == \$u) | .$2" "$lib_run/list.json" | tail -n 1; }
row_is() { list && [[ $(row "$1" "$2") == "$3" ]]; }

# bob's own startwm.sh, with nothing of leash in it
cat >/home/bob/startwm.sh <<'EOF'
#!/bin/sh
touch ~/own
exec openbox
EOF
chmod 755 /home/bob/startwm.sh
chown bob: /home/bob/startwm.sh

rdp_open bob || { not_ok "a desktop for bob"; suite_end; }
# within the 20 s after which who is new is told
bus=unix:path=/run/user/1002/bus
sudo -u bob env XDG_RUNTIME_DIR=/run/user/1002 DBUS_SESSION_BUS_ADDRESS=$bus "$LEASH_TESTS/fake-desktop" $shown >/dev/null 2>&1 &
check "a user's own startwm.sh still runs" wait_for 60 test -e /home/bob/own
check "and the hook has come before it" pgrep -u bob -f leash-xrdp-hook
check "limits hold from the login on" test "$(quota 1002)" != none
check "leash-xrdp list shows the desktop" row_is bob connected true
check "the screen lock runs" wait_for 60 pgrep -u bob -x leash-lock

check "bob is told what applies to him" wait_for 60 grep -q 'Disconnected for 10min' $shown

session=$SESSION
kill "$RDP_CLIENT"
check "disconnected" wait_for 60 row_is bob connected false
check "and locked" wait_for 60 row_is bob locked true
rdp_open bob || not_ok "bob is back"
check_equal "to the same session" "$SESSION" "$session"
check "the layout is named" wait_for 60 grep -q 'Keyboard layout' $shown
check "on a screen that is still locked" row_is bob locked true
display=$(row bob display)
status=$(sudo -u bob env DISPLAY="$display" XAUTHORITY=/home/bob/.Xauthority leash-lock status --json)
check_equal "with its prompt up" "$(jq -r '.[0].locker_up' <<<"$status")" true
check "how long he was away is told" wait_for 60 grep -q 'This is the session that you left' $shown

check "and ended politely" leash-xrdp end -u bob --grace 10s
check "root does not log in by RDP" grep -qx AllowRootLogin=false /etc/xrdp/sesman.ini
kill "$RDP_CLIENT" 2>/dev/null
suite_end
