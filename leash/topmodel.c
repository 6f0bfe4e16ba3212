/* SPDX-License-Identifier: MIT */
/* What leash top shows. */

#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "core/parse.h"
#include "topmodel.h"

const char *top_sort_to_string(TopSort sort) {
        static const char *const names[_TOP_SORT_MAX] = {
                [TOP_BY_CPU] = "cpu",           [TOP_BY_MEMORY] = "memory",
                [TOP_BY_PRESSURE] = "pressure", [TOP_BY_THROTTLED] = "throttled",
                [TOP_BY_NAME] = "name",
        };

        return names[sort];
}

void topmodel_done(TopModel *m) {
        free(m->users);
        free(m->order);
        free(m->processes);
        *m = TOP_MODEL_NULL;
}

/* ---- taking over -------------------------------------------------------------------------------
 */

static void set_name(TopUser *u, const char *name) {
        _cleanup_free_ char *escaped = escape_text(name, sizeof(u->name));

        (void) snprintf(u->name, sizeof(u->name), "%.*s", (int) sizeof(u->name) - 1,
                        escaped ?: "?");
}

/* Percent of the time that passed; counters that went back are of a slice made anew. */
static double rate(uint64_t before, uint64_t now, usec_t elapsed) {
        return before == USAGE_UNKNOWN || now == USAGE_UNKNOWN || now < before || elapsed == 0
                       ? -1
                       : (double) (now - before) * 100 / elapsed;
}

static uint8_t height(double cpu) {
        /* A whole CPU is the full height; a bit of it is not nothing. */
        return cpu <= 0 ? 0 : cpu >= 100 ? 8 : 1 + (uint8_t) (cpu * 7 / 100);
}

static void measure(TopUser *u, const OverviewUser *now, usec_t elapsed) {
        const UserUsage *a = &u->now.usage, *b = &now->usage;

        u->cpu = rate(a->cpu.usage, b->cpu.usage, elapsed);
        u->pressure = rate(a->waited_cpu, b->waited_cpu, elapsed);
        u->throttled = rate(a->cpu.throttled, b->cpu.throttled, elapsed);
        memmove(u->history, u->history + 1, sizeof(u->history) - 1);
        u->history[TOP_HISTORY - 1] = height(u->cpu);
        u->now = *now;
        u->fresh = false;
}

int topmodel_update(TopModel *m, const Overview *o, usec_t now,
                    void (*name)(uid_t uid, char buf[static TOP_NAME_MAX])) {
        usec_t elapsed = m->last ? now - m->last : 0;
        TopUser *users = calloc(o->n + 1, sizeof(TopUser));
        size_t *order = calloc(o->n + 1, sizeof(size_t));
        size_t old = 0;

        if (!users || !order) {
                free(users);
                free(order);
                return -ENOMEM;
        }
        m->cpu = 0;
        for (size_t i = 0; i < o->n; i++) { /* both are in the order of uids */
                const OverviewUser *u = &o->users[i];
                char text[TOP_NAME_MAX];

                while (old < m->n && m->users[old].uid < u->usage.uid)
                        old++;
                if (old < m->n && m->users[old].uid == u->usage.uid) {
                        users[i] = m->users[old];
                        measure(&users[i], u, elapsed);
                        m->cpu += MAX_OF(users[i].cpu, 0.0);
                        continue;
                }
                users[i] = (TopUser){ .uid = u->usage.uid,
                                      .now = *u,
                                      .cpu = -1,
                                      .pressure = -1,
                                      .throttled = -1,
                                      .fresh = true };
                name(u->usage.uid, text);
                set_name(&users[i], text);
        }
        free(m->users);
        free(m->order);
        m->users = users;
        m->order = order;
        m->n = o->n;
        m->last = now;
        m->sessions_known = o->sessions_known;
        topmodel_arrange(m);
        return 0;
}

static int by_pid(const void *a, const void *b) {
        const TopProcess *x = a, *y = b;

        return x->pid < y->pid ? -1 : x->pid > y->pid;
}

static int by_cpu(const void *a, const void *b) {
        const TopProcess *x = a, *y = b;

        return x->cpu > y->cpu ? -1 : x->cpu < y->cpu ? 1 : by_pid(a, b);
}

int topmodel_set_processes(TopModel *m, TopProcess *processes, size_t n, usec_t elapsed) {
        if (m->n_processes > 0)
                qsort(m->processes, m->n_processes, sizeof(TopProcess), by_pid);
        for (size_t i = 0; i < n; i++) {
                TopProcess *p = &processes[i];
                const TopProcess *before = m->n_processes > 0
                                                   ? bsearch(p, m->processes, m->n_processes,
                                                             sizeof(TopProcess), by_pid)
                                                   : NULL;
                _cleanup_free_ char *escaped = escape_text(p->comm, sizeof(p->comm));

                if (!escaped)
                        return -ENOMEM;
                (void) snprintf(p->comm, sizeof(p->comm), "%s", escaped);
                p->cpu = before && before->ticks <= p->ticks && elapsed > 0
                                 ? (double) proc_ticks(p->ticks - before->ticks) * 100 / elapsed
                                 : 0;
        }
        if (n > 0)
                qsort(processes, n, sizeof(TopProcess), by_cpu);
        free(m->processes);
        m->processes = processes;
        m->n_processes = n;
        return 0;
}

