/* SPDX-License-Identifier: MIT */
/* The policy: what an admin wrote in leash.conf(5), and what it decides for one user's session. */

#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/plan.h"
#include "core/policysection.h"

const PolicyMatchInfo policy_matches[_POLICY_MATCH_MAX] = {
        [POLICY_MATCH_USER] = { "match-user", offsetof(PolicyFacts, user), false },
        [POLICY_MATCH_GROUP] = { "match-group", 0, false }, /* the only one with several */
        [POLICY_MATCH_SERVICE] = { "match-service", offsetof(PolicyFacts, service), false },
        [POLICY_MATCH_CLASS] = { "match-class", offsetof(PolicyFacts, class), false },
        [POLICY_MATCH_TYPE] = { "match-type", offsetof(PolicyFacts, type), false },
        [POLICY_MATCH_REMOTE] = { "match-remote", offsetof(PolicyFacts, remote), true },
        [POLICY_MATCH_HOST] = { "match-host", offsetof(PolicyFacts, host), true },
};

Policy *policy_new(const LimitsHost *host) {
        Policy *p = calloc(1, sizeof(Policy));

        if (p)
                p->host = *host;
        return p;
}

PolicySection *policy_section_free(PolicySection *s) {
        if (!s)
                return NULL;
        for (size_t i = 0; s->values && i < policy_n_keys(s->kind); i++)
                if (policy_key(s->kind, i))
                        policy_key_reset(s->kind, i, s->values);
        for (PolicyMatch i = 0; i < _POLICY_MATCH_MAX; i++)
                policy_list_done(&s->lists[i]);
        free(s->values);
        free(s->name);
        free(s);
        return NULL;
}

Policy *policy_free(Policy *p) {
        if (!p)
                return NULL;
        for (size_t i = 0; i < p->n_sections; i++)
                policy_section_free(p->sections[i]);
        free(p->sections);
        free(p->by_name);
        for (size_t i = 0; i < p->n_files; i++)
                free(p->files[i]);
        free(p->files);
        for (size_t i = 0; i < p->n_errors; i++) {
                free(p->errors[i].file);
                free(p->errors[i].text);
        }
        free(p);
        return NULL;
}

int policy_error(Policy *p, const char *file, unsigned line, const char *format, ...) {
        _cleanup_free_ char *copy = NULL, *text = NULL;
        va_list ap;
        int n;

        p->n_all_errors++;
        if (p->n_errors == POLICY_ERRORS_MAX)
                return 0;
        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0) {
                text = NULL;
                return -ENOMEM;
        }
        copy = strdup(file);
        if (!copy)
                return -ENOMEM;
        p->errors[p->n_errors++] =
                (PolicyError){ .file = TAKE_PTR(copy), .line = line, .text = TAKE_PTR(text) };
        return 0;
}

void policy_set_unread(Policy *p) {
        p->unread = true;
}

bool policy_is_unread(const Policy *p) {
        return p->unread;
}

const PolicyError *policy_errors(const Policy *p, size_t *ret_n, size_t *ret_total) {
        *ret_n = p->n_errors;
        *ret_total = p->n_all_errors;
        return p->errors;
}

int policy_finish(Policy *p) {
        for (size_t i = 0; i < p->n_sections; i++) {
                const PolicySection *s = p->sections[i];
                int r = 0;

                if (s->kind == POLICY_STATE && ((const PolicyState *) s->values)->when < 0)
                        r = policy_error(p, s->file, s->line,
                                         "[state %s] does not say when=; it applies to nobody",
                                         s->name);
                if (r < 0)
                        return r;
        }
        return 0;
}

/* ---- deciding ---------------------------------------------------------------------------------
 */

/* '*' and '?'; the case of letters does not count in host names. Goes back to the last star alone,
 * so it takes at most as many steps as both lengths multiplied. */
static bool glob_matches(const char *pattern, const char *text) {
        const char *star = NULL, *from = NULL;

        while (*text) {
                if (*pattern == '*') {
                        star = ++pattern;
                        from = text;
                } else if (*pattern == '?' ||
                           tolower((unsigned char) *pattern) == tolower((unsigned char) *text)) {
                        pattern++;
                        text++;
                } else if (star) {
                        pattern = star;
                        text = ++from;
                } else {
                        return false;
                }
        }
        while (*pattern == '*')
                pattern++;
        return *pattern == '\0';
}

static bool word_matches(const PolicyList *l, const char *word, bool glob) {
        for (size_t i = 0; word && i < l->n; i++) {
                const char *w = l->words[i];

                /* Most differ in the first letter, and there may be many. */
                if (glob ? glob_matches(w, word) : w[0] == word[0] && strcmp(w, word) == 0)
                        return true;
        }
        return false;
}

static bool list_matches(const PolicySection *s, PolicyMatch list, const PolicyFacts *f) {
        const PolicyList *l = &s->lists[list];

        if (list != POLICY_MATCH_GROUP)
                return word_matches(
                        l, *(const char *const *) ((const char *) f + policy_matches[list].fact),
                        policy_matches[list].glob);
        for (size_t i = 0; i < f->n_groups; i++)
                if (word_matches(l, f->groups[i], false))
                        return true;
        return false;
}

static bool matches(const PolicySection *s, const PolicyFacts *f) {
        if (s->broken || f->uid < s->uid_min)
                return false;
        if (plan_is_system_uid(f->uid, f->uid_min) && !list_matches(s, POLICY_MATCH_USER, f))
                return false;
        for (PolicyMatch i = 0; i < _POLICY_MATCH_MAX; i++)
                if (s->lists[i].n > 0 && !list_matches(s, i, f))
                        return false;
        return true;
}

