/* SPDX-License-Identifier: MIT */
/* The command line: one table of options and one of verbs. */

#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stddef.h>
#include <string.h>

#include "backend/completion.h"
#include "core/parse.h"
#include "options.h"
#include "os/clock.h"
#include "os/machine.h"
#include "os/output.h"

typedef struct Option Option;

struct Option {
        const char *name;
        char short_name;
        const char *metavar; /* NULL if it takes no argument */
        const char *help;    /* NULL for one that only leash itself uses */
        const char *example; /* what it takes, for the error message */
        /* Returns 0 or -errno; a flag has none. */
        int (*parse)(const char *text, void *dst);
        size_t offset; /* in Arguments */
        CompletionValue offered;
};

static int parse_text(const char *text, void *dst) {
        if (text[0] == '\0')
                return -EINVAL;
        *(const char **) dst = text;
        return 0;
}

static int parse_reason(const char *text, void *dst) {
        if (strlen(text) > RECORD_REASON_MAX)
                return -ERANGE;
        return parse_text(text, dst);
}

static int parse_scope(const char *text, void *dst) {
        TargetScope scope = target_scope_from_string(text);

        if (scope < 0)
                return -EINVAL;
        *(TargetScope *) dst = scope;
        return 0;
}

/* That are "until released", and keep every later sum from overflowing. */
#define TEN_YEARS (UINT64_C(10) * 366 * 86400 * USEC_PER_SEC)

static int parse_for(const char *text, void *dst) {
        usec_t usec;
        int r;

        r = parse_duration(text, &usec);
        if (r < 0)
                return r;
        if (usec < USEC_PER_SEC || usec > TEN_YEARS)
                return -ERANGE;
        *(usec_t *) dst = usec;
        return 0;
}

static int parse_until(const char *text, void *dst) {
        usec_t now = clock_realtime(), until;
        int r;

        r = parse_timestamp(text, now, &until);
        if (r < 0)
                return r;
        if (until <= now || until > now + TEN_YEARS)
                return -ERANGE;
        *(usec_t *) dst = until;
        return 0;
}

/* "2h" ago, or a point in time that has passed. */
static int parse_since(const char *text, void *dst) {
        const usec_t day = UINT64_C(86400) * USEC_PER_SEC;
        usec_t now = clock_realtime(), usec;
        int r;

        r = parse_duration(text, &usec);
        if (r >= 0) {
                *(usec_t *) dst = now - MIN_OF(usec, now);
                return 0;
        }
        r = parse_timestamp(text, now, &usec);
        if (r < 0)
                return r;
        if (usec > now) /* a time of day that is still to come today was yesterday's */
                usec -= day;
        if (usec > now)
                return -ERANGE;
        *(usec_t *) dst = usec;
        return 0;
}

/* Where the value goes, and what a shell may offer for it */
#define OFFERING(member, values) offsetof(Arguments, member), values
#define AT(member) OFFERING(member, COMPLETION_NOTHING)

