/* SPDX-License-Identifier: MIT */
/* A message bus that may go and come back: connected again after a while, and set up anew.
 *
 * For programs with an event loop, who have something better to do than wait: nothing here blocks.
 */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#include "core/macro.h"

typedef struct BusLink BusLink;

struct BusLink {
        sd_event *event;
        sd_bus *bus; /* NULL while there is none */
        bool of_user;
        /* Called with every new connection; a failure is one of the connection. */
        int (*set_up)(BusLink *l);
        /* The connection is gone, with all that was set up on it; may be NULL. */
        void (*gone)(BusLink *l);
        void *userdata;
        sd_event_source *retry;
        usec_t pause; /* until the next attempt */
};

/* Connects, now or later. Returns 0, or -errno if not even the waiting could be arranged. */
int buslink_open(BusLink *l);
void buslink_close(BusLink *l);
