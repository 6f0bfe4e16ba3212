/* SPDX-License-Identifier: MIT */
/* What people see: error lines, aligned tables, colours where the reader is a terminal. */

#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/array.h"
#include "core/parse.h"
#include "os/clock.h"
#include "os/output.h"

#define LINE_BYTES_MAX 480
#define NAME_BYTES_MAX 32

static _printf_(3, 0) void print_escaped(FILE *f, const char *prefix, const char *format,
                                         va_list ap) {
        _cleanup_free_ char *text = NULL, *escaped = NULL;

        if (vasprintf(&text, format, ap) < 0) {
                text = NULL;
                return;
        }
        escaped = escape_text(text, LINE_BYTES_MAX);
        if (escaped)
                (void) fprintf(f, "%s%s\n", prefix, escaped);
}

void output_error(const char *format, ...) {
        /* Whoever starts the program chooses it. */
        _cleanup_free_ char *name = escape_text(program_invocation_short_name, NAME_BYTES_MAX);
        _cleanup_free_ char *prefix = NULL;
        va_list ap;

        if (!name || asprintf(&prefix, "%s: ", name) < 0)
                prefix = NULL;
        va_start(ap, format);
        print_escaped(stderr, prefix ?: "", format, ap);
        va_end(ap);
}

void output_line(const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        print_escaped(stdout, "", format, ap);
        va_end(ap);
}

const char *output_bad_option(int c, char *const argv[], char buf[static OUTPUT_OPTION_MAX]) {
        const char *what = c == ':'        ? "needs a value"
                           : optopt >= 256 ? "takes no value"
                                           : "unknown option";

        /* A long one that is not known leaves 0. */
        if (optopt != 0 && optopt < 256)
                (void) snprintf(buf, OUTPUT_OPTION_MAX, "-%c: %s", optopt, what);
        else
                (void) snprintf(buf, OUTPUT_OPTION_MAX, "%.200s: %s", argv[optind - 1], what);
        return buf;
}

const char *output_colour(FILE *f, Colour colour) {
        static const char *const codes[] = {
                [COLOUR_PLAIN] = "\033[0m",   [COLOUR_BOLD] = "\033[1m",
                [COLOUR_RED] = "\033[31m",    [COLOUR_GREEN] = "\033[32m",
                [COLOUR_YELLOW] = "\033[33m", [COLOUR_DIM] = "\033[2m",
        };
        const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

        if ((no && *no) || !isatty(fileno(f)) || !term || strcmp(term, "dumb") == 0)
                return "";
        return codes[colour];
}

struct Table {
        size_t n_columns, n_cells, allocated;
        char **cells;
};

Table *table_new(const char *const *headers, size_t n_columns) {
        _cleanup_(table_freep) Table *t = calloc(1, sizeof(Table));

        if (!t)
                return NULL;
        t->n_columns = n_columns;
        for (size_t i = 0; i < n_columns; i++)
                if (table_add(t, "%s", headers[i]) < 0)
                        return NULL;
        return TAKE_PTR(t);
}

Table *table_free(Table *t) {
        if (!t)
                return NULL;
        for (size_t i = 0; i < t->n_cells; i++)
                free(t->cells[i]);
        free(t->cells);
        free(t);
        return NULL;
}

int table_add(Table *t, const char *format, ...) {
        _cleanup_free_ char *text = NULL;
        char *cell;
        va_list ap;
        int n, r;

        va_start(ap, format);
        n = vasprintf(&text, format, ap);
        va_end(ap);
        if (n < 0) {
                text = NULL;
                return -ENOMEM;
        }
        r = ARRAY_GROW(t->cells, &t->allocated, t->n_cells, SIZE_MAX);
        if (r < 0)
                return r;
        cell = escape_text(text, LINE_BYTES_MAX);
        if (!cell)
                return -ENOMEM;
        t->cells[t->n_cells++] = cell;
        return 0;
}

/* Columns on a terminal, counting each UTF-8 character as one. */
static size_t width(const char *s) {
        size_t n = 0;

        for (; *s; s++)
                n += ((unsigned char) *s & 0xc0) != 0x80;
        return n;
}

void table_print(const Table *t, FILE *f) {
        _cleanup_free_ size_t *widest = calloc(t->n_columns, sizeof(size_t));

        if (!widest)
                return;
        for (size_t i = 0; i < t->n_cells; i++)
                widest[i % t->n_columns] = MAX_OF(widest[i % t->n_columns], width(t->cells[i]));
        for (size_t row = 0; row * t->n_columns < t->n_cells; row++) {
                if (row == 0)
                        (void) fputs(output_colour(f, COLOUR_BOLD), f);
                for (size_t column = 0; column < t->n_columns; column++) {
                        const char *cell = t->cells[row * t->n_columns + column];

                        (void) fputs(cell, f);
                        if (column + 1 < t->n_columns)
                                (void) fprintf(f, "%*s", (int) (widest[column] - width(cell) + 2),
                                               "");
                }
                (void) fprintf(f, "%s\n", row == 0 ? output_colour(f, COLOUR_PLAIN) : "");
        }
}

char *output_time(usec_t realtime, char buf[static OUTPUT_TIME_MAX]) {
        time_t t = realtime / USEC_PER_SEC, now = clock_realtime() / USEC_PER_SEC;
        struct tm tm, today;
        size_t n;

        strcpy(buf, "-");
        if (realtime == USEC_INFINITY || realtime == 0 || !localtime_r(&t, &tm) ||
            !localtime_r(&now, &today))
                return buf;
        if (tm.tm_yday == today.tm_yday && tm.tm_year == today.tm_year)
                n = strftime(buf, OUTPUT_TIME_MAX, "%H:%M:%S", &tm);
        else if (tm.tm_year == today.tm_year)
                n = strftime(buf, OUTPUT_TIME_MAX, "%m-%d %H:%M", &tm);
        else
                n = strftime(buf, OUTPUT_TIME_MAX, "%Y-%m-%d %H:%M", &tm);
        if (n == 0)
                strcpy(buf, "-");
        return buf;
}
