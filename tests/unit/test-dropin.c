/* SPDX-License-Identifier: MIT */
/* Drop-in files below a directory of its own: saved and put back, our own, and only looked at. */

#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "temproot.h"

#include "backend/dropin.h"

#define UNIT "user-1000.slice"
#define CONTROL "/run/systemd/system.control/" UNIT ".d"
#define RUN "/run/systemd/system/" UNIT ".d"
#define ETC "/etc/systemd/system/" UNIT ".d"
#define SINCE (UINT64_C(1768478400) * USEC_PER_SEC)

static Record *new_record(void) {
        Record *r = record_new(UNIT, TARGET_USER, 1000, "alice");

        assert_non_null(r);
        return r;
}

static Limits quota(uint64_t value) {
        Limits l = {};

        limits_set(&l, LIMIT_CPU_QUOTA, value);
        return l;
}

static void set_manual(Record *r, const Limits *l, usec_t until) {
        assert_int_equal(record_set_layer(r, LAYER_MANUAL, l, "admin", "too loud", SINCE, until),
                         0);
}

static void assert_file(const char *root, const char *path, const char *expected) {
        _cleanup_free_ char *text = temproot_read(root, path);

        if (!expected) {
                check_row(path, !temproot_exists(root, path));
                return;
        }
        check_row(path, text != NULL);
        assert_string_equal(text, expected);
}

/* As the ledger does between two commands. */
static Record *through_the_ledger(Record *r) {
        _cleanup_free_ char *text = NULL;
        Record *again;
        size_t size;

        assert_int_equal(record_to_text(r, &text, &size), 0);
        assert_int_equal(record_from_text(text, size, &again), 0);
        record_free(r);
        return again;
}

static void what_was_there_is_put_back_byte_for_byte(void **state) {
        static const char *const contents[] = {
                "# created via \"systemctl set-property\"\n[Slice]\nCPUQuota=80.00%\n",
                "",
                "\n\n",
                "no newline at the end",
                "back\\slash \\x41 tab\there \r\n",
                "caf\xc3\xa9 \xff\xfe \x1b[0m",
                "[end]\n[files]\n50-CPUQuota.conf=x\n",
                " leading and trailing \n ",
        };

        temproot_mkdir(*state, CONTROL, 0755);
        for (size_t i = 0; i < ELEMENTSOF(contents); i++) {
                _cleanup_(record_freep) Record *r = new_record();

                temproot_write(*state, CONTROL "/50-CPUQuota.conf", contents[i]);
                assert_int_equal(dropin_save(*state, r, LIMIT_CPU_QUOTA), 0);
                assert_int_equal(dropin_save(*state, r, LIMIT_CPU_WEIGHT), 0);
                assert_int_equal(dropin_refresh_saved(*state, r), 0);
                temproot_write(*state, CONTROL "/50-CPUQuota.conf", "[Slice]\nCPUQuota=50%\n");
                temproot_write(*state, CONTROL "/50-CPUWeight.conf", "[Slice]\nCPUWeight=20\n");
                r = through_the_ledger(r);
                assert_int_equal(dropin_restore_saved(*state, r), 0);
                assert_file(*state, CONTROL "/50-CPUQuota.conf", contents[i]);
                assert_int_equal(temproot_mode(*state, CONTROL "/50-CPUQuota.conf"), 0644);
                assert_file(*state, CONTROL "/50-CPUWeight.conf", NULL);
                assert_int_equal(dropin_refresh_saved(*state, r), 0);
                assert_int_equal(dropin_restore_saved(*state, r), 0); /* as often as one likes */
                assert_file(*state, CONTROL "/50-CPUQuota.conf", contents[i]);
        }
}

static void where_nothing_was_nothing_stays(void **state) {
        _cleanup_(record_freep) Record *r = new_record();

        assert_int_equal(dropin_save(*state, r, LIMIT_CPU_QUOTA), 0);
        assert_int_equal(dropin_restore_saved(*state, r), 0);
        assert_false(temproot_exists(*state, "/run"));
        temproot_mkdir(*state, CONTROL, 0755);
        temproot_write(*state, CONTROL "/50-CPUQuota.conf", "[Slice]\nCPUQuota=50%\n");
        assert_int_equal(dropin_restore_saved(*state, r), 0);
        assert_false(temproot_exists(*state, CONTROL));
        assert_true(temproot_exists(*state, "/run/systemd/system.control"));
}

