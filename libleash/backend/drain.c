/* SPDX-License-Identifier: MIT */
/* The mark that a host is being emptied. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "backend/drain.h"
#include "os/file.h"
#include "os/machine.h"

#define DIR_PATH "/var/lib/leash"
#define NAME "drain"

static int read_mark(const char *root, Drain *ret) {
        _cleanup_free_ char *path = file_path("%s" DRAIN_FILE, root), *text = NULL;
        _cleanup_close_ int fd = -EBADF;
        size_t size;
        int r;

        r = path ? file_open_own(path, &fd, NULL) : -ENOMEM;
        if (r >= 0)
                r = file_read_fd(fd, DRAIN_TEXT_MAX, &text, &size);
        return r < 0 ? r : drain_from_text(text, size, ret);
}

int drain_load(const char *root, Drain *ret) {
        char boot[MACHINE_BOOT_MAX];
        Drain d;
        int r;

        r = read_mark(root, &d);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        r = machine_boot(boot);
        if (r < 0)
                return r;
        if (!drain_holds(&d, boot))
                return 0;
        *ret = d;
        return 1;
}

static int open_dir(const char *root, int *ret) {
        _cleanup_free_ char *path = file_path("%s" DIR_PATH, root);
        int fd;

        if (!path)
                return -ENOMEM;
        fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
                return -errno;
        *ret = fd;
        return 0;
}

/* /var and /var/lib are everywhere; what is ours is root's alone, as the ledger wants it. */
static int make_dir(const char *root) {
        _cleanup_free_ char *path = file_path("%s" DIR_PATH, root);

        if (!path)
                return -ENOMEM;
        if (mkdir(path, 0700) < 0)
                return errno == EEXIST ? 0 : -errno;
        return file_sync_parent(path);
}

int drain_store(const char *root, const Drain *d) {
        _cleanup_close_ int dir = -EBADF;
        char text[DRAIN_TEXT_MAX];
        size_t size = drain_to_text(d, text);
        int r;

        r = make_dir(root);
        if (r >= 0)
                r = open_dir(root, &dir);
        return r < 0 ? r : file_write_atomic(dir, NAME, text, size, 0600, true);
}

int drain_clear(const char *root) {
        _cleanup_close_ int dir = -EBADF;
        int r;

        r = open_dir(root, &dir);
        if (r >= 0)
                r = file_unlink(dir, NAME);
        if (r >= 0 && fsync(dir) < 0)
                r = -errno;
        return r == -ENOENT ? 0 : r;
}
