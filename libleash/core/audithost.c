/* SPDX-License-Identifier: MIT */
/* The audit's rules about the host around xrdp: PAM, polkit, limits, lockers, logind. */

#define _GNU_SOURCE
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/auditrules.h"
#include "core/xrdpconf.h"

#define PAM "/etc/pam.d/xrdp-sesman"
#define POLICY "/etc/leash/leash.conf"
#define ACTIONS "/usr/share/polkit-1/actions/org.freedesktop."

/* ---- PAM ---------------------------------------------------------------------------------------
 */

static void check_stack(const AuditRule *rule, void *audit) {
        if (!audit_text(audit, rule->file))
                audit_find(audit, rule, NULL, 0, "it is not there");
}

static void check_module(const AuditRule *rule, void *audit) {
        const Audit *a = audit;

        if (a->n_pam == 0) /* which another row tells */
                return;
        for (size_t i = 0; i < a->n_pam; i++)
                if (strcmp(a->pam[i].type, rule->section) == 0 &&
                    strcmp(a->pam[i].module, rule->detail) == 0)
                        return;
        audit_find(audit, rule, NULL, 0, "no %s line has %s", rule->section, rule->detail);
}

static bool ends_stack(const PamstackLine *l) {
        return strcmp(l->control, "sufficient") == 0 || strstr(l->control, "success=done");
}

static bool is_wanted(const PamstackLine *l) {
        return strcmp(l->module, "pam_leash.so") == 0 || strcmp(l->module, "pam_systemd.so") == 0;
}

static void check_order(const AuditRule *rule, void *audit) {
        const PamstackLine *end = NULL;
        const Audit *a = audit;

        for (size_t i = 0; i < a->n_pam; i++) {
                const PamstackLine *l = &a->pam[i];

                if (strcmp(l->type, rule->section) != 0)
                        continue;
                if (end && is_wanted(l)) {
                        audit_find(audit, rule, end->file, end->line,
                                   "%.40s %.60s ends the stack before %s of %.80s:%u", end->control,
                                   end->module, l->module, l->file, l->line);
                        return;
                }
                if (!end && ends_stack(l))
                        end = l;
        }
}

/* ---- polkit ------------------------------------------------------------------------------------
 */

/* The line of a word outside of comments; 0 if it is not there. */
static unsigned line_of(const char *text, const char *word) {
        unsigned number = 0;

        while (*text != '\0') {
                const char *end = strchr(text, '\n'), *at = text, *found;

                if (!end)
                        end = text + strlen(text);
                number++;
                while (at < end && isspace((unsigned char) *at))
                        at++;
                found = *at == '#' || *at == ';' || *at == '*' || strncmp(at, "//", 2) == 0
                                ? NULL
                                : memmem(at, (size_t) (end - at), word, strlen(word));
                if (found)
                        return number;
                text = *end ? end + 1 : end;
        }
        return 0;
}

static const char *polkit_text(const AuditText *t) {
        return strstr(t->path, "/polkit-1/") ? t->text : NULL;
}

static void check_prompts(const AuditRule *rule, void *audit) {
        const Audit *a = audit;

        if (!a->input->look(rule->file, a->input->userdata).exists)
                return;
        for (size_t i = 0; i < a->input->n_texts; i++) {
                const char *text = polkit_text(&a->input->texts[i]);

                if (text && line_of(text, rule->detail) > 0)
                        return;
        }
        audit_find(audit, rule, NULL, 0, "no rule is about %s", rule->detail);
}

static void check_yes(const AuditRule *rule, void *audit) {
        const Audit *a = audit;

        for (size_t i = 0; i < a->input->n_texts; i++) {
                const AuditText *t = &a->input->texts[i];
                const char *text = polkit_text(t);
                unsigned line;

                if (!text)
                        continue;
                line = line_of(text, "polkit.Result.YES");
                if (line > 0 && line_of(text, "subject.") == 0)
                        audit_find(audit, rule, t->path, line,
                                   "polkit.Result.YES, and nothing in the file asks for whom");
                line = line_of(text, "ResultAny=yes");
                if (line > 0)
                        audit_find(audit, rule, t->path, line, "ResultAny=yes");
        }
}

/* ---- leash's policy ----------------------------------------------------------------------------
 */

typedef struct Sections {
        Audit *audit;
        const AuditRule *rule;
        const AuditText *text;
        const char *kind;
        size_t n;
} Sections;

