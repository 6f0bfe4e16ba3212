/* SPDX-License-Identifier: MIT */
/* The objects of the fake PID 1: the manager and the units. */

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fake-units.h"
#include "fake.h"

#define ERROR(name) "org.freedesktop.systemd1." name
#define MANAGER "org.freedesktop.systemd1.Manager"
#define JOB "/org/freedesktop/systemd1/job/3"
#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))

/* ---- the manager ------------------------------------------------------------------------------
 */

static int no_such_unit(const Fake *f, sd_bus_message *m) {
        return fake_fail(f, m, ERROR("NoSuchUnit"), "Unit not loaded.");
}

static int method_get_unit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Fake *f = userdata;
        char *path = NULL;
        const char *unit;
        int r;

        (void) error;
        r = sd_bus_message_read(m, "s", &unit);
        if (r < 0)
                return r;
        if (!unit_is_loaded(f->root, unit))
                return no_such_unit(f, m);
        r = sd_bus_path_encode(UNIT_PATH, unit, &path);
        if (r >= 0)
                r = fake_finish(f, m, "o", path);
        free(path);
        return r;
}

/* The value of a property that is one of ours; the variant is entered and left. */
static int read_value(sd_bus_message *m, Property property, Values *v, sd_bus_error *error) {
        const char *type = property == PROPERTY_CPUS ? "ay" : "t";
        const void *cpus;
        size_t size;
        int r;

        r = sd_bus_message_enter_container(m, 'v', type);
        if (r < 0)
                return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS, "Type of %s",
                                         property_name(property));
        if (property != PROPERTY_CPUS) {
                r = sd_bus_message_read(m, "t", &v->number[property]);
                if (r >= 0 && property == PROPERTY_CPU_QUOTA && v->number[property] == 0)
                        return sd_bus_error_setf(error, SD_BUS_ERROR_INVALID_ARGS,
                                                 "CPUQuotaPerSecUSec= value out of range");
        } else {
                r = sd_bus_message_read_array(m, 'y', &cpus, &size);
                if (r >= 0) {
                        v->n_cpus = size < CPUS_BYTES ? size : CPUS_BYTES;
                        memset(v->cpus, 0, sizeof(v->cpus));
                        memcpy(v->cpus, cpus, v->n_cpus);
                }
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* What else a transient unit is made of. */
typedef struct Extra {
        const char *slice, *type;
        uint32_t pids[64];
        size_t n_pids;
} Extra;

static int read_extra(sd_bus_message *m, const char *name, Extra *extra) {
        const void *pids;
        size_t size;
        int r;

        if (strcmp(name, "Slice") == 0)
                return sd_bus_message_read(m, "v", "s", &extra->slice);
        if (strcmp(name, "Type") == 0)
                return sd_bus_message_read(m, "v", "s", &extra->type);
        if (strcmp(name, "PIDs") != 0)
                return sd_bus_message_skip(m, "v");
        r = sd_bus_message_enter_container(m, 'v', "au");
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'u', &pids, &size);
        if (r < 0)
                return r;
        extra->n_pids = size / sizeof(uint32_t);
        if (extra->n_pids > ELEMENTSOF(extra->pids))
                return -ENOBUFS;
        memcpy(extra->pids, pids, size);
        return sd_bus_message_exit_container(m);
}

/* Reads a(sv) up to its end. ret_set marks the properties that were there; extra is NULL where
 * nothing but these may be set. */
static int read_properties(sd_bus_message *m, Values *ret, bool ret_set[static _PROPERTY_MAX],
                           Extra *extra, sd_bus_error *error) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(sv)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sv")) > 0) {
                const char *name;
                Property property;

                r = sd_bus_message_read(m, "s", &name);
                if (r < 0)
                        return r;
                property = property_find(name);
                if (property >= 0) {
                        r = read_value(m, property, ret, error);
                        ret_set[property] = true;
                } else if (extra)
                        r = read_extra(m, name, extra);
                else
                        r = sd_bus_error_setf(error, SD_BUS_ERROR_PROPERTY_READ_ONLY,
                                              "Cannot set property %s, or unknown property.", name);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

