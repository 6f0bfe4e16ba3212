/* SPDX-License-Identifier: MIT */
/* The clocks, in microseconds. Only front ends and backends look at them; cores are told. */
#pragma once

#include "core/macro.h"

usec_t clock_realtime(void);
usec_t clock_monotonic(void);
usec_t clock_boottime(void);

/* Sleeps the whole time, whatever signals come. */
void clock_sleep(usec_t usec);
