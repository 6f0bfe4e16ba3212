/* SPDX-License-Identifier: MIT */
/* The keys of the policy: one table of kinds, one table of keys for each, how each value is read.
 */
#pragma once

#include "core/policy.h"

typedef enum PolicyType {
        POLICY_TYPE_TIME,    /* usec_t */
        POLICY_TYPE_PERCENT, /* unsigned, hundredths of a percent */
        POLICY_TYPE_STEPS,   /* PolicySteps */
        POLICY_TYPE_TEXT,    /* char *, owned */
        POLICY_TYPE_LIST,    /* PolicyList, owned */
        POLICY_TYPE_BOOLEAN, /* bool */
        POLICY_TYPE_WHEN,    /* PolicyWhen */
        POLICY_TYPE_ON_DISCONNECT,
        POLICY_TYPE_MODE,
        POLICY_TYPE_NUMBER, /* unsigned */
        POLICY_TYPE_WHEN_FULL,
        POLICY_TYPE_LEFTOVER,
        _POLICY_TYPE_MAX,
} PolicyType;

/* One key of one kind, and the member of the kind's struct that it fills. */
typedef struct PolicyItem {
        const char *key;
        PolicyType type;
        size_t offset;
} PolicyItem;

/* Every kind's struct begins with its sources. */
typedef struct PolicyValues {
        PolicySource from[POLICY_KEYS_MAX];
} PolicyValues;

typedef struct PolicyExempt {
        PolicySource from[POLICY_KEYS_MAX];
        bool exempt;
} PolicyExempt;

typedef struct PolicyKindInfo {
        const char *name;
        size_t size;          /* of the kind's struct */
        const void *defaults; /* such a struct, without sources */
        size_t limits;        /* offset of a Limits in it; 0: the kind takes no limits */
        uint32_t unwanted;    /* limits that it does not take all the same, as bits */
        const PolicyItem *items;
        size_t n_items;
} PolicyKindInfo;

extern const PolicyKindInfo policy_kinds[_POLICY_KIND_MAX];

/* The key's index in PolicyValues.from; -ENOENT if the kind has no such key. */
int policy_key_index(PolicyKind kind, const char *key);

/* Reads a value that is not empty into the kind's struct; words are added to a list.
 * Returns 0; -EINVAL or -ERANGE for a bad value; -E2BIG for too long a list; -ENOMEM. */
int policy_key_parse(PolicyKind kind, size_t index, const char *text, const LimitsHost *host,
                     void *values);

/* Copies one value, without what it points to. */
void policy_key_copy(PolicyKind kind, size_t index, const void *src, void *dst);

/* Frees what one value owns, and puts the default in its place. */
void policy_key_reset(PolicyKind kind, size_t index, void *values);

/* What the key takes, for a message. */
const char *policy_key_example(PolicyKind kind, size_t index);

/* Adds the blank-separated words of a text. Returns 0; -E2BIG; -ENOMEM. */
int policy_list_add(PolicyList *l, const char *text);
void policy_list_done(PolicyList *l);
