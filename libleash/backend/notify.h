/* SPDX-License-Identifier: MIT */
/* Telling the user: a line on each terminal they are logged in at. */
#pragma once

#include <sys/types.h>

/* Writes `text`, which must be escaped already, to every terminal of the user's sessions. Each
 * terminal must be a character device under /dev that belongs to the user, and is written to
 * without waiting. Returns how many got it. */
unsigned notify_terminals(uid_t uid, const char *text);
