/* SPDX-License-Identifier: MIT */
/* Being told of changes in directories and files. */

#define _GNU_SOURCE
#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "os/watch.h"

int watch_open(void) {
        int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

        return fd < 0 ? -errno : fd;
}

static int add(int fd, const char *path, uint32_t mask) {
        int wd = inotify_add_watch(fd, path, mask | IN_DONT_FOLLOW);

        return wd < 0 ? -errno : wd;
}

int watch_dir(int fd, const char *path) {
        return add(fd, path,
                   IN_ONLYDIR | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                           IN_DELETE_SELF | IN_MOVE_SELF);
}

int watch_file(int fd, const char *path) {
        return add(fd, path, IN_MODIFY);
}

int watch_drain(int fd, void (*found)(int watch, const char *name, void *userdata),
                void *userdata) {
        _Alignas(struct inotify_event) char buffer[16 * 1024];
        int count = 0;

        for (;;) {
                ssize_t n = read(fd, buffer, sizeof(buffer));

                if (n < 0)
                        return errno == EAGAIN ? count : -errno;
                for (const char *p = buffer; p < buffer + n; count++) {
                        const struct inotify_event *e = (const void *) p;

                        p += sizeof(*e) + e->len;
                        if (found && !(e->mask & IN_IGNORED))
                                found(e->mask & IN_Q_OVERFLOW ? -1 : e->wd,
                                      e->len > 0 ? e->name : "", userdata);
                }
        }
}
