/* SPDX-License-Identifier: MIT */
/* Text that a person wrote, and text that a person reads: numbers, sizes, durations, times. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "core/parse.h"

static bool is_digit(char c) {
        return c >= '0' && c <= '9';
}

static int add_digit(uint64_t *n, unsigned digit) {
        if (__builtin_mul_overflow(*n, 10, n) || __builtin_add_overflow(*n, digit, n))
                return -ERANGE;
        return 0;
}

int parse_decimal(const char *text, unsigned digits, uint64_t *ret, const char **ret_rest) {
        const char *p = text;
        uint64_t n = 0;
        int r = 0;

        if (!is_digit(*p))
                return -EINVAL;
        for (; is_digit(*p); p++)
                if (add_digit(&n, *p - '0') < 0)
                        r = -ERANGE; /* read on: the form decides before the size does */
        if (*p == '.' && digits > 0) {
                p++;
                if (!is_digit(*p))
                        return -EINVAL;
                for (; is_digit(*p) && digits > 0; p++, digits--)
                        if (add_digit(&n, *p - '0') < 0)
                                r = -ERANGE;
                if (is_digit(*p))
                        return -EINVAL;
        }
        for (; digits > 0; digits--)
                if (add_digit(&n, 0) < 0)
                        r = -ERANGE;
        if (r < 0)
                return r;
        *ret = n;
        *ret_rest = p;
        return 0;
}

int parse_percent(const char *text, uint64_t *ret, const char **ret_rest) {
        const char *rest;
        uint64_t n;
        int r;

        r = parse_decimal(text, 2, &n, &rest);
        if (r < 0)
                return r;
        if (*rest != '%')
                return -EINVAL;
        *ret = n;
        *ret_rest = rest + 1;
        return 0;
}

int parse_u64(const char *text, uint64_t *ret) {
        const char *rest;
        uint64_t n;
        int r;

        r = parse_decimal(text, 0, &n, &rest);
        if (r < 0)
                return r;
        if (*rest != '\0')
                return -EINVAL;
        *ret = n;
        return 0;
}

int parse_pid(const char *text, pid_t *ret) {
        uint64_t n;
        int r;

        r = parse_u64(text, &n);
        if (r < 0)
                return r;
        if (n == 0)
                return -EINVAL;
        if (n > 4194304)
                return -ERANGE;
        *ret = n;
        return 0;
}

int parse_uid(const char *text, uid_t *ret) {
        uint64_t n;
        int r;

        r = parse_u64(text, &n);
        if (r < 0)
                return r;
        if (n >= UINT32_MAX)
                return -ERANGE;
        if (n == 65535)
                return -EINVAL;
        *ret = n;
        return 0;
}

int parse_size(const char *text, uint64_t *ret) {
        static const char suffixes[] = "KMGT";
        uint64_t n, factor = 1;
        const char *rest, *s;
        int r;

        r = parse_decimal(text, 0, &n, &rest);
        if (r < 0)
                return r;
        if (*rest != '\0') {
                s = strchr(suffixes, *rest);
                if (!s || rest[1] != '\0')
                        return -EINVAL;
                factor = UINT64_C(1) << (10 * (s - suffixes + 1));
        }
        if (__builtin_mul_overflow(n, factor, &n))
                return -ERANGE;
        *ret = n;
        return 0;
}

/* Longest spelling first where one is the start of another. */
static const struct DurationUnit {
        const char *name;
        usec_t usec;
} duration_units[] = {
        { "us", 1 },
        { "ms", USEC_PER_MSEC },
        { "minutes", 60 * USEC_PER_SEC },
        { "minute", 60 * USEC_PER_SEC },
        { "min", 60 * USEC_PER_SEC },
        { "m", 60 * USEC_PER_SEC },
        { "seconds", USEC_PER_SEC },
        { "second", USEC_PER_SEC },
        { "sec", USEC_PER_SEC },
        { "s", USEC_PER_SEC },
        { "hours", 3600 * USEC_PER_SEC },
        { "hour", 3600 * USEC_PER_SEC },
        { "h", 3600 * USEC_PER_SEC },
        { "days", 86400 * USEC_PER_SEC },
        { "day", 86400 * USEC_PER_SEC },
        { "d", 86400 * USEC_PER_SEC },
        { "weeks", 7 * 86400 * USEC_PER_SEC },
        { "week", 7 * 86400 * USEC_PER_SEC },
        { "w", 7 * 86400 * USEC_PER_SEC },
};

