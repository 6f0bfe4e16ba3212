/* SPDX-License-Identifier: MIT */
/* The audit: nothing to say of a sound server, and of each thing that is wrong exactly that, with
 * its line. */

#define _GNU_SOURCE
#include "harness.h"

#include <stdlib.h>

#include "core/audit.h"

#define SESMAN "/etc/xrdp/sesman.ini"
#define XRDP "/etc/xrdp/xrdp.ini"
#define STACK "/etc/pam.d/xrdp-sesman"
#define SESSION "/etc/pam.d/common-session"
#define POLICY "/etc/leash/leash.conf"
#define RULES "/etc/polkit-1/rules.d/50-remote.rules"
#define LOGIND "/etc/systemd/logind.conf"
#define COLOR_ACTIONS "/usr/share/polkit-1/actions/org.freedesktop.color.policy"

static const struct {
        const char *path, *text;
} sound[] = {
        { SESMAN,
          "[Globals]\nEnableUserWindowManager=false\n[Security]\nAllowRootLogin=false\n"
          "TerminalServerUsers=students\nAlwaysGroupCheck=false\n[Sessions]\nMaxSessions=50\n"
          "KillDisconnected=false\nDisconnectedTimeLimit=0\nIdleTimeLimit=0\nPolicy=Default\n" },
        { XRDP,
          "[Globals]\nfork=true\ntcp_keepalive=true\nsecurity_layer=tls\ncrypt_level=high\n"
          "certificate=/etc/pki/desk.crt\nkey_file=/etc/pki/desk.key\n"
          "ssl_protocols=TLSv1.2, TLSv1.3\n[Xorg]\nlib=libxup.so\nusername=ask\npassword=ask\n" },
        { STACK,
          "#%PAM-1.0\nauth required pam_env.so\n@include common-session\n"
          "account required pam_leash.so\n" },
        { SESSION,
          "session required pam_unix.so\nsession optional pam_leash.so\n"
          "session optional pam_systemd.so\n" },
        { POLICY,
          "[limits all]\ncpu-quota=100%\n[state away]\nwhen=disconnected\n[lock all]\n"
          "locker=xsecurelock --now\n" },
        { RULES,
          "polkit.addRule(function (action, subject) {\n"
          "  // org.freedesktop.packagekit is none of ours\n"
          "  if (action.id.indexOf(\"org.freedesktop.color-manager.\") == 0 && !subject.active)\n"
          "    return polkit.Result.NO;\n"
          "  if (action.id.indexOf(\"org.freedesktop.NetworkManager.\") == 0 && !subject.active)\n"
          "    return polkit.Result.NO;\n"
          "  if (subject.isInGroup(\"staff\")) return polkit.Result.YES;\n});\n" },
        { LOGIND, "[Login]\n#StopIdleSessionSec=1h\n" },
};

/* What the host has. */
typedef struct Host {
        const char *gone, *there, *link_to, *open, *closed;
        bool no_groups;
} Host;

static bool group_exists(const char *name, void *userdata) {
        const Host *h = userdata;

        return !h->no_groups && strcmp(name, "students") == 0;
}

static AuditFile look(const char *path, void *userdata) {
        static const char *const files[] = { "/etc/pki/desk.crt", "/etc/pki/desk.key",
                                             "/usr/bin/xsecurelock", COLOR_ACTIONS };
        const Host *h = userdata;
        AuditFile f = { .known = true };

        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                f.exists |= strcmp(path, files[i]) == 0;
        if (h->there && strcmp(path, h->there) == 0)
                f.exists = true;
        if (h->gone && strcmp(path, h->gone) == 0)
                f.exists = false;
        f.world_readable = h->open && strcmp(path, h->open) == 0;
        f.unreadable_to_xrdp = h->closed && strcmp(path, h->closed) == 0;
        if (h->link_to)
                (void) snprintf(f.target, sizeof(f.target), "%s", h->link_to);
        return f;
}

/* The sound server with `from` replaced by `to` in one file; all of the file where from is NULL;
 * the file is gone where both are. */
