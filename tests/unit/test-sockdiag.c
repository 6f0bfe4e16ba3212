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
        uid_t owner;
} Seen;

static int key_of(const char *path, uid_t uid, void *userdata) {
        Seen *seen = userdata;

        if (strcmp(path, seen->path) != 0)
                return -1;
        seen->owner = uid;
        return 7;
}

static int on_connection(const UnixConnection *c, void *userdata) {
        Seen *seen = userdata;

        assert_int_equal(c->key, 7);
        assert_true(c->peer_inode != 0);
        seen->n++;
        return 0;
}

/* How many there are to `path` from sockets of uids below uid_min. */
static int count(const char *path, uid_t uid_min, uid_t *ret_owner) {
        Seen seen = { .path = path, .owner = (uid_t) -2 };
        int r = sockdiag_unix(&(UnixSearch){
                .prefix = "xrdp_display_",
                .uid_min = uid_min,
                .key_of = key_of,
                .found = on_connection,
                .userdata = &seen,
        });

        if (r == -ENOENT || r == -EPROTONOSUPPORT || r == -EACCES)
                skip(); /* a kernel or a sandbox without it */
        assert_int_equal(r, 0);
        if (ret_owner)
                *ret_owner = seen.owner;
        return seen.n;
}

static int make_socket(const char *bound_to) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", bound_to ?: "");
        if (bound_to)
                assert_int_equal(bind(fd, (struct sockaddr *) &address, sizeof(address)), 0);
        return fd;
}

static void connect_to(int fd, const char *path) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };

        (void) snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
        assert_int_equal(connect(fd, (struct sockaddr *) &address, sizeof(address)), 0);
}

static void test_unix(void **state) {
        uid_t all = (uid_t) -1, owner;
        int listener, client, accepted;
        char path[100];

        (void) snprintf(path, sizeof(path), "%s/xrdp_display_77", (const char *) *state);
        listener = make_socket(path);
        assert_int_equal(listen(listener, 1), 0);
        assert_int_equal(count(path, all, &owner), 0);
        assert_int_equal(owner, (uid_t) -2);
        client = make_socket(NULL);
        connect_to(client, path);
        assert_int_equal(count(path, all, NULL), 0); /* the kernel lists it when it is accepted */
        accepted = accept(listener, NULL, NULL);
        assert_true(accepted >= 0);
        assert_int_equal(count(path, all, &owner), 1);
        assert_true(owner == getuid() || owner == (uid_t) -1); /* -1 before Linux 5.3 */
        if (owner != (uid_t) -1)
                assert_int_equal(count(path, getuid(), NULL), 0); /* a peer of a user's making */
        (void) close(client);
        (void) close(accepted);
        assert_int_equal(count(path, all, NULL), 0);
        (void) close(listener);
}

/* As by who would pass for looked at: the name is theirs, and so the owner, too. */
static void test_unix_bound(void **state) {
        char path[100], bound[100];
        int listener, client, accepted;
        uid_t owner;

        (void) snprintf(path, sizeof(path), "%s/service", (const char *) *state);
        (void) snprintf(bound, sizeof(bound), "%s/xrdp_display_77", (const char *) *state);
        listener = make_socket(path);
        assert_int_equal(listen(listener, 1), 0);
        client = make_socket(bound);
        connect_to(client, path);
        accepted = accept(listener, NULL, NULL);
        assert_int_equal(count(bound, (uid_t) -1, &owner), 1);
        assert_true(owner == getuid() || owner == (uid_t) -1);
        (void) close(client);
        (void) close(accepted);
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
                cmocka_unit_test_setup_teardown(test_unix_bound, temproot_setup, temproot_teardown),
                cmocka_unit_test(test_tcp),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