static usec_t take_unit(const char **p) {
        if (**p == '\0' || **p == ' ')
                return USEC_PER_SEC;
        for (size_t i = 0; i < ELEMENTSOF(duration_units); i++) {
                size_t n = strlen(duration_units[i].name);
                char after;

                if (strncmp(*p, duration_units[i].name, n) != 0)
                        continue;
                after = (*p)[n];
                if (after != '\0' && after != ' ' && !is_digit(after))
                        continue;
                *p += n;
                return duration_units[i].usec;
        }
        return 0;
}

int parse_duration(const char *text, usec_t *ret) {
        const char *p = text;
        usec_t sum = 0;

        do {
                uint64_t n;
                usec_t unit, part;
                int r;

                r = parse_decimal(p, 0, &n, &p);
                if (r < 0)
                        return r;
                p += strspn(p, " ") *
                     !is_digit(p[strspn(p, " ")]); /* "2 h" is one span, "1h 30" two */
                unit = take_unit(&p);
                if (unit == 0)
                        return -EINVAL;
                if (__builtin_mul_overflow(n, unit, &part) ||
                    __builtin_add_overflow(sum, part, &sum))
                        return -ERANGE;
                while (*p == ' ')
                        p++;
        } while (*p != '\0');
        *ret = sum;
        return 0;
}

static int realtime_from_tm(struct tm *tm, usec_t *ret) {
        struct tm want = *tm;
        time_t t;

        tm->tm_isdst = -1;
        t = mktime(tm);
        if (t < 0)
                return -ERANGE;
        /* mktime() turns February 31st into March 3rd; a person who wrote that made a mistake. */
        if (tm->tm_mday != want.tm_mday || tm->tm_mon != want.tm_mon ||
            tm->tm_hour != want.tm_hour || want.tm_sec > 59)
                return -EINVAL;
        *ret = (usec_t) t * USEC_PER_SEC;
        return 0;
}

/* strptime(3) takes blanks before numbers and 61 seconds; a person who wrote that made a mistake.
 */
static bool has_form(const char *text, const char *form) {
        for (; *form; form++, text++)
                if (*form == '0' ? !is_digit(*text) : *text != *form)
                        return false;
        return *text == '\0';
}

static bool is_timestamp(const char *text) {
        static const char *const forms[] = {
                "0000-00-00 00:00:00", "0000-00-00 00:00", "0000-00-00", "00:00:00", "00:00",
                "0000-00-00T00:00:00Z"
        };

        for (size_t i = 0; i < ELEMENTSOF(forms); i++)
                if (has_form(text, forms[i]))
                        return true;
        return false;
}

int parse_timestamp(const char *text, usec_t now, usec_t *ret) {
        static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d" };
        time_t now_t = now / USEC_PER_SEC;
        struct tm today, tm;
        const char *end;
        int r;

        if (!is_timestamp(text))
                return -EINVAL;
        for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
                tm = (struct tm){};
                end = strptime(text, formats[i], &tm);
                if (end && *end == '\0')
                        return realtime_from_tm(&tm, ret);
        }
        if (!localtime_r(&now_t, &today))
                return -ERANGE;
        tm = today;
        tm.tm_sec = 0;
        end = strptime(text, "%H:%M:%S", &tm);
        if (!end || *end != '\0')
                end = strptime(text, "%H:%M", &tm);
        if (!end || *end != '\0')
                return -EINVAL;
        r = realtime_from_tm(&tm, ret);
        if (r < 0)
                return r;
        if (*ret > now)
                return 0;
        tm.tm_mday++;
        tm.tm_isdst = -1;
        now_t = mktime(&tm);
        if (now_t < 0)
                return -ERANGE;
        *ret = (usec_t) now_t * USEC_PER_SEC;
        return 0;
}