static void files_of_others_stay(void **state) {
        _cleanup_(record_freep) Record *r = new_record();

        temproot_mkdir(*state, CONTROL, 0755);
        temproot_write(*state, CONTROL "/50-TasksMax.conf", "[Slice]\nTasksMax=77\n");
        assert_int_equal(dropin_save(*state, r, LIMIT_CPU_QUOTA), 0);
        temproot_write(*state, CONTROL "/50-CPUQuota.conf", "[Slice]\nCPUQuota=50%\n");
        assert_int_equal(dropin_restore_saved(*state, r), 0);
        assert_file(*state, CONTROL "/50-CPUQuota.conf", NULL);
        assert_file(*state, CONTROL "/50-TasksMax.conf", "[Slice]\nTasksMax=77\n");
}

static void the_first_look_is_what_was_there(void **state) {
        _cleanup_(record_freep) Record *r = new_record();

        temproot_mkdir(*state, CONTROL, 0755);
        temproot_write(*state, CONTROL "/50-CPUQuota.conf", "before\n");
        assert_int_equal(dropin_save(*state, r, LIMIT_CPU_QUOTA), 0);
        temproot_write(*state, CONTROL "/50-CPUQuota.conf", "ours\n");
        assert_int_equal(dropin_save(*state, r, LIMIT_CPU_QUOTA), 0);
        assert_int_equal(dropin_restore_saved(*state, r), 0);
        assert_file(*state, CONTROL "/50-CPUQuota.conf", "before\n");
}

static void who_sets_the_property_after_us_is_noticed(void **state) {
        _cleanup_(record_freep) Record *r = new_record();

        temproot_mkdir(*state, CONTROL, 0755);
        temproot_write(*state, CONTROL "/50-CPUQuota.conf", "before\n");
        assert_int_equal(dropin_save(*state, r, LIMIT_CPU_QUOTA), 0);
        assert_int_equal(dropin_save(*state, r, LIMIT_CPU_WEIGHT), 0);
        assert_int_equal(dropin_refresh_saved(*state, r), 0);
        temproot_write(*state, CONTROL "/50-CPUWeight.conf", "added\n");
        assert_int_equal(dropin_refresh_saved(*state, r), 1);
        assert_int_equal(dropin_refresh_saved(*state, r), 0); /* it is what counts from now on */
        temproot_write(*state, CONTROL "/50-CPUWeight.conf", "ours\n");
        temproot_write(*state, CONTROL "/50-CPUQuota.conf", "ours\n");
        assert_int_equal(dropin_restore_saved(*state, r), 0);
        assert_file(*state, CONTROL "/50-CPUWeight.conf", "added\n");
        assert_file(*state, CONTROL "/50-CPUQuota.conf", "before\n");
        temproot_unlink(*state, CONTROL "/50-CPUWeight.conf");
        assert_int_equal(dropin_refresh_saved(*state, r), 1);
        temproot_write(*state, CONTROL "/50-CPUQuota.conf", "Before\n");
        assert_int_equal(dropin_refresh_saved(*state, r), 1);
        temproot_write(*state, CONTROL "/50-TasksMax.conf", "never ours\n");
        assert_int_equal(dropin_refresh_saved(*state, r), 0);
        temproot_unlink(*state, CONTROL "/50-CPUQuota.conf");
        assert_int_equal(dropin_refresh_saved(*state, r), 1);
}

/* Rather no leash than one that cannot be taken off. */
static void what_cannot_be_kept_is_refused(void **state) {
        _cleanup_free_ char *path = file_path("%s" CONTROL "/50-CPUQuota.conf", (char *) *state);
        _cleanup_free_ char *text = malloc(RECORD_CONTENT_MAX + 2);
        _cleanup_(record_freep) Record *r = new_record();

        assert_non_null(text);
        memset(text, '#', RECORD_CONTENT_MAX + 1);
        text[RECORD_CONTENT_MAX + 1] = '\0';
        temproot_mkdir(*state, CONTROL, 0755);
        temproot_write(*state, CONTROL "/50-CPUQuota.conf", text);
        assert_int_equal(dropin_save(*state, r, LIMIT_CPU_QUOTA), -EFBIG);
        assert_int_equal(r->n_files, 0);
        temproot_write(*state, CONTROL "/50-CPUQuota.conf", "12345678");
        assert_int_equal(truncate(path, 9), 0); /* a zero byte at the end */
        assert_int_equal(dropin_save(*state, r, LIMIT_CPU_QUOTA), -EBADMSG);
        assert_int_equal(r->n_files, 0);
}

