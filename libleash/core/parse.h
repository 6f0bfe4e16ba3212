/* SPDX-License-Identifier: MIT */
/* Text that a person wrote, and text that a person reads: numbers, sizes, durations, times. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/macro.h"

/* All of these accept plain ASCII digits only: no sign, no blanks, no exponent, no locale. Every
 * parse_...() of this file returns 0; -EINVAL if the text is not of the form, or is nothing that
 * there can be; -ERANGE if it overflows. */

/* Reads a number with at most `digits` decimals and returns it scaled by 10^digits; *ret_rest
 * points behind the last character used. */
int parse_decimal(const char *text, unsigned digits, uint64_t *ret, const char **ret_rest);

/* Reads "12.5%", in hundredths of a percent, up to behind the sign. Returns as parse_decimal(). */
int parse_percent(const char *text, uint64_t *ret, const char **ret_rest);

/* A number and nothing else. */
int parse_u64(const char *text, uint64_t *ret);

/* A process id: 1 to 4194304, the kernel's PID_MAX_LIMIT. */
int parse_pid(const char *text, pid_t *ret);

/* A user id; (uid_t) -1 and 65535 mean "no user" to the kernel (see user namespaces) and are
 * refused. */
int parse_uid(const char *text, uid_t *ret);

/* True if the text of a subuid(5) gives the user, by name or number, that subordinate uid. The text
 * is cut into its lines. */
bool parse_subuid(char *text, const char *name, uid_t uid, uid_t subordinate);

/* Bytes, with an optional suffix K, M, G, T of base 1024. */
int parse_size(const char *text, uint64_t *ret);

/* "90", "10min", "1h 30min", "500ms", as systemd.time(7) writes spans; in microseconds. */
int parse_duration(const char *text, usec_t *ret);

/* A point in time, as seconds since the epoch would be: "18:30" (today, or tomorrow if that has
 * passed), "2026-01-31", "2026-01-31 18:30[:05]", local time. `now` is realtime. */
int parse_timestamp(const char *text, usec_t now, usec_t *ret);

/* yes/no, true/false, on/off, 1/0. */
int parse_boolean(const char *text, uint64_t *ret);

/* "512", "1.5K", "4.0G". */
void format_size(uint64_t bytes, char *buf, size_t size);

/* "250ms", "45s", "20min", "1h 30min", "2d 3h": at most two units. */
void format_duration(usec_t usec, char *buf, size_t size);

/* RFC 3339 in UTC, such as 2026-01-31T18:30:05Z. */
#define TIMESTAMP_MAX 32
char *format_timestamp(usec_t realtime, char buf[static TIMESTAMP_MAX]);

/* Reads what format_timestamp() wrote. */
int parse_rfc3339(const char *text, usec_t *ret);

/* Replaces everything that could disturb a terminal or a log line (control characters, bytes
 * that are not valid UTF-8) by \xNN, and keeps the rest; a backslash only where it would look like
 * one of those, since Windows' domain names end in one. The text is cut after max_bytes, or before
 * the character that goes beyond them, marked by "...". Returns a new string, or NULL when out of
 * memory. */
char *escape_text(const char *text, size_t max_bytes);

/* Undoes escape_text(). Returns a new string in *ret; -EINVAL for \x00; -ENOMEM. */
int unescape_text(const char *text, char **ret);
