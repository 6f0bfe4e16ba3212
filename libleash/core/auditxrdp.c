/* SPDX-License-Identifier: MIT */
/* The audit's rules about xrdp's own files. */

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/auditrules.h"
#include "core/xrdpconf.h"

#define SESMAN "/etc/xrdp/sesman.ini"
#define XRDP "/etc/xrdp/xrdp.ini"

/* ---- values ------------------------------------------------------------------------------------
 */

static bool is_yes(const char *v) {
        return xrdpconf_is_yes(v);
}

static bool is_no(const char *v) {
        return !xrdpconf_is_yes(v);
}

static bool is_positive(const char *v) {
        return xrdpconf_number(v) > 0;
}

static bool is_not_positive(const char *v) {
        return xrdpconf_number(v) <= 0;
}

/* Separate, or one that tells a user's connections apart by size or address; U and B are always in.
 */
static bool is_dividing(const char *v) {
        return strcasecmp(v, "Separate") == 0 ||
               (strcasecmp(v, "Default") != 0 && strpbrk(v, "DICdic") != NULL);
}

static bool is_rdp(const char *v) {
        return strcasecmp(v, "rdp") == 0;
}

static bool is_not_tls(const char *v) {
        return strcasecmp(v, "tls") != 0 && !is_rdp(v);
}

static bool is_weak_encryption(const char *v) {
        return strcasecmp(v, "none") == 0 || strcasecmp(v, "low") == 0 ||
               strcasecmp(v, "medium") == 0;
}

/* Words of a list: TLSv1 is one, the beginning of TLSv1.2 is none. */
static bool is_old_tls(const char *v) {
        static const char *const old[] = { "SSLv3", "TLSv1", "TLSv1.1" };

        while (*v) {
                size_t n = strcspn(v, ", ");

                for (size_t i = 0; i < ELEMENTSOF(old); i++)
                        if (n == strlen(old[i]) && strncasecmp(v, old[i], n) == 0)
                                return true;
                v += n;
                v += strspn(v, ", ");
        }
        return false;
}

static bool is_ask(const char *v) {
        return strncasecmp(v, "ask", 3) == 0;
}

static bool is_secret(const char *v) {
        return v[0] != '\0' && !is_ask(v) && strcasecmp(v, "na") != 0;
}

/* ---- what rows look for ------------------------------------------------------------------------
 */

static void check_readable(const AuditRule *rule, void *audit) {
        const AuditText *text = audit_text(audit, rule->file);

        if (!text)
                audit_find(audit, rule, NULL, 0, "it is not there");
        else if (!text->text)
                audit_find(audit, rule, NULL, 0, "it cannot be read");
}

static bool value_of(const Audit *a, const char *file, const char *section, const char *key,
                     XrdpconfValue *ret) {
        const AuditText *text = audit_text(a, file);

        *ret = (XrdpconfValue){};
        return text && text->text && xrdpconf_find(text->text, section, key, ret);
}

/* sesman_access.c: a group that NSS does not know lets everybody in. */
static void check_group(const AuditRule *rule, void *audit) {
        const Audit *a = audit;
        XrdpconfValue group, always;

        if (!value_of(a, SESMAN, "Security", "TerminalServerUsers", &group) ||
            group.text[0] == '\0' || a->input->group_exists(group.text, a->input->userdata))
                return;
        (void) value_of(a, SESMAN, "Security", "AlwaysGroupCheck", &always); /* no by default */
        if (!xrdpconf_is_yes(always.text))
                audit_find(audit, rule, NULL, group.line,
                           "TerminalServerUsers=%.100s: there is no such group", group.text);
}

static void check_time_limit(const AuditRule *rule, void *audit) {
        XrdpconfValue kill, limit;

        (void) value_of(audit, SESMAN, "Sessions", "KillDisconnected", &kill); /* no by default */
        if (value_of(audit, SESMAN, "Sessions", "DisconnectedTimeLimit", &limit) &&
            xrdpconf_number(limit.text) > 0 && !xrdpconf_is_yes(kill.text))
                audit_find(audit, rule, NULL, limit.line, "DisconnectedTimeLimit=%.100s",
                           limit.text);
}

typedef struct TlsFile {
        XrdpconfValue value;
        const char *path; /* in value, or a constant */
        AuditFile file;   /* not known where TLS is switched off */
} TlsFile;

/* The file that a key names, or the one that xrdp takes without. */
static void find_tls(const Audit *a, const AuditRule *rule, TlsFile *ret) {
        XrdpconfValue layer;

        *ret = (TlsFile){};
        ret->path = strcmp(rule->detail, "certificate") == 0 ? "/etc/xrdp/cert.pem"
                                                             : "/etc/xrdp/key.pem";
        if (value_of(a, XRDP, "Globals", rule->detail, &ret->value) && ret->value.text[0] == '/')
                ret->path = ret->value.text;
        if (!audit_text(a, XRDP) ||
            (value_of(a, XRDP, "Globals", "security_layer", &layer) && is_rdp(layer.text)))
                return;
        ret->file = a->input->look(ret->path, a->input->userdata);
}

