/* SPDX-License-Identifier: MIT */
/* leash metrics: users, sessions and limits for a monitoring system. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/metrics.h"
#include "os/output.h"
#include "verbs.h"

Exit verb_metrics(Context *c) {
        Overview overview = {};
        Exit e;
        int r;

        e = context_look_at_ledger(c);
        if (e != EXIT_DONE)
                return e;
        r = overview_read(c->backend_options.root, &c->backend->fs, c->ledger, &overview);
        if (r >= 0)
                r = metrics_write(&overview, stdout);
        overview_done(&overview);
        if (r >= 0)
                return EXIT_DONE;
        output_error(r == -ENOENT ? "this host keeps no slices of users: PID 1 is not systemd"
                                  : "cannot look at the users: %s",
                     strerror(-r));
        return EXIT_FAILED;
}
