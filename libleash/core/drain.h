/* SPDX-License-Identifier: MIT */
/* A host that is being emptied for maintenance: since when, by whom, why, and how many were there.
 *
 * Newcomers are refused (pam_leash's account hook) and sent elsewhere (leash-agent); who has a
 * session comes back to it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/macro.h"

#define DRAIN_BY_MAX 64
#define DRAIN_REASON_MAX 256
#define DRAIN_BOOT_MAX 40
#define DRAIN_TEXT_MAX 4096

typedef struct Drain {
        usec_t since; /* realtime */
        char by[DRAIN_BY_MAX];
        char reason[DRAIN_REASON_MAX + 1]; /* "" if none was given; escape before showing */
        char boot[DRAIN_BOOT_MAX];         /* only until this boot ends; "" for through it */
        size_t sessions;                   /* how many there were */
} Drain;

/* As text and back. Returns the size; the text is terminated. */
size_t drain_to_text(const Drain *d, char buf[static DRAIN_TEXT_MAX]);

/* Returns 0; -EBADMSG for a text that is damaged or was cut off; -ENOMEM. */
int drain_from_text(const char *text, size_t size, Drain *ret);

/* True if it still holds in the boot of this id. */
bool drain_holds(const Drain *d, const char *boot);
