/* SPDX-License-Identifier: MIT */
/* Remote displays, with sockets of our own in the places of xrdp's: which there are, whose, and who
 * counts as connected. */

#define _GNU_SOURCE
#include "harness.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "backend/displays.h"
#include "os/watch.h"
#include "temproot.h"

static struct sockaddr_un address_of(const char *root, const char *path) {
        struct sockaddr_un a = { .sun_family = AF_UNIX };

        assert_true(snprintf(a.sun_path, sizeof(a.sun_path), "%s%s", root, path) <
                    (int) sizeof(a.sun_path));
        return a;
}

static int serve(const char *root, const char *path) {
        struct sockaddr_un a = address_of(root, path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(bind(fd, (struct sockaddr *) &a, sizeof(a)), 0);
        assert_int_equal(listen(fd, 4), 0);
        return fd;
}

/* A client, taken by the server as an X server does: before, the kernel does not show it. */
static int call(int server, const char *root, const char *path) {
        struct sockaddr_un a = address_of(root, path);
        int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_int_equal(connect(fd, (struct sockaddr *) &a, sizeof(a)), 0);
        assert_true(accept(server, NULL, NULL) >= 0); /* ends with the program */
        return fd;
}

/* The display of that number among what is found; those of the host's own VNC servers are nobody's
 * business here. */
static SessionDisplay look(const char *root, uid_t uid_min, int number) {
        SessionDisplay found = { .number = -1 };
        _cleanup_free_ SessionDisplay *all = NULL;
        size_t n;
        int r = displays_scan(root, uid_min, &all, &n);

        if (r == -ENOENT || r == -EPROTONOSUPPORT || r == -EACCES)
                skip();
        assert_int_equal(r, 0);
        for (size_t i = 0; i < n; i++)
                if (all[i].number == number && all[i].via == SESSION_VIA_XRDP)
                        found = all[i];
        return found;
}

static void test_flat_dir(void **state) {
        const char *root = *state;
        int fd, client, audio;

        temproot_mkdir(root, "/run", 0755);
        temproot_mkdir(root, "/run/xrdp", 0755);
        temproot_mkdir(root, "/run/xrdp/sockdir", 0755);
        assert_int_equal(look(root, 1000, 10).number, -1);
        fd = serve(root, "/run/xrdp/sockdir/xrdp_display_10");
        assert_int_equal(look(root, 1000, 10).link, SESSION_LINK_DISCONNECTED);
        assert_int_equal(look(root, 1000, 10).uid, getuid());
        assert_false(look(root, 1000, 10).announced);
        client = call(fd, root, "/run/xrdp/sockdir/xrdp_display_10");
        audio = serve(root, "/run/xrdp/sockdir/xrdp_chansrv_audio_in_socket_10");
        assert_int_equal(look(root, getuid() + 1, 10).link, SESSION_LINK_CONNECTED);
        assert_true(look(root, 1000, 10).announced);
        /* a peer that is an ordinary user is not xrdp */
        assert_int_equal(look(root, getuid(), 10).link, SESSION_LINK_DISCONNECTED);
        (void) close(client);
        assert_int_equal(look(root, getuid() + 1, 10).link, SESSION_LINK_DISCONNECTED);
        (void) close(fd);
        (void) close(audio);
}

/* In a mount namespace of their own a user can give a socket of theirs the name of anybody's. */
static void test_a_socket_of_anothers(void **state) {
        static const char path[] = "/run/xrdp/sockdir/xrdp_display_10";
        const char *root = *state;
        struct sockaddr_un a = address_of(root, path);
        int fd, client, accepted;

        if (geteuid() != 0)
                skip();
        temproot_mkdir(root, "/run", 0755);
        temproot_mkdir(root, "/run/xrdp", 0755);
        temproot_mkdir(root, "/run/xrdp/sockdir", 0755);
        fd = serve(root, path);
        assert_int_equal(chown(a.sun_path, 1000, (gid_t) -1), 0);
        assert_int_equal(fchown(fd, 1000, (gid_t) -1), 0);
        client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        assert_int_equal(connect(client, (struct sockaddr *) &a, sizeof(a)), 0);
        accepted = accept(fd, NULL, NULL);
        assert_int_equal(fchown(accepted, 1001, (gid_t) -1), 0);
        assert_int_equal(look(root, 1000, 10).uid, 1000);
        assert_int_equal(look(root, 1000, 10).link, SESSION_LINK_DISCONNECTED);
        assert_int_equal(fchown(accepted, 1000, (gid_t) -1), 0);
        assert_int_equal(look(root, 1000, 10).link, SESSION_LINK_CONNECTED);
        (void) close(client);
        (void) close(accepted);
        (void) close(fd);
}

/* xrdp's directory went with its services, and the X server goes on. */
static void test_a_name_that_is_gone(void **state) {
        const char *root = *state;
        int fd, client;

        temproot_mkdir(root, "/run", 0755);
        temproot_mkdir(root, "/run/xrdp", 0755);
        temproot_mkdir(root, "/run/xrdp/sockdir", 0755);
        fd = serve(root, "/run/xrdp/sockdir/xrdp_display_15");
        client = call(fd, root, "/run/xrdp/sockdir/xrdp_display_15");
        temproot_unlink(root, "/run/xrdp/sockdir/xrdp_display_15");
        assert_int_equal(look(root, getuid() + 1, 15).link, SESSION_LINK_CONNECTED);
        (void) close(client);
        assert_int_equal(look(root, getuid() + 1, 15).link, SESSION_LINK_DISCONNECTED);
        assert_int_equal(look(root, getuid() + 1, 15).uid, getuid());
        (void) close(fd);
        assert_int_equal(look(root, getuid() + 1, 15).number, -1);
        temproot_mkdir(root, "/elsewhere", 0755);
        fd = serve(root, "/elsewhere/xrdp_display_16");
        assert_int_equal(look(root, getuid() + 1, 16).number, -1);
        (void) close(fd);
}

static void test_dirs_of_users(void **state) {
        const char *root = *state;
        char dir[64], path[96];
        int fd, client;

        temproot_mkdir(root, "/run", 0755);
        temproot_mkdir(root, "/run/xrdp", 0755);
        (void) snprintf(dir, sizeof(dir), "/run/xrdp/%u", (unsigned) getuid());
        (void) snprintf(path, sizeof(path), "%s/xrdp_display_11", dir);
        temproot_mkdir(root, dir, 0750);
        fd = serve(root, path);
        assert_int_equal(look(root, 1000, 11).link, SESSION_LINK_DISCONNECTED);
        client = call(fd, root, path);
        assert_int_equal(look(root, getuid() + 1, 11).link, SESSION_LINK_CONNECTED);
        (void) close(client);
        (void) close(fd);
}

/* A restart of xrdp-sesman takes the names away, and leaves the X server. */
static void test_lost_names(void **state) {
        const char *root = *state;
        char path[64];
        int flat, own;

        temproot_mkdir(root, "/run", 0755);
        temproot_mkdir(root, "/run/xrdp", 0755);
        temproot_mkdir(root, "/run/xrdp/sockdir", 0755);
        (void) snprintf(path, sizeof(path), "/run/xrdp/%u", (unsigned) getuid());
        temproot_mkdir(root, path, 0750);
        (void) snprintf(path, sizeof(path), "/run/xrdp/%u/xrdp_display_16", (unsigned) getuid());
        flat = serve(root, "/run/xrdp/sockdir/xrdp_display_15");
        own = serve(root, path);
        assert_int_equal(look(root, 1000, 15).link, SESSION_LINK_DISCONNECTED);
        temproot_rename(root, "/run/xrdp", "/gone");
        assert_int_equal(look(root, 1000, 15).link, SESSION_LINK_DISCONNECTED);
        assert_int_equal(look(root, 1000, 15).uid, getuid());
        assert_int_equal(look(root, 1000, 16).link, SESSION_LINK_DISCONNECTED);
        (void) close(flat);
        (void) close(own);
        assert_int_equal(look(root, 1000, 15).number, -1);
        assert_int_equal(look(root, 1000, 16).number, -1);
}

/* What is no socket, or no number, is nothing; and one socket's connection is not another's. */
static void test_other_files(void **state) {
        const char *root = *state;
        int a, b, client;

        temproot_mkdir(root, "/run", 0755);
        temproot_mkdir(root, "/run/xrdp", 0755);
        temproot_mkdir(root, "/run/xrdp/sockdir", 0755);
        temproot_mkdir(root, "/run/xrdp/sockdir/xrdp_display_12", 0755);
        a = serve(root, "/run/xrdp/sockdir/xrdp_display_x13");
        assert_int_equal(look(root, 1000, 12).number, -1);
        assert_int_equal(look(root, 1000, 13).number, -1);
        b = serve(root, "/run/xrdp/sockdir/xrdp_display_14");
        temproot_mkdir(root, "/elsewhere", 0755);
        client = serve(root, "/elsewhere/xrdp_display_14");
        (void) close(client);
        client = call(a, root, "/run/xrdp/sockdir/xrdp_display_x13");
        assert_int_equal(look(root, getuid() + 1, 14).link, SESSION_LINK_DISCONNECTED);
        (void) close(client);
        (void) close(a);
        (void) close(b);
}

static void link_to(const char *root, const char *target, const char *path) {
        _cleanup_free_ char *a = file_path("%s%s", root, target),
                            *b = file_path("%s%s", root, path);

        assert_true(a && b);
        assert_int_equal(symlink(a, b), 0);
}

/* A socket in a directory that is not one of xrdp's, as which the kernel does not show it. */
static void test_no_link_is_followed(void **state) {
        const char *root = *state;
        char path[64];
        int fd;

        temproot_mkdir(root, "/run", 0755);
        temproot_mkdir(root, "/run/xrdp", 0755);
        temproot_mkdir(root, "/elsewhere", 0755);
        fd = serve(root, "/elsewhere/xrdp_display_21");
        link_to(root, "/elsewhere", "/run/xrdp/sockdir");
        assert_int_equal(look(root, getuid() + 1, 21).number, -1);
        (void) snprintf(path, sizeof(path), "/run/xrdp/%u", (unsigned) getuid());
        link_to(root, "/elsewhere", path);
        assert_int_equal(look(root, getuid() + 1, 21).number, -1);
        (void) close(fd);
}

/* /tmp/.xrdp is anybody's to make. */
static void test_a_dir_of_an_ordinary_users(void **state) {
        _cleanup_free_ char *path = file_path("%s/tmp/.xrdp", (char *) *state);
        const char *root = *state;
        int fd;

        if (getuid() != 0)
                skip();
        temproot_mkdir(root, "/tmp", 0755);
        temproot_mkdir(root, "/tmp/.xrdp", 0755);
        temproot_mkdir(root, "/elsewhere", 0755);
        fd = serve(root, "/elsewhere/xrdp_display_22");
        temproot_rename(root, "/elsewhere/xrdp_display_22", "/tmp/.xrdp/xrdp_display_22");
        assert_int_equal(look(root, 1000, 22).number, 22);
        assert_non_null(path);
        assert_int_equal(chown(path, 4242, (gid_t) -1), 0);
        assert_int_equal(look(root, 1000, 22).number, -1);
        assert_int_equal(look(root, 5000, 22).number, 22);
        (void) close(fd);
}

/* One socket under very many names. */
static void fill(const char *root, const char *socket, const char *dir, int n) {
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *from = file_path("%s%s", root, socket);
                _cleanup_free_ char *to = file_path("%s%s/xrdp_display_%d", root, dir, i);

                assert_true(from && to);
                assert_int_equal(link(from, to), 0);
        }
}

