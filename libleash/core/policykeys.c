/* SPDX-License-Identifier: MIT */
/* The keys of the policy: one table of kinds, one table of keys for each, how each value is read.
 */

#include <errno.h>
#include <string.h>

#include "core/parse.h"
#include "core/policykeys.h"

#define FREEZE_BIT (UINT32_C(1) << LIMIT_FREEZE)
#define MINUTE (60 * USEC_PER_SEC)
#define HOUR (60 * MINUTE)

/* A word of a policy; the longest that means anything is a host's name. */
#define WORD_MAX 256

/* More sessions than any host has. */
#define NUMBER_MAX 65535

static const PolicyLimits limits_defaults;

static const PolicyState state_defaults = {
        .when = _POLICY_WHEN_INVALID,
        .warn_after = USEC_INFINITY,
        .end_after = USEC_INFINITY,
};

static const PolicyRunaway runaway_defaults = {
        .pressure = 2000,
        .share = 15000,
        .window = 2 * MINUTE,
        .forget = 24 * HOUR,
        .steps = { .n = 3,
                   .step = { { USEC_PER_SEC, 15 * MINUTE },
                             { USEC_PER_SEC / 2, 30 * MINUTE },
                             { USEC_PER_SEC / 4, HOUR } } },
};

static const PolicyLock lock_defaults = {
        .idle = USEC_INFINITY,
        .warn = 0,
        .inhibit_max = USEC_INFINITY,
        .logout_after = USEC_INFINITY,
        .blank_after = USEC_INFINITY,
        .on_disconnect = POLICY_ON_DISCONNECT_IGNORE,
};

static const PolicyExempt exempt_defaults;

static const PolicyXrdp xrdp_defaults = {
        .warn = MINUTE,
        .greet = true,
};

static const PolicyDaemon daemon_defaults;

static const PolicyItem state_items[] = {
        { "when", POLICY_TYPE_WHEN, offsetof(PolicyState, when) },
        { "after", POLICY_TYPE_TIME, offsetof(PolicyState, after) },
        { "warn-after", POLICY_TYPE_TIME, offsetof(PolicyState, warn_after) },
        { "end-after", POLICY_TYPE_TIME, offsetof(PolicyState, end_after) },
};

static const PolicyItem runaway_items[] = {
        { "pressure", POLICY_TYPE_PERCENT, offsetof(PolicyRunaway, pressure) },
        { "share", POLICY_TYPE_PERCENT, offsetof(PolicyRunaway, share) },
        { "window", POLICY_TYPE_TIME, offsetof(PolicyRunaway, window) },
        { "steps", POLICY_TYPE_STEPS, offsetof(PolicyRunaway, steps) },
        { "forget", POLICY_TYPE_TIME, offsetof(PolicyRunaway, forget) },
        { "exempt-command", POLICY_TYPE_LIST, offsetof(PolicyRunaway, exempt_command) },
        { "memory-pressure", POLICY_TYPE_PERCENT, offsetof(PolicyRunaway, memory_pressure) },
};

static const PolicyItem lock_items[] = {
        { "idle", POLICY_TYPE_TIME, offsetof(PolicyLock, idle) },
        { "warn", POLICY_TYPE_TIME, offsetof(PolicyLock, warn) },
        { "locker", POLICY_TYPE_TEXT, offsetof(PolicyLock, locker) },
        { "fallback-locker", POLICY_TYPE_TEXT, offsetof(PolicyLock, fallback_locker) },
        { "on-disconnect", POLICY_TYPE_ON_DISCONNECT, offsetof(PolicyLock, on_disconnect) },
        { "inhibit-max", POLICY_TYPE_TIME, offsetof(PolicyLock, inhibit_max) },
        { "logout-after", POLICY_TYPE_TIME, offsetof(PolicyLock, logout_after) },
        { "blank-after", POLICY_TYPE_TIME, offsetof(PolicyLock, blank_after) },
};

static const PolicyItem exempt_items[] = {
        { "exempt", POLICY_TYPE_BOOLEAN, offsetof(PolicyExempt, exempt) },
};

static const PolicyItem xrdp_items[] = {
        { "max-sessions", POLICY_TYPE_NUMBER, offsetof(PolicyXrdp, max_sessions) },
        { "max-sessions-per-user", POLICY_TYPE_NUMBER,
          offsetof(PolicyXrdp, max_sessions_per_user) },
        { "when-full", POLICY_TYPE_WHEN_FULL, offsetof(PolicyXrdp, when_full) },
        { "warn", POLICY_TYPE_TIME, offsetof(PolicyXrdp, warn) },
        { "duplicates", POLICY_TYPE_LEFTOVER, offsetof(PolicyXrdp, duplicates) },
        { "orphans", POLICY_TYPE_LEFTOVER, offsetof(PolicyXrdp, orphans) },
        { "greet", POLICY_TYPE_BOOLEAN, offsetof(PolicyXrdp, greet) },
};

