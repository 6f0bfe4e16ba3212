/* SPDX-License-Identifier: MIT */
/* Login sessions, as logind keeps them. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <systemd/sd-login.h>

#include "backend/login.h"
#include "core/parse.h"
#include "core/placement.h"
#include "core/sessions.h"
#include "os/file.h"
#include "os/proc.h"

void login_session_done(LoginSession *s) {
        free(s->id);
        free(s->class);
        free(s->type);
        free(s->service);
        free(s->state);
        free(s->tty);
        free(s->display);
        free(s->remote_host);
        *s = (LoginSession){};
}

/* The value of that line, in place. A display that a user has named may hold newlines, and then
 * stands in quotation marks: what is within them is no line of logind's. */
static const char *find_line(char *text, const char *key) {
        size_t n = strlen(key);
        bool quoted = false;
        char *next;

        for (char *line = text; line; line = next) {
                next = strchr(line, '\n');
                if (next)
                        *next++ = '\0';
                if (!quoted && strncmp(line, key, n) == 0 && line[n] == '=')
                        return line + n + 1;
                for (const char *c = line; *c; c++) {
                        if (*c == '\\' && c[1])
                                c++;
                        else if (*c == '"')
                                quoted = !quoted;
                }
        }
        return NULL;
}

/* A value of logind's own file on a session, as a new string; NULL if there is none. */
static char *read_value(const char *root, const char *id, const char *key) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        const char *value;

        if (strchr(id, '/'))
                return NULL;
        path = file_path("%s/run/systemd/sessions/%s", root, id);
        if (!path || file_read(AT_FDCWD, path, 64 * 1024, &text, NULL) < 0)
                return NULL;
        value = find_line(text, key);
        return value ? strdup(value) : NULL;
}

/* sd_session_get_leader() came with systemd 254; the file it reads is older. */
static pid_t read_leader(const char *id) {
        _cleanup_free_ char *value = read_value("", id, "LEADER");
        pid_t pid;

        return !value || parse_pid(value, &pid) < 0 ? 0 : pid;
}

bool login_type_is_graphical(const char *type) {
        return type && (strcmp(type, "x11") == 0 || strcmp(type, "wayland") == 0 ||
                        strcmp(type, "mir") == 0);
}

char *login_type(const char *root, const LoginTypeFacts *f) {
        _cleanup_free_ char *original = read_value(root, f->id, "ORIGINAL_TYPE");
        const char *type = original;

        if (!original ||
            (f->seat && !login_type_is_graphical(original) && login_type_is_graphical(f->type)))
                type = f->type;
        type = session_type_of(f->service, type);
        return type ? strdup(type) : NULL;
}

int login_session(const char *id, LoginSession *ret) {
        _cleanup_free_ char *seat = NULL, *type = NULL;
        LoginSession s = {};
        int r;

        r = sd_session_get_uid(id, &s.uid);
        if (r < 0)
                return r;
        s.id = strdup(id);
        if (!s.id)
                return -ENOMEM;
        s.leader = read_leader(id);
        /* Each of these may be unknown, which is what NULL says. */
        (void) sd_session_get_class(id, &s.class);
        (void) sd_session_get_type(id, &type);
        (void) sd_session_get_seat(id, &seat);
        (void) sd_session_get_service(id, &s.service);
        (void) sd_session_get_state(id, &s.state);
        (void) sd_session_get_tty(id, &s.tty);
        (void) sd_session_get_display(id, &s.display);
        (void) sd_session_get_remote_host(id, &s.remote_host);
        s.type = login_type("", &(LoginTypeFacts){ id, s.service, seat, type });
        *ret = s;
        return 0;
}

static void strv_freep(char ***l) {
        STRV_FOREACH(s, *l)
                free(*s);
        free(*l);
}

/* The user manager's, since systemd 256. */
static bool is_manager(const char *class) {
        return class && strncmp(class, "manager", 7) == 0;
}

int login_sessions(uid_t uid, LoginSession **ret, size_t *ret_n) {
        _cleanup_(strv_freep) char **ids = NULL;
        LoginSession *sessions;
        size_t n = 0;
        int r;

        r = sd_uid_get_sessions(uid, false, &ids);
        if (r < 0) /* -ENODATA and the like: the user is not logged in, or logind does not run */
                r = 0;
        sessions = calloc(r + 1, sizeof(LoginSession));
        if (!sessions)
                return -ENOMEM;
        STRV_FOREACH(id, ids) {
                LoginSession *s = &sessions[n];

                if (n == LOGIN_SESSIONS_MAX)
                        break;
                r = login_session(*id, s);
                if (r == -ENOMEM) {
                        login_sessions_free(sessions, n);
                        return r;
                }
                if (r < 0) /* ended meanwhile */
                        continue;
                if (is_manager(s->class))
                        login_session_done(s);
                else
                        n++;
        }
        *ret = sessions;
        *ret_n = n;
        return 0;
}

bool login_lingers(const char *user) {
        _cleanup_free_ char *path = file_path("/var/lib/systemd/linger/%s", user);

        return path && !strchr(user, '/') && access(path, F_OK) == 0;
}

int login_has_any_session(uid_t uid) {
        _cleanup_(strv_freep) char **ids = NULL;
        int r;

        r = sd_uid_get_sessions(uid, false, &ids);
        if (r < 0)
                return r == -ENODATA || r == -ENXIO || r == -ENOENT ? 0 : r;
        STRV_FOREACH(id, ids) {
                _cleanup_free_ char *class = NULL;

                r = sd_session_get_class(*id, &class);
                if (r == -ENOMEM)
                        return r;
                if (!is_manager(class)) /* also one whose file is not there yet */
                        return 1;
        }
        return 0;
}

