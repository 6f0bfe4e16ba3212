/* SPDX-License-Identifier: MIT */
/* leash top is a program of its own, since its libraries would be loaded with every `leash PID`. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "os/file.h"
#include "os/output.h"
#include "verbs.h"

#define PROGRAM LIBEXECDIR "/leash-top"

Exit verb_top(Context *c) {
        _cleanup_free_ char *program = file_path("%s" PROGRAM, c->backend_options.root);
        char *const argv[] = { (char *) "leash-top", c->program, NULL };

        if (!program)
                return EXIT_FAILED;
        (void) execv(program, argv);
        output_error("cannot run %s: %s", program, strerror(errno));
        return EXIT_FAILED;
}
