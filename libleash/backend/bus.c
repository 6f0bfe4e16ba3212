/* SPDX-License-Identifier: MIT */
/* PID 1 over D-Bus: the calls leash makes, each with its own time limit. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "backend/bus.h"
#include "core/parse.h"
#include "os/clock.h"

#define DESTINATION "org.freedesktop.systemd1"
#define MANAGER_PATH "/org/freedesktop/systemd1"
#define MANAGER "org.freedesktop.systemd1.Manager"
#define RELOAD_TIMEOUT (60 * USEC_PER_SEC)

#define _cleanup_error_ _cleanup_(sd_bus_error_free)
#define _cleanup_message_ _cleanup_(sd_bus_message_unrefp)

static int open_private(const char *root, sd_bus **ret) {
        _cleanup_(sd_bus_close_unrefp) sd_bus *bus = NULL;
        char address[512];
        int r;

        if (snprintf(address, sizeof(address), "unix:path=%s/run/systemd/private", root) >=
            (int) sizeof(address))
                return -ENAMETOOLONG;
        r = sd_bus_new(&bus);
        if (r < 0)
                return r;
        r = sd_bus_set_address(bus, address);
        if (r < 0)
                return r;
        r = sd_bus_start(bus);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(bus);
        return 0;
}

/* What is left of the time for a call; 0 if it is over. */
static usec_t remaining(const Bus *b, usec_t timeout) {
        usec_t now = b->deadline ? clock_monotonic() : 0;

        return b->deadline == 0     ? timeout
               : now >= b->deadline ? 0
                                    : MIN_OF(timeout, b->deadline - now);
}

/* sd_bus_call() would wait for the greeting as long as the library likes, which is 25 s. */
int bus_wait(Bus *b) {
        usec_t left = remaining(b, b->timeout), end = clock_monotonic() + left, now;
        int r;

        while ((r = sd_bus_is_ready(b->bus)) == 0) {
                r = sd_bus_process(b->bus, NULL);
                if (r < 0)
                        return r;
                if (r > 0)
                        continue;
                now = clock_monotonic();
                if (now >= end)
                        return -ETIMEDOUT;
                r = sd_bus_wait(b->bus, end - now);
                if (r < 0 && r != -EINTR)
                        return r;
        }
        return r < 0 ? r : 0;
}

int bus_begin(const char *root, usec_t timeout, usec_t deadline, Bus *ret) {
        Bus b = { .timeout = timeout, .deadline = deadline };
        int r = -EPERM;

        if (geteuid() == 0)
                r = open_private(root, &b.bus);
        if (r < 0 && deadline == 0)
                r = sd_bus_open_system(&b.bus);
        if (r < 0)
                return r;
        *ret = b;
        return 0;
}

int bus_open(const char *root, usec_t timeout, usec_t deadline, Bus *ret) {
        Bus b;
        int r;

        r = bus_begin(root, timeout, deadline, &b);
        if (r < 0)
                return r;
        r = bus_wait(&b);
        if (r < 0) {
                bus_close(&b);
                return r;
        }
        *ret = b;
        return 0;
}

void bus_close(Bus *b) {
        b->bus = sd_bus_close_unref(b->bus);
}

