/* SPDX-License-Identifier: MIT */
/* What a host that can enforce limits offers, whichever way it does it.
 *
 * Two kinds: "systemd" where PID 1 is systemd, "cgroup" elsewhere. A backend makes the system match
 * a Record and nothing else; what a record says is decided before, when it is written to the
 * ledger. Every operation may be repeated, and each is bounded in time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "core/plan.h"
#include "core/record.h"
#include "os/cgroupfs.h"

typedef struct Backend Backend;
typedef struct Ledger Ledger;

typedef struct BackendOps BackendOps;

typedef struct BackendOptions {
        const char *name;    /* "systemd" or "cgroup" forces one; NULL looks at the host */
        const char *root;    /* stands before /run, /etc, /sys/fs/cgroup: "" but in tests */
        const char *program; /* full path of leash, for expiry */
        usec_t timeout;      /* for each call to a service */
        /* Where somebody's login waits: monotonic time by which everything ends, done or not; 0 for
         * none. With it nothing waits for a disk either, so what persists may be lost if the
         * machine loses power that very moment. */
        usec_t deadline;
        usec_t patience; /* how long the kernel may take to show a limit; 0: a second */
} BackendOptions;

/* The start of every backend's object. */
struct Backend {
        const BackendOps *ops;
        BackendOptions options; /* the strings are borrowed from the program */
        CgroupFs fs;
};

struct BackendOps {
        const char *name;

        /* True if cgroup paths tell whose login a process belongs to. */
        bool placement;

        /* True if this host is of this kind. */
        bool (*probe)(const BackendOptions *options);

        /* Connects. Returns 0 and a new object that starts with a Backend, whose members the
         * caller fills; -errno. */
        int (*open)(const BackendOptions *options, Backend **ret);
        Backend *(*free)(Backend *b);

        /* Something is going to be changed: starts what takes another process its time, without
         * waiting for it. What fails here fails again, and is told, where it is needed. NULL: there
         * is nothing. */
        void (*prepare)(Backend *b);

        /* The cgroup that carries the target's limits, as the kernel names it below each
         * hierarchy's root ("/user.slice/user-1000.slice"); a new string. Pure naming: the group
         * need not exist. Returns 0 or -errno. */
        int (*cgroup)(Backend *b, const Record *record, char **ret);

        /* Reads what the target had before leash, for the limits in `which` (bits as in
         * Limits.set), into record->base, and notes in record->files and ->fingerprint what is
         * needed to give it back byte for byte. Called once for each limit, before apply().
         * Returns 0 or -errno. */
        int (*read_base)(Backend *b, Record *record, uint32_t which);

        /* Before a record that was in order is changed: notes what others have changed meanwhile of
         * that which will have to be given back. Returns 0 or -errno. NULL: there is nothing. */
        int (*refresh)(Backend *b, Record *record);

        /* As read_base() but without asking anybody who may take time: base values stay open, and
         * what they were is found out when they are needed. NULL: read_base() takes no time.
         * Called before each apply() that brings a new limit. Returns 0 or -errno. */
        int (*note_base)(Backend *b, Record *record, uint32_t which);

        /* Makes the target carry the record's effective limits; base values for limits that are
         * in base but no longer set by a layer. Returns 0 or -errno. */
        int (*apply)(Backend *b, Record *record);

        /* Gives everything back: base values, files, scopes without limits, groups of our own.
         * The record has no layers any more. Returns 0 or -errno. */
        int (*restore)(Backend *b, Record *record);

        /* Puts the processes into a group of their own below the target with `limits` (quota and
         * period), named after `named`; more processes may be added by a second call. For
         * TARGET_TREE, and for jobs outside the target, this is also how they get in.
         * Adds the group to record->scopes. Returns 0; -EOPNOTSUPP if the target's kind cannot
         * hold such a group; -errno. */
        int (*group)(Backend *b, Record *record, pid_t named, const pid_t *pids, size_t n,
                     const Limits *limits);

        /* Moves a process from outside into a scope of its own below the user's slice, named
         * BACKEND_JOB_PREFIX and more, without limits of its own; makes the slice, if it is not
         * there. Returns when it is there; -ETIMEDOUT; -errno. NULL: this backend finds such
         * processes by itself. */
        int (*adopt)(Backend *b, uid_t uid, const char *user, const char *what, pid_t pid);

        /* Has `leash release --expired` run at `until` (realtime) although every leash process
         * may die. Replaces the timer in record->timer, and names the new one there.
         * USEC_INFINITY: takes it away. Returns 0 or -errno. */
        int (*arm)(Backend *b, Record *record, usec_t until);

        /* False if the timer in record->timer is not there any more. NULL: cannot tell. */
        bool (*armed)(Backend *b, const Record *record);

        /* Returns 1 if the target exists now, 0 if not (its user has logged out, its processes
         * ended), or -errno. */
        int (*exists)(Backend *b, const Record *record);

        /* Processes of the owner outside the target, as a new array. Returns 0 or -errno. */
        int (*escapees)(Backend *b, const Record *record, pid_t **ret, size_t *ret_n);
};

