/* SPDX-License-Identifier: MIT */
/* Which kernels are known to do otherwise than their files say. */

#include "harness.h"

#include "core/kernel.h"
#include "core/macro.h"

static void a_series_has_its_fault(void **state _unused_) {
        static const char *const faulty[] = { "7.2", "7.2.7", "7.2.12+deb14-amd64", "7.2-rc3" };

        for (size_t i = 0; i < ELEMENTSOF(faulty); i++) {
                const KernelFault *fault = kernel_find_fault(faulty[i]);

                check_row(faulty[i], fault != NULL);
                check_row(faulty[i], strcmp(fault->series, "7.2") == 0 && *fault->what != '\0');
        }
}

static void others_have_none(void **state _unused_) {
        static const char *const sound[] = { "6.1.0-32-amd64", "6.12.57", "7.20.1", "7.3.4",
                                             "17.2",           "7",       "" };

        for (size_t i = 0; i < ELEMENTSOF(sound); i++)
                check_row(sound[i], kernel_find_fault(sound[i]) == NULL);
}

int main(void) {
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(a_series_has_its_fault),
                cmocka_unit_test(others_have_none),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
