/* SPDX-License-Identifier: MIT */
/* Login sessions, as logind keeps them; none where logind does not run. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/macro.h"

typedef struct LoginSession {
        char *id;
        uid_t uid;
        pid_t leader; /* 0 if unknown */
        /* NULL where logind has none: */
        char *class, *service, *state, *tty, *display, *remote_host;
        char *type; /* see login_type() */
} LoginSession;

void login_session_done(LoginSession *s);

/* What logind says of a session that its type follows from; NULL where it says nothing. */
typedef struct LoginTypeFacts {
        const char *id, *service, *seat, *type;
} LoginTypeFacts;

/* The type that a session counts as: the one it began as. Whoever controls a session, as its user
 * may, sets another (SetType() of org.freedesktop.login1(5)), and logind keeps the first in its
 * file below `root`/run/systemd/sessions alone. At a seat a session that began as text may become a
 * graphical one, as with startx(1) or a compositor on a terminal. A new string; NULL if there is
 * none, or no memory. */
char *login_type(const char *root, const LoginTypeFacts *facts);
bool login_type_is_graphical(const char *type);

#define LOGIN_SESSIONS_MAX 256

/* All users with a session, by logind; a new array. Returns 0, also for none; -ENOMEM. */
int login_users(uid_t **ret, size_t *ret_n);

/* The sessions of a user, LOGIN_SESSIONS_MAX at most, without the user manager's own (class
 * "manager", since systemd 256). A new array for login_sessions_free(). Returns 0, also for none;
 * -ENOMEM. */
int login_sessions(uid_t uid, LoginSession **ret, size_t *ret_n);
LoginSession *login_sessions_free(LoginSession *sessions, size_t n);

/* Whether logind knows a session of the user's, in whatever state, but for the user manager's own.
 * One that is being made counts: logind notes it with the user before it has PID 1 start the
 * manager, and writes its own file later. Returns 1; 0, also where logind does not run; -errno if
 * that cannot be told. */
int login_has_any_session(uid_t uid);

/* Whether the user's manager stays without a session (loginctl enable-linger). */
bool login_lingers(const char *user);

/* Their leaders alone, the manager's too, which one file each tells; a new array. Returns the same.
 */
int login_leaders(uid_t uid, pid_t **ret, size_t *ret_n);

/* One session. Returns 0; -ENXIO if there is none of that id; -errno. */
int login_session(const char *id, LoginSession *ret);

/* Whether a user has a session of this PAM service that is not closing: one that a login by the
 * same service comes back to. Returns 1; 0; -errno if that cannot be told, -ENODATA where logind
 * does not run. */
int login_has_session(uid_t uid, const char *service);

/* The session of an X display: the one whose display has that number; else the only graphical one,
 * if it is X's and logind knows no display of it, as with display managers that start the server in
 * the session. NULL rather than a guess: what is done to the session of a display is not to hit
 * another one, of a VNC server's user at the console, say. */
const LoginSession *login_find_display(const LoginSession *sessions, size_t n, const char *display);

/* Whose login the calling process belongs to; (uid_t) -1 if it belongs to none. Its cgroup tells;
 * without `placement`, where cgroups tell nothing, the login uid does, else the real uid of the
 * nearest of it and its ancestors that is not root's. */
uid_t login_caller_owner(bool placement);
