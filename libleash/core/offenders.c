/* SPDX-License-Identifier: MIT */
/* Which processes of a session are the trouble, so that the rest of the desktop can be spared. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "core/offenders.h"

/* A busy loop is runnable all the time, however little CPU it gets where many fight for it; over
 * a half-life of 32 ms it settles at 967 to 1023. A desktop program sleeps between events and
 * stays well below. A process just forked starts at up to half (post_init_entity_util_avg() in
 * kernel/sched/fair.c), so half proves nothing. */
#define DEMAND_BURNING (UTIL_FULL * 3 / 4)

/* A parent whose ended children used this share of its life is a spawner of burners, once they
 * used enough to count at all. */
#define SPAWNER_SHARE 10
#define SPAWNER_CPU_MIN (50 * USEC_PER_MSEC)

/* Players, terminals under load, games and remote desktops wake up this often. A process younger
 * than the age has had its start-up only. */
#define LIVELY_WAKEUPS_PER_SEC 15
#define LIVELY_AGE_MIN (2 * USEC_PER_SEC)

static bool is_display(const char *comm) {
        static const char *const names[] = { "Xorg",  "Xvnc",        "Xtigervnc",    "Xwayland",
                                             "X",     "gnome-shell", "kwin_wayland", "sway",
                                             "labwc", "weston" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(names[i], comm) == 0)
                        return true;
        return false;
}

bool offenders_is_desktop(const char *comm) {
        /* As the kernel cuts them: 15 characters. */
        static const char *const names[] = {
                "Xorg",
                "Xvnc",
                "Xtigervnc",
                "Xwayland",
                "X",
                "Xephyr",
                "xrdp-chansrv",
                "xrdp-sesexec",
                "xrdp-sesman",
                "gnome-shell",
                "gnome-session-b",
                "mutter",
                "kwin_x11",
                "kwin_wayland",
                "plasmashell",
                "ksmserver",
                "plasma_session",
                "xfwm4",
                "xfce4-session",
                "xfce4-panel",
                "xfdesktop",
                "xfsettingsd",
                "cinnamon",
                "cinnamon-sessio",
                "muffin",
                "marco",
                "mate-session",
                "mate-panel",
                "openbox",
                "fluxbox",
                "icewm",
                "metacity",
                "lxsession",
                "lxqt-session",
                "lxpanel",
                "i3",
                "sway",
                "labwc",
                "weston",
                "dbus-daemon",
                "dbus-broker",
                "dbus-broker-lau",
                "at-spi-bus-laun",
                "pipewire",
                "pipewire-pulse",
                "wireplumber",
                "pulseaudio",
                "ibus-daemon",
                "fcitx",
                "fcitx5",
                "ssh-agent",
                "gpg-agent",
                "xscreensaver",
                "xsecurelock",
                "i3lock",
                "leash-lock",
                "(sd-pam)",
                "systemd",
                "sshd",
                "sshd-session",
                "login",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(names[i], comm) == 0)
                        return true;
        return false;
}

bool offenders_is_burning(const ProcSample *p) {
        return p->demand >= DEMAND_BURNING;
}

static int compare_pid(const void *a, const void *b) {
        const ProcSample *x = a, *y = b;

        return (x->pid > y->pid) - (x->pid < y->pid);
}

#define NONE SIZE_MAX

/* The samples as a family, so that each question is answered in one pass from parents to children:
 * a user can make chains of ten thousand processes. */
typedef struct Family {
        ProcSample *samples;
        size_t n;
        size_t *parent; /* index, or NONE */
        size_t *order;  /* indexes, parents before their children */
        size_t n_order;
} Family;

static void family_done(Family *f) {
        free(f->parent);
        free(f->order);
}

typedef struct Children {
        size_t *first, *next; /* by index: the first child, the next sibling */
        bool *seen;
} Children;

/* Breadth first, from one whose parent is not among the samples. */
static void family_add(Family *f, size_t root, const Children *c) {
        size_t at = f->n_order;

        c->seen[root] = true;
        for (f->order[f->n_order++] = root; at < f->n_order; at++)
                for (size_t i = c->first[f->order[at]]; i != NONE; i = c->next[i]) {
                        if (c->seen[i])
                                continue;
                        c->seen[i] = true;
                        f->order[f->n_order++] = i;
                }
}

static void family_sort(Family *f, const Children *c) {
        for (size_t i = 0; i < f->n; i++)
                c->first[i] = NONE;
        for (size_t i = 0; i < f->n; i++) {
                if (f->parent[i] == NONE)
                        continue;
                c->next[i] = c->first[f->parent[i]];
                c->first[f->parent[i]] = i;
        }
        for (size_t i = 0; i < f->n; i++)
                if (f->parent[i] == NONE)
                        family_add(f, i, c);
        /* What is left goes round in circles: parents changed while they were read. */
        for (size_t i = 0; i < f->n; i++) {
                if (c->seen[i])
                        continue;
                f->parent[i] = NONE;
                family_add(f, i, c);
        }
}