static const PolicyItem daemon_items[] = {
        { "mode", POLICY_TYPE_MODE, offsetof(PolicyDaemon, mode) },
        { "textfile", POLICY_TYPE_TEXT, offsetof(PolicyDaemon, textfile) },
};

#define ITEMS(table) .items = (table), .n_items = ELEMENTSOF(table)

const PolicyKindInfo policy_kinds[_POLICY_KIND_MAX] = {
        /* A login that is stopped before it has begun is nobody's wish. */
        [POLICY_LIMITS] = { .name = "limits",
                            .size = sizeof(PolicyLimits),
                            .defaults = &limits_defaults,
                            .limits = offsetof(PolicyLimits, limits),
                            .unwanted = FREEZE_BIT },
        [POLICY_STATE] = { .name = "state",
                           .size = sizeof(PolicyState),
                           .defaults = &state_defaults,
                           .limits = offsetof(PolicyState, squeeze),
                           ITEMS(state_items) },
        [POLICY_RUNAWAY] = { .name = "runaway",
                             .size = sizeof(PolicyRunaway),
                             .defaults = &runaway_defaults,
                             ITEMS(runaway_items) },
        [POLICY_LOCK] = { .name = "lock",
                          .size = sizeof(PolicyLock),
                          .defaults = &lock_defaults,
                          ITEMS(lock_items) },
        [POLICY_EXEMPT] = { .name = "exempt",
                            .size = sizeof(PolicyExempt),
                            .defaults = &exempt_defaults,
                            ITEMS(exempt_items) },
        [POLICY_XRDP] = { .name = "xrdp",
                          .size = sizeof(PolicyXrdp),
                          .defaults = &xrdp_defaults,
                          ITEMS(xrdp_items) },
        [POLICY_DAEMON] = { .name = "daemon",
                            .size = sizeof(PolicyDaemon),
                            .defaults = &daemon_defaults,
                            ITEMS(daemon_items) },
};

static const char *const when_names[_POLICY_WHEN_MAX] = {
        [POLICY_DISCONNECTED] = "disconnected",
        [POLICY_LOCKED] = "locked",
        [POLICY_IDLE] = "idle",
        [POLICY_CLOSING] = "closing",
};

static const char *const on_disconnect_names[_POLICY_ON_DISCONNECT_MAX] = {
        [POLICY_ON_DISCONNECT_IGNORE] = "ignore",
        [POLICY_ON_DISCONNECT_LOCK] = "lock",
};

static const char *const mode_names[_POLICY_MODE_MAX] = {
        [POLICY_MODE_ENFORCE] = "enforce",
        [POLICY_MODE_WATCH] = "watch",
};

static const char *const when_full_names[_POLICY_WHEN_FULL_MAX] = {
        [POLICY_WHEN_FULL_NOTHING] = "nothing",
        [POLICY_WHEN_FULL_EVICT] = "evict-oldest-disconnected",
};

static const char *const leftover_names[_POLICY_LEFTOVER_MAX] = {
        [POLICY_LEFTOVER_KEEP] = "keep",
        [POLICY_LEFTOVER_END] = "end",
};

static int name_index(const char *const names[], size_t n, const char *name) {
        for (size_t i = 0; i < n; i++)
                if (strcmp(names[i], name) == 0)
                        return i;
        return -EINVAL;
}

void policy_list_done(PolicyList *l) {
        for (size_t i = 0; i < l->n; i++)
                free(l->words[i]);
        free(l->words);
        *l = (PolicyList){};
}

int policy_list_add(PolicyList *l, const char *text) {
        for (;;) {
                _cleanup_free_ char *word = NULL;
                char **more;
                size_t n;

                text += strspn(text, " \t");
                n = strcspn(text, " \t");
                if (n == 0)
                        return 0;
                if (l->n == POLICY_LIST_MAX || n >= WORD_MAX)
                        return -E2BIG;
                word = strndup(text, n);
                more = word ? reallocarray(l->words, l->n + 1, sizeof(char *)) : NULL;
                if (!more)
                        return -ENOMEM;
                l->words = more;
                l->words[l->n++] = TAKE_PTR(word);
                text += n;
        }
}

static int parse_time(const char *text, usec_t *ret) {
        if (strcmp(text, "infinity") == 0) {
                *ret = USEC_INFINITY;
                return 0;
        }
        return parse_duration(text, ret);
}

