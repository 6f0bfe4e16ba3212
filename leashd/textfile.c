/* SPDX-License-Identifier: MIT */
/* A file for node_exporter's textfile collector, made anew when something has happened: it is as
 * old as the last news, and costs no wake-up of its own. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "backend/metrics.h"
#include "daemon.h"
#include "os/clock.h"
#include "os/file.h"

#define EVERY (10 * USEC_PER_SEC) /* no more often, however much happens */

static int make(Daemon *d, char **ret, size_t *ret_size) {
        _cleanup_free_ char *text = NULL;
        Overview overview = {};
        size_t size = 0;
        FILE *f;
        int r;

        r = overview_read(d->root, &d->backend->fs, d->ledger, &overview);
        if (r < 0)
                return r;
        f = open_memstream(&text, &size);
        r = f ? metrics_write(&overview, f) : -ENOMEM;
        overview_done(&overview);
        if (f && fclose(f) != 0 && r >= 0)
                r = -ENOMEM;
        if (r < 0)
                return r;
        *ret = TAKE_PTR(text);
        *ret_size = size;
        return 0;
}

void textfile_write(Daemon *d) {
        const char *path = rules_daemon(d->rules)->textfile;
        _cleanup_free_ char *text = NULL, *dir = NULL, *name = NULL;
        _cleanup_close_ int fd = -EBADF;
        usec_t now = clock_monotonic();
        size_t size;
        int r;

        if (!path || (d->textfile && now - d->textfile < EVERY))
                return;
        d->textfile = now;
        dir = strdup(path);
        name = strdup(path);
        r = dir && name ? make(d, &text, &size) : -ENOMEM;
        if (r >= 0) {
                fd = open(dirname(dir), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
                r = fd < 0 ? -errno
                           : file_write_atomic(fd, basename(name), text, size, 0644, false);
        }
        if (r < 0)
                daemon_log(LOG_WARNING, "cannot write %s: %s", path, strerror(-r));
}