/* Lays one section over a decision. */
static void lay(const PolicySection *s, PolicyValues *ret) {
        for (size_t i = 0; i < policy_n_keys(s->kind); i++) {
                if (!(s->said & UINT32_C(1) << i))
                        continue;
                policy_key_copy(s->kind, i, s->values, ret);
                ret->from[i] = s->values->from[i];
        }
}

static bool is_of(const PolicySection *s, PolicyKind kind, PolicyWhen when) {
        return s->kind == kind &&
               (kind != POLICY_STATE || ((const PolicyState *) s->values)->when == when);
}

static bool decide(const Policy *p, PolicyKind kind, PolicyWhen when, const PolicyFacts *facts,
                   void *ret) {
        bool any = false;

        memcpy(ret, policy_kinds[kind].defaults, policy_kinds[kind].size);
        for (size_t i = 0; i < p->n_sections; i++) {
                const PolicySection *s = p->sections[i];

                if (!is_of(s, kind, when) || !matches(s, facts))
                        continue;
                lay(s, ret);
                any = true;
        }
        return any;
}

bool policy_is_exempt(const Policy *p, const PolicyFacts *facts, PolicySource *ret) {
        PolicyExempt exempt;

        if (!decide(p, POLICY_EXEMPT, _POLICY_WHEN_INVALID, facts, &exempt) || !exempt.exempt)
                return false;
        if (ret)
                *ret = exempt.from[policy_key_index(POLICY_EXEMPT, "exempt")];
        return true;
}

/* The kinds from which somebody can be exempt. */
static bool decide_unless_exempt(const Policy *p, PolicyKind kind, PolicyWhen when,
                                 const PolicyFacts *facts, void *ret) {
        if (!policy_is_exempt(p, facts, NULL))
                return decide(p, kind, when, facts, ret);
        memcpy(ret, policy_kinds[kind].defaults, policy_kinds[kind].size);
        return false;
}

bool policy_limits(const Policy *p, const PolicyFacts *facts, PolicyLimits *ret) {
        return decide_unless_exempt(p, POLICY_LIMITS, _POLICY_WHEN_INVALID, facts, ret);
}

void policy_limits_join(PolicyLimits *l, const PolicyLimits *other) {
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                if (!limits_yields(&l->limits, &other->limits, i))
                        continue;
                limits_copy_one(&l->limits, &other->limits, i);
                l->from[i] = other->from[i];
        }
}

bool policy_state(const Policy *p, const PolicyFacts *facts, PolicyWhen when, PolicyState *ret) {
        return decide_unless_exempt(p, POLICY_STATE, when, facts, ret);
}

bool policy_runaway(const Policy *p, const PolicyFacts *facts, PolicyRunaway *ret) {
        return decide_unless_exempt(p, POLICY_RUNAWAY, _POLICY_WHEN_INVALID, facts, ret);
}

bool policy_lock(const Policy *p, const PolicyFacts *facts, PolicyLock *ret) {
        return decide(p, POLICY_LOCK, _POLICY_WHEN_INVALID, facts, ret);
}

bool policy_xrdp(const Policy *p, const PolicyFacts *facts, PolicyXrdp *ret) {
        return decide(p, POLICY_XRDP, _POLICY_WHEN_INVALID, facts, ret);
}

size_t policy_xrdp_pools(const Policy *p, const PolicyFacts *facts, PolicyPool *ret, size_t max) {
        size_t n = 0;

        for (size_t i = 0; i < p->n_sections && n < max; i++) {
                const PolicySection *s = p->sections[i];
                const PolicyXrdp *x = (const PolicyXrdp *) s->values;

                if (s->kind != POLICY_XRDP || x->max_sessions == 0 || !matches(s, facts))
                        continue;
                ret[n++] = (PolicyPool){ .section = (unsigned) i, .max = x->max_sessions };
        }
        return n;
}

bool policy_daemon(const Policy *p, const char *host, PolicyDaemon *ret) {
        const PolicyFacts facts = { .host = host, .uid = (uid_t) -2, .uid_min = 0 };

        return decide(p, POLICY_DAEMON, _POLICY_WHEN_INVALID, &facts, ret);
}

static bool wants(const Policy *p, PolicyMatch list) {
        for (size_t i = 0; i < p->n_sections; i++)
                if (p->sections[i]->lists[list].n > 0)
                        return true;
        return false;
}

bool policy_wants_groups(const Policy *p) {
        return wants(p, POLICY_MATCH_GROUP);
}

/* leash.conf stands before leash.conf.d/, and these in the order of their names. */
static bool is_later(const PolicySource *a, const PolicySource *b) {
        int order = strcmp(a->file, b->file);

        return order > 0 || (order == 0 && a->line > b->line);
}

const PolicySource *policy_last_said(const PolicySource from[], size_t n) {
        const PolicySource *last = NULL;

        for (size_t i = 0; i < n; i++)
                if (from[i].file && (!last || is_later(&from[i], last)))
                        last = &from[i];
        return last;
}

const PolicySource *policy_said(PolicyKind kind, const PolicySource from[], const char *key) {
        const PolicySource *source = &from[policy_key_index(kind, key)];

        return source->file ? source : NULL;
}

bool policy_wants_names(const Policy *p) {
        for (size_t i = 0; i < p->n_sections; i++) {
                const PolicyList *l = &p->sections[i]->lists[POLICY_MATCH_USER];

                for (size_t k = 0; k < l->n; k++)
                        if (l->words[k][strspn(l->words[k], "0123456789")] != '\0')
                                return true;
        }
        return false;
}

bool policy_wants_sessions(const Policy *p) {
        return wants(p, POLICY_MATCH_SERVICE) || wants(p, POLICY_MATCH_CLASS) ||
               wants(p, POLICY_MATCH_TYPE) || wants(p, POLICY_MATCH_REMOTE);
}
