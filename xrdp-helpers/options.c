/* SPDX-License-Identifier: MIT */
/* leash-xrdp's command line. */

#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "backend/completion.h"
#include "core/parse.h"
#include "core/record.h"
#include "options.h"
#include "os/output.h"

typedef struct Option {
        const char *name;
        char short_name;
        const char *metavar; /* NULL if it takes no argument */
        const char *help;    /* NULL for one that only the build uses */
        const char *example; /* what it takes, for the error message */
        /* Returns 0 or -errno; a flag has none. */
        int (*parse)(const char *text, void *dst);
        size_t offset; /* in Arguments */
        CompletionValue offered;
} Option;

static int parse_text(const char *text, void *dst) {
        if (text[0] == '\0')
                return -EINVAL;
        *(const char **) dst = text;
        return 0;
}

static int parse_reason(const char *text, void *dst) {
        return strlen(text) > RECORD_REASON_MAX ? -ERANGE : parse_text(text, dst);
}

/* Nobody waits for longer than an hour for one rung. */
static int parse_grace(const char *text, void *dst) {
        usec_t usec;
        int r;

        r = parse_duration(text, &usec);
        if (r < 0)
                return r;
        if (usec > 3600 * USEC_PER_SEC)
                return -ERANGE;
        *(usec_t *) dst = usec;
        return 0;
}

static int parse_wait(const char *text, void *dst) {
        usec_t usec;
        int r;

        r = parse_duration(text, &usec);
        if (r < 0)
                return r;
        if (usec > 31 * 24 * 3600 * USEC_PER_SEC)
                return -ERANGE;
        *(usec_t *) dst = usec;
        return 0;
}

/* Where the value goes, and what a shell may offer for it */
#define OFFERING(member, values) offsetof(Arguments, member), values
#define AT(member) OFFERING(member, COMPLETION_NOTHING)

static const Option options[_OPTION_MAX] = {
        [OPTION_USER] = { "user", 'u', "USER", "a user's sessions, by name or number",
                          "a user's name or number", parse_text, OFFERING(user, COMPLETION_USERS) },
        [OPTION_SESSION] = { "session", 's', "SESSION", "that session, by its id or as :10",
                             "a session's id, see 'leash-xrdp list', or its display", parse_text,
                             OFFERING(session, COMPLETION_SESSIONS) },
        [OPTION_ALL] = { "all", 0, NULL, "message: everybody's", NULL, NULL, AT(all) },
        [OPTION_OLDEST] = { "oldest-disconnected", 0, NULL,
                            "end: the one that nobody has looked at for longest", NULL, NULL,
                            AT(oldest) },
        [OPTION_GRACE] = { "grace", 0, "TIME", "end: what each step gets to do its work (30s)",
                           "a time such as 30s or 2min, up to an hour", parse_grace, AT(grace) },
        [OPTION_REASON] = { "reason", 0, "TEXT", "end: told to the user and to the log",
                            "a text of at most 256 bytes", parse_reason, AT(reason) },
        [OPTION_UNTIL_REBOOT] = { "until-reboot", 0, NULL,
                                  "drain on: the next boot takes newcomers", NULL, NULL,
                                  AT(until_reboot) },
        [OPTION_WAIT] = { "wait", 0, "TIME", "drain: until nobody is left, at most so long",
                          "a time such as 30min or 12h, up to a month", parse_wait, AT(wait) },
        [OPTION_JSON] = { "json", 0, NULL, "machine-readable output", NULL, NULL, AT(json) },
        [OPTION_HELP] = { "help", 'h', NULL, "this text", NULL, NULL, AT(help) },
        [OPTION_VERSION] = { "version", 0, NULL, "the version", NULL, NULL, AT(version) },
        [OPTION_COMPLETION] = { "completion", 0, "SHELL", NULL, "bash or zsh", parse_text,
                                AT(completion) },
};

/* These go with every verb, and with none. */
#define TAKES_ALWAYS (TAKES(OPTION_HELP) | TAKES(OPTION_VERSION) | TAKES(OPTION_COMPLETION))

static void build_getopt(struct option longs[static _OPTION_MAX + 1],
                         char shorts[static 2 * _OPTION_MAX + 3]) {
        size_t at = 0;

        shorts[at++] = ':';
        for (OptionId i = 0; i < _OPTION_MAX; i++) {
                longs[i] = (struct option){
                        .name = options[i].name,
                        .has_arg = options[i].metavar ? required_argument : no_argument,
                        .val = 256 + (int) i,
                };
                if (!options[i].short_name)
                        continue;
                shorts[at++] = options[i].short_name;
                if (options[i].metavar)
                        shorts[at++] = ':';
        }
        longs[_OPTION_MAX] = (struct option){};
        shorts[at] = '\0';
}

static OptionId find_option(int c) {
        if (c >= 256)
                return c - 256;
        for (OptionId i = 0; i < _OPTION_MAX; i++)
                if (options[i].short_name == c)
                        return i;
        return _OPTION_MAX;
}

static Exit take_option(Arguments *a, const Option *o, const char *text) {
        int r;

        if (!o->parse) {
                *(bool *) ((char *) a + o->offset) = true;
                return EXIT_DONE;
        }
        r = o->parse(text, (char *) a + o->offset);
        if (r >= 0)
                return EXIT_DONE;
        output_error("--%s=%s: %s; it takes %s", o->name, text,
                     r == -ERANGE ? "out of range" : "not understood", o->example);
        return EXIT_USAGE;
}

