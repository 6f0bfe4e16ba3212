/* SPDX-License-Identifier: MIT */
/* leash-lock's command line. */

#define _GNU_SOURCE
#include <getopt.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/parse.h"
#include "options.h"
#include "os/output.h"

/* None of them changes when or how is locked: that is the policy's alone. */
static const struct {
        const char *name;
        char short_name;
        const char *help;
        size_t offset; /* of a bool in Arguments */
} options[] = {
        { "json", 0, "status: machine-readable output", offsetof(Arguments, json) },
        { "seconds", 0, "tty: print the policy's idle time, and do nothing",
          offsetof(Arguments, seconds) },
        { "help", 'h', "this text", offsetof(Arguments, help) },
        { "version", 0, "the version", offsetof(Arguments, version) },
};

static __attribute__((format(printf, 2, 0))) void print(const char *level, const char *format,
                                                        va_list ap) {
        _cleanup_free_ char *escaped = NULL;
        char text[512];

        (void) vsnprintf(text, sizeof(text), format, ap);
        escaped = escape_text(text, sizeof(text));
        (void) fprintf(stderr, "%sleash-lock: %s\n", level, escaped ?: "out of memory");
}

void options_error(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        print("", format, ap);
        va_end(ap);
}

void options_log(const char *level, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        print(getenv("JOURNAL_STREAM") ? level : "", format, ap);
        va_end(ap);
}

static const Verb *find_verb(const char *name) {
        for (size_t i = 0; i < n_verbs; i++)
                if (verbs[i].name && strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];
        return NULL;
}

Exit options_parse(int argc, char *argv[], Arguments *ret) {
        struct option longs[ELEMENTSOF(options) + 1] = {};
        Arguments a = { .verb = &verbs[0] };
        char bad[OUTPUT_OPTION_MAX];

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                longs[i] = (struct option){ .name = options[i].name, .val = 256 + (int) i };
        opterr = 0; /* our own line escapes what it quotes */
        for (;;) {
                int c = getopt_long(argc, argv, "h", longs, NULL);

                if (c == -1)
                        break;
                for (size_t i = 0; i < ELEMENTSOF(options); i++)
                        if (c == 256 + (int) i || c == options[i].short_name)
                                *(bool *) ((char *) &a + options[i].offset) = true;
                if (c == '?') {
                        options_error("%s; see 'leash-lock --help'",
                                      output_bad_option(c, argv, bad));
                        return EXIT_USAGE;
                }
        }
        if (optind < argc)
                a.verb = find_verb(argv[optind]);
        if (!a.verb || optind + 1 < argc) {
                options_error("%s: not understood; see 'leash-lock --help'",
                              a.verb ? argv[optind + 1] : argv[optind]);
                return EXIT_USAGE;
        }
        *ret = a;
        return EXIT_DONE;
}

void options_help(FILE *f) {
        (void) fputs("Usage:\n", f);
        for (size_t i = 0; i < n_verbs; i++) {
                char left[80];

                (void) snprintf(left, sizeof(left), "leash-lock%s%s%s%s", verbs[i].name ? " " : "",
                                verbs[i].name ?: "", verbs[i].operands[0] ? " " : "",
                                verbs[i].operands);
                (void) fprintf(f, "  %-32s %s\n", left, verbs[i].help);
        }
        (void) fputs(
                "\nWhen and how is locked stands in leash.conf(5), sections [lock ...].\n"
                "\nOptions:\n",
                f);
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                (void) fprintf(f, "  %s%c%s --%-20s %s\n", options[i].short_name ? "-" : " ",
                               options[i].short_name ?: ' ', options[i].short_name ? "," : " ",
                               options[i].name, options[i].help);
        (void) fputs(
                "\nExit status: 0 done, 1 failed, 2 usage, 3 refused, 5 no leash-lock runs on "
                "this\ndisplay. See leash-lock(1).\n",
                f);
}
