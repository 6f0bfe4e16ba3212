/* SPDX-License-Identifier: MIT */
/* What the user is told on their desktop. */

#define _GNU_SOURCE
#include <signal.h>

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "notice.h"

static const char *const tags[_NOTICE_MAX] = {
        [NOTICE_LOCK] = "lock",
        [NOTICE_LOGOUT] = "logout",
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

void notice_show(Notice notice, usec_t time, const char *summary, const char *format, ...) {
        char program[] = LIBEXECDIR "/leash-notify", tag[32], expire[32], body[512], title[128];
        char *argv[] = { program, tag, expire, title, body, NULL };
        va_list ap;

        (void) snprintf(tag, sizeof(tag), "--tag=%s", tags[notice]);
        (void) snprintf(expire, sizeof(expire), "--expire=%llus",
                        (unsigned long long) (time / USEC_PER_SEC));
        (void) snprintf(title, sizeof(title), "%s", summary);
        va_start(ap, format);
        (void) vsnprintf(body, sizeof(body), format, ap);
        va_end(ap);
        run(argv);
}

void notice_close(Notice notice) {
        char program[] = LIBEXECDIR "/leash-notify", tag[32], close_it[] = "--close";
        char *argv[] = { program, tag, close_it, NULL };

        (void) snprintf(tag, sizeof(tag), "--tag=%s", tags[notice]);
        run(argv);
}
