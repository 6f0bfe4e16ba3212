/* SPDX-License-Identifier: MIT */
/* What people see: error lines, aligned tables, colours where the reader is a terminal. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "core/macro.h"

typedef enum Colour {
        COLOUR_PLAIN,
        COLOUR_BOLD,
        COLOUR_RED,
        COLOUR_GREEN,
        COLOUR_YELLOW,
        COLOUR_DIM,
} Colour;

/* One line "PROGRAM: ..." on stderr, with anything that could disturb a terminal escaped. */
void output_error(const char *format, ...) _printf_(1, 2);

/* The same on stdout, without the prefix. */
void output_line(const char *format, ...) _printf_(1, 2);

/* What getopt_long(3) has just answered with '?' or ':', `c`, in words such as "-z: unknown
 * option", to be said by output_error(). Where several letters stand in one word, it is not the
 * last word that was looked at. The values of long options have to be 256 and above. Returns buf.
 */
#define OUTPUT_OPTION_MAX 256
const char *output_bad_option(int c, char *const argv[], char buf[static OUTPUT_OPTION_MAX]);

/* The escape sequence for a colour; "" unless f is a terminal and NO_COLOR is not set
 * (https://no-color.org). */
const char *output_colour(FILE *f, Colour colour);

/* A table whose columns are as wide as their widest cell. */
typedef struct Table Table;

Table *table_new(const char *const *headers, size_t n_columns);
Table *table_free(Table *t);
DEFINE_CLEANUP(Table *, table_free);

/* Adds a cell, from left to right, row by row; what it holds is escaped. Returns 0 or -ENOMEM. */
int table_add(Table *t, const char *format, ...) _printf_(2, 3);

void table_print(const Table *t, FILE *f);

/* "18:30" today, "01-31 18:30" or with the year else; local time. "-" for USEC_INFINITY and 0. */
#define OUTPUT_TIME_MAX 32
char *output_time(usec_t realtime, char buf[static OUTPUT_TIME_MAX]);
