/* SPDX-License-Identifier: MIT */
/* How things are on this host.
 *
 * Who is here and who is looked at is leashd's to know: what it keeps in /run/leashd is read again
 * when it has changed. Where leashd does not run, logind is asked who is here, and nobody knows who
 * is looked at. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/drain.h"
#include "backend/login.h"
#include "backend/overview.h"
#include "core/sessions.h"
#include "core/xrdpconf.h"
#include "look.h"
#include "os/file.h"
#include "os/psi.h"

#define SESSIONS_FILE OVERVIEW_DIR "/sessions"
#define SESMAN_INI "/etc/xrdp/sesman.ini"

/* Asking logind costs some files for each session. */
#define COUNT_INTERVAL (5 * USEC_PER_SEC)
#define CONFIG_INTERVAL (30 * USEC_PER_SEC)

LookRestart look_restart_from_string(const char *name) {
        static const char *const names[_LOOK_RESTART_MAX] = {
                [LOOK_RESTART_LOWER] = "lower",
                [LOOK_RESTART_DRAIN] = "drain",
                [LOOK_RESTART_IGNORE] = "ignore",
        };

        for (LookRestart i = 0; i < _LOOK_RESTART_MAX; i++)
                if (strcmp(names[i], name) == 0)
                        return i;
        return _LOOK_RESTART_INVALID;
}

