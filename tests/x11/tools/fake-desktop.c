/* SPDX-License-Identifier: MIT */
/* A desktop that shows notifications: notes each as "ID REPLACES TIMEOUT SUMMARY|BODY", and "close
 * ID", in the file it is given. With "slow" it never answers, with "plain" it knows no markup. */

#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>

#define NOTIFICATIONS "org.freedesktop.Notifications"

typedef struct Desktop {
        const char *log, *mode;
        uint32_t last;
} Desktop;

static int method_notify(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const char *app, *icon, *summary, *body;
        Desktop *d = userdata;
        uint32_t replaces;
        int32_t timeout;
        FILE *log;
        int r;

        (void) error;
        r = sd_bus_message_read(m, "susss", &app, &replaces, &icon, &summary, &body);
        if (r >= 0)
                r = sd_bus_message_skip(m, "as");
        if (r >= 0)
                r = sd_bus_message_skip(m, "a{sv}");
        if (r >= 0)
                r = sd_bus_message_read(m, "i", &timeout);
        if (r < 0)
                return r;
        log = fopen(d->log, "ae");
        if (!replaces)
                replaces = ++d->last;
        else
                d->last = replaces;
        if (log) {
                (void) fprintf(log, "%u %d %s|%s\n", replaces, timeout, summary, body);
                (void) fclose(log);
        }
        if (strcmp(d->mode, "slow") == 0)
                return 1; /* handled, and not answered */
        return sd_bus_reply_method_return(m, "u", replaces);
}

static int method_close(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Desktop *d = userdata;
        uint32_t id;
        FILE *log = fopen(d->log, "ae");

        (void) error;
        if (log && sd_bus_message_read(m, "u", &id) >= 0)
                (void) fprintf(log, "close %u\n", id);
        if (log)
                (void) fclose(log);
        return sd_bus_reply_method_return(m, NULL);
}

static int method_capabilities(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Desktop *d = userdata;

        (void) error;
        if (strcmp(d->mode, "plain") == 0)
                return sd_bus_reply_method_return(m, "as", 1, "body");
        return sd_bus_reply_method_return(m, "as", 2, "body", "body-markup");
}

static int method_information(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        (void) userdata, (void) error;
        return sd_bus_reply_method_return(m, "ssss", "fake", "leash", "1", "1.2");
}

static const sd_bus_vtable vtable[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("Notify", "susssasa{sv}i", "u", method_notify, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("CloseNotification", "u", "", method_close, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetCapabilities", "", "as", method_capabilities, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("GetServerInformation", "", "ssss", method_information,
                      SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

int main(int argc, char *argv[]) {
        Desktop d = { .log = argc > 1 ? argv[1] : "/dev/stderr", .mode = argc > 2 ? argv[2] : "" };
        sd_bus *bus = NULL;
        int r;

        r = sd_bus_open_user(&bus);
        if (r >= 0)
                r = sd_bus_add_object_vtable(bus, NULL, "/org/freedesktop/Notifications",
                                             NOTIFICATIONS, vtable, &d);
        if (r >= 0)
                r = sd_bus_request_name(bus, NOTIFICATIONS, 0);
        if (r < 0)
                return 1;
        (void) puts("ready");
        (void) fflush(stdout);
        for (;;) {
                r = sd_bus_process(bus, NULL);
                if (r == 0)
                        r = sd_bus_wait(bus, UINT64_MAX);
                if (r < 0)
                        return 1;
        }
}
