/* SPDX-License-Identifier: MIT */
/* Between core/audit, which goes through the rules, and the rules: what a check has to work with.
 */
#pragma once

#include "core/audit.h"
#include "core/pamstack.h"

typedef struct Audit {
        const AuditInput *input;
        PamstackLine pam[PAMSTACK_LINES_MAX]; /* xrdp's stack */
        size_t n_pam;
        AuditFinding *findings;
        size_t n;
} Audit;

/* NULL if there is no such file. */
const AuditText *audit_text(const Audit *a, const char *path);

/* `file` NULL: the rule's. */
void audit_find(Audit *a, const AuditRule *rule, const char *file, unsigned line,
                const char *format, ...) _printf_(5, 6);

/* The rules, in two tables. NULL beyond the last. */
const AuditRule *auditxrdp_rule(size_t i);
const AuditRule *audithost_rule(size_t i);
