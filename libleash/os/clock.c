/* SPDX-License-Identifier: MIT */
/* The clocks, in microseconds. */

#include <errno.h>
#include <time.h>

#include "os/clock.h"

static usec_t now(clockid_t clock) {
        struct timespec ts;

        (void) clock_gettime(clock, &ts); /* cannot fail for these clocks */
        return (usec_t) ts.tv_sec * USEC_PER_SEC + ts.tv_nsec / NSEC_PER_USEC;
}

usec_t clock_realtime(void) {
        return now(CLOCK_REALTIME);
}

usec_t clock_monotonic(void) {
        return now(CLOCK_MONOTONIC);
}

usec_t clock_boottime(void) {
        return now(CLOCK_BOOTTIME);
}

void clock_sleep(usec_t usec) {
        struct timespec ts = { .tv_sec = usec / USEC_PER_SEC,
                               .tv_nsec = usec % USEC_PER_SEC * NSEC_PER_USEC };

        while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
                ;
}