static bool is_there(const Look *l, const char *path) {
        _cleanup_free_ char *full = file_path("%s%s", l->root, path);

        return full && faccessat(AT_FDCWD, full, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* ---- sessions ----------------------------------------------------------------------------------
 */

/* A service that runs has a group: in v2, and in systemd's own hierarchy of v1. What a leashd that
 * has gone left behind is of yesterday. */
static bool leashd_runs(const Look *l) {
        return is_there(l, "/sys/fs/cgroup/system.slice/leashd.service") ||
               is_there(l, "/sys/fs/cgroup/systemd/system.slice/leashd.service");
}

static void count_kept(Look *l, const Sessions *sessions) {
        l->facts.sessions = l->facts.disconnected = 0;
        for (size_t i = 0; i < sessions->n; i++) {
                const Session *s = sessions->all[i];

                if (!session_is_desktop(s) || s->since[SESSION_CLOSING] != 0)
                        continue;
                l->facts.sessions++;
                l->facts.disconnected += s->link == SESSION_LINK_DISCONNECTED;
        }
        l->facts.sessions_known = l->facts.links_known = true;
}

/* Returns 0, also if it is still what was read before; -errno. */
static int read_kept(Look *l) {
        _cleanup_free_ char *path = file_path("%s" SESSIONS_FILE, l->root), *text = NULL;
        _cleanup_(sessions_done) Sessions sessions = {};
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        LookFile file;
        size_t size;
        int r;

        r = path ? file_open_own(path, &fd, &st) : -ENOMEM;
        if (r < 0)
                return r;
        file = (LookFile){ st.st_ino, st.st_mtim.tv_sec, st.st_mtim.tv_nsec };
        if (l->kept && memcmp(&file, &l->file, sizeof(file)) == 0)
                return 0;
        r = file_read_fd(fd, SESSIONS_TEXT_MAX, &text, &size);
        if (r >= 0)
                r = sessions_from_text(&sessions, text, size, l->boot);
        if (r < 0)
                return r;
        count_kept(l, &sessions);
        l->kept = true;
        l->file = file;
        return 0;
}

static bool is_desktop(const LoginSession *s) {
        bool xrdp = s->service && strcmp(s->service, SESSION_SERVICE_XRDP) == 0;

        return (xrdp || s->display) && s->class && strcmp(s->class, "user") == 0 &&
               (!s->state || strcmp(s->state, "closing") != 0);
}

/* By logind, whose directory is where sd-login(3) looks: there is no other root for it. */
static int count_logins(Look *l) {
        _cleanup_free_ uid_t *uids = NULL;
        size_t n_uids, n_desktops = 0;
        int r;

        if (!is_there(l, "/run/systemd/users"))
                return -ENODATA;
        r = login_users(&uids, &n_uids);
        for (size_t i = 0; i < n_uids && r >= 0; i++) {
                LoginSession *sessions = NULL;
                size_t n = 0;

                r = login_sessions(uids[i], &sessions, &n);
                for (size_t k = 0; k < n && r >= 0; k++)
                        n_desktops += is_desktop(&sessions[k]);
                sessions = r < 0 ? NULL : login_sessions_free(sessions, n);
        }
        if (r < 0)
                return r;
        l->facts.sessions = n_desktops;
        l->facts.sessions_known = true;
        l->facts.links_known = n_desktops == 0; /* a leashd that has seen nobody keeps no file */
        return 0;
}

static int look_at_sessions(Look *l, usec_t now) {
        int r = -ENOENT;

        if (leashd_runs(l))
                r = read_kept(l);
        if (r >= 0)
                return 0;
        if (!l->kept && l->facts.sessions_known && now - l->counted < COUNT_INTERVAL)
                return 0;
        l->kept = false;
        l->facts.sessions_known = l->facts.links_known = false;
        l->facts.disconnected = 0;
        l->counted = now;
        return count_logins(l);
}

/* ---- the rest ----------------------------------------------------------------------------------
 */

/* MaxSessions: beyond it xrdp refuses everybody, disconnected sessions counted. */
static void look_at_config(Look *l, usec_t now) {
        _cleanup_free_ char *path = NULL, *text = NULL;
        XrdpconfValue value;
        int64_t most;

        if (l->capacity > 0) {
                l->facts.capacity = l->capacity;
                return;
        }
        if (l->configured != 0 && now - l->configured < CONFIG_INTERVAL)
                return;
        l->configured = MAX_OF(now, (usec_t) 1);
        path = file_path("%s" SESMAN_INI, l->root);
        l->facts.capacity = 0;
        if (!path || file_read(AT_FDCWD, path, XRDPCONF_SIZE_MAX, &text, NULL) < 0 ||
            !xrdpconf_find(text, "Sessions", "MaxSessions", &value))
                return;
        most = xrdpconf_number(value.text);
        if (most > 0 && most <= LOOK_CAPACITY_MAX)
                l->facts.capacity = (size_t) most;
}

static int look_at_pressure(const Look *l, const char *resource, unsigned *ret) {
        _cleanup_free_ char *path = file_path("%s/proc/pressure/%s", l->root, resource);
        int r;

        *ret = 0;
        r = path ? psi_read_average(path, ret) : -ENOMEM;
        return r == -ENOENT || r == -EOPNOTSUPP ? 0 : r; /* a kernel that keeps none */
}

/* Debian's packages say so by a file (reboot-notifier, unattended-upgrades); systemd keeps what
 * shutdown(8) was told in another. */
static BalanceRestart look_at_restart(const Look *l) {
        if (is_there(l, "/run/systemd/shutdown/scheduled"))
                return BALANCE_RESTART_SCHEDULED;
        if (l->restart == LOOK_RESTART_IGNORE || !is_there(l, "/run/reboot-required"))
                return BALANCE_RESTART_NONE;
        return l->restart == LOOK_RESTART_DRAIN ? BALANCE_RESTART_AWAITED : BALANCE_RESTART_WANTED;
}

/* A mark that cannot be read empties no host: that would close a farm whose disks are full. */
static int look_at_drain(Look *l) {
        Drain drain;
        int r;

        r = drain_load(l->root, &drain);
        l->facts.draining = r > 0;
        return MIN_OF(r, 0);
}

void look_at(Look *l, usec_t now, const char **ret_failed) {
        const char *failed = NULL;

        if (l->boot[0] == '\0')
                (void) machine_boot(l->boot); /* without it what leashd keeps is of another boot */
        if (look_at_pressure(l, "cpu", &l->facts.cpu_pressure) < 0 ||
            look_at_pressure(l, "memory", &l->facts.memory_pressure) < 0)
                failed = "pressure";
        look_at_config(l, now);
        if (look_at_drain(l) < 0)
                failed = "the mark of 'leash-xrdp drain'";
        l->facts.restart = look_at_restart(l);
        if (look_at_sessions(l, now) < 0)
                failed = "sessions";
        if (ret_failed)
                *ret_failed = failed;
}
