/* SPDX-License-Identifier: MIT */
/* A login manager for tests, on the system bus of DBUS_SYSTEM_BUS_ADDRESS; and X displays whose
 * sockets somebody is connected to or not. fake-logind ROOT reads commands from the pipe
 * ROOT/fake/logind, one a line:
 *
 *   new ID UID DISPLAY [CLASS]   a session comes; DISPLAY is a number or "-" for a terminal
 *   del ID                       it goes
 *   set ID PROPERTY VALUE        LockedHint 0|1, IdleHint 0|1, State TEXT, Leader PID, Service
 * TEXT, and as the session's user may: Type TEXT, Display TEXT stubborn N                   what
 * the next sessions need to end: rungs, from 1 (the leader's TERM); 0: nothing does storm N UID N
 * sessions come, of a hundred users calm N they go serve DISPLAY UID            an X server of
 * xrdp's listens, the socket belongs to UID call DISPLAY                 xrdp connects to it take
 * DISPLAY                 the server takes a connection that somebody else has made hangup DISPLAY
 * and leaves shut DISPLAY                 the X server ends refuse N                     the next N
 * calls that end a session fail break ID, mend ID            what it is cannot be asked, and can
 * again unlist N                     the next N lists fail reloaded                     PID 1 says
 * that it has read its unit files again away, back                   logind is restarted
 *
 * What is asked of it is written to ROOT/fake/logind-calls. A command that was carried out is
 * answered by a line in ROOT/fake/logind-done. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define LOGIN1 "org.freedesktop.login1"
#define SYSTEMD1 "org.freedesktop.systemd1"
#define SESSIONS_MAX 4096
#define DISPLAYS_MAX 1024

typedef struct Session {
        char id[64], class[32], type[16], display[16], state[16], service[32];
        unsigned uid, leader;
        int locked, idle, broken;
        sd_bus_slot *slot;
} Session;

typedef struct Display {
        int listener, client, accepted;
        unsigned uid;
} Display;

typedef struct Fake {
        const char *root;
        sd_bus *bus;
        Session *sessions[SESSIONS_MAX];
        size_t n;
        Display displays[DISPLAYS_MAX];
        int stubborn; /* 0: calls are noted, and nothing ends */
        int refuse, unlist;
} Fake;

static void die(const char *what, int r) {
        (void) fprintf(stderr, "fake-logind: %s: %s\n", what, strerror(r < 0 ? -r : errno));
        exit(EXIT_FAILURE);
}

static void note(Fake *f, const char *file, const char *line) {
        char path[4096];
        FILE *out;

        (void) snprintf(path, sizeof(path), "%s/fake/%s", f->root, file);
        out = fopen(path, "ae");
        if (!out || fprintf(out, "%s\n", line) < 0 || fclose(out) != 0)
                die(path, 0);
}

/* ---- sessions on the bus -----------------------------------------------------------------------
 */

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *property,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Session *s = userdata;

        (void) bus, (void) path, (void) interface;
        if (s->broken)
                return sd_bus_error_set(error, SD_BUS_ERROR_FAILED, "Not now.");
        if (strcmp(property, "Id") == 0)
                return sd_bus_message_append(reply, "s", s->id);
        if (strcmp(property, "Name") == 0)
                return sd_bus_message_append(reply, "s", "somebody");
        if (strcmp(property, "User") == 0)
                return sd_bus_message_append(reply, "(uo)", s->uid,
                                             "/org/freedesktop/login1/user/x");
        if (strcmp(property, "Class") == 0)
                return sd_bus_message_append(reply, "s", s->class);
        if (strcmp(property, "Type") == 0)
                return sd_bus_message_append(reply, "s", s->type);
        if (strcmp(property, "Service") == 0)
                return sd_bus_message_append(reply, "s", s->service);
        if (strcmp(property, "Display") == 0)
                return sd_bus_message_append(reply, "s", s->display);
        if (strcmp(property, "Seat") == 0)
                return sd_bus_message_append(reply, "(so)", "", "/");
        if (strcmp(property, "State") == 0)
                return sd_bus_message_append(reply, "s", s->state);
        if (strcmp(property, "RemoteHost") == 0)
                return sd_bus_message_append(reply, "s", "192.0.2.7");
        if (strcmp(property, "Leader") == 0)
                return sd_bus_message_append(reply, "u", s->leader);
        if (strcmp(property, "LockedHint") == 0)
                return sd_bus_message_append(reply, "b", s->locked);
        if (strcmp(property, "IdleHint") == 0)
                return sd_bus_message_append(reply, "b", s->idle);
        return sd_bus_message_append(reply, "t", (uint64_t) 0);
}