typedef struct Later {
        const char *root;
        char unit[256];
} Later;

static int on_later(sd_event_source *source, uint64_t usec, void *userdata) {
        const Later *l = userdata;

        (void) usec;
        unit_realize(l->root, l->unit);
        free(userdata);
        (void) sd_event_source_unref(source);
        return 0;
}

static void realize(const Fake *f, const char *unit) {
        sd_event_source *source = NULL;
        Later *later;

        if (fake_rule_is(f, "no-kernel"))
                return;
        if (!fake_rule_is(f, "late")) {
                unit_realize(f->root, unit);
                return;
        }
        later = malloc(sizeof(Later));
        if (!later)
                exit(EXIT_FAILURE);
        later->root = f->root;
        (void) snprintf(later->unit, sizeof(later->unit), "%s", unit);
        if (sd_event_add_time_relative(f->event, &source, CLOCK_MONOTONIC,
                                       strtoull(f->rule.argument, NULL, 10) * 1000, 1, on_later,
                                       later) < 0)
                exit(EXIT_FAILURE);
}

static int method_set_properties(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Fake *f = userdata;
        bool set[_PROPERTY_MAX] = {};
        Values values = {};
        const char *unit;
        int r, runtime;

        r = sd_bus_message_read(m, "sb", &unit, &runtime);
        if (r >= 0)
                r = read_properties(m, &values, set, NULL, error);
        if (r < 0)
                return r;
        for (Property i = 0; i < _PROPERTY_MAX; i++)
                if (set[i])
                        unit_set(f->root, unit, i, &values);
        realize(f, unit);
        return fake_finish(f, m, NULL, NULL);
}

static int freeze(const Fake *f, sd_bus_message *m, bool on) {
        const char *unit;
        int r = sd_bus_message_read(m, "s", &unit);

        if (r < 0)
                return r;
        if (!unit_is_loaded(f->root, unit))
                return fake_fail(f, m, ERROR("UnitInactive"), "Unit is not active.");
        if (!fake_rule_is(f, "no-kernel"))
                (void) unit_freeze(f->root, unit, on);
        return fake_finish(f, m, NULL, NULL);
}

static int method_freeze_unit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) error;
        return freeze(userdata, m, true);
}

static int method_thaw_unit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) error;
        return freeze(userdata, m, false);
}

static int method_reload(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Fake *f = userdata;

        (void) error;
        units_load(f->root, false);
        return fake_finish(f, m, NULL, NULL);
}

static int method_stop_unit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Fake *f = userdata;
        const char *unit, *mode;
        int r = sd_bus_message_read(m, "ss", &unit, &mode);

        (void) error;
        if (r < 0)
                return r;
        if (!unit_is_loaded(f->root, unit))
                return no_such_unit(f, m);
        unit_remove(f->root, unit);
        return fake_finish(f, m, "o", "/org/freedesktop/systemd1/job/1");
}

/* Nothing is run: that it was asked for is in the list of calls. */
static int method_start_unit(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *unit, *mode;
        int r = sd_bus_message_read(m, "ss", &unit, &mode);

        (void) error;
        return r < 0 ? r : fake_finish(userdata, m, "o", "/org/freedesktop/systemd1/job/1");
}

static int start_scope(const Fake *f, sd_bus_message *m, const char *unit, const Values *values,
                       const bool *set, const Extra *extra) {
        if (extra->n_pids == 0 || !extra->slice)
                return fake_fail(f, m, SD_BUS_ERROR_INVALID_ARGS, "Unit has no processes.");
        for (size_t i = 0; i < extra->n_pids; i++)
                if (kill((pid_t) extra->pids[i], 0) < 0)
                        return fake_fail(f, m, SD_BUS_ERROR_UNIX_PROCESS_ID_UNKNOWN,
                                         "Process does not exist.");
        unit_make_scope(f->root, extra->slice, unit);
        for (Property i = 0; i < _PROPERTY_MAX; i++)
                if (set[i])
                        unit_set(f->root, unit, i, values);
        unit_realize(f->root, unit);
        for (size_t i = 0; i < extra->n_pids; i++)
                unit_attach(f->root, unit, (pid_t) extra->pids[i]);
        return fake_finish(f, m, "o", "/org/freedesktop/systemd1/job/2");
}

