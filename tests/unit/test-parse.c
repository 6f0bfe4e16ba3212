/* SPDX-License-Identifier: MIT */
/* Text that a person wrote, and text that a person reads. */

#include "harness.h"

#include <stdlib.h>
#include <time.h>

#include "core/parse.h"

/* Central European Time by its rules, so that no time zone files are needed. */
#define CENTRAL_EUROPE "CET-1CEST,M3.5.0,M10.5.0/3"

#define UNTOUCHED UINT64_C(0x5a5a5a5a5a5a5a5a)

static void set_zone(const char *zone) {
        assert_int_equal(setenv("TZ", zone, 1), 0);
        tzset();
}

typedef struct Number {
        const char *text;
        int result;
        uint64_t value;
} Number;

/* Runs a reader over its rows: the value, or that nothing was written. */
static void check_numbers(int (*parse)(const char *text, uint64_t *ret), const Number *rows,
                          size_t n) {
        for (size_t i = 0; i < n; i++) {
                uint64_t value = UNTOUCHED;

                check_row(rows[i].text, parse(rows[i].text, &value) == rows[i].result);
                check_row(rows[i].text, value == (rows[i].result < 0 ? UNTOUCHED : rows[i].value));
        }
}

static void decimals_are_scaled(void **state _unused_) {
        static const struct {
                const char *text;
                unsigned digits;
                int result;
                uint64_t value;
                const char *rest;
        } rows[] = {
                { "12", 0, 0, 12, "" },
                { "12.5", 2, 0, 1250, "" },
                { "12.50%", 2, 0, 1250, "%" },
                { "12.", 0, 0, 12, "." },
                { "12.5", 0, 0, 12, ".5" },
                { "007", 1, 0, 70, "" },
                { "12abc", 0, 0, 12, "abc" },
                { "18446744073709551615", 0, 0, UINT64_MAX, "" },
                { "184467440737095516.15x", 2, 0, UINT64_MAX, "x" },
                { "12.", 2, -EINVAL, 0, NULL },
                { "12.x", 2, -EINVAL, 0, NULL },
                { "12.345", 2, -EINVAL, 0, NULL },
                { "", 2, -EINVAL, 0, NULL },
                { ".5", 2, -EINVAL, 0, NULL },
                { "-1", 2, -EINVAL, 0, NULL },
                { "+1", 2, -EINVAL, 0, NULL },
                { " 1", 2, -EINVAL, 0, NULL },
                { "18446744073709551616", 0, -ERANGE, 0, NULL },
                { "99999999999999999999999999", 0, -ERANGE, 0, NULL },
                { "184467440737095516.16", 2, -ERANGE, 0, NULL },
                { "184467440737095517", 2, -ERANGE, 0, NULL },
                { "99999999999999999999.999", 2, -EINVAL, 0, NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                uint64_t value = UNTOUCHED;
                const char *rest = NULL;

                check_row(rows[i].text, parse_decimal(rows[i].text, rows[i].digits, &value,
                                                      &rest) == rows[i].result);
                if (rows[i].result < 0)
                        check_row(rows[i].text, value == UNTOUCHED && !rest);
                else
                        check_row(rows[i].text,
                                  value == rows[i].value && strcmp(rest, rows[i].rest) == 0);
        }
}

static void numbers_are_plain_digits(void **state _unused_) {
        static const Number rows[] = {
                { "0", 0, 0 },
                { "00", 0, 0 },
                { "18446744073709551615", 0, UINT64_MAX },
                { "18446744073709551616", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { "-0", -EINVAL, 0 },
                { "+1", -EINVAL, 0 },
                { " 1", -EINVAL, 0 },
                { "1 ", -EINVAL, 0 },
                { "1\n", -EINVAL, 0 },
                { "0x10", -EINVAL, 0 },
                { "1e3", -EINVAL, 0 },
                { "1,000", -EINVAL, 0 },
                { "1.0", -EINVAL, 0 },
                { "\xef\xbc\x91", -EINVAL, 0 }, /* full-width 1 */
        };

        check_numbers(parse_u64, rows, ELEMENTSOF(rows));
}

static int parse_pid_as_u64(const char *text, uint64_t *ret) {
        pid_t pid;
        int r = parse_pid(text, &pid);

        if (r >= 0)
                *ret = pid;
        return r;
}

static void pids_are_what_the_kernel_gives(void **state _unused_) {
        static const Number rows[] = {
                { "1", 0, 1 },
                { "4194304", 0, 4194304 },
                { "4194305", -ERANGE, 0 },
                { "4294967297", -ERANGE, 0 }, /* 1 after a cast */
                { "0", -EINVAL, 0 },
                { "-1", -EINVAL, 0 },
                { "", -EINVAL, 0 },
                { "12a", -EINVAL, 0 },
                { "self", -EINVAL, 0 },
        };

        check_numbers(parse_pid_as_u64, rows, ELEMENTSOF(rows));
}

static int parse_uid_as_u64(const char *text, uint64_t *ret) {
        uid_t uid;
        int r = parse_uid(text, &uid);

        if (r >= 0)
                *ret = uid;
        return r;
}

static void uids_that_mean_nobody_are_refused(void **state _unused_) {
        static const Number rows[] = {
                { "0", 0, 0 },
                { "1000", 0, 1000 },
                { "65534", 0, 65534 },
                { "65536", 0, 65536 },
                { "4294967294", 0, 4294967294 },
                { "65535", -EINVAL, 0 },
                { "4294967295", -ERANGE, 0 },
                { "4294967296", -ERANGE, 0 }, /* root after a cast */
                { "-1", -EINVAL, 0 },
                { "", -EINVAL, 0 },
                { "root", -EINVAL, 0 },
        };

        check_numbers(parse_uid_as_u64, rows, ELEMENTSOF(rows));
}

static void sizes_have_one_suffix(void **state _unused_) {
        static const Number rows[] = {
                { "0", 0, 0 },
                { "1", 0, 1 },
                { "1K", 0, 1024 },
                { "3M", 0, 3 * 1048576 },
                { "4G", 0, UINT64_C(4294967296) },
                { "2T", 0, UINT64_C(2199023255552) },
                { "16777215T", 0, UINT64_C(16777215) << 40 },
                { "18446744073709551615", 0, UINT64_MAX },
                { "16777216T", -ERANGE, 0 },
                { "18014398509481984K", -ERANGE, 0 },
                { "18446744073709551616", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { "K", -EINVAL, 0 },
                { "4k", -EINVAL, 0 },
                { "4KB", -EINVAL, 0 },
                { "4KiB", -EINVAL, 0 },
                { "4KK", -EINVAL, 0 },
                { "4 K", -EINVAL, 0 },
                { "4.5K", -EINVAL, 0 },
                { "4P", -EINVAL, 0 },
                { "4B", -EINVAL, 0 },
                { "-4K", -EINVAL, 0 },
                { "25%", -EINVAL, 0 },
        };

        check_numbers(parse_size, rows, ELEMENTSOF(rows));
}

#define MINUTE (60 * USEC_PER_SEC)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

static void durations_are_spans_of_systemd_time(void **state _unused_) {
        static const Number rows[] = {
                { "0", 0, 0 },
                { "90", 0, 90 * USEC_PER_SEC },
                { "1us", 0, 1 },
                { "500ms", 0, 500 * USEC_PER_MSEC },
                { "1s", 0, USEC_PER_SEC },
                { "1sec", 0, USEC_PER_SEC },
                { "1second", 0, USEC_PER_SEC },
                { "2seconds", 0, 2 * USEC_PER_SEC },
                { "10m", 0, 10 * MINUTE },
                { "10min", 0, 10 * MINUTE },
                { "1minute", 0, MINUTE },
                { "2minutes", 0, 2 * MINUTE },
                { "2h", 0, 2 * HOUR },
                { "1hour", 0, HOUR },
                { "2hours", 0, 2 * HOUR },
                { "1d", 0, DAY },
                { "1day", 0, DAY },
                { "13days", 0, 13 * DAY },
                { "1w", 0, 7 * DAY },
                { "2weeks", 0, 14 * DAY },
                { "1h 30min", 0, 90 * MINUTE },
                { "1h30min", 0, 90 * MINUTE },
                { "55s500ms", 0, 55500 * USEC_PER_MSEC },
                { "1h  30min 5", 0, 90 * MINUTE + 5 * USEC_PER_SEC },
                { "2 h", 0, 2 * HOUR },
                { "10 min", 0, 10 * MINUTE },
                { "1 h 30 min", 0, 90 * MINUTE },
                { "1h 30", 0, HOUR + 30 * USEC_PER_SEC },
                { "1 2 3", 0, 6 * USEC_PER_SEC },
                { "1ms 1ms", 0, 2 * USEC_PER_MSEC },
                { "18446744073709551615us", 0, UINT64_MAX },
                { "18446744073709551616us", -ERANGE, 0 },
                { "18446744073709551615us 1us", -ERANGE, 0 },
                { "18446744073710", -ERANGE, 0 },
                { "99999999999999999w", -ERANGE, 0 },
                { "", -EINVAL, 0 },
                { " ", -EINVAL, 0 },
                { "min", -EINVAL, 0 },
                { "-1s", -EINVAL, 0 },
                { "+1s", -EINVAL, 0 },
                { "1.5h", -EINVAL, 0 },
                { "1x", -EINVAL, 0 },
                { "1mins", -EINVAL, 0 },
                { "1minx", -EINVAL, 0 },
                { "1h,30min", -EINVAL, 0 },
                { "1h 30x", -EINVAL, 0 },
                { "1 x", -EINVAL, 0 },
                { "1 h x", -EINVAL, 0 },
                { "1H", -EINVAL, 0 },
                { "infinity", -EINVAL, 0 },
                { "1\t", -EINVAL, 0 },
                { "1s\n", -EINVAL, 0 },
        };

        check_numbers(parse_duration, rows, ELEMENTSOF(rows));
}

static void booleans_are_eight_words(void **state _unused_) {
        static const Number rows[] = {
                { "yes", 0, 1 },        { "true", 0, 1 },     { "on", 0, 1 },
                { "1", 0, 1 },          { "no", 0, 0 },       { "false", 0, 0 },
                { "off", 0, 0 },        { "0", 0, 0 },        { "", -EINVAL, 0 },
                { "YES", -EINVAL, 0 },  { "y", -EINVAL, 0 },  { "2", -EINVAL, 0 },
                { "yes ", -EINVAL, 0 }, { "00", -EINVAL, 0 },
        };

        check_numbers(parse_boolean, rows, ELEMENTSOF(rows));
}

typedef struct Moment {
        const char *text;
        uint64_t now, when; /* seconds after 1970 in UTC */
        int result;
} Moment;

static void check_moments(const Moment *rows, size_t n) {
        for (size_t i = 0; i < n; i++) {
                usec_t when = UNTOUCHED;

                check_row(rows[i].text, parse_timestamp(rows[i].text, rows[i].now * USEC_PER_SEC,
                                                        &when) == rows[i].result);
                check_row(rows[i].text,
                          when == (rows[i].result < 0 ? UNTOUCHED : rows[i].when * USEC_PER_SEC));
        }
}

#define NOON 1768478400 /* 2026-01-15 12:00 UTC */

static void timestamps_are_local_dates_and_times(void **state _unused_) {
        static const Moment rows[] = {
                { "18:30", NOON, 1768501800, 0 },
                { "18:30:05", NOON, 1768501805, 0 },
                { "18:30:59", NOON, 1768501859, 0 },
                { "18:30", NOON + 7, 1768501800, 0 },
                { "12:00:01", NOON, NOON + 1, 0 },
                { "12:00", NOON, NOON + 86400, 0 }, /* now is over */
                { "11:59", NOON, NOON + 86400 - 60, 0 },
                { "00:00", NOON, NOON + 43200, 0 },
                { "08:00", 1769900400, 1769932800, 0 }, /* 2026-01-31 23:00: into February */
                { "08:00", 1798758000, 1798790400, 0 }, /* 2026-12-31 23:00: into the new year */
                { "22:00", 1835391600, 1835474400, 0 }, /* 2028-02-28 23:00: a leap day */
                { "2026-01-31", NOON, 1769817600, 0 },
                { "2026-01-31 18:30", NOON, 1769884200, 0 },
                { "2026-01-31 18:30:05", NOON, 1769884205, 0 },
                { "2028-02-29", NOON, 1835395200, 0 },
                { "1970-01-01", NOON, 0, 0 },
                { "1970-01-01 00:00:01", NOON, 1, 0 }, /* past: for the caller to refuse */
                { "2026-02-29", NOON, 0, -EINVAL },
                { "2026-02-31", NOON, 0, -EINVAL },
                { "2026-04-31 10:00", NOON, 0, -EINVAL },
                { "2026-13-01", NOON, 0, -EINVAL },
                { "2026-00-10", NOON, 0, -EINVAL },
                { "2026-01-00", NOON, 0, -EINVAL },
                { "2026-01-32", NOON, 0, -EINVAL },
                { "2026-01-31 24:00", NOON, 0, -EINVAL },
                { "2026-01-31 12:60", NOON, 0, -EINVAL },
                { "24:00", NOON, 0, -EINVAL },
                { "12:60", NOON, 0, -EINVAL },
                { "12:5x", NOON, 0, -EINVAL },
                { "", NOON, 0, -EINVAL },
                { "18", NOON, 0, -EINVAL },
                { "18:", NOON, 0, -EINVAL },
                { "18:30:", NOON, 0, -EINVAL },
                { "-1:30", NOON, 0, -EINVAL },
                { "18.30", NOON, 0, -EINVAL },
                { "18:30 ", NOON, 0, -EINVAL },
                { "18:30Z", NOON, 0, -EINVAL },
                { "6:30pm", NOON, 0, -EINVAL },
                { "tomorrow", NOON, 0, -EINVAL },
                { "2026/01/31", NOON, 0, -EINVAL },
                { "31.01.2026", NOON, 0, -EINVAL },
                { "2026-01-31T18:30", NOON, 0, -EINVAL },
                { "2026-01-31 18:30 UTC", NOON, 0, -EINVAL },
                { "-2026-01-31", NOON, 0, -EINVAL },
                { "1969-12-31", NOON, 0, -ERANGE },
        };

        set_zone("UTC0");
        check_moments(rows, ELEMENTSOF(rows));
}

/* strptime(3) takes blanks before every number, and leap seconds, which no clock here has. */
static void timestamps_take_no_blanks_and_no_leap_seconds(void **state _unused_) {
        static const Moment rows[] = {
                { " 18:30", NOON, 0, -EINVAL },
                { "18: 30", NOON, 0, -EINVAL },
                { " 2026-01-31", NOON, 0, -EINVAL },
                { "2026- 1-31", NOON, 0, -EINVAL },
                { "2026-01-3118:30", NOON, 0, -EINVAL },
                { "2026-01-31  18:30", NOON, 0, -EINVAL },
                { "18:30:60", NOON, 0, -EINVAL },
                { "18:30:61", NOON, 0, -EINVAL },
                { "2026-01-31 18:30:60", NOON, 0, -EINVAL },
        };

        set_zone("UTC0");
        check_moments(rows, ELEMENTSOF(rows));
}

static void timestamps_know_summer_time(void **state _unused_) {
        static const Moment rows[] = {
                { "2026-01-31 01:00", NOON, 1769817600, 0 },
                { "2026-07-01 02:00", NOON, 1782864000, 0 },
                { "2026-03-29 01:59", NOON, 1774745940, 0 },
                { "2026-03-29 02:00", NOON, 0, -EINVAL }, /* skipped */
                { "2026-03-29 02:30", NOON, 0, -EINVAL },
                { "2026-03-29 03:00", NOON, 1774746000, 0 },
                { "2026-10-25 03:00", NOON, 1792893600, 0 },
                { "18:30", 1792861200, 1792949400,
                  0 }, /* 2026-10-24 19:00 CEST: 23.5 hours and one more */
                { "18:30", 1774720800, 1774801800,
                  0 }, /* 2026-03-28 19:00 CET: 23.5 hours less one */
        };
        usec_t when;

        set_zone(CENTRAL_EUROPE);
        check_moments(rows, ELEMENTSOF(rows));
        assert_int_equal(parse_timestamp("2026-10-25 02:30", 0, &when),
                         0); /* twice: either will do */
        assert_true(when == 1792888200 * USEC_PER_SEC || when == 1792891800 * USEC_PER_SEC);
}

/* Whatever the zone does that night, what is answered lies ahead. */
static void a_time_of_day_is_never_past(void **state _unused_) {
        set_zone(CENTRAL_EUROPE);
        for (uint64_t now = 1774656000; now < 1774656000 + 3 * 86400; now += 1800) {
                usec_t when;

                for (unsigned hour = 0; hour < 24; hour++) {
                        char text[16];

                        (void) snprintf(text, sizeof(text), "%02u:30", hour);
                        if (parse_timestamp(text, now * USEC_PER_SEC, &when) < 0) {
                                assert_int_equal(hour, 2);
                                continue;
                        }
                        check_row(text, when > now * USEC_PER_SEC);
                        check_row(text, when <= (now + 25 * 3600) * USEC_PER_SEC);
                }
        }
}

static void rfc3339_is_read_back(void **state _unused_) {
        static const uint64_t seconds[] = { 0,          1,          951782400,   NOON,
                                            1774746000, 4102444800, 253402300799 };
        static const char *const refused[] = {
                "",
                "2026-01-31",
                "2026-01-31T18:30:05",
                "2026-01-31 18:30:05Z",
                "2026-01-31T18:30:05+00:00",
                "2026-01-31T18:30:05Zx",
                "2026-13-31T18:30:05Z",
                "2026-01-31T24:30:05Z",
                " 2026-01-31T18:30:05Z",
                "2026- 1-31T18:30:05Z",
                "2026-01-31T18:30:60Z",
                "1969-12-31T23:59:59Z",
                "?",
        };
        char buf[TIMESTAMP_MAX];
        usec_t when;

        set_zone(CENTRAL_EUROPE); /* must not matter */
        assert_string_equal(format_timestamp(1769884205 * USEC_PER_SEC, buf),
                            "2026-01-31T18:30:05Z");
        assert_string_equal(format_timestamp(1769884205 * USEC_PER_SEC + 999999, buf),
                            "2026-01-31T18:30:05Z");
        for (size_t i = 0; i < ELEMENTSOF(seconds); i++) {
                format_timestamp(seconds[i] * USEC_PER_SEC, buf);
                check_row(buf, parse_rfc3339(buf, &when) == 0);
                check_row(buf, when == seconds[i] * USEC_PER_SEC);
        }
        for (size_t i = 0; i < ELEMENTSOF(refused); i++) {
                when = UNTOUCHED;
                check_row(refused[i], parse_rfc3339(refused[i], &when) < 0);
                check_row(refused[i], when == UNTOUCHED);
        }
        assert_string_equal(format_timestamp(USEC_INFINITY, buf), "?");
        assert_string_equal(format_timestamp(UINT64_C(253402300799999999), buf),
                            "9999-12-31T23:59:59Z");
        assert_string_equal(format_timestamp(UINT64_C(253402300800000000), buf), "?");
}

static void dates_are_those_of_the_c_library(void **state _unused_) {
        char buf[TIMESTAMP_MAX], expected[TIMESTAMP_MAX];
        time_t last = 253402300799;
        struct tm tm;

        /* Each day of the first five hundred years, one in seven after that, at changing times. */
        for (time_t t = 0; t <= last; t += t < INT64_C(15778800000) ? 86461 : 7 * 86400 + 61) {
                assert_non_null(gmtime_r(&t, &tm));
                assert_int_not_equal(
                        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%SZ", &tm), 0);
                assert_string_equal(format_timestamp((usec_t) t * USEC_PER_SEC, buf), expected);
        }
}

static void sizes_are_formatted(void **state _unused_) {
        static const struct {
                uint64_t bytes;
                const char *text;
        } rows[] = {
                { 0, "0" },
                { 512, "512" },
                { 1023, "1023" },
                { 1024, "1.0K" },
                { 1536, "1.5K" },
                { 1048575, "1023.9K" },
                { 1048576, "1.0M" },
                { UINT64_C(4294967296), "4.0G" },
                { UINT64_C(1649267441664), "1.5T" },
                { UINT64_MAX, "15.9E" },
        };
        char buf[32];

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                format_size(rows[i].bytes, buf, sizeof(buf));
                check_row(rows[i].text, strcmp(buf, rows[i].text) == 0);
        }
        format_size(UINT64_C(4294967296), buf, 3);
        assert_string_equal(buf, "4.");
}

static void durations_are_formatted_and_read_back(void **state _unused_) {
        static const struct {
                usec_t usec;
                const char *text;
        } rows[] = {
                { 0, "0s" },
                { 1, "1us" },
                { 999, "999us" },
                { 250 * USEC_PER_MSEC, "250ms" },
                { 45 * USEC_PER_SEC, "45s" },
                { 20 * MINUTE, "20min" },
                { 61 * USEC_PER_SEC, "1min 1s" },
                { 90 * MINUTE, "1h 30min" },
                { HOUR, "1h" },
                { 2 * DAY + 3 * HOUR, "2d 3h" },
                { 14 * DAY, "14d" },
        };
        char buf[64];
        usec_t again;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                format_duration(rows[i].usec, buf, sizeof(buf));
                check_row(rows[i].text, strcmp(buf, rows[i].text) == 0);
                check_row(rows[i].text, parse_duration(buf, &again) == 0);
                check_row(rows[i].text, again == rows[i].usec);
        }
        format_duration(2 * DAY + 3 * HOUR + 5 * MINUTE, buf, sizeof(buf));
        assert_string_equal(buf, "2d 3h");
        format_duration(USEC_INFINITY, buf, 4);
        assert_string_equal(buf, "213");
}

static void check_escaped(const char *text, size_t max_bytes, const char *expected) {
        _cleanup_free_ char *escaped = escape_text(text, max_bytes);

        assert_non_null(escaped);
        check_row(expected, strcmp(escaped, expected) == 0);
}

static void every_control_byte_is_escaped(void **state _unused_) {
        for (unsigned c = 1; c < 256; c++) {
                char text[] = { 'a', (char) c, 'b', '\0' }, expected[16];
                bool kept = c >= 0x20 && c < 0x7f;

                (void) snprintf(expected, sizeof(expected), kept ? "a%cb" : "a\\x%02xb", c);
                check_escaped(text, 100, expected);
        }
}

static void every_c1_control_is_escaped(void **state _unused_) {
        for (unsigned c = 0x80; c < 0xa0; c++) {
                char text[] = { (char) 0xc2, (char) c, '\0' }, expected[16];

                (void) snprintf(expected, sizeof(expected), "\\xc2\\x%02x", c);
                check_escaped(text, 100, expected);
        }
}

static void text_is_escaped_or_kept(void **state _unused_) {
        static const struct {
                const char *text, *expected;
        } rows[] = {
                { "", "" },
                { "plain text, 100 % [fine] = ok", "plain text, 100 % [fine] = ok" },
                { "C:\\x41", "C:\\x5cx41" },
                { "CORP\\alice", "CORP\\alice" },
                { "CORP\\xavier", "CORP\\xavier" },
                { "CORP\\xaver", "CORP\\xaver" },
                { "\\\\x41\\", "\\\\x5cx41\\" },
                { "\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m" },
                { "\x1b]0;title\a", "\\x1b]0;title\\x07" },
                { "two\nlines\r\n", "two\\x0alines\\x0d\\x0a" },
                { "caf\xc3\xa9", "caf\xc3\xa9" },
                { "\xc2\xa0", "\xc2\xa0" },                 /* U+00A0, the first after C1 */
                { "\xe2\x82\xac", "\xe2\x82\xac" },         /* euro sign */
                { "\xf0\x9f\x90\x95", "\xf0\x9f\x90\x95" }, /* dog */
                { "\xe0\xa0\x80", "\xe0\xa0\x80" },         /* U+0800 */
                { "\xf0\x90\x80\x80", "\xf0\x90\x80\x80" }, /* U+10000 */
                { "\xed\x9f\xbf", "\xed\x9f\xbf" },         /* U+D7FF */
                { "\xee\x80\x80", "\xee\x80\x80" },         /* U+E000 */
                { "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" }, /* U+10FFFF */
                { "\xc0\x80", "\\xc0\\x80" },               /* overlong */
                { "\xc1\xbf", "\\xc1\\xbf" },
                { "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },
                { "\xe0\x9f\xbf", "\\xe0\\x9f\\xbf" },
                { "\xf0\x80\x80\xaf", "\\xf0\\x80\\x80\\xaf" },
                { "\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf" },
                { "\xed\xa0\x80", "\\xed\\xa0\\x80" }, /* surrogates */
                { "\xed\xbf\xbf", "\\xed\\xbf\\xbf" },
                { "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* beyond Unicode */
                { "\xf5\x80\x80\x80", "\\xf5\\x80\\x80\\x80" },
                { "\xff\xfe", "\\xff\\xfe" },
                { "\xc3", "\\xc3" }, /* cut off */
                { "\xe2\x82", "\\xe2\\x82" },
                { "\xf0\x9f\x90", "\\xf0\\x9f\\x90" },
                { "\xe2\x82\x1b[1m",
                  "\\xe2\\x82\\x1b[1m" }, /* a lead byte must not hide an escape */
                { "\xf0\x1b\x9f\x90", "\\xf0\\x1b\\x9f\\x90" },
                { "\xc3\xc3\xa9", "\\xc3\xc3\xa9" },
                { "\xe2\x80\xa7", "\xe2\x80\xa7" }, /* U+2027, before the line separators */
                { "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },
                { "\xe2\x80\xa9", "\\xe2\\x80\\xa9" },
                { "\xe2\x80\xaa", "\\xe2\\x80\\xaa" }, /* U+202A: bidi embeddings, overrides */
                { "\xe2\x80\xab", "\\xe2\\x80\\xab" },
                { "\xe2\x80\xac", "\\xe2\\x80\\xac" },
                { "\xe2\x80\xad", "\\xe2\\x80\\xad" },
                { "\xe2\x80\xae", "\\xe2\\x80\\xae" },
                { "\xe2\x80\xaf", "\xe2\x80\xaf" },
                { "\xe2\x81\xa5", "\xe2\x81\xa5" },
                { "\xe2\x81\xa6", "\\xe2\\x81\\xa6" }, /* U+2066: bidi isolates */
                { "\xe2\x81\xa7", "\\xe2\\x81\\xa7" },
                { "\xe2\x81\xa8", "\\xe2\\x81\\xa8" },
                { "\xe2\x81\xa9", "\\xe2\\x81\\xa9" },
                { "\xe2\x81\xaa", "\xe2\x81\xaa" },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                check_escaped(rows[i].text, 100, rows[i].expected);
}

static void long_text_is_cut(void **state _unused_) {
        static const struct {
                const char *text;
                size_t max_bytes;
                const char *expected;
        } rows[] = {
                { "abcdef", 7, "abcdef" },
                { "abcdef", 6, "abcdef" },
                { "abcdef", 5, "abcde..." },
                { "abcdef", 0, "..." },
                { "ab\xc3\xa4z", 4, "ab\xc3\xa4..." },
                { "ab\xf0\x9f\x98\x80", 5, "ab..." },
                { "ab\xc3", 3, "ab\\xc3" },
                { "", 0, "" },
                { "a\xe2\x82\xac", 4, "a\xe2\x82\xac" },
                { "a\xe2\x82\xac", 3, "a..." }, /* not in the middle of one */
                { "a\xe2\x82\xac", 2, "a..." },
                { "a\xe2\x82\xac", 1, "a..." },
                { "a\xe2\x82\xac!", 4, "a\xe2\x82\xac..." },
                { "\x1b\x1b\x1b", 2, "\\x1b\\x1b..." },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++)
                check_escaped(rows[i].text, rows[i].max_bytes, rows[i].expected);
}

static void whatever_is_escaped_is_printable_and_comes_back(void **state _unused_) {
        uint32_t seed = 4711;

        for (unsigned n = 0; n < 5000; n++) {
                _cleanup_free_ char *escaped = NULL, *back = NULL;
                char text[64];
                size_t length = next_random(&seed) % sizeof(text);

                for (size_t i = 0; i < length; i++)
                        text[i] = (char) (next_random(&seed) % 255 + 1);
                text[length] = '\0';
                escaped = escape_text(text, sizeof(text));
                assert_non_null(escaped);
                for (const char *p = escaped; *p; p++)
                        check_row(escaped, (unsigned char) *p >= 0x20 && *p != 0x7f);
                check_row(escaped, unescape_text(escaped, &back) == 0);
                check_row(escaped, strcmp(text, back) == 0);
        }
}

static void what_is_no_escape_is_itself(void **state _unused_) {
        static const char *const rows[] = {
                "\\",   "\\x",   "\\x1", "\\xg1",  "\\x1g",  "\\n",
                "\\\\", "\\X41", "ok\\", "ok\\x4", "\\ x41",
        };
        char sentinel[] = "untouched", *out = sentinel;

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                _cleanup_free_ char *back = NULL;

                check_row(rows[i], unescape_text(rows[i], &back) == 0);
                check_row(rows[i], strcmp(back, rows[i]) == 0);
        }
        assert_int_equal(unescape_text("a\\x00b", &out), -EINVAL);
        assert_true(out == sentinel);
}

static void subuids(void **state _unused_) {
        static const struct {
                const char *text;
                uid_t subordinate;
                bool has;
        } rows[] = {
                { "alice:100000:65536\n", 100000, true },
                { "alice:100000:65536\n", 165535, true },
                { "alice:100000:65536", 165536, false },
                { "alice:100000:65536\n", 99999, false },
                { "bob:100000:65536\nalice:200000:10\n", 100000, false },
                { "bob:100000:65536\nalice:200000:10\n", 200009, true },
                { "1000:100000:65536\n", 100001, true },
                { "1001:100000:65536\n", 100001, false },
                { "alice2:100000:65536\n", 100001, false },
                { "alice:0:18446744073709551615\n", 4000000000, true },
                { "alice:100000\nalice\n\n:::\nalice:x:y\nalice:100000:-1\n", 100000, false },
                { "", 100000, false },
        };

        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                char text[128];

                (void) snprintf(text, sizeof(text), "%s", rows[i].text);
                check_row(rows[i].text,
                          parse_subuid(text, "alice", 1000, rows[i].subordinate) == rows[i].has);
        }
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(decimals_are_scaled),
                cmocka_unit_test(numbers_are_plain_digits),
                cmocka_unit_test(pids_are_what_the_kernel_gives),
                cmocka_unit_test(uids_that_mean_nobody_are_refused),
                cmocka_unit_test(subuids),
                cmocka_unit_test(sizes_have_one_suffix),
                cmocka_unit_test(durations_are_spans_of_systemd_time),
                cmocka_unit_test(booleans_are_eight_words),
                cmocka_unit_test(timestamps_are_local_dates_and_times),
                cmocka_unit_test(timestamps_take_no_blanks_and_no_leap_seconds),
                cmocka_unit_test(dates_are_those_of_the_c_library),
                cmocka_unit_test(timestamps_know_summer_time),
                cmocka_unit_test(a_time_of_day_is_never_past),
                cmocka_unit_test(rfc3339_is_read_back),
                cmocka_unit_test(sizes_are_formatted),
                cmocka_unit_test(durations_are_formatted_and_read_back),
                cmocka_unit_test(every_control_byte_is_escaped),
                cmocka_unit_test(every_c1_control_is_escaped),
                cmocka_unit_test(text_is_escaped_or_kept),
                cmocka_unit_test(long_text_is_cut),
                cmocka_unit_test(whatever_is_escaped_is_printable_and_comes_back),
                cmocka_unit_test(what_is_no_escape_is_itself),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
