/* SPDX-License-Identifier: MIT */
/* Our own session at logind. Every call is sent and its answer handled when it comes: a login
 * manager that hangs must not keep a screen open. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <systemd/sd-login.h>
#include <unistd.h>

#include "backend/buslink.h"
#include "backend/login.h"
#include "backend/logind.h"
#include "os/file.h"

#define LOGIN1 "org.freedesktop.login1"
#define MANAGER_PATH "/org/freedesktop/login1"
#define MANAGER "org.freedesktop.login1.Manager"
#define SESSION "org.freedesktop.login1.Session"

struct Logind {
        BusLink link;
        char *display;
        char *path, *id; /* of the session; NULL if unknown */
        int sleep_fd;
        bool wants_sleep, taking_sleep;
        bool asks_blocks, blocks_changed; /* one list at a time, however many there are */
        bool idle, locked;
        LogindHandler handler;
        void *userdata;
};

static bool is_error(sd_bus_message *m) {
        return sd_bus_message_is_method_error(m, NULL);
}

/* ---- hints and the delay -----------------------------------------------------------------------
 */

static int on_ignored(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) m, (void) userdata, (void) error;
        return 0;
}

static void send_hints(Logind *l) {
        if (!l->link.bus || !l->path)
                return;
        /* A session of another type (tty) takes no idle hint: nothing to be done about it. */
        (void) sd_bus_call_method_async(l->link.bus, NULL, LOGIN1, l->path, SESSION, "SetIdleHint",
                                        on_ignored, NULL, "b", (int) l->idle);
        (void) sd_bus_call_method_async(l->link.bus, NULL, LOGIN1, l->path, SESSION,
                                        "SetLockedHint", on_ignored, NULL, "b", (int) l->locked);
}

void logind_set_hints(Logind *l, bool idle, bool locked) {
        l->idle = idle;
        l->locked = locked;
        send_hints(l);
}

static int on_inhibitor(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;
        int fd;

        (void) error;
        l->taking_sleep = false;
        if (is_error(m) || sd_bus_message_read(m, "h", &fd) < 0 || !l->wants_sleep ||
            l->sleep_fd >= 0)
                return 0;
        fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        l->sleep_fd = fd < 0 ? -EBADF : fd;
        return 0;
}

void logind_take_sleep(Logind *l) {
        l->wants_sleep = true;
        if (!l->link.bus || l->sleep_fd >= 0 || l->taking_sleep)
                return;
        l->taking_sleep =
                sd_bus_call_method_async(l->link.bus, NULL, LOGIN1, MANAGER_PATH, MANAGER,
                                         "Inhibit", on_inhibitor, l, "ssss", "sleep", "leash-lock",
                                         "Locks the screen first", "delay") >= 0;
}

void logind_release_sleep(Logind *l) {
        l->wants_sleep = false;
        fd_closep(&l->sleep_fd);
        l->sleep_fd = -EBADF;
}

/* ---- the session -------------------------------------------------------------------------------
 */

static void ask_session(Logind *l, const char *id);

static int on_session(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;
        const char *path;

        (void) error;
        if (is_error(m) || sd_bus_message_read(m, "o", &path) < 0)
                return 0;
        free(l->path);
        l->path = strdup(path);
        send_hints(l);
        return 0;
}

static char *session_of_display(const char *display) {
        const LoginSession *found;
        LoginSession *sessions;
        char *id = NULL;
        size_t n;

        if (login_sessions(getuid(), &sessions, &n) < 0)
                return NULL;
        found = login_find_display(sessions, n, display);
        if (found)
                id = strdup(found->id);
        (void) login_sessions_free(sessions, n);
        return id;
}

/* Started by the user's manager, we belong to no session: the display tells which is meant. */
static int on_own_session(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;

        if (!is_error(m))
                return on_session(m, userdata, error);
        free(l->id);
        l->id = session_of_display(l->display);
        if (l->id)
                ask_session(l, l->id);
        return 0;
}

static void ask_session(Logind *l, const char *id) {
        if (id)
                (void) sd_bus_call_method_async(l->link.bus, NULL, LOGIN1, MANAGER_PATH, MANAGER,
                                                "GetSession", on_session, l, "s", id);
        else
                (void) sd_bus_call_method_async(l->link.bus, NULL, LOGIN1, MANAGER_PATH, MANAGER,
                                                "GetSessionByPID", on_own_session, l, "u",
                                                (uint32_t) getpid());
}

static int on_ended(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;

        (void) error;
        if (is_error(m))
                l->handler(LOGIND_EVENT_END_FAILED, l->userdata);
        return 0;
}

int logind_end_session(Logind *l) {
        int r;

        if (!l->link.bus || !l->path)
                return -ENOTCONN;
        r = sd_bus_call_method_async(l->link.bus, NULL, LOGIN1, l->path, SESSION, "Terminate",
                                     on_ended, l, NULL);
        return r < 0 ? r : 0;
}

const char *logind_session(const Logind *l) {
        const char *slash = l->path ? strrchr(l->path, '/') : NULL;

        return l->id ?: slash ? slash + 1 : NULL;
}

/* ---- signals -----------------------------------------------------------------------------------
 */

static int on_lock(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;
        const char *path = sd_bus_message_get_path(m);

        (void) error;
        if (l->path && path && strcmp(path, l->path) == 0)
                l->handler(sd_bus_message_is_signal(m, SESSION, "Lock") ? LOGIND_EVENT_LOCK
                                                                        : LOGIND_EVENT_UNLOCK,
                           l->userdata);
        return 0;
}

