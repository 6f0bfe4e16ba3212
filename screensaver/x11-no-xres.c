/* SPDX-License-Identifier: MIT */
/* Where libXRes is not. */

#include <errno.h>

#include "x11-private.h"

int x11_client_pid(Display *display, Window window, pid_t *ret) {
        (void) display, (void) window, (void) ret;
        return -EOPNOTSUPP;
}
