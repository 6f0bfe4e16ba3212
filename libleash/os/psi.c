/* SPDX-License-Identifier: MIT */
/* Pressure stall information. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/cgfile.h"
#include "os/file.h"
#include "os/psi.h"

#define WINDOW_MIN (USEC_PER_SEC / 2)
#define WINDOW_MAX (10 * USEC_PER_SEC)
#define WINDOW_STEP (2 * USEC_PER_SEC) /* for the unprivileged, since Linux 6.4 */

int psi_read(const char *path, usec_t *ret_total) {
        char text[256];
        ssize_t n;

        n = file_read_buffer(path, text, sizeof(text));
        if (n < 0)
                return n;
        return cgfile_parse_pressure(text, ret_total);
}

int psi_read_average(const char *path, unsigned *ret) {
        char text[256];
        ssize_t n;

        n = file_read_buffer(path, text, sizeof(text));
        if (n < 0)
                return n;
        return cgfile_parse_pressure_average(text, ret);
}

static int try_to_arm(const char *path, usec_t stall, usec_t window) {
        _cleanup_close_ int fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        char trigger[64];
        int n;

        if (fd < 0)
                return -errno;
        n = snprintf(trigger, sizeof(trigger), "some %" PRIu64 " %" PRIu64, stall, window);
        /* with its zero byte, as the kernel's own example does */
        if (write(fd, trigger, (size_t) n + 1) < 0)
                return -errno;
        return TAKE_FD(fd);
}

int psi_arm(const char *path, usec_t stall, usec_t window) {
        usec_t w = MIN_OF(MAX_OF(window, WINDOW_MIN), WINDOW_MAX);
        usec_t s = window > 0 ? stall * w / window : stall;
        int r;

        s = MIN_OF(MAX_OF(s, USEC_PER_MSEC), w);
        r = try_to_arm(path, s, w);
        if (r == -EINVAL || r == -EPERM || r == -EACCES)
                r = try_to_arm(path, s, (w + WINDOW_STEP - 1) / WINDOW_STEP * WINDOW_STEP);
        return r;
}
