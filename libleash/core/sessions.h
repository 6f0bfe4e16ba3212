/* SPDX-License-Identifier: MIT */
/* The one truth about login sessions: who is here, connected or not, locked, idle, and since when.
 *
 * logind knows sessions but calls one of xrdp's or VNC's "active" whether or not anybody looks at
 * it; the display's connections know that, and nothing else. This model is fed with both and keeps
 * what neither does: since when. It is told the time, CLOCK_BOOTTIME in microseconds: no change of
 * the date touches it, and no session outlives the boot.
 *
 * A fact that is not known is never held against anybody: a session whose connection cannot be
 * seen counts as connected.
 *
 * Nor does a user decide any of it. logind lets whoever controls a session, as its user may, set
 * its Type and its Display (org.freedesktop.login1(5)); its service and its leader are the login's
 * own. So one that xrdp-sesman began is a desktop whatever its Type, and which display it has, the
 * first that was told and the displays that are there say together. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/macro.h"

typedef struct StateRules StateRules; /* core/states.h */

/* What a rule may wait for. */
typedef enum SessionCondition {
        SESSION_DISCONNECTED, /* nobody looks at the display */
        SESSION_LOCKED,       /* LockedHint */
        SESSION_IDLE,         /* IdleHint */
        SESSION_CLOSING,      /* logged out, processes left */
        SESSION_SURPLUS,      /* has to make room, by core/places */
        _SESSION_CONDITION_MAX,
        _SESSION_CONDITION_INVALID = -EINVAL,
} SessionCondition;

const char *session_condition_to_string(SessionCondition c);

typedef enum SessionClass {
        SESSION_CLASS_USER,    /* somebody has logged in */
        SESSION_CLASS_OTHER,   /* cron, greeters, lock screens */
        SESSION_CLASS_MANAGER, /* the user manager's own, since systemd 256 */
        _SESSION_CLASS_MAX,
} SessionClass;

SessionClass session_class_from_string(const char *name);

typedef enum SessionLink {
        SESSION_LINK_UNKNOWN, /* no remote display, or nothing tells */
        SESSION_LINK_CONNECTED,
        SESSION_LINK_DISCONNECTED,
        _SESSION_LINK_MAX,
} SessionLink;

const char *session_link_to_string(SessionLink l);

/* What carries the display. */
typedef enum SessionVia {
        SESSION_VIA_NONE,
        SESSION_VIA_XRDP, /* Xorg with xorgxrdp: a socket of xrdp's */
        SESSION_VIA_VNC,  /* Xvnc, behind xrdp or by itself: a TCP port */
        _SESSION_VIA_MAX,
} SessionVia;

/* Why a session has to make room. */
typedef enum SessionSurplus {
        SESSION_SURPLUS_NONE,
        SESSION_SURPLUS_FULL,      /* there are more than a section's max-sessions */
        SESSION_SURPLUS_USER,      /* more than max-sessions-per-user */
        SESSION_SURPLUS_DUPLICATE, /* the user has another one */
        SESSION_SURPLUS_ORPHAN,    /* nobody can come back to it */
        _SESSION_SURPLUS_MAX,
} SessionSurplus;

/* For people: "this server is full", ... */
const char *session_surplus_to_string(SessionSurplus s);

/* The polite ladder by which a session is ended. */
typedef enum SessionRung {
        SESSION_RUNG_NONE,
        SESSION_RUNG_ASKED,      /* SIGTERM to the leader, which ends its window manager */
        SESSION_RUNG_TERMINATED, /* logind stops the scope */
        SESSION_RUNG_KILLED,     /* SIGKILL to what is left */
        SESSION_RUNG_STUCK,      /* and something still is: left to an admin */
        _SESSION_RUNG_MAX,
} SessionRung;

/* A warning that the user has not been told is over. */
typedef enum SessionNotice {
        SESSION_NOTICE_NONE,
        SESSION_NOTICE_MISSED, /* nobody was there to see it */
        SESSION_NOTICE_SHOWN,
        _SESSION_NOTICE_MAX,
} SessionNotice;

/* The rung after that one; the last has none, and is its own. */
SessionRung session_rung_next(SessionRung rung);

#define SESSION_ID_MAX 64
#define SESSION_SERVICE_MAX 32
#define SESSION_SERVICE_XRDP "xrdp-sesman" /* the PAM service of xrdp's logins */
#define SESSIONS_MAX 8192
#define SESSIONS_TEXT_MAX (8 * 1024 * 1024)

