/* SPDX-License-Identifier: MIT */
/* Telling the user: a notification on their desktop, a line on their terminals. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* What a person is told of a leash. Everything but uid may hold what a user wrote: it is escaped
 * where it is shown. */
typedef struct DesktopNotice {
        uid_t uid;
        const char *summary;
        const char *body;
} DesktopNotice;

/* Shows it on the user's desktop, in the place of the last one: by leash-notify, which runs as that
 * user alone, in the background and for at most 3 s. Returns at once; 0 or -errno if it could not
 * even be started. Nothing waits for it, and nothing depends on it. */
int notify_desktop(const DesktopNotice *notice);

/* The same, for who wants to know whether it was shown: *ret_pid is a child that takes at most 3 s,
 * whatever the user's bus does. Returns 0 or -errno. */
int notify_desktop_start(const DesktopNotice *notice, pid_t *ret_pid);

/* Waits for it. True if a desktop has shown the notice. */
bool notify_desktop_finish(pid_t pid);

/* Writes `text`, which must be escaped already, to every terminal of the user's sessions. Where
 * logind does not know that of each, to every pseudo-terminal and virtual console that is theirs:
 * it does not run, or a desktop has terminals in windows only, or sshd made one after it had told
 * of the login (systemd's pam_systemd.c). `root` stands before /dev. Each must be a character
 * device that belongs to the user, and is written to without waiting. Returns how many got it. */
unsigned notify_terminals(const char *root, uid_t uid, const char *text);
