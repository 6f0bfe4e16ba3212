/* SPDX-License-Identifier: MIT */
/* Whose a window is, by the X-Resource extension. */

#define _GNU_SOURCE
#include <X11/Xlib.h>
#include <X11/extensions/XRes.h>
#include <errno.h>

#include "x11-private.h"

int x11_client_pid(Display *display, Window window, pid_t *ret) {
        XResClientIdSpec spec = { .client = window, .mask = XRES_CLIENT_ID_PID_MASK };
        XResClientIdValue *ids = NULL;
        int event, error, major = 0, minor = 0, r = -ESRCH;
        long n = 0;

        if (!XResQueryExtension(display, &event, &error) ||
            !XResQueryVersion(display, &major, &minor) || major != 1 || minor < 2)
                return -EOPNOTSUPP;
        if (XResQueryClientIds(display, 1, &spec, &n, &ids) != Success)
                return -ESRCH;
        for (long i = 0; i < n && r < 0; i++) {
                pid_t pid = XResGetClientPid(&ids[i]);

                if (pid > 0) {
                        *ret = pid;
                        r = 0;
                }
        }
        XResClientIdsDestroy(n, ids);
        return r;
}
