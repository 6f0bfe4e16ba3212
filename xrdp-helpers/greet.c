/* SPDX-License-Identifier: MIT */
/* leash-xrdp greet: tells users who have connected what applies to them. leashd has this run at the
 * start of each remote desktop and at each reconnect, so that no script of a user's own is in its
 * way. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "backend/notify.h"
#include "core/parse.h"
#include "core/policy.h"
#include "os/file.h"
#include "os/machine.h"
#include "os/output.h"
#include "os/policyfile.h"
#include "os/user.h"
#include "table.h"
#include "verbs.h"

/* A text that grows; what does not fit is cut. */
typedef struct Text {
        char buf[1024];
        size_t n;
} Text;

static _printf_(2, 3) void put(Text *t, const char *format, ...) {
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(t->buf + t->n, sizeof(t->buf) - t->n, format, ap);
        va_end(ap);
        t->n = MIN_OF(t->n + (size_t) MAX_OF(n, 0), sizeof(t->buf) - 1);
}

static void put_session(Text *t, const Desktops *d, const Desktop *desktop) {
        const Session *s = &desktop->session;
        char text[TABLE_TEXT_MAX];

        if (s->away > 0) {
                format_duration(s->away / USEC_PER_SEC * USEC_PER_SEC, text, sizeof(text));
                put(t, "This is the session that you left %s ago. ", text);
        }
        for (size_t i = 0; i < d->n && desktop->duplicate; i++) {
                const Desktop *other = &d->all[i];

                if (other == desktop || other->session.uid != s->uid)
                        continue;
                put(t, "You have another desktop, %s, %s. ", table_display(other, text),
                    session_link_to_string(other->session.link));
                break;
        }
        if (desktop->ticket == TICKET_EXPIRED)
                put(t,
                    "Your Kerberos ticket has expired: run 'kinit' in a terminal to renew "
                    "it. ");
        if (desktop->layer >= 0 && desktop->layer != LAYER_STATE &&
            !limits_is_empty(&desktop->limits)) {
                limits_join(&desktop->limits, text, sizeof(text));
                put(t, "Your sessions together are limited to %s. ", text);
        }
}

static void put_state(Text *t, const Policy *policy, const PolicyFacts *facts) {
        char limits[TABLE_TEXT_MAX], after[64];
        PolicyState state;

        if (!policy_state(policy, facts, POLICY_DISCONNECTED, &state))
                return;
        if (!limits_is_empty(&state.squeeze) && state.after != USEC_INFINITY) {
                limits_join(&state.squeeze, limits, sizeof(limits));
                format_duration(state.after, after, sizeof(after));
                put(t, "Disconnected for %s, it is limited to %s. ", after, limits);
        }
        if (state.end_after != USEC_INFINITY) {
                format_duration(state.end_after, after, sizeof(after));
                put(t, "Disconnected for %s, it is ended. ", after);
        }
}

static int load_policy(Policy **ret) {
        _cleanup_free_ char *path = file_path("%s" POLICYFILE_PATH, table_root());
        LimitsHost host;

        if (!path)
                return -ENOMEM;
        machine_describe(&host);
        return policyfile_load(path, &host, ret); /* its mistakes are leashd's to tell */
}

static int put_policy(Text *t, const Desktop *d) {
        _cleanup_(policy_freep) Policy *policy = NULL;
        _cleanup_(user_info_done) UserInfo user = {};
        char host[MACHINE_NAME_MAX];
        PolicyXrdp xrdp;
        PolicyFacts facts = {
                .user = d->user,
                .uid = d->session.uid,
                .uid_min = user_uid_min(),
                .service = d->session.service,
                .class = "user",
                .type = "x11",
                .remote = d->address[0] ? d->address : NULL,
                .host = machine_name(host),
        };
        int r;

        r = load_policy(&policy);
        if (r < 0)
                return r;
        if (policy_wants_groups(policy) && user_info(d->user, &user) >= 0 &&
            user_info_groups(&user) >= 0) {
                facts.groups = (const char *const *) user.groups;
                facts.n_groups = user.n_groups;
        }
        put_state(t, policy, &facts);
        if (policy_xrdp(policy, &facts, &xrdp) && xrdp.when_full == POLICY_WHEN_FULL_EVICT &&
            !policy_is_exempt(policy, &facts, NULL))
                put(t,
                    "When this server is full, the session that was left for longest is ended. ");
        return 0;
}

static Exit greet(const Desktops *d, const Desktop *desktop) {
        _cleanup_free_ char *escaped = NULL, *line = NULL;
        Text t = {};
        const DesktopNotice notice = {
                .uid = desktop->session.uid,
                .tag = NOTIFY_GREETING,
                .summary = desktop->session.away > 0 ? "Welcome back" : "Welcome",
                .body = t.buf,
        };
        int r;

        put_session(&t, d, desktop);
        r = put_policy(&t, desktop);
        if (r < 0) {
                output_error("cannot read the policy: %s", strerror(-r));
                return EXIT_FAILED;
        }
        if (t.n == 0)
                return EXIT_DONE;
        t.buf[--t.n] = '\0'; /* the last blank */
        output_line("%s: %s", desktop->user, t.buf);
        (void) notify_desktop(table_root(), &notice);
        escaped = escape_text(t.buf, sizeof(t.buf));
        if (!escaped || asprintf(&line, "\r\n[leash] %s. %s\r\n", notice.summary, escaped) < 0) {
                line = NULL;
                return EXIT_FAILED;
        }
        (void) notify_terminals(table_root(), desktop->session.uid, line);
        return EXIT_DONE;
}

Exit verb_greet(const Arguments *a) {
        _cleanup_(selection_done) Selection s = {};
        Exit e, worst = EXIT_DONE;

        e = table_select(a, true, false, &s);
        if (e != EXIT_DONE)
                return e;
        for (size_t i = 0; i < s.n; i++) {
                e = greet(&s.desktops, s.chosen[i]);
                worst = MAX_OF(worst, e);
        }
        return worst;
}
