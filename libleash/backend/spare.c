/* SPDX-License-Identifier: MIT */
/* Finding the offenders of a session and putting them into a group of their own. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/spare.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"

/* Processes forked while their parents are being moved are found by the next pass; each pass
 * leaves only children of the one before. A fork bomb may outrun any number of passes and stays
 * in the slice, where the whole quota holds it. */
#define PASSES_MAX 8

/* Where the scheduler's averages are hidden: how long to look at CPU times instead. */
#define SECOND_LOOK (100 * USEC_PER_MSEC)

static bool is_in(pid_t pid, const pid_t *pids, size_t n) {
        for (size_t i = 0; i < n; i++)
                if (pids[i] == pid)
                        return true;
        return false;
}

/* systemd --user with its (sd-pam), and the system's own helpers that come and go with a login. */
static bool is_manager(Backend *b, pid_t pid) {
        _cleanup_free_ char *cgroup = NULL;
        size_t n;

        if (!b->ops->placement || cgroupfs_read_unit(&b->fs, pid, &cgroup) < 0)
                return false;
        if (strstr(cgroup, "/user-runtime-dir@"))
                return true;
        n = strlen(cgroup);
        return n > 11 && strcmp(cgroup + n - 11, "/init.scope") == 0;
}

/* CPU time used between two looks, on the scale of the averages. */
static void look_twice(ProcSample *samples, size_t n) {
        _cleanup_free_ uint64_t *before = calloc(n + 1, sizeof(uint64_t));
        usec_t start = clock_monotonic(), elapsed;
        ProcStat stat;

        if (!before)
                return;
        for (size_t i = 0; i < n; i++)
                before[i] = proc_read_stat(samples[i].pid, &stat) < 0 ? UINT64_MAX : stat.cpu_ticks;
        clock_sleep(SECOND_LOOK);
        elapsed = clock_monotonic() - start;
        for (size_t i = 0; i < n; i++)
                if (proc_read_stat(samples[i].pid, &stat) >= 0 && stat.cpu_ticks >= before[i])
                        samples[i].demand =
                                proc_ticks(stat.cpu_ticks - before[i]) * UTIL_FULL / elapsed;
}

typedef struct Crowd {
        const pid_t *named, *leaders;
        size_t n_named, n_leaders;
        bool tree; /* the named one's tree alone counts, not who is burning */
} Crowd;

static int sample_all(Backend *b, const pid_t *pids, size_t n, const Crowd *crowd, ProcSample **ret,
                      size_t *ret_n) {
        _cleanup_free_ ProcSample *samples = calloc(n + 1, sizeof(ProcSample));
        usec_t boottime = clock_boottime();
        bool blind = false;
        size_t kept = 0;

        if (!samples)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                ProcSample *s = &samples[kept];
                int r = proc_sample(pids[i], boottime, s);

                if (r >= 0 && !crowd->tree)
                        r = proc_read_demand(s->pid, boottime, &s->demand);
                if (r < 0 && r != -ENODATA) /* ended meanwhile */
                        continue;
                blind |= r == -ENODATA;
                s->named = is_in(s->pid, crowd->named, crowd->n_named);
                s->protected =
                        is_in(s->pid, crowd->leaders, crowd->n_leaders) || is_manager(b, s->pid);
                kept++;
        }
        if (blind)
                look_twice(samples, kept);
        *ret = TAKE_PTR(samples);
        *ret_n = kept;
        return 0;
}

static void report(SpareReport *ret, const ProcSample *s) {
        ret->n_moved++;
        for (size_t i = 0; i < ret->n_names; i++)
                if (strcmp(ret->names[i], s->comm) == 0)
                        return;
        if (ret->n_names < SPARE_NAMES_MAX)
                memcpy(ret->names[ret->n_names++], s->comm, PROC_COMM_MAX);
}

