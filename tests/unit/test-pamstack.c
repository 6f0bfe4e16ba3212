/* SPDX-License-Identifier: MIT */
/* PAM stacks: what is included, in which order, of which type; and files that include themselves.
 */

#include "harness.h"

#include "core/macro.h"
#include "core/pamstack.h"

static const struct {
        const char *path, *text;
} files[] = {
        { "/etc/pam.d/debian",
          "#%PAM-1.0\nauth required pam_env.so readenv=1\n@include common\n"
          "-session optional /lib/security/pam_kwallet5.so # a comment\n" },
        { "/etc/pam.d/common",
          "auth [success=1 default=ignore] pam_unix.so nullok\nsession required pam_unix.so\n" },
        { "/etc/pam.d/fedora",
          "session include system\nauth substack system\nsession optional a.so" },
        { "/etc/pam.d/system",
          "auth required b.so\nsession required c.so\n\n\n  session\tx\td.so  \n" },
        { "/etc/pam.d/loop", "session required e.so\n@include loop\nsession include loop\n" },
        { "/etc/pam.d/odd",
          "session\nsession required\n@include\n[\n-\nsession include\nsession [x\n" },
        { "/elsewhere", "session required f.so\n" },
        { "/etc/pam.d/absolute", "session include /elsewhere\n" },
};

static const char *file(const char *path, const char **ret_path, void *userdata) {
        (void) userdata;
        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                if (strcmp(files[i].path, path) == 0) {
                        *ret_path = files[i].path;
                        return files[i].text;
                }
        return NULL;
}

static const char *stack(const char *service) {
        static PamstackLine lines[PAMSTACK_LINES_MAX];
        static char all[65536];
        size_t n = pamstack_read(service, file, NULL, lines), at = 0;

        all[0] = '\0';
        for (size_t i = 0; i < n && at < sizeof(all) - 200; i++)
                at += (size_t) snprintf(all + at, sizeof(all) - at, "%s %s %s %s:%u\n",
                                        lines[i].type, lines[i].control, lines[i].module,
                                        strrchr(lines[i].file, '/') + 1, lines[i].line);
        return all;
}

static void test_stacks(void **state) {
        (void) state;
        assert_string_equal(stack("debian"),
                            "auth required pam_env.so debian:2\n"
                            "auth [success=1 default=ignore] pam_unix.so common:1\n"
                            "session required pam_unix.so common:2\n"
                            "session optional pam_kwallet5.so debian:4\n");
        assert_string_equal(stack("fedora"),
                            "session required c.so system:2\n"
                            "session x d.so system:5\n"
                            "auth required b.so system:1\n"
                            "session optional a.so fedora:3\n");
        assert_string_equal(stack("absolute"), "session required f.so elsewhere:1\n");
        assert_string_equal(stack("odd"), "");
        assert_string_equal(stack("none"), "");
}

static void test_a_file_that_includes_itself(void **state) {
        (void) state;
        assert_true(strlen(stack("loop")) > 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stacks),
                cmocka_unit_test(test_a_file_that_includes_itself),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