static const Option options[] = {
        { "user", 'u', "USER", "a user's sessions, by name or number", "a user's name or number",
          parse_text, OFFERING(user, COMPLETION_USERS) },
        { "session", 's', "SESSION", "the session of that id, see 'loginctl'",
          "a session's id, see 'loginctl'", parse_text, OFFERING(session, COMPLETION_SESSIONS) },
        { "all", 0, NULL, "release: every leash; apply: everybody who is logged in", NULL, NULL,
          AT(all) },
        { "service", 0, "NAME", "check: a login by that PAM service, such as sshd",
          "the name of a PAM service such as sshd", parse_text, AT(service) },
        { "scope", 0, "user|session|tree",
          "limit all of the user's sessions (default), one, or one process tree",
          "user, session or tree", parse_scope, OFFERING(scope, COMPLETION_WORDS) },
        { "no-spare", 0, NULL, "leave the offenders where they are; the desktop will stutter", NULL,
          NULL, AT(no_spare) },
        { "capture", 0, NULL, "bring in the user's processes that run elsewhere", NULL, NULL,
          AT(capture) },
        { "for", 0, "TIME", "release after 20min, 2h, ...",
          "a time such as 20min, 2h or 1d, up to ten years", parse_for, AT(duration) },
        { "until", 0, "TIME", "release at 18:30, or \"2026-01-31 08:00\"",
          "a time to come such as 18:30 or \"2026-01-31 08:00\"", parse_until, AT(until) },
        { "since", 0, "TIME", "log: from 2h ago on, from 18:30, from \"2026-01-31 08:00\"",
          "a time that has passed, or how long ago, such as 2h", parse_since, AT(since) },
        { "persist", 0, NULL, "keep the leash through a reboot", NULL, NULL, AT(persist) },
        { "reason", 0, "TEXT", "told to the user and to the log", "a text of at most 256 bytes",
          parse_reason, AT(reason) },
        { "no-notify", 0, NULL, "do not tell the user", NULL, NULL, AT(no_notify) },
        { "dry-run", 'n', NULL, "say what would be done, and do nothing", NULL, NULL, AT(dry_run) },
        { "force", 'f', NULL, "limit root, system users or your own session, too", NULL, NULL,
          AT(force) },
        { "json", 0, NULL, "machine-readable output", NULL, NULL, AT(json) },
        { "verbose", 'v', NULL, "say more", NULL, NULL, AT(verbose) },
        { "help", 'h', NULL, "this text", NULL, NULL, AT(help) },
        { "version", 0, NULL, "the version", NULL, NULL, AT(version) },
        { "expired", 0, NULL, NULL, NULL, NULL, AT(expired) },
        { "gone", 0, NULL, NULL, NULL, NULL, AT(gone) },
        { "completion", 0, "SHELL", NULL, "bash or zsh", parse_text, AT(completion) },
};

#define N_OPTIONS (ELEMENTSOF(options) + _LIMIT_MAX)

/* The options of this file, then one for each limit: what getopt_long() returns is the index + 256.
 */
static void build_getopt(struct option longs[static N_OPTIONS + 1],
                         char shorts[static 2 * N_OPTIONS + 3]) {
        size_t at = 0;

        shorts[at++] = '+' /* verbs' operands may start with anything; see the loop */;
        shorts[at++] = ':';
        for (size_t i = 0; i < N_OPTIONS; i++) {
                bool own = i < ELEMENTSOF(options);
                const LimitInfo *info = own ? NULL : &limits_table[i - ELEMENTSOF(options)];
                const char *metavar = own ? options[i].metavar : info->metavar;
                char c = own ? options[i].short_name : info->short_option;

                longs[i] = (struct option){
                        .name = own ? options[i].name : info->option,
                        .has_arg = metavar ? required_argument : no_argument,
                        .val = 256 + (int) i,
                };
                if (c == 0)
                        continue;
                shorts[at++] = c;
                if (metavar)
                        shorts[at++] = ':';
        }
        longs[N_OPTIONS] = (struct option){};
        shorts[at] = '\0';
}

static int index_of_short(char c) {
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (options[i].short_name == c)
                        return i;
        for (size_t i = 0; i < _LIMIT_MAX; i++)
                if (limits_table[i].short_option == c)
                        return ELEMENTSOF(options) + i;
        return -1;
}

static int parse_limit(Arguments *a, Limit limit, const char *text) {
        LimitsHost host;

        machine_describe(&host);
        return limits_parse(&a->limits, limit, text ?: "yes", &host);
}

static Exit take_option(Arguments *a, size_t i, const char *text) {
        const char *name, *example;
        int r;

        if (i < ELEMENTSOF(options)) {
                name = options[i].name;
                example = options[i].example;
                if (!options[i].parse) {
                        *(bool *) ((char *) a + options[i].offset) = true;
                        return EXIT_DONE;
                }
                r = options[i].parse(text, (char *) a + options[i].offset);
        } else {
                name = limits_table[i - ELEMENTSOF(options)].option;
                example = limits_example(i - ELEMENTSOF(options));
                r = parse_limit(a, i - ELEMENTSOF(options), text);
        }
        if (r >= 0)
                return EXIT_DONE;
        output_error("--%s=%s: %s; it takes %s", name, text,
                     r == -ERANGE ? "out of range" : "not understood", example);
        return EXIT_USAGE;
}

