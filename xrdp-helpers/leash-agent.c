/* SPDX-License-Identifier: MIT */
/* leash-agent: answers HAProxy's agent-check. Holds no port itself: PID 1 does, and hands it over.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "core/parse.h"
#include "os/clock.h"
#include "os/output.h"
#include "serve.h"

/* As leash-xrdp's; see leash-agent(8). */
typedef enum Exit {
        EXIT_DONE = 0,
        EXIT_FAILED = 1,
        EXIT_USAGE = 2,
} Exit;

typedef struct Option {
        struct option getopt;
        const char *metavar, *help;
} Option;

static const Option options[] = {
        { { "weight", required_argument, NULL, 'w' },
          "N",
          "the weight on HAProxy's server line, 1 to 256" },
        { { "capacity", required_argument, NULL, 'c' },
          "N",
          "sessions that fit (MaxSessions of sesman.ini)" },
        { { "restart", required_argument, NULL, 'r' },
          "HOW",
          "when packages want a restart: lower, drain or ignore (lower)" },
        { { "print", no_argument, NULL, 'p' }, NULL, "print the answer once, and end" },
        { { "help", no_argument, NULL, 'h' }, NULL, "this text" },
        { { "version", no_argument, NULL, 'v' }, NULL, "the version" },
};

static void help(void) {
        (void) fputs(
                "leash-agent [OPTIONS]\n"
                "Tells HAProxy's agent-check how much of the farm's load this host can "
                "take.\n\nOptions:\n",
                stdout);
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                const Option *o = &options[i];
                char name[40];

                (void) snprintf(name, sizeof(name), "%s--%s%s%s",
                                o->getopt.val == 'h' ? "-h, " : "    ", o->getopt.name,
                                o->metavar ? "=" : "", o->metavar ?: "");
                (void) printf("  %-24s %s\n", name, o->help);
        }
        (void) fputs(
                "\nExit status: 0 ended by a signal or printed, 1 failed, 2 usage. Started by "
                "leash-agent.socket; see leash-agent(8).\n",
                stdout);
}

static int take_number(const char *name, const char *text, uint64_t most, uint64_t *ret) {
        if (parse_u64(text, ret) >= 0 && *ret >= 1 && *ret <= most)
                return 1;
        output_error("--%s=%s: not understood; it takes a number from 1 to %llu", name, text,
                     (unsigned long long) most);
        return -EINVAL;
}

/* Returns 1 to go on, 0 when all is said, -EINVAL for a mistake, which it has told. */
static int take(int c, Agent *a, bool *print) {
        uint64_t n = 0;
        int r = 1;

        switch (c) {
        case 'w':
                r = take_number("weight", optarg, BALANCE_WEIGHT_MAX, &n);
                a->weight = (unsigned) n;
                return r;
        case 'c':
                r = take_number("capacity", optarg, LOOK_CAPACITY_MAX, &n);
                a->look.capacity = n;
                return r;
        case 'r':
                a->look.restart = look_restart_from_string(optarg);
                if (a->look.restart < 0)
                        output_error(
                                "--restart=%s: not understood; it takes lower, drain or ignore",
                                optarg);
                return a->look.restart < 0 ? -EINVAL : 1;
        case 'p':
                *print = true;
                return 1;
        case 'h':
                help();
                return 0;
        case 'v':
                (void) puts("leash-agent " LEASH_VERSION);
                return 0;
        default:
                return -EINVAL;
        }
}

static int parse(int argc, char *argv[], Agent *a, bool *ret_print) {
        struct option longs[ELEMENTSOF(options) + 1] = {};
        int r = 1;

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                longs[i] = options[i].getopt;
        for (int c; r > 0 && (c = getopt_long(argc, argv, "h", longs, NULL)) != -1;)
                r = take(c, a, ret_print);
        if (r > 0 && optind != argc) {
                output_error("no operands are taken; see 'leash-agent --help'");
                r = -EINVAL;
        }
        return r;
}

static Exit run(Agent *a) {
        int n = sd_listen_fds(true), r;

        if (n <= 0) {
                output_error(
                        "no socket was handed over; leash-agent.socket does that, or "
                        "'systemd-socket-activate -l 9707 leash-agent'");
                return EXIT_FAILED;
        }
        r = serve(a, SD_LISTEN_FDS_START, (unsigned) n);
        if (r < 0)
                output_error("cannot serve: %s", strerror(-r));
        return r < 0 ? EXIT_FAILED : EXIT_DONE;
}

static Exit print_once(Agent *a) {
        serve_prepare(a, clock_monotonic());
        return fputs(a->line, stdout) < 0 || fflush(stdout) != 0 ? EXIT_FAILED : EXIT_DONE;
}

int main(int argc, char *argv[]) {
        Agent a = { .look.root = secure_getenv("LEASH_TEST_ROOT") ?: "" };
        bool print = false;
        int r;

        r = parse(argc, argv, &a, &print);
        if (r <= 0)
                return r < 0 ? EXIT_USAGE : EXIT_DONE;
        return print ? print_once(&a) : run(&a);
}
