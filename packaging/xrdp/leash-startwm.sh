#!/bin/sh
# SPDX-License-Identifier: MIT
# For DefaultWindowManager= of sesman.ini, with EnableUserWindowManager=false: the hook comes first, and
# then the startwm.sh that xrdp would have run, the user's own if there is one.
@LIBEXECDIR@/leash-xrdp-hook start &
if [ -x "$HOME/startwm.sh" ]; then
    exec "$HOME/startwm.sh"
fi
exec @SYSCONFDIR@/xrdp/startwm.sh
