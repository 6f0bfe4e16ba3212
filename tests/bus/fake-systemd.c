/* SPDX-License-Identifier: MIT */
/* A PID 1 for tests: the part of org.freedesktop.systemd1 that leash uses.
 *
 *   fake-systemd ROOT          listens at ROOT/run/systemd/private, as PID 1 does for root
 *   fake-systemd --bus ROOT    takes the name on the system bus (DBUS_SYSTEM_BUS_ADDRESS)
 *
 * It is the journal, too: what comes in at ROOT/host/systemd/journal/socket is added to
 * ROOT/fake/journal. It prints "ready" and runs until it is killed or its parent ends. SIGHUP is
 * daemon-reload, and leaves ROOT/fake/reloaded.
 *
 * Each call is added to ROOT/fake/calls, one line with all arguments. Before it is acted on, the
 * first line of ROOT/fake/rules that matches says how to misbehave:
 *
 *   NUMBER|first|*  MEMBER  ACTION [ARGUMENT...]
 *
 * NUMBER is the line in calls, "first" the first call of that member there, MEMBER a glob.
 *
 *   error NAME [TEXT]   answers with that error          kill         kills the caller instead
 *   error-huge BYTES    with a text of that length       kill-after   acts, then kills it
 *   reply TYPES [TEXT]  answers with that: "" s t v(s)   lost         acts, then hangs up
 *   huge BYTES          answers v(s) of that length      mute         acts, and never answers
 *   garbage             writes what is not D-Bus         no-kernel    acts, but on no cgroup file
 *   hang-up             closes the connection            late MS      acts on the kernel MS later
 *   silent              never answers                    delay MS     answers MS later
 *
 * Where a call changes nothing (Get), to act and not to act is the same. */

#define _GNU_SOURCE
#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <systemd/sd-id128.h>
#include <unistd.h>

#include "fake-units.h"
#include "fake.h"

bool fake_rule_is(const Fake *f, const char *action) {
        return strcmp(f->rule.action, action) == 0;
}

static FILE *open_file(const Fake *f, const char *name, const char *mode) {
        char path[PATH_MAX];

        (void) snprintf(path, sizeof(path), "%s/fake/%s", f->root, name);
        return fopen(path, mode);
}

/* ---- recording ------------------------------------------------------------------------------- */

static int dump_basic(FILE *out, sd_bus_message *m, char type) {
        union {
                const char *s;
                uint8_t y;
                int b;
                int32_t i;
                uint32_t u;
                int64_t x;
                uint64_t t;
        } v = {};
        int r = sd_bus_message_read_basic(m, type, &v);

        if (r < 0)
                return r;
        switch (type) {
        case 's':
        case 'o':
        case 'g':
                return fprintf(out, "%s", v.s);
        case 'b':
                return fprintf(out, "%s", v.b ? "true" : "false");
        case 'y':
                return fprintf(out, "%u", v.y);
        case 'i':
                return fprintf(out, "%" PRId32, v.i);
        case 'u':
                return fprintf(out, "%" PRIu32, v.u);
        case 'x':
                return fprintf(out, "%" PRId64, v.x);
        case 't':
                return fprintf(out, "%" PRIu64, v.t);
        default:
                return fprintf(out, "?%c", type);
        }
}

/* All values up to the end of the container, with blanks between them: [array], (struct), and
 * type:value for a variant. */
static int dump(FILE *out, sd_bus_message *m) {
        const char *contents;
        bool first = true;
        char type;
        int r;

        while ((r = sd_bus_message_peek_type(m, &type, &contents)) > 0) {
                if (!first)
                        (void) fputc(' ', out);
                first = false;
                if (!contents) {
                        r = dump_basic(out, m, type);
                        if (r < 0)
                                return r;
                        continue;
                }
                (void) fprintf(out, type == 'v' ? "%s:" : type == 'a' ? "[" : "(", contents);
                r = sd_bus_message_enter_container(m, type, contents);
                if (r >= 0)
                        r = dump(out, m);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
                if (r < 0)
                        return r;
                (void) fputs(type == 'v' ? "" : type == 'a' ? "]" : ")", out);
        }
        return r;
}

