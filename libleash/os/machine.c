/* SPDX-License-Identifier: MIT */
/* What this machine has, and what it is called. */

#include <string.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "os/file.h"
#include "os/machine.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

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

int machine_boot(char ret[static MACHINE_BOOT_MAX]) {
        char text[MACHINE_BOOT_MAX];
        ssize_t n = file_read_buffer(BOOT_ID, text, sizeof(text));

        if (n < 0)
                return n;
        text[strcspn(text, "\n")] = '\0';
        memcpy(ret, text, sizeof(text));
        return 0;
}
