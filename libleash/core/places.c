/* SPDX-License-Identifier: MIT */
/* Who has to make room. */

#include <errno.h>
#include <string.h>

#include "core/places.h"

/* A session that takes a place. */
typedef struct Place {
        Session *session;
        bool arriving;           /* its client has not been let in yet */
        const StateRules *rules; /* NULL for none */
        SessionSurplus surplus;
} Place;

/* One that is on its way out for another reason has left its place. */
static bool takes_place(const Session *s) {
        return s->present && session_is_desktop(s) && s->since[SESSION_CLOSING] == 0 &&
               (s->rung == SESSION_RUNG_NONE || s->rung_for == SESSION_SURPLUS);
}

static bool may_go(const Place *p) {
        return p->rules && !p->rules->exempt && !p->arriving &&
               p->surplus == SESSION_SURPLUS_NONE && p->session->link == SESSION_LINK_DISCONNECTED;
}

/* By user; of one user who is wanted most first: the connected, then by when somebody last was. */
static int compare(const void *a, const void *b) {
        const Session *x = ((const Place *) a)->session, *y = ((const Place *) b)->session;
        bool away_x = x->link == SESSION_LINK_DISCONNECTED && !((const Place *) a)->arriving;
        bool away_y = y->link == SESSION_LINK_DISCONNECTED && !((const Place *) b)->arriving;

        if (x->uid != y->uid)
                return x->uid < y->uid ? -1 : 1;
        if (away_x != away_y)
                return away_x ? 1 : -1;
        if (x->since[SESSION_DISCONNECTED] != y->since[SESSION_DISCONNECTED])
                return x->since[SESSION_DISCONNECTED] > y->since[SESSION_DISCONNECTED] ? -1 : 1;
        return strcmp(x->id, y->id);
}

/* The sessions of one user, of which all but the first may be too many. */
static void run_user(Place *p, size_t n) {
        size_t kept = 0;

        for (size_t i = 0; i < n; i++) {
                const PlaceRules *rules = p[i].rules ? &p[i].rules->places : NULL;

                if (rules && rules->end_orphans && p[i].session->orphan && may_go(&p[i]))
                        p[i].surplus = SESSION_SURPLUS_ORPHAN;
                else if (rules && rules->end_duplicates && kept > 0 && may_go(&p[i]))
                        p[i].surplus = SESSION_SURPLUS_DUPLICATE;
                else if (rules && rules->max_per_user > 0 && kept >= rules->max_per_user &&
                         rules->evict && may_go(&p[i]))
                        p[i].surplus = SESSION_SURPLUS_USER;
                else
                        kept++;
        }
}

static const PlacePool *find_pool(const Place *p, unsigned number) {
        for (unsigned i = 0; p->rules && i < p->rules->places.n_pools; i++)
                if (p->rules->places.pools[i].number == number)
                        return &p->rules->places.pools[i];
        return NULL;
}

static Place *find_oldest(Place *places, size_t n, unsigned number) {
        Place *oldest = NULL;

        for (size_t i = 0; i < n; i++)
                if (find_pool(&places[i], number) && places[i].rules->places.evict &&
                    may_go(&places[i]) &&
                    (!oldest || places[i].session->since[SESSION_DISCONNECTED] <
                                        oldest->session->since[SESSION_DISCONNECTED]))
                        oldest = &places[i];
        return oldest;
}

static void run_pool(Place *places, size_t n, const PlacePool *pool) {
        size_t taken = 0;

        for (size_t i = 0; i < n; i++)
                taken += find_pool(&places[i], pool->number) &&
                         places[i].surplus == SESSION_SURPLUS_NONE;
        for (; taken > pool->max; taken--) {
                Place *oldest = find_oldest(places, n, pool->number);

                if (!oldest) /* full of people who are here: nobody is thrown out */
                        return;
                oldest->surplus = SESSION_SURPLUS_FULL;
        }
}

static bool comes_before(const PlacePool *a, const PlacePool *b) {
        return a->max != b->max ? a->max < b->max : a->number < b->number;
}

/* Each pool once, the smallest first: who makes room there may make enough in a larger one. */
static void run_pools(Place *places, size_t n) {
        const PlacePool *last = NULL;

        for (;;) {
                const PlacePool *next = NULL;

                for (size_t i = 0; i < n; i++)
                        for (unsigned k = 0; places[i].rules && k < places[i].rules->places.n_pools;
                             k++) {
                                const PlacePool *one = &places[i].rules->places.pools[k];

                                if ((!last || comes_before(last, one)) &&
                                    (!next || comes_before(one, next)))
                                        next = one;
                        }
                if (!next)
                        return;
                run_pool(places, n, next);
                last = next;
        }
}

int places_run(Sessions *sessions, usec_t now) {
        _cleanup_free_ Place *places = calloc(sessions->n + 1, sizeof(Place));
        size_t n = 0, used;

        if (!places)
                return -ENOMEM;
        for (size_t i = 0; i < sessions->n; i++) {
                Session *s = sessions->all[i];

                if (takes_place(s))
                        places[n++] = (Place){
                                .session = s,
                                .arriving = !s->visited && now < s->created + STATES_ARRIVAL,
                                .rules = s->rules,
                        };
                else
                        sessions_set_surplus(sessions, s, SESSION_SURPLUS_NONE, now);
        }
        if (n > 0)
                qsort(places, n, sizeof(Place), compare);
        for (size_t i = 0; i < n; i += used) {
                for (used = 1;
                     i + used < n && places[i + used].session->uid == places[i].session->uid;
                     used++)
                        ;
                run_user(places + i, used);
        }
        run_pools(places, n);
        for (size_t i = 0; i < n; i++)
                sessions_set_surplus(sessions, places[i].session, places[i].surplus, now);
        return 0;
}
