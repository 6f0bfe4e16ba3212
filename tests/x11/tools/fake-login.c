/* SPDX-License-Identifier: MIT */
/* A login manager with one session, on the system bus that DBUS_SYSTEM_BUS_ADDRESS names.
 *
 * fake-login LOG: notes each call as "MICROSECONDS WHAT" of the monotonic clock, and obeys lines on
 * stdin: lock, unlock, sleep, resume, block UID WHAT, block (by
 * nobody), refuse (to end the session), quit. Also notes
 * when the delay before sleep is given up. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <time.h>
#include <unistd.h>

#define LOGIN1 "org.freedesktop.login1"
#define MANAGER_PATH "/org/freedesktop/login1"
#define MANAGER LOGIN1 ".Manager"
#define SESSION_PATH "/org/freedesktop/login1/session/_39"
#define SESSION LOGIN1 ".Session"

typedef struct Fake {
        sd_event *event;
        sd_bus *bus;
        const char *log;
        char blocked[64];
        uint32_t blocker;
        bool refuses;
} Fake;

static void note(const Fake *f, const char *what, const char *more) {
        FILE *log = fopen(f->log, "ae");
        struct timespec ts;

        (void) clock_gettime(CLOCK_MONOTONIC, &ts);
        if (!log)
                return;
        (void) fprintf(log, "%lld %s%s%s\n", (long long) ts.tv_sec * 1000000 + ts.tv_nsec / 1000,
                       what, more ? " " : "", more ? more : "");
        (void) fclose(log);
}

static int on_released(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        (void) events;
        note(userdata, "released", NULL);
        sd_event_source_disable_unref(source);
        (void) close(fd);
        return 0;
}

static int method_inhibit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *what, *who, *why, *mode;
        sd_event_source *source = NULL;
        Fake *f = userdata;
        int fds[2], r;

        (void) error;
        r = sd_bus_message_read(m, "ssss", &what, &who, &why, &mode);
        if (r < 0)
                return r;
        if (pipe2(fds, O_CLOEXEC) < 0)
                return -errno;
        note(f, "inhibit", mode);
        r = sd_event_add_io(f->event, &source, fds[0], EPOLLHUP, on_released, f);
        if (r >= 0)
                r = sd_bus_reply_method_return(m, "h", fds[1]);
        (void) close(fds[1]);
        return r;
}

static int method_session(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) userdata, (void) error;
        return sd_bus_reply_method_return(m, "o", SESSION_PATH);
}

static int method_hint(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        int value, r;

        (void) error;
        r = sd_bus_message_read(m, "b", &value);
        if (r < 0)
                return r;
        note(userdata, sd_bus_message_get_member(m), value ? "yes" : "no");
        return sd_bus_reply_method_return(m, NULL);
}

static int method_terminate(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Fake *f = userdata;

        note(f, "Terminate", NULL);
        if (f->refuses)
                return sd_bus_error_set(error, SD_BUS_ERROR_ACCESS_DENIED, "Not allowed");
        return sd_bus_reply_method_return(m, NULL);
}

static int get_blocked(sd_bus *bus, const char *path, const char *interface, const char *property,
                       sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Fake *f = userdata;

        (void) bus, (void) path, (void) interface, (void) property, (void) error;
        return sd_bus_message_append(reply, "s", f->blocked);
}

static int method_list(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Fake *f = userdata;

        (void) error;
        if (!*f->blocked)
                return sd_bus_reply_method_return(m, "a(ssssuu)", 1, "sleep", "somebody", "delays",
                                                  "delay", (uint32_t) getuid(), 4711);
        return sd_bus_reply_method_return(m, "a(ssssuu)", 2, "idle:sleep", "somebody", "delays",
                                          "delay", (uint32_t) getuid(), 4711, f->blocked,
                                          "somebody", "blocks", "block", f->blocker, 4712);
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Inhibit", "ssss", "h", method_inhibit, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetSession", "s", "o", method_session, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetSessionByPID", "u", "o", method_session, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("ListInhibitors", NULL, "a(ssssuu)", method_list, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_PROPERTY("BlockInhibited", "s", get_blocked, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE),
        SD_BUS_SIGNAL("PrepareForSleep", "b", 0),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable session_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("SetIdleHint", "b", "", method_hint, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("SetLockedHint", "b", "", method_hint, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("Terminate", "", "", method_terminate, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL("Lock", "", 0),
        SD_BUS_SIGNAL("Unlock", "", 0),
        SD_BUS_VTABLE_END,
};

static int obey(Fake *f, const char *line) {
        if (strcmp(line, "lock") == 0)
                return sd_bus_emit_signal(f->bus, SESSION_PATH, SESSION, "Lock", NULL);
        if (strcmp(line, "unlock") == 0)
                return sd_bus_emit_signal(f->bus, SESSION_PATH, SESSION, "Unlock", NULL);
        if (strcmp(line, "sleep") == 0 || strcmp(line, "resume") == 0) {
                note(f, line, NULL);
                return sd_bus_emit_signal(f->bus, MANAGER_PATH, MANAGER, "PrepareForSleep", "b",
                                          line[0] == 's');
        }
        if (strncmp(line, "block", 5) == 0) {
                char *what = NULL;

                f->blocker = line[5] ? (uint32_t) strtoul(line + 6, &what, 10) : 0;
                (void) snprintf(f->blocked, sizeof(f->blocked), "%s",
                                what && *what ? what + 1 : "");
                return sd_bus_emit_properties_changed(f->bus, MANAGER_PATH, MANAGER,
                                                      "BlockInhibited", NULL);
        }
        if (strcmp(line, "refuse") == 0)
                f->refuses = true;
        return strcmp(line, "quit") == 0 ? sd_event_exit(f->event, 0) : 0;
}

static int on_stdin(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Fake *f = userdata;
        char buf[1024];
        ssize_t n = read(fd, buf, sizeof(buf) - 1);

        (void) source, (void) events;
        if (n <= 0)
                return sd_event_exit(f->event, 0);
        buf[n] = '\0';
        for (char *save = NULL, *line = strtok_r(buf, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save))
                if (obey(f, line) < 0)
                        return sd_event_exit(f->event, 1);
        return 0;
}

int main(int argc, char *argv[]) {
        Fake f = { .log = argc > 1 ? argv[1] : "/dev/stderr" };
        int r;

        r = sd_event_new(&f.event);
        if (r >= 0)
                r = sd_bus_open_system(&f.bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(f.bus, NULL, MANAGER_PATH, MANAGER, manager_vtable,
                                             &f);
        if (r >= 0)
                r = sd_bus_add_object_vtable(f.bus, NULL, SESSION_PATH, SESSION, session_vtable,
                                             &f);
        if (r >= 0)
                r = sd_bus_request_name(f.bus, LOGIN1, 0);
        if (r >= 0)
                r = sd_bus_attach_event(f.bus, f.event, 0);
        if (r >= 0)
                r = sd_event_add_io(f.event, NULL, STDIN_FILENO, EPOLLIN, on_stdin, &f);
        if (r >= 0) {
                (void) puts("ready");
                (void) fflush(stdout);
                r = sd_event_loop(f.event);
        }
        if (r < 0)
                (void) fprintf(stderr, "fake-login: %s\n", strerror(-r));
        return r < 0;
}
