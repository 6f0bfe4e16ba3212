/* SPDX-License-Identifier: MIT */
/* leash-notify: one notice on the desktop of the user it runs as, in the place of the last one.
 *
 * It is a program of its own because libnotify brings GLib, which belongs neither into root's
 * programs nor into one that stays. It runs as the user alone: leash has given up root before it
 * starts this, and as root it refuses. It ends after 3 s, whatever the user's bus does.
 *
 * The number of the notice, by which the desktop replaces it, is kept in the user's runtime
 * directory. A user may write there what they like; all that a number does is to name one of their
 * own notices. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libnotify/notify.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/parse.h"
#include "os/file.h"

#define SECONDS_MAX 3
#define SUMMARY_MAX 256
#define BODY_MAX 2048

/* Documented in leash-notify(1). */
enum {
        SHOWN = 0,
        NOT_SHOWN = 1, /* no desktop takes it; it was written to the terminal, if there is one */
        BAD_USAGE = 2,
        IS_ROOT = 3,
};

typedef struct Arguments {
        const char *tag, *summary, *body;
        usec_t expire; /* USEC_INFINITY: as the desktop likes */
        bool urgent, close, help, version;
} Arguments;

static const struct {
        const char *name, *metavar, *help;
} options[] = {
        { "tag", "TAG", "which notice to replace: a word of letters" },
        { "expire", "TIME", "how long it shows: 30s, 5min" },
        { "urgent", NULL, "stays until it is clicked away" },
        { "close", NULL, "take the notice away" },
        { "help", NULL, "this text" },
        { "version", NULL, "the version" },
};

static void help(FILE *f) {
        (void) fputs("Usage:\n  leash-notify [OPTIONS] SUMMARY [BODY]\n\nOptions:\n", f);
        for (size_t i = 0; i < ELEMENTSOF(options); i++) {
                char left[64];

                (void) snprintf(left, sizeof(left), "--%s%s%s", options[i].name,
                                options[i].metavar ? "=" : "", options[i].metavar ?: "");
                (void) fprintf(f, "  %-18s %s\n", left, options[i].help);
        }
        (void) fputs(
                "\nExit status: 0 shown, 1 not shown, 2 usage, 3 refused: it does not run as "
                "root.\n",
                f);
}

/* It becomes part of a file's name. */
static bool is_tag(const char *tag) {
        size_t n = strspn(tag, "abcdefghijklmnopqrstuvwxyz-");

        return n > 0 && n <= 32 && tag[n] == '\0';
}

static int take_option(Arguments *a, int index, const char *text) {
        switch (index) {
        case 0:
                a->tag = text;
                return is_tag(text) ? 0 : -EINVAL;
        case 1:
                return parse_duration(text, &a->expire);
        case 2:
                a->urgent = true;
                return 0;
        case 3:
                a->close = true;
                return 0;
        case 4:
                a->help = true;
                return 0;
        case 5:
                a->version = true;
                return 0;
        default:
                return -EINVAL;
        }
}

static int parse(int argc, char *argv[], Arguments *ret) {
        struct option longs[ELEMENTSOF(options) + 1] = {};
        Arguments a = { .tag = "notice", .expire = USEC_INFINITY, .body = "" };

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                longs[i] = (struct option){
                        .name = options[i].name,
                        .has_arg = options[i].metavar ? required_argument : no_argument,
                        .val = 256 + (int) i,
                };
        opterr = 0;
        for (int c; (c = getopt_long(argc, argv, "", longs, NULL)) != -1;)
                if (take_option(&a, c - 256, optarg) < 0)
                        return -EINVAL;
        if (optind < argc)
                a.summary = argv[optind++];
        if (optind < argc)
                a.body = argv[optind++];
        if (optind < argc || (!a.summary && !a.close && !a.help && !a.version))
                return -EINVAL;
        *ret = a;
        return 0;
}

/* ---- the user's bus ----------------------------------------------------------------------------
 */

static bool is_own(const char *path, mode_t type) {
        struct stat st;

        return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == type && st.st_uid == getuid() &&
               (type != S_IFDIR || (st.st_mode & (S_IWGRP | S_IWOTH)) == 0);
}

/* An address in the environment is the user's own word: leash hands none on. */
static bool find_bus(void) {
        _cleanup_free_ char *dir = file_path("/run/user/%u", (unsigned) getuid());
        _cleanup_free_ char *bus = file_path("/run/user/%u/bus", (unsigned) getuid());
        _cleanup_free_ char *address = file_path("unix:path=/run/user/%u/bus", (unsigned) getuid());

        if (getenv("DBUS_SESSION_BUS_ADDRESS"))
                return true;
        return dir && bus && address && is_own(dir, S_IFDIR) && is_own(bus, S_IFSOCK) &&
               setenv("DBUS_SESSION_BUS_ADDRESS", address, 1) == 0;
}