/* The errors that callers tell apart; sd-bus maps the rest, mostly to -EIO. */
static int error_to_errno(const sd_bus_error *error, int r) {
        static const struct {
                const char *name;
                int error;
        } names[] = {
                { "org.freedesktop.systemd1.NoSuchUnit", -ENOENT },
                { "org.freedesktop.systemd1.UnitExists", -EEXIST },
                { "org.freedesktop.DBus.Error.UnixProcessIdUnknown", -ESRCH },
                { "org.freedesktop.DBus.Error.AccessDenied", -EACCES },
                { "org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", -EACCES },
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (sd_bus_error_has_name(error, names[i].name))
                        return names[i].error;
        return r;
}

/* Sends m with the time limit; the reply is dropped where ret is NULL. */
static int call(Bus *b, sd_bus_message *m, usec_t timeout, sd_bus_message **ret) {
        _cleanup_error_ sd_bus_error error = SD_BUS_ERROR_NULL;
        usec_t left = remaining(b, timeout);
        int r;

        if (left == 0) /* which sd-bus would take for its default */
                return -ETIMEDOUT;
        r = sd_bus_call(b->bus, m, left, &error, ret);
        return r < 0 ? error_to_errno(&error, r) : 0;
}

static int new_call(Bus *b, const char *path, const char *interface, const char *member,
                    sd_bus_message **ret) {
        return sd_bus_message_new_method_call(b->bus, ret, DESTINATION, path, interface, member);
}

static int call_manager(Bus *b, usec_t timeout, const char *member, const char *a1,
                        const char *a2) {
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = new_call(b, MANAGER_PATH, MANAGER, member, &m);
        if (r >= 0 && a1)
                r = sd_bus_message_append(m, "s", a1);
        if (r >= 0 && a2)
                r = sd_bus_message_append(m, "s", a2);
        return r < 0 ? r : call(b, m, timeout, NULL);
}

/* Asks for one property of an object; the reply stands inside the variant of the given type. */
static int get_property_at(Bus *b, const char *path, const char *interface, const char *property,
                           const char *type, sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL, *reply = NULL;
        int r;

        r = new_call(b, path, "org.freedesktop.DBus.Properties", "Get", &m);
        if (r < 0)
                return r;
        r = sd_bus_message_append(m, "ss", interface, property);
        if (r < 0)
                return r;
        r = call(b, m, b->timeout, &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_enter_container(reply, 'v', type);
        if (r < 0) /* -ENXIO for another type, which would mean something else further up */
                return r == -ENOMEM ? r : -EBADMSG;
        *ret = TAKE_PTR(reply);
        return 0;
}

static int get_property(Bus *b, const char *unit, const char *interface, const char *property,
                        const char *type, sd_bus_message **ret) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = sd_bus_path_encode("/org/freedesktop/systemd1/unit", unit, &path);
        return r < 0 ? r : get_property_at(b, path, interface, property, type, ret);
}

static const char *unit_interface(const char *unit) {
        const char *dot = strrchr(unit, '.');

        return dot && strcmp(dot, ".scope") == 0 ? "org.freedesktop.systemd1.Scope"
                                                 : "org.freedesktop.systemd1.Slice";
}

int bus_get_limit(Bus *b, const char *unit, Limit limit, Limits *ret) {
        const LimitInfo *info = &limits_table[limit];
        _cleanup_message_ sd_bus_message *reply = NULL;
        bool cpus = info->kind == LIMIT_KIND_CPUSET;
        uint64_t value = 0;
        const void *mask;
        size_t size;
        int r;

        r = get_property(b, unit, unit_interface(unit), info->property, cpus ? "ay" : "t", &reply);
        if (r < 0)
                return r;
        if (cpus) {
                r = sd_bus_message_read_array(reply, 'y', &mask, &size);
                if (r < 0)
                        return r;
                memset(ret->cpus, 0, sizeof(ret->cpus));
                memcpy(ret->cpus, mask, MIN_OF(size, sizeof(ret->cpus)));
        } else {
                r = sd_bus_message_read(reply, "t", &value);
                if (r < 0)
                        return r;
        }
        limits_set(ret, limit, value);
        return 0;
}

int bus_get_state(Bus *b, const char *unit, const char *property, char **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL;
        const char *value;
        char *copy;
        int r;

        r = get_property(b, unit, "org.freedesktop.systemd1.Unit", property, "s", &reply);
        if (r < 0)
                return r;
        r = sd_bus_message_read(reply, "s", &value);
        if (r < 0)
                return r;
        copy = strdup(value); /* the message's own string goes with it */
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

int bus_get_job(Bus *b, const char *unit, char **ret) {
        _cleanup_message_ sd_bus_message *reply = NULL, *of_job = NULL;
        const char *path, *type = "";
        uint32_t id;
        char *copy;
        int r;

        r = get_property(b, unit, "org.freedesktop.systemd1.Unit", "Job", "(uo)", &reply);
        if (r >= 0)
                r = sd_bus_message_read(reply, "(uo)", &id, &path);
        if (r >= 0 && id != 0) {
                r = get_property_at(b, path, "org.freedesktop.systemd1.Job", "JobType", "s",
                                    &of_job);
                if (r >= 0)
                        r = sd_bus_message_read(of_job, "s", &type);
        }
        if (r < 0)
                return r;
        copy = strdup(type);
        if (!copy)
                return -ENOMEM;
        *ret = copy;
        return 0;
}

int bus_unit_is_loaded(Bus *b, const char *unit) {
        int r = call_manager(b, b->timeout, "GetUnit", unit, NULL);

        return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

static int append_cpus(sd_bus_message *m, const uint8_t *cpus) {
        size_t n = LIMITS_CPUS_MAX / 8;
        int r;

        while (n > 0 && cpus[n - 1] == 0)
                n--;
        r = sd_bus_message_open_container(m, 'v', "ay");
        if (r < 0)
                return r;
        r = sd_bus_message_append_array(m, 'y', cpus, n);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

/* One (sv) for each limit that has a property. */
static int append_limits(sd_bus_message *m, const Limits *l) {
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                const LimitInfo *info = &limits_table[i];
                int r;

                if (!limits_has(l, i) || !info->property)
                        continue;
                if (info->kind != LIMIT_KIND_CPUSET) {
                        r = sd_bus_message_append(m, "(sv)", info->property, "t", l->value[i]);
                        if (r < 0)
                                return r;
                        continue;
                }
                r = sd_bus_message_open_container(m, 'r', "sv");
                if (r >= 0)
                        r = sd_bus_message_append(m, "s", info->property);
                if (r >= 0)
                        r = append_cpus(m, l->cpus);
                if (r >= 0)
                        r = sd_bus_message_close_container(m);
                if (r < 0)
                        return r;
        }
        return 0;
}

int bus_set_limits(Bus *b, const char *unit, const Limits *l) {
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = new_call(b, MANAGER_PATH, MANAGER, "SetUnitProperties", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "sb", unit, (int) true);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = append_limits(m, l);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : call(b, m, b->timeout, NULL);
}

int bus_freeze(Bus *b, const char *unit, bool freeze) {
        return call_manager(b, b->timeout, freeze ? "FreezeUnit" : "ThawUnit", unit, NULL);
}

int bus_reload(Bus *b) {
        return call_manager(b, RELOAD_TIMEOUT, "Reload", NULL, NULL);
}

int bus_start_unit(Bus *b, const char *unit) {
        return call_manager(b, b->timeout, "StartUnit", unit, "replace");
}

int bus_stop_unit(Bus *b, const char *unit) {
        return call_manager(b, b->timeout, "StopUnit", unit, "replace");
}

/* The start of a StartTransientUnit call, up to and into the unit's own properties. */
static int begin_transient(Bus *b, const char *unit, const char *description,
                           sd_bus_message **ret) {
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = new_call(b, MANAGER_PATH, MANAGER, "StartTransientUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ss", unit, "fail");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)", "Description", "s", description,
                                          "CollectMode", "s", "inactive-or-failed");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(m);
        return 0;
}

static int append_pids(sd_bus_message *m, const pid_t *pids, size_t n) {
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "PIDs");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "au");
        if (r >= 0)
                r = sd_bus_message_append_array(m, 'u', pids, n * sizeof(pid_t));
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        return r < 0 ? r : sd_bus_message_close_container(m);
}

