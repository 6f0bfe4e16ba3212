/* SPDX-License-Identifier: MIT */
/* leash-top PROGRAM: what `leash top` runs; PROGRAM is leash itself, which it starts for what a key
 * changes. */

#define _GNU_SOURCE
#include <string.h>

#include "os/output.h"
#include "verbs.h"

const Verb verbs[_VERB_MAX] = {
        [VERB_TOP] = { .name = "top", .run = verb_top },
};

static Exit run(char *program) {
        _cleanup_(context_done) Context c = {
                .args = { .verb = &verbs[VERB_TOP], .until = USEC_INFINITY },
        };
        Exit e;

        e = context_open(&c);
        if (e != EXIT_DONE)
                return e;
        free(c.program);
        c.program = strdup(program);
        return c.program ? verb_top(&c) : EXIT_FAILED;
}

int main(int argc, char *argv[]) {
        if (argc != 2 || argv[1][0] != '/') {
                output_error("this is a part of leash; run 'leash top'");
                return EXIT_USAGE;
        }
        return run(argv[1]);
}
