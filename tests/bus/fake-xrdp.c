/* SPDX-License-Identifier: MIT */
/* Stands in for xrdp, xrdp-sesman and Xvnc, by the name it is installed under and what it is told:
 *
 *   client PORT SOURCE        connects to 127.0.0.1:PORT from the address SOURCE
 *   rdp PORT SOCKET           takes one client at PORT, then connects to the display's SOCKET
 *   rdp PORT :VNCPORT         the same, to 127.0.0.1:VNCPORT
 *   vnc PORT [N]              listens at PORT and takes clients
 *   sesman child              has a child, which leads a session
 *   sesman lost               the same, and ends: the child is nobody's
 *   sesman pair               the same as lost, but a sesman stays that is connected to it
 *
 * Prints a line when all is there (the child's PID for sesman), and stays until it is killed. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void die(const char *what) {
        (void) fprintf(stderr, "fake-xrdp: %s: %s\n", what, strerror(errno));
        exit(EXIT_FAILURE);
}

static struct sockaddr_in at(const char *address, int port) {
        struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t) port) };

        if (inet_pton(AF_INET, address, &a.sin_addr) != 1)
                die(address);
        return a;
}

static int serve(int port) {
        struct sockaddr_in a = at("127.0.0.1", port);
        int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

        (void) setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
        if (bind(fd, (struct sockaddr *) &a, sizeof(a)) < 0 || listen(fd, 4) < 0)
                die("listen");
        return fd;
}

static void connect_from(const char *source, int port) {
        struct sockaddr_in from = at(source, 0), to = at("127.0.0.1", port);
        int fd = socket(AF_INET, SOCK_STREAM, 0);

        if (bind(fd, (struct sockaddr *) &from, sizeof(from)) < 0)
                die(source);
        for (int i = 0; connect(fd, (struct sockaddr *) &to, sizeof(to)) < 0; i++) {
                if (i == 250)
                        die("connect");
                (void) usleep(20000);
        }
}

static void connect_display(const char *path) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM, 0);

        (void) snprintf(a.sun_path, sizeof(a.sun_path), "%.107s", path);
        if (connect(fd, (struct sockaddr *) &a, sizeof(a)) < 0)
                die(path);
}

static void say(const char *text) {
        (void) puts(text);
        (void) fflush(stdout);
}

static void stay(void) {
        for (;;)
                (void) pause();
}

static void rdp(int port, const char *display) {
        int fd = serve(port);

        say("listening");
        if (accept(fd, NULL, NULL) < 0)
                die("accept");
        if (display[0] == ':')
                connect_from("127.0.0.1", atoi(display + 1));
        else
                connect_display(display);
        say("connected");
        stay();
}

static void vnc(int port) {
        int fd = serve(port);

        say("listening");
        while (accept(fd, NULL, NULL) >= 0)
                ;
        die("accept");
}

/* Until whoever has started the first of them has gone, by a descriptor: the kernel tells of a
 * parent's end alone. Nobody outside of a PID namespace can be named in it, and it ends with its
 * first process. */
static void stay_for(int starter) {
        struct pollfd p = { .fd = starter, .events = POLLIN };

        if (starter < 0)
                stay();
        while (poll(&p, 1, -1) < 0 && errno == EINTR)
                ;
        exit(EXIT_SUCCESS);
}

/* The child's end of the pair stays open in it, the other one in whoever is to be its sesman. */
static void sesman(const char *how) {
        int pair[2], starter = (int) syscall(SYS_pidfd_open, getppid(), 0);
        char text[32];
        pid_t child;

        if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0)
                die("socketpair");
        if (strcmp(how, "child") != 0) {
                pid_t middle = fork();

                if (middle > 0 && strcmp(how, "pair") == 0) {
                        (void) close(pair[1]);
                        stay_for(starter);
                }
                if (middle > 0)
                        exit(EXIT_SUCCESS);
        }
        child = fork();
        if (child == 0) {
                (void) close(pair[0]);
                (void) prctl(PR_SET_PDEATHSIG, 0);
                stay_for(starter);
        }
        (void) close(pair[1]);
        (void) snprintf(text, sizeof(text), "%d", (int) child);
        say(text);
        if (strcmp(how, "child") == 0)
                stay();
        _exit(EXIT_SUCCESS);
}

int main(int argc, char *argv[]) {
        const char *verb = argc > 2 ? argv[1] : "";

        (void) signal(SIGPIPE, SIG_IGN); /* the first line is read, and no other */
        if (strcmp(verb, "client") == 0 && argc == 4) {
                connect_from(argv[3], atoi(argv[2]));
                say("connected");
                stay();
        } else if (strcmp(verb, "rdp") == 0 && argc == 4) {
                rdp(atoi(argv[2]), argv[3]);
        } else if (strcmp(verb, "vnc") == 0) {
                vnc(atoi(argv[2]));
        } else if (strcmp(verb, "sesman") == 0) {
                sesman(argv[2]);
        }
        (void) fputs("fake-xrdp: not understood\n", stderr);
        return EXIT_FAILURE;
}
