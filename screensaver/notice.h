/* SPDX-License-Identifier: MIT */
/* What the user is told on their desktop, by leash-notify, which runs only while it shows. */
#pragma once

#include "core/macro.h"

typedef enum Notice {
        NOTICE_LOCK,
        NOTICE_LOGOUT,
        _NOTICE_MAX,
} Notice;

/* Shows it for as long as it is until then. Never waits and never fails: a desktop without
 * notifications is locked all the same. */
void notice_show(Notice notice, usec_t left);

/* Takes it away. */
void notice_close(Notice notice);
