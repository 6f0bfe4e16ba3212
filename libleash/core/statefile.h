/* SPDX-License-Identifier: MIT */
/* The form in which the daemon's models outlive it: sections, KEY=VALUE lines, and an end that
 * shows that nothing was cut off. A model writes its own text; this reads any of them.
 *
 *     [model]
 *     Version=1
 *     [session c1]
 *     Uid=1001
 *     [end]
 *
 * Sections and keys that a version does not know are skipped, so that a newer one may add some. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "core/macro.h"

/* Calls line() for each line of a text of at most `max` bytes that is not empty, without its
 * newline; it may write into it. A negative errno ends the reading. Returns 0; -EBADMSG if the text
 * is too large, holds a zero byte or ends within a line; -ENOMEM; what line() returned. */
int statefile_each_line(const char *text, size_t size, size_t max,
                        int (*line)(char *line, void *userdata), void *userdata);

/* Called for each section with key NULL, then for each of its lines. What a section is called after
 * its first word is in `name`, "" if nothing. Returns 0, or a negative errno that ends the reading.
 */
typedef int (*StatefileEntry)(const char *section, const char *name, const char *key,
                              const char *value, void *userdata);

/* Reads a text of at most `max` bytes. Returns 0; -EBADMSG if it is damaged, too large or was cut
 * off; -ENOMEM; what the entry returned. */
int statefile_read(const char *text, size_t size, size_t max, StatefileEntry entry, void *userdata);

/* What a model's own section begins with. */
typedef struct StatefileHead {
        const char *boot;
        bool versioned; /* it was there, so that what follows can be understood */
        bool enforced;  /* what the model says was done was done, and not only said */
} StatefileHead;

/* Reads one of its lines; key may be NULL. Returns 0; -EBADMSG for a version that this one does not
 * know; -ESTALE for a text of another boot. */
int statefile_read_head(StatefileHead *head, const char *key, const char *value);

typedef struct StatefileText {
        FILE *f;
        char *text;
        size_t size;
} StatefileText;

/* Begins a text with the model's own section; more goes to ->f, which may be further lines of it.
 * Returns 0 or -ENOMEM. */
int statefile_begin(StatefileText *t, const char *model, const char *boot);

/* Says in the model's own section in which mode it was kept. */
void statefile_write_mode(StatefileText *t, bool watch);

/* Ends it, a new string. Returns 0 or -ENOMEM; frees everything else either way. */
int statefile_end(StatefileText *t, char **ret, size_t *ret_size);