int bus_start_scope(Bus *b, const BusScope *s) {
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = begin_transient(b, s->name, s->description, &m);
        if (r < 0)
                return r;
        /* Delegated, so that processes forked while the scope was being made may be added. SIGHUP
         * after SIGTERM as in logind's scopes: shells ignore the latter. */
        r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)", "Slice", "s", s->slice, "Delegate", "b",
                                  (int) true, "SendSIGHUP", "b", (int) true, "TasksMax", "t",
                                  UINT64_MAX);
        if (r >= 0 && s->part_of)
                r = sd_bus_message_append(m, "(sv)", "PartOf", "as", 1, s->part_of);
        if (r >= 0)
                r = append_limits(m, s->limits);
        if (r >= 0)
                r = append_pids(m, s->pids, s->n_pids);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        return r < 0 ? r : call(b, m, b->timeout, NULL);
}

int bus_attach(Bus *b, const char *unit, pid_t pid) {
        _cleanup_message_ sd_bus_message *m = NULL;
        int r;

        r = new_call(b, MANAGER_PATH, MANAGER, "AttachProcessesToUnit", &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "ssau", unit, "", 1, (uint32_t) pid);
        return r < 0 ? r : call(b, m, b->timeout, NULL);
}

/* A word of a command line in which nothing is taken for the name of a variable, which what users
 * wrote may look like: systemd.service(5), "Command lines". */