#define P(name, types) \
 SD_BUS_PROPERTY(name, types, get_property, 0, SD_BUS_VTABLE_PROPERTY_EMITS_CHANGE)

static const sd_bus_vtable session_vtable[] = {
        SD_BUS_VTABLE_START(0), P("Id", "s"),       P("Name", "s"),
        P("User", "(uo)"),      P("Class", "s"),    P("Type", "s"),
        P("Service", "s"),      P("Display", "s"),  P("Seat", "(so)"),
        P("State", "s"),        P("Leader", "u"),   P("RemoteHost", "s"),
        P("LockedHint", "b"),   P("IdleHint", "b"), P("IdleSinceHintMonotonic", "t"),
        SD_BUS_VTABLE_END,
};

static char *path_of(const char *id) {
        char *path;

        if (sd_bus_path_encode("/org/freedesktop/login1/session", id, &path) < 0)
                die("path", -ENOMEM);
        return path;
}

static Session *find(Fake *f, const char *id) {
        for (size_t i = 0; i < f->n; i++)
                if (strcmp(f->sessions[i]->id, id) == 0)
                        return f->sessions[i];
        return NULL;
}

static void emit(Fake *f, const char *member, const char *id) {
        char *path = path_of(id);

        if (sd_bus_emit_signal(f->bus, "/org/freedesktop/login1", "org.freedesktop.login1.Manager",
                               member, "so", id, path) < 0)
                die(member, -EIO);
        free(path);
}

static void add(Fake *f, const char *id, unsigned uid, const char *display, const char *class) {
        Session *s = calloc(1, sizeof(Session));
        char *path = path_of(id);
        int r;

        if (!s || f->n == SESSIONS_MAX)
                die("sessions", -ENOBUFS);
        (void) snprintf(s->id, sizeof(s->id), "%s", id);
        (void) snprintf(s->class, sizeof(s->class), "%s", class);
        if (display[0] != '-')
                (void) snprintf(s->display, sizeof(s->display), ":%s", display);
        (void) strcpy(s->type, display[0] == '-' ? "tty" : "x11");
        (void) strcpy(s->state, "active");
        (void) strcpy(s->service, display[0] == '-' ? "sshd" : "xrdp-sesman");
        s->leader = 1;
        s->uid = uid;
        r = sd_bus_add_object_vtable(f->bus, &s->slot, path, "org.freedesktop.login1.Session",
                                     session_vtable, s);
        if (r < 0)
                die("session", r);
        f->sessions[f->n++] = s;
        emit(f, "SessionNew", id);
        free(path);
}

static void drop(Fake *f, const char *id) {
        for (size_t i = 0; i < f->n; i++) {
                Session *s = f->sessions[i];

                if (strcmp(s->id, id) != 0)
                        continue;
                f->sessions[i] = f->sessions[--f->n];
                (void) sd_bus_slot_unref(s->slot);
                emit(f, "SessionRemoved", id);
                free(s);
                return;
        }
}

