/* SPDX-License-Identifier: MIT */
/* What the user is told on their desktop. */

#define _GNU_SOURCE
#include <signal.h>

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/parse.h"
#include "notice.h"

static const struct {
        const char *tag, *summary, *before, *after; /* the time stands between these */
} notices[_NOTICE_MAX] = {
        [NOTICE_LOCK] = { "lock", "The screen is about to be locked", "It is locked in ",
                          ". Any key or a move of the mouse keeps it open." },
        [NOTICE_LOGOUT] = { "logout", "This session is about to be ended",
                            "It has been locked for long, and ends in ",
                            " unless it is unlocked." },
};

/* Twice forked, so that nobody has to wait for it, and bounded by its own alarm of 3 s. */
static void run(char *argv[]) {
        pid_t pid = fork();
        sigset_t none;

        if (pid != 0) {
                siginfo_t info;

                if (pid > 0)
                        (void) waitid(P_PID, (id_t) pid, &info, WEXITED);
                return;
        }
        if (fork() != 0)
                _exit(0);
        (void) sigemptyset(&none);
        (void) sigprocmask(SIG_SETMASK, &none, NULL);
        (void) execv(argv[0], argv);
        _exit(127);
}

void notice_show(Notice notice, usec_t left) {
        char program[] = LIBEXECDIR "/leash-notify", tag[32], expire[32], text[32];
        char summary[128], body[256];
        char *argv[] = { program, tag, expire, summary, body, NULL };

        format_duration(left, text, sizeof(text));
        (void) snprintf(tag, sizeof(tag), "--tag=%s", notices[notice].tag);
        (void) snprintf(expire, sizeof(expire), "--expire=%llus",
                        (unsigned long long) (left / USEC_PER_SEC));
        (void) snprintf(summary, sizeof(summary), "%s", notices[notice].summary);
        (void) snprintf(body, sizeof(body), "%s%s%s", notices[notice].before, text,
                        notices[notice].after);
        run(argv);
}

void notice_close(Notice notice) {
        char program[] = LIBEXECDIR "/leash-notify", tag[32], close_it[] = "--close";
        char *argv[] = { program, tag, close_it, NULL };

        (void) snprintf(tag, sizeof(tag), "--tag=%s", notices[notice].tag);
        run(argv);
}
