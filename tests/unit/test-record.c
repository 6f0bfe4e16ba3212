/* SPDX-License-Identifier: MIT */
/* One entry of the ledger: its layers, and its text, whoever wrote into it. */

#include "harness.h"

#include <stdlib.h>

#include "core/record.h"

#define SINCE (UINT64_C(1768478400) * USEC_PER_SEC)

static const LimitsHost host = { .n_cpus = 8, .memory_bytes = UINT64_C(16) << 30 };

/* Texts that a user or an admin may choose, made to break out of a line. */
static const char *const hostile[] = {
        "",
        "plain",
        "two\nlines",
        "[end]",
        "\n[end]\n",
        "x\n[manual]\ncpu-quota=1\n[end]\n",
        "Reason=x",
        "=",
        "a=b=c",
        "\\",
        "\\x0a",
        "\\\\x0a",
        "tab\tand\rreturn",
        "\x1b[2J\x1b]0;title\a",
        "\xff\xfe\x80",
        "\xe2\x80\xae reversed",
        "caf\xc3\xa9 \xf0\x9f\x90\x95",
        " blanks ",
        "[",
        "]",
        "# comment",
};

static void assert_same_text(const char *a, const char *b) {
        assert_int_equal(!a, !b);
        if (a)
                assert_string_equal(a, b);
}

static void assert_same_layer(const RecordLayer *a, const RecordLayer *b) {
        assert_true(limits_equal(&a->limits, &b->limits));
        assert_same_text(a->by, b->by);
        assert_same_text(a->reason, b->reason);
        assert_true(a->since == b->since);
        assert_true(a->until == b->until);
}

static void assert_same_record(const Record *a, const Record *b) {
        assert_string_equal(a->target, b->target);
        assert_int_equal(a->scope, b->scope);
        assert_int_equal(a->uid, b->uid);
        assert_same_text(a->user, b->user);
        assert_true(a->serial == b->serial);
        assert_int_equal(a->dirty, b->dirty);
        assert_int_equal(a->persist, b->persist);
        assert_int_equal(a->share, b->share);
        assert_same_text(a->timer, b->timer);
        assert_same_text(a->fingerprint, b->fingerprint);
        assert_same_text(a->backend, b->backend);
        assert_true(limits_equal(&a->base, &b->base));
        for (Layer i = 0; i < _LAYER_MAX; i++)
                assert_same_layer(&a->layers[i], &b->layers[i]);
        assert_int_equal(a->n_files, b->n_files);
        for (size_t i = 0; i < a->n_files; i++) {
                assert_string_equal(a->files[i].name, b->files[i].name);
                assert_same_text(a->files[i].content, b->files[i].content);
        }
        assert_int_equal(a->n_scopes, b->n_scopes);
        for (size_t i = 0; i < a->n_scopes; i++)
                assert_string_equal(a->scopes[i], b->scopes[i]);
        assert_int_equal(a->n_origins, b->n_origins);
        for (size_t i = 0; i < a->n_origins; i++) {
                assert_int_equal(a->origins[i].pid, b->origins[i].pid);
                assert_true(a->origins[i].start_ticks == b->origins[i].start_ticks);
                assert_string_equal(a->origins[i].cgroup, b->origins[i].cgroup);
        }
}

static void set_layer(Record *r, Layer layer, Limit limit, uint64_t value, usec_t until) {
        Limits l = {};

        limits_set(&l, limit, value);
        assert_int_equal(record_set_layer(r, layer, &l, "admin", NULL, SINCE, until), 0);
}

static Record *new_record(void) {
        Record *r = record_new("user-1000.slice", TARGET_USER, 1000, "alice");

        assert_non_null(r);
        return r;
}