static void set(Fake *f, const char *id, const char *property, const char *value) {
        Session *s = find(f, id);
        char *path = path_of(id);

        if (!s)
                return;
        if (strcmp(property, "LockedHint") == 0)
                s->locked = atoi(value);
        else if (strcmp(property, "IdleHint") == 0)
                s->idle = atoi(value);
        else if (strcmp(property, "Leader") == 0)
                s->leader = strtoul(value, NULL, 10);
        else if (strcmp(property, "Service") == 0)
                (void) snprintf(s->service, sizeof(s->service), "%.31s", value);
        else if (strcmp(property, "Type") == 0)
                (void) snprintf(s->type, sizeof(s->type), "%.15s", value);
        else if (strcmp(property, "Display") == 0)
                (void) snprintf(s->display, sizeof(s->display), "%.15s", value);
        else
                (void) snprintf(s->state, sizeof(s->state), "%.15s", value);
        if (sd_bus_emit_properties_changed(f->bus, path, "org.freedesktop.login1.Session", property,
                                           NULL) < 0)
                die(property, -EIO);
        free(path);
}

static int list_sessions(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        sd_bus_message *reply = NULL;
        Fake *f = userdata;
        int r;

        if (f->unlist > 0) {
                f->unlist--;
                return sd_bus_error_set(error, SD_BUS_ERROR_FAILED, "Not now.");
        }
        r = sd_bus_message_new_method_return(m, &reply);
        if (r >= 0)
                r = sd_bus_message_open_container(reply, 'a', "(susso)");
        for (size_t i = 0; i < f->n && r >= 0; i++) {
                char *path = path_of(f->sessions[i]->id);

                r = sd_bus_message_append(reply, "(susso)", f->sessions[i]->id, f->sessions[i]->uid,
                                          "somebody", "", path);
                free(path);
        }
        if (r >= 0)
                r = sd_bus_message_close_container(reply);
        if (r >= 0)
                r = sd_bus_send(NULL, reply, NULL);
        (void) sd_bus_message_unref(reply);
        return r < 0 ? r : 1;
}

static int end_session(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        bool kill = strcmp(sd_bus_message_get_member(m), "KillSession") == 0;
        const char *id, *who = "";
        Fake *f = userdata;
        char line[256];
        int signal = 0;

        if (sd_bus_message_read(m, "s", &id) < 0 ||
            (kill && sd_bus_message_read(m, "si", &who, &signal) < 0))
                return -EBADMSG;
        (void) snprintf(line, sizeof(line), "%s %s %s %d", sd_bus_message_get_member(m), id, who,
                        signal);
        note(f, "logind-calls", line);
        if (f->refuse > 0) {
                f->refuse--;
                return sd_bus_error_set(error, SD_BUS_ERROR_FAILED, "Not now.");
        }
        if (!find(f, id))
                return sd_bus_error_set(error, "org.freedesktop.login1.NoSuchSession", "No.");
        if (f->stubborn > 0 && (!kill ? 2 : signal == SIGKILL ? 3 : 1) >= f->stubborn)
                drop(f, id);
        return sd_bus_reply_method_return(m, NULL);
}

static int get_session(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *id;
        char *path;
        int r;

        if (sd_bus_message_read(m, "s", &id) < 0)
                return -EBADMSG;
        if (!find(userdata, id))
                return sd_bus_error_set(error, "org.freedesktop.login1.NoSuchSession", "No.");
        path = path_of(id);
        r = sd_bus_reply_method_return(m, "o", path);
        free(path);
        return r;
}

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("ListSessions", NULL, "a(susso)", list_sessions, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetSession", "s", "o", get_session, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("TerminateSession", "s", NULL, end_session, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("KillSession", "ssi", NULL, end_session, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL("SessionNew", "so", 0),
        SD_BUS_SIGNAL("SessionRemoved", "so", 0),
        SD_BUS_VTABLE_END,
};

static int subscribe(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) error;
        note(userdata, "logind-calls", "Subscribe");
        return sd_bus_reply_method_return(m, NULL);
}

static const sd_bus_vtable systemd_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Subscribe", NULL, NULL, subscribe, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_SIGNAL("Reloading", "b", 0),
        SD_BUS_VTABLE_END,
};