static void our_own_file_is_written_and_removed(void **state) {
        _cleanup_(record_freep) Record *r = new_record();
        _cleanup_free_ char *text = NULL;
        Limits l = quota(500000);

        set_manual(r, &l, USEC_INFINITY);
        assert_false(dropin_exists(*state, r));
        assert_int_equal(dropin_write(*state, r, &l, false), 0);
        assert_true(dropin_exists(*state, r));
        text = temproot_read(*state, RUN "/" DROPIN_NAME);
        assert_non_null(text);
        assert_non_null(strstr(text, "\n[Slice]\nCPUQuota=50%\n"));
        assert_null(strstr(text, "too loud")); /* everybody may read it */
        assert_null(strstr(text, "admin"));
        assert_int_equal(temproot_mode(*state, RUN "/" DROPIN_NAME), 0644);
        assert_false(temproot_exists(*state, "/etc"));
        assert_int_equal(dropin_remove(*state, r), 0);
        assert_false(temproot_exists(*state, RUN));
        assert_false(dropin_exists(*state, r));
        assert_int_equal(dropin_remove(*state, r), 0);
}

static void our_own_file_follows_the_leash_through_a_reboot_or_not(void **state) {
        _cleanup_(record_freep) Record *r = new_record();
        Limits l = quota(500000);

        set_manual(r, &l, USEC_INFINITY);
        assert_int_equal(dropin_write(*state, r, &l, false), 0);
        r->persist = true;
        assert_int_equal(dropin_write(*state, r, &l, false), 0);
        assert_true(temproot_exists(*state, ETC "/" DROPIN_NAME));
        assert_false(temproot_exists(*state, RUN));
        assert_true(dropin_exists(*state, r));
        r->persist = false;
        assert_int_equal(dropin_write(*state, r, &l, false), 0);
        assert_true(temproot_exists(*state, RUN "/" DROPIN_NAME));
        assert_false(temproot_exists(*state, ETC));
        r->persist = true;
        assert_int_equal(dropin_write(*state, r, &l, false), 0);
        assert_int_equal(dropin_remove(*state, r), 0);
        assert_false(temproot_exists(*state, ETC));
}

static void an_admins_files_beside_ours_stay(void **state) {
        _cleanup_(record_freep) Record *r = new_record();
        Limits l = quota(500000);

        set_manual(r, &l, USEC_INFINITY);
        temproot_mkdir(*state, ETC, 0755);
        temproot_mkdir(*state, RUN, 0755);
        temproot_write(*state, ETC "/99-admin.conf", "[Slice]\nCPUQuota=200%\n");
        temproot_write(*state, RUN "/10-generated.conf", "[Slice]\nCPUQuota=300%\n");
        r->persist = true;
        assert_int_equal(dropin_write(*state, r, &l, false), 0);
        r->persist = false;
        assert_int_equal(dropin_write(*state, r, &l, false), 0);
        assert_int_equal(dropin_remove(*state, r), 0);
        assert_file(*state, ETC "/99-admin.conf", "[Slice]\nCPUQuota=200%\n");
        assert_file(*state, RUN "/10-generated.conf", "[Slice]\nCPUQuota=300%\n");
        assert_file(*state, ETC "/" DROPIN_NAME, NULL);
        assert_file(*state, RUN "/" DROPIN_NAME, NULL);
}

static void a_later_change_replaces_the_file(void **state) {
        _cleanup_(record_freep) Record *r = new_record();
        _cleanup_free_ char *text = NULL;
        Limits l = quota(500000);

        set_manual(r, &l, USEC_INFINITY);
        assert_int_equal(dropin_write(*state, r, &l, false), 0);
        l = quota(250000);
        assert_int_equal(dropin_write(*state, r, &l, false), 0);
        text = temproot_read(*state, RUN "/" DROPIN_NAME);
        assert_non_null(text);
        assert_non_null(strstr(text, "CPUQuota=25%\n"));
        assert_null(strstr(text, "CPUQuota=50%"));
}

