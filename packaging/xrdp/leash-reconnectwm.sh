#!/bin/sh
# SPDX-License-Identifier: MIT
# For ReconnectScript= of sesman.ini; it has no counterpart of the user's.
@LIBEXECDIR@/leash-xrdp-hook reconnect
if [ -x @SYSCONFDIR@/xrdp/reconnectwm.sh ]; then
    exec @SYSCONFDIR@/xrdp/reconnectwm.sh
fi