static int parse_share(const char *text, unsigned *ret) {
        uint64_t hundredths;
        const char *rest;
        int r;

        r = parse_percent(text, &hundredths, &rest);
        if (r < 0)
                return r;
        if (*rest != '\0')
                return -EINVAL;
        if (hundredths > 100 * 10000) /* a hundred times the share is nobody's */
                return -ERANGE;
        *ret = hundredths;
        return 0;
}

static int parse_flag(const char *text, bool *ret) {
        uint64_t value;
        int r;

        r = parse_boolean(text, &value);
        if (r >= 0)
                *ret = value;
        return r;
}

/* "100%/15min": a quota, and how long it holds. */
static int parse_step(const char *text, const LimitsHost *host, PolicyStep *ret) {
        const char *slash = strchr(text, '/');
        char quota[WORD_MAX];
        Limits limits = {};
        usec_t duration;
        int r;

        if (!slash || (size_t) (slash - text) >= sizeof(quota))
                return -EINVAL;
        memcpy(quota, text, slash - text);
        quota[slash - text] = '\0';
        r = limits_parse(&limits, LIMIT_CPU_QUOTA, quota, host);
        if (r >= 0)
                r = parse_duration(slash + 1, &duration);
        if (r < 0)
                return r;
        if (duration == 0 || limits.value[LIMIT_CPU_QUOTA] == LIMIT_INFINITY)
                return -ERANGE;
        *ret = (PolicyStep){ .quota = limits.value[LIMIT_CPU_QUOTA], .duration = duration };
        return 0;
}

static int parse_steps(const char *text, const LimitsHost *host, PolicySteps *ret) {
        PolicySteps steps = {};
        PolicyList words = {};
        int r;

        r = policy_list_add(&words, text);
        if (r >= 0 && words.n > POLICY_STEPS_MAX)
                r = -E2BIG;
        for (; r >= 0 && steps.n < words.n; steps.n++)
                r = parse_step(words.words[steps.n], host, &steps.step[steps.n]);
        policy_list_done(&words);
        if (r >= 0)
                *ret = steps;
        return r;
}

static int parse_number(const char *text, unsigned *ret) {
        uint64_t value;
        int r;

        r = parse_u64(text, &value);
        if (r < 0)
                return r;
        if (value > NUMBER_MAX)
                return -ERANGE;
        *ret = value;
        return 0;
}

static int parse_text(const char *text, char **dst) {
        char *copy = strdup(text);

        if (!copy)
                return -ENOMEM;
        free(*dst);
        *dst = copy;
        return 0;
}

static int parse_name(const char *const names[], size_t n, const char *text, int *ret) {
        int i = name_index(names, n, text);

        if (i < 0)
                return i;
        *ret = i;
        return 0;
}

static const struct {
        size_t size;
        const char *example;
} types[_POLICY_TYPE_MAX] = {
        [POLICY_TYPE_TIME] = { sizeof(usec_t), "a time such as 30s, 10min, 13d, or infinity" },
        [POLICY_TYPE_PERCENT] = { sizeof(unsigned), "a percentage such as 20%, up to 10000%" },
        [POLICY_TYPE_STEPS] = { sizeof(PolicySteps),
                                "up to 8 steps such as 100%/15min, without blanks in them" },
        [POLICY_TYPE_TEXT] = { sizeof(char *), "a command line" },
        [POLICY_TYPE_LIST] = { sizeof(PolicyList), "up to 512 words" },
        [POLICY_TYPE_BOOLEAN] = { sizeof(bool), "yes or no" },
        [POLICY_TYPE_WHEN] = { sizeof(PolicyWhen), "disconnected, locked, idle or closing" },
        [POLICY_TYPE_ON_DISCONNECT] = { sizeof(PolicyOnDisconnect), "lock or ignore" },
        [POLICY_TYPE_MODE] = { sizeof(PolicyMode), "enforce or watch" },
        [POLICY_TYPE_NUMBER] = { sizeof(unsigned), "a number up to 65535; 0 is no maximum" },
        [POLICY_TYPE_WHEN_FULL] = { sizeof(PolicyWhenFull),
                                    "nothing or evict-oldest-disconnected" },
        [POLICY_TYPE_LEFTOVER] = { sizeof(PolicyLeftover), "keep or end" },
};

