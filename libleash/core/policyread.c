/* SPDX-License-Identifier: MIT */
/* Reading a policy's text.
 *
 * libinih splits a line into key and value. What distributions' builds of it do not tell is told by
 * the reader that hands it the lines: the number of a line (INI_HANDLER_LINENO is off), where a
 * section starts, even of a name that was there before, and every line that was not understood
 * rather than the first one. What depends on how it was built, or on variables that the program
 * around us may have set (continued lines, comments behind a value, colons), never gets there. */

#define _GNU_SOURCE
#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <string.h>

#include "core/array.h"
#include "core/parse.h"
#include "core/policysection.h"

typedef struct Reader {
        Policy *policy;
        const char *file;
        const char *at, *end;
        unsigned line;
        bool asked; /* the line handed over last has not led to a call: it was not understood */
        bool asked_match;       /* and it was to say whom the section applies to */
        PolicySection *section; /* NULL: what stands here belongs to nobody */
        bool headless;          /* no head of a section has come yet */
        int error;
} Reader;

#define complain(r, ...) note(r, policy_error((r)->policy, (r)->file, (r)->line, __VA_ARGS__))

static void note(Reader *r, int result) {
        if (result < 0 && r->error == 0)
                r->error = result;
}

static int compare_section(const PolicySection *s, PolicyKind kind, const char *name) {
        return s->kind != kind ? (int) s->kind - (int) kind : strcmp(s->name, name);
}

/* Where a section of that name stands in by_name, or belongs; *ret_found tells which. */
static size_t find_section(const Policy *p, PolicyKind kind, const char *name, bool *ret_found) {
        size_t at =
                ARRAY_LOWER_BOUND(p->n_sections, i, compare_section(p->by_name[i], kind, name) < 0);

        *ret_found = at < p->n_sections && compare_section(p->by_name[at], kind, name) == 0;
        return at;
}

static int make_room(Policy *p) {
        PolicySection ***arrays[] = { &p->sections, &p->by_name };

        for (size_t i = 0; i < ELEMENTSOF(arrays); i++) {
                PolicySection **more =
                        reallocarray(*arrays[i], p->n_sections + 1, sizeof(PolicySection *));

                if (!more)
                        return -ENOMEM;
                *arrays[i] = more;
        }
        return 0;
}

static int new_section(Reader *r, PolicyKind kind, const char *name, size_t at) {
        _cleanup_(policy_section_freep) PolicySection *s = calloc(1, sizeof(PolicySection));
        Policy *p = r->policy;

        if (!s || make_room(p) < 0)
                return -ENOMEM;
        *s = (PolicySection){ .kind = kind, .file = r->file, .line = r->line };
        s->name = strdup(name);
        s->values = malloc(policy_kinds[kind].size);
        if (s->values)
                memcpy(s->values, policy_kinds[kind].defaults, policy_kinds[kind].size);
        if (!s->name || !s->values)
                return -ENOMEM;
        memmove(p->by_name + at + 1, p->by_name + at,
                (p->n_sections - at) * sizeof(PolicySection *));
        p->by_name[at] = s;
        p->sections[p->n_sections++] = s;
        r->section = TAKE_PTR(s);
        return 0;
}

static PolicyKind kind_from_string(const char *name, size_t n) {
        for (PolicyKind i = 0; i < _POLICY_KIND_MAX; i++)
                if (strlen(policy_kinds[i].name) == n &&
                    strncmp(policy_kinds[i].name, name, n) == 0)
                        return i;
        return _POLICY_KIND_INVALID;
}