/* systemd-analyze verify: "Invalid CPU quota 'infinity', ignoring". Lists grow from file to file
 * until an empty value resets them (systemd.resource-control(5)). */
static void every_limit_is_written_as_a_unit_file_takes_it(void **state) {
        static const struct {
                Limit limit;
                uint64_t value;
                const char *line;
        } rows[] = {
                { LIMIT_CPU_QUOTA, 125000, "\nCPUQuota=12.5%\n" },
                { LIMIT_CPU_QUOTA, LIMIT_INFINITY, "\nCPUQuota=\n" },
                { LIMIT_CPU_PERIOD, 10000, "\nCPUQuotaPeriodSec=10000us\n" },
                { LIMIT_CPU_PERIOD, LIMIT_INFINITY, "\nCPUQuotaPeriodSec=\n" },
                { LIMIT_CPU_WEIGHT, 20, "\nCPUWeight=20\n" },
                { LIMIT_CPU_WEIGHT, LIMIT_INFINITY, "\nCPUWeight=\n" },
                { LIMIT_MEMORY_HIGH, 4294967296, "\nMemoryHigh=4294967296\n" },
                { LIMIT_MEMORY_MAX, LIMIT_INFINITY, "\nMemoryMax=infinity\n" },
                { LIMIT_SWAP_MAX, 0, "\nMemorySwapMax=0\n" },
                { LIMIT_TASKS_MAX, 2000, "\nTasksMax=2000\n" },
                { LIMIT_TASKS_MAX, LIMIT_INFINITY, "\nTasksMax=infinity\n" },
                { LIMIT_IO_WEIGHT, 50, "\nIOWeight=50\n" },
                { LIMIT_CPUS, 0, "\nAllowedCPUs=\nAllowedCPUs=0-3,8\n" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_(record_freep) Record *r = new_record();
                _cleanup_free_ char *text = NULL;
                Limits l = { .cpus = { 0x0f, 0x01 } };

                limits_set(&l, rows[i].limit, rows[i].value);
                set_manual(r, &l, USEC_INFINITY);
                assert_int_equal(dropin_write(*state, r, &l, false), 0);
                text = temproot_read(*state, RUN "/" DROPIN_NAME);
                assert_non_null(text);
                check_row(rows[i].line, strstr(text, rows[i].line));
        }
}

static void what_has_no_directive_is_not_written(void **state) {
        _cleanup_(record_freep) Record *r = new_record();
        _cleanup_free_ char *text = NULL;
        Limits l = {};

        limits_set(&l, LIMIT_FREEZE, 1);
        set_manual(r, &l, USEC_INFINITY);
        assert_int_equal(dropin_write(*state, r, &l, false), 0);
        text = temproot_read(*state, RUN "/" DROPIN_NAME);
        assert_non_null(text);
        assert_string_equal(strstr(text, "[Slice]"), "[Slice]\n");
}

static void everybody_can_read_it_whatever_the_umask(void **state) {
        static const bool persist[] = { false, true };
        Limits l = quota(500000);
        mode_t before = umask(077);

        for (size_t i = 0; i < ELEMENTSOF(persist); i++) {
                _cleanup_(record_freep) Record *r = new_record();

                r->persist = persist[i];
                set_manual(r, &l, USEC_INFINITY);
                assert_int_equal(dropin_write(*state, r, &l, false), 0);
                assert_int_equal(temproot_mode(*state, persist[i] ? ETC : RUN), 0755);
                assert_int_equal(temproot_mode(*state, persist[i] ? ETC "/" DROPIN_NAME
                                                                  : RUN "/" DROPIN_NAME),
                                 0644);
        }
        (void) umask(before);
}

static void a_dir_that_is_a_link_is_refused(void **state) {
        _cleanup_free_ char *link = file_path("%s" RUN, (char *) *state),
                            *to = file_path("%s/to", (char *) *state);
        _cleanup_(record_freep) Record *r = new_record();
        Limits l = quota(500000);

        temproot_mkdir(*state, "/run/systemd/system", 0755);
        temproot_mkdir(*state, "/to", 0755);
        assert_int_equal(symlink(to, link), 0);
        set_manual(r, &l, USEC_INFINITY);
        assert_true(dropin_write(*state, r, &l, false) < 0);
        assert_false(temproot_exists(*state, "/to/" DROPIN_NAME));
}

static const Record *find_record(Record **records, size_t n, const char *target) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(records[i]->target, target) == 0)
                        return records[i];
        return NULL;
}

