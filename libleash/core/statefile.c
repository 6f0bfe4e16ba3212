/* SPDX-License-Identifier: MIT */
/* The form in which the daemon's models outlive it. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/statefile.h"

typedef struct Reader {
        StatefileEntry entry;
        void *userdata;
        const char *section, *name; /* in the text; NULL before the first */
        bool ended;
} Reader;

static int read_section(Reader *reader, char *line) {
        size_t n = strlen(line);
        char *space;

        if (line[n - 1] != ']')
                return -EBADMSG;
        line[n - 1] = '\0';
        space = strchr(line, ' ');
        reader->section = line + 1;
        reader->name = "";
        if (space) {
                *space = '\0';
                reader->name = space + 1;
        }
        if (strcmp(reader->section, "end") == 0) {
                reader->ended = true;
                return 0;
        }
        return reader->entry(reader->section, reader->name, NULL, NULL, reader->userdata);
}

static int read_line(char *line, void *userdata) {
        Reader *reader = userdata;
        char *equals;

        if (reader->ended)
                return -EBADMSG;
        if (line[0] == '[')
                return read_section(reader, line);
        equals = strchr(line, '=');
        if (!equals || !reader->section)
                return -EBADMSG;
        *equals = '\0';
        return reader->entry(reader->section, reader->name, line, equals + 1, reader->userdata);
}

int statefile_each_line(const char *text, size_t size, size_t max,
                        int (*line)(char *line, void *userdata), void *userdata) {
        _cleanup_free_ char *copy = NULL;
        int r;

        if (size > max || memchr(text, '\0', size))
                return -EBADMSG;
        copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, text, size);
        copy[size] = '\0';
        for (char *at = copy, *next; *at != '\0'; at = next) {
                next = strchr(at, '\n');
                if (!next)
                        return -EBADMSG;
                *next++ = '\0';
                r = at[0] == '\0' ? 0 : line(at, userdata);
                if (r < 0)
                        return r;
        }
        return 0;
}

int statefile_read(const char *text, size_t size, size_t max, StatefileEntry entry,
                   void *userdata) {
        Reader reader = { .entry = entry, .userdata = userdata };
        int r;

        r = statefile_each_line(text, size, max, read_line, &reader);
        return r < 0 ? r : reader.ended ? 0 : -EBADMSG;
}

int statefile_read_head(StatefileHead *head, const char *key, const char *value) {
        if (!key)
                return 0;
        if (strcmp(key, "Version") == 0) {
                head->versioned = strcmp(value, "1") == 0;
                return head->versioned ? 0 : -EBADMSG;
        }
        if (strcmp(key, "Mode") == 0)
                head->enforced = strcmp(value, "enforce") == 0;
        return strcmp(key, "Boot") == 0 && strcmp(value, head->boot) != 0 ? -ESTALE : 0;
}

int statefile_begin(StatefileText *t, const char *model, const char *boot) {
        *t = (StatefileText){};
        t->f = open_memstream(&t->text, &t->size);
        if (!t->f)
                return -ENOMEM;
        (void) fprintf(t->f, "[%s]\nVersion=1\nBoot=%s\n", model, boot);
        return 0;
}

void statefile_write_mode(StatefileText *t, bool watch) {
        (void) fprintf(t->f, "Mode=%s\n", watch ? "watch" : "enforce");
}

int statefile_end(StatefileText *t, char **ret, size_t *ret_size) {
        bool failed;

        (void) fputs("[end]\n", t->f);
        failed = ferror(t->f) != 0;
        if (fclose(TAKE_PTR(t->f)) != 0 || failed) {
                free(TAKE_PTR(t->text));
                return -ENOMEM;
        }
        *ret = TAKE_PTR(t->text);
        *ret_size = t->size;
        return 0;
}