/* One with something in every place. */
static Record *full_record(void) {
        Record *r = record_new("user-4294967294.slice", TARGET_USER, 4294967294, "alice\nroot");
        Limits manual = {};

        assert_non_null(r);
        r->serial = UINT64_MAX;
        r->dirty = true;
        r->persist = true;
        r->share = 80;
        r->timer = strdup("leash-expire-1000-5f.timer");
        r->fingerprint = strdup("0123456789abcdef");
        r->backend = strdup("systemd");
        limits_set(&r->base, LIMIT_CPU_QUOTA, LIMIT_INFINITY);
        limits_set(&r->base, LIMIT_CPU_PERIOD, LIMIT_INFINITY);
        limits_set(&r->base, LIMIT_MEMORY_HIGH, 123456789);
        assert_int_equal(limits_parse(&r->base, LIMIT_CPUS, "0-3,8,1023", &host), 0);
        set_layer(r, LAYER_DEFAULT, LIMIT_TASKS_MAX, 2000, USEC_INFINITY);
        set_layer(r, LAYER_STATE, LIMIT_FREEZE, 1, USEC_INFINITY);
        set_layer(r, LAYER_RUNAWAY, LIMIT_CPU_WEIGHT, 20, SINCE + 60 * USEC_PER_SEC);
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                limits_set(&manual, i, i == LIMIT_CPUS ? 0 : 1000 + (uint64_t) i);
        manual.cpus[2] = 0x5a;
        assert_int_equal(record_set_layer(r, LAYER_MANUAL, &manual, "bob\t", "too\nloud [end]",
                                          SINCE, USEC_INFINITY),
                         0);
        assert_int_equal(record_add_file(r, "50-CPUQuota.conf",
                                         "# made by systemctl\n[Slice]\nCPUQuota=80%\n"),
                         0);
        assert_int_equal(record_add_file(r, "50-CPUWeight.conf", NULL), 0);
        assert_int_equal(record_add_file(r, "50-TasksMax.conf", ""), 0);
        assert_int_equal(record_add_scope(r, "leash-1000-4711.scope"), 0);
        assert_int_equal(record_add_scope(r, "leash-tree-1000-1.scope"), 0);
        assert_int_equal(record_add_origin(r, 4711, UINT64_MAX, "/user/odd = name\\x"), 0);
        assert_int_equal(record_add_origin(r, INT32_MAX, 0, "/"), 0);
        return r;
}

static char *to_text(const Record *r, size_t *ret_size) {
        char *text;

        assert_int_equal(record_to_text(r, &text, ret_size), 0);
        assert_int_equal(strlen(text), *ret_size);
        return text;
}

static void check_round_trip(const Record *r) {
        _cleanup_(record_freep) Record *again = NULL;
        _cleanup_free_ char *text = NULL, *twice = NULL;
        size_t size;

        text = to_text(r, &size);
        assert_int_equal(record_from_text(text, size, &again), 0);
        assert_same_record(r, again);
        twice = to_text(again, &size);
        assert_string_equal(text, twice);
}

static void scope_names_are_read_back(void **state _unused_) {
        static const char *const strangers[] = { "", "User", "user ", "slice", "?" };

        for (TargetScope i = 0; i < _TARGET_SCOPE_MAX; i++)
                assert_int_equal(target_scope_from_string(target_scope_to_string(i)), i);
        for (size_t i = 0; i < ELEMENTSOF(strangers); i++)
                check_row(strangers[i],
                          target_scope_from_string(strangers[i]) == _TARGET_SCOPE_INVALID);
        assert_string_equal(target_scope_to_string(_TARGET_SCOPE_MAX), "?");
}

static void a_new_record_sets_nothing(void **state _unused_) {
        _cleanup_(record_freep) Record *r = new_record();
        Limits effective;

        assert_string_equal(r->target, "user-1000.slice");
        assert_int_equal(r->uid, 1000);
        assert_string_equal(r->user, "alice");
        for (Layer i = 0; i < _LAYER_MAX; i++)
                assert_true(r->layers[i].until == USEC_INFINITY);
        assert_int_equal(record_top_layer(r), _LAYER_INVALID);
        assert_true(record_next_expiry(r) == USEC_INFINITY);
        assert_int_equal(record_expire(r, UINT64_MAX), 0);
        record_effective(r, &effective, NULL);
        assert_true(limits_is_empty(&effective));
        check_round_trip(r);
        assert_null(record_free(NULL));
}

