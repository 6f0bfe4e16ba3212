/* SPDX-License-Identifier: MIT */
/* Telling the user: a notification on their desktop, a line on their terminals. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* What a person is told on their desktop. Everything but uid and tag may hold what a user wrote: it
 * is escaped where it is shown. */
typedef struct DesktopNotice {
        uid_t uid;
        const char *tag; /* it takes the place of the last one of the same tag: NOTIFY_... */
        const char *summary;
        const char *body;
        bool urgent; /* it stays until it is clicked away */
        bool close;  /* it is only to be taken away */
} DesktopNotice;

#define NOTIFY_LIMITS "leash"      /* how the user is limited */
#define NOTIFY_SESSION "session"   /* what becomes of a session of theirs */
#define NOTIFY_GREETING "greeting" /* what applies to the one they have connected to */
#define NOTIFY_HOST "host"         /* what becomes of this host */
#define NOTIFY_MESSAGE "message"   /* what an admin has to say */

/* The cgroup of what shows one, as its user and for seconds, starts so where PID 1 is systemd. */
#define NOTIFY_UNIT "leash-notify-"
#define NOTIFY_CGROUP "/system.slice/" NOTIFY_UNIT

/* True if the user may have a desktop: there is an X server's socket of theirs, or of root's, who
 * runs the console's on some hosts, or a Wayland compositor's in their XDG_RUNTIME_DIR. Asks nobody
 * and looks at a bounded number of names, so that a user with ssh logins alone costs PID 1 nothing.
 * `root` stands before the paths. */
bool notify_has_desktop(const char *root, uid_t uid);

/* Shows it on the user's desktop by leash-notify, which runs as that user alone, for at most 3 s:
 * started by PID 1 as a service, so that it is no part of whoever asks, which may end and be
 * cleared away, or may be limited itself. Where PID 1 is not systemd, as a child of nobody's.
 * `root` stands before the program and PID 1's socket, to see whether they are there. Returns when
 * PID 1 has taken it over, or after 10 s; 0 or -errno if it could not even be started. Nothing
 * depends on it. */
int notify_desktop(const char *root, const DesktopNotice *notice);

/* The same for who waits for nobody: by a child of nobody's, at once. Two at the same time may
 * arrive in either order. Returns 0; -errno if there can be no child. */
int notify_desktop_later(const char *root, const DesktopNotice *notice);

/* The same, for who wants to know whether it was shown: *ret_pid is a child that waits for that,
 * 8 s at most, whatever the user's bus does. Returns 0 or -errno. */
int notify_desktop_start(const char *root, const DesktopNotice *notice, pid_t *ret_pid);

/* Waits for it. True if a desktop has shown the notice. */
bool notify_desktop_finish(pid_t pid);

/* Writes `text`, which must be escaped already, to every terminal of the user's sessions. Where
 * logind does not know that of each, to every pseudo-terminal and virtual console that is theirs:
 * it does not run, or a desktop has terminals in windows only, or sshd made one after it had told
 * of the login (systemd's pam_systemd.c). `root` stands before /dev. Each must be a character
 * device that belongs to the user, and is written to without waiting. Returns how many got it. */
unsigned notify_terminals(const char *root, uid_t uid, const char *text);
