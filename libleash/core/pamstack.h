/* SPDX-License-Identifier: MIT */
/* One service's PAM stack with everything that it includes, as lines in the order in which libpam
 * goes through them (pam.conf(5)). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define PAMSTACK_LINES_MAX 512
#define PAMSTACK_DEPTH_MAX 16
#define PAMSTACK_WORD_MAX 128

typedef struct PamstackLine {
        char type[16];                   /* auth, account, password or session */
        char control[PAMSTACK_WORD_MAX]; /* required, [default=1], ... */
        char module[PAMSTACK_WORD_MAX];  /* without its directory */
        const char *file;                /* borrowed, see PamstackFile */
        unsigned line;
} PamstackLine;

/* Gives the text of a file of the stack by its path, NULL if there is none. The path that it leaves
 * in *ret_path has to live as long as the lines. */
typedef const char *(*PamstackFile)(const char *path, const char **ret_path, void *userdata);

/* Reads the stack of a service below /etc/pam.d. What cannot be read is left out, and what is more
 * or deeper than a sane stack as well. Returns how many lines there are. */
size_t pamstack_read(const char *service, PamstackFile file, void *userdata,
                     PamstackLine ret[static PAMSTACK_LINES_MAX]);
