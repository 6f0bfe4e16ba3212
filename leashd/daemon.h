/* SPDX-License-Identifier: MIT */
/* leashd: what all its parts work with.
 *
 * The daemon keeps three models (core/sessions, core/states, core/runaway), feeds them with what
 * logind, the displays and the kernel tell, and carries out what they ask for through the ledger,
 * as every leash program does. So it needs nobody and nobody needs it: a limit that it has set
 * stands in the ledger, with an end that PID 1 keeps, and a leashd that starts takes over what it
 * finds.
 *
 * Nothing is polled but VNC's and such displays' connections as announce nothing, while somebody is
 * away from them. */
#pragma once

#include <systemd/sd-event.h>

#include "backend/backend.h"
#include "backend/ledger.h"
#include "backend/loginwatch.h"
#include "backend/notify.h"
#include "core/drift.h"
#include "core/hours.h"
#include "core/incident.h"
#include "core/places.h"
#include "core/runaway.h"
#include "core/states.h"
#include "os/machine.h"
#include "rules.h"

/* A penalty for which another leash did not let go of the user's record. */
typedef struct Postponed {
        RunawayKind kind;
        RunawayPenalty penalty;
        RunawayRule rule; /* of the time when it was decided */
} Postponed;

#define POSTPONED_MAX 64

typedef struct Daemon {
        const char *root; /* stands before /run and the like: "" but in tests */
        bool arg_watch;   /* asked for on the command line, whatever the policy says */
        bool watch;       /* say what would be done, and do nothing */
        char boot[MACHINE_BOOT_MAX];
        char *program; /* leash itself, for the end of limits */
        uid_t uid_min;

        sd_event *event;
        sd_event_source *evaluate, *look, *reconnect, *check, *poll, *lease; /* timers */
        sd_event_source *guard, *sample, *again, *unsure;                    /* these, too */
        sd_event_source *displays, *pressure, *memory_pressure, *drift;      /* descriptors */

        BackendOptions options;
        Backend *backend;
        Ledger *ledger;
        LogindWatch *logind;
        Rules *rules;
        int displays_watch, drift_watch; /* os/watch */

        Sessions sessions;
        States states;
        Runaways cpu, memory;
        Postponed postponed[POSTPONED_MAX];
        size_t n_postponed;
        Hours hours;
        Drifts drifts;
        bool ready;        /* all sessions have been listed, and the displays looked at */
        unsigned settling; /* looks that are still to follow a change of the displays */
        usec_t budget;     /* CLOCK_MONOTONIC: no further waiting or squeezing in this turn */
        pid_t holder;      /* who has a record locked, as last seen, */
        usec_t held;       /* since when (CLOCK_MONOTONIC), */
        bool held_told;    /* and whether that was logged */
        usec_t armed_window;
        unsigned armed_pressure, armed_memory;
        usec_t failed;   /* CLOCK_MONOTONIC of the last failure that was reported, */
        usec_t untold;   /* the same of users who cannot be looked up, */
        usec_t unkept;   /* of what could not be kept, */
        usec_t unshown;  /* and of notices for which there was no process */
        usec_t textfile; /* CLOCK_MONOTONIC of when it was last written */
        bool stopping;
        int lock; /* held for as long as there is this leashd */
} Daemon;

/* One line for the log, where PID 1 puts what services say. */
void daemon_log(int priority, const char *format, ...) _printf_(2, 3);

/* What fails is tried again and again; saying so now and then will do. Returns true if it is to be
 * said now, and notes that in *said (CLOCK_MONOTONIC; 0 for never). */
bool daemon_may_say(usec_t *said);

/* ---- loop.c: what wakes the daemon up ----------------------------------------------------------
 */

/* Opens what the loop waits for. A message bus that is not there yet is tried again. Returns 0 or
 * -errno. */
int loop_open(Daemon *d);
void loop_close(Daemon *d);

/* Has the models looked at soon. */
void loop_evaluate(Daemon *d);

/* Has the ledger compared with the kernel soon; or at a time, USEC_INFINITY for never. */
void loop_check(Daemon *d);
void loop_check_at(Daemon *d, usec_t at);

/* Begins a turn, of which waiting for locks is to take no more than a part of a second in all. */
void loop_begin(Daemon *d);

/* Has the penalties that were put off tried again soon. */
void loop_punish_again(Daemon *d);

/* Reads the policy again. What is wrong with it is logged. Returns 0; -errno, with the old rules if
 * it was the policy that could not be read. */
int loop_reload(Daemon *d);

/* ---- act.c: what the states ask for ------------------------------------------------------------
 */

/* A StateHandler; userdata is the daemon. Returns as those; what failed is reported here. */
int act_handle(const StateAction *action, void *userdata);

/* Takes over what an earlier leashd has left in the ledger. Returns 0; the first -errno, after all
 * others were taken over. */
int act_adopt(Daemon *d);

/* Gives everybody back what the states have taken, since nobody will be there to do it. */
void act_let_go(Daemon *d);

/* Prolongs the states' limits, which end by themselves if leashd never comes back. Returns 0; a
 * negative errno, already logged, if that is to be tried again. */
int act_renew(Daemon *d);

/* How long somebody else's command on one user may keep all others waiting, in this turn. */
usec_t act_lock_timeout(const Daemon *d);

/* A user's record is locked by somebody else. Logged once for each who holds one stopped, or for
 * long. Returns true if they are not about to let go: trying again at once is in vain. */
bool act_note_holder(Daemon *d, uid_t uid);

/* Shows a notice on a desktop, which nobody waits for. */
void act_show(Daemon *d, const DesktopNotice *notice);

/* What was done, to the store and to the journal. Fills in the time, the name, the mode. */
void act_report(Daemon *d, Incident *i);

/* ---- punish.c: runaways ------------------------------------------------------------------------
 */

/* Looks at who uses what, now that the kernel says that somebody waits. */
void punish_look(Daemon *d, RunawayKind kind);

/* Tries those again that were put off. */
void punish_again(Daemon *d);

/* ---- drift.c: limits that somebody else has changed --------------------------------------------
 */

/* Compares all records with the kernel, restores or yields, and watches what it compared. */
void drift_check(Daemon *d);

/* ---- guard.c: sessions without a lock helper --------------------------------------------------
 */

/* Looks for those that are due, and sets the timer for the next. */
void guard_look(Daemon *d);

/* Sets the timer. */
void guard_arm(Daemon *d);

/* ---- remote.c: remote desktops -----------------------------------------------------------------
 */

/* Looks which sessions no xrdp-sesman knows, if anybody wants that known. */
void remote_mark_orphans(Daemon *d);

/* Looks again at one that is to be ended for it. Returns 1 if it is an orphan; 0 if not, or no
 * longer; -errno if that cannot be told. */
int remote_confirm_orphan(Daemon *d, Session *s);

/* Notes what the users of remote desktops have used up to now. */
void remote_sample(Daemon *d);

/* True while there are any. */
bool remote_wants_samples(const Daemon *d);

/* Tells those who have connected what applies to them. Sets *next, if somebody is to be told
 * sooner. */
void remote_greet(Daemon *d, usec_t now, usec_t *next);

/* ---- textfile.c: for node_exporter
 * --------------------------------------------------------------- */

/* Writes it, if there is to be one and the last is not too young. */
void textfile_write(Daemon *d);

/* ---- keep.c: what outlives the daemon ----------------------------------------------------------
 */

/* Reads it back. Returns 0; -EALREADY if there is another leashd; -errno. */
int keep_load(Daemon *d);

/* Writes what has changed. Failing is logged now and then. */
void keep_save(Daemon *d);