/* ---- displays ----------------------------------------------------------------------------------
 */

static struct sockaddr_un address_of(Fake *f, int display) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };

        if (snprintf(a.sun_path, sizeof(a.sun_path), "%s/run/xrdp/sockdir/xrdp_display_%d", f->root,
                     display) >= (int) sizeof(a.sun_path))
                die("display", -ENAMETOOLONG);
        return a;
}

/* chansrv's sockets, which appear and vanish with a client. */
static void announce(Fake *f, int display, bool here) {
        char path[4096];
        int fd;

        (void) snprintf(path, sizeof(path), "%s/run/xrdp/sockdir/xrdp_chansrv_audio_in_socket_%d",
                        f->root, display);
        (void) unlink(path);
        if (here) {
                struct sockaddr_un a = { .sun_family = AF_UNIX };

                (void) snprintf(a.sun_path, sizeof(a.sun_path), "%.107s", path);
                fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
                if (bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
                        die(path, 0);
                (void) close(fd);
        }
}

static void serve(Fake *f, int display, unsigned uid) {
        struct sockaddr_un a = address_of(f, display);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        /* Of the socket and of its file: the kernel tells both. */
        if (bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0 || listen(fd, 4) < 0 ||
            fchown(fd, uid, (gid_t) -1) < 0 || chown(a.sun_path, uid, (gid_t) -1) < 0)
                die(a.sun_path, 0);
        f->displays[display].listener = fd;
        f->displays[display].uid = uid;
}

/* As the user that the server runs as. */
static void accept_one(Display *d) {
        d->accepted = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);
        if (d->accepted < 0 || fchown(d->accepted, d->uid, (gid_t) -1) < 0)
                die("accept", 0);
}

static void call(Fake *f, int display) {
        struct sockaddr_un a = address_of(f, display);
        Display *d = &f->displays[display];

        d->client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (connect(d->client, (struct sockaddr *) &a, sizeof(a)) < 0)
                die(a.sun_path, 0);
        accept_one(d);
        announce(f, display, true);
}

/* With the sockets that the viewer's chansrv makes. */
static void take(Fake *f, int display) {
        Display *d = &f->displays[display];

        d->client = -1;
        accept_one(d);
        announce(f, display, true);
}

static void hang_up(Fake *f, int display) {
        Display *d = &f->displays[display];

        (void) close(d->client);
        (void) close(d->accepted);
        announce(f, display, false);
}

static void shut(Fake *f, int display) {
        struct sockaddr_un a = address_of(f, display);

        (void) close(f->displays[display].listener);
        (void) unlink(a.sun_path);
}

/* ---- commands ----------------------------------------------------------------------------------
 */

static void storm(Fake *f, unsigned n, unsigned uid) {
        char id[32];

        for (unsigned i = 0; i < n; i++) {
                (void) snprintf(id, sizeof(id), "s%u", i);
                add(f, id, uid + i % 100, "-", "user");
        }
}

static void calm(Fake *f, unsigned n) {
        char id[32];

        for (unsigned i = 0; i < n; i++) {
                (void) snprintf(id, sizeof(id), "s%u", i);
                drop(f, id);
        }
}

static void desks(Fake *f, int n, unsigned uid, unsigned leader) {
        char id[32], number[16];

        for (int i = 10; i < 10 + n && i < DISPLAYS_MAX; i++) {
                (void) snprintf(id, sizeof(id), "d%d", i);
                (void) snprintf(number, sizeof(number), "%d", i);
                serve(f, i, uid + (unsigned) i);
                if (i % 2 == 0)
                        call(f, i);
                add(f, id, uid + (unsigned) i, number, "user");
                find(f, id)->leader = leader;
        }
}

static void names(Fake *f, bool here) {
        int r = here ? sd_bus_request_name(f->bus, LOGIN1, 0) : sd_bus_release_name(f->bus, LOGIN1);

        if (r < 0)
                die("name", r);
}

