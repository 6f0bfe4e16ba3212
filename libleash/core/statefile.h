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

#include <stddef.h>

#include "core/macro.h"

/* Called for each section with key NULL, then for each of its lines. What a section is called after
 * its first word is in `name`, "" if nothing. Returns 0, or a negative errno that ends the reading.
 */
typedef int (*StatefileEntry)(const char *section, const char *name, const char *key,
                              const char *value, void *userdata);

/* Reads a text of at most `max` bytes. Returns 0; -EBADMSG if it is damaged, too large or was cut
 * off; -ENOMEM; what the entry returned. */
int statefile_read(const char *text, size_t size, size_t max, StatefileEntry entry, void *userdata);
