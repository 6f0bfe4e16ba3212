/* SPDX-License-Identifier: MIT */
/* leash-xrdp message: a text on users' screens: on their desktops, where those show notices, and on
 * their terminals. */

#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>

#include "backend/notify.h"
#include "core/parse.h"
#include "os/output.h"
#include "table.h"
#include "verbs.h"

#define TEXT_MAX 1024

/* One user, whatever desktops they have: their notices come by a bus that these share. */
typedef struct Addressee {
        const Desktop *desktop;
        unsigned terminals;
        pid_t child; /* 0: could not be started */
} Addressee;

static size_t gather(Desktop *const *chosen, size_t n, Addressee *ret) {
        size_t n_addressees = 0;

        for (size_t i = 0; i < n; i++) {
                bool known = false;

                for (size_t k = 0; k < n_addressees; k++)
                        known |= ret[k].desktop->session.uid == chosen[i]->session.uid;
                if (!known)
                        ret[n_addressees++].desktop = chosen[i];
        }
        return n_addressees;
}

/* All at once: each may take seconds. Returns how many were reached. */
static size_t deliver(const char *root, const char *text, Addressee *all, size_t n) {
        _cleanup_free_ char *escaped = escape_text(text, TEXT_MAX), *line = NULL;
        size_t reached = 0;

        if (!escaped || asprintf(&line, "\r\n[leash] %s\r\n", escaped) < 0) {
                line = NULL;
                return 0;
        }
        for (size_t i = 0; i < n; i++) {
                const DesktopNotice notice = {
                        .uid = all[i].desktop->session.uid,
                        .tag = NOTIFY_MESSAGE,
                        .summary = "Message from the administrator",
                        .body = escaped,
                };

                all[i].terminals = notify_terminals(root, notice.uid, line);
                if (notify_desktop_start(root, &notice, &all[i].child) < 0)
                        all[i].child = 0;
        }
        for (size_t i = 0; i < n; i++) {
                bool shown = all[i].child > 0 && notify_desktop_finish(all[i].child);

                output_line("%s: %s%u terminal%s", all[i].desktop->user, shown ? "desktop, " : "",
                            all[i].terminals, all[i].terminals == 1 ? "" : "s");
                reached += shown || all[i].terminals > 0;
        }
        return reached;
}

Exit verb_message(const Arguments *a) {
        const char *root = table_root();
        const Arguments whom = { .user = a->user, .session = a->session, .all = a->all };
        _cleanup_(selection_done) Selection s = {};
        _cleanup_free_ Addressee *all = NULL;
        size_t n, reached;
        Exit e;

        if (!a->user && !a->session && !a->all) {
                output_error("message needs --user, --session or --all");
                return EXIT_USAGE;
        }
        if (strlen(a->operands[0]) > TEXT_MAX) {
                output_error("a message has at most %d bytes", TEXT_MAX);
                return EXIT_USAGE;
        }
        e = table_select(&whom, false, false, &s);
        if (e != EXIT_DONE)
                return e;
        all = calloc(s.n + 1, sizeof(Addressee));
        if (!all)
                return EXIT_FAILED;
        n = gather(s.chosen, s.n, all);
        reached = deliver(root, a->operands[0], all, n);
        if (reached < n)
                output_error(
                        "%zu of %zu users have neither a desktop that shows notices nor a "
                        "terminal",
                        n - reached, n);
        return reached < n ? EXIT_REMAINS : EXIT_DONE;
}
