/* SPDX-License-Identifier: MIT */
/* How leash-lock tells of itself: lines KEY=VALUE between two of it, then text or JSON. */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>

#include "core/idle.h"

typedef struct Status {
        const char *display, *session; /* session: may be NULL */
        pid_t pid;
        IdleState state;
        bool locked_hint, idle_hint, locker_up;
        usec_t idle;
        usec_t closed_at, locked_at; /* realtime; 0 if not */
        const char *locker;
        pid_t locker_pid; /* 0: none runs */
        uint64_t deaths, inhibitors;
        const char *inhibitor_names;
} Status;

/* Writes the lines; what does not fit is left out. */
void status_format(const Status *s, char *buf, size_t size);

/* Prints such lines for people, or as a JSON array of one object. Unknown keys are left out, and
 * what is no value of its type counts as missing: any client of the display may have answered. */
void status_print(char *lines, bool json, FILE *f);
