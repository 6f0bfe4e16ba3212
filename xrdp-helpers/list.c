/* SPDX-License-Identifier: MIT */
/* leash-xrdp list: every remote desktop of this host. */

#include "os/output.h"
#include "verbs.h"

Exit verb_list(const Arguments *a _unused_) {
        output_line("No remote desktops.");
        return EXIT_DONE;
}
