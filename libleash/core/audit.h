/* SPDX-License-Identifier: MIT */
/* What is wrong with an xrdp server that many people share: from the texts of its files to
 * findings.
 *
 * Each rule is a row: a stable id, how bad it is, why, and the remedy. An id never changes its
 * meaning. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/macro.h"

/* The numbers are exit statuses of monitoring plugins, but for the note's. */
typedef enum AuditLevel {
        AUDIT_NOTE,     /* for what one may want, and may not */
        AUDIT_WARNING,  /* somebody will be hurt by it some day */
        AUDIT_CRITICAL, /* open, or losing people's work */
        AUDIT_UNKNOWN,  /* it could not be looked at, which is never good */
        _AUDIT_LEVEL_MAX,
} AuditLevel;

const char *audit_level_to_string(AuditLevel level);

typedef struct AuditText {
        char *path;
        char *text; /* NULL if it is there and could not be read */
} AuditText;

/* A file whose contents are nobody's business here. */
typedef struct AuditFile {
        bool known;  /* it could be looked for */
        bool exists; /* behind all links */
        bool world_readable, unreadable_to_xrdp;
        char target[256]; /* what a link leads to; "" if it is none */
} AuditFile;

typedef struct AuditInput {
        const AuditText *texts;
        size_t n_texts;
        /* Whether NSS knows a group; facts about a file. */
        bool (*group_exists)(const char *name, void *userdata);
        AuditFile (*look)(const char *path, void *userdata);
        void *userdata;
} AuditInput;

typedef struct AuditRule AuditRule;

struct AuditRule {
        const char *id;
        AuditLevel level;
        /* What is wrong if a key has such a value, or is not there and has this one by default...
         */
        const char *file, *section, *key, *otherwise;
        bool (*is_bad)(const char *value);
        /* ... or else what looks for itself. */
        void (*check)(const AuditRule *rule, void *audit);
        const char *detail; /* what the check is to look for */
        const char *why, *remedy;
};

#define AUDIT_FOUND_MAX 320

typedef struct AuditFinding {
        const AuditRule *rule;
        const char *file;            /* the text's path, or the rule's; NULL for none */
        unsigned line;               /* 0 for the whole file */
        char found[AUDIT_FOUND_MAX]; /* escape before showing: it quotes the file */
} AuditFinding;

#define AUDIT_FINDINGS_MAX 256

/* Applies all rules. Returns how many findings there are, in the order of the table. */
size_t audit_run(const AuditInput *input, AuditFinding ret[static AUDIT_FINDINGS_MAX]);

/* The worst that a monitoring system is to see: critical, else unknown, else warning, else note. */
AuditLevel audit_worst(const AuditFinding *findings, size_t n);

/* The rules, for documents and their checks. */
const AuditRule *audit_rule(size_t i);
