#!/bin/sh
# SPDX-License-Identifier: MIT
# For DefaultWindowManager= of sesman.ini, with EnableUserWindowManager=false: the hook comes first, and
# then the startwm.sh that xrdp would have run, the user's own if there is one. The screen lock is started
# here as well, since that may go around Xsession; a second one on a display ends by itself.
@LIBEXECDIR@/leash-xrdp-hook start &
if [ -x @LIBEXECDIR@/leash-lock-keep ]; then
    @LIBEXECDIR@/leash-lock-keep &
fi
if [ -x "$HOME/startwm.sh" ]; then
    exec "$HOME/startwm.sh"
fi
exec @SYSCONFDIR@/xrdp/startwm.sh