static const Verb *find_verb(const char *name) {
        for (size_t i = 0; i < n_verbs; i++)
                if (strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];
        return NULL;
}

/* What cannot be said together, by the verb's row. */
static Exit check(const Arguments *a, unsigned given) {
        const Verb *v = a->verb;

        for (OptionId i = 0; i < _OPTION_MAX; i++)
                if (given & TAKES(i) & ~(v->takes | TAKES_ALWAYS)) {
                        output_error("--%s does not go with %s; see 'leash-xrdp --help'",
                                     options[i].name, v->name);
                        return EXIT_USAGE;
                }
        if (!!a->user + !!a->session + a->all + a->oldest > 1) {
                output_error(
                        "--user, --session, --all and --oldest-disconnected exclude each "
                        "other");
                return EXIT_USAGE;
        }
        if (a->n_operands > 0 && v->most > 1 && (a->user || a->session || a->all || a->oldest)) {
                output_error(
                        "sessions and --user, --session or --oldest-disconnected exclude each "
                        "other");
                return EXIT_USAGE;
        }
        if (a->n_operands < v->least || a->n_operands > v->most) {
                output_error("%s takes %s; see 'leash-xrdp --help'", v->name,
                             v->operands[0] ? v->operands : "no operands");
                return EXIT_USAGE;
        }
        return EXIT_DONE;
}

Exit options_parse(int argc, char *argv[], Arguments *ret) {
        struct option longs[_OPTION_MAX + 1];
        char shorts[2 * _OPTION_MAX + 3], bad[OUTPUT_OPTION_MAX];
        Arguments a = { .grace = USEC_INFINITY, .wait = USEC_INFINITY };
        unsigned given = 0;

        build_getopt(longs, shorts);
        opterr = 0; /* our own line says more, and escapes what it quotes */
        for (int c; (c = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
                OptionId i = c == '?' || c == ':' ? _OPTION_MAX : find_option(c);
                Exit e;

                if (i >= _OPTION_MAX) {
                        output_error("%s; see 'leash-xrdp --help'",
                                     output_bad_option(c, argv, bad));
                        return EXIT_USAGE;
                }
                given |= TAKES(i);
                e = take_option(&a, &options[i], optarg);
                if (e != EXIT_DONE)
                        return e;
        }
        if (optind < argc)
                a.verb = find_verb(argv[optind]);
        if (!a.verb && !(given & TAKES_ALWAYS)) {
                output_error("%s: no such verb; see 'leash-xrdp --help'",
                             optind < argc ? argv[optind] : "which one?");
                return EXIT_USAGE;
        }
        a.operands = argv + MIN_OF(optind + 1, argc);
        a.n_operands = (size_t) MAX_OF(argc - optind - 1, 0);
        *ret = a;
        return given & TAKES_ALWAYS ? EXIT_DONE : check(&a, given);
}

#define WIDTH 34

static void help_line(FILE *f, const char *left, const char *help) {
        if (strlen(left) > WIDTH)
                (void) fprintf(f, "  %s\n  %-*s %s\n", left, WIDTH, "", help);
        else
                (void) fprintf(f, "  %-*s %s\n", WIDTH, left, help);
}

void options_help(FILE *f) {
        char left[160];

        (void) fputs("Usage:\n", f);
        for (size_t i = 0; i < n_verbs; i++) {
                (void) snprintf(left, sizeof(left), "leash-xrdp %s%s%s", verbs[i].name,
                                verbs[i].operands[0] ? " " : "", verbs[i].operands);
                help_line(f, left, verbs[i].help);
        }
        (void) fputs(
                "\nSESSION is an id of 'leash-xrdp list', or a display such as :10.\n"
                "\nOptions:\n",
                f);
        for (OptionId i = 0; i < _OPTION_MAX; i++) {
                const Option *o = &options[i];

                if (!o->help)
                        continue;
                (void) snprintf(left, sizeof(left), "%s%c%s --%s%s%s", o->short_name ? "-" : " ",
                                o->short_name ?: ' ', o->short_name ? "," : " ", o->name,
                                o->metavar ? "=" : "", o->metavar ?: "");
                help_line(f, left, o->help);
        }
        (void) fputs(
                "\nExit status: 0 done, 1 failed, 2 usage, 3 refused or no such session, 4 "
                "something\nof the session is still there. See leash-xrdp(8).\n",
                f);
}

Exit options_completion(const char *shell, FILE *f) {
        CompletionOption shown[_OPTION_MAX];
        _cleanup_free_ const char **names = calloc(n_verbs, sizeof(char *));
        Completion c = {
                .program = "leash-xrdp",
                .page = "leash-xrdp(8)",
                .options = shown,
                .verbs = names,
                .n_verbs = n_verbs,
                .operand = "session",
                .operands = COMPLETION_SESSIONS,
        };

        if (!names) {
                output_error("%s", strerror(ENOMEM));
                return EXIT_FAILED;
        }
        for (OptionId i = 0; i < _OPTION_MAX; i++)
                if (options[i].help)
                        shown[c.n_options++] = (CompletionOption){
                                options[i].name, options[i].short_name, options[i].metavar,
                                options[i].help, options[i].offered,
                        };
        for (size_t i = 0; i < n_verbs; i++)
                names[i] = verbs[i].name;
        if (completion_print(&c, shell, f) >= 0)
                return EXIT_DONE;
        output_error("--completion takes bash or zsh");
        return EXIT_USAGE;
}
