/* SPDX-License-Identifier: MIT */
/* leash-lock's command line: a table of options and one of verbs, from which --help is made too. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

/* Documented in leash-lock(1); the numbers mean what they mean for leash(1). */
typedef enum Exit {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
        EXIT_REFUSED = 3, /* there is one already, nothing here can lock, Wayland */
        EXIT_NONE = 5,    /* no leash-lock runs on this display */
} Exit;

typedef struct Arguments Arguments;

typedef struct Verb {
        const char *name; /* NULL for the nameless one */
        const char *operands, *help;
        Exit (*run)(const Arguments *a);
} Verb;

struct Arguments {
        const Verb *verb;
        bool json, seconds;
        bool help, version;
};

extern const Verb verbs[];
extern const size_t n_verbs;

/* Prints one line on stderr for a mistake. Returns EXIT_DONE, or EXIT_USAGE. */
Exit options_parse(int argc, char *argv[], Arguments *ret);

void options_help(FILE *f);

/* One line "leash-lock: ..." on stderr, escaped. */
void options_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same with a level of sd-daemon(3) before it where stderr is the journal's. */
void options_log(const char *level, const char *format, ...) __attribute__((format(printf, 2, 3)));
