/* SPDX-License-Identifier: MIT */
/* leash-xrdp's command line: one table of options and one of verbs, from which parsing, what goes
 * with what, --help and the shell completions are made. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "core/macro.h"

/* Documented in leash-xrdp(8); the numbers mean what they mean for leash(1), but for audit. */
typedef enum Exit {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_REFUSED = 3, /* no such session, or not for this caller */
        EXIT_REMAINS = 4, /* asked for, and still there */
} Exit;

typedef enum OptionId {
        OPTION_USER,
        OPTION_SESSION,
        OPTION_ALL,
        OPTION_OLDEST,
        OPTION_GRACE,
        OPTION_REASON,
        OPTION_UNTIL_REBOOT,
        OPTION_WAIT,
        OPTION_JSON,
        OPTION_HELP,
        OPTION_VERSION,
        OPTION_COMPLETION,
        _OPTION_MAX,
} OptionId;

/* In Verb.takes. */
#define TAKES(option) (1U << (option))

typedef struct Arguments Arguments;

typedef struct Verb {
        const char *name, *operands, *help;
        unsigned takes;     /* options, as bits */
        size_t least, most; /* operands */
        bool root;
        Exit (*run)(const Arguments *a);
} Verb;

struct Arguments {
        const Verb *verb;
        char **operands;
        size_t n_operands;
        const char *user, *session, *reason, *completion;
        usec_t grace, wait; /* USEC_INFINITY if not given */
        bool all, oldest, until_reboot, json;
        bool help, version;
};

extern const Verb verbs[];
extern const size_t n_verbs;

/* Reads the command line. Prints one line on stderr for a mistake.
 * Returns EXIT_DONE, or EXIT_USAGE. The strings stay in argv. */
Exit options_parse(int argc, char *argv[], Arguments *ret);

void options_help(FILE *f);

/* Prints a completion script. Returns EXIT_USAGE for a shell it does not know. */
Exit options_completion(const char *shell, FILE *f);
