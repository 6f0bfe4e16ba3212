/* SPDX-License-Identifier: MIT */
/* A directory that stands for "/" in a test, and small files in it. Paths start with a slash. */
#pragma once

#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"

static inline int temproot_setup(void **state) {
        const char *parent = getenv("TMPDIR");
        char *root = file_path("%s/leash-unit.XXXXXX", parent ? parent : "/tmp");

        if (!root || !mkdtemp(root))
                return -1;
        *state = root;
        return 0;
}

static inline int temproot_remove_one(const char *path, const struct stat *st _unused_,
                                      int kind _unused_, struct FTW *ftw _unused_) {
        return remove(path);
}

static inline int temproot_teardown(void **state) {
        const char *name = strrchr(*state, '/');
        int r = -1;

        /* A test gone wrong must not take somebody's directory with it. */
        if (name && strncmp(name, "/leash-unit.", 12) == 0)
                r = nftw(*state, temproot_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);

        free(*state);
        return r;
}

static inline _unused_ void temproot_mkdir(const char *root, const char *path, mode_t mode) {
        _cleanup_free_ char *full = file_path("%s%s", root, path);

        assert_non_null(full);
        assert_int_equal(file_mkdir_parents(full, mode), 0);
}

static inline _unused_ void temproot_write(const char *root, const char *path, const char *text) {
        _cleanup_free_ char *full = file_path("%s%s", root, path);
        FILE *f = full ? fopen(full, "we") : NULL;

        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

/* A new string, or NULL if there is no such file. */
static inline _unused_ char *temproot_read(const char *root, const char *path) {
        _cleanup_free_ char *full = file_path("%s%s", root, path);
        char *text = NULL;

        assert_non_null(full);
        return file_read(-1, full, 1 << 20, &text, NULL) < 0 ? NULL : text;
}

static inline _unused_ bool temproot_exists(const char *root, const char *path) {
        _cleanup_free_ char *full = file_path("%s%s", root, path);
        struct stat st;

        assert_non_null(full);
        return lstat(full, &st) == 0;
}

static inline _unused_ mode_t temproot_mode(const char *root, const char *path) {
        _cleanup_free_ char *full = file_path("%s%s", root, path);
        struct stat st;

        assert_non_null(full);
        assert_int_equal(lstat(full, &st), 0);
        return st.st_mode & 07777;
}

static inline _unused_ void temproot_rename(const char *root, const char *from, const char *to) {
        _cleanup_free_ char *a = file_path("%s%s", root, from), *b = file_path("%s%s", root, to);

        assert_true(a && b);
        assert_int_equal(rename(a, b), 0);
}

static inline _unused_ void temproot_unlink(const char *root, const char *path) {
        _cleanup_free_ char *full = file_path("%s%s", root, path);

        assert_non_null(full);
        assert_int_equal(unlink(full), 0);
}
