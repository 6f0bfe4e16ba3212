/* SPDX-License-Identifier: MIT */
/* What the parts of the systemd backend share. */
#pragma once

#include "backend/backend.h"
#include "backend/bus.h"

typedef struct Systemd {
        Backend backend;
        Bus bus; /* connected at first use, or by prepare(): looking needs no connection */
} Systemd;

static inline _unused_ Bus *systemd_bus(Systemd *s) {
        return &s->bus;
}

static inline _unused_ Systemd *SYSTEMD(Backend *b) {
        return (Systemd *) b;
}

/* Connects and waits for PID 1 to agree, if that has not been done. Returns 0 or -errno. */
int systemd_connect(Systemd *s);

/* BackendOps.cgroup, .group and .adopt in backend.h, where their outcomes are. */
int systemd_cgroup(Backend *b, const Record *record, char **ret);

/* ---- systemd-scope.c ---------------------------------------------------------------------------
 */

/* Gives all of the offenders' scopes that the target has these limits. Returns 0 or -errno. */
int systemd_set_scopes(Systemd *s, const Record *record, const Limits *limits);

/* Takes their limits away. Returns 0 or -errno. */
int systemd_restore_scopes(Systemd *s, const Record *record);

/* As above. */
int systemd_group(Backend *b, Record *record, pid_t named, const pid_t *pids, size_t n,
                  const Limits *limits);
int systemd_adopt(Backend *b, uid_t uid, const char *user, const char *what, pid_t pid);
