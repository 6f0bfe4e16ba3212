# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2154
# Text consoles: leash-lock tty, and the snippet for /etc/profile.d.

# on_terminal COMMAND: in a terminal of its own; $typed is what it wrote
on_terminal() {
    typed=$(timeout 30 script -qec "$1" /dev/null </dev/null 2>&1)
    status=$?
}

snippet() {
    mkdir -p "$root/bin"
    ln -sf "$build/tests/leash-lock" "$root/bin/leash-lock"
    sed "s|@BINDIR@|$root/bin|g" "$here/../../packaging/profile.d/leash-tty.sh" >"$root/profile"
    export LEASH_TEST_ROOT=$root
    unset DISPLAY WAYLAND_DISPLAY TMOUT
}

test_tty_idle_shell_ends() {
    local begin
    policy idle=2s
    snippet
    begin=$(now)
    # what nobody types into
    typed=$(timeout 25 script -qec "bash --noprofile --rcfile $root/profile -i" /dev/null 2>&1 < <(exec sleep 25 2>/dev/null))
    within "the shell" $(($(now) - begin)) 1900000 19000000
    like "what it said" "$typed" "*timed out*"
}

test_tty_shell_cannot_change_its_idle_time() {
    policy idle=47s
    snippet
    equal "TMOUT" "$(bash --noprofile --rcfile "$root/profile" -ic 'echo $TMOUT' 2>/dev/null)" 47
    equal "what a desktop started here gets" "$(bash --noprofile --rcfile "$root/profile" -ic 'env | grep ^TMOUT' 2>/dev/null)" ""
    like "another value" "$(bash --noprofile --rcfile "$root/profile" -ic 'TMOUT=0; echo changed' 2>&1)" "*readonly*"
    policy idle=never
    equal "no idle time" "$(bash --noprofile --rcfile "$root/profile" -ic 'echo ${TMOUT-none}' 2>/dev/null)" none
    export DISPLAY=:9
    policy idle=47s
    equal "in a desktop" "$(bash --noprofile --rcfile "$root/profile" -ic 'echo ${TMOUT-none}' 2>/dev/null)" none
}

# among PREPARATION: leash-lock tty on a terminal, on a host that PREPARATION makes of this one
among() {
    on_terminal "unshare --mount sh -ec '
        for f in /usr/bin/vlock /usr/sbin/vlock-main /usr/bin/physlock /usr/local/bin/vlock /usr/local/bin/physlock; do
            [ ! -e \$f ] || mount --bind /dev/null \$f
        done
        $1
        exec $root/bin/leash-lock tty'"
}

test_tty_locks_with_what_is_installed() {
    policy idle=47s
    snippet
    like "no terminal" "$("$root/bin/leash-lock" tty </dev/null 2>&1)" "*this is no terminal*"
    among :
    like "no locker" "$typed" "*neither vlock nor physlock is installed*"
    equal "its status" "$status" 3
    mkdir "$root/local"
    printf '#!/bin/sh\necho vlock has the terminal\n' >"$root/local/vlock"
    chmod 755 "$root/local/vlock"
    PATH=$root/local:$PATH among :
    like "a locker of the user's" "$typed" "*neither vlock*"
    among "mount --bind $root/local /usr/local/bin"
    like "an installed one" "$typed" "*vlock has the terminal*"
    equal "and its status" "$status" 0
}
