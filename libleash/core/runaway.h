/* SPDX-License-Identifier: MIT */
/* Who takes more than their share of the machine while others wait for it, and what they get for
 * it.
 *
 * The model is shown samples: what the kernel has counted up to now. Between two samples lies an
 * interval, contended if the machine's pressure (PSI "some") reached the rule's bar in it. A user
 * is a runaway if for a whole window of contended intervals without a gap
 *
 *     they used more than `share` percent of what was theirs, capacity / active users, and
 *     for half of it or more somebody else who was active had to wait.
 *
 * One contended machine is enough for several to be over; nobody alone on a machine ever is. A
 * penalty is a limit with an end, harder with each that was not yet forgotten. Until it has ended
 * and another whole window has passed, there is no further one for that user.
 *
 * Time is CLOCK_BOOTTIME in microseconds. What is kept is one entry for each user seen. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/macro.h"

#define RUNAWAY_ORIGIN_MAX 128
#define RUNAWAY_STEPS_MAX 8
#define RUNAWAYS_MAX 4096
#define RUNAWAYS_TEXT_MAX (1024 * 1024)

/* No penalty is longer, whatever the policy says. */
#define RUNAWAY_DURATION_MAX (UINT64_C(30) * 24 * 3600 * USEC_PER_SEC)

typedef struct RunawayStep {
        uint64_t quota; /* CPU time per second, as LIMIT_CPU_QUOTA */
        usec_t duration;
} RunawayStep;

typedef struct RunawayRule {
        unsigned pressure; /* of the time in which somebody waited, in hundredths of a percent */
        unsigned share;    /* of the fair share, in hundredths of a percent */
        usec_t window, forget;
        size_t n_steps; /* 0: nobody is a runaway */
        RunawayStep steps[RUNAWAY_STEPS_MAX];
        char origin[RUNAWAY_ORIGIN_MAX]; /* file:line; may be empty */
} RunawayRule;

/* The machine as counted up to a moment. */
typedef struct RunawayMachine {
        usec_t stalled;    /* PSI "some", total */
        uint64_t capacity; /* per second: CPU time in microseconds, or bytes of memory */
} RunawayMachine;

#define RUNAWAY_UNKNOWN UINT64_MAX

typedef struct RunawaySample {
        uid_t uid;
        uint64_t used;           /* CPU time so far; of memory, bytes now */
        usec_t waited;           /* PSI "some" of the user's own slice, total; RUNAWAY_UNKNOWN */
        const RunawayRule *rule; /* NULL: none applies */
        bool exempt;
} RunawaySample;

typedef struct RunawayPenalty {
        uid_t uid;
        unsigned step; /* in the rule */
        const RunawayRule *rule;
        /* For the record of it: percent of the fair share, of the time, and how many were active.
         */
        unsigned used_percent, pressure_percent, active;
        uint64_t fair; /* the fair share, per second */
        usec_t until;
} RunawayPenalty;

typedef struct Runaway {
        uid_t uid;
        bool seen;     /* in the sample at hand */
        uint64_t used; /* at the last sample */
        usec_t waited;
        uint64_t interval_used; /* in the last interval */
        usec_t interval_waited;
        usec_t start;      /* of the contended time that goes on; 0 for none */
        uint64_t consumed; /* since then */
        uint64_t entitled; /* what was theirs */
        usec_t stalled;    /* the machine's, since then */
        usec_t suffered;   /* how long somebody else had to wait */
        unsigned strikes;  /* penalties not yet forgotten */
        usec_t until;      /* the end of the last one; 0 for none */
        usec_t forget;     /* how long it is remembered */
} Runaway;

typedef enum RunawayKind {
        RUNAWAY_CPU,    /* `used` is a counter */
        RUNAWAY_MEMORY, /* `used` is what is held */
} RunawayKind;

typedef struct Runaways {
        RunawayKind kind;
        Runaway *all; /* by uid, ascending */
        size_t n, allocated;
        usec_t last; /* when the last sample was; 0 for never */
        usec_t stalled;
        bool changed; /* what is to be kept has; cleared by the caller */
        bool watch;   /* penalties were only said */
} Runaways;

void runaways_done(Runaways *r);

/* From now on penalties are only said, or no longer so. Those of the other mode are forgotten. */
void runaways_set_watch(Runaways *r, bool watch);

/* Looks at a sample; *samples are sorted by uid on the way. Fills ret with penalties, at most
 * `max`, and counts them as given. Returns how many, or -ENOMEM. */
int runaways_look(Runaways *r, const RunawayMachine *machine, RunawaySample *samples, size_t n,
                  usec_t now, RunawayPenalty *ret, size_t max);

/* A penalty was not given after all: the user's burning processes are exempt, or it failed. Its
 * strike is taken back; the window begins anew. */
void runaways_excuse(Runaways *r, uid_t uid);

/* An admin has ended a penalty. The strike stays. */
void runaways_pardon(Runaways *r, uid_t uid, usec_t now);

/* Strikes and the ends of penalties as text, and back into an empty model. `boot` tells this boot
 * from others. Return 0; -ESTALE; -EBADMSG; -ENOMEM. */
int runaways_to_text(const Runaways *r, const char *boot, char **ret, size_t *ret_size);
int runaways_from_text(Runaways *r, const char *text, size_t size, const char *boot);
