/* SPDX-License-Identifier: MIT */
/* What the user is told on their desktop, by leash-notify, which runs only while it shows. */
#pragma once

#include "core/macro.h"

typedef enum Notice {
        NOTICE_LOCK,
        NOTICE_LOGOUT,
        _NOTICE_MAX,
} Notice;

/* Shows it for `time`. Never waits and never fails: a desktop without notifications is locked all
 * the same. */
void notice_show(Notice notice, usec_t time, const char *summary, const char *format, ...)
        _printf_(4, 5);

/* Takes it away. */
void notice_close(Notice notice);