/* Of one property, a "sv": as PID 1, takes no program but one of a full path. */
static int check_property(sd_bus_message *m) {
        const char *name, *path;
        int r;

        r = sd_bus_message_read(m, "s", &name);
        if (r < 0 || strcmp(name, "ExecStart") != 0)
                return r < 0 ? r : sd_bus_message_skip(m, "v");
        r = sd_bus_message_enter_container(m, 'v', "a(sasb)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'a', "(sasb)");
        if (r >= 0)
                r = sd_bus_message_enter_container(m, 'r', "sasb");
        if (r >= 0)
                r = sd_bus_message_read(m, "s", &path);
        if (r >= 0 && path[0] != '/')
                return -EINVAL;
        if (r >= 0)
                r = sd_bus_message_skip(m, "asb");
        for (int i = 0; r >= 0 && i < 3; i++)
                r = sd_bus_message_exit_container(m);
        return r;
}

static int check_properties(sd_bus_message *m) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(sv)");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sv")) > 0) {
                r = check_property(m);
                if (r >= 0)
                        r = sd_bus_message_exit_container(m);
        }
        return r < 0 ? r : sd_bus_message_exit_container(m);
}

/* The units that come with it: a(sa(sv)). */
static int make_auxiliary(const Fake *f, sd_bus_message *m) {
        int r;

        r = sd_bus_message_enter_container(m, 'a', "(sa(sv))");
        while (r >= 0 && (r = sd_bus_message_enter_container(m, 'r', "sa(sv)")) > 0) {
                const char *unit;

                r = sd_bus_message_read(m, "s", &unit);
                if (r < 0)
                        return r;
                r = check_properties(m);
                if (r < 0)
                        return r;
                unit_make(f->root, unit);
                r = sd_bus_message_exit_container(m);
        }
        return r;
}

static int method_start_transient(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Fake *f = userdata;
        bool set[_PROPERTY_MAX] = {};
        const char *unit, *mode, *dot;
        Values values = {};
        Extra extra = {};
        int r;

        r = sd_bus_message_read(m, "ss", &unit, &mode);
        if (r >= 0)
                r = read_properties(m, &values, set, &extra, error);
        if (r < 0)
                return r;
        if (unit_is_loaded(f->root, unit))
                return fake_fail(f, m, ERROR("UnitExists"),
                                 "Unit was already loaded or has a fragment file.");
        dot = strrchr(unit, '.');
        if (dot && strcmp(dot, ".scope") == 0)
                return start_scope(f, m, unit, &values, set, &extra);
        r = make_auxiliary(f, m);
        if (r == -EINVAL)
                return fake_fail(f, m, SD_BUS_ERROR_INVALID_ARGS, "Path is not absolute.");
        if (r >= 0) {
                unit_make(f->root, unit);
                r = fake_finish(f, m, "o", JOB);
        }
        if (r >= 0 && extra.type && strcmp(extra.type, "oneshot") == 0) /* which has ended by now */
                (void) sd_bus_emit_signal(sd_bus_message_get_bus(m), MANAGER_PATH, MANAGER,
                                          "JobRemoved", "uoss", (uint32_t) 3, JOB, unit,
                                          fake_rule_is(f, "fails") ? "failed" : "done");
        return r;
}

static int method_attach(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Fake *f = userdata;
        const char *unit, *subgroup;
        const void *pids;
        size_t size;
        int r;

        (void) error;
        r = sd_bus_message_read(m, "ss", &unit, &subgroup);
        if (r >= 0)
                r = sd_bus_message_read_array(m, 'u', &pids, &size);
        if (r < 0)
                return r;
        if (!unit_is_loaded(f->root, unit))
                return no_such_unit(f, m);
        for (size_t i = 0; i < size / sizeof(uint32_t); i++)
                unit_attach(f->root, unit, (pid_t) ((const uint32_t *) pids)[i]);
        return fake_finish(f, m, NULL, NULL);
}

