# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154,SC2086
# leash-notify on a desktop that notes what it is shown. It runs as another user, since as root it refuses.

# notifying [MODE]: the desktop; `tell ARGUMENTS` runs leash-notify and leaves $code
notifying() {
    [[ -x $build/leash-notify ]] || skip "leash-notify was not built: no libnotify"
    setpriv --reuid=65534 --regid=65534 --clear-groups true 2>/dev/null || skip "cannot be another user here"
    desktop
    install -d -o 65534 -g 65534 -m 700 "$root/runtime"
    chmod 755 "$root"
    # Copies: another user may have no way to the build.
    install -m 755 "$build/leash-notify" "$root/leash-notify"
    chmod 666 "$root/session"
    spawn "$build/tests/fake-desktop" "$root/shown" "$@" >"$root/desktop.out"
    wait_until 5 test -s "$root/desktop.out"
}

tell() {
    code=0
    DBUS_SESSION_BUS_ADDRESS=${address-$DBUS_SESSION_BUS_ADDRESS} XDG_RUNTIME_DIR=$root/runtime \
        setpriv --reuid=65534 --regid=65534 --clear-groups "$root/leash-notify" "$@" 2>"$root/err" || code=$?
}

test_notify_shows_and_replaces() {
    notifying
    tell --tag=lock --expire=30s "First" "Body"
    equal status $code 0
    tell --tag=lock "Second"
    tell --tag=other "Third"
    tell --tag=lock --close
    equal shown "$(<"$root/shown")" $'1 30000 First|Body\n1 -1 Second|\n2 -1 Third|\nclose 1'
}

test_notify_text_is_no_markup() {
    notifying
    tell "A <b>" $'<a href="x">\xff & \e[31m'
    like shown "$(<"$root/shown")" '1 -1 A <b>|&lt;a href=&quot;x&quot;&gt;*&amp; *'
    [[ $(<"$root/shown") != *$'\xff'* ]] || fail "not valid UTF-8"
}

test_notify_without_markup_text_is_as_it_is() {
    notifying plain
    tell "A" "1 < 2"
    equal shown "$(<"$root/shown")" "1 -1 A|1 < 2"
}

test_notify_ends_after_three_seconds() {
    local t0
    notifying slow
    t0=$(now)
    tell "A"
    within "it took" $(($(now) - t0)) 2500000 4000000
    [[ $code != 0 ]] || fail "it says that it was shown"
}

test_notify_refuses_root_and_nonsense() {
    notifying
    code=0
    "$build/leash-notify" "A" 2>/dev/null || code=$?
    equal "as root" $code 3
    tell
    equal "without a text" $code 2
    tell --tag=../../x "A"
    equal "a tag that is a path" $code 2
    tell --expire=soon "A"
    equal "a time that is none" $code 2
    [[ ! -e $root/shown ]] || fail "shown: $(<"$root/shown")"
}

test_notify_what_the_user_keeps_is_not_believed() {
    local text
    notifying
    for text in "" "-1" "4294967296" "99999999999999999999" $'1\nx' "$(printf 'x%.0s' {1..5000})"; do
        printf %s "$text" >"$root/runtime/leash-notify-lock"
        chown 65534 "$root/runtime/leash-notify-lock"
        rm -f "$root/shown"
        tell --tag=lock "A"
        like "shown for '${text:0:20}'" "$(<"$root/shown")" "[1-9]* -1 A|"
    done
    ln -sf /etc/passwd "$root/runtime/leash-notify-link"
    tell --tag=link "A"
    equal status $code 0
    [[ ! -L $root/runtime/leash-notify-link ]] || fail "written through a link"
}

test_notify_without_a_bus() {
    notifying
    address=unix:path=$root/nowhere tell "A"
    equal status $code 1
    [[ ! -s $root/err ]] || fail "noise: $(<"$root/err")"
}

# A bus at the usual place counts only if it is the user's own.
test_notify_bus_of_somebody_else() {
    notifying
    code=0
    env -u DBUS_SESSION_BUS_ADDRESS -u XDG_RUNTIME_DIR setpriv --reuid=65534 --regid=65534 --clear-groups \
        "$root/leash-notify" "A" 2>/dev/null || code=$?
    equal status $code 1
}
