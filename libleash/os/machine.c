/* SPDX-License-Identifier: MIT */
/* What this machine has, and what it is called. */

#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "os/machine.h"

void machine_describe(LimitsHost *ret) {
        long n = sysconf(_SC_NPROCESSORS_ONLN);
        struct sysinfo info;

        *ret = (LimitsHost){ .n_cpus = n > 0 ? (unsigned) n : 1 };
        if (sysinfo(&info) == 0)
                ret->memory_bytes = (uint64_t) info.totalram * info.mem_unit;
}

char *machine_name(char buf[static MACHINE_NAME_MAX]) {
        if (gethostname(buf, MACHINE_NAME_MAX) < 0)
                buf[0] = '\0';
        buf[MACHINE_NAME_MAX - 1] = '\0'; /* a longer name is cut without one, gethostname(2) */
        return buf;
}
