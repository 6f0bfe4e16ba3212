/* SPDX-License-Identifier: MIT */
/* leash-xrdp disconnect: sends viewers away; their sessions go on. */

#include <errno.h>
#include <string.h>

#include "backend/displays.h"
#include "backend/viewers.h"
#include "os/clock.h"
#include "os/output.h"
#include "os/user.h"
#include "table.h"
#include "verbs.h"

#define WAIT (5 * USEC_PER_SEC)
#define LOOK_EVERY (50 * USEC_PER_MSEC)

static int send_away(const char *root, const Desktop *d) {
        switch (d->session.via) {
        case SESSION_VIA_XRDP:
                return displays_disconnect(root, user_uid_min(), d->session.display,
                                           d->session.uid);
        case SESSION_VIA_VNC: /* no server of VNC's can be told; xrdp, if it is xrdp, gives up */
                return viewers_disconnect_vnc(d->session.display, d->session.uid);
        default:
                return -ENOTCONN;
        }
}

/* Looks at the displays alone, until that one has nobody. */
static bool is_alone(const char *root, const Desktop *d) {
        usec_t end = clock_monotonic() + WAIT;

        do {
                _cleanup_free_ SessionDisplay *displays = NULL;
                bool connected = false;
                size_t n;

                if (displays_scan(root, user_uid_min(), &displays, &n) < 0)
                        return false;
                for (size_t i = 0; i < n; i++)
                        connected |= displays[i].number == d->session.display &&
                                     displays[i].uid == d->session.uid &&
                                     displays[i].via == d->session.via &&
                                     displays[i].link == SESSION_LINK_CONNECTED;
                if (!connected)
                        return true;
                clock_sleep(LOOK_EVERY);
        } while (clock_monotonic() < end);
        return false;
}

static Exit disconnect(const char *root, const Desktop *d) {
        char name[TABLE_TEXT_MAX];
        int r;

        (void) table_display(d, name);
        if (d->session.link != SESSION_LINK_CONNECTED) {
                output_line("%s: nobody is connected", name);
                return EXIT_DONE;
        }
        r = send_away(root, d);
        if (r == -EOPNOTSUPP) {
                output_error(
                        "%s: this kernel closes nobody's connection for another (it was built without "
                        "CONFIG_INET_DIAG_DESTROY); 'leash-xrdp end' ends the session",
                        name);
                return EXIT_FAILED;
        }
        if (r < 0) {
                output_error("%s: cannot disconnect: %s", name, strerror(-r));
                return EXIT_FAILED;
        }
        if (!is_alone(root, d)) {
                output_error("%s: asked to, but still connected", name);
                return EXIT_REMAINS;
        }
        output_line("%s: disconnected", name);
        return EXIT_DONE;
}

Exit verb_disconnect(const Arguments *a) {
        const char *root = table_root();
        _cleanup_(selection_done) Selection s = {};
        Exit e, worst = EXIT_DONE;

        if (a->n_operands == 0 && !a->user && !a->session) {
                output_error("disconnect needs a session or --user");
                return EXIT_USAGE;
        }
        e = table_select(a, false, false, &s);
        if (e != EXIT_DONE)
                return e;
        for (size_t i = 0; i < s.n; i++) {
                e = disconnect(root, s.chosen[i]);
                worst = MAX_OF(worst, e);
        }
        return worst;
}
