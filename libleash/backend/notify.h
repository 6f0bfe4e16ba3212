/* SPDX-License-Identifier: MIT */
/* Telling the user: a line on their terminals. */
#pragma once

#include <sys/types.h>

/* Writes `text`, which must be escaped already, to every terminal of the user's sessions. Where
 * logind does not know that of each, to every pseudo-terminal and virtual console that is theirs:
 * it does not run, or a desktop has terminals in windows only, or sshd made one after it had told
 * of the login (systemd's pam_systemd.c). `root` stands before /dev. Each must be a character
 * device that belongs to the user, and is written to without waiting. Returns how many got it. */
unsigned notify_terminals(const char *root, uid_t uid, const char *text);