int parse_boolean(const char *text, uint64_t *ret) {
        static const char *const yes[] = { "yes", "true", "on", "1" };
        static const char *const no[] = { "no", "false", "off", "0" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++) {
                if (strcmp(text, yes[i]) == 0) {
                        *ret = 1;
                        return 0;
                }
                if (strcmp(text, no[i]) == 0) {
                        *ret = 0;
                        return 0;
                }
        }
        return -EINVAL;
}

void format_size(uint64_t bytes, char *buf, size_t size) {
        static const char suffixes[] = "KMGTPE";
        uint64_t unit = 1024;
        size_t i = 0;

        if (bytes < 1024) {
                (void) snprintf(buf, size, "%" PRIu64, bytes);
                return;
        }
        while (i + 1 < strlen(suffixes) && bytes / unit >= 1024) {
                unit *= 1024;
                i++;
        }
        (void) snprintf(buf, size, "%" PRIu64 ".%u%c", bytes / unit,
                        (unsigned) (bytes % unit * 10 / unit), suffixes[i]);
}

void format_duration(usec_t usec, char *buf, size_t size) {
        static const struct {
                const char *name;
                usec_t usec;
        } units[] = {
                { "d", 86400 * USEC_PER_SEC }, { "h", 3600 * USEC_PER_SEC },
                { "min", 60 * USEC_PER_SEC },  { "s", USEC_PER_SEC },
                { "ms", USEC_PER_MSEC },       { "us", 1 },
        };

        for (size_t i = 0; i < ELEMENTSOF(units); i++) {
                uint64_t whole = usec / units[i].usec, rest;

                if (whole == 0)
                        continue;
                rest = i + 1 < ELEMENTSOF(units) ? usec % units[i].usec / units[i + 1].usec : 0;
                if (rest > 0 && units[i].usec >= 60 * USEC_PER_SEC)
                        (void) snprintf(buf, size, "%" PRIu64 "%s %" PRIu64 "%s", whole,
                                        units[i].name, rest, units[i + 1].name);
                else
                        (void) snprintf(buf, size, "%" PRIu64 "%s", whole, units[i].name);
                return;
        }
        (void) snprintf(buf, size, "0s");
}

/* Gregorian, of days since 1970. */
typedef struct Date {
        unsigned year, month, day;
} Date;

/* Not gmtime_r(): glibc has even that read the time zone first (__tz_convert() in time/tzset.c),
 * from wherever TZ says, and this runs in other people's programs while they log somebody in. */
static Date date_from_days(unsigned days) {
        const unsigned of_year = 365, of_4 = 4 * of_year + 1, of_100 = 25 * of_4 - 1,
                       of_400 = 4 * of_100 + 1, to_1970 = 719468;
        unsigned d = days + to_1970, era, year, month;

        /* From the first of March of the year 0, so that a leap day ends its year. */
        era = d / of_400;
        d %= of_400;
        year = (d - d / (of_4 - 1) + d / of_100 - d / (of_400 - 1)) / of_year;
        d -= year * of_year + year / 4 - year / 100;
        /* March to July have 153 days, and so have August to December. */
        month = (5 * d + 2) / 153;
        return (Date){
                .year = era * 400 + year + (month >= 10),
                .month = month < 10 ? month + 3 : month - 9,
                .day = d - (153 * month + 2) / 5 + 1,
        };
}

/* In seconds since 1970: a year of five digits is not RFC 3339's. */
#define YEAR_10000 UINT64_C(253402300800)

char *format_timestamp(usec_t realtime, char buf[static TIMESTAMP_MAX]) {
        uint64_t seconds = realtime / USEC_PER_SEC;
        unsigned second = seconds % 86400;
        Date date;

        if (seconds >= YEAR_10000)
                return strcpy(buf, "?");
        date = date_from_days(seconds / 86400);
        (void) snprintf(buf, TIMESTAMP_MAX, "%04u-%02u-%02uT%02u:%02u:%02uZ", date.year, date.month,
                        date.day, second / 3600, second / 60 % 60, second % 60);
        return buf;
}

int parse_rfc3339(const char *text, usec_t *ret) {
        struct tm tm = {};
        const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
        time_t t;

        if (!end || *end != '\0' || !is_timestamp(text) || tm.tm_sec > 59)
                return -EINVAL;
        t = timegm(&tm);
        if (t < 0)
                return -ERANGE;
        *ret = (usec_t) t * USEC_PER_SEC;
        return 0;
}

