/* SPDX-License-Identifier: MIT */
/* Whose a window is: another leash-lock's, the locker's, or anybody's.
 *
 * Any client may take the selection and answer what is asked. So it is not the answer that counts
 * but who gives it: a process of ours that runs leash-lock. Which process a window belongs to is
 * the server's word, where it can say; else the answer's. Neither is proof against a user who wants
 * to cheat (a connection can be handed on), which is why nobody who is believed here opens
 * anything. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/parse.h"
#include "os/proc.h"
#include "x11-private.h"

#define PROGRAM "leash-lock"
/* From a locker's window up to the locker: a wrapper, a shell, env. */
#define GENERATIONS_MAX 16

/* One that an upgrade has replaced is another file, but still of that name. */
static bool runs_leash_lock(pid_t pid) {
        char path[64], name[sizeof(PROGRAM)];
        struct stat theirs, own;
        ProcStatus status;

        if (pid == getpid() || proc_read_status(pid, &status) < 0 || status.ruid != getuid())
                return false;
        (void) snprintf(path, sizeof(path), "/proc/%d/exe", (int) pid);
        if (stat(path, &theirs) == 0 && stat("/proc/self/exe", &own) == 0 &&
            theirs.st_dev == own.st_dev && theirs.st_ino == own.st_ino)
                return true;
        return proc_read_program(pid, name, sizeof(name)) == 0 && strcmp(name, PROGRAM) == 0;
}

static pid_t named_in(const char *answer) {
        static const char key[] = "\npid=";
        const char *at = strstr(answer, key);
        char text[16];
        pid_t pid;

        if (!at)
                return 0;
        at += strlen(key);
        (void) snprintf(text, sizeof(text), "%.*s", (int) MIN_OF(strcspn(at, "\n"), sizeof(text)),
                        at);
        return parse_pid(text, &pid) < 0 ? 0 : pid;
}

bool x11_has_other(const X11 *x) {
        Window owner = XGetSelectionOwner(x->display, x->atoms[X11_ATOM_SELECTION]);
        char answer[X11_ANSWER_MAX];
        pid_t pid;
        int r;

        /* Asking ourselves, we would wait for us. */
        if (owner == None || owner == x->window)
                return false;
        r = x11_client_pid(x->display, owner, &pid);
        if (r >= 0 ? !runs_leash_lock(pid) : r != -EOPNOTSUPP)
                return false;
        /* One that is silent, as it is stopped, does not count. */
        if (x11_ask(DisplayString(x->display), X11_EVENT_ASKED_STATUS, answer) < 0)
                return false;
        return r >= 0 || runs_leash_lock(named_in(answer));
}

/* ---- the locker's ------------------------------------------------------------------------------
 */

bool x11_knows_owners(const X11 *x) {
        pid_t pid;

        return x11_client_pid(x->display, x->window, &pid) >= 0 && pid == getpid();
}

/* xsecurelock draws its saver in children that have process groups of their own; i3lock, when it
 * goes into the background, keeps the connection of a process that has ended. */
static bool is_family(pid_t pid, pid_t locker) {
        ProcStat stat;

        if (pid == locker)
                return true;
        for (unsigned i = 0; i < GENERATIONS_MAX && proc_read_stat(pid, &stat) >= 0; i++) {
                if (stat.pgid == locker || stat.ppid == locker)
                        return true;
                if (stat.ppid <= 1)
                        break;
                pid = stat.ppid;
        }
        return false;
}

static bool is_newcomer(const X11 *x, Window window) {
        for (unsigned i = 0; i < MIN_OF(x->n_newcomers, X11_NEWCOMERS_MAX); i++)
                if (x->newcomers[i] == window)
                        return true;
        return false;
}

bool x11_is_lockers(const X11 *x, Window window) {
        pid_t pid;

        if (x->locker_pid == 0)
                return false;
        if (!x->knows_owners)
                return is_newcomer(x, window);
        return x11_client_pid(x->display, window, &pid) >= 0 && is_family(pid, x->locker_pid);
}
