/* SPDX-License-Identifier: MIT */
/* What stands in xrdp's own files. */

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "core/macro.h"
#include "core/xrdpconf.h"

#define SECTIONS_MAX 256

/* One line without the blanks around it. */
typedef struct Line {
        const char *at, *next;
        size_t n;
        unsigned number;
} Line;

static bool next_line(Line *l) {
        const char *end;

        do {
                if (*l->next == '\0')
                        return false;
                l->at = l->next;
                end = strpbrk(l->at, "\n");
                if (!end)
                        end = l->at + strlen(l->at);
                l->next = *end ? end + 1 : end;
                l->number++;
                while (l->at < end && isspace((unsigned char) *l->at))
                        l->at++;
                while (end > l->at && isspace((unsigned char) end[-1]))
                        end--;
                l->n = (size_t) (end - l->at);
        } while (l->n == 0 || *l->at == '#' || *l->at == ';');
        return true;
}

/* "[NAME]". Returns the name's length, 0 for another line. */
static size_t head_of(const Line *l) {
        return l->n > 2 && l->at[0] == '[' && l->at[l->n - 1] == ']' ? l->n - 2 : 0;
}

static bool is_named(const char *at, size_t n, const char *name) {
        return n == strlen(name) && strncasecmp(at, name, n) == 0;
}

static bool is_section(const Line *l, const char *name) {
        size_t n = head_of(l);

        return n > 0 && is_named(l->at + 1, n, name);
}

static bool take(const Line *l, const char *key, XrdpconfValue *ret) {
        const char *equals = memchr(l->at, '=', l->n), *value, *end = l->at + l->n;
        size_t n = equals ? (size_t) (equals - l->at) : 0;

        while (n > 0 && isspace((unsigned char) l->at[n - 1]))
                n--;
        if (n == 0 || !is_named(l->at, n, key))
                return false;
        for (value = equals + 1; value < end && isspace((unsigned char) *value);)
                value++;
        ret->line = l->number;
        (void) snprintf(ret->text, sizeof(ret->text), "%.*s", (int) MIN_OF(end - value, 4096),
                        value);
        return true;
}

bool xrdpconf_find(const char *text, const char *section, const char *key, XrdpconfValue *ret) {
        Line l = { .next = text };
        bool inside = false, found = false;

        *ret = (XrdpconfValue){};
        while (next_line(&l)) {
                if (head_of(&l) == 0) {
                        found |= inside && take(&l, key, ret);
                } else {
                        if (inside)
                                break;
                        inside = is_section(&l, section);
                        if (inside)
                                ret->line = l.number;
                }
        }
        return found;
}

void xrdpconf_sections(const char *text, void (*found)(const char *section, void *userdata),
                       void *userdata) {
        Line l = { .next = text };
        unsigned n = 0;

        while (n < SECTIONS_MAX && next_line(&l)) {
                char name[XRDPCONF_VALUE_MAX];
                size_t size = head_of(&l);

                if (size == 0 || size >= sizeof(name))
                        continue;
                memcpy(name, l.at + 1, size);
                name[size] = '\0';
                found(name, userdata);
                n++;
        }
}

bool xrdpconf_is_yes(const char *value) {
        static const char *const yes[] = { "1", "true", "yes", "on" };

        for (size_t i = 0; i < ELEMENTSOF(yes); i++)
                if (strcasecmp(value, yes[i]) == 0)
                        return true;
        return false;
}

int64_t xrdpconf_number(const char *value) {
        return strtoll(value, NULL, 10);
}