/* "[KIND NAME]" without its brackets. */
static void begin_section(Reader *r, const char *head) {
        size_t n = strcspn(head, " \t");
        const char *name = head + n + strspn(head + n, " \t");
        PolicyKind kind = kind_from_string(head, n);
        bool found;
        size_t at;

        r->section = NULL;
        r->headless = false;
        if (kind < 0) {
                complain(r, "[%s]: there is no such kind of section", head);
                return;
        }
        if (*name == '\0') {
                complain(r, "[%s]: a section has a name behind its kind, such as [%s everyone]",
                         head, head);
                return;
        }
        at = find_section(r->policy, kind, name, &found);
        if (found)
                r->section = r->policy->by_name[at];
        else if (r->policy->n_sections == POLICY_SECTIONS_MAX)
                complain(r, "[%s]: more than %d sections", head, POLICY_SECTIONS_MAX);
        else
                note(r, new_section(r, kind, name, at));
}

static void take_match(Reader *r, PolicyMatch list, const char *value) {
        PolicySection *s = r->section;
        int k;

        if (*value == '\0') {
                policy_list_done(&s->lists[list]);
                return;
        }
        k = policy_list_add(&s->lists[list], value);
        if (k == -ENOMEM) {
                note(r, k);
        } else if (k < 0) {
                s->broken = true;
                complain(r, "%s: too many words or too long a word; the section applies to nobody",
                         policy_matches[list].key);
        }
}

static void take_uid_min(Reader *r, const char *value) {
        PolicySection *s = r->section;

        s->uid_min = 0;
        if (*value == '\0' || parse_uid(value, &s->uid_min) >= 0)
                return;
        s->broken = true;
        complain(r, POLICY_MATCH_UID_MIN "=%s: not a user id; the section applies to nobody",
                 value);
}

static bool take_if_match(Reader *r, const char *key, const char *value) {
        for (PolicyMatch i = 0; i < _POLICY_MATCH_MAX; i++)
                if (strcmp(policy_matches[i].key, key) == 0) {
                        take_match(r, i, value);
                        return true;
                }
        if (strcmp(key, POLICY_MATCH_UID_MIN) != 0)
                return false;
        take_uid_min(r, value);
        return true;
}

/* Whatever is wrong with it, such a line was to say whom its section applies to. */
static bool means_match(const char *line, size_t n) {
        if (n > 0 && *line == '[')
                return false;
        while (n > 0 && !isalpha((unsigned char) *line)) {
                line++;
                n--;
        }
        return n >= 5 && strncasecmp(line, "match", 5) == 0;
}

/* Meant for some, so it must not fall on all. */
static const char *break_section(Reader *r, bool match) {
        if (r->section)
                r->section->broken |= match;
        return r->section && match ? "; the section applies to nobody" : "";
}

static void unknown_key(Reader *r, const char *key) {
        PolicySection *s = r->section;

        (void) break_section(r, means_match(key, strlen(key)));
        complain(r, "%s: there is no such key in [%s]%s", key, policy_kind_to_string(s->kind),
                 s->broken ? "; the section applies to nobody" : "");
}

static void take(Reader *r, const char *key, const char *value) {
        PolicySection *s = r->section;
        int i, k = 0;

        if (take_if_match(r, key, value))
                return;
        i = policy_key_index(s->kind, key);
        if (i < 0) {
                unknown_key(r, key);
                return;
        }
        if (*value == '\0')
                policy_key_reset(s->kind, i, s->values);
        else
                k = policy_key_parse(s->kind, i, value, &r->policy->host, s->values);
        if (k == -ENOMEM) {
                note(r, k);
        } else if (k < 0) {
                complain(r, "%s=%s: %s; it takes %s", key, value,
                         k == -ERANGE ? "out of range" : "not understood",
                         policy_key_example(s->kind, i));
        } else {
                s->said |= UINT32_C(1) << i;
                s->values->from[i] =
                        (PolicySource){ .file = r->file, .line = r->line, .section = s->name };
        }
}