static const Verb *find_verb(const char *name) {
        for (VerbId i = 0; i < _VERB_MAX; i++)
                if (verbs[i].name && strcmp(verbs[i].name, name) == 0)
                        return &verbs[i];
        return NULL;
}

static Exit usage(const char *text) {
        output_error("%s; see 'leash --help'", text);
        return EXIT_USAGE;
}

/* What cannot be said together, or must be. */
static Exit check(const Arguments *a) {
        bool names = a->n_operands > 0, by_option = a->user || a->session;

        if (a->user && a->session)
                return usage("--user and --session exclude each other");
        if (names && (by_option || a->all))
                return usage("process ids and --user, --session or --all exclude each other");
        if (a->duration && a->until != USEC_INFINITY)
                return usage("--for and --until exclude each other");
        if (a->persist && a->scope != TARGET_USER)
                return usage(
                        "--persist goes with --scope=user alone: sessions and processes end at a reboot");
        if (a->since && a->verb != &verbs[VERB_LOG])
                return usage("--since goes with log alone");
        if (a->capture && a->scope != TARGET_USER)
                return usage("--capture goes with --scope=user alone");
        if (a->json && (a->verb == &verbs[VERB_RELEASE] || a->verb == &verbs[VERB_EXPLAIN] ||
                        a->verb == &verbs[VERB_APPLY] || a->verb == &verbs[VERB_TOP] ||
                        a->verb == &verbs[VERB_METRICS]))
                return usage("--json goes with list, show, check, log, doctor and with limiting");
        if (a->scope == TARGET_TREE && by_option)
                return usage("--scope=tree needs a process id");
        if (a->verb == &verbs[VERB_EXPLAIN] && !names)
                return usage("explain needs a process id");
        if (a->verb == &verbs[VERB_SHOW] && !names && !by_option)
                return usage("show needs a process id or --user");
        if (a->verb == &verbs[VERB_RELEASE] && !names && !by_option && !a->all && !a->expired &&
            !a->gone)
                return usage("release needs a process id, --user, --session or --all");
        if (a->verb == &verbs[VERB_CAP] && !names && !by_option)
                return usage("which process? leash PID, leash -u USER or leash -s SESSION");
        if (a->verb == &verbs[VERB_APPLY] && !a->user == !a->all)
                return usage("apply needs --user or --all");
        if (a->service && a->verb != &verbs[VERB_CHECK])
                return usage("--service goes with check");
        if (a->service && !a->user)
                return usage("--service needs --user");
        if ((a->verb == &verbs[VERB_CHECK] || a->verb == &verbs[VERB_APPLY]) && a->session)
                return usage("the policy counts for users, not for single sessions: use --user");
        if ((a->verb == &verbs[VERB_LIST] || a->verb >= &verbs[VERB_CHECK]) && names)
                return usage("this verb takes no operands");
        return EXIT_DONE;
}

Exit options_parse(int argc, char *argv[], Arguments *ret) {
        struct option longs[N_OPTIONS + 1];
        char shorts[2 * N_OPTIONS + 3], bad[OUTPUT_OPTION_MAX];
        Arguments a = { .verb = &verbs[VERB_CAP], .until = USEC_INFINITY };
        size_t kept = 0;

        build_getopt(longs, shorts);
        opterr = 0; /* our own line says more, and escapes what it quotes */
        while (optind < argc) {
                int c = getopt_long(argc, argv, shorts, longs, NULL), i;
                Exit e;

                if (c == -1) { /* "+" stops at each operand; options may follow it */
                        bool rest = optind > 0 && strcmp(argv[optind - 1], "--") == 0;

                        for (; optind < argc; optind++) {
                                if (kept == 0 && a.verb == &verbs[VERB_CAP] &&
                                    find_verb(argv[optind]))
                                        a.verb = find_verb(argv[optind]);
                                else
                                        argv[1 + kept++] = argv[optind];
                                if (!rest) {
                                        optind++;
                                        break;
                                }
                        }
                        continue;
                }
                if (c == '?' || c == ':')
                        return usage(output_bad_option(c, argv, bad));
                i = c >= 256 ? c - 256 : index_of_short((char) c);
                e = take_option(&a, i, optarg);
                if (e != EXIT_DONE)
                        return e;
        }
        a.operands = argv + 1;
        a.n_operands = kept;
        *ret = a;
        return a.help || a.version || a.completion ? EXIT_DONE : check(&a);
}

