/* SPDX-License-Identifier: MIT */
/* Ending sessions of logind's, rung by rung. */

#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-login.h>

#include "backend/login.h"
#include "backend/loginend.h"
#include "core/placement.h"
#include "core/sessions.h"
#include "os/file.h"
#include "os/proc.h"

#define LOGIND "org.freedesktop.login1"
#define LOGIND_PATH "/org/freedesktop/login1"
#define LOGIND_MANAGER "org.freedesktop.login1.Manager"

/* What says that there is nobody any more: logind's own, and what it forwards from PID 1. */
static const char *const gone[] = {
        "org.freedesktop.login1.NoSuchSession",
        "org.freedesktop.systemd1.NoSuchUnit",
        "org.freedesktop.systemd1.NoSuchProcess",
        "org.freedesktop.systemd1.ScopeNotRunning",
};

#define _cleanup_error_ _cleanup_(sd_bus_error_free)
#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)

struct LoginEnd {
        sd_bus *bus;
        usec_t timeout;
};

/* sd-bus has the same number for a name that nobody owns, which says nothing. */
static int not_gone(int r) {
        return r == -ENXIO || r == -ENOENT ? -EHOSTUNREACH : MIN_OF(r, 0);
}

static int outcome(const sd_bus_error *error) {
        for (size_t i = 0; i < ELEMENTSOF(gone); i++)
                if (sd_bus_error_has_name(error, gone[i]))
                        return -ENXIO;
        return not_gone(-sd_bus_error_get_errno(error));
}

int loginend_outcome(sd_bus_message *answer) {
        return outcome(sd_bus_message_get_error(answer));
}

static int call(sd_bus *bus, sd_bus_message *m, usec_t timeout) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        int r = sd_bus_call(bus, m, timeout, &error, NULL);

        return sd_bus_error_is_set(&error) ? outcome(&error) : not_gone(r);
}

/* What xrdp starts for a session beside the desktop. To end these first would throw the programs
 * out of their display before they have saved. */
static bool serves_display(const char *program) {
        return program[0] == 'X' || strcmp(program, "xrdp-chansrv") == 0;
}

/* Which program a process runs is known of the system's own alone; what a user calls like a display
 * server is a program of theirs. */
static void ask_program(pid_t pid, uid_t uid, const char *top) {
        _cleanup_close_ int pidfd = proc_open(pid);
        _cleanup_free_ char *cgroup = NULL;
        char program[64] = "";
        ProcStatus status;

        if (pidfd < 0 || proc_read_status(pid, &status) < 0 || status.ruid != uid ||
            proc_read_unit_cgroup(pid, &cgroup) < 0 || !placement_is_inside(cgroup, top))
                return;
        (void) proc_read_program(pid, program, sizeof(program));
        if (!serves_display(program))
                (void) proc_signal(pidfd, SIGTERM); /* who has gone needs no asking */
}

/* A desktop's programs, for xrdp leaves them to what comes later: its session process stops the
 * display as soon as the window manager has gone, and the end of the scope is a SIGHUP right behind
 * the SIGTERM, which kills who was about to save (SendSIGHUP= in systemd.kill(5), logind's scopes
 * have it). The session process of xrdp 0.9 does not even pass on a SIGTERM to the window manager;
 * seen on 0.9.21. */
static void ask_programs(const char *id) {
        _cleanup_(login_session_done) LoginSession s = {};
        char top[PLACEMENT_CGROUP_MAX];
        _cleanup_free_ pid_t *pids = NULL;
        size_t n;

        if (login_session(id, &s) < 0 || !s.service || strcmp(s.service, SESSION_SERVICE_XRDP) != 0)
                return;
        /* By its id, since the leader may have gone, and its number be another's. */
        placement_session_cgroup(s.uid, id, top);
        if (proc_list(&pids, &n) < 0)
                return;
        for (size_t i = 0; i < n; i++)
                ask_program(pids[i], s.uid, top);
}

static bool is_closing(const char *id) {
        _cleanup_free_ char *state = NULL;

        return sd_session_get_state(id, &state) >= 0 && strcmp(state, "closing") == 0;
}

int loginend_begin(sd_bus *bus, const char *id, SessionRung rung, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        bool terminate = rung == SESSION_RUNG_TERMINATED && !is_closing(id);
        int r;

        if (rung == SESSION_RUNG_NONE || rung == SESSION_RUNG_STUCK)
                return 0;
        r = sd_bus_message_new_method_call(bus, &m, LOGIND, LOGIND_PATH, LOGIND_MANAGER,
                                           terminate ? "TerminateSession" : "KillSession");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", id);
        if (r >= 0 && !terminate)
                r = sd_bus_message_append(m, "si", rung == SESSION_RUNG_ASKED ? "leader" : "all",
                                          rung == SESSION_RUNG_KILLED ? SIGKILL : SIGTERM);
        if (r < 0)
                return r;
        if (rung == SESSION_RUNG_ASKED)
                ask_programs(id);
        *ret = TAKE_PTR(m);
        return 1;
}

int loginend_open(usec_t timeout, LoginEnd **ret) {
        _cleanup_(loginend_closep) LoginEnd *e = calloc(1, sizeof(LoginEnd));
        int r;

        if (!e)
                return -ENOMEM;
        e->timeout = timeout;
        r = sd_bus_open_system(&e->bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(e);
        return 0;
}

LoginEnd *loginend_close(LoginEnd *e) {
        if (!e)
                return NULL;
        e->bus = sd_bus_close_unref(e->bus);
        free(e);
        return NULL;
}

int loginend_take(LoginEnd *e, const char *id, SessionRung rung) {
        _cleanup_message_ sd_bus_message *m = NULL;
        int r = loginend_begin(e->bus, id, rung, &m);

        return r > 0 ? call(e->bus, m, e->timeout) : r;
}

int loginend_is_there(LoginEnd *e, const char *id) {
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(e->bus, &m, LOGIND, LOGIND_PATH, LOGIND_MANAGER,
                                           "GetSession");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", id);
        if (r >= 0)
                r = call(e->bus, m, e->timeout);
        return r == -ENXIO ? 0 : r < 0 ? r : 1;
}