/* Where a call stands among those recorded. */
typedef struct Place {
        unsigned number; /* from 1 */
        bool first;      /* of its member */
} Place;

static Place find_place(FILE *calls, const char *member) {
        Place p = { .number = 1, .first = true };
        size_t room = 0, n = strlen(member);
        char *line = NULL;

        while (getline(&line, &room, calls) > 0) {
                p.number++;
                if (strncmp(line, member, n) == 0 && (line[n] == ' ' || line[n] == '\n'))
                        p.first = false;
        }
        free(line);
        return p;
}

static Place record(const Fake *f, sd_bus_message *m) {
        const char *member = sd_bus_message_get_member(m);
        FILE *calls = open_file(f, "calls", "a+e");
        char *unit = NULL;
        Place p;

        if (!calls)
                exit(EXIT_FAILURE);
        p = find_place(calls, member);
        (void) fputs(member, calls);
        if (sd_bus_path_decode(sd_bus_message_get_path(m), UNIT_PATH, &unit) > 0)
                (void) fprintf(calls, " %s", unit);
        free(unit);
        if (!sd_bus_message_is_empty(m))
                (void) fputc(' ', calls);
        if (dump(calls, m) < 0)
                (void) fputs("?", calls);
        (void) fputc('\n', calls);
        (void) fclose(calls);
        (void) sd_bus_message_rewind(m, true);
        return p;
}

/* ---- misbehaving ----------------------------------------------------------------------------- */

static bool is_meant(const char *which, Place place) {
        return strcmp(which, "*") == 0 || (place.first && strcmp(which, "first") == 0) ||
               strtoul(which, NULL, 10) == place.number;
}

static void find_rule(Fake *f, Place place, const char *member) {
        FILE *rules = open_file(f, "rules", "re");
        char line[512];

        f->rule = (Rule){};
        while (rules && fgets(line, sizeof(line), rules)) {
                char which[16], glob[64];
                Rule rule = {};

                if (sscanf(line, "%15s %63s %31s %255[^\n]", which, glob, rule.action,
                           rule.argument) < 3)
                        continue;
                if (!is_meant(which, place) || fnmatch(glob, member, 0) != 0)
                        continue;
                f->rule = rule;
                break;
        }
        if (rules)
                (void) fclose(rules);
}

static int kill_sender(sd_bus_message *m) {
        sd_bus_creds *creds = NULL;
        pid_t pid;
        int r;

        r = sd_bus_query_sender_creds(m, SD_BUS_CREDS_PID, &creds);
        if (r >= 0)
                r = sd_bus_creds_get_pid(creds, &pid);
        if (r >= 0)
                r = kill(pid, SIGKILL) < 0 ? -errno : 0;
        (void) sd_bus_creds_unref(creds);
        if (r < 0) {
                (void) fprintf(stderr, "fake-systemd: cannot kill the caller: %s\n", strerror(-r));
                exit(EXIT_FAILURE);
        }
        return 1;
}

/* On a bus that is all there is of us. */
static int hang_up(sd_bus_message *m) {
        sd_bus *bus = sd_bus_message_get_bus(m);

        if (sd_bus_is_bus_client(bus) > 0)
                exit(EXIT_SUCCESS);
        (void) sd_bus_detach_event(bus);
        sd_bus_close_unref(bus);
        return 1;
}

static char *long_text(const char *bytes) {
        size_t n = strtoul(bytes, NULL, 10);
        char *text = malloc(n + 1);

        if (!text)
                exit(EXIT_FAILURE);
        memset(text, 'x', n);
        text[n] = '\0';
        return text;
}

static int reply_with(sd_bus_message *m, const char *argument) {
        char types[16] = "", text[200] = "";

        (void) sscanf(argument, "%15s %199[^\n]", types, text);
        if (strcmp(types, "s") == 0)
                return sd_bus_reply_method_return(m, "s", text);
        if (strcmp(types, "t") == 0)
                return sd_bus_reply_method_return(m, "t", strtoull(text, NULL, 10));
        if (strcmp(types, "v(s)") == 0)
                return sd_bus_reply_method_return(m, "v", "s", text);
        if (strcmp(types, "v(t)") == 0)
                return sd_bus_reply_method_return(m, "v", "t", strtoull(text, NULL, 10));
        return sd_bus_reply_method_return(m, NULL);
}

