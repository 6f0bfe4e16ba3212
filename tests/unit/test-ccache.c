/* SPDX-License-Identifier: MIT */
/* Credential caches: when a ticket runs out, and that no file does harm. */

#include "harness.h"

#include <errno.h>
#include <stdlib.h>

#include "core/ccache.h"
#include "core/macro.h"

typedef struct File {
        uint8_t data[4096];
        size_t n;
} File;

static void put(File *f, unsigned bytes, uint32_t value) {
        while (bytes-- > 0)
                f->data[f->n++] = (uint8_t) (value >> (8 * bytes));
}

static void put_text(File *f, const char *text) {
        put(f, 4, (uint32_t) strlen(text));
        memcpy(f->data + f->n, text, strlen(text));
        f->n += strlen(text);
}

static void put_principal(File *f, const char *first, const char *second) {
        put(f, 4, 1);
        put(f, 4, second ? 2 : 1);
        put_text(f, "EXAMPLE.ORG");
        put_text(f, first);
        if (second)
                put_text(f, second);
}

static void put_credential(File *f, const char *service, uint32_t end) {
        put_principal(f, "alice", NULL);
        put_principal(f, service, "EXAMPLE.ORG");
        put(f, 2, 18);
        if (f->data[1] == 3)
                put(f, 2, 18);
        put_text(f, "0123456789abcdef");
        put(f, 4, 1000); /* authtime */
        put(f, 4, 1000);
        put(f, 4, end);
        put(f, 4, 0);
        put(f, 1, 0);
        put(f, 4, 0);
        put(f, 4, 1); /* one address */
        put(f, 2, 2);
        put_text(f, "\x7f\x01\x01\x01");
        put(f, 4, 0);
        put_text(f, "the ticket itself");
        put_text(f, "");
}

static File begin(unsigned version) {
        File f = {};

        put(&f, 1, 5);
        put(&f, 1, version);
        if (version == 4) {
                put(&f, 2, 12); /* a header that tells of the clocks' difference */
                put(&f, 2, 1);
                put(&f, 2, 8);
                put(&f, 4, 0);
                put(&f, 4, 0);
        }
        put_principal(&f, "alice", NULL);
        return f;
}

static void the_realms_ticket_counts(void **state _unused_) {
        for (unsigned version = 3; version <= 4; version++) {
                File f = begin(version);
                uint64_t end = 0;

                assert_int_equal(ccache_end_time(f.data, f.n, &end), -ENODATA);
                put_credential(&f, "host", 9000000);
                assert_int_equal(ccache_end_time(f.data, f.n, &end), -ENODATA);
                put_credential(&f, "krbtgt", 2000000);
                put_credential(&f, "krb5_ccache_conf_data", 0);
                assert_int_equal(ccache_end_time(f.data, f.n, &end), 0);
                assert_int_equal(end, 2000000);
                put_credential(&f, "krbtgt", 4000000000U); /* renewed; after 2038 */
                assert_int_equal(ccache_end_time(f.data, f.n, &end), 0);
                assert_int_equal(end, 4000000000U);
        }
}

static void other_files_are_refused(void **state _unused_) {
        _cleanup_free_ uint8_t *large = calloc(1, CCACHE_SIZE_MAX + 1);
        uint8_t version_2[] = { 5, 2, 0, 0 }, text[] = "not a cache";
        uint64_t end;

        assert_int_equal(ccache_end_time(version_2, sizeof(version_2), &end), -EBADMSG);
        assert_int_equal(ccache_end_time(text, sizeof(text), &end), -EBADMSG);
        assert_int_equal(ccache_end_time(text, 0, &end), -EBADMSG);
        assert_non_null(large);
        large[0] = 5;
        large[1] = 4;
        assert_int_equal(ccache_end_time(large, CCACHE_SIZE_MAX + 1, &end), -EBADMSG);
}

/* Cut anywhere, and with any byte changed: an answer, and no reading beyond the end, which a
 * sanitized build and the exact allocation would show. */
static void damaged_files_do_no_harm(void **state _unused_) {
        File f = begin(4);
        uint32_t seed = 7;

        put_credential(&f, "krbtgt", 2000000);
        for (size_t n = 0; n < f.n; n++) {
                uint8_t *copy = malloc(n + 1);
                uint64_t end;

                assert_non_null(copy);
                memcpy(copy, f.data, n);
                assert_true(ccache_end_time(copy, n, &end) < 0);
                free(copy);
        }
        for (unsigned i = 0; i < 20000; i++) {
                File g = f;
                uint64_t end;
                int r;

                for (unsigned k = 0; k <= i % 4; k++)
                        g.data[next_random(&seed) % g.n] = (uint8_t) next_random(&seed);
                r = ccache_end_time(g.data, g.n, &end);
                assert_true(r == 0 || r == -EBADMSG || r == -ENODATA);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_realms_ticket_counts),
                cmocka_unit_test(other_files_are_refused),
                cmocka_unit_test(damaged_files_do_no_harm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
