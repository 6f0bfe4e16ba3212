/* SPDX-License-Identifier: MIT */
/* Files are read to their end, wherever that is. */

#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "temproot.h"

#include "os/file.h"

#define SIZE_MAX_HERE (64 * 1024)

static char content[SIZE_MAX_HERE];

static void every_size_is_read_whole(void **state _unused_) {
        static const size_t sizes[] = { 0,    1,    2047, 2048, 2049, 4095,  4096,
                                        4097, 6143, 6144, 8191, 8192, 12288, SIZE_MAX_HERE };
        char path[] = "/tmp/leash-file.XXXXXX", buf[SIZE_MAX_HERE + 1];
        _cleanup_close_ int fd = mkstemp(path);

        assert_true(fd >= 0);
        for (size_t i = 0; i < sizeof(content); i++)
                content[i] = (char) ('a' + i % 23);
        for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
                _cleanup_free_ char *text = NULL;
                size_t size, n = sizes[i];
                char name[32];

                (void) snprintf(name, sizeof(name), "%zu bytes", n);
                assert_int_equal(ftruncate(fd, 0), 0);
                assert_int_equal(pwrite(fd, content, n, 0), (ssize_t) n);
                check_row(name, file_read(AT_FDCWD, path, SIZE_MAX_HERE, &text, &size) == 0);
                check_row(name, size == n && memcmp(text, content, n) == 0);
                check_row(name, file_read_buffer(path, buf, sizeof(buf)) == (ssize_t) n);
                check_row(name, memcmp(buf, content, n) == 0);
                if (n > 0) {
                        free(TAKE_PTR(text));
                        check_row(name, file_read(AT_FDCWD, path, n - 1, &text, &size) == -EFBIG);
                }
        }
        assert_int_equal(unlink(path), 0);
}

/* As the kernel's lists come: in pieces of up to a page, each shorter than was asked for. */
static void lists_of_many_pages_are_read_whole(void **state _unused_) {
        _cleanup_close_ int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
        static char want[1024 * 1024];
        _cleanup_free_ char *text = NULL;
        size_t size, n = 0;
        ssize_t k;

        assert_true(fd >= 0);
        /* pages that are not alike, or they would be one line */
        for (size_t i = 0; i < 2000; i++)
                assert_true(mmap(NULL, 4096, i % 2 ? PROT_READ : PROT_NONE,
                                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
        text = malloc(sizeof(want)); /* what malloc() maps is there before the first look */
        assert_non_null(text);
        free(TAKE_PTR(text));
        while ((k = read(fd, want + n, sizeof(want) - n)) > 0)
                n += k;
        assert_int_equal(k, 0);
        assert_true(n > 8 * 4096);
        assert_int_equal(file_read(AT_FDCWD, "/proc/self/maps", sizeof(want), &text, &size), 0);
        /* our own buffer is a line more or less */
        assert_true(size + 200 > n && size < n + 200);
}

static int write_under_a_limit(const char *dir) {
        const struct rlimit limit = { .rlim_cur = 10, .rlim_max = 10 };
        _cleanup_close_ int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (fd < 0 || setrlimit(RLIMIT_FSIZE, &limit) < 0)
                return 1;
        if (file_write_atomic(fd, "fits", "0123456789", 10, 0600, false) != 0)
                return 2;
        if (file_write_atomic(fd, "does-not", "0123456789a", 11, 0600, false) != -EFBIG)
                return 3;
        if (file_write_shared(fd, "does-not", "0123456789a", 11, 0600) != -EFBIG)
                return 4;
        return 0;
}

/* The kernel would end the process, which may be somebody's login. */
static void what_a_process_may_not_write_is_not_begun(void **state) {
        int status;
        pid_t pid = fork();

        assert_true(pid >= 0);
        if (pid == 0)
                _exit(write_under_a_limit(*state));
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_true(temproot_exists(*state, "/fits"));
        assert_false(temproot_exists(*state, "/.does-not.tmp"));
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_size_is_read_whole),
                cmocka_unit_test(lists_of_many_pages_are_read_whole),
                cmocka_unit_test_setup_teardown(what_a_process_may_not_write_is_not_begun,
                                                temproot_setup, temproot_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