static void a_target_fits_a_file_name(void **state _unused_) {
        _cleanup_(record_freep) Record *r = NULL;
        char name[PLACEMENT_NAME_MAX + 1] = {};

        memset(name, 'x', PLACEMENT_NAME_MAX);
        assert_null(record_new(name, TARGET_SESSION, 1000, "alice"));
        name[PLACEMENT_NAME_MAX - 1] = '\0';
        r = record_new(name, TARGET_SESSION, 1000, "alice");
        assert_non_null(r);
        assert_int_equal(r->scope, TARGET_SESSION);
        check_round_trip(r);
}

static void a_layer_is_added_to_and_cleared(void **state _unused_) {
        _cleanup_(record_freep) Record *r = new_record();
        const RecordLayer *l = &r->layers[LAYER_MANUAL];
        Limits limits = {};

        set_layer(r, LAYER_MANUAL, LIMIT_CPU_QUOTA, 500000, USEC_INFINITY);
        limits_set(&limits, LIMIT_TASKS_MAX, 100);
        assert_int_equal(
                record_set_layer(r, LAYER_MANUAL, &limits, "bob", "loud", SINCE + 1, SINCE + 2), 0);
        assert_int_equal(l->limits.value[LIMIT_CPU_QUOTA], 500000);
        assert_int_equal(l->limits.value[LIMIT_TASKS_MAX], 100);
        assert_string_equal(l->by, "bob");
        assert_string_equal(l->reason, "loud");
        assert_true(l->since == SINCE + 1 && l->until == SINCE + 2);
        limits_set(&limits, LIMIT_CPU_QUOTA, 250000);
        assert_int_equal(
                record_set_layer(r, LAYER_MANUAL, &limits, "eve", NULL, SINCE, USEC_INFINITY), 0);
        assert_int_equal(l->limits.value[LIMIT_CPU_QUOTA], 250000);
        assert_null(l->reason);
        assert_int_equal(
                record_set_layer(r, LAYER_MANUAL, &limits, NULL, NULL, SINCE, USEC_INFINITY), 0);
        assert_string_equal(l->by, ""); /* as of a record that does not say */
        record_clear_layer(r, LAYER_MANUAL);
        assert_true(limits_is_empty(&l->limits));
        assert_null(l->by);
        assert_true(l->until == USEC_INFINITY);
        assert_int_equal(record_top_layer(r), _LAYER_INVALID);
}

static void the_top_layer_is_the_highest_that_sets_anything(void **state _unused_) {
        _cleanup_(record_freep) Record *r = new_record();
        Limits effective;
        Layer from[_LIMIT_MAX];

        for (Layer i = 0; i < _LAYER_MAX; i++) {
                set_layer(r, i, LIMIT_CPU_QUOTA, 1000000 - 1000 * (uint64_t) i, USEC_INFINITY);
                assert_int_equal(record_top_layer(r), i);
        }
        record_clear_layer(r, LAYER_MANUAL);
        assert_int_equal(record_top_layer(r), LAYER_RUNAWAY);
        record_effective(r, &effective, from);
        assert_int_equal(effective.value[LIMIT_CPU_QUOTA], 1000000 - 1000 * LAYER_RUNAWAY);
        assert_int_equal(from[LIMIT_CPU_QUOTA], LAYER_RUNAWAY);
}

static void layers_end_when_their_time_is_up(void **state _unused_) {
        _cleanup_(record_freep) Record *r = new_record();

        r->layers[LAYER_STATE].until = 5; /* sets nothing: never ends */
        set_layer(r, LAYER_DEFAULT, LIMIT_TASKS_MAX, 100, USEC_INFINITY);
        set_layer(r, LAYER_RUNAWAY, LIMIT_TASKS_MAX, 100, 2000);
        set_layer(r, LAYER_MANUAL, LIMIT_TASKS_MAX, 100, 1000);
        assert_int_equal(record_next_expiry(r), 1000);
        assert_int_equal(record_expire(r, 999), 0);
        assert_int_equal(record_expire(r, 1000), 1);
        assert_int_equal(record_top_layer(r), LAYER_RUNAWAY);
        assert_int_equal(record_next_expiry(r), 2000);
        assert_int_equal(record_expire(r, 1999), 0);
        assert_int_equal(record_expire(r, UINT64_C(1) << 62), 1);
        assert_int_equal(record_top_layer(r), LAYER_DEFAULT);
        assert_true(record_next_expiry(r) == USEC_INFINITY);
}