static void check_tls_missing(const AuditRule *rule, void *audit) {
        TlsFile t;

        find_tls(audit, rule, &t);
        if (t.file.known && !t.file.exists)
                audit_find(audit, rule, NULL, t.value.line, "%s is not there", t.path);
}

static void check_default_certificate(const AuditRule *rule, void *audit) {
        TlsFile t;

        find_tls(audit, rule, &t);
        if (t.file.exists && (strstr(t.file.target, "snakeoil") || strstr(t.path, "snakeoil")))
                audit_find(audit, rule, NULL, t.value.line, "%s is the one made at installation",
                           t.path);
}

static void check_key_open(const AuditRule *rule, void *audit) {
        TlsFile t;

        find_tls(audit, rule, &t);
        if (t.file.exists && t.file.world_readable)
                audit_find(audit, rule, NULL, t.value.line, "%s can be read by everybody", t.path);
}

static void check_key_closed(const AuditRule *rule, void *audit) {
        TlsFile t;

        find_tls(audit, rule, &t);
        if (t.file.exists && t.file.unreadable_to_xrdp)
                audit_find(audit, rule, NULL, t.value.line, "%s: user xrdp cannot read it", t.path);
}

typedef struct Types {
        Audit *audit;
        const AuditRule *rule;
} Types;

/* A section with a lib= is a kind of session. What it says is not quoted: it may be a password. */
static void look_at_type(const char *section, void *userdata) {
        Types *t = userdata;
        XrdpconfValue lib, value;

        if (value_of(t->audit, XRDP, section, "lib", &lib) &&
            value_of(t->audit, XRDP, section, t->rule->key, &value) && t->rule->is_bad(value.text))
                audit_find(t->audit, t->rule, NULL, value.line, "%s= of [%s]", t->rule->key,
                           section);
}

static void check_types(const AuditRule *rule, void *audit) {
        const AuditText *text = audit_text(audit, XRDP);
        Types types = { .audit = audit, .rule = rule };

        if (text && text->text)
                xrdpconf_sections(text->text, look_at_type, &types);
}

/* ---- the rows ----------------------------------------------------------------------------------
 */

#define NO_TLS \
 "Without it there is no TLS: clients get RDP's own encryption, or with security_layer=tls nothing."

