/* SPDX-License-Identifier: MIT */
/* What keeps a desktop's inhibitors: fake-manager gnome|kde. It has org.freedesktop.ScreenSaver,
 * too, as those desktops do. Lines on stdin: "on" and "off", there is an inhibitor or not;
 * "garbage", answers of a wrong type from now on, and a signal. */

#define _GNU_SOURCE
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <systemd/sd-bus.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#define GNOME "org.gnome.SessionManager"
#define GNOME_PATH "/org/gnome/SessionManager"
#define KDE "org.kde.Solid.PowerManagement.PolicyAgent"
#define KDE_PATH "/org/kde/Solid/PowerManagement/PolicyAgent"

typedef struct Fake {
        sd_bus *bus;
        bool kde, inhibited, garbage;
} Fake;

static int method_has(sd_bus_message *m, void *userdata, sd_bus_error *error) {
        const Fake *f = userdata;
        uint32_t kind;
        int r;

        (void) error;
        r = sd_bus_message_read(m, "u", &kind);
        if (r < 0)
                return r;
        if (f->garbage)
                return sd_bus_reply_method_return(m, "s", "yes");
        return sd_bus_reply_method_return(m, "b", f->inhibited && kind == (f->kde ? 4 : 8));
}

static const sd_bus_vtable gnome[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("IsInhibited", "u", "b", method_has, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static const sd_bus_vtable kde[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("HasInhibition", "u", "b", method_has, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END,
};

static void tell(const Fake *f) {
        if (f->kde)
                (void) sd_bus_emit_signal(f->bus, KDE_PATH, KDE, "InhibitionsChanged", "a(ss)as", 0,
                                          0);
        else
                (void) sd_bus_emit_signal(f->bus, GNOME_PATH, GNOME,
                                          f->inhibited ? "InhibitorAdded" : "InhibitorRemoved", "o",
                                          GNOME_PATH "/Inhibitor1");
}

static int on_line(sd_event_source *source, int fd, uint32_t events, void *userdata) {
        Fake *f = userdata;
        char line[64] = "";

        (void) source, (void) events;
        if (read(fd, line, sizeof(line) - 1) <= 0)
                return sd_event_exit(sd_event_source_get_event(source), 0);
        f->garbage = strcmp(line, "garbage\n") == 0;
        f->inhibited = strcmp(line, "on\n") == 0;
        tell(f);
        return 0;
}

int main(int argc, char *argv[]) {
        Fake f = { .kde = argc > 1 && strcmp(argv[1], "kde") == 0 };
        sd_event *event = NULL;
        int r;

        r = sd_event_default(&event);
        if (r >= 0)
                r = sd_bus_open_user(&f.bus);
        if (r >= 0)
                r = sd_bus_attach_event(f.bus, event, 0);
        if (r >= 0)
                r = sd_bus_add_object_vtable(f.bus, NULL, f.kde ? KDE_PATH : GNOME_PATH,
                                             f.kde ? KDE : GNOME, f.kde ? kde : gnome, &f);
        if (r >= 0)
                r = sd_bus_request_name(f.bus, "org.freedesktop.ScreenSaver", SD_BUS_NAME_QUEUE);
        if (r >= 0)
                r = sd_bus_request_name(f.bus, f.kde ? KDE : GNOME, 0);
        if (r >= 0)
                r = sd_event_add_io(event, NULL, STDIN_FILENO, EPOLLIN, on_line, &f);
        if (r < 0)
                return 1;
        (void) puts("ready");
        (void) fflush(stdout);
        return sd_event_loop(event) < 0;
}
