/* SPDX-License-Identifier: MIT */
/* Preloaded: ends the program by SIGKILL just before its LEASH_KILL_AT-th change to the file
 * system, and leaves a write half done. Nothing else is counted, so the steps are the same each
 * time. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* True if this is the step to end at. */
static bool is_last(void) {
        static unsigned long at, steps;
        const char *text = at == 0 ? getenv("LEASH_KILL_AT") : NULL;

        if (text)
                at = strtoul(text, NULL, 10);
        return at > 0 && ++steps == at;
}

static void step(void) {
        if (is_last())
                (void) raise(SIGKILL);
}

/* C has no cast from an object pointer to a function pointer; POSIX has dlsym() work all the same.
 */
#define REAL(function) (__extension__(__typeof__(&function)) dlsym(RTLD_NEXT, #function))

int mkdir(const char *path, mode_t mode) {
        step();
        return REAL(mkdir)(path, mode);
}

int rmdir(const char *path) {
        step();
        return REAL(rmdir)(path);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to) {
        step();
        return REAL(renameat)(from_fd, from, to_fd, to);
}

int unlinkat(int fd, const char *path, int flags) {
        step();
        return REAL(unlinkat)(fd, path, flags);
}

int openat(int fd, const char *path, int flags, ...) {
        mode_t mode = 0;
        va_list ap;

        if (flags & O_CREAT) {
                va_start(ap, flags);
                mode = va_arg(ap, mode_t);
                va_end(ap);
                step();
        }
        return REAL(openat)(fd, path, flags, mode);
}

ssize_t write(int fd, const void *data, size_t size) {
        struct stat st;

        if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && is_last()) {
                (void) !REAL(write)(fd, data, size / 2);
                (void) raise(SIGKILL);
        }
        return REAL(write)(fd, data, size);
}
