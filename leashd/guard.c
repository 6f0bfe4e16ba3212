/* SPDX-License-Identifier: MIT */
/* Sessions without the lock helper that the policy wants: looking for it, and hearing of its end.
 *
 * What is looked for is a process of the user's, in the session or under their user manager, that
 * runs the file leash-lock, which is root's. A pidfd tells when it ends. A user who wants to can
 * keep one that does nothing: this is for set-ups that fail and for users who find the lock in
 * their way, see SECURITY.md. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "core/guard.h"
#include "core/placement.h"
#include "daemon.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"

#define PROGRAM "leash-lock"
#define PROCESSES_MAX 4096

/* How long looking may go on before others have their turn. */
#define BUDGET (100 * USEC_PER_MSEC)

/* A helper that was found, for as long as it runs. */
typedef struct Helper {
        Daemon *daemon;
        char session[SESSION_ID_MAX];
        int pidfd;
} Helper;

static void helper_free(void *userdata) {
        Helper *h = userdata;

        fd_closep(&h->pidfd);
        free(h);
}

static int on_end(sd_event_source *source, int fd _unused_, uint32_t events _unused_,
                  void *userdata) {
        const Helper *h = userdata;
        Session *s = sessions_find(&h->daemon->sessions, h->session);

        if (s && s->guarded) {
                guard_lost(s, clock_boottime());
                guard_arm(h->daemon);
        }
        return sd_event_source_set_floating(source, false); /* which frees it after this */
}

/* Takes over the pidfd. */
static int watch(Daemon *d, const Session *s, int *pidfd) {
        Helper *h = calloc(1, sizeof(Helper));
        sd_event_source *source;
        int r;

        if (!h)
                return -ENOMEM;
        h->daemon = d;
        h->pidfd = TAKE_FD(*pidfd);
        (void) snprintf(h->session, sizeof(h->session), "%s", s->id);
        r = sd_event_add_io(d->event, &source, h->pidfd, EPOLLIN, on_end, h);
        if (r < 0) {
                helper_free(h);
                return r;
        }
        (void) sd_event_source_set_destroy_callback(source, helper_free);
        (void) sd_event_source_set_floating(source, true); /* the loop keeps it, and frees it */
        sd_event_source_unref(source);
        return 0;
}

/* True if the process was moved to a scope of ours: from where, nothing says any more. */
static bool was_moved(pid_t pid) {
        _cleanup_free_ char *cgroup = NULL;
        Placement placement;

        return proc_read_unit_cgroup(pid, &cgroup) >= 0 &&
               placement_parse(cgroup, &placement) >= 0 && placement.kind == PLACEMENT_LEASHED;
}

static bool is_helper(pid_t pid, uid_t uid) {
        char program[64];
        ProcStatus status;

        return proc_read_program(pid, program, sizeof(program)) >= 0 &&
               strcmp(program, PROGRAM) == 0 && proc_read_status(pid, &status) >= 0 &&
               status.ruid == uid;
}

/* Returns 1 if a helper is in the group, which is watched then; 0 if not; -errno if it cannot be
 * told. */
static int look_in(Daemon *d, const Session *s, const char *cgroup, bool (*counts)(pid_t pid)) {
        _cleanup_free_ pid_t *pids = NULL;
        size_t n;
        int r;

        r = cgroupfs_list_procs(&d->backend->fs, "systemd", cgroup, NULL, &pids, &n);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (size_t i = 0; i < n && i < PROCESSES_MAX; i++) {
                _cleanup_close_ int pidfd = -EBADF;

                if (!is_helper(pids[i], s->uid) || (counts && !counts(pids[i])))
                        continue;
                pidfd = proc_open(pids[i]);
                if (pidfd < 0 && pidfd != -ESRCH)
                        return pidfd;
                /* Again, now that it cannot be another one. */
                if (pidfd < 0 || !is_helper(pids[i], s->uid) || !proc_is_alive(pidfd))
                        continue;
                r = watch(d, s, &pidfd);
                return r < 0 ? r : 1;
        }
        return 0;
}

/* The same of all places where it may be: started with the session; by the user manager, of which
 * there is one for all sessions; and moved by us. */
static int look(Daemon *d, const Session *s) {
        char slice[PLACEMENT_CGROUP_MAX], scope[PLACEMENT_CGROUP_MAX],
                manager[PLACEMENT_CGROUP_MAX];
        char service[PLACEMENT_NAME_MAX];
        int r;

        (void) snprintf(service, sizeof(service), "user@%u.service", (unsigned) s->uid);
        placement_user_cgroup(s->uid, NULL, slice);
        placement_user_cgroup(s->uid, service, manager);
        placement_session_cgroup(s->uid, s->id, scope);
        r = look_in(d, s, scope, NULL);
        if (r == 0)
                r = look_in(d, s, manager, NULL);
        return r != 0 ? r : look_in(d, s, slice, was_moved);
}

static void report(Daemon *d, const Session *s) {
        const StateRules *rules = s->rules;
        Incident i = INCIDENT_NULL;

        i.kind = INCIDENT_UNGUARDED;
        i.uid = s->uid;
        (void) snprintf(i.session, sizeof(i.session), "%s", s->id);
        (void) snprintf(i.rule, sizeof(i.rule), "%s", rules ? rules->lock_origin : "");
        act_report(d, &i);
}

void guard_arm(Daemon *d) {
        usec_t next = guard_next(&d->sessions);

        (void) sd_event_source_set_time(d->guard, next);
        (void) sd_event_source_set_enabled(d->guard,
                                           next == USEC_INFINITY ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
}

void guard_look(Daemon *d) {
        usec_t now = clock_boottime(), end = clock_monotonic() + BUDGET;

        for (size_t i = 0; i < d->sessions.n && clock_monotonic() < end; i++) {
                Session *s = d->sessions.all[i];
                int r;

                if (!guard_is_due(s, now))
                        continue;
                r = look(d, s);
                if (r < 0) /* whether there is one is not known, and then nobody is blamed */
                        daemon_log(LOG_WARNING, "session %s: cannot look for its lock helper: %s",
                                   s->id, strerror(-r));
                if (!guard_looked(s, r, now))
                        continue;
                d->sessions.changed = true;
                keep_save(d); /* first: killed in between, it is not told twice */
                report(d, s);
        }
        guard_arm(d);
}
