/* SPDX-License-Identifier: MIT */
/* Every remote desktop of this host at a glance: what leash-xrdp shows, and what it acts on.
 *
 * A running leashd has followed the sessions, and what it has written down is read; without one,
 * logind is asked, and since when nobody has been looking is not known. The displays are looked at
 * in any case, so nothing here is older than this moment. */
#pragma once

#include "backend/ledger.h"
#include "backend/tickets.h"
#include "backend/usage.h"
#include "backend/viewers.h"
#include "core/limits.h"
#include "os/cgroupfs.h"

typedef struct Desktop {
        char *user;         /* name, or number */
        Session session;    /* id is "" for a VNC server that belongs to no session of logind's */
        const char *server; /* "xorg", "xvnc" behind xrdp, "vnc"; "-" if unknown */
        char address[SOCKDIAG_ADDRESS_MAX]; /* "" if not connected, or nothing tells */
        bool duplicate;                     /* the user has another desktop */
        bool followed; /* by leashd: since when it is connected, disconnected, locked is true */
        Ticket ticket;
        /* Of the user, all sessions together: */
        double cpu_percent, cpu_hour_percent; /* of one CPU; < 0 if not known */
        uint64_t memory;                      /* bytes; USAGE_UNKNOWN */
        Limits limits;                        /* in force by leash */
        Layer layer;                          /* that decides; _LAYER_INVALID for none */
} Desktop;

typedef struct Desktops {
        Desktop *all; /* by user, then display */
        size_t n;
        bool live; /* a leashd keeps since when */
} Desktops;

typedef struct DesktopsOptions {
        const char *root; /* stands before /run, /tmp, /sys/fs/cgroup: "" but in tests */
        uid_t uid_min;
        usec_t timeout; /* for logind */
        bool measure;   /* CPU, memory, tickets, limits: takes a moment */
} DesktopsOptions;

/* Looks. As root. Returns 0 or -errno. */
int desktops_read(const DesktopsOptions *options, Desktops *ret);
void desktops_done(Desktops *d);