/* Moves those marked. The named one comes first: it gives the scope its name. */
static int move_offenders(Backend *b, Record *record, pid_t named, ProcSample *samples, size_t n,
                          const Limits *limits, SpareReport *ret) {
        _cleanup_free_ pid_t *pids = calloc(n + 1, sizeof(pid_t));
        size_t k = 0;

        if (!pids)
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                if (!samples[i].offender)
                        continue;
                pids[k++] = samples[i].pid;
                report(ret, &samples[i]);
                if (samples[i].pid == named) {
                        pids[k - 1] = pids[0];
                        pids[0] = named;
                }
        }
        return k == 0 ? 0 : b->ops->group(b, record, pids[0], pids, k, limits);
}

/* The target's processes that are not in one of its scopes yet. */
static int list_outside(Backend *b, const Record *record, const char *cgroup, pid_t **ret,
                        size_t *ret_n) {
        const char *skip = record->n_scopes > 0 ? record->scopes[record->n_scopes - 1] : NULL;

        return cgroupfs_list_procs(&b->fs, b->ops->placement ? "systemd" : "cpu", cgroup, skip, ret,
                                   ret_n);
}

/* Of the quota, what the scopes have. A part that is kept for somebody stays kept until the
 * release: who has been throttled wakes up too seldom to be told from one at rest. */
static int choose_share(Backend *b, Record *record, bool somebody, SpareReport *ret) {
        unsigned share = somebody ? BACKEND_SHARE_SPARING : BACKEND_SHARE_ALL;

        if (record->n_scopes == 0) {
                record->share = share;
                return 0;
        }
        if (record->share != BACKEND_SHARE_ALL || !somebody)
                return 0;
        record->share = share;
        ret->kept_more = true;
        return b->ops->apply(b, record);
}

int spare_offenders(Backend *b, Record *record, const pid_t *named, size_t n_named,
                    const pid_t *leaders, size_t n_leaders, SpareReport *ret) {
        const Crowd crowd = { named, leaders, n_named, n_leaders, .tree = false };
        _cleanup_free_ char *cgroup = NULL;
        Limits effective, limits;
        int r;

        *ret = (SpareReport){};
        record_effective(record, &effective, NULL);
        r = b->ops->cgroup(b, record, &cgroup);
        if (r < 0)
                return r;
        for (unsigned pass = 0; pass < PASSES_MAX; pass++) {
                _cleanup_free_ ProcSample *samples = NULL;
                _cleanup_free_ pid_t *pids = NULL;
                size_t n, moved = ret->n_moved;
                ssize_t found;

                r = list_outside(b, record, cgroup, &pids, &n);
                if (r >= 0)
                        r = sample_all(b, pids, n, &crowd, &samples, &n);
                if (r < 0)
                        return r;
                found = offenders_select(samples, n);
                if (found < 0)
                        return found;
                if (found == 0 && (pass > 0 || record->n_scopes == 0))
                        return 0;
                if (pass == 0)
                        r = choose_share(b, record, offenders_leave_somebody(samples, n), ret);
                if (r < 0)
                        return r;
                backend_scope_limits(&effective, record->share, &limits);
                r = move_offenders(b, record, n_named > 0 ? named[0] : 0, samples, n, &limits, ret);
                if (r < 0 || ret->n_moved == moved)
                        return r == -ESRCH ? 0 : r;
        }
        return 0;
}

int spare_tree(Backend *b, Record *record, pid_t root, const Limits *limits, SpareReport *ret) {
        const Crowd crowd = { .named = &root, .n_named = 1, .tree = true };
        size_t moved_before;
        int r;

        *ret = (SpareReport){};
        for (unsigned pass = 0; pass < PASSES_MAX; pass++) {
                _cleanup_free_ ProcSample *samples = NULL;
                _cleanup_free_ pid_t *pids = NULL;
                size_t n;

                r = proc_list(&pids, &n);
                if (r >= 0)
                        r = sample_all(b, pids, n, &crowd, &samples, &n);
                if (r < 0)
                        return r;
                moved_before = ret->n_moved;
                *ret = (SpareReport){};
                r = offenders_mark_tree(samples, n, root);
                if (r < 0)
                        return r;
                r = move_offenders(b, record, root, samples, n, limits, ret);
                /* Children born while their parents were moved are found by looking again; those
                 * born later are born inside. */
                if (r < 0 || ret->n_moved == moved_before)
                        return r;
        }
        return 0;
}
