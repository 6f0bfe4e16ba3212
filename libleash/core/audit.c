/* SPDX-License-Identifier: MIT */
/* What is wrong with an xrdp server that many people share. The rules are in
 * auditxrdp.c and audithost.c. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/auditrules.h"
#include "core/xrdpconf.h"

const char *audit_level_to_string(AuditLevel level) {
        static const char *const names[_AUDIT_LEVEL_MAX] = {
                [AUDIT_NOTE] = "note",
                [AUDIT_WARNING] = "warning",
                [AUDIT_CRITICAL] = "critical",
                [AUDIT_UNKNOWN] = "unknown",
        };

        return names[level];
}

const AuditText *audit_text(const Audit *a, const char *path) {
        for (size_t i = 0; i < a->input->n_texts; i++)
                if (strcmp(a->input->texts[i].path, path) == 0)
                        return &a->input->texts[i];
        return NULL;
}

void audit_find(Audit *a, const AuditRule *rule, const char *file, unsigned line,
                const char *format, ...) {
        AuditFinding *f = &a->findings[a->n];
        va_list ap;

        if (a->n == AUDIT_FINDINGS_MAX)
                return;
        *f = (AuditFinding){ .rule = rule, .file = file ?: rule->file, .line = line };
        va_start(ap, format);
        (void) vsnprintf(f->found, sizeof(f->found), format, ap);
        va_end(ap);
        a->n++;
}

/* A file that is missing has a finding of its own. */
static void check_key(Audit *a, const AuditRule *rule) {
        const AuditText *text = audit_text(a, rule->file);
        XrdpconfValue value;
        bool there;

        if (!text || !text->text)
                return;
        there = xrdpconf_find(text->text, rule->section, rule->key, &value);
        if (!there && !rule->otherwise)
                return;
        if (!rule->is_bad(there ? value.text : rule->otherwise))
                return;
        if (there)
                audit_find(a, rule, text->path, value.line, "%s=%s", rule->key, value.text);
        else
                audit_find(a, rule, text->path, value.line, "%s is not set, which is %s", rule->key,
                           rule->otherwise[0] ? rule->otherwise : "empty");
}

static const char *pam_file(const char *path, const char **ret_path, void *userdata) {
        const AuditText *text = audit_text(userdata, path);

        if (!text || !text->text)
                return NULL;
        *ret_path = text->path;
        return text->text;
}

const AuditRule *audit_rule(size_t i) {
        size_t n = 0;

        while (auditxrdp_rule(n))
                n++;
        return i < n ? auditxrdp_rule(i) : audithost_rule(i - n);
}

size_t audit_run(const AuditInput *input, AuditFinding ret[static AUDIT_FINDINGS_MAX]) {
        Audit a = { .input = input, .findings = ret };
        const AuditRule *rule;

        a.n_pam = pamstack_read("xrdp-sesman", pam_file, &a, a.pam);
        for (size_t i = 0; (rule = audit_rule(i)); i++) {
                if (rule->check)
                        rule->check(rule, &a);
                else
                        check_key(&a, rule);
        }
        return a.n;
}

AuditLevel audit_worst(const AuditFinding *findings, size_t n) {
        static const int rank[_AUDIT_LEVEL_MAX] = {
                [AUDIT_WARNING] = 1,
                [AUDIT_UNKNOWN] = 2,
                [AUDIT_CRITICAL] = 3,
        };
        AuditLevel worst = AUDIT_NOTE;

        for (size_t i = 0; i < n; i++)
                if (rank[findings[i].rule->level] > rank[worst])
                        worst = findings[i].rule->level;
        return worst;
}