static void what_was_there_first_is_kept(void **state _unused_) {
        _cleanup_(record_freep) Record *r = new_record();

        assert_int_equal(record_add_file(r, "50-CPUQuota.conf", "before"), 0);
        assert_int_equal(record_add_file(r, "50-CPUQuota.conf", "ours"), 0);
        assert_int_equal(record_add_file(r, "50-CPUQuota.conf", NULL), 0);
        assert_int_equal(record_add_file(r, "50-CPUWeight.conf", NULL), 0);
        assert_int_equal(record_add_file(r, "50-CPUWeight.conf", "ours"), 0);
        assert_int_equal(r->n_files, 2);
        assert_string_equal(r->files[0].content, "before");
        assert_null(r->files[1].content);
        assert_int_equal(record_add_scope(r, "leash-1-1.scope"), 0);
        assert_int_equal(record_add_scope(r, "leash-1-1.scope"), 0);
        assert_int_equal(r->n_scopes, 1);
        assert_int_equal(record_add_origin(r, 10, 77, "/before"), 0);
        assert_int_equal(record_add_origin(r, 10, 77, "/leash"), 0);
        assert_int_equal(r->n_origins, 1);
        assert_string_equal(r->origins[0].cgroup, "/before");
        assert_int_equal(record_add_origin(r, 10, 78, "/later"), 0); /* the pid was used again */
        assert_int_equal(r->n_origins, 2);
}

static void a_full_record_says_so(void **state _unused_) {
        _cleanup_(record_freep) Record *r = new_record();
        char name[64];

        for (int i = 0; i <= RECORD_FILES_MAX; i++) {
                (void) snprintf(name, sizeof(name), "50-%d.conf", i);
                assert_int_equal(record_add_file(r, name, "x"),
                                 i < RECORD_FILES_MAX ? 0 : -ENOBUFS);
        }
        for (int i = 0; i <= RECORD_SCOPES_MAX; i++) {
                (void) snprintf(name, sizeof(name), "leash-1000-%d.scope", i);
                assert_int_equal(record_add_scope(r, name), i < RECORD_SCOPES_MAX ? 0 : -ENOBUFS);
        }
        for (int i = 0; i <= RECORD_ORIGINS_MAX; i++)
                assert_int_equal(record_add_origin(r, i + 1, 1, "/x"),
                                 i < RECORD_ORIGINS_MAX ? 0 : -ENOBUFS);
        assert_int_equal(record_add_file(r, "50-0.conf", "x"), 0); /* there already */
        assert_int_equal(record_add_origin(r, 1, 1, "/x"), 0);
        check_round_trip(r);
}

static char *repeated(char c, size_t n) {
        char *text = malloc(n + 1);

        assert_non_null(text);
        memset(text, c, n);
        text[n] = '\0';
        return text;
}

/* Newlines take four bytes each in the text. A user with a delegated cgroup names the origins. */
static void the_largest_record_can_be_read_back(void **state _unused_) {
        _cleanup_free_ char *content = repeated('\n', RECORD_CONTENT_MAX),
                            *reason = repeated('\n', RECORD_REASON_MAX);
        _cleanup_free_ char *cgroup = repeated('\n', RECORD_CGROUP_MAX), *text = NULL;
        _cleanup_(record_freep) Record *r = new_record(), *again = NULL;
        char name[64];
        Limits l = {};
        size_t size;

        for (int i = 0; i < RECORD_FILES_MAX; i++) {
                (void) snprintf(name, sizeof(name), "50-%d.conf", i);
                assert_int_equal(record_add_file(r, name, content), 0);
        }
        cgroup[0] = '/';
        for (int i = 0; i < RECORD_ORIGINS_MAX; i++)
                assert_int_equal(record_add_origin(r, INT32_MAX - i, UINT64_MAX, cgroup), 0);
        limits_set(&l, LIMIT_CPUS, 0);
        memset(l.cpus, 0x55, sizeof(l.cpus));
        for (Layer i = 0; i < _LAYER_MAX; i++)
                assert_int_equal(record_set_layer(r, i, &l, reason, reason, SINCE, USEC_INFINITY),
                                 0);
        text = to_text(r, &size);
        assert_true(size <= RECORD_TEXT_MAX);
        assert_int_equal(record_from_text(text, size, &again), 0);
        assert_same_record(r, again);
}

