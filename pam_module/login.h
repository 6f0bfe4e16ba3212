/* SPDX-License-Identifier: MIT */
/* One login: from its facts and the policy to limits on the user's slice. Knows nothing of PAM. */
#pragma once

#include "args.h"
#include "backend/defaults.h"

/* What PAM tells of a login; everything is borrowed, and NULL where it is not known. */
typedef struct LoginFacts {
        const char *user;
        const char *service;
        const char *remote;
        const char *class,
                *type; /* of the session, as pam_systemd has left them or is to find them */
} LoginFacts;

/* What became of it. */
typedef struct LoginOutcome {
        const char *failed; /* what could not be done, for the log; NULL if nothing failed */
        bool known;         /* `uid` is */
        bool system;        /* root, by name if need be, or a system user: never refused */
        bool kept;          /* there is a record; `stamp` is its */
        bool set;           /* something was changed */
        bool captured;
        bool left; /* to the login that is there: nothing was decided */
        uid_t uid;
        usec_t stamp;
        bool alone; /* see Defaults */
        Limits effective;
} LoginOutcome;

/* Puts the policy's limits on the user's slice, and with `capture` the calling process into it.
 * Ends within LOGIN_TIME, with `capture` within JOB_TIME, not counting what NSS takes to look up
 * the user: nobody sits and waits for a job, and one that ran outside whenever PID 1 is slow would
 * be a way around the limits for whoever can make it slow. Mistakes in the policy are logged and
 * what is sound in it counts. Returns 0; -errno, then ret->failed says at what. */
#define LOGIN_TIME (200 * USEC_PER_MSEC)
#define JOB_TIME (5 * USEC_PER_SEC)
#define LOGOUT_TIME USEC_PER_SEC
int login_open(const ModuleArgs *args, const LoginFacts *facts, LoginOutcome *ret);

/* What login_open() has left for the end of the session. */
typedef struct LoginMark {
        uid_t uid;
        usec_t stamp; /* 0: the record is not this login's alone to end */
        bool alone, captured;
} LoginMark;

/* At the end of a session: see defaults_end(); and of a job that was captured, where its user stays
 * by another way, decides anew what that is to have, since the job may have had less. Ends within
 * LOGOUT_TIME, not counting what NSS takes. Returns 0 or -errno. */
int login_close(const ModuleArgs *args, const LoginFacts *facts, const LoginMark *mark);
