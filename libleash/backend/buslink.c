/* SPDX-License-Identifier: MIT */
/* A message bus that may go and come back. */

#include <errno.h>
#include <time.h>

#include "backend/buslink.h"

#define PAUSE_MIN (2 * USEC_PER_SEC)
/* A host without a bus is not woken up for it all day. */
#define PAUSE_MAX (300 * USEC_PER_SEC)

static int later(BusLink *l);

static void drop(BusLink *l) {
        if (!l->bus)
                return;
        l->bus = sd_bus_close_unref(l->bus);
        if (l->gone)
                l->gone(l);
}

static int on_disconnected(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        BusLink *l = userdata;

        (void) m, (void) error;
        l->pause = PAUSE_MIN;
        return later(l);
}

static int open_bus(BusLink *l) {
        sd_bus *bus = NULL;
        int r;

        r = l->of_user ? sd_bus_open_user(&bus) : sd_bus_open_system(&bus);
        if (r >= 0)
                r = sd_bus_match_signal(bus, NULL, "org.freedesktop.DBus.Local",
                                        "/org/freedesktop/DBus/Local", "org.freedesktop.DBus.Local",
                                        "Disconnected", on_disconnected, l);
        if (r >= 0)
                r = sd_bus_attach_event(bus, l->event, SD_EVENT_PRIORITY_NORMAL);
        if (r < 0) {
                sd_bus_close_unref(bus);
                return r;
        }
        l->bus = bus;
        r = l->set_up(l);
        if (r < 0)
                drop(l);
        return r;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata) {
        BusLink *l = userdata;

        (void) source, (void) usec;
        drop(l);
        if (open_bus(l) >= 0) {
                l->pause = PAUSE_MIN;
                return 0;
        }
        l->pause = MIN_OF(l->pause * 2, PAUSE_MAX);
        return later(l);
}

static int later(BusLink *l) {
        l->retry = sd_event_source_disable_unref(l->retry);
        return sd_event_add_time_relative(l->event, &l->retry, CLOCK_MONOTONIC, l->pause,
                                          USEC_PER_SEC, on_retry, l);
}

int buslink_open(BusLink *l) {
        l->pause = PAUSE_MIN;
        return open_bus(l) >= 0 ? 0 : later(l);
}

void buslink_close(BusLink *l) {
        l->retry = sd_event_source_disable_unref(l->retry);
        if (l->bus)
                (void) sd_bus_flush(l->bus);
        l->bus = sd_bus_close_unref(l->bus);
}
