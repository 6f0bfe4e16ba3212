# SPDX-License-Identifier: MIT
# Idle shells at text consoles and terminals are locked (zsh) or logged out (bash and others), after the
# idle time of leash.conf(5). Nothing happens to shells inside a desktop, which locks by itself; TMOUT is not
# exported, lest it go into a desktop that is started from here.
case $- in
*i*)
    if [ -z "${DISPLAY:-}${WAYLAND_DISPLAY:-}" ] && [ -z "${TMOUT:-}" ] && [ -x @BINDIR@/leash-lock ]; then
        TMOUT=$(@BINDIR@/leash-lock tty --seconds 2>/dev/null) || TMOUT=0
        if [ "${TMOUT:-0}" -gt 0 ] 2>/dev/null; then
            if [ -n "${ZSH_VERSION:-}" ]; then
                TRAPALRM() { @BINDIR@/leash-lock tty || exit; }
            else
                readonly TMOUT # bash(1), mksh(1): the shell ends when TMOUT seconds brought no input
            fi
        else
            unset TMOUT
        fi
    fi
    ;;
esac