static bool family_init(Family *f, ProcSample *samples, size_t n) {
        _cleanup_free_ size_t *first_child = calloc(n + 1, sizeof(size_t));
        _cleanup_free_ size_t *next_sibling = calloc(n + 1, sizeof(size_t));
        _cleanup_free_ bool *seen = calloc(n + 1, sizeof(bool));

        *f = (Family){
                .samples = samples,
                .n = n,
                .parent = calloc(n + 1, sizeof(size_t)),
                .order = calloc(n + 1, sizeof(size_t)),
        };
        if (!f->parent || !f->order || !first_child || !next_sibling || !seen)
                return false;
        if (n > 0)
                qsort(samples, n, sizeof(ProcSample), compare_pid);
        for (size_t i = 0; i < n; i++) {
                ProcSample key = { .pid = samples[i].ppid };
                ProcSample *up = bsearch(&key, samples, n, sizeof(ProcSample), compare_pid);

                f->parent[i] = up ? (size_t) (up - samples) : NONE;
        }
        family_sort(f, &(Children){ first_child, next_sibling, seen });
        return true;
}

static bool may_move(const ProcSample *p) {
        return !p->protected && !offenders_is_desktop(p->comm);
}

static int compare_group(const void *a, const void *b) {
        pid_t x = *(const pid_t *) a, y = *(const pid_t *) b;

        return x < y ? -1 : x > y;
}

/* True if what a terminal's keys go to is no offender, and no part of a job with one in it: a shell
 * that waits for its script waits for the script's offender, and a person for both. */
static bool leave_terminal(const ProcSample *samples, size_t n) {
        _cleanup_free_ pid_t *jobs = calloc(n + 1, sizeof(pid_t));
        size_t n_jobs = 0;

        if (!jobs)
                return true; /* to be spared for nothing costs less than not to be */
        for (size_t i = 0; i < n; i++)
                if (samples[i].offender)
                        jobs[n_jobs++] = samples[i].pgid;
        qsort(jobs, n_jobs, sizeof(pid_t), compare_group);
        for (size_t i = 0; i < n; i++)
                if (samples[i].foreground && !samples[i].offender &&
                    !bsearch(&samples[i].pgid, jobs, n_jobs, sizeof(pid_t), compare_group))
                        return true;
        return false;
}

bool offenders_leave_somebody(const ProcSample *samples, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const ProcSample *p = &samples[i];

                if (p->offender)
                        continue;
                if (is_display(p->comm))
                        return true;
                if (may_move(p) && p->age >= LIVELY_AGE_MIN &&
                    p->wakeups / LIVELY_WAKEUPS_PER_SEC >= p->age / USEC_PER_SEC)
                        return true;
        }
        return leave_terminal(samples, n);
}

static bool is_spawner(const ProcSample *p) {
        return p->children_cpu >= SPAWNER_CPU_MIN && p->children_cpu >= p->age / SPAWNER_SHARE;
}

/* For each process the highest spawner above it inside its POSIX session. The session's leader ends
 * the climb: that is the shell in a terminal, or the login itself, and moving it would move all its
 * other jobs. */
static void find_spawners(const Family *f, size_t *ret) {
        for (size_t i = 0; i < f->n; i++)
                ret[i] = NONE;
        for (size_t at = 0; at < f->n_order; at++) {
                size_t i = f->order[at], p = f->parent[i];
                const ProcSample *up = p == NONE ? NULL : &f->samples[p];

                if (!up || up->sid != f->samples[i].sid || up->pid == up->sid || !may_move(up))
                        continue;
                ret[i] = ret[p] != NONE ? ret[p] : is_spawner(up) ? p : NONE;
        }
}

/* Spreads the marks to all descendants, those of the desktop left out where `movable` is set. */
static size_t mark_descendants(const Family *f, bool *marks, bool movable) {
        size_t found = 0;

        for (size_t at = 0; at < f->n_order; at++) {
                size_t i = f->order[at];

                marks[i] |= f->parent[i] != NONE && marks[f->parent[i]];
        }
        for (size_t i = 0; i < f->n; i++) {
                f->samples[i].offender |= marks[i] && (!movable || may_move(&f->samples[i]));
                found += f->samples[i].offender;
        }
        return found;
}

ssize_t offenders_select(ProcSample *samples, size_t n) {
        _cleanup_free_ bool *marks = calloc(n + 1, sizeof(bool));
        _cleanup_free_ size_t *spawners = calloc(n + 1, sizeof(size_t));
        _cleanup_(family_done) Family f = {};

        if (!marks || !spawners || !family_init(&f, samples, n))
                return -ENOMEM;
        find_spawners(&f, spawners);
        for (size_t i = 0; i < n; i++) {
                ProcSample *p = &samples[i];

                p->offender = may_move(p) && (p->named || offenders_is_burning(p));
                if (!p->offender)
                        continue;
                marks[spawners[i] == NONE ? i : spawners[i]] = true;
                marks[i] |= p->named;
        }
        return mark_descendants(&f, marks, true);
}

int offenders_mark_tree(ProcSample *samples, size_t n, pid_t root) {
        _cleanup_free_ bool *marks = calloc(n + 1, sizeof(bool));
        _cleanup_(family_done) Family f = {};

        if (!marks || !family_init(&f, samples, n))
                return -ENOMEM;
        for (size_t i = 0; i < n; i++) {
                samples[i].offender = false;
                marks[i] = samples[i].pid == root;
        }
        (void) mark_descendants(&f, marks, false); /* the count is the caller's own */
        return 0;
}