/* ---- arranging ---------------------------------------------------------------------------------
 */

static double key_of(const TopUser *u, TopSort sort) {
        switch (sort) {
        case TOP_BY_MEMORY:
                return u->now.usage.memory == USAGE_UNKNOWN ? -1 : (double) u->now.usage.memory;
        case TOP_BY_PRESSURE:
                return u->pressure;
        case TOP_BY_THROTTLED:
                return u->throttled;
        default:
                return u->cpu;
        }
}

static int compare(const void *a, const void *b, void *userdata) {
        const TopModel *m = userdata;
        const TopUser *x = &m->users[*(const size_t *) a], *y = &m->users[*(const size_t *) b];
        double i = key_of(x, m->sort), k = key_of(y, m->sort);

        if (m->sort != TOP_BY_NAME && i != k)
                return i > k ? -1 : 1;
        return strcmp(x->name, y->name) ?: (x->uid < y->uid ? -1 : x->uid > y->uid);
}

static bool is_shown(const TopModel *m, const TopUser *u) {
        return m->filter[0] == '\0' || strcasestr(u->name, m->filter);
}

void topmodel_arrange(TopModel *m) {
        bool found = false;

        m->n_order = 0;
        for (size_t i = 0; i < m->n; i++)
                if (is_shown(m, &m->users[i])) {
                        m->order[m->n_order++] = i;
                        found |= m->users[i].uid == m->selected;
                }
        if (m->n_order > 0)
                qsort_r(m->order, m->n_order, sizeof(size_t), compare, m);
        if (!found)
                m->selected = m->n_order > 0 ? m->users[m->order[0]].uid : (uid_t) -1;
}

size_t topmodel_line(const TopModel *m) {
        for (size_t i = 0; i < m->n_order; i++)
                if (m->users[m->order[i]].uid == m->selected)
                        return i;
        return 0;
}

void topmodel_move(TopModel *m, int n) {
        long to = (long) topmodel_line(m) + n;

        if (m->n_order == 0)
                return;
        to = MIN_OF(MAX_OF(to, 0L), (long) m->n_order - 1);
        m->selected = m->users[m->order[to]].uid;
}

/* ---- lines -------------------------------------------------------------------------------------
 */

typedef struct Column {
        const char *header;
        int width; /* of the cell; one blank stands between two */
        bool left; /* aligned */
        void (*format)(const TopUser *u, usec_t realtime, char *buf, size_t size);
} Column;

static void put_percent(double percent, char *buf, size_t size) {
        if (percent < 0)
                (void) snprintf(buf, size, "-");
        else
                (void) snprintf(buf, size, percent < 99.95 ? "%.1f" : "%.0f", percent);
}

static void format_name(const TopUser *u, usec_t realtime _unused_, char *buf, size_t size) {
        (void) snprintf(buf, size, "%s", u->name);
}

static void format_cpu(const TopUser *u, usec_t realtime _unused_, char *buf, size_t size) {
        put_percent(u->cpu, buf, size);
}

static void format_pressure(const TopUser *u, usec_t realtime _unused_, char *buf, size_t size) {
        put_percent(u->pressure, buf, size);
}

static void format_throttled(const TopUser *u, usec_t realtime _unused_, char *buf, size_t size) {
        put_percent(u->throttled, buf, size);
}

static void format_memory(const TopUser *u, usec_t realtime _unused_, char *buf, size_t size) {
        if (u->now.usage.memory == USAGE_UNKNOWN)
                (void) snprintf(buf, size, "-");
        else
                format_size(u->now.usage.memory, buf, size);
}

/* Of several sessions what the most wakeful one is; invalid if that is in use. */
static SessionCondition condition_of(const TopUser *u) {
        static const SessionCondition order[] = { SESSION_CLOSING, SESSION_DISCONNECTED,
                                                  SESSION_LOCKED, SESSION_IDLE };

        for (size_t i = 0; i < ELEMENTSOF(order) && u->now.n_sessions > 0; i++)
                if (u->now.n_in[order[i]] == u->now.n_sessions)
                        return order[i];
        return _SESSION_CONDITION_INVALID;
}

static void format_state(const TopUser *u, usec_t realtime _unused_, char *buf, size_t size) {
        SessionCondition c = condition_of(u);

        (void) snprintf(buf, size, "%s",
                        c == SESSION_DISCONNECTED ? "away"
                        : c >= 0                  ? session_condition_to_string(c)
                        : u->now.n_sessions > 0   ? "active"
                                                  : "-");
}