static bool is_of_kind(const char *section, const char *kind) {
        size_t n = strlen(kind);

        return strncmp(section, kind, n) == 0 && (section[n] == ' ' || section[n] == '\0');
}

/* Each section of all files of the policy. */
static void each_section(Sections *s, void (*found)(const char *section, void *userdata)) {
        for (size_t i = 0; i < s->audit->input->n_texts; i++) {
                const AuditText *t = &s->audit->input->texts[i];

                if (!t->text || strncmp(t->path, POLICY, strlen(POLICY)) != 0)
                        continue;
                s->text = t;
                xrdpconf_sections(t->text, found, s);
        }
}

static void count_section(const char *section, void *userdata) {
        Sections *s = userdata;

        s->n += is_of_kind(section, s->kind);
}

static void check_section(const AuditRule *rule, void *audit) {
        Sections s = { .audit = audit, .kind = rule->detail };

        each_section(&s, count_section);
        if (s.n == 0)
                audit_find(audit, rule, NULL, 0, "no [%s] section", rule->detail);
}

/* An admin's own drop-ins for all users' slices are limits as well. */
static bool has_slice_limits(const Audit *a) {
        static const char *const keys[] = { "CPUQuota", "MemoryMax", "MemoryHigh", "TasksMax" };

        for (size_t i = 0; i < a->input->n_texts; i++) {
                const AuditText *t = &a->input->texts[i];

                for (size_t k = 0; k < ELEMENTSOF(keys); k++)
                        if (t->text && strstr(t->path, "/user-.slice.d/") &&
                            line_of(t->text, keys[k]) > 0)
                                return true;
        }
        return false;
}

static void check_limits(const AuditRule *rule, void *audit) {
        if (!has_slice_limits(audit))
                check_section(rule, audit);
}

static void look_at_locker(const char *section, void *userdata) {
        Sections *s = userdata;
        const AuditInput *input = s->audit->input;
        char path[XRDPCONF_VALUE_MAX + 16];
        XrdpconfValue value;
        AuditFile file;

        if (!is_of_kind(section, "lock") ||
            !xrdpconf_find(s->text->text, section, "locker", &value) || value.text[0] == '\0')
                return;
        value.text[strcspn(value.text, " \t")] = '\0';
        (void) snprintf(path, sizeof(path), "%s%s", value.text[0] == '/' ? "" : "/usr/bin/",
                        value.text);
        file = input->look(path, input->userdata);
        if (file.known && !file.exists)
                audit_find(s->audit, s->rule, s->text->path, value.line, "%s is not there", path);
}

static void check_locker(const AuditRule *rule, void *audit) {
        Sections s = { .audit = audit, .rule = rule };

        each_section(&s, look_at_locker);
}

static void check_there(const AuditRule *rule, void *audit) {
        const Audit *a = audit;

        if (a->input->look(rule->file, a->input->userdata).exists)
                audit_find(audit, rule, NULL, 0, "it is there");
}

/* ---- logind ------------------------------------------------------------------------------------
 */

static void check_logind(const AuditRule *rule, void *audit) {
        const Audit *a = audit;

        for (size_t i = 0; i < a->input->n_texts; i++) {
                const AuditText *t = &a->input->texts[i];
                XrdpconfValue value;

                if (t->text && strstr(t->path, "/systemd/logind.conf") &&
                    xrdpconf_find(t->text, rule->section, rule->key, &value) &&
                    value.text[0] != '\0' && strcasecmp(value.text, "infinity") != 0)
                        audit_find(audit, rule, t->path, value.line, "%s=%.100s", rule->key,
                                   value.text);
        }
}

/* ---- the rows ----------------------------------------------------------------------------------
 */

#define NOT_ACTIVE "To polkit a remote session is not active, so "