#define METHOD(member, in, out, handler) \
 SD_BUS_METHOD(member, in, out, handler, SD_BUS_VTABLE_UNPRIVILEGED)

static const sd_bus_vtable manager_vtable[] = {
        SD_BUS_VTABLE_START(0),
        METHOD("GetUnit", "s", "o", method_get_unit),
        METHOD("SetUnitProperties", "sba(sv)", "", method_set_properties),
        METHOD("FreezeUnit", "s", "", method_freeze_unit),
        METHOD("ThawUnit", "s", "", method_thaw_unit),
        METHOD("Reload", "", "", method_reload),
        METHOD("StartUnit", "ss", "o", method_start_unit),
        METHOD("StopUnit", "ss", "o", method_stop_unit),
        METHOD("StartTransientUnit", "ssa(sv)a(sa(sv))", "o", method_start_transient),
        METHOD("AttachProcessesToUnit", "ssau", "", method_attach),
        SD_BUS_VTABLE_END,
};

/* ---- the units --------------------------------------------------------------------------------
 */

static int get_property(sd_bus *bus, const char *path, const char *interface, const char *name,
                        sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Fake *f = userdata;
        Property property = property_find(name);
        char *unit = NULL;
        Values values;
        int r;

        (void) bus, (void) interface, (void) error;
        r = sd_bus_path_decode(path, UNIT_PATH, &unit);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        unit_values(f->root, unit, &values);
        free(unit);
        return property == PROPERTY_CPUS
                       ? sd_bus_message_append_array(reply, 'y', values.cpus, values.n_cpus)
                       : sd_bus_message_append(reply, "t", values.number[property]);
}

static int get_freezer_state(sd_bus *bus, const char *path, const char *interface, const char *name,
                             sd_bus_message *reply, void *userdata, sd_bus_error *error) {
        const Fake *f = userdata;
        char *unit = NULL;
        bool frozen;
        int r;

        (void) bus, (void) interface, (void) name, (void) error;
        r = sd_bus_path_decode(path, UNIT_PATH, &unit);
        if (r <= 0)
                return r < 0 ? r : -ENOENT;
        frozen = unit_is_frozen(f->root, unit);
        free(unit);
        return sd_bus_message_append(reply, "s", frozen ? "frozen" : "running");
}

#define NUMBER(name) SD_BUS_PROPERTY(name, "t", get_property, 0, 0)

static const sd_bus_vtable unit_vtable[] = {
        SD_BUS_VTABLE_START(0),
        NUMBER("CPUQuotaPerSecUSec"),
        NUMBER("CPUQuotaPeriodUSec"),
        NUMBER("CPUWeight"),
        NUMBER("MemoryHigh"),
        NUMBER("MemoryMax"),
        NUMBER("MemorySwapMax"),
        NUMBER("TasksMax"),
        NUMBER("IOWeight"),
        SD_BUS_PROPERTY("AllowedCPUs", "ay", get_property, 0, 0),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable common_vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_PROPERTY("FreezerState", "s", get_freezer_state, 0, 0),
        SD_BUS_VTABLE_END,
};

/* Every unit name has an object: PID 1 loads a unit to answer for it. */
static int find_unit(sd_bus *bus, const char *path, const char *interface, void *userdata,
                     void **ret, sd_bus_error *error) {
        (void) bus, (void) path, (void) interface, (void) error;
        *ret = userdata;
        return 1;
}

int fake_add_objects(Fake *f, sd_bus *bus) {
        static const struct {
                const char *interface;
                const sd_bus_vtable *vtable;
        } units[] = {
                { "org.freedesktop.systemd1.Unit", common_vtable },
                { "org.freedesktop.systemd1.Slice", unit_vtable },
                { "org.freedesktop.systemd1.Scope", unit_vtable },
        };
        int r;

        r = sd_bus_add_object_vtable(bus, NULL, MANAGER_PATH, MANAGER, manager_vtable, f);
        for (size_t i = 0; i < ELEMENTSOF(units) && r >= 0; i++)
                r = sd_bus_add_fallback_vtable(bus, NULL, UNIT_PATH, units[i].interface,
                                               units[i].vtable, find_unit, f);
        return r;
}
