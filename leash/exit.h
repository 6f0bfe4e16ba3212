/* SPDX-License-Identifier: MIT */
/* Exit statuses: one list, documented in leash(1). Of several operands the worst counts. */
#pragma once

typedef enum Exit {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_REFUSED = 3,      /* or no login session */
        EXIT_NOT_ENFORCED = 4, /* set, but the kernel does not act on it */
        EXIT_NO_PROCESS = 5,
} Exit;

/* The one of two that an admin's script should see. */
Exit exit_worse(Exit a, Exit b);

/* From a negative errno, at the edge of a verb. */
Exit exit_from_errno(int r);