static int parse_item(const PolicyItem *item, const char *text, const LimitsHost *host, void *dst) {
        int value, r = -EINVAL;

        switch (item->type) {
        case POLICY_TYPE_TIME:
                return parse_time(text, dst);
        case POLICY_TYPE_PERCENT:
                return parse_share(text, dst);
        case POLICY_TYPE_STEPS:
                return parse_steps(text, host, dst);
        case POLICY_TYPE_TEXT:
                return parse_text(text, dst);
        case POLICY_TYPE_LIST:
                return policy_list_add(dst, text);
        case POLICY_TYPE_BOOLEAN:
                return parse_flag(text, dst);
        case POLICY_TYPE_WHEN:
                r = parse_name(when_names, ELEMENTSOF(when_names), text, &value);
                if (r >= 0)
                        *(PolicyWhen *) dst = value;
                return r;
        case POLICY_TYPE_ON_DISCONNECT:
                r = parse_name(on_disconnect_names, ELEMENTSOF(on_disconnect_names), text, &value);
                if (r >= 0)
                        *(PolicyOnDisconnect *) dst = value;
                return r;
        case POLICY_TYPE_MODE:
                r = parse_name(mode_names, ELEMENTSOF(mode_names), text, &value);
                if (r >= 0)
                        *(PolicyMode *) dst = value;
                return r;
        case POLICY_TYPE_NUMBER:
                return parse_number(text, dst);
        case POLICY_TYPE_WHEN_FULL:
                r = parse_name(when_full_names, ELEMENTSOF(when_full_names), text, &value);
                if (r >= 0)
                        *(PolicyWhenFull *) dst = value;
                return r;
        case POLICY_TYPE_LEFTOVER:
                r = parse_name(leftover_names, ELEMENTSOF(leftover_names), text, &value);
                if (r >= 0)
                        *(PolicyLeftover *) dst = value;
                return r;
        default:
                return r;
        }
}

static void *at(const PolicyKindInfo *kind, size_t index, const void *values) {
        return (char *) values + kind->items[index - _LIMIT_MAX].offset;
}

static Limits *limits_of(const PolicyKindInfo *kind, const void *values) {
        return (Limits *) ((char *) values + kind->limits);
}

const char *policy_kind_to_string(PolicyKind kind) {
        return kind >= 0 && kind < _POLICY_KIND_MAX ? policy_kinds[kind].name : "?";
}

size_t policy_n_keys(PolicyKind kind) {
        return _LIMIT_MAX + policy_kinds[kind].n_items;
}

const char *policy_key(PolicyKind kind, size_t i) {
        const PolicyKindInfo *info = &policy_kinds[kind];

        if (i < _LIMIT_MAX)
                return info->limits && !(info->unwanted & UINT32_C(1) << i) ? limits_table[i].key
                                                                            : NULL;
        return i < policy_n_keys(kind) ? info->items[i - _LIMIT_MAX].key : NULL;
}

int policy_key_index(PolicyKind kind, const char *key) {
        for (size_t i = 0; i < policy_n_keys(kind); i++) {
                const char *name = policy_key(kind, i);

                if (name && strcmp(name, key) == 0)
                        return i;
        }
        return -ENOENT;
}

int policy_key_parse(PolicyKind kind, size_t index, const char *text, const LimitsHost *host,
                     void *values) {
        const PolicyKindInfo *info = &policy_kinds[kind];

        if (index < _LIMIT_MAX)
                return limits_parse(limits_of(info, values), index, text, host);
        return parse_item(&info->items[index - _LIMIT_MAX], text, host, at(info, index, values));
}

void policy_key_copy(PolicyKind kind, size_t index, const void *src, void *dst) {
        const PolicyKindInfo *info = &policy_kinds[kind];

        if (index >= _LIMIT_MAX)
                memcpy(at(info, index, dst), at(info, index, src),
                       types[info->items[index - _LIMIT_MAX].type].size);
        else if (limits_has(limits_of(info, src), index))
                limits_copy_one(limits_of(info, dst), limits_of(info, src), index);
        else
                limits_unset(limits_of(info, dst), index);
}

void policy_key_reset(PolicyKind kind, size_t index, void *values) {
        const PolicyKindInfo *info = &policy_kinds[kind];

        if (index >= _LIMIT_MAX) {
                PolicyType type = info->items[index - _LIMIT_MAX].type;

                if (type == POLICY_TYPE_TEXT)
                        free(*(char **) at(info, index, values));
                else if (type == POLICY_TYPE_LIST)
                        policy_list_done(at(info, index, values));
        }
        policy_key_copy(kind, index, info->defaults, values);
}

const char *policy_key_example(PolicyKind kind, size_t index) {
        return index < _LIMIT_MAX
                       ? limits_example(index)
                       : types[policy_kinds[kind].items[index - _LIMIT_MAX].type].example;
}