static void what_is_too_large_to_keep_is_refused(void **state _unused_) {
        _cleanup_free_ char *content = repeated('x', RECORD_CONTENT_MAX + 1),
                            *cgroup = repeated('/', RECORD_CGROUP_MAX + 1);
        _cleanup_(record_freep) Record *r = new_record();

        assert_int_equal(record_add_file(r, "50-CPUQuota.conf", content), -EFBIG);
        assert_int_equal(record_add_origin(r, 10, 1, cgroup), -ENAMETOOLONG);
        assert_int_equal(r->n_files, 0);
        assert_int_equal(r->n_origins, 0);
}

static void everything_is_read_back(void **state _unused_) {
        _cleanup_(record_freep) Record *r = full_record();

        check_round_trip(r);
        r->share = 100;
        check_round_trip(r);
}

static void hostile_text_is_read_back(void **state _unused_) {
        for (size_t i = 0; i < ELEMENTSOF(hostile); i++) {
                _cleanup_(record_freep) Record *r =
                        record_new("user-1000.slice", TARGET_USER, 1000, hostile[i]);
                _cleanup_free_ char *cgroup = NULL;
                Limits l = {};

                assert_non_null(r);
                limits_set(&l, LIMIT_CPU_QUOTA, 500000);
                assert_int_equal(record_set_layer(r, LAYER_MANUAL, &l, hostile[i], hostile[i],
                                                  SINCE, USEC_INFINITY),
                                 0);
                r->timer = strdup(hostile[i]);
                r->fingerprint = strdup(hostile[i]);
                r->backend = strdup(hostile[i]);
                assert_int_equal(record_add_file(r, "50-CPUQuota.conf", hostile[i]), 0);
                cgroup = malloc(strlen(hostile[i]) + 2);
                assert_non_null(cgroup);
                (void) sprintf(cgroup, "/%s", hostile[i]);
                assert_int_equal(record_add_origin(r, 10, 1, cgroup), 0);
                check_round_trip(r);
        }
}

/* Whatever a disk kept of it: all or nothing. */
static void a_text_cut_at_any_byte_is_damaged(void **state _unused_) {
        _cleanup_(record_freep) Record *r = full_record();
        _cleanup_free_ char *text = NULL;
        size_t size;

        text = to_text(r, &size);
        for (size_t n = 0; n < size; n++) {
                _cleanup_free_ char *part = malloc(n + 1); /* its end is where ASan looks */
                Record *again = NULL;

                assert_non_null(part);
                memcpy(part, text, n);
                assert_int_equal(record_from_text(part, n, &again), -EBADMSG);
                assert_null(again);
        }
}

static void a_text_with_any_byte_changed_is_read_or_damaged(void **state _unused_) {
        static const char changes[] = { '\0', '\n', '[', ']', '=',        '\\',
                                        '/',  '9',  '-', ' ', (char) 0xff };
        _cleanup_(record_freep) Record *r = full_record();
        _cleanup_free_ char *text = NULL;
        size_t size;

        text = to_text(r, &size);
        for (size_t at = 0; at < size; at++)
                for (size_t i = 0; i < sizeof(changes); i++) {
                        _cleanup_(record_freep) Record *again = NULL;
                        char before = text[at];
                        int k;

                        text[at] = changes[i];
                        k = record_from_text(text, size, &again);
                        assert_true(k == -EBADMSG || (k == 0 && changes[i] != '\0'));
                        text[at] = before;
                }
}

/* Puts lines before the end of the least text that is a record. */
static int read_with(const char *lines, Record **ret) {
        char text[4096];
        int n = snprintf(
                text, sizeof(text),
                "[leash]\nVersion=1\nTarget=user-1000.slice\nUid=1000\nUser=alice\n%s[end]\n",
                lines);

        assert_true(n > 0 && (size_t) n < sizeof(text));
        return record_from_text(text, n, ret);
}

