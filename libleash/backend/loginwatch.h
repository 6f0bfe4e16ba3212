/* SPDX-License-Identifier: MIT */
/* logind's news, as they happen: sessions that come, change and go; and PID 1's word that it has
 * read its unit files again.
 *
 * What logind says of a session is asked for without waiting, a few at a time, so that thousands
 * who log in at once hold up nothing. After a restart of logind's or of PID 1's all is asked for
 * anew. */
#pragma once

#include <systemd/sd-event.h>

#include "core/sessions.h"

typedef struct LogindWatch LogindWatch;

/* A session with what a policy may ask for. Everything lives during the call. */
typedef struct LogindSession {
        SessionFacts facts;
        const char *user, *class, *remote; /* NULL where logind tells none */
        const char *type;                  /* see login_type() */
} LogindSession;

typedef struct LogindEvents {
        void (*session)(const LogindSession *s, void *userdata);
        void (*gone)(const char *id, void *userdata);
        void (*unsure)(const char *id,
                       void *userdata);              /* it cannot be asked about now; may be NULL */
        void (*listing)(bool ended, void *userdata); /* a whole list begins, has ended */
        void (*reloaded)(void *userdata); /* PID 1 has read its unit files, or was executed anew */
        void (*lost)(void *userdata);     /* the connection is gone: free the watch, open another */
} LogindEvents;

/* Connects to the system bus, and begins with a listing. Calls come from the event loop alone.
 * `root` stands before /run ("" but in tests), and stays as long as the watch. Returns 0 or -errno.
 */
int loginwatch_open(const char *root, sd_event *event, const LogindEvents *events, usec_t timeout,
                    void *userdata, LogindWatch **ret);
LogindWatch *loginwatch_free(LogindWatch *w);
DEFINE_CLEANUP(LogindWatch *, loginwatch_free);

/* Asks for all sessions again. Returns 0 or -errno. */
int loginwatch_list(LogindWatch *w);

/* Asks for one of them again. Returns 0 or -errno. */
int loginwatch_ask(LogindWatch *w, const char *id);

/* Takes one rung to the end of a session, without waiting: see backend/loginend.h. Returns 0 for
 * one that does nothing; -EBUSY while too many are under way; -errno; or -EINPROGRESS, and then
 * ended() gets the outcome, as loginend_take() has it, unless the watch is freed before. `userdata`
 * is what malloc(3) gave, and is freed after that; it stays the caller's in all other cases. */
int loginwatch_end(LogindWatch *w, const char *id, SessionRung rung,
                   void (*ended)(int r, void *userdata), void *userdata);
