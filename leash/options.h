/* SPDX-License-Identifier: MIT */
/* The command line: one table of options and one of verbs, from which parsing, --help and the shell
 * completions are made. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "core/limits.h"
#include "core/record.h"
#include "exit.h"

typedef struct Context Context;

typedef enum VerbId {
        VERB_CAP,
        VERB_RELEASE,
        VERB_LIST,
        VERB_SHOW,
        VERB_EXPLAIN,
        VERB_CHECK,
        VERB_APPLY,
        VERB_TOP,
        VERB_LOG,
        VERB_METRICS,
        VERB_DOCTOR,
        _VERB_MAX,
} VerbId;

typedef struct Verb {
        const char *name; /* NULL for the nameless one: "leash PID" */
        const char *operands;
        const char *help;
        bool changes; /* needs root */
        Exit (*run)(Context *c);
} Verb;

extern const Verb verbs[_VERB_MAX];

typedef struct Arguments {
        const Verb *verb;
        char **operands;
        size_t n_operands;
        const char *user, *session, *reason, *service;
        const char *completion; /* print a completion script for this shell */
        TargetScope scope;
        Limits limits;
        usec_t duration, until; /* until: realtime; USEC_INFINITY if not given */
        usec_t since;           /* realtime; 0 if not given */
        bool all, expired, gone;
        bool no_spare, capture, persist, no_notify, dry_run, force, json, verbose;
        bool help, version;
} Arguments;

/* Reads the command line. Prints one line on stderr for a mistake.
 * Returns EXIT_DONE, or EXIT_USAGE. The strings stay in argv. */
Exit options_parse(int argc, char *argv[], Arguments *ret);

void options_help(FILE *f);

/* Prints a completion script. Returns EXIT_USAGE for a shell it does not know. */
Exit options_completion(const char *shell, FILE *f);