static void unknown_things_are_skipped(void **state _unused_) {
        static const char *const rows[] = {
                "",
                "\n\n",
                "Colour=red\n",
                "Colour=\n",
                "[base]\ngpu-share=5\n",
                "[manual]\ngpu-share=5\nMood=bad\n",
                "[future]\na=b\n",
                "[future]\n=\n",
                "[future]\nname without a value\n",
                "[future]\n../../etc/passwd\n",
                "[a section whose name is longer than any that there is today, by far]\nx\ny=z\n",
                "[]\nx=y\n",
                "[endless]\nx=y\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(record_freep) Record *r = NULL;

                check_row(rows[i], read_with(rows[i], &r) == 0);
                check_row(rows[i], r->uid == 1000 && r->n_files == 0 && r->n_scopes == 0 &&
                                           r->n_origins == 0);
                check_row(rows[i],
                          record_top_layer(r) == _LAYER_INVALID && limits_is_empty(&r->base));
        }
}

static void known_sections_are_not_cut_names(void **state _unused_) {
        _cleanup_(record_freep) Record *r = NULL;

        assert_int_equal(
                read_with("[manual]\ncpu-quota=500000\nBy=bob\n[manual and more]\ncpu-quota=1\n",
                          &r),
                0);
        assert_int_equal(r->layers[LAYER_MANUAL].limits.value[LIMIT_CPU_QUOTA], 500000);
}

static void bad_values_are_damage(void **state _unused_) {
        static const char *const rows[] = {
                "Version=2\n",
                "Version=\n",
                "Version=x\n",
                "Version\n",
                "Target=a/b\n",
                "Target=../user-1.slice\n",
                "Target=\n",
                "Uid=-1\n",
                "Uid=\n",
                "Uid=65535\n",
                "Uid=4294967295\n",
                "Uid=4294968296\n",
                "Uid=root\n",
                "Scope=bogus\n",
                "Scope=\n",
                "Serial=x\n",
                "Serial=-1\n",
                "Serial=18446744073709551616\n",
                "Share=101\n",
                "Share=x\n",
                "Share=-1\n",
                "Dirty=maybe\n",
                "Persist=2\n",
                "User=\\x00\n",
                "[base]\ncpu-quota=50%\n",
                "[base]\ncpu-quota=\n",
                "[base]\ncpu-quota\n",
                "[base]\nallowed-cpus=9-1\n",
                "[manual]\ncpu-quota=x\n",
                "[manual]\nSince=yesterday\n",
                "[manual]\nUntil=-1\n",
                "[manual]\nBy=\\x00\n",
                "[manual]\nReason\n",
                "[",
                "[\n",
                "[manual\n",
                "[manual] \n",
                "[end]\n[end]\n",
                "[end]\nx=y\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Record *r = NULL;

                check_row(rows[i], read_with(rows[i], &r) == -EBADMSG);
                check_row(rows[i], r == NULL);
        }
}

static void what_every_record_needs_is_needed(void **state _unused_) {
        static const char *const rows[] = {
                "",
                "\n",
                "[end]\n",
                "[leash]\n[end]\n",
                "[leash]\nVersion=1\nTarget=user-1.slice\n[end]\n",
                "[leash]\nVersion=1\nUid=1\n[end]\n",
                "Target=user-1.slice\nUid=1\n[end]\n",
                "[leash]\nTarget=user-1.slice\nUid=1\n",
                "[leash]\nTarget=user-1.slice\nUid=1\n[end]",
        };
        Record *r = NULL;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                check_row(rows[i], record_from_text(rows[i], strlen(rows[i]), &r) == -EBADMSG);
                check_row(rows[i], r == NULL);
        }
}

static void a_text_with_a_zero_byte_is_damaged(void **state _unused_) {
        static const char inside[] = "[leash]\nTarget=user-1.slice\nUid=1\nUser=a\0b\n[end]\n";
        static const char after[] = "[leash]\nTarget=user-1.slice\nUid=1\n[end]\n\0x";
        Record *r = NULL;

        assert_int_equal(record_from_text(inside, sizeof(inside) - 1, &r), -EBADMSG);
        assert_int_equal(record_from_text(after, sizeof(after) - 1, &r), -EBADMSG);
        assert_int_equal(record_from_text(after, strlen(after), &r), 0);
        r = record_free(r);
}