typedef struct Session {
        char id[SESSION_ID_MAX];
        char service[SESSION_SERVICE_MAX];
        uid_t uid;
        pid_t leader; /* 0 if unknown */
        SessionClass class;
        bool graphical;
        int told;       /* the first display number that logind had; -1 for none yet */
        int display;    /* X11 display number; -1 if it has none */
        SessionVia via; /* of the last display of its that was seen */
        SessionLink link;
        bool announced;                       /* its comings and goings show in xrdp's directory */
        bool closing;                         /* logind says so; see sessions_set_served() */
        bool served;                          /* and its X server runs still */
        bool orphan;                          /* no xrdp-sesman knows it: see backend/viewers.h */
        usec_t created;                       /* by logind; else when it was first seen */
        bool visited;                         /* somebody has been there */
        usec_t connected_since;               /* 0 unless connected */
        usec_t since[_SESSION_CONDITION_MAX]; /* 0 where the condition does not hold */
        usec_t away;    /* how long nobody was there before the present connection; 0: it is new */
        usec_t greeted; /* the connected_since for which the user was told what applies */

        SessionSurplus surplus; /* kept by core/places */

        /* Kept by core/states. */
        usec_t warned[_SESSION_CONDITION_MAX];
        SessionNotice notice;
        SessionRung rung;
        SessionCondition rung_for;
        usec_t rung_at;
        usec_t rung_retry;       /* the next rung could not be done: not before this again */
        SessionRung taking;      /* that rung is under way, until rung_retry at most */
        const StateRules *rules; /* borrowed; NULL for none */

        /* Kept by core/guard. */
        usec_t guard_at; /* when its lock helper is to be looked for; 0 for not */
        bool guarded;    /* it was found, and its end will be heard of */
        bool unguarded;  /* that there is none was told */

        /* Kept by the model. */
        bool present; /* logind has told of it since the model was read back */
        bool seen;    /* during the listing that goes on */
} Session;

typedef struct Sessions {
        Session **all; /* by id, ascending */
        size_t n, allocated;
        bool changed; /* what is to be kept has; cleared by the caller */
        bool watch;   /* warnings and rungs were only said, and nobody has heard of them */
} Sessions;

void sessions_done(Sessions *s);

/* What logind says of one session. */
typedef struct SessionFacts {
        const char *id, *service; /* service may be NULL */
        uid_t uid;
        pid_t leader;
        SessionClass class;
        bool graphical, closing, locked, idle;
        int display;
        usec_t idle_since; /* 0 if logind does not tell */
        usec_t created;    /* the same */
} SessionFacts;

/* From now on nothing is done any more, or no longer only said. What was warned of and begun in the
 * other mode is forgotten, since it did not happen, or does not go on. */
void sessions_set_watch(Sessions *s, bool watch);

/* For core/places: whether a session has to make room, and why. */
void sessions_set_surplus(Sessions *s, Session *session, SessionSurplus surplus, usec_t now);

/* Adds a session or takes over its news. Returns 1 if anything but time has changed, 0 if not;
 * -EINVAL for an id that cannot be one; -ENOBUFS beyond SESSIONS_MAX; -ENOMEM. */
int sessions_update(Sessions *s, const SessionFacts *facts, usec_t now);

/* logind has a session for closing once its leader has gone. While the X server of its display runs
 * it has not been logged out, and is not SESSION_CLOSING here. Returns true if that is news. */
bool sessions_set_served(Sessions *s, Session *session, bool served, usec_t now);

/* Forgets one. Returns true if it was there. */
bool sessions_remove(Sessions *s, const char *id);

/* It cannot be told what one is now: what is known of it stays, also through a listing. */
void sessions_keep(Sessions *s, const char *id);

/* What was not updated between the two is gone: after a listing, or a restart of logind's. Returns
 * how many were forgotten. */
void sessions_begin(Sessions *s);
size_t sessions_end(Sessions *s);

/* What the connections of one display say. */
typedef struct SessionDisplay {
        int number;
        uid_t uid; /* who serves it: another's does not count for a session */
        SessionVia via;
        SessionLink link;
        bool announced;
        uint32_t inode;         /* of the listening socket, if it is TCP */
        uint32_t peer_inode;    /* of the socket at the far end of a connection; 0 for none */
        bool listening;         /* the kernel says that it is served, and not a file left behind */
        const Session *session; /* whose it is; found out by sessions_set_displays() */
} SessionDisplay;

/* Takes over what is known of all displays. Each is one session's: of two that claim it the
 * younger's, since a number is used again. A session of xrdp's whose display is not there, while
 * its user has one of xrdp's that no session claims, has that one, whatever it claims. A session
 * whose display has gone is disconnected, since nobody can look at it; one of which none was ever
 * seen stays unknown. Sorts the array. Returns true if that is news for any session. */
bool sessions_set_displays(Sessions *s, SessionDisplay *displays, size_t n, usec_t now);

Session *sessions_find(const Sessions *s, const char *id);

/* True if somebody has logged in to a desktop that is, or may be, looked at from elsewhere. */
bool session_is_desktop(const Session *s);

/* True if xrdp-sesman began it. */
bool session_is_xrdp(const Session *s);

/* What a session's type is by the service that began it and by what logind has it for: xrdp's are
 * "x11". May be NULL if `type` is. */
const char *session_type_of(const char *service, const char *type);

/* Returns the display number of ":10" or ":10.0"; -1 for anything else, such as "localhost:10.0",
 * which is ssh's and no display of this host. */
int session_display_from_string(const char *text);

/* Writes what is to outlive the daemon; `boot` tells this boot from others. A new string. Returns 0
 * or -ENOMEM. */
int sessions_to_text(const Sessions *s, const char *boot, char **ret, size_t *ret_size);

/* Reads it back into an empty model. A session read back takes part in nothing before
 * sessions_update() has found it still there, the same user's and leader's. Returns 0; -ESTALE for
 * a text of another boot; -EBADMSG for one that is damaged; -ENOMEM; the model is empty then. */
int sessions_from_text(Sessions *s, const char *text, size_t size, const char *boot);