/* Length of the valid UTF-8 sequence at p, or 0. Overlong forms, surrogates and the C1 controls
 * (U+0080 to U+009F, which some terminals obey) count as invalid. */
static size_t utf8_length(const unsigned char *p) {
        size_t n = p[0] < 0x80   ? 1
                   : p[0] < 0xc2 ? 0
                   : p[0] < 0xe0 ? 2
                   : p[0] < 0xf0 ? 3
                   : p[0] < 0xf5 ? 4
                                 : 0;

        for (size_t i = 1; i < n; i++)
                if ((p[i] & 0xc0) != 0x80)
                        return 0;
        if (n == 2 && p[0] == 0xc2 && p[1] < 0xa0)
                return 0;
        if (n == 3 && ((p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xed && p[1] >= 0xa0)))
                return 0;
        /* U+2028 and U+2029 break lines, U+202A to U+202E and U+2066 to U+2069 turn text round. */
        if (n == 3 && p[0] == 0xe2 &&
            ((p[1] == 0x80 && p[2] >= 0xa8 && p[2] <= 0xae) ||
             (p[1] == 0x81 && p[2] >= 0xa6 && p[2] <= 0xa9)))
                return 0;
        if (n == 4 && ((p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] >= 0x90)))
                return 0;
        return n;
}

static int hex_value(char c) {
        return is_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that "\xHH" at the start of s means, or -1. */
static int escape_at(const char *s) {
        int hi, lo;

        if (s[0] != '\\' || s[1] != 'x' || (hi = hex_value(s[2])) < 0 || (lo = hex_value(s[3])) < 0)
                return -1;
        return hi << 4 | lo;
}

char *escape_text(const char *text, size_t max_bytes) {
        static const char hex[] = "0123456789abcdef";
        const unsigned char *p = (const unsigned char *) text;
        size_t length = strnlen(text, max_bytes + 1), at = 0;
        bool cut = length > max_bytes;
        char *out;

        if (cut)
                length = max_bytes;
        out = malloc(length * 4 + sizeof("..."));
        if (!out)
                return NULL;
        for (size_t i = 0; i < length;) {
                size_t n = utf8_length(p + i);

                if (i + n > length) /* the cut would go through it */
                        break;
                if (n == 0 || p[i] < 0x20 || p[i] == 0x7f || escape_at((const char *) p + i) >= 0) {
                        out[at++] = '\\';
                        out[at++] = 'x';
                        out[at++] = hex[p[i] >> 4];
                        out[at++] = hex[p[i] & 15];
                        i++;
                } else {
                        memcpy(out + at, p + i, n);
                        at += n;
                        i += n;
                }
        }
        strcpy(out + at, cut ? "..." : "");
        return out;
}

int unescape_text(const char *text, char **ret) {
        _cleanup_free_ char *out = malloc(strlen(text) + 1);
        size_t at = 0;

        if (!out)
                return -ENOMEM;
        for (const char *p = text; *p; p++) {
                int byte = escape_at(p);

                if (byte == 0)
                        return -EINVAL;
                out[at++] = byte < 0 ? *p : (char) byte;
                if (byte > 0)
                        p += 3;
        }
        out[at] = '\0';
        *ret = TAKE_PTR(out);
        return 0;
}

/* NAME:START:COUNT, or with a number for the name; see subuid(5). */
static bool is_subuid_line(char *line, const char *name, uid_t uid, uid_t subordinate) {
        char *start = strchr(line, ':'), *count = start ? strchr(start + 1, ':') : NULL;
        uint64_t first, n;
        uid_t owner;

        if (!count)
                return false;
        *start++ = *count++ = '\0';
        if (parse_u64(start, &first) < 0 || parse_u64(count, &n) < 0 || first > subordinate ||
            subordinate - first >= n)
                return false;
        return strcmp(line, name) == 0 || (parse_uid(line, &owner) >= 0 && owner == uid);
}

bool parse_subuid(char *text, const char *name, uid_t uid, uid_t subordinate) {
        for (char *line = text, *next; line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                if (is_subuid_line(line, name, uid, subordinate))
                        return true;
        }
        return false;
}
