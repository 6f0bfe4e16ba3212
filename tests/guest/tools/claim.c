/* SPDX-License-Identifier: MIT */
/* claim SESSION TYPE: tells logind, as a session's user may, that the session is of another type;
 * for as long as it runs, since letting go takes it back. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#define LOGIND "org.freedesktop.login1"
#define SESSION LOGIND ".Session"

/* Of a method that takes a text, or with NULL a boolean, which is false. */
static void call(sd_bus *bus, const char *path, const char *method, const char *text) {
        sd_bus_error error = SD_BUS_ERROR_NULL;
        int r;

        r = text ? sd_bus_call_method(bus, LOGIND, path, SESSION, method, &error, NULL, "s", text)
                 : sd_bus_call_method(bus, LOGIND, path, SESSION, method, &error, NULL, "b", 0);
        if (r < 0)
                (void) fprintf(stderr, "%s: %s\n", method, error.message ?: strerror(-r));
        else
                (void) printf("%s\n", method);
        (void) fflush(stdout);
        sd_bus_error_free(&error);
}

int main(int argc, char *argv[]) {
        sd_bus *bus = NULL;
        char *path = NULL;

        if (argc < 3 || sd_bus_open_system(&bus) < 0 ||
            sd_bus_path_encode("/org/freedesktop/login1/session", argv[1], &path) < 0)
                return EXIT_FAILURE;
        call(bus, path, "TakeControl", NULL);
        call(bus, path, "SetType", argv[2]);
        for (;;)
                (void) pause();
}
