/* SPDX-License-Identifier: MIT */
/* The arguments of pam_leash.so in a PAM stack: one table. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct ModuleArgs {
        const char *conf; /* full path of the policy; borrowed from argv */
        bool named;       /* by "conf=": that there is no such policy is a mistake then */
        bool debug, announce, capture, strict;
} ModuleArgs;

/* Reads them. What is not understood is left out and counted, and *ret_mistake (may be NULL) is the
 * first of it: an argument in error is no reason to do nothing. Returns the number of mistakes. */
unsigned args_parse(int argc, const char *const argv[], ModuleArgs *ret, const char **ret_mistake);
