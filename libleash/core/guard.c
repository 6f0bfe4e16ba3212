/* SPDX-License-Identifier: MIT */
/* Whether sessions have the lock helper that the policy wants them to have. */

#include "core/guard.h"

static bool may_want(const Session *s) {
        return s->present && s->graphical && s->class == SESSION_CLASS_USER &&
               s->since[SESSION_CLOSING] == 0;
}

void guard_want(Session *s, bool wanted, usec_t now) {
        if (!wanted || !may_want(s)) {
                s->guard_at = 0;
                return;
        }
        if (s->guarded || s->unguarded || s->guard_at != 0)
                return;
        s->guard_at = MAX_OF(s->created + GUARD_LOGIN, now);
}

void guard_lost(Session *s, usec_t now) {
        s->guarded = false;
        s->guard_at = now + GUARD_RETURN;
}

bool guard_is_due(const Session *s, usec_t now) {
        return s->guard_at != 0 && s->guard_at <= now;
}

bool guard_looked(Session *s, int found, usec_t now) {
        s->guard_at = found < 0 ? now + GUARD_AGAIN : 0;
        s->guarded = found > 0;
        if (found != 0 || s->unguarded || !may_want(s))
                return false;
        s->unguarded = true;
        return true;
}

usec_t guard_next(const Sessions *s) {
        usec_t next = USEC_INFINITY;

        for (size_t i = 0; i < s->n; i++)
                if (s->all[i]->guard_at != 0)
                        next = MIN_OF(next, s->all[i]->guard_at);
        return next;
}
