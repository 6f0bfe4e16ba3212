/* SPDX-License-Identifier: MIT */
/* Which processes of a session are the trouble, so that the rest of the desktop can be spared. */

#include <string.h>

#include "core/offenders.h"

/* A busy loop is runnable all the time, however little CPU it gets where many fight for it; over
 * a half-life of 32 ms it settles at 967 to 1023. A desktop program sleeps between events and
 * stays well below. A process just forked starts at up to half (post_init_entity_util_avg() in
 * kernel/sched/fair.c), so half proves nothing. */
#define RUNNABLE_BURNING (UTIL_FULL * 3 / 4)

/* A parent whose ended children used this share of its life is a spawner of burners, once they
 * used enough to count at all. */
#define SPAWNER_SHARE 10
#define SPAWNER_CPU_MIN (50 * USEC_PER_MSEC)

/* Players, terminals under load, games and remote desktops wake up this often; a shell or an editor
 * waiting for a key does not. A process younger than the age has had its start-up only. */
#define LIVELY_WAKEUPS_PER_SEC 20
#define LIVELY_AGE_MIN (2 * USEC_PER_SEC)

static bool is_display(const char *comm) {
        static const char *const names[] = { "Xorg",  "Xvnc",        "Xtigervnc",    "Xwayland",
                                             "X",     "gnome-shell", "kwin_wayland", "sway",
                                             "labwc", "weston" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(names[i], comm) == 0)
                        return true;
        return false;
}

bool offenders_leave_somebody(const ProcSample *samples, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const ProcSample *p = &samples[i];

                if (p->offender)
                        continue;
                if (is_display(p->comm))
                        return true;
                if (!p->protected && p->age >= LIVELY_AGE_MIN &&
                    p->wakeups / LIVELY_WAKEUPS_PER_SEC >= p->age / USEC_PER_SEC)
                        return true;
        }
        return false;
}

bool offenders_is_desktop(const char *comm) {
        /* As the kernel cuts them: 15 characters. */
        static const char *const names[] = {
                "Xorg",
                "Xvnc",
                "Xtigervnc",
                "Xwayland",
                "X",
                "Xephyr",
                "xrdp-chansrv",
                "xrdp-sesexec",
                "xrdp-sesman",
                "gnome-shell",
                "gnome-session-b",
                "mutter",
                "kwin_x11",
                "kwin_wayland",
                "plasmashell",
                "ksmserver",
                "plasma_session",
                "xfwm4",
                "xfce4-session",
                "xfce4-panel",
                "xfdesktop",
                "xfsettingsd",
                "cinnamon",
                "cinnamon-sessio",
                "muffin",
                "marco",
                "mate-session",
                "mate-panel",
                "openbox",
                "fluxbox",
                "icewm",
                "metacity",
                "lxsession",
                "lxqt-session",
                "lxpanel",
                "i3",
                "sway",
                "labwc",
                "weston",
                "dbus-daemon",
                "dbus-broker",
                "dbus-broker-lau",
                "at-spi-bus-laun",
                "pipewire",
                "pipewire-pulse",
                "wireplumber",
                "pulseaudio",
                "ibus-daemon",
                "fcitx",
                "fcitx5",
                "ssh-agent",
                "gpg-agent",
                "xscreensaver",
                "xsecurelock",
                "i3lock",
                "leash-lock",
                "(sd-pam)",
                "systemd",
                "sshd",
                "sshd-session",
                "login",
        };

        for (size_t i = 0; i < ELEMENTSOF(names); i++)
                if (strcmp(names[i], comm) == 0)
                        return true;
        return false;
}

bool offenders_is_burning(const ProcSample *p) {
        return p->runnable >= RUNNABLE_BURNING;
}

static int compare_pid(const void *a, const void *b) {
        const ProcSample *x = a, *y = b;

        return (x->pid > y->pid) - (x->pid < y->pid);
}

static ProcSample *find(ProcSample *samples, size_t n, pid_t pid) {
        return bsearch(&(ProcSample){ .pid = pid }, samples, n, sizeof(ProcSample), compare_pid);
}

static bool may_move(const ProcSample *p) {
        return !p->protected && !offenders_is_desktop(p->comm);
}

static bool is_spawner(const ProcSample *p) {
        return p->children_cpu >= SPAWNER_CPU_MIN && p->children_cpu >= p->age / SPAWNER_SHARE;
}

/* The highest spawner above p inside its POSIX session. The session's leader ends the climb: that
 * is the shell in a terminal, or the login itself, and moving it would move all its other jobs. */
static ProcSample *find_spawner(ProcSample *samples, size_t n, ProcSample *p) {
        ProcSample *found = NULL, *up = p;

        for (size_t steps = 0; steps < n; steps++) {
                up = find(samples, n, up->ppid);
                if (!up || up->sid != p->sid || up->pid == up->sid || !may_move(up))
                        break;
                if (is_spawner(up))
                        found = up;
        }
        return found;
}

static bool has_root_above(ProcSample *samples, size_t n, const bool *roots, const ProcSample *p) {
        for (size_t steps = 0; p && steps < n; steps++) {
                if (roots[p - samples])
                        return true;
                p = find(samples, n, p->ppid);
        }
        return false;
}

size_t offenders_select(ProcSample *samples, size_t n) {
        _cleanup_free_ bool *roots = calloc(n + 1, sizeof(bool));
        size_t found = 0;

        if (!roots)
                return 0;
        qsort(samples, n, sizeof(ProcSample), compare_pid);
        for (size_t i = 0; i < n; i++) {
                ProcSample *p = &samples[i], *spawner;

                if (!may_move(p) || (!p->named && !offenders_is_burning(p)))
                        continue;
                spawner = find_spawner(samples, n, p);
                roots[(spawner ? spawner : p) - samples] = true;
                roots[i] |= p->named;
                p->offender = true;
        }
        for (size_t i = 0; i < n; i++) {
                ProcSample *p = &samples[i];

                if (!p->offender && may_move(p) && has_root_above(samples, n, roots, p))
                        p->offender = true;
                found += p->offender;
        }
        return found;
}

void offenders_mark_tree(ProcSample *samples, size_t n, pid_t root) {
        _cleanup_free_ bool *roots = calloc(n + 1, sizeof(bool));

        if (!roots)
                return;
        qsort(samples, n, sizeof(ProcSample), compare_pid);
        for (size_t i = 0; i < n; i++)
                roots[i] = samples[i].pid == root;
        for (size_t i = 0; i < n; i++)
                samples[i].offender = has_root_above(samples, n, roots, &samples[i]);
}
