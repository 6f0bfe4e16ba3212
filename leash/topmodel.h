/* SPDX-License-Identifier: MIT */
/* What leash top shows: rates from one look to the next, sorted and filtered, line by line. It
 * knows no terminal and no clock, so it can be tested without either. */
#pragma once

#include "backend/overview.h"
#include "os/proc.h"

#define TOP_HISTORY 12
#define TOP_NAME_MAX 33
#define TOP_FILTER_MAX 32
#define TOP_PROCESSES 12 /* shown of an opened user */
#define TOP_LINE_MAX 1024

typedef enum TopSort {
        TOP_BY_CPU,
        TOP_BY_MEMORY,
        TOP_BY_PRESSURE,
        TOP_BY_THROTTLED,
        TOP_BY_NAME,
        _TOP_SORT_MAX,
} TopSort;

const char *top_sort_to_string(TopSort sort);

typedef struct TopUser {
        uid_t uid;
        char name[TOP_NAME_MAX]; /* escaped; longer ones are cut */
        OverviewUser now;
        double cpu, pressure,
                throttled;            /* percent, of the time since the look before; < 0 unknown */
        uint8_t history[TOP_HISTORY]; /* CPU, 0 to 8, the newest last */
        bool fresh;                   /* seen once: there are no rates yet */
        bool seen;
} TopUser;

typedef struct TopProcess {
        pid_t pid;
        char comm[4 * PROC_COMM_MAX]; /* escaped */
        uint64_t ticks;
        double cpu;
} TopProcess;

typedef struct TopModel {
        TopUser *users; /* by uid, ascending */
        size_t n;
        size_t *order; /* what is shown, from top to bottom: indices */
        size_t n_order;
        usec_t last; /* CLOCK_MONOTONIC of the last look */
        double cpu;  /* of all users together */
        bool sessions_known;
        TopSort sort;
        char filter[TOP_FILTER_MAX]; /* part of the name */
        uid_t selected;              /* stays with the user wherever the line goes */
        uid_t opened;                /* whose processes are shown; (uid_t) -1 */
        TopProcess *processes;       /* of theirs, the busiest first */
        size_t n_processes;
} TopModel;

#define TOP_MODEL_NULL ((TopModel){ .selected = (uid_t) -1, .opened = (uid_t) -1 })

void topmodel_done(TopModel *m);

/* Takes over a look at time `now`. name() is asked once for each user that is new; it fills in an
 * unescaped name. Returns 0 or -ENOMEM. */
int topmodel_update(TopModel *m, const Overview *o, usec_t now,
                    void (*name)(uid_t uid, char buf[static TOP_NAME_MAX]));

/* Takes over the processes of the user who is opened, `elapsed` after the look before. The array is
 * the model's from now on; comm is not escaped yet. Returns 0; -ENOMEM, and then the array is still
 * the caller's. */
int topmodel_set_processes(TopModel *m, TopProcess *processes, size_t n, usec_t elapsed);

/* Sorts and filters anew; what is selected stays so, or becomes the first. */
void topmodel_arrange(TopModel *m);

/* Selects the user n lines further down, or up. */
void topmodel_move(TopModel *m, int n);

/* The line on which the selected user stands; 0 if there is none. */
size_t topmodel_line(const TopModel *m);

/* One user as a line of `width` columns, padded with blanks; realtime is for the time left. The
 * last columns go first where there is no room. */
void topmodel_format(const TopUser *u, int width, usec_t realtime, char buf[static TOP_LINE_MAX]);
void topmodel_format_header(int width, char buf[static TOP_LINE_MAX]);
void topmodel_format_process(const TopProcess *p, int width, char buf[static TOP_LINE_MAX]);