static int send_garbage(sd_bus_message *m) {
        static const char garbage[] = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n";
        sd_bus *bus = sd_bus_message_get_bus(m);

        (void) sd_bus_flush(bus);
        (void) send(sd_bus_get_fd(bus), garbage, sizeof(garbage) - 1, MSG_NOSIGNAL);
        return 1;
}

static int reply_error(sd_bus_message *m, const char *argument) {
        char name[128] = "", text[128] = "Told to.";

        (void) sscanf(argument, "%127s %127[^\n]", name, text);
        return sd_bus_reply_method_errorf(m, name, "%s", text);
}

/* Returns 1 if the call was acted on and is not to be answered. */
static int interrupt(const Fake *f, sd_bus_message *m) {
        if (fake_rule_is(f, "kill-after"))
                return kill_sender(m);
        if (fake_rule_is(f, "lost"))
                return hang_up(m);
        return fake_rule_is(f, "mute");
}

/* Returns 1 if the call is dealt with, 0 if it is to be acted on. */
static int misbehave(const Fake *f, sd_bus_message *m) {
        const char *argument = f->rule.argument;
        char *text;
        int r;

        if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus.Properties", NULL) &&
            interrupt(f, m))
                return 1;
        if (fake_rule_is(f, "silent"))
                return 1;
        if (fake_rule_is(f, "kill"))
                return kill_sender(m);
        if (fake_rule_is(f, "hang-up"))
                return hang_up(m);
        if (fake_rule_is(f, "garbage"))
                return send_garbage(m);
        if (fake_rule_is(f, "error"))
                return reply_error(m, argument);
        if (fake_rule_is(f, "reply"))
                return reply_with(m, argument);
        if (fake_rule_is(f, "delay"))
                (void) usleep(strtoul(argument, NULL, 10) * 1000);
        if (!fake_rule_is(f, "error-huge") && !fake_rule_is(f, "huge"))
                return 0;
        text = long_text(argument);
        r = fake_rule_is(f, "huge") ? sd_bus_reply_method_return(m, "v", "s", text)
                                    : sd_bus_reply_method_errorf(
                                              m, "org.freedesktop.systemd1.NoSuchUnit", "%s", text);
        free(text);
        return r;
}

int fake_finish(const Fake *f, sd_bus_message *m, const char *types, const char *text) {
        if (interrupt(f, m))
                return 1;
        return types ? sd_bus_reply_method_return(m, types, text)
                     : sd_bus_reply_method_return(m, NULL);
}

int fake_fail(const Fake *f, sd_bus_message *m, const char *name, const char *what) {
        return interrupt(f, m) ? 1 : sd_bus_reply_method_errorf(m, name, "%s", what);
}

/* Every message comes by here before the objects below see it. */
static int on_message(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        Fake *f = userdata;
        const char *path = sd_bus_message_get_path(m);
        Place place;

        (void) error;
        if (sd_bus_message_is_signal(m, "org.freedesktop.DBus.Local", "Disconnected")) {
                sd_bus *bus = sd_bus_message_get_bus(m);

                if (sd_bus_is_bus_client(bus) > 0)
                        exit(EXIT_SUCCESS);
                (void) sd_bus_detach_event(bus);
                sd_bus_close_unref(bus);
                return 1;
        }
        if (!path || strncmp(path, MANAGER_PATH, strlen(MANAGER_PATH)) != 0 ||
            (!sd_bus_message_is_method_call(m, NULL, NULL)))
                return 0;
        place = record(f, m);
        find_rule(f, place, sd_bus_message_get_member(m));
        return misbehave(f, m);
}

/* ---- connections -------------------------------------------------------------------------------
 */

