/* SPDX-License-Identifier: MIT */
/* leash top: users live. What is shown is leash/topmodel; here are the terminal and the keys. What
 * a key changes is done by leash itself in another process, which asks and refuses as it always
 * does. */

#define _GNU_SOURCE
#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/parse.h"
#include "core/placement.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/identity.h"
#include "os/output.h"
#include "os/user.h"
#include "topmodel.h"
#include "verbs.h"

#define REFRESH_MSEC 2000
#define PROCESSES_MAX 4096
#define HEAD_LINES 3 /* summary, blank, header */

typedef struct Top {
        Context *c;
        TopModel model;
        size_t first;      /* line of the model that stands at the top */
        char message[256]; /* of the last action */
        char ask;          /* the key that waits for "y"; 0 */
        bool typing;       /* a filter is being typed */
        bool done;
        usec_t processes_at;
} Top;

static void find_name(uid_t uid, char buf[static TOP_NAME_MAX]) {
        _cleanup_free_ char *name = NULL;

        (void) snprintf(buf, TOP_NAME_MAX, "%s", user_name(uid, &name) >= 0 ? name : "?");
}

/* ---- looking -----------------------------------------------------------------------------------
 */

static int look_at_processes(Top *t) {
        _cleanup_free_ TopProcess *processes = NULL;
        _cleanup_free_ pid_t *pids = NULL;
        usec_t now = clock_monotonic();
        char cgroup[PLACEMENT_CGROUP_MAX];
        size_t n, kept = 0;
        int r;

        placement_user_cgroup(t->model.opened, NULL, cgroup);
        r = cgroupfs_list_procs(&t->c->backend->fs, "systemd", cgroup, NULL, &pids, &n);
        if (r < 0)
                return r;
        processes = calloc(n + 1, sizeof(TopProcess));
        if (!processes)
                return -ENOMEM;
        for (size_t i = 0; i < n && kept < PROCESSES_MAX; i++) {
                TopProcess *p = &processes[kept];
                ProcStat stat;

                if (proc_read_stat(pids[i], &stat) < 0)
                        continue;
                p->pid = pids[i];
                p->ticks = stat.cpu_ticks;
                (void) snprintf(p->comm, sizeof(p->comm), "%s", stat.comm);
                kept++;
        }
        r = topmodel_set_processes(&t->model, processes, kept,
                                   t->processes_at ? now - t->processes_at : 0);
        if (r >= 0)
                TAKE_PTR(processes);
        t->processes_at = now;
        return r;
}

static int look(Top *t) {
        Overview o = {};
        int r;

        if (!t->c->ledger) /* nobody had been leashed yet; others than root never see it */
                (void) ledger_open(t->c->backend_options.root, false, &t->c->ledger);
        r = overview_read(t->c->backend_options.root, &t->c->backend->fs, t->c->ledger, &o);
        if (r >= 0)
                r = topmodel_update(&t->model, &o, clock_monotonic(), find_name);
        overview_done(&o);
        if (r >= 0 && t->model.opened != (uid_t) -1 && look_at_processes(t) < 0)
                t->model.opened = (uid_t) -1; /* has logged out */
        return r;
}

/* ---- drawing -----------------------------------------------------------------------------------
 */

static void put_line(int y, int attributes, const char *text) {
        int width = getmaxx(stdscr);

        if (y >= getmaxy(stdscr))
                return;
        (void) attrset(attributes);
        (void) mvaddnstr(y, 0, text, width);
        (void) clrtoeol();
        (void) attrset(A_NORMAL);
}

static void put_summary(const Top *t) {
        char text[TOP_LINE_MAX];

        (void) snprintf(text, sizeof(text), "leash top  %zu users, CPU %.0f%%, by %s%s%s%s%s",
                        t->model.n, t->model.cpu, top_sort_to_string(t->model.sort),
                        t->model.filter[0] || t->typing ? ", filter: " : "", t->model.filter,
                        t->typing ? "_" : "",
                        t->model.sessions_known ? "" : "  (sessions: leashd is not running)");
        put_line(0, A_BOLD, text);
        put_line(1, A_NORMAL, "");
        topmodel_format_header(getmaxx(stdscr), text);
        put_line(2, A_REVERSE, text);
}

static void put_foot(const Top *t) {
        static const char keys[] =
                "q quit  C/M/P/T/U sort  / filter  Enter processes  l leash  r release  s show";
        char text[TOP_LINE_MAX];

        if (t->ask)
                (void) snprintf(text, sizeof(text), "%s user %u? (y/n)",
                                t->ask == 'l' ? "Leash" : "Release", (unsigned) t->model.selected);
        else
                (void) snprintf(text, sizeof(text), "%s", t->message[0] ? t->message : keys);
        put_line(getmaxy(stdscr) - 1, t->ask ? A_BOLD : A_DIM, text);
}

static int put_processes(const Top *t, int y, int last) {
        char text[TOP_LINE_MAX];

        for (size_t i = 0; i < t->model.n_processes && i < TOP_PROCESSES && y < last; i++) {
                topmodel_format_process(&t->model.processes[i], getmaxx(stdscr), text);
                put_line(y++, A_DIM, text);
        }
        return y;
}

