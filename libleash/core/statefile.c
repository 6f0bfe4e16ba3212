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

static int read_line(Reader *reader, char *line) {
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

int statefile_read(const char *text, size_t size, size_t max, StatefileEntry entry,
                   void *userdata) {
        Reader reader = { .entry = entry, .userdata = userdata };
        _cleanup_free_ char *copy = NULL;
        int r;

        if (size > max || memchr(text, '\0', size))
                return -EBADMSG;
        copy = malloc(size + 1);
        if (!copy)
                return -ENOMEM;
        memcpy(copy, text, size);
        copy[size] = '\0';
        for (char *line = copy, *next; *line != '\0'; line = next) {
                next = strchr(line, '\n');
                if (!next)
                        return -EBADMSG;
                *next++ = '\0';
                if (line[0] == '\0')
                        continue;
                r = read_line(&reader, line);
                if (r < 0)
                        return r;
        }
        return reader.ended ? 0 : -EBADMSG;
}
