/* SPDX-License-Identifier: MIT */
/* PID 1 over D-Bus: the calls leash makes, each with its own time limit.
 *
 * Every function returns 0 or a negative errno, but where it says otherwise. What PID 1 answered is
 * mapped by sd-bus, mostly to -EIO; told apart are -ENOENT for a unit that there is not, -EEXIST
 * for one that there is, -ESRCH for a process that has gone, -EACCES for what is not allowed,
 * -EBADMSG for a property of another type. -ETIMEDOUT is the time limit of the call, or the
 * deadline. */
#pragma once

#include <sys/types.h>
#include <systemd/sd-bus.h>

#include "core/limits.h"

typedef struct Bus {
        sd_bus *bus;
        usec_t timeout;  /* for each call */
        usec_t deadline; /* monotonic, for all of them together; 0: none */
} Bus;

/* Connects, without waiting for the other side's word: as root over PID 1's private socket, which
 * saves the broker's hop and works when the broker does not; else, or where that socket is missing,
 * over the system bus. With a deadline over the private socket alone: where the system bus is, the
 * environment may tell. `root` stands before the socket's path. Returns 0, with a connection for
 * bus_close(); -EPERM for others than root with a deadline; -errno. */
int bus_begin(const char *root, usec_t timeout, usec_t deadline, Bus *ret);

/* Waits until the other side has agreed, as long as a call may take. At once if it has before.
 * Returns 0; -ETIMEDOUT; -errno. */
int bus_wait(Bus *b);

/* Both. Returns as they do; the connection is closed again if that fails. */
int bus_open(const char *root, usec_t timeout, usec_t deadline, Bus *ret);
void bus_close(Bus *b);

/* Reads one of the unit's properties of type t. The interface is chosen by the unit's suffix. A
 * unit that is not loaded is loaded for it, so its files are read. Returns 0, with that limit set
 * in *ret and the others left alone; -errno. */
int bus_get_limit(Bus *b, const char *unit, Limit limit, Limits *ret);

/* Reads a property of type s of the unit's common part, such as "ActiveState"; a new string.
 * Returns 0 or -errno. */
int bus_get_state(Bus *b, const char *unit, const char *property, char **ret);

/* The type of the job that PID 1 has queued for the unit ("start", "restart"); a new string, empty
 * if there is none. Returns 0 or -errno. */
int bus_get_job(Bus *b, const char *unit, char **ret);

/* Returns 1 if the unit is loaded, 0 if not, -errno. */
int bus_unit_is_loaded(Bus *b, const char *unit);

/* SetUnitProperties for the limits of `l` that have a property, at run time. Returns 0; -ENOENT;
 * -errno. */
int bus_set_limits(Bus *b, const char *unit, const Limits *l);

/* FreezeUnit or ThawUnit. Returns 0; -ENOENT; -errno. */
int bus_freeze(Bus *b, const char *unit, bool freeze);

/* Manager.Reload, which reads all unit files again; its own time limit of a minute.
 * Returns 0 or -errno. */
int bus_reload(Bus *b);

/* Both return when PID 1 has taken the job: 0; -ENOENT; -errno. */
int bus_start_unit(Bus *b, const char *unit);
int bus_stop_unit(Bus *b, const char *unit);

typedef struct BusScope {
        const char *name, *slice, *description;
        const char *part_of; /* or NULL */
        const pid_t *pids;
        size_t n_pids;
        const Limits *limits;
} BusScope;

/* StartTransientUnit for a scope. Returns as soon as PID 1 has taken the job: 0; -EEXIST; -ESRCH if
 * a process is gone; -errno. */
int bus_start_scope(Bus *b, const BusScope *scope);

/* AttachProcessesToUnit, which needs a delegated unit. Returns 0; -ESRCH if the process is gone;
 * -ENOENT; -errno. */
int bus_attach(Bus *b, const char *unit, pid_t pid);

typedef struct BusService {
        const char *name, *description;
        uid_t uid;               /* it runs as this user, who is in NSS, and their groups */
        usec_t runtime;          /* after which all of it is killed */
        const char *const *argv; /* handed over as it is, ended by NULL */
} BusService;

/* StartTransientUnit for a service that runs argv once, as a user: in a group of its own below
 * system.slice, with bounds on what it is and on how long. It gets nothing of the caller's, it says
 * nothing to the journal, and how it ends is nobody's matter. Returns as soon as PID 1 has taken
 * the job: 0 or -errno. */
int bus_start_service(Bus *b, const BusService *service);

/* The same, and waits until it has ended, for a little longer than it may run: over the private
 * socket alone. Returns 1 if it has succeeded, 0 if it has not, as when it was killed; -ETIMEDOUT
 * if PID 1 has not said so by then; -errno. */
int bus_run_service(Bus *b, const BusService *service);

/* StartTransientUnit for a timer and the service it starts, which runs argv once. Both have the
 * same name up to the suffix: a transient timer takes no Unit= (systemd, src/core/dbus-timer.c).
 * `realtime` is rounded up to the second. Returns 0; -EEXIST; -errno. */
int bus_start_timer(Bus *b, const char *timer, const char *service, const char *description,
                    usec_t realtime, const char *const argv[]);
