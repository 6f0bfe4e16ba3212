/* SPDX-License-Identifier: MIT */
/* What stands in xrdp's own files, sesman.ini(5) and xrdp.ini(5), and in which line.
 *
 * Not libinih: xrdp knows no inline comments and no colons, keeps what stands behind the first "=",
 * and the line is what an audit is about. As xrdp reads it: neither section nor key minds case, the
 * last of several lines counts, and a section that comes again is not read. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define XRDPCONF_VALUE_MAX 256
#define XRDPCONF_SIZE_MAX (256 * 1024)

typedef struct XrdpconfValue {
        unsigned line;
        char text[XRDPCONF_VALUE_MAX]; /* without blanks around it; cut where longer */
} XrdpconfValue;

/* Looks for a key. Returns false if it is not there; then ret->line is the section's, 0 without. */
bool xrdpconf_find(const char *text, const char *section, const char *key, XrdpconfValue *ret);

/* Calls found() for each section in turn. */
void xrdpconf_sections(const char *text, void (*found)(const char *section, void *userdata),
                       void *userdata);

/* As xrdp's g_text2bool(): 1, true, yes, on in whatever case; all else is no. */
bool xrdpconf_is_yes(const char *value);

/* As atoi(3) reads it, which xrdp uses: 0 for what is no number. */
int64_t xrdpconf_number(const char *value);