static void draw(Top *t) {
        int y = HEAD_LINES, last = getmaxy(stdscr) - 1;
        size_t room = last > HEAD_LINES ? (size_t) (last - HEAD_LINES) : 0;
        size_t line = topmodel_line(&t->model);
        usec_t now = clock_realtime();
        char text[TOP_LINE_MAX];

        if (line < t->first)
                t->first = line;
        if (room > 0 && line >= t->first + room)
                t->first = line - room + 1;
        put_summary(t);
        for (size_t i = t->first; i < t->model.n_order && y < last; i++) {
                const TopUser *u = &t->model.users[t->model.order[i]];

                topmodel_format(u, getmaxx(stdscr), now, text);
                put_line(y++,
                         u->uid == t->model.selected ? A_STANDOUT
                         : u->now.layer >= 0         ? A_BOLD
                                                     : A_NORMAL,
                         text);
                if (u->uid == t->model.opened)
                        y = put_processes(t, y, last);
        }
        for (; y < last; y++)
                put_line(y, A_NORMAL, "");
        put_foot(t);
        (void) refresh();
}

/* ---- doing -------------------------------------------------------------------------------------
 */

static void keep_line(Top *t, const char *text) {
        _cleanup_free_ char *escaped = NULL;
        char line[sizeof(t->message)];

        (void) snprintf(line, sizeof(line), "%.*s", (int) strcspn(text, "\n"), text);
        escaped = escape_text(line, sizeof(line));
        (void) snprintf(t->message, sizeof(t->message), "%s", escaped ?: "");
}

/* curses has signals interrupt what waits, so that a resize is seen (initscr(3NCURSES)). */
static void wait_for(pid_t pid) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
                ;
}

/* To the end, whatever fits: who writes to a pipe that nobody reads is killed by it. */
static void read_all(int fd, char *buf, size_t size) {
        char rest[1024];
        size_t n = 0;

        for (;;) {
                size_t room = size - 1 - n;
                ssize_t k = read(fd, room > 0 ? buf + n : rest, room > 0 ? room : sizeof(rest));

                if (k < 0 && errno == EINTR)
                        continue;
                if (k <= 0)
                        break;
                n += room > 0 ? (size_t) k : 0;
        }
        buf[n] = '\0';
}

/* Runs "leash [VERB] -u UID" and keeps the first line of what it says. */
static void run_leash(Top *t, const char *verb) {
        char uid[16], said[1024] = "";
        int fds[2];
        pid_t pid;

        (void) snprintf(uid, sizeof(uid), "%u", (unsigned) t->model.selected);
        if (pipe2(fds, O_CLOEXEC) < 0)
                return;
        pid = fork();
        if (pid == 0) {
                /* a verb that there is comes first; leash takes options anywhere */
                const char *argv[] = { t->c->program, "-u", uid, verb, NULL };

                (void) dup2(fds[1], STDOUT_FILENO);
                (void) dup2(fds[1], STDERR_FILENO);
                (void) identity_take_null(STDIN_FILENO);
                (void) execv(t->c->program, (char *const *) argv);
                _exit(127);
        }
        (void) close(fds[1]);
        if (pid > 0) {
                read_all(fds[0], said, sizeof(said));
                wait_for(pid);
        }
        (void) close(fds[0]);
        keep_line(t, said);
}

static void wait_for_key(void) {
        char key;

        while (read(STDIN_FILENO, &key, 1) < 0 && errno == EINTR)
                ;
}

/* Leaves the screen to "leash show" until a key is pressed. */
static void show(Top *t) {
        char uid[16];
        pid_t pid;

        (void) snprintf(uid, sizeof(uid), "%u", (unsigned) t->model.selected);
        (void) endwin();
        pid = fork();
        if (pid == 0) {
                const char *argv[] = { t->c->program, "show", "-u", uid, NULL };

                (void) execv(t->c->program, (char *const *) argv);
                _exit(127);
        }
        if (pid > 0)
                wait_for(pid);
        (void) fputs("\npress a key ", stdout);
        (void) fflush(stdout);
        (void) reset_prog_mode();
        wait_for_key(); /* getch() would bring the screen back first */
        (void) clearok(stdscr, TRUE);
}

static void type(Top *t, int key) {
        size_t n = strlen(t->model.filter);

        if (key == '\n' || key == KEY_ENTER || key == 27) {
                t->typing = false;
                if (key == 27)
                        t->model.filter[0] = '\0';
        } else if ((key == KEY_BACKSPACE || key == 127 || key == '\b') && n > 0) {
                t->model.filter[n - 1] = '\0';
        } else if (key > ' ' && key < 127 && n + 1 < sizeof(t->model.filter)) {
                t->model.filter[n] = (char) key;
                t->model.filter[n + 1] = '\0';
        }
        topmodel_arrange(&t->model);
}

static void answer(Top *t, int key) {
        if (key == 'y' || key == 'Y')
                run_leash(t, t->ask == 'r' ? "release" : NULL);
        t->ask = 0;
}

