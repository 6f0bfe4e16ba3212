/* SPDX-License-Identifier: MIT */
/* Who asks the session not to be locked: org.freedesktop.ScreenSaver on the session's bus.
 *
 * The name is ours where it is free. Where a desktop has it, the name is waited for, and whoever
 * keeps that desktop's inhibitors is asked instead: org.gnome.SessionManager, also MATE's and
 * Cinnamon's; org.kde.Solid.PowerManagement.PolicyAgent. All of them count as one. What callers
 * send is counted and cut, never believed; who goes is forgotten. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/macro.h"

typedef struct sd_event sd_event;

typedef struct Inhibit Inhibit;

#define INHIBIT_MAX 64        /* at once */
#define INHIBIT_PER_CLIENT 16 /* of one connection */
#define INHIBIT_NAME_BYTES 64 /* kept of what a client calls itself */
/* SimulateUserActivity() holds so long: players send it every 30 to 50 s. */
#define INHIBIT_ACTIVITY (60 * USEC_PER_SEC)

typedef struct InhibitHandlers {
        void (*changed)(void *userdata);
        void (*lock)(void *userdata); /* somebody asks for the lock */
        bool (*is_active)(void *userdata);
        usec_t (*idle_time)(void *userdata);
        void *userdata;
} InhibitHandlers;

/* Returns 0 or -errno; without a session bus there are simply no inhibitors until there is one. */
int inhibit_open(sd_event *event, const InhibitHandlers *handlers, Inhibit **ret);
Inhibit *inhibit_free(Inhibit *i);
DEFINE_CLEANUP(Inhibit *, inhibit_free);

size_t inhibit_count(const Inhibit *i);

/* The name of the i-th, escaped; NULL beyond the last. */
const char *inhibit_name(const Inhibit *i, size_t at);

/* Says ActiveChanged(). */
void inhibit_say_active(Inhibit *i, bool active);