static void free_records(Record **records, size_t n) {
        for (size_t i = 0; i < n; i++)
                record_free(records[i]);
        free(records);
}

static void write_leash(const char *root, const char *target, uid_t uid, bool persist,
                        const Limits *l, usec_t until) {
        _cleanup_(record_freep) Record *r = record_new(target, TARGET_USER, uid, "alice");

        assert_non_null(r);
        r->persist = persist;
        set_manual(r, l, until);
        assert_int_equal(dropin_write(root, r, l, false), 0);
}

static void everybody_sees_the_leashes_in_force(void **state) {
        const LimitsHost host = { .n_cpus = 8 };
        Limits all = {}, some = quota(LIMIT_INFINITY);
        Record **records;
        const Record *r;
        size_t n;

        for (Limit i = 0; i < _LIMIT_MAX; i++)
                if (limits_table[i].directive && i != LIMIT_CPUS)
                        limits_set(&all, i,
                                   limits_table[i].kind == LIMIT_KIND_QUOTA
                                           ? 123400
                                           : limits_table[i].min + 100);
        assert_int_equal(limits_parse(&all, LIMIT_CPUS, "0-3,8", &host), 0);
        limits_set(&some, LIMIT_CPU_WEIGHT, LIMIT_INFINITY);
        limits_set(&some, LIMIT_TASKS_MAX, LIMIT_INFINITY);
        write_leash(*state, UNIT, 1000, false, &all, SINCE + 1200 * USEC_PER_SEC);
        write_leash(*state, "user-1001.slice", 1001, true, &some, USEC_INFINITY);
        assert_int_equal(dropin_read_public(*state, &records, &n), 0);
        assert_int_equal(n, 2);
        r = find_record(records, n, UNIT);
        assert_non_null(r);
        assert_int_equal(r->uid, 1000);
        assert_int_equal(r->scope, TARGET_USER);
        assert_int_equal(record_top_layer(r), LAYER_MANUAL);
        assert_true(limits_equal(&r->layers[LAYER_MANUAL].limits, &all));
        assert_true(r->layers[LAYER_MANUAL].since == SINCE);
        assert_true(record_next_expiry(r) == SINCE + 1200 * USEC_PER_SEC);
        r = find_record(records, n, "user-1001.slice");
        assert_non_null(r);
        assert_true(limits_equal(&r->layers[LAYER_MANUAL].limits, &some));
        assert_true(record_next_expiry(r) == USEC_INFINITY);
        free_records(records, n);
}

static void the_layer_that_counts_is_told(void **state) {
        for (Layer i = 0; i < _LAYER_MAX; i++) {
                _cleanup_(record_freep) Record *r = new_record();
                Limits l = quota(500000);
                Record **records;
                size_t n;

                assert_int_equal(record_set_layer(r, i, &l, "leashd", NULL, SINCE, USEC_INFINITY),
                                 0);
                assert_int_equal(dropin_write(*state, r, &l, false), 0);
                assert_int_equal(dropin_read_public(*state, &records, &n), 0);
                assert_int_equal(n, 1);
                assert_int_equal(record_top_layer(records[0]), i);
                assert_true(records[0]->layers[i].since == SINCE);
                free_records(records, n);
        }
}

