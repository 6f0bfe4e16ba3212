/* SPDX-License-Identifier: MIT */
/* What the parts of the systemd backend share. */
#pragma once

#include "backend/backend.h"
#include "backend/bus.h"

typedef struct Systemd {
        Backend backend;
        Bus bus; /* connected at first use, or by prepare(): looking needs no connection */
} Systemd;

/* For the descriptions of units, which PID 1 takes as UTF-8 only (sd_bus_message_append_basic(3)
 * refuses anything else): so much of a name by escape_text(), and so long are two of them in a
 * sentence. */
#define SYSTEMD_NAME_MAX 60
#define SYSTEMD_DESCRIPTION_MAX (2 * (4 * SYSTEMD_NAME_MAX + 3) + 64)

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
