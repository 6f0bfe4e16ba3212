/* SPDX-License-Identifier: MIT */
/* What the parts of the fake PID 1 share. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>

#define MANAGER_PATH "/org/freedesktop/systemd1"
#define UNIT_PATH "/org/freedesktop/systemd1/unit"

typedef struct Rule {
        char action[32], argument[256];
} Rule;

typedef struct Fake {
        const char *root;
        sd_event *event;
        Rule rule; /* for the call being handled; action is empty for none */
} Fake;

bool fake_rule_is(const Fake *f, const char *action);

/* The end of a call that was acted on: answers with types and one text, or with nothing, unless a
 * rule has it otherwise. Returns what the method is to return. */
int fake_finish(const Fake *f, sd_bus_message *m, const char *types, const char *text);

/* The same with an error. */
int fake_fail(const Fake *f, sd_bus_message *m, const char *name, const char *what);

/* The manager and the units, on a connection. */
int fake_add_objects(Fake *f, sd_bus *bus);