static void only_leashes_are_seen(void **state) {
        static const char *const dirs[] = {
                "/run/systemd/system/user-1001.slice.d",  "/run/systemd/system/user-.slice.d",
                "/run/systemd/system/cron.service.d",     "/run/systemd/system/user-x.slice.d",
                "/run/systemd/system/user-65535.slice.d", "/run/systemd/system/.d",
                "/run/systemd/system/user-1002.slice"
        };
        Limits l = quota(500000);
        Record **records;
        size_t n = 7;

        assert_int_equal(dropin_read_public(*state, &records, &n), 0); /* no directory at all */
        assert_int_equal(n, 0);
        free_records(records, n);
        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                _cleanup_free_ char *path =
                        file_path("%s/%s", dirs[i], i == 0 ? "99-admin.conf" : DROPIN_NAME);

                temproot_mkdir(*state, dirs[i], 0755);
                temproot_write(*state, path, "[X-Leash]\nLayer=manual\n[Slice]\nCPUQuota=10%\n");
        }
        temproot_mkdir(*state, "/run/systemd/system/user-1003.slice.d", 0755);
        temproot_write(*state, "/run/systemd/system/user-1003.slice.d/" DROPIN_NAME,
                       "[X-Leash]\nLayer=bogus\n[Slice]\nCPUQuota=10%\n");
        for (uid_t uid = 2000; uid < 2020; uid++) {
                char target[32];

                (void) snprintf(target, sizeof(target), "user-%u.slice", uid);
                write_leash(*state, target, uid, false, &l, USEC_INFINITY);
        }
        assert_int_equal(dropin_read_public(*state, &records, &n), 0);
        assert_int_equal(n, 20);
        for (size_t i = 0; i < n; i++)
                assert_in_range(records[i]->uid, 2000, 2019);
        free_records(records, n);
}

static char *fingerprint(const char *root) {
        char *text = NULL;

        assert_int_equal(dropin_fingerprint(root, UNIT, &text), 0);
        assert_non_null(text);
        return text;
}

static bool same_fingerprint(const char *root, const char *before) {
        _cleanup_free_ char *now = fingerprint(root);

        return strcmp(now, before) == 0;
}

static void our_own_file_leaves_the_fingerprint(void **state) {
        _cleanup_free_ char *empty = fingerprint(*state), *before = NULL;
        _cleanup_(record_freep) Record *r = new_record();
        Limits l = quota(500000);

        set_manual(r, &l, USEC_INFINITY);
        for (int persist = 0; persist <= 1; persist++) {
                r->persist = persist;
                assert_int_equal(dropin_write(*state, r, &l, false), 0);
                assert_true(same_fingerprint(*state, empty));
        }
        temproot_write(*state, ETC "/99-admin.conf", "[Slice]\n");
        before = fingerprint(*state);
        assert_string_not_equal(before, empty);
        l = quota(250000);
        assert_int_equal(dropin_write(*state, r, &l, false), 0);
        assert_true(same_fingerprint(*state, before));
        assert_int_equal(dropin_remove(*state, r), 0);
        assert_true(same_fingerprint(*state, before));
        temproot_mkdir(*state, CONTROL, 0755); /* what SetUnitProperties leaves for a moment */
        temproot_write(*state, CONTROL "/50-CPUQuota.conf", "[Slice]\nCPUQuota=50%\n");
        assert_true(same_fingerprint(*state, before));
}

static void what_is_not_read_by_systemd_leaves_the_fingerprint(void **state) {
        static const char *const paths[] = { ETC "/README",
                                             ETC "/.hidden.conf",
                                             ETC "/99-admin.conf~",
                                             ETC "/conf",
                                             "/etc/systemd/system/user-1001.slice.d/99-admin.conf",
                                             "/etc/systemd/system/user.slice.d/99-admin.conf" };
        _cleanup_free_ char *before = fingerprint(*state);

        temproot_mkdir(*state, ETC, 0755);
        temproot_mkdir(*state, "/etc/systemd/system/user-1001.slice.d", 0755);
        temproot_mkdir(*state, "/etc/systemd/system/user.slice.d", 0755);
        assert_true(same_fingerprint(*state, before));
        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                temproot_write(*state, paths[i], "[Slice]\n");
                check_row(paths[i], same_fingerprint(*state, before));
        }
}

static void set_mtime(const char *root, const char *path, time_t t) {
        _cleanup_free_ char *full = file_path("%s%s", root, path);
        const struct timespec times[2] = { { .tv_sec = t }, { .tv_sec = t } };

        assert_non_null(full);
        assert_int_equal(utimensat(AT_FDCWD, full, times, 0), 0);
}

