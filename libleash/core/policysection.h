/* SPDX-License-Identifier: MIT */
/* The inside of a Policy: for the two files that make it, the one that reads and the one that
 * decides. */
#pragma once

#include "core/policykeys.h"

/* Lists that choose sessions. */
typedef enum PolicyMatch {
        POLICY_MATCH_USER,
        POLICY_MATCH_GROUP,
        POLICY_MATCH_SERVICE,
        POLICY_MATCH_CLASS,
        POLICY_MATCH_TYPE,
        POLICY_MATCH_REMOTE,
        POLICY_MATCH_HOST,
        _POLICY_MATCH_MAX,
} PolicyMatch;

typedef struct PolicyMatchInfo {
        const char *key;
        size_t fact; /* offset in PolicyFacts of the one word it is compared with */
        bool glob;
} PolicyMatchInfo;

extern const PolicyMatchInfo policy_matches[_POLICY_MATCH_MAX];

#define POLICY_MATCH_UID_MIN "match-uid-min"

typedef struct PolicySection {
        PolicyKind kind;
        char *name;
        const char *file; /* where it begins; borrowed from the policy */
        unsigned line;
        bool broken; /* what it matches could not be read: applies to nobody */
        PolicyList lists[_POLICY_MATCH_MAX];
        uid_t uid_min;
        uint32_t said;        /* keys that it sets or takes back, by index */
        PolicyValues *values; /* the kind's struct */
} PolicySection;

struct Policy {
        LimitsHost host;
        char **files;
        size_t n_files;
        PolicySection **sections; /* as they came */
        PolicySection **by_name;  /* the same, sorted: a file of nothing but heads is read fast */
        size_t n_sections;
        PolicyError errors[POLICY_ERRORS_MAX];
        size_t n_errors, n_all_errors;
        bool unread;
};

PolicySection *policy_section_free(PolicySection *s);
DEFINE_CLEANUP(PolicySection *, policy_section_free);
