/* SPDX-License-Identifier: MIT */
/* A program that does not want the screen locked: asks COUNT times with names of SIZE bytes, prints
 * how many were granted, and stays until a line comes on stdin.
 *
 * inhibitor COUNT SIZE      inhibitor call MEMBER
 * inhibitor garbage         calls with wrong types, wrong cookies, wrong interfaces */

#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define SCREENSAVER "org.freedesktop.ScreenSaver"
#define TIMEOUT 5000000

static int call(sd_bus *bus, const char *path, const char *member, const char *types,
                const void *text, uint32_t number) {
        sd_bus_message *m = NULL;
        int r;

        r = sd_bus_message_new_method_call(bus, &m, SCREENSAVER, path, SCREENSAVER, member);
        for (const char *t = types; *t && r >= 0; t++)
                r = *t == 's' ? sd_bus_message_append_basic(m, 's', text)
                              : sd_bus_message_append_basic(m, *t, &number);
        if (r >= 0)
                r = sd_bus_call(bus, m, TIMEOUT, NULL, NULL);
        sd_bus_message_unref(m);
        return r;
}

static void send_garbage(sd_bus *bus) {
        static const char *const members[] = { "Inhibit",           "UnInhibit", "SetActive",
                                               "GetActive",         "Lock2",     "Inhibit2",
                                               "GetSessionIdleTime" };
        static const char *const types[] = { "", "s", "u", "ss", "uu", "sssu" };
        size_t size = 1 << 20;
        char *huge = malloc(size);

        if (!huge)
                return;
        memset(huge, '\033', size - 1);
        huge[size - 1] = '\0';
        for (size_t m = 0; m < sizeof(members) / sizeof(members[0]); m++)
                for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++)
                        for (uint32_t n = 0; n < 3; n++) /* answered with errors, which is right */
                                if (strcmp(members[m], "SetActive") != 0)
                                        (void) call(bus, n ? "/ScreenSaver" : "/nowhere",
                                                    members[m], types[t], huge,
                                                    n == 2 ? UINT32_MAX : n);
        free(huge);
}

int main(int argc, char *argv[]) {
        sd_bus *bus = NULL;
        int granted = 0;
        char *name, line[16];

        if (argc < 2 || sd_bus_open_user(&bus) < 0)
                return 1;
        if (strcmp(argv[1], "garbage") == 0) {
                send_garbage(bus);
                return 0;
        }
        if (argc < 3)
                return 1;
        if (strcmp(argv[1], "call") == 0)
                return call(bus, "/ScreenSaver", argv[2], "", NULL, 0) < 0;
        name = calloc(1, (size_t) atoi(argv[2]) + 1);
        if (!name)
                return 1;
        memset(name, 'x', (size_t) atoi(argv[2]));
        for (int i = 0; i < atoi(argv[1]); i++)
                granted += call(bus, "/org/freedesktop/ScreenSaver", "Inhibit", "ss", name, 0) >= 0;
        (void) printf("%d\n", granted);
        (void) fflush(stdout);
        return read(STDIN_FILENO, line, sizeof(line)) < 0;
}