static void an_admins_change_anywhere_changes_the_fingerprint(void **state) {
        static const char *const dirs[] = {
                "/etc/systemd/system.control/" UNIT ".d",
                ETC,
                RUN,
                "/usr/lib/systemd/system/" UNIT ".d",
                "/usr/local/lib/systemd/system/" UNIT ".d",
                "/run/systemd/transient/" UNIT ".d",
                "/run/systemd/generator/" UNIT ".d",
                "/run/systemd/generator.late/" UNIT ".d",
                "/etc/systemd/system/user-.slice.d",
                "/run/systemd/system/user-.slice.d",
                "/usr/lib/systemd/system/user-.slice.d",
                "/etc/systemd/system/slice.d",
        };
        _cleanup_free_ char *empty = fingerprint(*state);

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                _cleanup_free_ char *path = file_path("%s/a.conf", dirs[i]),
                                    *other = file_path("%s/98-admin.conf", dirs[i]);
                _cleanup_free_ char *added = NULL, *edited = NULL, *touched = NULL, *both = NULL;

                temproot_mkdir(*state, dirs[i], 0755);
                check_row(path, same_fingerprint(*state, empty));
                temproot_write(*state, path, "[Slice]\nCPUQuota=200%\n");
                set_mtime(*state, path, 1000);
                check_row(path, !same_fingerprint(*state, empty));
                added = fingerprint(*state);
                temproot_write(*state, path, "[Slice]\nCPUQuota=20%\n");
                set_mtime(*state, path, 1000); /* the size tells */
                check_row(path, !same_fingerprint(*state, added));
                edited = fingerprint(*state);
                temproot_write(*state, path, "[Slice]\nCPUQuota=30%\n");
                set_mtime(*state, path, 2000); /* the time tells */
                check_row(path, !same_fingerprint(*state, edited));
                touched = fingerprint(*state);
                temproot_write(*state, other, "[Slice]\n");
                check_row(path, !same_fingerprint(*state, touched));
                both = fingerprint(*state);
                temproot_unlink(*state, other);
                check_row(path, same_fingerprint(*state, touched));
                temproot_rename(*state, path, other); /* the name tells */
                check_row(path, !same_fingerprint(*state, touched));
                check_row(path, !same_fingerprint(*state, both));
                temproot_write(*state, path, "[Slice]\nCPUQuota=30%\n");
                set_mtime(*state, path, 2000);
                temproot_unlink(*state, other); /* an editor wrote a new file: the inode tells */
                check_row(path, !same_fingerprint(*state, touched));
                temproot_unlink(*state, path);
                check_row(path, same_fingerprint(*state, empty));
        }
}

static void a_masked_dropin_changes_the_fingerprint(void **state) {
        _cleanup_free_ char *empty = fingerprint(*state),
                            *path = file_path("%s" ETC "/10-vendor.conf", (char *) *state);

        temproot_mkdir(*state, ETC, 0755);
        assert_int_equal(symlink("/dev/null", path), 0);
        assert_false(same_fingerprint(*state, empty));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, temproot_setup, temproot_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(what_was_there_is_put_back_byte_for_byte),
                TEST(where_nothing_was_nothing_stays),
                TEST(files_of_others_stay),
                TEST(the_first_look_is_what_was_there),
                TEST(who_sets_the_property_after_us_is_noticed),
                TEST(what_cannot_be_kept_is_refused),
                TEST(our_own_file_is_written_and_removed),
                TEST(our_own_file_follows_the_leash_through_a_reboot_or_not),
                TEST(an_admins_files_beside_ours_stay),
                TEST(a_later_change_replaces_the_file),
                TEST(every_limit_is_written_as_a_unit_file_takes_it),
                TEST(what_has_no_directive_is_not_written),
                TEST(everybody_can_read_it_whatever_the_umask),
                TEST(a_dir_that_is_a_link_is_refused),
                TEST(everybody_sees_the_leashes_in_force),
                TEST(the_layer_that_counts_is_told),
                TEST(only_leashes_are_seen),
                TEST(our_own_file_leaves_the_fingerprint),
                TEST(what_is_not_read_by_systemd_leaves_the_fingerprint),
                TEST(an_admins_change_anywhere_changes_the_fingerprint),
                TEST(a_masked_dropin_changes_the_fingerprint),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
