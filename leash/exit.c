/* SPDX-License-Identifier: MIT */
/* Exit statuses: which of two is worse, and which stands for an error. */

#include <errno.h>

#include "core/macro.h"
#include "exit.h"

Exit exit_worse(Exit a, Exit b) {
        /* From the least to the most that needs looking after. */
        static const Exit order[] = { EXIT_DONE,  EXIT_NO_PROCESS,   EXIT_REFUSED,
                                      EXIT_USAGE, EXIT_NOT_ENFORCED, EXIT_FAILED };
        size_t x = 0, y = 0;

        for (size_t i = 0; i < ELEMENTSOF(order); i++) {
                if (order[i] == a)
                        x = i;
                if (order[i] == b)
                        y = i;
        }
        return x > y ? a : b;
}

Exit exit_from_errno(int r) {
        switch (-r) {
        case ESRCH:
                return EXIT_NO_PROCESS;
        case ENXIO:
        case ENODATA:
                return EXIT_REFUSED;
        default:
                return EXIT_FAILED;
        }
}