int login_leaders(uid_t uid, pid_t **ret, size_t *ret_n) {
        _cleanup_(strv_freep) char **ids = NULL;
        pid_t *leaders;
        size_t n = 0;
        int r;

        r = sd_uid_get_sessions(uid, false, &ids);
        leaders = calloc(r > 0 ? r : 1, sizeof(pid_t));
        if (!leaders)
                return -ENOMEM;
        STRV_FOREACH(id, ids) {
                if (n == LOGIN_SESSIONS_MAX)
                        break;
                leaders[n] = read_leader(*id);
                n += leaders[n] > 0;
        }
        *ret = leaders;
        *ret_n = n;
        return 0;
}

int login_users(uid_t **ret, size_t *ret_n) {
        uid_t *uids = NULL;
        int r;

        r = sd_get_uids(&uids);
        if (r == -ENOMEM)
                return r;
        *ret = r > 0 ? uids : NULL; /* logind does not run: nobody has a session of it */
        *ret_n = r > 0 ? r : 0;
        return 0;
}

/* Returns 1 or 0; -ENXIO for a session that is gone; -errno. */
static int is_live_of(const char *id, const char *service) {
        _cleanup_free_ char *own = NULL, *class = NULL, *state = NULL;
        int r;

        r = sd_session_get_service(id, &own);
        if (r == -ENODATA) /* made without PAM */
                return 0;
        if (r >= 0)
                r = sd_session_get_class(id, &class);
        if (r >= 0)
                r = sd_session_get_state(id, &state);
        return r < 0 ? r
                     : strcmp(own, service) == 0 && strcmp(class, "user") == 0 &&
                               strcmp(state, "closing") != 0;
}

int login_has_session(uid_t uid, const char *service) {
        _cleanup_(strv_freep) char **ids = NULL;
        unsigned n = 0;
        int r;

        if (access("/run/systemd/users", F_OK) < 0)
                return errno == ENOENT ? -ENODATA : -errno;
        r = sd_uid_get_sessions(uid, false, &ids);
        if (r < 0)
                return r == -ENODATA || r == -ENXIO ? 0 : r;
        STRV_FOREACH(id, ids) {
                if (n++ == LOGIN_SESSIONS_MAX)
                        return -E2BIG;
                r = is_live_of(*id, service);
                if (r > 0 || (r < 0 && r != -ENXIO))
                        return r;
        }
        return 0;
}

LoginSession *login_sessions_free(LoginSession *sessions, size_t n) {
        for (size_t i = 0; i < n; i++)
                login_session_done(&sessions[i]);
        free(sessions);
        return NULL;
}

/* ":10", ":10.0", "localhost:10.0": the screen does not matter. Of one host only if it is the same
 * text: what sshd forwards as localhost:10 is no local :10. */
static bool is_same_display(const char *a, const char *b) {
        const char *colon_a = strrchr(a, ':'), *colon_b = strrchr(b, ':'), *rest_a, *rest_b;
        uint64_t number_a, number_b;

        return colon_a && colon_b && colon_a - a == colon_b - b &&
               strncmp(a, b, colon_a - a) == 0 &&
               parse_decimal(colon_a + 1, 0, &number_a, &rest_a) >= 0 &&
               parse_decimal(colon_b + 1, 0, &number_b, &rest_b) >= 0 && number_a == number_b &&
               (*rest_a == '\0' || *rest_a == '.') && (*rest_b == '\0' || *rest_b == '.');
}

static bool is_open(const LoginSession *s) {
        return !s->state || strcmp(s->state, "closing") != 0;
}

const LoginSession *login_find_display(const LoginSession *sessions, size_t n,
                                       const char *display) {
        const LoginSession *only = NULL;
        size_t graphical = 0;

        for (size_t i = 0; i < n; i++)
                if (is_open(&sessions[i]) && sessions[i].display &&
                    is_same_display(sessions[i].display, display))
                        return &sessions[i];
        for (size_t i = 0; i < n; i++)
                if (is_open(&sessions[i]) && login_type_is_graphical(sessions[i].type)) {
                        only = &sessions[i];
                        graphical++;
                }
        return graphical == 1 && !only->display && strcmp(only->type, "x11") == 0 ? only : NULL;
}

/* sudo keeps the login uid; where the kernel has none, what it was typed into lies above it. */
static uid_t find_owner_above(void) {
        uid_t uid = proc_read_loginuid(getpid());
        pid_t pid = getpid();
        ProcStatus status;
        ProcStat stat;

        for (unsigned i = 0; i < PROC_ANCESTORS_MAX && uid == (uid_t) -1 && pid > 1; i++) {
                if (proc_read_status(pid, &status) < 0 || proc_read_stat(pid, &stat) < 0)
                        break;
                if (status.ruid != 0)
                        uid = status.ruid;
                pid = stat.ppid;
        }
        return uid;
}

/* As sd_pid_get_owner_uid(3) finds it, by what is read of every other process as well: at the start
 * of each leash the library's own way took longer than all the rest of the looking. */
static uid_t find_owner_by_cgroup(void) {
        _cleanup_free_ char *cgroup = NULL;
        Placement p;

        return proc_read_unit_cgroup(getpid(), &cgroup) >= 0 && placement_parse(cgroup, &p) >= 0
                       ? p.owner
                       : (uid_t) -1;
}

uid_t login_caller_owner(bool placement) {
        uid_t uid = find_owner_by_cgroup();

        return uid != (uid_t) -1 || placement ? uid : find_owner_above();
}
