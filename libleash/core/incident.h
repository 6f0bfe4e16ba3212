/* SPDX-License-Identifier: MIT */
/* One thing that the daemon did, or in watch mode would have done: who, what, why, with the numbers
 * from before. One line of text each, for the store and back. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/macro.h"

typedef enum IncidentKind {
        INCIDENT_SQUEEZED,   /* a session was left behind: its user is limited */
        INCIDENT_LIFTED,     /* the user is back, or gone */
        INCIDENT_WARNED,     /* of the end of a session */
        INCIDENT_ASKED,      /* a session was asked to end */
        INCIDENT_TERMINATED, /* logind was told to end it */
        INCIDENT_KILLED,     /* and had to kill */
        INCIDENT_STUCK,      /* which was not enough */
        INCIDENT_PENALISED,  /* a runaway */
        INCIDENT_EXCUSED,    /* one whose burning processes are exempt */
        INCIDENT_RESTORED,   /* limits had drifted and are in force again */
        INCIDENT_YIELDED,    /* somebody else has changed them, and theirs stay */
        INCIDENT_UNGUARDED,  /* a session has no lock helper, and the policy wants one */
        INCIDENT_FAILED,     /* could not be done */
        _INCIDENT_KIND_MAX,
        _INCIDENT_KIND_INVALID = -EINVAL,
} IncidentKind;

const char *incident_kind_to_string(IncidentKind kind);
IncidentKind incident_kind_from_string(const char *name);

#define INCIDENT_TEXT_MAX 256
#define INCIDENT_LINE_MAX 8192 /* with its newline */

/* Texts that are empty, and numbers below 0, are not known. */
typedef struct Incident {
        usec_t time; /* realtime */
        IncidentKind kind;
        bool watch; /* nothing was done */
        uid_t uid;
        char user[INCIDENT_TEXT_MAX];
        char session[64];
        char condition[32];                /* disconnected, locked, cpu, memory, ... */
        char limits[INCIDENT_TEXT_MAX];    /* that are in force now, as the journal has them */
        char rule[INCIDENT_TEXT_MAX];      /* file:line */
        char processes[INCIDENT_TEXT_MAX]; /* names of some that were moved */
        char error[64];
        usec_t until;                       /* realtime; 0 for none */
        int n_processes;                    /* moved */
        int used_percent, pressure_percent; /* of the fair share, of the time */
        int active;                         /* users */
        int step;
} Incident;

#define INCIDENT_NULL                 \
 ((Incident){ .uid = (uid_t) -1,      \
              .n_processes = -1,      \
              .used_percent = -1,     \
              .pressure_percent = -1, \
              .active = -1,           \
              .step = -1 })

/* Writes the line, newline and all; whatever the texts hold is escaped. Returns a new string, NULL
 * when out of memory. */
char *incident_to_line(const Incident *i);

/* Reads a line, without its newline. Keys that this version does not know are skipped. Returns 0;
 * -EBADMSG; -ENOMEM. */
int incident_from_line(const char *line, Incident *ret);
