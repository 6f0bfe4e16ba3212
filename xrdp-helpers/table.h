/* SPDX-License-Identifier: MIT */
/* The remote desktops as the verbs want them: read, chosen, put into words. */
#pragma once

#include "backend/desktops.h"
#include "options.h"

/* What stands before /run and the like: "" but in tests. */
const char *table_root(void);

/* Reads all. Prints what is wrong. */
Exit table_read(bool measure, Desktops *ret);

typedef struct Selection {
        Desktops desktops;
        Desktop **chosen; /* those that are meant, of the above */
        size_t n;
} Selection;

void selection_done(Selection *s);

/* Reads all, and chooses those that operands, --user, --session, --all or --oldest-disconnected
 * name; all of them if nothing is named and `otherwise_all`. Prints what is wrong, also if a name
 * is nobody's (EXIT_REFUSED). */
Exit table_select(const Arguments *a, bool measure, bool otherwise_all, Selection *ret);

/* ":10", or "-" without a display. */
#define TABLE_TEXT_MAX 128
char *table_display(const Desktop *d, char buf[static TABLE_TEXT_MAX]);

/* "connected", "disconnected" or "unknown", and since when by CLOCK_BOOTTIME; 0 if nobody has
 * followed that. */
const char *table_link(const Desktop *d, usec_t *ret_since);

/* "orphan,duplicate", or "-". */
char *table_flags(const Desktop *d, char buf[static TABLE_TEXT_MAX]);

/* "20% (state)", or "-". */
char *table_leash(const Desktop *d, char buf[static TABLE_TEXT_MAX]);

/* The object that list and show print, as documented in leash-xrdp(8). */
struct json_object *table_to_json(const Desktop *d);