#define BACKEND_JOB_PREFIX "leash-job-"

extern const BackendOps backend_systemd;
extern const BackendOps backend_cgroup;

/* Picks the backend and connects. Returns 0; -EINVAL for an unknown name; -ENODEV if none can work
 * on this host; -errno. */
int backend_open(const BackendOptions *options, Backend **ret);

/* The same with that one: for those who must not draw in the libraries of others. Whether this host
 * is of its kind is not asked. Returns 0 or -errno. */
int backend_open_with(const BackendOps *ops, const BackendOptions *options, Backend **ret);
Backend *backend_free(Backend *b);
DEFINE_CLEANUP(Backend *, backend_free);

/* What the offenders' scope gets of the target's quota, in percent. Where there is a desktop, it
 * has to find some of the quota unused whenever it wakes up. Where there is nobody to spare, the
 * offenders may have all but what a shell needs to echo a key. */
#define BACKEND_SHARE_SPARING 80
#define BACKEND_SHARE_ALL 98

/* The limits of the offenders' scope under a target with these: a share of its quota. Sparing, in a
 * period of 10 ms, so that they use it up evenly and not at the start of each of the slice's
 * periods; else in the usual one, since short periods waste what a late timer skips. */
void backend_scope_limits(const Limits *target, unsigned share, Limits *ret);

/* Gathers the facts about a process that pidfd pins. Returns 0; -ESRCH if it is gone or ended
 * meanwhile; -errno. */
int backend_facts(Backend *b, pid_t pid, int pidfd, ProcessFacts *ret);

/* True for a record whose leash was put on by the means of another backend than this one: of PID 1
 * or of groups of our own, neither of which can give back what the other has taken. Such a record
 * is shown, and left alone: a host may be booted without systemd once, and with it the next time.
 * Of one from before this was written down it is not known, and then it counts as ours. */
bool backend_is_other(const Backend *b, const Record *record);

/* How far the kernel agrees with a record. */
typedef struct Enforcement {
        bool enforced;          /* every effective limit stands in the kernel */
        bool absent;            /* the target's cgroup does not exist now: nobody is logged in */
        Limit missing;          /* the first limit that does not stand, though it could; else the
                                 * first that the kernel does not have */
        char kernel[64];        /* what the kernel says of it, or empty */
        bool controller_absent; /* because its controller is not available to the target */
        bool unsupported;       /* because this kernel's cgroup version cannot express it */
} Enforcement;

/* Compares the record's effective limits with the kernel's files; of a record that is dirty for as
 * long as BackendOptions.patience allows. Returns 0, whatever *ret says; -errno if that could not
 * be found out. */
int backend_verify(Backend *b, const Record *record, Enforcement *ret);

/* The same in one look, without waiting for what has just been set. Returns as
 * backend_verify(). */
int backend_look(Backend *b, const Record *record, Enforcement *ret);

/* The same for values that are others than they were set to: a limit that the kernel has no file
 * for was never in force, and cannot be put back. */
int backend_look_for_drift(Backend *b, const Record *record, Enforcement *ret);

/* Writes the record as intent, makes the system match it, verifies, arms the expiry, and writes it
 * as done; or, if no layer is left, restores and deletes it. The caller holds the record's lock.
 * Whatever this is killed at, calling it again finishes the work.
 * Returns 0 (look at ret->enforced); -EXDEV with nothing changed if it is another backend's; -errno
 * with the record left dirty. */
int backend_converge(Backend *b, Ledger *ledger, Record *record, Enforcement *ret);

/* How long a record stands for a login that has not made its slice yet: pam_leash is done before
 * pam_systemd begins, and between them may be modules that mount a home. */
#define BACKEND_LOGIN_GRACE (30 * USEC_PER_SEC)

/* True if nobody but the policy limits a user who is not logged in any more: such a record ends. If
 * it is not yet time to say so, *ret_wait (may be NULL) is how long to wait, else 0. */
bool backend_login_is_over(Backend *b, Ledger *ledger, const Record *record, usec_t *ret_wait);

typedef enum Settled {
        SETTLED_FINISHED, /* an interrupted leash or release was completed */
        SETTLED_EXPIRED,  /* its time was up */
        SETTLED_GONE,     /* the session or process it was for has ended, or the last login */
        SETTLED_ARMED,    /* its timer had been lost, by a reboot */
        SETTLED_DAMAGED,  /* a record was set aside; told() gets NULL for it */
} Settled;

/* Finishes what an interrupted leash left behind, ends what has expired, and arms again what lost
 * its timer, for every record that nobody is working on, or that is let go of within `patience`.
 * told() hears of each, with the record as it was before. Returns how many records were brought to
 * order, or the first -errno, -EBUSY for a record that was not let go of; it goes on after all but
 * -ETIMEDOUT. If nothing was to be done, *ret (may be NULL) gets the records that it has read, for
 * ledger_free_records(); else it is left alone. */
int backend_settle(Backend *b, Ledger *ledger, usec_t patience,
                   void (*told)(const Record *, Settled, void *), void *userdata, Record ***ret,
                   size_t *ret_n);