/* clang-format off */
static const AuditRule rules[] = {
        { .id = "sesman-unreadable", .level = AUDIT_UNKNOWN, .file = SESMAN, .check = check_readable,
          .why = "Nothing can be said of how sessions begin and end.",
          .remedy = "Run this where xrdp is, as somebody who may read the file." },
        { .id = "xrdp-unreadable", .level = AUDIT_UNKNOWN, .file = XRDP, .check = check_readable,
          .why = "Nothing can be said of how clients connect.",
          .remedy = "Run this where xrdp is, as somebody who may read the file." },

        { .id = "sesman-kill-disconnected", .level = AUDIT_CRITICAL, .file = SESMAN,
          .section = "Sessions", .key = "KillDisconnected", .otherwise = "no", .is_bad = is_yes,
          .why = "A network that fails for a minute ends the session: the X server ends itself, all programs die of "
                 "it, and nobody is warned. It does nothing for Xvnc.",
          .remedy = "KillDisconnected=false; leashd warns and ends: a [state] section, when=disconnected." },
        { .id = "sesman-disconnected-limit", .level = AUDIT_WARNING, .file = SESMAN, .check = check_time_limit,
          .why = "Some versions of xorgxrdp end sessions by it with KillDisconnected=false, too, without a warning.",
          .remedy = "DisconnectedTimeLimit=0, and a [state] section with end-after=." },
        { .id = "sesman-idle-limit", .level = AUDIT_WARNING, .file = SESMAN,
          .section = "Sessions", .key = "IdleTimeLimit", .otherwise = "0", .is_bad = is_positive,
          .why = "Who reads or watches and touches nothing is disconnected without a warning. It does nothing for Xvnc.",
          .remedy = "IdleTimeLimit=0; leash-lock locks idle screens, and warns before." },
        { .id = "sesman-max-sessions", .level = AUDIT_WARNING, .file = SESMAN,
          .section = "Sessions", .key = "MaxSessions", .otherwise = "0", .is_bad = is_not_positive,
          .why = "Nothing bounds how many sessions share the memory, and leash-agent cannot tell that the host is full.",
          .remedy = "MaxSessions= as many as the memory holds; disconnected ones count." },
        { .id = "sesman-policy", .level = AUDIT_WARNING, .file = SESMAN,
          .section = "Sessions", .key = "Policy", .otherwise = "Default", .is_bad = is_dividing,
          .why = "From another screen or address a user gets another session, and the one with their work stays behind.",
          .remedy = "Policy=Default." },
        { .id = "sesman-root-login", .level = AUDIT_CRITICAL, .file = SESMAN,
          .section = "Security", .key = "AllowRootLogin", .otherwise = "no", .is_bad = is_yes,
          .why = "root's password can be tried from everywhere, and a whole desktop run as root. The file is shipped so.",
          .remedy = "AllowRootLogin=false." },
        { .id = "sesman-group", .level = AUDIT_WARNING, .file = SESMAN, .check = check_group,
          .why = "A group that does not exist keeps nobody out; nor does one of a directory that does not answer.",
          .remedy = "AlwaysGroupCheck=true, or an empty TerminalServerUsers= if everybody is meant." },
        { .id = "sesman-user-wm", .level = AUDIT_WARNING, .file = SESMAN,
          .section = "Globals", .key = "EnableUserWindowManager", .otherwise = "no", .is_bad = is_yes,
          .why = "A startwm.sh in the home runs in the place of the system's: what that sees to is each user's to skip.",
          .remedy = "EnableUserWindowManager=false." },

        { .id = "xrdp-security-rdp", .level = AUDIT_CRITICAL, .file = XRDP,
          .section = "Globals", .key = "security_layer", .is_bad = is_rdp,
          .why = "RDP's own encryption is RC4, and nothing proves which server it is: whoever sits in between reads "
                 "passwords.",
          .remedy = "security_layer=tls." },
        { .id = "xrdp-security-negotiate", .level = AUDIT_WARNING, .file = XRDP,
          .section = "Globals", .key = "security_layer", .otherwise = "negotiate", .is_bad = is_not_tls,
          .why = "Whoever sits in between can have both sides agree on RDP's own encryption, which is as good as none.",
          .remedy = "security_layer=tls." },
        { .id = "xrdp-crypt-level", .level = AUDIT_CRITICAL, .file = XRDP,
          .section = "Globals", .key = "crypt_level", .is_bad = is_weak_encryption,
          .why = "Where TLS is not agreed upon, keys of 40 or 56 bits, or none at all, protect what is typed.",
          .remedy = "crypt_level=high, and security_layer=tls." },
        { .id = "xrdp-tls-old", .level = AUDIT_WARNING, .file = XRDP,
          .section = "Globals", .key = "ssl_protocols", .is_bad = is_old_tls,
          .why = "SSLv3, TLS 1.0 and 1.1 are not to be used any more (RFC 7568, RFC 8996).",
          .remedy = "ssl_protocols=TLSv1.2, TLSv1.3." },
        { .id = "xrdp-certificate-missing", .level = AUDIT_CRITICAL, .file = XRDP, .check = check_tls_missing,
          .detail = "certificate", .why = NO_TLS, .remedy = "certificate= and key_file= of this host." },
        { .id = "xrdp-key-missing", .level = AUDIT_CRITICAL, .file = XRDP, .check = check_tls_missing,
          .detail = "key_file", .why = NO_TLS, .remedy = "certificate= and key_file= of this host." },
        { .id = "xrdp-certificate-default", .level = AUDIT_WARNING, .file = XRDP, .check = check_default_certificate,
          .detail = "certificate",
          .why = "Nobody vouches for it. Users learn to click the warning away, and will for an attacker's.",
          .remedy = "A certificate that clients trust, in certificate= and key_file=." },
        { .id = "xrdp-key-open", .level = AUDIT_CRITICAL, .file = XRDP, .check = check_key_open, .detail = "key_file",
          .why = "Every user of the host can take the key, and be this server to all others.",
          .remedy = "A new key, with mode 640 and a group that xrdp is in." },
        { .id = "xrdp-key-closed", .level = AUDIT_CRITICAL, .file = XRDP, .check = check_key_closed,
          .detail = "key_file", .why = NO_TLS, .remedy = "Debian: adduser xrdp ssl-cert, and restart xrdp." },
        { .id = "xrdp-no-keepalive", .level = AUDIT_WARNING, .file = XRDP,
          .section = "Globals", .key = "tcp_keepalive", .otherwise = "no", .is_bad = is_no,
          .why = "A client whose network has gone looks connected for ever: its session is never squeezed or ended.",
          .remedy = "tcp_keepalive=true; sysctl net.ipv4.tcp_keepalive_time=300 makes minutes of hours." },
        { .id = "xrdp-no-fork", .level = AUDIT_CRITICAL, .file = XRDP,
          .section = "Globals", .key = "fork", .otherwise = "yes", .is_bad = is_no,
          .why = "One process serves all clients: who crashes it throws all of them out.",
          .remedy = "fork=true." },
        { .id = "xrdp-any-host", .level = AUDIT_WARNING, .file = XRDP, .check = check_types,
          .key = "ip", .is_bad = is_ask,
          .why = "Whoever reaches this host can have it connect to any other: a way around the firewall.",
          .remedy = "Remove the section, or give it a fixed ip=." },
        { .id = "xrdp-password", .level = AUDIT_CRITICAL, .file = XRDP, .check = check_types,
          .key = "password", .is_bad = is_secret,
          .why = "The password stands in a file that everybody can read, and lets in whoever connects.",
          .remedy = "password=ask; then change that password." },
};
/* clang-format on */

const AuditRule *auditxrdp_rule(size_t i) {
        return i < ELEMENTSOF(rules) ? &rules[i] : NULL;
}