static size_t run(const char *file, const char *from, const char *to, const Host *host,
                  AuditFinding *ret, AuditText *texts) {
        AuditInput input = {
                .texts = texts,
                .group_exists = group_exists,
                .look = look,
                .userdata = (void *) host,
        };

        for (size_t i = 0; i < ELEMENTSOF(sound); i++) {
                const char *at = NULL, *text = sound[i].text;
                AuditText *t = &texts[input.n_texts];

                if (file && strcmp(file, sound[i].path) == 0) {
                        if (!from && !to)
                                continue;
                        if (from) {
                                at = strstr(text, from);
                                if (!at)
                                        fail_msg("'%s' is not in %s", from, file);
                        }
                }
                t->path = strdup(sound[i].path);
                if (at)
                        assert_true(asprintf(&t->text, "%.*s%s%s", (int) (at - text), text, to,
                                             at + strlen(from)) > 0);
                else
                        t->text = strdup(file && !from && strcmp(file, sound[i].path) == 0 ? to
                                                                                           : text);
                input.n_texts++;
        }
        return audit_run(&input, ret);
}

static void drop(AuditText *texts) {
        for (size_t i = 0; i < ELEMENTSOF(sound); i++) {
                free(texts[i].path);
                free(texts[i].text);
        }
}

static void test_a_sound_server(void **state) {
        static AuditFinding findings[AUDIT_FINDINGS_MAX];
        AuditText texts[ELEMENTSOF(sound)] = {};
        const Host host = {};
        size_t n;

        (void) state;
        n = run(NULL, NULL, NULL, &host, findings, texts);
        if (n > 0)
                fail_msg("%s: %s", findings[0].rule->id, findings[0].found);
        assert_int_equal(audit_worst(findings, n), AUDIT_NOTE);
        drop(texts);
}

/* file, from, to; the host; the one finding: its id, its level, where it is. */
typedef struct Row {
        const char *file, *from, *to;
        Host host;
        const char *id;
        AuditLevel level;
        const char *found_in;
        unsigned line;
} Row;