static int open_runtime(void) {
        const char *named = getenv("XDG_RUNTIME_DIR");
        _cleanup_free_ char *dir =
                named ? strdup(named) : file_path("/run/user/%u", (unsigned) getuid());

        if (!dir || !is_own(dir, S_IFDIR))
                return -ENOENT;
        return open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

static unsigned read_id(int dir, const char *name) {
        _cleanup_free_ char *text = NULL;
        uint64_t id;

        if (dir < 0 || file_read(dir, name, 32, &text, NULL) < 0 || parse_u64(text, &id) < 0)
                return 0;
        return id <= INT32_MAX ? (unsigned) id : 0;
}

static void write_id(int dir, const char *name, unsigned id) {
        char text[32];
        int n = snprintf(text, sizeof(text), "%u", id);

        /* Without it the next notice stands beside this one. */
        if (dir >= 0)
                (void) file_write_atomic(dir, name, text, (size_t) n, 0600, false);
}

/* ---- showing -----------------------------------------------------------------------------------
 */

/* Servers that know markup show "<b>" as bold; others show "&lt;" as it is. */
static char *as_body(const char *text) {
        GList *capabilities = notify_get_server_caps();
        bool markup = g_list_find_custom(capabilities, "body-markup", (GCompareFunc) strcmp);
        char *valid = g_utf8_make_valid(text, (gssize) strnlen(text, BODY_MAX)), *escaped;

        g_list_free_full(capabilities, g_free);
        if (!markup)
                return valid;
        escaped = g_markup_escape_text(valid, -1);
        g_free(valid);
        return escaped;
}

static bool show(const Arguments *a, unsigned id, unsigned *ret_id) {
        char *summary = g_utf8_make_valid(a->summary, (gssize) strnlen(a->summary, SUMMARY_MAX));
        char *body = as_body(a->body);
        NotifyNotification *n = notify_notification_new(summary, body, "system-lock-screen");
        bool shown;

        g_object_set(n, "id", (gint) id, NULL);
        if (a->expire != USEC_INFINITY)
                notify_notification_set_timeout(
                        n, (gint) MIN_OF(a->expire / USEC_PER_MSEC, (usec_t) INT32_MAX));
        if (a->urgent)
                notify_notification_set_urgency(n, NOTIFY_URGENCY_CRITICAL);
        shown = notify_notification_show(n, NULL);
        g_object_get(n, "id", ret_id, NULL);
        g_object_unref(n);
        g_free(body);
        g_free(summary);
        return shown;
}

static void take_away(unsigned id) {
        NotifyNotification *n = notify_notification_new("", "", NULL);

        g_object_set(n, "id", (gint) id, NULL);
        (void) notify_notification_close(n, NULL);
        g_object_unref(n);
}

/* That there is no desktop is no news, and the exit status tells it. */
static void ignore_log(const char *domain, GLogLevelFlags level, const char *text, void *userdata) {
        (void) domain, (void) level, (void) text, (void) userdata;
}

static bool on_desktop(const Arguments *a) {
        _cleanup_free_ char *name = file_path("leash-notify-%s", a->tag);
        _cleanup_close_ int dir = -EBADF;
        unsigned id, new_id = 0;

        (void) g_log_set_default_handler(ignore_log, NULL);
        if (!name || !find_bus() || !notify_init("leash"))
                return false;
        dir = open_runtime();
        id = read_id(dir, name);
        if (a->close) {
                if (id > 0)
                        take_away(id);
                if (dir >= 0)
                        (void) file_unlink(dir, name);
                return true;
        }
        if (!show(a, id, &new_id))
                return false;
        write_id(dir, name, new_id);
        return true;
}

static void on_terminal(const Arguments *a) {
        _cleanup_free_ char *summary = escape_text(a->summary ?: "", SUMMARY_MAX);
        _cleanup_free_ char *body = escape_text(a->body, BODY_MAX);

        if (!a->close && summary && body && isatty(STDERR_FILENO))
                (void) fprintf(stderr, "\r\n[leash] %s%s%s\r\n", summary, *body ? ": " : "", body);
}

int main(int argc, char *argv[]) {
        Arguments a;

        (void) alarm(SECONDS_MAX); /* ends it */
        if (parse(argc, argv, &a) < 0) {
                (void) fputs("leash-notify: not understood; see 'leash-notify --help'\n", stderr);
                return BAD_USAGE;
        }
        if (a.help) {
                help(stdout);
                return SHOWN;
        }
        if (a.version) {
                (void) puts("leash-notify " LEASH_VERSION);
                return SHOWN;
        }
        if (getuid() == 0 || geteuid() == 0 || getgid() == 0) {
                (void) fputs("leash-notify: it does not run as root\n", stderr);
                return IS_ROOT;
        }
        if (on_desktop(&a))
                return SHOWN;
        on_terminal(&a);
        return NOT_SHOWN;
}
