/* SPDX-License-Identifier: MIT */
/* One service's PAM stack. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "core/macro.h"
#include "core/pamstack.h"

#define DIR_PATH "/etc/pam.d/"

typedef struct Walk {
        PamstackFile file;
        void *userdata;
        PamstackLine *lines;
        size_t n;
        unsigned depth, files;
} Walk;

/* Takes the next word off a line; one in brackets may hold blanks. Returns false at its end. */
static bool next_word(const char **at, const char *end, char *buf, size_t size) {
        const char *p = *at, *start;

        while (p < end && isspace((unsigned char) *p))
                p++;
        if (p == end || *p == '#')
                return false;
        start = p;
        if (*p == '[')
                while (p < end && *p != ']')
                        p++;
        while (p < end && !isspace((unsigned char) *p))
                p++;
        (void) snprintf(buf, size, "%.*s", (int) MIN_OF(p - start, 4096), start);
        *at = p;
        return true;
}

static void walk(Walk *w, const char *name, const char *only);

static void take(Walk *w, const char *type, const char *at, const char *end, PamstackLine *line) {
        char module[PAMSTACK_WORD_MAX];
        const char *slash;

        (void) snprintf(line->type, sizeof(line->type), "%s", type);
        if (!next_word(&at, end, line->control, sizeof(line->control)) ||
            !next_word(&at, end, module, sizeof(module)))
                return;
        if (strcmp(line->control, "include") == 0 || strcmp(line->control, "substack") == 0) {
                walk(w, module, line->type);
                return;
        }
        slash = strrchr(module, '/');
        (void) snprintf(line->module, sizeof(line->module), "%s", slash ? slash + 1 : module);
        if (w->n < PAMSTACK_LINES_MAX)
                w->lines[w->n++] = *line;
}

static void read_line(Walk *w, const char *at, const char *end, const char *only,
                      PamstackLine *line) {
        char type[PAMSTACK_WORD_MAX], name[PAMSTACK_WORD_MAX];
        const char *plain = type;

        if (!next_word(&at, end, type, sizeof(type)))
                return;
        if (strcmp(type, "@include") == 0) { /* Debian's: all types of the other file */
                if (next_word(&at, end, name, sizeof(name)))
                        walk(w, name, only);
                return;
        }
        if (*plain == '-') /* without a word in the log if the module is not there */
                plain++;
        if (!only || strcmp(plain, only) == 0)
                take(w, plain, at, end, line);
}

/* `only`: lines of this type, as "include" has it; NULL for all. */
static void walk(Walk *w, const char *name, const char *only) {
        char path[sizeof(DIR_PATH) + PAMSTACK_WORD_MAX];
        const char *text, *own;
        unsigned number = 0;

        (void) snprintf(path, sizeof(path), "%s%s", name[0] == '/' ? "" : DIR_PATH, name);
        if (w->depth == PAMSTACK_DEPTH_MAX || w->files++ > PAMSTACK_LINES_MAX)
                return;
        text = w->file(path, &own, w->userdata);
        if (!text)
                return;
        w->depth++;
        while (*text != '\0') {
                const char *end = strchr(text, '\n');
                PamstackLine line = { .file = own, .line = ++number };

                if (!end)
                        end = text + strlen(text);
                read_line(w, text, end, only, &line);
                text = *end ? end + 1 : end;
        }
        w->depth--;
}

size_t pamstack_read(const char *service, PamstackFile file, void *userdata,
                     PamstackLine ret[static PAMSTACK_LINES_MAX]) {
        Walk w = { .file = file, .userdata = userdata, .lines = ret };

        walk(&w, service, NULL);
        return w.n;
}