static int append_word(sd_bus_message *m, const char *word) {
        _cleanup_free_ char *literal = malloc(2 * strlen(word) + 1);
        size_t n = 0;

        if (!literal)
                return -ENOMEM;
        for (const char *p = word; *p; p++) {
                if (*p == '$')
                        literal[n++] = '$';
                literal[n++] = *p;
        }
        literal[n] = '\0';
        return sd_bus_message_append(m, "s", literal);
}

/* ExecStart is a(sasb): path, argv, whether it may fail. ExecStartEx has a flag for literal words,
 * but 252 writes the unit down with that name, which it does not know any more when it reads its
 * units again: after a daemon-reload the timer had nothing to start (not so with 257). */
static int append_exec(sd_bus_message *m, const char *const argv[], bool may_fail) {
        int r;

        r = sd_bus_message_open_container(m, 'r', "sv");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", "ExecStart");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'v', "a(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sasb)");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sasb");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", argv[0]);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "s");
        for (size_t i = 0; r >= 0 && argv[i]; i++)
                r = append_word(m, argv[i]);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "b", (int) may_fail);
        for (unsigned i = 0; i < 4 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

/* The job of a oneshot service lasts until its program has ended; no RuntimeMaxSec= counts for it
 * (systemd.service(5)). */
static int append_bounds(sd_bus_message *m, const BusService *s, bool oneshot) {
        int r;

        r = sd_bus_message_append(m, "(sv)(sv)(sv)", "MemoryMax", "t", UINT64_C(64) << 20,
                                  oneshot ? "TimeoutStartUSec" : "RuntimeMaxUSec", "t", s->runtime,
                                  "KillSignal", "i", (int32_t) SIGKILL);
        if (r >= 0 && oneshot)
                r = sd_bus_message_append(m, "(sv)", "Type", "s", "oneshot");
        return r;
}

static int start_service(Bus *b, const BusService *s, bool oneshot) {
        _cleanup_message_ sd_bus_message *m = NULL;
        char user[16];
        int r;

        (void) snprintf(user, sizeof(user), "%u", (unsigned) s->uid);
        r = begin_transient(b, s->name, s->description, &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)(sv)(sv)(sv)", "User", "s", user,
                                          "NoNewPrivileges", "b", (int) true, "StandardOutput", "s",
                                          "null", "StandardError", "s", "null", "LogLevelMax", "i",
                                          (int32_t) (oneshot ? LOG_CRIT : LOG_ERR), "TasksMax", "t",
                                          UINT64_C(16));
        /* A user may trace what runs as them, and make it another program: it ends all the same. */
        if (r >= 0)
                r = append_bounds(m, s, oneshot);
        if (r >= 0)
                r = append_exec(m, s->argv, !oneshot);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = sd_bus_message_append(m, "a(sa(sv))", 0);
        return r < 0 ? r : call(b, m, b->timeout, NULL);
}

