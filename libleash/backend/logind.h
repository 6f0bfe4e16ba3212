/* SPDX-License-Identifier: MIT */
/* Our own session at logind: its signals, its hints, and the delay before sleep. Never waits. */
#pragma once

#include <stdbool.h>

#include "core/macro.h"

typedef struct sd_event sd_event;

typedef struct Logind Logind;

typedef enum LogindEvent {
        LOGIND_EVENT_LOCK,
        LOGIND_EVENT_UNLOCK,
        LOGIND_EVENT_SLEEP,
        LOGIND_EVENT_RESUME,
        LOGIND_EVENT_INHIBITED,   /* somebody blocks idleness */
        LOGIND_EVENT_UNINHIBITED, /* nobody does */
        LOGIND_EVENT_END_FAILED,  /* logind does not end the session */
} LogindEvent;

typedef void (*LogindHandler)(LogindEvent event, void *userdata);

/* Looks for the session of the calling process, else the one of `display`, else the user's
 * graphical one. Without logind, or without a session, no events come until there is one.
 * Returns 0 or -errno. */
int logind_open(sd_event *event, const char *display, LogindHandler handler, void *userdata,
                Logind **ret);
Logind *logind_free(Logind *l);
DEFINE_CLEANUP(Logind *, logind_free);

/* The session's id, or NULL. */
const char *logind_session(const Logind *l);

/* Kept, and told again to a logind that comes back. */
void logind_set_hints(Logind *l, bool idle, bool locked);

/* Delays sleep until logind_release_sleep(), at most logind's InhibitDelayMaxSec (5 s). */
void logind_take_sleep(Logind *l);
void logind_release_sleep(Logind *l);

/* Returns 0 once it is asked for; -ENOTCONN if nobody can be asked. */
int logind_end_session(Logind *l);
