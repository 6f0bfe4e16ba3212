/* SPDX-License-Identifier: MIT */
/* Completion scripts for bash and zsh, from a program's tables of options and verbs. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "core/macro.h"

/* What may be offered for a value. */
typedef enum CompletionValue {
        COMPLETION_NOTHING,
        COMPLETION_USERS,
        COMPLETION_SESSIONS,
        COMPLETION_PIDS,
        COMPLETION_WORDS, /* those that the metavar names, a|b|c */
} CompletionValue;

typedef struct CompletionOption {
        const char *name;
        char short_name;     /* '\0' if there is none */
        const char *metavar; /* NULL if it takes no value */
        const char *help;
        CompletionValue value;
} CompletionOption;

typedef struct Completion {
        const char *program, *page; /* "leash-xrdp", "leash-xrdp(8)" */
        const CompletionOption *options;
        size_t n_options;
        const char *const *verbs; /* the first word is one of them */
        size_t n_verbs;
        bool operand_first;  /* or an operand */
        const char *operand; /* what it is, for people */
        CompletionValue operands;
} Completion;

/* Returns 0; -EINVAL for a shell that is neither "bash" nor "zsh". */
int completion_print(const Completion *c, const char *shell, FILE *f);
