/* SPDX-License-Identifier: MIT */
/* leash-agent's side of the socket. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include "os/clock.h"
#include "os/file.h"
#include "os/output.h"
#include "serve.h"

/* HAProxy asks every two seconds unless told otherwise; several of them ask at once. */
#define LOOK_INTERVAL USEC_PER_SEC

/* How many may still have to close, and for how long: beyond it the oldest are closed upon. */
#define LINGER_MAX 128
#define LINGER_TIME (2 * USEC_PER_SEC)
#define DROP_MAX (16 * 1024)

/* One turn's share: who listens at another port has theirs as well. */
#define ACCEPT_MAX 64

typedef struct Lingering {
        sd_event_source *source; /* which owns the descriptor; NULL: free */
        usec_t until;            /* CLOCK_MONOTONIC */
        size_t dropped;
} Lingering;

typedef struct Server {
        Agent *agent;
        sd_event *event;
        sd_event_source *sweep;
        Lingering ring[LINGER_MAX];
        size_t next; /* the oldest */
} Server;

void serve_prepare(Agent *a, usec_t now) {
        const char *failed;

        if (a->looked != 0 && now - a->looked < LOOK_INTERVAL)
                return;
        look_at(&a->look, now, &failed);
        if (failed && failed != a->failed)
                output_error("cannot tell %s; answering without", failed);
        a->failed = failed;
        balance_update(&a->balance, &a->look.facts, now);
        a->line_size = balance_line(&a->balance, a->weight, a->line);
        a->looked = MAX_OF(now, (usec_t) 1);
}

static void let_go(Lingering *l) {
        l->source = sd_event_source_disable_unref(l->source);
}

/* Reads what there is and drops it. Returns true if they are done, or have had enough. */
static bool drop(int fd, size_t *dropped) {
        char buf[4096];

        for (;;) {
                ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n <= 0)
                        return n == 0 || errno != EAGAIN;
                *dropped += (size_t) n;
                if (*dropped >= DROP_MAX)
                        return true;
        }
}

static int on_client(sd_event_source *source _unused_, int fd, uint32_t events _unused_,
                     void *userdata) {
        Lingering *l = userdata;

        if (drop(fd, &l->dropped))
                let_go(l);
        return 0;
}

static int on_sweep(sd_event_source *timer, uint64_t usec, void *userdata) {
        Server *s = userdata;
        usec_t next = USEC_INFINITY;

        for (size_t i = 0; i < LINGER_MAX; i++) {
                Lingering *l = &s->ring[i];

                if (l->source && l->until <= usec)
                        let_go(l);
                if (l->source)
                        next = MIN_OF(next, l->until);
        }
        if (next == USEC_INFINITY)
                return sd_event_source_set_enabled(timer, SD_EVENT_OFF);
        (void) sd_event_source_set_time(timer, next);
        return sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}

/* A timer for the first; those who come later are seen to by its sweep. */
static void start_sweep(Server *s, usec_t until) {
        int enabled;

        if (sd_event_source_get_enabled(s->sweep, &enabled) >= 0 && enabled != SD_EVENT_OFF)
                return;
        (void) sd_event_source_set_time(s->sweep, until);
        (void) sd_event_source_set_enabled(s->sweep, SD_EVENT_ONESHOT);
}

static int linger(Server *s, int fd, usec_t now) {
        Lingering *l = &s->ring[s->next];
        int r;

        let_go(l);
        *l = (Lingering){ .until = now + LINGER_TIME };
        r = sd_event_add_io(s->event, &l->source, fd, EPOLLIN | EPOLLRDHUP, on_client, l);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(l->source, true);
        if (r < 0) {
                let_go(l);
                return r;
        }
        s->next = (s->next + 1) % LINGER_MAX;
        start_sweep(s, l->until);
        return 0;
}

static void answer(Server *s, int client, usec_t now) {
        _cleanup_close_ int fd = client;
        size_t dropped = 0;

        serve_prepare(s->agent, now);
        /* Who has gone already is not to be answered. */
        if (send(fd, s->agent->line, s->agent->line_size, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ||
            shutdown(fd, SHUT_WR) < 0 || drop(fd, &dropped))
                return;
        if (linger(s, fd, now) >= 0)
                (void) TAKE_FD(fd);
}

static int on_connection(sd_event_source *source _unused_, int fd, uint32_t events _unused_,
                         void *userdata) {
        Server *s = userdata;
        usec_t now = clock_monotonic();

        for (unsigned i = 0; i < ACCEPT_MAX; i++) {
                int client = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

                if (client >= 0) {
                        answer(s, client, now);
                        continue;
                }
                if (errno == EMFILE || errno == ENFILE) /* those who linger make room */
                        let_go(&s->ring[s->next]);
                else if (errno == EAGAIN)
                        break;
                /* accept(2): what went wrong with one that had not been accepted is passed on
                 * here, and concerns nobody else. */
        }
        return 0;
}

/* PID 1 hands over descriptors that block; another's may be no sockets at all. */
static int add_listener(Server *s, int fd) {
        int flags = fcntl(fd, F_GETFL), listens = 0, r;
        socklen_t size = sizeof(listens);

        if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0 || !listens)
                return -EINVAL;
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        r = sd_event_add_io(s->event, NULL, fd, EPOLLIN, on_connection, s);
        return r;
}

static int add_signal(Server *s, int signal) {
        sigset_t set;

        (void) sigemptyset(&set);
        (void) sigaddset(&set, signal);
        if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        return sd_event_add_signal(s->event, NULL, signal, NULL, NULL); /* NULL: ends the loop */
}

static int open_all(Server *s, int first_fd, unsigned n) {
        int r;

        r = sd_event_default(&s->event);
        if (r >= 0)
                r = add_signal(s, SIGTERM);
        if (r >= 0)
                r = add_signal(s, SIGINT);
        if (r >= 0)
                r = sd_event_add_time(s->event, &s->sweep, CLOCK_MONOTONIC, USEC_INFINITY,
                                      USEC_PER_SEC / 4, on_sweep, s);
        if (r >= 0)
                r = sd_event_source_set_enabled(s->sweep, SD_EVENT_OFF);
        for (unsigned i = 0; i < n && r >= 0; i++)
                r = add_listener(s, first_fd + (int) i);
        return r;
}

int serve(Agent *a, int first_fd, unsigned n) {
        Server s = { .agent = a };
        int r;

        r = open_all(&s, first_fd, n);
        if (r >= 0)
                r = sd_event_loop(s.event);
        for (size_t i = 0; i < LINGER_MAX; i++)
                let_go(&s.ring[i]);
        s.sweep = sd_event_source_unref(s.sweep);
        s.event = sd_event_unref(s.event);
        return MIN_OF(r, 0);
}
