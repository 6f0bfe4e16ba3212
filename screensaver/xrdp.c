/* SPDX-License-Identifier: MIT */
/* Whether somebody looks at an xrdp session. xrdp-chansrv makes xrdp_chansrv_audio_out_socket_N
 * when a viewer connects to display N and removes it when the viewer goes; logind is not told of
 * either (xrdp 0.9 and 0.10). Both keep them in /run/xrdp/sockdir, 0.10 in a folder for each uid.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "core/parse.h"
#include "options.h"
#include "os/file.h"
#include "xrdp.h"

#define SOCKDIR "/run/xrdp/sockdir"

struct Xrdp {
        char socket[64];
        char *dir;
        bool is_ours, warned;
        sd_event_source *source;
        XrdpHandler handler;
        void *userdata;
};

/* The folder of xrdp 0.9 is everybody's: chansrv, which makes the socket, runs as the user. */
static bool look(Xrdp *x) {
        _cleanup_free_ char *path = file_path("%s/%s", x->dir, x->socket);
        struct stat st;

        if (!path || lstat(path, &st) < 0)
                return false;
        if (st.st_uid != getuid() && !x->warned) {
                options_log(SD_WARNING, "%s is not this user's and does not count", path);
                x->warned = true;
        }
        return st.st_uid == getuid();
}

/* Whose it was cannot be seen any more when it has gone. */
static int on_change(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        bool came = event->mask & (IN_CREATE | IN_MOVED_TO);
        Xrdp *x = userdata;
        bool was_ours = x->is_ours;

        (void) source;
        if (event->len == 0 || strcmp(event->name, x->socket) != 0)
                return 0;
        x->is_ours = came && look(x);
        if (x->is_ours || was_ours)
                x->handler(x->is_ours, x->userdata);
        return 0;
}

/* ":10", ":10.0", "localhost:10" */
static int display_number(const char *display, uint64_t *ret) {
        const char *colon = strrchr(display, ':'), *rest;

        return colon ? parse_decimal(colon + 1, 0, ret, &rest) : -EINVAL;
}

int xrdp_open(sd_event *event, const char *root, const char *display, XrdpHandler handler,
              void *userdata, Xrdp **ret) {
        _cleanup_(xrdp_freep) Xrdp *x = calloc(1, sizeof(Xrdp));
        uint64_t number;

        if (!x)
                return -ENOMEM;
        if (display_number(display, &number) < 0) {
                *ret = NULL;
                return 0;
        }
        (void) snprintf(x->socket, sizeof(x->socket), "xrdp_chansrv_audio_out_socket_%u",
                        (unsigned) number);
        x->handler = handler;
        x->userdata = userdata;
        for (int own = 1; own >= 0 && !x->source; own--) {
                _cleanup_free_ char *dir =
                        own ? file_path("%s" SOCKDIR "/%u", root, (unsigned) getuid())
                            : file_path("%s" SOCKDIR, root);
                int r;

                if (!dir)
                        return -ENOMEM;
                r = sd_event_add_inotify(event, &x->source, dir,
                                         IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM |
                                                 IN_ONLYDIR,
                                         on_change, x);
                if (r < 0 && r != -ENOENT && r != -EACCES)
                        return r;
                if (x->source)
                        x->dir = TAKE_PTR(dir);
        }
        if (x->source)
                x->is_ours = look(x);
        *ret = x->source ? TAKE_PTR(x) : NULL;
        return 0;
}

Xrdp *xrdp_free(Xrdp *x) {
        if (!x)
                return NULL;
        sd_event_source_disable_unref(x->source);
        free(x->dir);
        free(x);
        return NULL;
}