/* For how long that has been so, in the largest unit that fits. */
static void format_since(const TopUser *u, usec_t realtime, char *buf, size_t size) {
        static const struct {
                const char *name;
                usec_t usec;
        } units[] = {
                { "d", 24 * 3600 * USEC_PER_SEC },
                { "h", 3600 * USEC_PER_SEC },
                { "min", 60 * USEC_PER_SEC },
                { "s", USEC_PER_SEC },
        };
        SessionCondition c = condition_of(u);
        usec_t span = c < 0 ? 0 : realtime - MIN_OF(u->now.since[c], realtime);
        size_t i = 0;

        if (c < 0) {
                (void) snprintf(buf, size, "-");
                return;
        }
        while (i + 1 < ELEMENTSOF(units) && span < units[i].usec)
                i++;
        (void) snprintf(buf, size, "%" PRIu64 "%s", span / units[i].usec, units[i].name);
}

static void format_connected(const TopUser *u, usec_t realtime _unused_, char *buf, size_t size) {
        if (u->now.n_sessions == 0)
                (void) snprintf(buf, size, "-");
        else
                (void) snprintf(buf, size, "%u/%u",
                                u->now.n_sessions - u->now.n_in[SESSION_DISCONNECTED],
                                u->now.n_sessions);
}

static void format_leash(const TopUser *u, usec_t realtime _unused_, char *buf, size_t size) {
        if (u->now.layer < 0)
                (void) snprintf(buf, size, "-");
        else if (u->now.quota == LIMIT_INFINITY)
                (void) snprintf(buf, size, "%s", layer_to_string(u->now.layer));
        else
                (void) snprintf(buf, size, "%s %" PRIu64 "%%", layer_to_string(u->now.layer),
                                u->now.quota / (USEC_PER_SEC / 100));
}

static void format_left(const TopUser *u, usec_t realtime, char *buf, size_t size) {
        if (u->now.layer < 0 || u->now.until == USEC_INFINITY)
                (void) snprintf(buf, size, "-");
        else
                format_duration((u->now.until - MIN_OF(realtime, u->now.until)) / USEC_PER_SEC *
                                        USEC_PER_SEC,
                                buf, size);
}

/* Plain characters: a terminal that shows no more is still to be read. */
static void format_history(const TopUser *u, usec_t realtime _unused_, char *buf, size_t size) {
        static const char levels[] = " .:-=+*#@";
        size_t n = MIN_OF(size - 1, (size_t) TOP_HISTORY);

        for (size_t i = 0; i < n; i++)
                buf[i] = levels[u->history[i]];
        buf[n] = '\0';
}

static const Column columns[] = {
        { "USER", 12, true, format_name },      { "CPU%", 6, false, format_cpu },
        { "MEM", 6, false, format_memory },     { "PSI%", 5, false, format_pressure },
        { "THR%", 5, false, format_throttled }, { "STATE", 7, true, format_state },
        { "CONN", 5, false, format_connected }, { "LEASH", 12, true, format_leash },
        { "LEFT", 8, true, format_left },       { "HISTORY", TOP_HISTORY, true, format_history },
        { "SINCE", 5, false, format_since },
};

/* Adds a cell and the blank after it, as far as there is room. Returns where the next one begins.
 */
static int put_cell(char *buf, int at, int width, const Column *c, const char *text) {
        int room = MIN_OF(c->width, width - at), n = (int) strlen(text);

        if (room <= 0)
                return width;
        (void) snprintf(buf + at, (size_t) room + 1, c->left ? "%-*.*s" : "%*.*s", room,
                        MIN_OF(n, room), text);
        at += room;
        if (at < width) {
                buf[at++] = ' ';
                buf[at] = '\0';
        }
        return at;
}

static int bounded(int width) {
        return MIN_OF(MAX_OF(width, 1), TOP_LINE_MAX - 1);
}

void topmodel_format(const TopUser *u, int width, usec_t realtime, char buf[static TOP_LINE_MAX]) {
        int at = 0;

        width = bounded(width);
        memset(buf, ' ', (size_t) width);
        buf[width] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(columns) && at < width; i++) {
                char text[64];

                columns[i].format(u, realtime, text, sizeof(text));
                at = put_cell(buf, at, width, &columns[i], text);
        }
        for (; at < width; at++)
                buf[at] = ' ';
        buf[width] = '\0';
}

void topmodel_format_header(int width, char buf[static TOP_LINE_MAX]) {
        int at = 0;

        width = bounded(width);
        for (size_t i = 0; i < ELEMENTSOF(columns) && at < width; i++)
                at = put_cell(buf, at, width, &columns[i], columns[i].header);
        for (; at < width; at++)
                buf[at] = ' ';
        buf[width] = '\0';
}

void topmodel_format_process(const TopProcess *p, int width, char buf[static TOP_LINE_MAX]) {
        char cpu[16];

        width = bounded(width);
        put_percent(p->cpu, cpu, sizeof(cpu));
        (void) snprintf(buf, TOP_LINE_MAX, "  %-10d %6s  %-*s", (int) p->pid, cpu,
                        MAX_OF(width - 21, 1), p->comm);
        buf[width] = '\0';
}
