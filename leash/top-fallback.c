/* SPDX-License-Identifier: MIT */
/* Stands in for leash top where ncurses is not there to build with. */

#include "os/output.h"
#include "verbs.h"

Exit verb_top(Context *c _unused_) {
        output_error("leash was built without ncurses, so there is no 'leash top'");
        return EXIT_FAILED;
}