static int add_objects(Fake *f, sd_bus *bus) {
        int r;

        r = sd_bus_add_filter(bus, NULL, on_message, f);
        if (r >= 0)
                r = fake_add_objects(f, bus);
        return r < 0 ? r : sd_bus_attach_event(bus, f->event, 0);
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Fake *f = userdata;
        sd_bus *bus = NULL;
        sd_id128_t id;
        int connection, r;

        (void) source, (void) events;
        connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection < 0)
                return 0;
        r = sd_bus_new(&bus);
        if (r >= 0)
                r = sd_bus_set_fd(bus, connection, connection);
        if (r >= 0)
                r = sd_id128_randomize(&id);
        if (r >= 0)
                r = sd_bus_set_server(bus, 1, id);
        if (r >= 0)
                r = sd_bus_negotiate_creds(bus, 1, SD_BUS_CREDS_PID);
        if (r >= 0)
                r = sd_bus_start(bus);
        if (r >= 0)
                r = add_objects(f, bus); /* the reference goes with the connection */
        if (r < 0)
                (void) fprintf(stderr, "fake-systemd: a connection failed: %s\n", strerror(-r));
        return 0;
}

static int on_journal(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        const Fake *f = userdata;
        char entry[65536];
        ssize_t n = recv(fd, entry, sizeof(entry), MSG_DONTWAIT);
        FILE *journal = n < 0 ? NULL : open_file(f, "journal", "ae");

        (void) source, (void) events;
        if (!journal)
                return n < 0 ? 0 : -EIO;
        (void) fwrite(entry, 1, n, journal);
        (void) fputc('\n', journal);
        return fclose(journal) == 0 ? 0 : -EIO;
}

static int listen_at(Fake *f, int type, const char *path, sd_event_io_handler_t handler) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd, n;

        n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", f->root, path);
        if (n < 0 || (size_t) n >= sizeof(address.sun_path))
                return -ENAMETOOLONG;
        (void) unlink(address.sun_path);
        fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0 || bind(fd, (struct sockaddr *) &address, sizeof(address)) < 0 ||
            (type == SOCK_STREAM && listen(fd, 16) < 0))
                return -errno;
        return sd_event_add_io(f->event, NULL, fd, EPOLLIN, handler, f);
}

static int take_name(Fake *f) {
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_open_system(&bus);
        if (r >= 0)
                r = add_objects(f, bus);
        return r < 0 ? r : sd_bus_request_name(bus, "org.freedesktop.systemd1", 0);
}

static int on_hangup_signal(sd_event_source *source, const struct signalfd_siginfo *info,
                            void *userdata) {
        const Fake *f = userdata;

        FILE *done;

        (void) source, (void) info;
        units_load(f->root, true);
        done = open_file(f, "reloaded", "we");
        return done && fclose(done) == 0 ? 0 : -EIO;
}

static int run(Fake *f, bool bus) {
        sigset_t hup;
        int r;

        (void) sigemptyset(&hup);
        (void) sigaddset(&hup, SIGHUP);
        (void) sigprocmask(SIG_BLOCK, &hup, NULL);
        r = sd_event_default(&f->event);
        if (r >= 0)
                r = sd_event_add_signal(f->event, NULL, SIGHUP, on_hangup_signal, f);
        if (r >= 0)
                r = bus ? take_name(f)
                        : listen_at(f, SOCK_STREAM, "run/systemd/private", on_connection);
        if (r >= 0)
                r = listen_at(f, SOCK_DGRAM, "host/systemd/journal/socket", on_journal);
        if (r < 0)
                return r;
        units_load(f->root, true);
        (void) puts("ready");
        (void) fflush(stdout);
        return sd_event_loop(f->event);
}

int main(int argc, char *argv[]) {
        bool bus = argc == 3 && strcmp(argv[1], "--bus") == 0;
        Fake f = { .root = argv[argc - 1] };
        int r;

        if (argc != 2 + bus) {
                (void) fprintf(stderr, "usage: fake-systemd [--bus] ROOT\n");
                return EXIT_FAILURE;
        }
        (void) prctl(PR_SET_PDEATHSIG, SIGKILL);
        r = run(&f, bus);
        if (r < 0)
                (void) fprintf(stderr, "fake-systemd: %s\n", strerror(-r));
        return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