/* clang-format off */
static const Row rows[] = {
        { SESMAN, NULL, NULL, {}, "sesman-unreadable", AUDIT_UNKNOWN, SESMAN, 0 },
        { XRDP, NULL, NULL, {}, "xrdp-unreadable", AUDIT_UNKNOWN, XRDP, 0 },
        { SESMAN, "Disconnected=false", "Disconnected=Yes", {}, "sesman-kill-disconnected", AUDIT_CRITICAL, SESMAN, 9 },
        { SESMAN, "TimeLimit=0", "TimeLimit=600", {}, "sesman-disconnected-limit", AUDIT_WARNING, SESMAN, 10 },
        { SESMAN, "IdleTimeLimit=0", "IdleTimeLimit=600", {}, "sesman-idle-limit", AUDIT_WARNING, SESMAN, 11 },
        { SESMAN, "MaxSessions=50", "MaxSessions=0", {}, "sesman-max-sessions", AUDIT_WARNING, SESMAN, 8 },
        { SESMAN, "MaxSessions=50", "; MaxSessions=50", {}, "sesman-max-sessions", AUDIT_WARNING, SESMAN, 7 },
        { SESMAN, "Default", "UBDI", {}, "sesman-policy", AUDIT_WARNING, SESMAN, 12 },
        { SESMAN, "Default", "Separate", {}, "sesman-policy", AUDIT_WARNING, SESMAN, 12 },
        { SESMAN, "Login=false", "Login=1", {}, "sesman-root-login", AUDIT_CRITICAL, SESMAN, 4 },
        { SESMAN, "Users=students", "Users=nobodys", {}, "sesman-group", AUDIT_WARNING, SESMAN, 5 },
        { NULL, NULL, NULL, { .no_groups = true }, "sesman-group", AUDIT_WARNING, SESMAN, 5 },
        { SESMAN, "Manager=false", "Manager=true", {}, "sesman-user-wm", AUDIT_WARNING, SESMAN, 2 },
        { XRDP, "=tls", "=rdp", {}, "xrdp-security-rdp", AUDIT_CRITICAL, XRDP, 4 },
        { XRDP, "=tls", "=negotiate", {}, "xrdp-security-negotiate", AUDIT_WARNING, XRDP, 4 },
        { XRDP, "security_layer=tls\n", "", {}, "xrdp-security-negotiate", AUDIT_WARNING, XRDP, 1 },
        { XRDP, "=high", "=low", {}, "xrdp-crypt-level", AUDIT_CRITICAL, XRDP, 5 },
        { XRDP, "TLSv1.2", "TLSv1,TLSv1.2", {}, "xrdp-tls-old", AUDIT_WARNING, XRDP, 8 },
        { NULL, NULL, NULL, { .gone = "/etc/pki/desk.crt" }, "xrdp-certificate-missing", AUDIT_CRITICAL, XRDP, 6 },
        { NULL, NULL, NULL, { .gone = "/etc/pki/desk.key" }, "xrdp-key-missing", AUDIT_CRITICAL, XRDP, 7 },
        { XRDP, "certificate=/etc/pki/desk.crt", "certificate=", {}, "xrdp-certificate-missing", AUDIT_CRITICAL, XRDP, 6 },
        { NULL, NULL, NULL, { .link_to = "/etc/ssl/certs/ssl-cert-snakeoil.pem" }, "xrdp-certificate-default", AUDIT_WARNING, XRDP, 6 },
        { NULL, NULL, NULL, { .open = "/etc/pki/desk.key" }, "xrdp-key-open", AUDIT_CRITICAL, XRDP, 7 },
        { NULL, NULL, NULL, { .closed = "/etc/pki/desk.key" }, "xrdp-key-closed", AUDIT_CRITICAL, XRDP, 7 },
        { XRDP, "keepalive=true", "keepalive=false", {}, "xrdp-no-keepalive", AUDIT_WARNING, XRDP, 3 },
        { XRDP, "fork=true", "fork=no", {}, "xrdp-no-fork", AUDIT_CRITICAL, XRDP, 2 },
        { XRDP, "password=ask", "ip=ask3", {}, "xrdp-any-host", AUDIT_WARNING, XRDP, 12 },
        { XRDP, "password=ask", "password=secret", {}, "xrdp-password", AUDIT_CRITICAL, XRDP, 12 },
        { SESSION, "session optional pam_systemd.so\n", "", {}, "pam-systemd", AUDIT_CRITICAL, STACK, 0 },
        { SESSION, "session optional pam_leash.so\n", "", {}, "pam-leash", AUDIT_WARNING, STACK, 0 },
        { SESSION, "required pam_unix", "sufficient pam_unix", {}, "pam-order", AUDIT_WARNING, SESSION, 1 },
        { STACK, "auth required pam_env.so", "account [success=done default=ignore] pam_localuser.so", {}, "pam-order-account", AUDIT_WARNING, STACK, 2 },
        { STACK, "account required pam_leash.so\n", "", {}, "pam-drain", AUDIT_NOTE, STACK, 0 },
        { STACK, "account required", "# account required", {}, "pam-drain", AUDIT_NOTE, STACK, 0 },
        { RULES, "color-manager", "colour", {}, "polkit-color", AUDIT_WARNING, "/usr/share/polkit-1/actions/org.freedesktop.color.policy", 0 },
        { NULL, NULL, NULL, { .there = "/usr/share/polkit-1/actions/org.freedesktop.packagekit.policy" }, "polkit-packages", AUDIT_NOTE, "/usr/share/polkit-1/actions/org.freedesktop.packagekit.policy", 0 },
        { POLICY, "[limits all]", "[exempt all]", {}, "limits-none", AUDIT_WARNING, POLICY, 0 },
        { POLICY, "[state away]", "[exempt away]", {}, "state-none", AUDIT_NOTE, POLICY, 0 },
        { POLICY, "[lock all]", "[locks all]", {}, "locker-none", AUDIT_WARNING, POLICY, 0 },
        { POLICY, "locker=xsecurelock", "locker=/opt/lock", {}, "locker-missing", AUDIT_CRITICAL, POLICY, 6 },
        { NULL, NULL, NULL, { .there = "/etc/xdg/autostart/light-locker.desktop" }, "locker-light", AUDIT_WARNING, "/etc/xdg/autostart/light-locker.desktop", 0 },
        { LOGIND, "#Stop", "Stop", {}, "logind-stop-idle", AUDIT_WARNING, LOGIND, 2 },
        { RULES, NULL, "// color-manager NetworkManager\norg.freedesktop.color-manager\n"
                       "return polkit.Result.YES;\n", {}, "polkit-yes", AUDIT_WARNING, RULES, 3 },
};