/* clang-format off */
static const AuditRule rules[] = {
        { .id = "pam-missing", .level = AUDIT_CRITICAL, .file = PAM, .check = check_stack,
          .why = "xrdp falls back to the service gdm, whose stack is made for a greeter.",
          .remedy = "The file as xrdp ships it." },
        { .id = "pam-systemd", .level = AUDIT_CRITICAL, .file = PAM, .section = "session", .check = check_module,
          .detail = "pam_systemd.so",
          .why = "logind knows nothing of these sessions: no limit holds, and what they leave running is nobody's.",
          .remedy = "session required pam_systemd.so; Debian: pam-auth-update --enable systemd." },
        { .id = "pam-leash", .level = AUDIT_WARNING, .file = PAM, .section = "session", .check = check_module,
          .detail = "pam_leash.so",
          .why = "Logins start without the policy's limits.",
          .remedy = "session optional pam_leash.so; Debian: pam-auth-update --enable leash." },
        { .id = "pam-order", .level = AUDIT_WARNING, .file = PAM, .section = "session", .check = check_order,
          .why = "What comes after a line that ends the stack is not reached.",
          .remedy = "The modules before that line, or another word than sufficient." },
        { .id = "pam-order-account", .level = AUDIT_WARNING, .file = PAM, .section = "account", .check = check_order,
          .why = "What comes after a line that ends the stack is not reached: leash-xrdp drain refuses nobody.",
          .remedy = "pam_leash.so before that line." },
        { .id = "pam-drain", .level = AUDIT_NOTE, .file = PAM, .section = "account", .check = check_module,
          .detail = "pam_leash.so",
          .why = "leash-xrdp drain refuses nobody here; leash-agent sends newcomers elsewhere all the same.",
          .remedy = "account required pam_leash.so, if hosts are to be emptied; see pam_leash(8)." },

        { .id = "polkit-color", .level = AUDIT_WARNING, .file = ACTIONS "color.policy", .check = check_prompts,
          .detail = "org.freedesktop.color-manager",
          .why = NOT_ACTIVE "users are asked for an administrator's password for a color managed device, at each login.",
          .remedy = "A rule that answers polkit.Result.NO unless subject.active." },
        { .id = "polkit-network", .level = AUDIT_NOTE, .file = ACTIONS "NetworkManager.policy", .check = check_prompts,
          .detail = "org.freedesktop.NetworkManager",
          .why = NOT_ACTIVE "the network applet asks for an administrator's password.",
          .remedy = "A rule that answers polkit.Result.NO unless subject.active." },
        { .id = "polkit-packages", .level = AUDIT_NOTE, .file = ACTIONS "packagekit.policy", .check = check_prompts,
          .detail = "org.freedesktop.packagekit",
          .why = NOT_ACTIVE "the update notifier asks for an administrator's password.",
          .remedy = "A rule that answers polkit.Result.NO unless subject.active." },
        { .id = "polkit-yes", .level = AUDIT_WARNING, .file = "/etc/polkit-1/rules.d", .check = check_yes,
          .why = "It allows the action to every user: often a recipe against prompts, taken as it was.",
          .remedy = "Ask for subject.active, subject.local or a group; against prompts polkit.Result.NO." },

        { .id = "limits-none", .level = AUDIT_WARNING, .file = POLICY, .check = check_limits, .detail = "limits",
          .why = "One user's runaway process takes the CPUs and the memory of everybody.",
          .remedy = "A [limits] section, see leash.conf(5), or drop-ins for user-.slice." },
        { .id = "state-none", .level = AUDIT_NOTE, .file = POLICY, .check = check_section, .detail = "state",
          .why = "Sessions that nobody comes back to stay, use what they use, and take places.",
          .remedy = "A [state] section with when=disconnected, and leashd." },

        { .id = "locker-none", .level = AUDIT_WARNING, .file = POLICY, .check = check_section, .detail = "lock",
          .why = "A desktop that somebody has left, on a screen that others walk by, is open.",
          .remedy = "A [lock] section, and leash-lock." },
        { .id = "locker-missing", .level = AUDIT_CRITICAL, .file = POLICY, .check = check_locker,
          .why = "A screen that is to be locked gets leash-lock's cover, which nobody can open.",
          .remedy = "Install it, or name another." },
        { .id = "locker-light", .level = AUDIT_WARNING, .file = "/etc/xdg/autostart/light-locker.desktop",
          .check = check_there,
          .why = "light-locker wants lightdm and a virtual terminal: in xrdp it leaves a black screen.",
          .remedy = "Remove light-locker; leash-lock with xsecurelock or i3lock works." },

        { .id = "logind-stop-idle", .level = AUDIT_WARNING, .file = "/etc/systemd/logind.conf", .section = "Login",
          .key = "StopIdleSessionSec", .check = check_logind,
          .why = "A session that says it is idle at the wrong moment is stopped, however short it was, without a warning.",
          .remedy = "Unset it; a [state] section with when=idle warns before end-after=." },
};
/* clang-format on */

const AuditRule *audithost_rule(size_t i) {
        return i < ELEMENTSOF(rules) ? &rules[i] : NULL;
}
