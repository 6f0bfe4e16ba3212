/* SPDX-License-Identifier: MIT */
/* Pressure stall information (Documentation/accounting/psi.rst): how long somebody had to wait, and
 * being woken up when that is too long. */
#pragma once

#include "core/macro.h"

/* Reads the total of the "some" line of a pressure file: microseconds in which at least one task
 * waited. Returns 0; -ENOENT or -EOPNOTSUPP where the kernel keeps none (psi=0); -errno. */
int psi_read(const char *path, usec_t *ret_total);

/* Reads its average of the last ten seconds, in hundredths of a percent. Returns as above. */
int psi_read_average(const char *path, unsigned *ret);

/* A descriptor on which poll(2) reports POLLPRI once in each `window` in which somebody waited for
 * `stall`. The window is brought within what the kernel takes, 0.5 to 10 s, multiples of 2 s where
 * it wants that of callers without CAP_SYS_RESOURCE. Returns the descriptor; -errno as above. */
int psi_arm(const char *path, usec_t stall, usec_t window);