static void open_selected(Top *t) {
        bool same = t->model.opened == t->model.selected;

        t->model.opened = same ? (uid_t) -1 : t->model.selected;
        t->processes_at = 0;
        free(TAKE_PTR(t->model.processes));
        t->model.n_processes = 0;
}

static void press(Top *t, int key) {
        static const struct {
                int key;
                TopSort sort;
        } sorts[] = { { 'C', TOP_BY_CPU },
                      { 'M', TOP_BY_MEMORY },
                      { 'P', TOP_BY_PRESSURE },
                      { 'T', TOP_BY_THROTTLED },
                      { 'U', TOP_BY_NAME } };

        t->message[0] = '\0';
        for (size_t i = 0; i < ELEMENTSOF(sorts); i++)
                if (sorts[i].key == key)
                        t->model.sort = sorts[i].sort;
        switch (key) {
        case 'q':
                t->done = true;
                return;
        case KEY_UP:
        case 'k':
                topmodel_move(&t->model, -1);
                return;
        case KEY_DOWN:
        case 'j':
                topmodel_move(&t->model, 1);
                return;
        case KEY_PPAGE:
        case KEY_NPAGE:
                topmodel_move(&t->model, key == KEY_NPAGE ? 20 : -20);
                return;
        case '/':
                t->typing = true;
                t->model.filter[0] = '\0';
                break;
        case '\n':
        case KEY_ENTER:
        case 't':
                open_selected(t);
                break;
        case 'l':
        case 'r':
                if (t->model.selected != (uid_t) -1)
                        t->ask = (char) key;
                return;
        case 's':
                if (t->model.selected != (uid_t) -1)
                        show(t);
                return;
        }
        topmodel_arrange(&t->model);
}

/* Until the next look is due, keys are answered at once. Returns 0 or -errno. */
static int turn(Top *t) {
        usec_t end = clock_monotonic() + REFRESH_MSEC * USEC_PER_MSEC;
        int r;

        r = look(t);
        while (r >= 0 && !t->done) {
                usec_t now = clock_monotonic();
                int key;

                draw(t);
                if (now >= end)
                        break;
                timeout((int) ((end - now) / USEC_PER_MSEC) + 1);
                key = getch();
                if (key == ERR)
                        break;
                if (key == KEY_RESIZE)
                        continue;
                if (t->typing)
                        type(t, key);
                else if (t->ask)
                        answer(t, key);
                else
                        press(t, key);
                if (key == 't' || key == '\n' || key == 'y')
                        break; /* there is something new to be seen */
        }
        return r;
}

static int run_terminal(Top *t) {
        int r = 0;

        if (!initscr())
                return -ENOTTY;
        (void) cbreak();
        (void) noecho();
        (void) keypad(stdscr, TRUE);
        (void) curs_set(0);
        set_escdelay(25);
        while (r >= 0 && !t->done)
                r = turn(t);
        (void) endwin();
        return r;
}

/* For the bench: what one refresh costs, without a terminal to wait for. */
static int run_many(Top *t, unsigned n) {
        usec_t best = USEC_INFINITY;

        for (unsigned i = 0; i < n; i++) {
                usec_t begin = clock_monotonic();
                char text[TOP_LINE_MAX];
                int r = look(t);

                if (r < 0)
                        return r;
                for (size_t k = 0; k < t->model.n_order && k < 60; k++)
                        topmodel_format(&t->model.users[t->model.order[k]], 200, begin, text);
                best = MIN_OF(best, clock_monotonic() - begin);
        }
        output_error("# a look and a screen: %.1f ms", (double) best / USEC_PER_MSEC);
        return 0;
}

/* Where there is no terminal: one look, told once. */
static int run_once(Top *t) {
        usec_t now = clock_realtime();
        char text[TOP_LINE_MAX];
        int r;

        r = look(t);
        if (r >= 0) {
                clock_sleep(USEC_PER_SEC);
                r = look(t);
        }
        if (r < 0)
                return r;
        topmodel_format_header(100, text);
        output_line("%s", text);
        for (size_t i = 0; i < t->model.n_order; i++) {
                topmodel_format(&t->model.users[t->model.order[i]], 100, now, text);
                output_line("%s", text);
        }
        return 0;
}

Exit verb_top(Context *c) {
        Top t = { .c = c, .model = TOP_MODEL_NULL };
        const char *many;
        uint64_t looks;
        Exit e;
        int r;

        e = context_look_at_ledger(c);
        if (e != EXIT_DONE)
                return e;
        many = secure_getenv("LEASH_TOP_LOOKS");
        if (many && parse_u64(many, &looks) >= 0 && looks <= 1000)
                r = run_many(&t, looks);
        else
                r = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO) ? run_terminal(&t) : run_once(&t);
        topmodel_done(&t.model);
        if (r >= 0)
                return EXIT_DONE;
        output_error(r == -ENOENT ? "this host keeps no slices of users: PID 1 is not systemd"
                                  : "cannot look at the users: %s",
                     strerror(-r));
        return EXIT_FAILED;
}
