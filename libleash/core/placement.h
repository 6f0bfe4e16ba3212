/* SPDX-License-Identifier: MIT */
/* Where a process lives: what its cgroup path says about owner, session and unit. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "core/macro.h"

typedef enum PlacementKind {
        PLACEMENT_ROOT, /* the root cgroup: kernel threads, and everything where systemd is absent
                         */
        PLACEMENT_INIT, /* init.scope: PID 1 */
        PLACEMENT_SESSION, /* user.slice/user-UID.slice/session-ID.scope */
        PLACEMENT_MANAGER, /* user@UID.service and whatever runs under it */
        PLACEMENT_LEASHED, /* a scope of ours, under the user's slice */
        PLACEMENT_SLICE,   /* elsewhere under the user's slice */
        PLACEMENT_SERVICE, /* a unit of the system */
        PLACEMENT_MACHINE, /* a container or virtual machine */
        _PLACEMENT_MAX,
        _PLACEMENT_INVALID = -EINVAL,
} PlacementKind;

/* Unit names are at most 255 bytes (systemd.unit(5)). */
#define PLACEMENT_NAME_MAX 256

typedef struct Placement {
        PlacementKind kind;
        uid_t owner;                      /* whose login it is; (uid_t) -1 outside user slices */
        char session[PLACEMENT_NAME_MAX]; /* logind's session id, or empty */
        char unit[PLACEMENT_NAME_MAX];    /* innermost unit of the system manager, or empty */
        char app[PLACEMENT_NAME_MAX];     /* unit of the user manager, or empty */
} Placement;

#define PLACEMENT_NULL ((Placement){ .kind = PLACEMENT_ROOT, .owner = (uid_t) -1 })

/* Reads a path as /proc/PID/cgroup shows it ("/user.slice/user-1000.slice/session-3.scope"),
 * by the names alone, as sd_pid_get_session(3) does: nothing a user can put below their own
 * slice changes the owner found, since the outermost user slice decides.
 * Returns 0; -EINVAL if it is not an absolute path. */
int placement_parse(const char *cgroup, Placement *ret);

/* True if one path is the other, or lies below it. */
bool placement_is_inside(const char *cgroup, const char *group);

/* A cgroup path of a unit in a user's slice */
#define PLACEMENT_CGROUP_MAX (2 * PLACEMENT_NAME_MAX)

/* The other way round, as systemd names them: the user's slice, "user-1000.slice"; the cgroup of a
 * unit in it, or its own if unit is NULL; the cgroup of a session. Names longer than a unit's may
 * be are cut, and so are nobody's. */
void placement_user_slice(uid_t uid, char ret[static PLACEMENT_NAME_MAX]);
void placement_user_cgroup(uid_t uid, const char *unit, char ret[static PLACEMENT_CGROUP_MAX]);
void placement_session_cgroup(uid_t uid, const char *id, char ret[static PLACEMENT_CGROUP_MAX]);

/* Reads "user-UID.slice". Returns 0, -EINVAL if the name is another. */
int placement_uid_from_slice(const char *name, uid_t *ret);
