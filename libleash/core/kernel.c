/* SPDX-License-Identifier: MIT */
/* Kernels that are known to do otherwise than their files say. */

#include <ctype.h>
#include <string.h>

#include "core/kernel.h"
#include "core/macro.h"

static const KernelFault faults[] = {
        /* Of the processes in groups below the one whose quota is used up, as a user's sessions
         * are, set_next_task_fair() in kernel/sched/fair.c stops the one that is running and none
         * of the next. Seen with 7.2.6, 7.2.7 and 7.2.12: 64 busy loops have a whole CPU for
         * seconds, up to ten, and none for as long afterwards. Not with 6.1, 6.18.15 and 7.3.4. */
        { "7.2",
          "a user's quota is kept on average only, over many seconds; that of offenders who are moved is" },
};

const KernelFault *kernel_find_fault(const char *release) {
        for (size_t i = 0; i < ELEMENTSOF(faults); i++) {
                size_t n = strlen(faults[i].series);

                if (strncmp(release, faults[i].series, n) == 0 &&
                    !isdigit((unsigned char) release[n]))
                        return &faults[i];
        }
        return NULL;
}