static void a_text_without_bounds_is_damaged(void **state _unused_) {
        static const char least[] = "[leash]\nTarget=user-1.slice\nUid=1\n[end]\n";
        _cleanup_free_ char *text = repeated('\n', RECORD_TEXT_MAX + 1);
        Record *r = NULL;

        memcpy(text, least, sizeof(least) - 1);
        assert_int_equal(record_from_text(text, RECORD_TEXT_MAX + 1, &r), -EBADMSG);
        assert_null(r);
}

static void overlong_targets_are_damage(void **state _unused_) {
        char lines[PLACEMENT_NAME_MAX + 32] = "Target=";
        size_t at = strlen(lines);
        Record *r = NULL;

        memset(lines + at, 'x', PLACEMENT_NAME_MAX);
        lines[at + PLACEMENT_NAME_MAX] = '\n';
        assert_int_equal(read_with(lines, &r), -EBADMSG);
        lines[at + PLACEMENT_NAME_MAX - 1] = '\n';
        lines[at + PLACEMENT_NAME_MAX] = '\0';
        assert_int_equal(read_with(lines, &r), 0);
        r = record_free(r);
}

static void overlarge_entries_are_damage(void **state _unused_) {
        static const struct {
                const char *head;
                size_t max;
        } rows[] = {
                { "[files]\n50-x.conf=", RECORD_CONTENT_MAX },
                { "[origins]\n1:2=/", RECORD_CGROUP_MAX - 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                for (size_t extra = 0; extra <= 1; extra++) {
                        _cleanup_free_ char *value = repeated('x', rows[i].max + extra),
                                            *text = malloc(rows[i].max + 128);
                        _cleanup_(record_freep) Record *r = NULL;

                        assert_non_null(text);
                        (void) sprintf(text, "[leash]\nTarget=a.slice\nUid=1\n%s%s\n[end]\n",
                                       rows[i].head, value);
                        check_row(rows[i].head, record_from_text(text, strlen(text), &r) ==
                                                        (extra ? -EBADMSG : 0));
                }
}

/* Names from the ledger are joined to directories that root writes to. */
static void path_tricks_are_damage(void **state _unused_) {
        static const char *const rows[] = {
                "[files]\n../../../etc/passwd\n",
                "[files]\n../x=y\n",
                "[files]\n/etc/passwd=x\n",
                "[files]\na/b=x\n",
                "[files]\n..\n",
                "[files]\n.\n",
                "[files]\n.hidden=x\n",
                "[files]\n=x\n",
                "[files]\n50-x.conf=\\x00\n",
                "[scopes]\nsession-3.scope\n",
                "[scopes]\nleash-1.service\n",
                "[scopes]\n../leash-1.scope\n",
                "[scopes]\nleash-/../user-0.scope\n",
                "[scopes]\nleash-1/2.scope\n",
                "[scopes]\nleash-\n",
                "[scopes]\nleash-.scop\n",
                "[scopes]\n.scope\n",
                "[scopes]\nuser-0.slice\n",
                "[scopes]\n=leash-1.scope\n",
                "[origins]\n1:2\n",
                "[origins]\n1:2=\n",
                "[origins]\n1:2=relative\n",
                "[origins]\n1:2=../x\n",
                "[origins]\n1:2=/a/../b\n",
                "[origins]\n1:2=/a/..\n",
                "[origins]\n1:2=/..\n",
                "[origins]\n1:2=/../a\n",
                "[origins]\n1:2=/\\x2e\\x2e/a\n",
                "[origins]\n1:2=/a\\x2f..\n",
                "[origins]\n0:1=/a\n",
                "[origins]\n-1:1=/a\n",
                "[origins]\n1=/a\n",
                "[origins]\n1:=/a\n",
                "[origins]\n:1=/a\n",
                "[origins]\n1:x=/a\n",
                "[origins]\n1:2:3=/a\n",
                "[origins]\n2147483648:1=/a\n",
                "[origins]\n4294967297:1=/a\n",
                "[origins]\n1:18446744073709551616=/a\n",
                "[origins]\n1:2=\\x00\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                Record *r = NULL;

                check_row(rows[i], read_with(rows[i], &r) == -EBADMSG);
                check_row(rows[i], r == NULL);
        }
}

static void harmless_dots_are_none(void **state _unused_) {
        _cleanup_(record_freep) Record *r = NULL;

        assert_int_equal(read_with("[files]\n50-a..b.conf=x\n[scopes]\nleash-1-1..scope\n"
                                   "[origins]\n1:1=/a..\n2:1=/..a\n3:1=/a/...\n4:1=/\n",
                                   &r),
                         0);
        assert_int_equal(r->n_files, 1);
        assert_int_equal(r->n_scopes, 1);
        assert_int_equal(r->n_origins, 4);
}

static void too_many_entries_are_damage(void **state _unused_) {
        for (int extra = 0; extra <= 1; extra++) {
                char files[2048] = "[files]\n", scopes[2048] = "[scopes]\n", line[64];
                _cleanup_(record_freep) Record *a = NULL, *b = NULL;

                for (int i = 0; i < RECORD_FILES_MAX + extra; i++) {
                        (void) snprintf(line, sizeof(line), "50-%d.conf=x\n", i);
                        (void) strcat(files, line);
                }
                for (int i = 0; i < RECORD_SCOPES_MAX + extra; i++) {
                        (void) snprintf(line, sizeof(line), "leash-1-%d.scope\n", i);
                        (void) strcat(scopes, line);
                }
                assert_int_equal(read_with(files, &a), extra ? -EBADMSG : 0);
                assert_int_equal(read_with(scopes, &b), extra ? -EBADMSG : 0);
        }
}

/* What ends with the last login, and what does not. */
static void test_whose_record(void **state) {
        static const struct {
                Layer layer;
                bool policys;
        } rows[] = {
                { LAYER_DEFAULT, true },
                { LAYER_STATE, true },
                { LAYER_RUNAWAY, false },
                { LAYER_MANUAL, false },
        };

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(record_freep) Record *r = record_new("user-1.slice", TARGET_USER, 1, "x");
                Limits l = {};

                assert_false(record_is_policys(r));
                limits_set(&l, LIMIT_CPU_QUOTA, 500000);
                assert_int_equal(record_set_layer(r, LAYER_DEFAULT, &l, "x", NULL, 1, 2), 0);
                assert_int_equal(record_set_layer(r, rows[i].layer, &l, "x", NULL, 1, 2), 0);
                check_row(layer_to_string(rows[i].layer), record_is_policys(r) == rows[i].policys);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whose_record),
                cmocka_unit_test(scope_names_are_read_back),
                cmocka_unit_test(a_new_record_sets_nothing),
                cmocka_unit_test(a_target_fits_a_file_name),
                cmocka_unit_test(a_layer_is_added_to_and_cleared),
                cmocka_unit_test(the_top_layer_is_the_highest_that_sets_anything),
                cmocka_unit_test(layers_end_when_their_time_is_up),
                cmocka_unit_test(what_was_there_first_is_kept),
                cmocka_unit_test(a_full_record_says_so),
                cmocka_unit_test(the_largest_record_can_be_read_back),
                cmocka_unit_test(what_is_too_large_to_keep_is_refused),
                cmocka_unit_test(everything_is_read_back),
                cmocka_unit_test(hostile_text_is_read_back),
                cmocka_unit_test(a_text_cut_at_any_byte_is_damaged),
                cmocka_unit_test(a_text_with_any_byte_changed_is_read_or_damaged),
                cmocka_unit_test(unknown_things_are_skipped),
                cmocka_unit_test(known_sections_are_not_cut_names),
                cmocka_unit_test(bad_values_are_damage),
                cmocka_unit_test(what_every_record_needs_is_needed),
                cmocka_unit_test(a_text_with_a_zero_byte_is_damaged),
                cmocka_unit_test(a_text_without_bounds_is_damaged),
                cmocka_unit_test(overlong_targets_are_damage),
                cmocka_unit_test(overlarge_entries_are_damage),
                cmocka_unit_test(path_tricks_are_damage),
                cmocka_unit_test(harmless_dots_are_none),
                cmocka_unit_test(too_many_entries_are_damage),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
