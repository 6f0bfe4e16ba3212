/* SPDX-License-Identifier: MIT */
/* The policy's files: leash.conf and the drop-ins beside it, read as root's configuration has to
 * be. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "os/file.h"
#include "os/policyfile.h"

typedef struct Loading {
        Policy *policy;
        size_t total;
} Loading;

/* What a person is to mend; NULL if the file or directory may be trusted. */
static const char *distrust(const struct stat *st) {
        if (st->st_uid != 0)
                return "does not belong to root and is not read";
        if (st->st_mode & 0022)
                return "may be written to by others than root and is not read";
        return NULL;
}

/* Opens what is there without waiting for a FIFO's other end. Returns the descriptor; -errno. */
static int open_checked(int dir_fd, const char *name, int flags, const char **ret_mistake) {
        _cleanup_close_ int fd = openat(
                dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | flags);
        struct stat st;

        *ret_mistake = NULL;
        if (fd < 0) {
                int r = -errno;

                if (r == -ELOOP || (r == -ENOTDIR && flags & O_DIRECTORY))
                        *ret_mistake = r == -ELOOP ? "is a symbolic link and is not read"
                                                   : "is no directory, or a symbolic link to one";
                else if (r != -ENOENT)
                        *ret_mistake = "cannot be opened";
                return r;
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        *ret_mistake = distrust(&st);
        if (!*ret_mistake && !(flags & O_DIRECTORY) && !S_ISREG(st.st_mode))
                *ret_mistake = "is no regular file";
        if (!*ret_mistake && !(flags & O_DIRECTORY) && st.st_size > POLICY_SIZE_MAX)
                *ret_mistake = "is larger than 1 MiB and is not read";
        return *ret_mistake ? -EPERM : TAKE_FD(fd);
}

/* What must not be read is left out; what cannot be is missing. */
static int note_unopened(Loading *l, const char *path, int r, const char *mistake) {
        if (r != -EPERM && r != -ELOOP && r != -ENOTDIR)
                policy_set_unread(l->policy);
        return policy_error(l->policy, path, 0, "%s", mistake ?: "cannot be read");
}

/* Returns 0, also for one that is not there or is not read; -ENOMEM. */
static int load_file(Loading *l, int dir_fd, const char *name, const char *path) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        const char *mistake;
        size_t size;
        int r;

        fd = open_checked(dir_fd, name, 0, &mistake);
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return note_unopened(l, path, fd, mistake);
        r = file_read_fd(fd, POLICY_SIZE_MAX, &text, &size);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return note_unopened(l, path, r, NULL);
        l->total += size;
        if (l->total > POLICYFILE_TOTAL_MAX)
                return policy_error(l->policy, path, 0, "all files together are larger than 4 MiB");
        return policy_add(l->policy, path, text, size);
}

static int is_dropin(const struct dirent *de) {
        size_t n = strlen(de->d_name);

        return de->d_name[0] != '.' && n > 5 && strcmp(de->d_name + n - 5, ".conf") == 0;
}

static int compare_names(const void *a, const void *b) {
        return strcmp(*(char *const *) a, *(char *const *) b);
}

typedef struct Names {
        char **names;
        size_t n;
} Names;

static void names_done(Names *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->names[i]);
        free(l->names);
}

/* Returns 0; -E2BIG for too many; -errno. */
static int list_dropins(int dir_fd, Names *ret) {
        _cleanup_closedir_ DIR *d = NULL;
        struct dirent *de;
        int r = file_list(dir_fd, &d);

        if (r < 0)
                return r;
        ret->names = calloc(POLICYFILE_DROPINS_MAX, sizeof(char *));
        if (!ret->names)
                return -ENOMEM;
        while ((de = readdir(d))) {
                if (!is_dropin(de))
                        continue;
                if (ret->n == POLICYFILE_DROPINS_MAX)
                        return -E2BIG;
                ret->names[ret->n] = strdup(de->d_name);
                if (!ret->names[ret->n])
                        return -ENOMEM;
                ret->n++;
        }
        if (ret->n > 0)
                qsort(ret->names, ret->n, sizeof(char *), compare_names);
        return 0;
}

static int load_dropins(Loading *l, int dir_fd, const char *name, const char *path) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_(names_done) Names names = {};
        const char *mistake;
        int r;

        fd = open_checked(dir_fd, name, O_DIRECTORY, &mistake);
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return note_unopened(l, path, fd, mistake);
        r = list_dropins(fd, &names);
        if (r == -ENOMEM)
                return r;
        if (r < 0 && r != -E2BIG)
                policy_set_unread(l->policy);
        if (r < 0)
                return policy_error(l->policy, path, 0, "%s",
                                    r == -E2BIG ? "holds more than 256 files *.conf; none is read"
                                                : "cannot be read");
        for (size_t i = 0; i < names.n && r >= 0; i++) {
                _cleanup_free_ char *file = file_path("%s/%s", path, names.names[i]);

                r = file ? load_file(l, fd, names.names[i], file) : -ENOMEM;
        }
        return r;
}

/* Both stand in one directory, which has to be trusted, too: who may write there may rename. */
static int load_from(Loading *l, const char *path) {
        _cleanup_free_ char *dir = strdup(path), *dropins = NULL;
        char *slash = dir ? strrchr(dir, '/') : NULL;
        _cleanup_close_ int fd = -EBADF;
        const char *mistake;
        int r;

        if (!dir)
                return -ENOMEM;
        if (!slash)
                return policy_error(l->policy, path, 0, "is no full path");
        *slash = '\0';
        dropins = file_path("%s.d", path);
        if (!dropins)
                return -ENOMEM;
        fd = open_checked(AT_FDCWD, dir[0] ? dir : "/", O_DIRECTORY, &mistake);
        if (fd == -ENOENT)
                return 0;
        if (fd < 0)
                return note_unopened(l, dir, fd, mistake);
        r = load_file(l, fd, strrchr(path, '/') + 1, path);
        return r < 0 ? r : load_dropins(l, fd, strrchr(dropins, '/') + 1, dropins);
}

int policyfile_load(const char *path, const LimitsHost *host, Policy **ret) {
        _cleanup_(policy_freep) Policy *policy = policy_new(host);
        Loading l = { .policy = policy };
        int r;

        if (!policy)
                return -ENOMEM;
        r = load_from(&l, path);
        if (r >= 0)
                r = policy_finish(policy);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(policy);
        return 0;
}

bool policyfile_exists(const char *path) {
        _cleanup_free_ char *dropins = file_path("%s.d", path);

        return !dropins || faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0 ||
               access(dropins, F_OK) == 0;
}
