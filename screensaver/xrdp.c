/* SPDX-License-Identifier: MIT */
/* Whether somebody looks at an xrdp session. xrdp-chansrv makes xrdp_chansrv_audio_out_socket_N
 * when a viewer connects to display N and removes it when the viewer goes; logind is not told of
 * either (xrdp 0.9 and 0.10). Where they are is backend/displays'. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "backend/displays.h"
#include "core/parse.h"
#include "options.h"
#include "os/file.h"
#include "os/user.h"
#include "xrdp.h"

typedef struct Dir {
        Xrdp *xrdp;
        int fd;
        bool is_ours; /* the socket that is there */
        sd_event_source *source;
} Dir;

struct Xrdp {
        char socket[64];
        Dir dirs[DISPLAYS_DIRS_MAX];
        size_t n;
        bool warned;
        XrdpHandler handler;
        void *userdata;
};

/* The directory of xrdp 0.9 is everybody's: chansrv, which makes the socket, runs as the user. */
static bool look(Dir *f) {
        Xrdp *x = f->xrdp;
        struct stat st;

        if (fstatat(f->fd, x->socket, &st, AT_SYMLINK_NOFOLLOW) < 0)
                return false;
        if (st.st_uid != getuid() && !x->warned) {
                options_log(SD_WARNING, "xrdp's %s is not this user's and does not count",
                            x->socket);
                x->warned = true;
        }
        return st.st_uid == getuid();
}

/* Whose it was cannot be seen any more when it has gone. */
static int on_change(sd_event_source *source, const struct inotify_event *event, void *userdata) {
        bool came = event->mask & (IN_CREATE | IN_MOVED_TO);
        Dir *f = userdata;
        bool was_ours = f->is_ours;

        (void) source;
        if (event->len == 0 || strcmp(event->name, f->xrdp->socket) != 0)
                return 0;
        f->is_ours = came && look(f);
        if (f->is_ours || was_ours)
                f->xrdp->handler(f->is_ours, f->xrdp->userdata);
        return 0;
}

/* ":10", ":10.0", "localhost:10" */
static int display_number(const char *display, uint64_t *ret) {
        const char *colon = strrchr(display, ':'), *rest;

        return colon ? parse_decimal(colon + 1, 0, ret, &rest) : -EINVAL;
}

/* By what is open, whatever stands under its name by now. */
static int watch(Dir *f, sd_event *event) {
        int r = sd_event_add_inotify_fd(
                event, &f->source, f->fd,
                IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_MOVED_FROM | IN_ONLYDIR, on_change, f);

        if (r < 0 && r != -ENOENT && r != -EACCES)
                return r;
        f->is_ours = look(f);
        return 0;
}

int xrdp_open(sd_event *event, const char *root, const char *display, XrdpHandler handler,
              void *userdata, Xrdp **ret) {
        _cleanup_(xrdp_freep) Xrdp *x = calloc(1, sizeof(Xrdp));
        int fds[DISPLAYS_DIRS_MAX], n, r = 0;
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
        n = displays_open_dirs(root, user_uid_min(), getuid(), fds);
        if (n < 0)
                return n;
        for (; x->n < (size_t) n; x->n++)
                x->dirs[x->n] = (Dir){ .xrdp = x, .fd = fds[x->n] };
        for (size_t i = 0; i < x->n && r >= 0; i++)
                r = watch(&x->dirs[i], event);
        if (r < 0)
                return r;
        *ret = x->n > 0 ? TAKE_PTR(x) : NULL;
        return 0;
}

Xrdp *xrdp_free(Xrdp *x) {
        if (!x)
                return NULL;
        for (size_t i = 0; i < x->n; i++) {
                sd_event_source_disable_unref(x->dirs[i].source);
                fd_closep(&x->dirs[i].fd);
        }
        free(x);
        return NULL;
}