int bus_start_service(Bus *b, const BusService *s) {
        return start_service(b, s, false);
}

typedef struct Job {
        const char *unit;
        bool ended, done;
} Job;

static int on_job_removed(sd_bus_message *m, void *userdata, sd_bus_error *error _unused_) {
        const char *path, *unit, *result;
        Job *job = userdata;
        uint32_t id;

        if (sd_bus_message_read(m, "uoss", &id, &path, &unit, &result) < 0 ||
            strcmp(unit, job->unit) != 0)
                return 0;
        job->ended = true;
        job->done = strcmp(result, "done") == 0;
        return 0;
}

/* Over the private socket PID 1 sends signals to whoever is connected, without a subscription. */
int bus_run_service(Bus *b, const BusService *s) {
        _cleanup_(sd_bus_slot_unrefp) sd_bus_slot *slot = NULL;
        Job job = { .unit = s->name };
        usec_t end, now;
        int r;

        r = sd_bus_match_signal(b->bus, &slot, NULL, MANAGER_PATH, MANAGER, "JobRemoved",
                                on_job_removed, &job);
        if (r >= 0)
                r = start_service(b, s, true);
        end = clock_monotonic() + s->runtime + b->timeout;
        while (r >= 0 && !job.ended) {
                r = sd_bus_process(b->bus, NULL);
                if (r != 0)
                        continue;
                now = clock_monotonic();
                r = now >= end ? -ETIMEDOUT : sd_bus_wait(b->bus, end - now);
                if (r == -EINTR)
                        r = 0;
        }
        return r < 0 ? r : job.done;
}

static int append_service(sd_bus_message *m, const char *service, const char *description,
                          const char *const argv[]) {
        int r;

        r = sd_bus_message_open_container(m, 'a', "(sa(sv))");
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'r', "sa(sv)");
        if (r >= 0)
                r = sd_bus_message_append(m, "s", service);
        if (r >= 0)
                r = sd_bus_message_open_container(m, 'a', "(sv)");
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)", "Description", "s", description,
                                          "Type", "s", "oneshot", "CollectMode", "s",
                                          "inactive-or-failed");
        if (r >= 0) /* the timer does not come back */
                r = sd_bus_message_append(m, "(sv)(sv)", "Restart", "s", "on-failure",
                                          "RestartUSec", "t", 10 * USEC_PER_SEC);
        if (r >= 0)
                r = append_exec(m, argv, false);
        for (unsigned i = 0; i < 3 && r >= 0; i++)
                r = sd_bus_message_close_container(m);
        return r;
}

int bus_start_timer(Bus *b, const char *timer, const char *service, const char *description,
                    usec_t realtime, const char *const argv[]) {
        _cleanup_message_ sd_bus_message *m = NULL;
        char calendar[TIMESTAMP_MAX + 8];
        int r;

        /* "2026-01-31T18:30:05Z" as systemd.time(7) takes it; rounded up, so that the time has
         * passed when the service looks. */
        format_timestamp(realtime + USEC_PER_SEC - 1, calendar);
        calendar[10] = ' ';
        strcpy(calendar + 19, " UTC");

        r = begin_transient(b, timer, description, &m);
        if (r >= 0)
                r = sd_bus_message_append(m, "(sv)(sv)(sv)", "TimersCalendar", "a(ss)", 1,
                                          "OnCalendar", calendar, "AccuracyUSec", "t",
                                          UINT64_C(100000), "RemainAfterElapse", "b", (int) false);
        if (r >= 0)
                r = sd_bus_message_close_container(m);
        if (r >= 0)
                r = append_service(m, service, description, argv);
        return r < 0 ? r : call(b, m, b->timeout, NULL);
}