static void test_very_many_of_one_users(void **state) {
        _cleanup_free_ char *other =
                file_path("%s/run/xrdp/sockdir/xrdp_display_60001", (char *) *state);
        _cleanup_free_ SessionDisplay *all = NULL;
        size_t n, of_one = 0, of_another = 0;
        const char *root = *state;
        int a, b, c;

        if (getuid() != 0)
                skip();
        temproot_mkdir(root, "/run", 0755);
        temproot_mkdir(root, "/run/xrdp", 0755);
        temproot_mkdir(root, "/run/xrdp/sockdir", 0755);
        a = serve(root, "/run/xrdp/sockdir/xrdp_display_60001");
        assert_non_null(other);
        assert_int_equal(chown(other, 4242, (gid_t) -1), 0);
        b = serve(root, "/run/a");
        c = serve(root, "/run/b"); /* ext4 has no more than 65000 links of one */
        fill(root, "/run/a", "/run/xrdp/sockdir", 40000);
        fill(root, "/run/b", "/run/xrdp", 40000);
        assert_int_equal(displays_scan(root, getuid(), &all, &n), 0);
        for (size_t i = 0; i < n; i++)
                if (all[i].via == SESSION_VIA_XRDP) {
                        of_one += all[i].uid == getuid();
                        of_another += all[i].uid == 4242 && all[i].number == 60001;
                }
        assert_in_range(of_one, 1, 1024);
        assert_int_equal(of_another, 1);
        (void) close(a);
        (void) close(b);
        (void) close(c);
}