#if INI_HANDLER_LINENO
static int on_pair(void *userdata, const char *section _unused_, const char *key, const char *value,
                   int line _unused_) {
#else
static int on_pair(void *userdata, const char *section _unused_, const char *key,
                   const char *value) {
#endif
        Reader *r = userdata;

        if (!key || !value) /* builds that tell of sections, and of keys without a value */
                return 1;
        r->asked = false;
        if (r->section)
                take(r, key, value);
        else if (r->headless)
                complain(r, "%s: stands before the head of a section", key);
        return 1; /* each mistake is noted, and the next line has its turn */
}

/* What is wrong with a line before anybody looks at what it says; NULL if nothing is. */
static const char *line_mistake(const char *line, size_t n, size_t room) {
        size_t separator = 0;
        bool blank = false;

        if (n > POLICY_LINE_MAX || n > room)
                return "the line is longer than 190 bytes; give a list in several lines";
        for (size_t i = 0; i < n; i++) {
                if (iscntrl((unsigned char) line[i]) && line[i] != '\t')
                        return "the line holds a control character";
                if (blank && line[i] == ';')
                        return "a comment stands on a line of its own, and a value holds no ' ;'";
                blank = isblank((unsigned char) line[i]);
        }
        if (line[0] == '[')
                return line[n - 1] == ']' ? NULL : "a section's head ends in ']'";
        while (separator < n && line[separator] != '=' && line[separator] != ':')
                separator++;
        return separator < n && line[separator] == '=' ? NULL : "not of the form KEY=VALUE";
}

/* Cuts the next line that says something. Returns false at the end of the text. */
static bool next_line(Reader *r, const char **ret, size_t *ret_n) {
        while (r->at < r->end) {
                const char *line = r->at, *end = memchr(line, '\n', r->end - line);

                end = end ?: r->end;
                r->at = end < r->end ? end + 1 : end;
                r->line++;
                if (r->line == 1 && end - line >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0)
                        line += 3; /* an editor's byte order mark */
                while (line < end && isspace((unsigned char) *line))
                        line++;
                while (end > line && isspace((unsigned char) end[-1]))
                        end--;
                if (line == end || *line == '#' || *line == ';')
                        continue;
                *ret = line;
                *ret_n = end - line;
                return true;
        }
        return false;
}

/* An ini_reader, as fgets() is. */
static char *read_line(char *buf, int size, void *stream) {
        Reader *r = stream;
        const char *line, *mistake;
        size_t n;

        if (r->asked)
                complain(r, "not understood%s", break_section(r, r->asked_match));
        r->asked = false;
        while (r->error == 0 && next_line(r, &line, &n)) {
                mistake = line_mistake(line, n, size < 2 ? 0 : (size_t) size - 2);
                if (mistake) {
                        complain(r, "%s%s", mistake, break_section(r, means_match(line, n)));
                        if (*line == '[') { /* what follows is not the section's above */
                                r->section = NULL;
                                r->headless = false;
                        }
                        continue;
                }
                memcpy(buf, line, n);
                buf[n] = '\0';
                if (*line == '[') {
                        buf[n - 1] = '\0';
                        begin_section(r, buf + 1 + strspn(buf + 1, " \t"));
                        continue;
                }
                strcpy(buf + n, "\n");
                r->asked = true;
                r->asked_match = means_match(line, n);
                return buf;
        }
        return NULL;
}

static const char *keep_file(Policy *p, const char *file) {
        char **more = reallocarray(p->files, p->n_files + 1, sizeof(char *));
        char *copy = strdup(file);

        if (more)
                p->files = more;
        if (!more || !copy) {
                free(copy);
                return NULL;
        }
        return p->files[p->n_files++] = copy;
}

int policy_add(Policy *p, const char *file, const char *text, size_t size) {
        Reader r = { .policy = p,
                     .file = keep_file(p, file),
                     .at = text,
                     .end = text + size,
                     .headless = true };
        int k;

        if (!r.file)
                return -ENOMEM;
        if (size > POLICY_SIZE_MAX)
                return policy_error(p, file, 0, "larger than %d bytes", POLICY_SIZE_MAX);
        k = ini_parse_stream(read_line, &r, on_pair, &r);
        return r.error < 0 ? r.error : k == -2 ? -ENOMEM : 0;
}