static int on_sleep(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;
        int going;

        (void) error;
        if (sd_bus_message_read(m, "b", &going) < 0)
                return 0;
        l->handler(going ? LOGIND_EVENT_SLEEP : LOGIND_EVENT_RESUME, l->userdata);
        return 0;
}

/* A colon-separated list, see org.freedesktop.login1(5). */
static bool list_has_idle(const char *list) {
        while (*list) {
                size_t n = strcspn(list, ":");

                if (n == strlen("idle") && strncmp(list, "idle", n) == 0)
                        return true;
                list += n + (list[n] == ':');
        }
        return false;
}

/* What keeps the session from being idle: a block by its own user or by root. Of others' blocks a
 * host may have many, and anybody may make them (systemd-inhibit(1)). */
static int read_blocks(sd_bus_message *m, bool *ret) {
        const char *what, *who, *why, *mode;
        uint32_t uid, pid;
        bool blocked = false;
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(ssssuu)");
        if (r < 0)
                return r;
        while ((r = sd_bus_message_read(m, "(ssssuu)", &what, &who, &why, &mode, &uid, &pid)) > 0)
                blocked = blocked || (strcmp(mode, "block") == 0 && list_has_idle(what) &&
                                      (uid == getuid() || uid == 0));
        if (r < 0)
                return r;
        *ret = blocked;
        return 0;
}

static void ask_blocked(Logind *l);

static int on_blocks(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;
        bool blocked = false;

        (void) error;
        /* No list, no inhibitor: the screen is locked rather too early than never. */
        if (!is_error(m) && read_blocks(m, &blocked) < 0)
                blocked = false;
        l->asks_blocks = false;
        if (l->blocks_changed)
                ask_blocked(l);
        l->handler(blocked ? LOGIND_EVENT_INHIBITED : LOGIND_EVENT_UNINHIBITED, l->userdata);
        return 0;
}

static void ask_blocked(Logind *l) {
        l->blocks_changed = l->asks_blocks;
        if (!l->asks_blocks)
                l->asks_blocks =
                        sd_bus_call_method_async(l->link.bus, NULL, LOGIN1, MANAGER_PATH, MANAGER,
                                                 "ListInhibitors", on_blocks, l, NULL) >= 0;
}

static int on_properties(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) m, (void) error;
        ask_blocked(userdata);
        return 0;
}

static int greet(Logind *l) {
        ask_session(l, NULL);
        ask_blocked(l);
        if (l->wants_sleep)
                logind_take_sleep(l);
        return 0;
}

/* A new logind knows nothing of our delay, and keeps hints only over a clean restart. */
static int on_owner(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Logind *l = userdata;
        const char *name, *old, *new;

        (void) error;
        if (sd_bus_message_read(m, "sss", &name, &old, &new) < 0 || !*new)
                return 0;
        fd_closep(&l->sleep_fd);
        l->sleep_fd = -EBADF;
        l->taking_sleep = l->asks_blocks = false;
        return greet(l);
}

static int set_up(BusLink *link) {
        static const struct {
                const char *sender, *path, *interface, *member;
                sd_bus_message_handler_t handler;
        } signals[] = {
                { LOGIN1, NULL, SESSION, "Lock", on_lock },
                { LOGIN1, NULL, SESSION, "Unlock", on_lock },
                { LOGIN1, MANAGER_PATH, MANAGER, "PrepareForSleep", on_sleep },
                { LOGIN1, MANAGER_PATH, "org.freedesktop.DBus.Properties", "PropertiesChanged",
                  on_properties },
        };
        Logind *l = link->userdata;
        int r;

        for (size_t i = 0; i < ELEMENTSOF(signals); i++) {
                r = sd_bus_match_signal_async(link->bus, NULL, signals[i].sender, signals[i].path,
                                              signals[i].interface, signals[i].member,
                                              signals[i].handler, NULL, l);

                if (r < 0)
                        return r;
        }
        /* With arg0, or every name on the bus would wake us up. Without it a logind that restarts
         * would have no word of our delay: another connection is tried then. */
        r = sd_bus_add_match_async(link->bus, NULL,
                                   "type='signal',sender='org.freedesktop.DBus',"
                                   "interface='org.freedesktop.DBus',"
                                   "member='NameOwnerChanged',arg0='" LOGIN1 "'",
                                   on_owner, NULL, l);
        return r < 0 ? r : greet(l);
}

static void on_gone(BusLink *link) {
        Logind *l = link->userdata;

        l->taking_sleep = l->asks_blocks = false;
        fd_closep(&l->sleep_fd);
        l->sleep_fd = -EBADF;
}

int logind_open(sd_event *event, const char *display, LogindHandler handler, void *userdata,
                Logind **ret) {
        _cleanup_(logind_freep) Logind *l = calloc(1, sizeof(Logind));
        int r;

        if (!l)
                return -ENOMEM;
        l->sleep_fd = -EBADF;
        l->handler = handler;
        l->userdata = userdata;
        l->display = strdup(display);
        if (!l->display)
                return -ENOMEM;
        l->link = (BusLink){ .event = event, .set_up = set_up, .gone = on_gone, .userdata = l };
        r = buslink_open(&l->link);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(l);
        return 0;
}

Logind *logind_free(Logind *l) {
        if (!l)
                return NULL;
        buslink_close(&l->link);
        fd_closep(&l->sleep_fd);
        free(l->display);
        free(l->path);
        free(l->id);
        free(l);
        return NULL;
}
