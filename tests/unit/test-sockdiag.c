/* SPDX-License-Identifier: MIT */
/* The kernel's list of sockets, with sockets of our own: who is seen as connected. */

#define _GNU_SOURCE
#include "harness.h"

#include <arpa/inet.h>
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "os/sockdiag.h"
#include "temproot.h"

typedef struct Seen {
        const char *path;
        int n;
        uid_t peer;
} Seen;

static int on_connection(const UnixConnection *c, void *userdata) {
        Seen *seen = userdata;

        if (strcmp(c->path, seen->path) == 0) {
                seen->n++;
                seen->peer = c->peer;
        }
        return 0;
}

static int count(const char *path, uid_t *ret_peer) {
        Seen seen = { .path = path, .peer = (uid_t) -1 };
        int r = sockdiag_unix("xrdp_display_", on_connection, &seen);

        if (r == -ENOENT || r == -EPROTONOSUPPORT || r == -EACCES)
                skip(); /* a kernel or a sandbox without it */
        assert_int_equal(r, 0);
        if (ret_peer)
                *ret_peer = seen.peer;
        return seen.n;
}

static void test_unix(void **state) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        uid_t peer;
        int listener, client, accepted;

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s/xrdp_display_77",
                        (const char *) *state);
        listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_true(listener >= 0);
        assert_int_equal(bind(listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(count(address.sun_path, NULL), 0);
        client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(client, (struct sockaddr *) &address, sizeof(address)), 0);
        accepted = accept(listener, NULL, NULL);
        assert_true(accepted >= 0);
        assert_int_equal(count(address.sun_path, &peer), 1);
        assert_true(peer == getuid() || peer == (uid_t) -1); /* -1 before Linux 5.3 */
        (void) close(client);
        (void) close(accepted);
        assert_int_equal(count(address.sun_path, NULL), 0);
        (void) close(listener);
}

typedef struct Tcp {
        uint16_t port;
        int listening, connected;
        uid_t uid;
} Tcp;

static int on_tcp(const TcpSocket *s, void *userdata) {
        Tcp *t = userdata;

        assert_int_equal(s->port, t->port); /* the kernel has filtered */
        if (s->listening) {
                t->listening++;
                t->uid = s->uid;
        } else {
                t->connected++;
        }
        return 0;
}

static Tcp look(uint16_t port) {
        Tcp t = { .port = port, .uid = (uid_t) -1 };
        int r = sockdiag_tcp(port, port, on_tcp, &t);

        if (r == -ENOENT || r == -EPROTONOSUPPORT || r == -EACCES)
                skip();
        assert_int_equal(r, 0);
        return t;
}

static void test_tcp(void **state) {
        struct sockaddr_in address = { .sin_family = AF_INET };
        socklen_t size = sizeof(address);
        int listener, client, accepted;
        Tcp t;

        (void) state;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(bind(listener, (struct sockaddr *) &address, sizeof(address)), 0);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(getsockname(listener, (struct sockaddr *) &address, &size), 0);
        t = look(ntohs(address.sin_port));
        assert_int_equal(t.listening, 1);
        assert_int_equal(t.connected, 0);
        assert_int_equal(t.uid, getuid());
        client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(client, (struct sockaddr *) &address, sizeof(address)), 0);
        accepted = accept(listener, NULL, NULL);
        t = look(ntohs(address.sin_port));
        assert_int_equal(t.connected, 1);
        (void) close(client);
        (void) close(accepted);
        (void) close(listener);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_unix, temproot_setup, temproot_teardown),
                cmocka_unit_test(test_tcp),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