static void test_watched(void **state) {
        const char *root = *state;
        int watch = watch_open(), fd;

        assert_true(watch >= 0);
        temproot_mkdir(root, "/run", 0755);
        displays_watch(root, getuid() + 1, watch);
        assert_int_equal(watch_drain(watch, NULL, NULL), 0);
        temproot_mkdir(root, "/run/xrdp", 0755); /* installed while we look */
        assert_true(watch_drain(watch, NULL, NULL) > 0);
        displays_watch(root, getuid() + 1, watch);
        temproot_mkdir(root, "/run/xrdp/1001", 0755);
        assert_true(watch_drain(watch, NULL, NULL) > 0);
        displays_watch(root, getuid() + 1, watch);
        fd = serve(root, "/run/xrdp/1001/xrdp_display_10");
        assert_true(watch_drain(watch, NULL, NULL) > 0);
        (void) close(fd);
        /* where a link leads is not watched */
        temproot_mkdir(root, "/elsewhere", 0755);
        link_to(root, "/elsewhere", "/run/xrdp/1002");
        assert_true(watch_drain(watch, NULL, NULL) > 0);
        displays_watch(root, getuid() + 1, watch);
        fd = serve(root, "/elsewhere/xrdp_display_10");
        assert_int_equal(watch_drain(watch, NULL, NULL), 0);
        (void) close(fd);
        (void) close(watch);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, temproot_setup, temproot_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                TEST(test_flat_dir),
                TEST(test_a_socket_of_anothers),
                TEST(test_a_name_that_is_gone),
                TEST(test_lost_names),
                TEST(test_dirs_of_users),
                TEST(test_other_files),
                TEST(test_watched),
                TEST(test_no_link_is_followed),
                TEST(test_a_dir_of_an_ordinary_users),
                TEST(test_very_many_of_one_users),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
