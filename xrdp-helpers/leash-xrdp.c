/* SPDX-License-Identifier: MIT */
/* leash-xrdp: the table of remote desktops that xrdp never had, and what to do with them. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "os/output.h"
#include "verbs.h"

/* name, operands, help; options; operands from .. to; needs root */
const Verb verbs[] = {
        { "list", "[--json] [-u USER]", "every remote desktop of this host",
          TAKES(OPTION_JSON) | TAKES(OPTION_USER), 0, 0, true, verb_list },
        { "show", "SESSION... | -u USER [--json]", "all about some of them",
          TAKES(OPTION_JSON) | TAKES(OPTION_USER) | TAKES(OPTION_SESSION), 0, SIZE_MAX, true,
          verb_show },
        { "disconnect", "SESSION... | -u USER", "send viewers away; their sessions go on",
          TAKES(OPTION_USER) | TAKES(OPTION_SESSION), 0, SIZE_MAX, true, verb_disconnect },
        { "end", "SESSION... | -u USER | --oldest-disconnected", "end sessions, politely",
          TAKES(OPTION_USER) | TAKES(OPTION_SESSION) | TAKES(OPTION_OLDEST) | TAKES(OPTION_GRACE) |
                  TAKES(OPTION_REASON),
          0, SIZE_MAX, true, verb_end },
        { "message", "-u USER | -s SESSION | --all TEXT", "show a text on their screens",
          TAKES(OPTION_USER) | TAKES(OPTION_SESSION) | TAKES(OPTION_ALL), 1, 1, true,
          verb_message },
        { "greet", "SESSION...", "tell users what applies to them", 0, 1, SIZE_MAX, true,
          verb_greet },
        { "drain", "on | off | status", "empty this host for maintenance",
          TAKES(OPTION_REASON) | TAKES(OPTION_UNTIL_REBOOT) | TAKES(OPTION_WAIT) |
                  TAKES(OPTION_JSON),
          1, 1, true, verb_drain },
        { "audit", "[--json]", "what is wrong with this server; for monitoring", TAKES(OPTION_JSON),
          0, 0, true, verb_audit },
};
const size_t n_verbs = ELEMENTSOF(verbs);

static Exit run(int argc, char *argv[]) {
        Arguments a;
        Exit e;

        e = options_parse(argc, argv, &a);
        if (e != EXIT_DONE)
                return e;
        if (a.help) {
                options_help(stdout);
                return EXIT_DONE;
        }
        if (a.version) {
                (void) puts("leash-xrdp " LEASH_VERSION);
                return EXIT_DONE;
        }
        if (a.completion)
                return options_completion(a.completion, stdout);
        if (a.verb->root && geteuid() != 0) {
                output_error("%s needs root; use sudo", a.verb->name);
                return EXIT_REFUSED;
        }
        return a.verb->run(&a);
}

int main(int argc, char *argv[]) {
        Exit e;

        e = run(argc, argv);
        if (fflush(stdout) != 0 && e == EXIT_DONE) {
                output_error("cannot write the result: %s", strerror(errno));
                e = EXIT_FAILED;
        }
        return e;
}