static void obey(Fake *f, const char *line) {
        char verb[16] = "", a[64] = "", b[64] = "", c[64] = "", d[64] = "";
        int display;

        (void) sscanf(line, "%15s %63s %63s %63s %63s", verb, a, b, c, d);
        display = atoi(a) % DISPLAYS_MAX;
        if (strcmp(verb, "new") == 0)
                add(f, a, strtoul(b, NULL, 10), c, d[0] ? d : "user");
        else if (strcmp(verb, "del") == 0)
                drop(f, a);
        else if (strcmp(verb, "set") == 0)
                set(f, a, b, c);
        else if (strcmp(verb, "stubborn") == 0)
                f->stubborn = atoi(a);
        else if ((strcmp(verb, "break") == 0 || strcmp(verb, "mend") == 0) && find(f, a))
                find(f, a)->broken = verb[0] == 'b';
        else if (strcmp(verb, "unlist") == 0)
                f->unlist = atoi(a);
        else if (strcmp(verb, "refuse") == 0)
                f->refuse = atoi(a);
        else if (strcmp(verb, "storm") == 0)
                storm(f, strtoul(a, NULL, 10), strtoul(b, NULL, 10));
        else if (strcmp(verb, "desks") == 0)
                desks(f, atoi(a), strtoul(b, NULL, 10), strtoul(c, NULL, 10));
        else if (strcmp(verb, "calm") == 0)
                calm(f, strtoul(a, NULL, 10));
        else if (strcmp(verb, "serve") == 0)
                serve(f, display, strtoul(b, NULL, 10));
        else if (strcmp(verb, "call") == 0)
                call(f, display);
        else if (strcmp(verb, "take") == 0)
                take(f, display);
        else if (strcmp(verb, "hangup") == 0)
                hang_up(f, display);
        else if (strcmp(verb, "shut") == 0)
                shut(f, display);
        else if (strcmp(verb, "away") == 0 || strcmp(verb, "back") == 0)
                names(f, verb[0] == 'b');
        else if (strcmp(verb, "reloaded") == 0)
                (void) sd_bus_emit_signal(f->bus, "/org/freedesktop/systemd1",
                                          "org.freedesktop.systemd1.Manager", "Reloading", "b", 0);
        (void) sd_bus_flush(f->bus);
        note(f, "logind-done", line);
}

static int on_command(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        char text[65536];
        ssize_t n = read(fd, text, sizeof(text) - 1);

        (void) source, (void) events;
        if (n < 0)
                return 0;
        text[n] = '\0';
        for (char *save = NULL, *line = strtok_r(text, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save))
                obey(userdata, line);
        return 0;
}

int main(int argc, char *argv[]) {
        static Fake f;
        sd_event *event;
        char path[4096];
        int fd, r;

        if (argc != 2)
                return EXIT_FAILURE;
        f.root = argv[1];
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void) snprintf(path, sizeof(path), "%s/fake/logind", f.root);
        fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0)
                die(path, 0);
        r = sd_event_default(&event);
        if (r >= 0)
                r = sd_bus_open_system(&f.bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(f.bus, NULL, "/org/freedesktop/login1",
                                             "org.freedesktop.login1.Manager", manager_vtable, &f);
        if (r >= 0)
                r = sd_bus_add_object_vtable(f.bus, NULL, "/org/freedesktop/systemd1",
                                             "org.freedesktop.systemd1.Manager", systemd_vtable,
                                             &f);
        if (r >= 0)
                r = sd_bus_attach_event(f.bus, event, 0);
        if (r >= 0)
                r = sd_bus_request_name(f.bus, SYSTEMD1, 0);
        if (r >= 0)
                r = sd_event_add_io(event, NULL, fd, EPOLLIN, on_command, &f);
        if (r < 0)
                die("bus", r);
        names(&f, true);
        (void) puts("ready");
        (void) fflush(stdout);
        return sd_event_loop(event) < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