static void help_option(FILE *f, char short_name, const char *name, const char *metavar,
                        const char *help) {
        char left[64];
        int n;

        n = snprintf(left, sizeof(left), "%s%c%s --%s%s%s", short_name ? "-" : " ",
                     short_name ?: ' ', short_name ? "," : " ", name, metavar ? "=" : "",
                     metavar ?: "");
        (void) fprintf(f, n > 27 ? "  %s\n%30s%s\n" : "  %-28s%s%s\n", left, "", help);
}

#define VERB_WIDTH 32

void options_help(FILE *f) {
        (void) fputs("Usage:\n", f);
        for (VerbId i = 0; i < _VERB_MAX; i++) {
                char left[80];

                (void) snprintf(left, sizeof(left), "leash %s%s%s", verbs[i].name ?: "[OPTIONS]",
                                verbs[i].operands[0] ? " " : "", verbs[i].operands);
                if (strlen(left) > VERB_WIDTH)
                        (void) fprintf(f, "  %s\n  %-*s %s\n", left, VERB_WIDTH, "", verbs[i].help);
                else
                        (void) fprintf(f, "  %-*s %s\n", VERB_WIDTH, left, verbs[i].help);
        }
        (void) fputs(
                "\nThe login session that owns a process, all of it, gets at most 50% of one CPU. Nothing\n"
                "is killed, the user's desktop stays smooth, and release puts everything back.\n"
                "\nLimits:\n",
                f);
        for (Limit i = 0; i < _LIMIT_MAX; i++)
                help_option(f, limits_table[i].short_option, limits_table[i].option,
                            limits_table[i].metavar, limits_table[i].help);
        (void) fputs("\nOptions:\n", f);
        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                if (options[i].help)
                        help_option(f, options[i].short_name, options[i].name, options[i].metavar,
                                    options[i].help);
        (void) fputs(
                "\nExit status: 0 done and verified, 1 failed, 2 usage, 3 refused or no login session,\n"
                "4 set but not enforced, 5 no such process. See leash(1).\n",
                f);
}

static CompletionOption option_described(size_t i) {
        bool own = i < ELEMENTSOF(options);
        const LimitInfo *info = own ? NULL : &limits_table[i - ELEMENTSOF(options)];

        return own ? (CompletionOption){ options[i].name, options[i].short_name, options[i].metavar,
                                         options[i].help, options[i].offered }
                   : (CompletionOption){ info->option, info->short_option, info->metavar,
                                         info->help, COMPLETION_NOTHING };
}

Exit options_completion(const char *shell, FILE *f) {
        CompletionOption shown[N_OPTIONS];
        const char *names[_VERB_MAX];
        Completion c = {
                .program = "leash",
                .page = "leash(1)",
                .options = shown,
                .verbs = names,
                .operand_first = true,
                .operand = "process",
                .operands = COMPLETION_PIDS,
        };

        for (size_t i = 0; i < N_OPTIONS; i++) {
                CompletionOption o = option_described(i);

                if (o.help)
                        shown[c.n_options++] = o;
        }
        for (VerbId i = 0; i < _VERB_MAX; i++)
                if (verbs[i].name)
                        names[c.n_verbs++] = verbs[i].name;
        return completion_print(&c, shell, f) < 0 ? usage("--completion takes bash or zsh")
                                                  : EXIT_DONE;
}