/* clang-format on */

static void test_each_thing_that_is_wrong(void **state) {
        static AuditFinding findings[AUDIT_FINDINGS_MAX];

        (void) state;
        for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
                AuditText texts[ELEMENTSOF(sound)] = {};
                const Row *r = &rows[i];
                size_t n = run(r->file, r->from, r->to, &r->host, findings, texts);

                if (n != 1)
                        fail_msg("%s (row %zu): %zu findings, the last %s", r->id, i, n,
                                 n > 0 ? findings[n - 1].rule->id : "none");
                check_row(r->id, strcmp(findings[0].rule->id, r->id) == 0);
                check_row(r->id, findings[0].rule->level == r->level);
                check_row(r->id, strcmp(findings[0].file, r->found_in) == 0);
                if (findings[0].line != r->line)
                        fail_msg("%s: line %u", r->id, findings[0].line);
                check_row(r->id, findings[0].found[0] != '\0');
                check_row(r->id, !strstr(findings[0].found, "secret"));
                check_row(r->id, audit_worst(findings, n) == r->level);
                drop(texts);
        }
}

/* Nobody adds a rule without a row here, an id twice, or leaves out what to do. */
static void test_rules_are_whole(void **state) {
        const AuditRule *rule, *other;

        (void) state;
        for (size_t i = 0; (rule = audit_rule(i)); i++) {
                bool tried = strcmp(rule->id, "polkit-network") == 0 || /* as polkit-packages */
                             strcmp(rule->id, "pam-missing") == 0;      /* below */

                assert_true(rule->why && rule->remedy && rule->file);
                assert_true(!rule->check == !!rule->is_bad || rule->check);
                for (size_t k = 0; k < ELEMENTSOF(rows); k++)
                        tried |= strcmp(rows[k].id, rule->id) == 0;
                check_row(rule->id, tried);
                for (size_t k = i + 1; (other = audit_rule(k)); k++)
                        check_row(rule->id, strcmp(rule->id, other->id) != 0);
        }
}

static void test_a_host_without_anything(void **state) {
        static AuditFinding findings[AUDIT_FINDINGS_MAX];
        const Host host = {};
        const AuditInput input = { .group_exists = group_exists,
                                   .look = look,
                                   .userdata = (void *) &host };
        size_t n = audit_run(&input, findings);

        (void) state;
        assert_string_equal(findings[0].rule->id, "sesman-unreadable");
        assert_string_equal(findings[1].rule->id, "xrdp-unreadable");
        assert_string_equal(findings[2].rule->id, "pam-missing");
        assert_int_equal(audit_worst(findings, n), AUDIT_CRITICAL);
        assert_int_equal(audit_worst(findings, 2), AUDIT_UNKNOWN);
}

static void test_drop_ins_are_limits(void **state) {
        static AuditFinding findings[AUDIT_FINDINGS_MAX];
        const Host host = {};
        AuditText text = { (char *) "/etc/systemd/system/user-.slice.d/50.conf",
                           (char *) "[Slice]\nMemoryHigh=4G\n" };
        const AuditInput input = { .texts = &text,
                                   .n_texts = 1,
                                   .group_exists = group_exists,
                                   .look = look,
                                   .userdata = (void *) &host };
        size_t n = audit_run(&input, findings);

        (void) state;
        for (size_t i = 0; i < n; i++)
                assert_string_not_equal(findings[i].rule->id, "limits-none");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_sound_server),
                cmocka_unit_test(test_each_thing_that_is_wrong),
                cmocka_unit_test(test_rules_are_whole),
                cmocka_unit_test(test_a_host_without_anything),
                cmocka_unit_test(test_drop_ins_are_limits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
