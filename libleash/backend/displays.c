/* SPDX-License-Identifier: MIT */
/* The remote displays of this host. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "backend/displays.h"
#include "backend/vncserver.h"
#include "core/array.h"
#include "core/parse.h"
#include "os/file.h"
#include "os/sockdiag.h"
#include "os/watch.h"

/* Where packages have put XRDP_SOCKET_ROOT_PATH: Debian and Fedora, upstream's default since 0.10,
 * and before. */
static const char *const dirs[] = { "/run/xrdp/sockdir", "/run/xrdp", "/tmp/.xrdp" };

#define DISPLAY_PREFIX "xrdp_display_"
#define DISCONNECT_PREFIX "xrdp_disconnect_display_"
/* chansrv makes these when a client comes and removes them when it goes: their directory tells. */
#define AUDIO_PREFIX "xrdp_chansrv_audio_"

/* What is looked at, of all directories together; what users make of it costs no more than this. */
#define ENTRIES_MAX 131072
#define DISPLAYS_MAX 65536
#define USER_SOCKETS_MAX 1024
#define DISPLAY_CONNECTIONS_MAX 16 /* an X server has one viewer */
#define VNC_DISPLAYS 1000

/* A display while it is being found out about. */
typedef struct Found {
        SessionDisplay display;
        const char *dir;        /* one of dirs[] */
        uid_t subdir;           /* the user's below it; (uid_t) -1 for the directory itself */
        unsigned n_connections; /* that have been looked at */
} Found;

/* How many sockets of one user have been looked at. */
typedef struct Share {
        uid_t uid;
        unsigned n;
} Share;

typedef struct Scan {
        const char *root;
        uid_t uid_min;
        size_t entries; /* looked at so far */
        Share *shares;  /* by uid, ascending */
        size_t n_shares, allocated_shares;
        Found *all;
        size_t n, allocated;
} Scan;

static void scan_done(Scan *s) {
        free(s->shares);
        free(s->all);
}

static size_t position(const Scan *s, uid_t uid) {
        return ARRAY_LOWER_BOUND(s->n_shares, i, s->shares[i].uid < uid);
}

/* To be asked before anything is done for a socket. Returns 1; 0 if its owner has had their share;
 * -ENOMEM. */
static int may_look(Scan *s, uid_t uid) {
        size_t at;
        int r;

        if (uid < s->uid_min)
                return 1;
        at = position(s, uid);
        if (at < s->n_shares && s->shares[at].uid == uid)
                return s->shares[at].n++ < USER_SOCKETS_MAX;
        r = ARRAY_GROW(s->shares, &s->allocated_shares, s->n_shares, SIZE_MAX);
        if (r < 0)
                return r;
        memmove(s->shares + at + 1, s->shares + at, (s->n_shares - at) * sizeof(Share));
        s->shares[at] = (Share){ uid, 1 };
        s->n_shares++;
        return 1;
}

/* What is too much is left out: nobody is to be unseen for what others have made. */
static int add(Scan *s, const Found *found) {
        int r = ARRAY_GROW(s->all, &s->allocated, s->n, DISPLAYS_MAX);

        if (r == -ENOBUFS)
                return 0;
        if (r < 0)
                return r;
        s->all[s->n++] = *found;
        return 0;
}

/* As programs write it: a number has one name. */
static bool is_plain(const char *number) {
        return number[0] != '0' || number[1] == '\0';
}

/* "PREFIXnumber". Returns -1 for any other name. */
static int number_after(const char *name, const char *prefix) {
        const char *number = name + strlen(prefix);
        uint64_t n;

        if (strncmp(name, prefix, strlen(prefix)) != 0 || !is_plain(number) ||
            parse_u64(number, &n) < 0 || n > UINT16_MAX)
                return -1;
        return n;
}

static int audio_number(const char *name) {
        int n = number_after(name, AUDIO_PREFIX "in_socket_");

        return n >= 0 ? n : number_after(name, AUDIO_PREFIX "out_socket_");
}

static int scan_entry(Scan *s, int fd, const char *name, const char *dir, uid_t subdir) {
        int number = number_after(name, DISPLAY_PREFIX), audio = audio_number(name), r;
        Found found = { .dir = dir, .subdir = subdir };
        struct stat st;

        if (number < 0 && audio < 0)
                return 0;
        if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISSOCK(st.st_mode))
                return 0;
        found.display = (SessionDisplay){
                .number = number >= 0 ? number : audio,
                .uid = st.st_uid,
                .via = number >= 0 ? SESSION_VIA_XRDP : SESSION_VIA_NONE,
                .link = SESSION_LINK_DISCONNECTED,
                .announced = audio >= 0,
        };
        r = may_look(s, st.st_uid);
        return r > 0 ? add(s, &found) : r;
}

/* Opens xrdp's directory (`user` is (uid_t) -1), or a user's below it: another's directory of that
 * name, and where a link leads, is not looked into. Returns a descriptor; -ENOENT if there is none
 * such; -errno. */
static int open_dir(int parent, const char *path, uid_t user, uid_t uid_min) {
        _cleanup_close_ int fd =
                openat(parent, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
        struct stat st;

        if (fd < 0)
                return errno == ENOMEM || errno == EMFILE || errno == ENFILE ? -errno : -ENOENT;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (st.st_uid >= uid_min && st.st_uid != user && st.st_uid != geteuid())
                return -ENOENT;
        return TAKE_FD(fd);
}

static int open_top(const char *root, const char *dir, uid_t uid_min) {
        _cleanup_free_ char *path = file_path("%s%s", root, dir);

        return path ? open_dir(AT_FDCWD, path, (uid_t) -1, uid_min) : -ENOMEM;
}

/* True for the name of a user's directory in xrdp 0.10's: ROOT/UID. */
static bool is_users(const char *name, uid_t *ret) {
        return is_plain(name) && parse_uid(name, ret) >= 0;
}

static int scan_users(Scan *s, int parent, const char *name, const char *dir, uid_t uid);

/* The directory itself, or a user's below it. */
static int scan_dir(Scan *s, int dir_fd, const char *dir, uid_t subdir) {
        _cleanup_closedir_ DIR *d = fdopendir(dir_fd);
        int r = 0;

        if (!d) {
                r = -errno;
                (void) close(dir_fd);
                return r;
        }
        for (struct dirent *e; r >= 0 && s->entries < ENTRIES_MAX && (e = readdir(d));
             s->entries++) {
                uid_t uid;

                if (subdir == (uid_t) -1 && is_users(e->d_name, &uid))
                        r = scan_users(s, dirfd(d), e->d_name, dir, uid);
                else
                        r = scan_entry(s, dirfd(d), e->d_name, dir, subdir);
        }
        return r;
}

/* Whatever is wrong with one user's directory is no reason not to see the others. */
static int scan_users(Scan *s, int parent, const char *name, const char *dir, uid_t uid) {
        int fd = open_dir(parent, name, uid, s->uid_min);

        return fd < 0 ? 0 : scan_dir(s, fd, dir, uid);
}

static int compare_found(const void *a, const void *b) {
        const Found *x = a, *y = b;

        return x->display.number - y->display.number;
}

static size_t first_of(const Scan *s, int number) {
        return ARRAY_LOWER_BOUND(s->n, i, s->all[i].display.number < number);
}

static bool is_path_of(const Scan *s, const Found *f, const char *path) {
        char own[4096];

        if (f->subdir == (uid_t) -1)
                (void) snprintf(own, sizeof(own), "%s%s/" DISPLAY_PREFIX "%d", s->root, f->dir,
                                f->display.number);
        else
                (void) snprintf(own, sizeof(own), "%s%s/%u/" DISPLAY_PREFIX "%d", s->root, f->dir,
                                (unsigned) f->subdir, f->display.number);
        return strcmp(own, path) == 0;
}

/* The display that listens at that path, by its place among all. A user can bind a socket to any
 * path in a mount namespace of their own, and connect it to a service: only what a display's owner
 * has made is the display's. */
static int key_of(const char *path, uid_t uid, void *userdata) {
        const char *name = strrchr(path, '/');
        int number = name ? number_after(name + 1, DISPLAY_PREFIX) : -1;
        Scan *s = userdata;

        if (number < 0)
                return -1;
        for (size_t i = first_of(s, number); i < s->n && s->all[i].display.number == number; i++)
                if (s->all[i].display.via == SESSION_VIA_XRDP &&
                    (uid == (uid_t) -1 || uid == s->all[i].display.uid) &&
                    is_path_of(s, &s->all[i], path))
                        return s->all[i].n_connections++ < DISPLAY_CONNECTIONS_MAX ? (int) i : -1;
        return -1;
}

/* A peer of the owner's own making is nobody, and is not found. */
static int on_connection(const UnixConnection *c, void *userdata) {
        Scan *s = userdata;
        SessionDisplay *d = &s->all[c->key].display;

        d->link = SESSION_LINK_CONNECTED;
        d->peer_inode = c->peer_inode;
        return 0;
}

/* What the audio sockets say goes to the display they belong to, also to one of Xvnc's. */
static void merge_announced(Scan *s) {
        for (size_t i = 0; i < s->n; i++) {
                const SessionDisplay *audio = &s->all[i].display;

                if (audio->via != SESSION_VIA_NONE)
                        continue;
                for (size_t k = first_of(s, audio->number);
                     k < s->n && s->all[k].display.number == audio->number; k++)
                        if (s->all[k].display.uid == audio->uid)
                                s->all[k].display.announced = true;
        }
}

/* One to a VNC server, by the end that is the server's. */
typedef struct Connection {
        int number;
        uid_t uid;
} Connection;

typedef struct Ports {
        Scan *scan;
        Connection *all;
        size_t n, allocated;
} Ports;

static int add_connection(Ports *p, const Connection *c) {
        int r;

        if (p->n > 0 && p->all[p->n - 1].number == c->number && p->all[p->n - 1].uid == c->uid)
                return 0;
        r = ARRAY_GROW(p->all, &p->allocated, p->n, SIZE_MAX);
        if (r < 0)
                return r;
        p->all[p->n++] = *c;
        return 0;
}

static int on_port(const TcpSocket *t, void *userdata) {
        Ports *ports = userdata;
        const Connection connection = { t->port - VNCSERVER_PORT, t->uid };
        const Found found = {
                .display = {
                        .number = t->port - VNCSERVER_PORT,
                        .uid = t->uid,
                        .via = SESSION_VIA_VNC,
                        .link = SESSION_LINK_DISCONNECTED,
                        .inode = t->inode,
                        .listening = true,
                },
        };
        int r;

        r = may_look(ports->scan, t->uid);
        if (r <= 0)
                return r;
        return t->listening ? add(ports->scan, &found) : add_connection(ports, &connection);
}

static int compare_connections(const void *a, const void *b) {
        const Connection *x = a, *y = b;

        return x->number != y->number ? x->number - y->number
                                      : (x->uid > y->uid) - (x->uid < y->uid);
}

/* Who has connected is not asked: the usual way in is a tunnel of the user's own, and one who holds
 * a connection to themselves has what a client left open has, too. But it has to be the display's
 * server that was connected to, and not another's socket at a port of that number. */
static int scan_vnc(Scan *s) {
        Ports ports = { .scan = s };
        int r;

        r = sockdiag_tcp(VNCSERVER_PORT, VNCSERVER_PORT + VNC_DISPLAYS - 1, on_port, &ports);
        if (ports.n > 0)
                qsort(ports.all, ports.n, sizeof(Connection), compare_connections);
        for (size_t i = 0; i < s->n && r >= 0 && ports.n > 0; i++) {
                SessionDisplay *d = &s->all[i].display;
                const Connection key = { d->number, d->uid };

                if (d->via == SESSION_VIA_VNC &&
                    bsearch(&key, ports.all, ports.n, sizeof(Connection), compare_connections))
                        d->link = SESSION_LINK_CONNECTED;
        }
        free(ports.all);
        return r == -ENOENT ? 0 : r; /* a kernel without inet_diag: there are none, then */
}

/* Who serves the socket of that path, if it is where xrdp's are. The number is already known. */
static bool place_of(const Scan *s, const char *path, uid_t uid, Found *f) {
        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                f->dir = dirs[i];
                f->subdir = uid;
                if (is_path_of(s, f, path))
                        return true;
                f->subdir = (uid_t) -1;
                if (is_path_of(s, f, path))
                        return true;
        }
        return false;
}

/* xrdp's directory goes when its services stop (RuntimeDirectory= of Debian 12's units), and takes
 * the sockets' names with it; the X servers go on, and the kernel still knows where they listen. */
static int on_listener(const UnixListener *l, void *userdata) {
        const char *name = strrchr(l->path, '/');
        int number = name ? number_after(name + 1, DISPLAY_PREFIX) : -1;
        Scan *s = userdata;
        Found found = {
                .display = {
                        .number = number,
                        .uid = l->uid,
                        .via = SESSION_VIA_XRDP,
                        .link = SESSION_LINK_DISCONNECTED,
                        .listening = true,
                },
        };
        int r = number < 0 ? 0 : may_look(s, l->uid);

        if (r <= 0 || !place_of(s, l->path, l->uid, &found))
                return r;
        for (size_t i = 0; i < s->n; i++)
                if (s->all[i].display.number == number && s->all[i].display.uid == l->uid &&
                    s->all[i].display.via == SESSION_VIA_XRDP) {
                        s->all[i].display.listening = true;
                        return 0;
                }
        return add(s, &found);
}

static int scan_all(Scan *s) {
        const UnixSearch search = { DISPLAY_PREFIX, s->uid_min, key_of, on_connection, s };
        bool any_xrdp;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(dirs) && r >= 0; i++) {
                int fd = open_top(s->root, dirs[i], s->uid_min);

                r = fd >= 0 ? scan_dir(s, fd, dirs[i], (uid_t) -1) : fd == -ENOENT ? 0 : fd;
        }
        if (r >= 0)
                r = sockdiag_unix_listeners(DISPLAY_PREFIX, on_listener, s);
        if (r == -ENOENT) /* a kernel without unix_diag */
                r = 0;
        any_xrdp = s->n > 0;
        if (r >= 0)
                r = scan_vnc(s);
        if (r < 0)
                return r;
        if (s->n > 0)
                qsort(s->all, s->n, sizeof(Found), compare_found);
        merge_announced(s);
        return any_xrdp ? sockdiag_unix(&search) : 0;
}

int displays_scan(const char *root, uid_t uid_min, SessionDisplay **ret, size_t *ret_n) {
        Scan scan = { .root = root, .uid_min = uid_min };
        SessionDisplay *displays = NULL;
        size_t n = 0;
        int r;

        r = scan_all(&scan);
        if (r >= 0) {
                displays = calloc(scan.n + 1, sizeof(SessionDisplay));
                if (!displays)
                        r = -ENOMEM;
        }
        for (size_t i = 0; i < scan.n && r >= 0; i++)
                if (scan.all[i].display.via != SESSION_VIA_NONE)
                        displays[n++] = scan.all[i].display;
        scan_done(&scan);
        if (r < 0)
                return r;
        *ret = displays;
        *ret_n = n;
        return 0;
}

int displays_open_dirs(const char *root, uid_t uid_min, uid_t uid,
                       int ret_fds[static DISPLAYS_DIRS_MAX]) {
        int fds[DISPLAYS_DIRS_MAX], n = 0, r = 0;
        char subdir[16];

        _Static_assert(DISPLAYS_DIRS_MAX == 2 * ELEMENTSOF(dirs), "a user's and all users'");
        (void) snprintf(subdir, sizeof(subdir), "%u", (unsigned) uid);
        for (size_t i = 0; i < ELEMENTSOF(dirs) && r >= 0; i++) {
                _cleanup_close_ int top = open_top(root, dirs[i], uid_min), own = -EBADF;

                own = top < 0 ? top : open_dir(top, subdir, uid, uid_min);
                if (own >= 0)
                        fds[n++] = TAKE_FD(own);
                else if (own != -ENOENT)
                        r = own;
                if (top >= 0)
                        fds[n++] = TAKE_FD(top);
        }
        while (r < 0 && n > 0)
                (void) close(fds[--n]);
        if (r < 0)
                return r;
        memcpy(ret_fds, fds, (size_t) n * sizeof(int));
        return n;
}

/* By what is open, whatever stands under its name by now. */
static int watch_open_dir(int watch, int fd) {
        char path[64];

        (void) snprintf(path, sizeof(path), "/proc/self/fd/%d/.", fd);
        return watch_dir(watch, path);
}

/* Each user's directory of xrdp 0.10. */
static void watch_users(int dir_fd, uid_t uid_min, int watch) {
        _cleanup_closedir_ DIR *d = fdopendir(dir_fd);
        size_t n = 0, entries = 0;

        if (!d)
                (void) close(dir_fd);
        for (struct dirent *e; d && n < SESSIONS_MAX && entries < ENTRIES_MAX && (e = readdir(d));
             entries++) {
                _cleanup_close_ int fd = -EBADF;
                uid_t uid;

                if (!is_users(e->d_name, &uid))
                        continue;
                fd = open_dir(dirfd(d), e->d_name, uid, uid_min);
                if (fd < 0)
                        continue;
                (void) watch_open_dir(watch, fd); /* one that is gone says so by itself */
                n++;
        }
}

void displays_watch(const char *root, uid_t uid_min, int watch) {
        bool found = false;

        for (size_t i = 0; i < ELEMENTSOF(dirs); i++) {
                _cleanup_close_ int fd = open_top(root, dirs[i], uid_min);

                if (fd < 0 || watch_open_dir(watch, fd) < 0)
                        continue;
                found = true;
                watch_users(TAKE_FD(fd), uid_min, watch);
        }
        if (!found) { /* xrdp makes its directory when it starts for the first time */
                _cleanup_free_ char *run = file_path("%s/run", root);

                if (run)
                        (void) watch_dir(watch, run);
        }
}

/* xorgxrdp takes four bytes (rdpClientConCheck()). The directory is the user's, so what lies there
 * under that name is pinned before it is looked at, and reached by what was pinned: no link of the
 * user's leads root's datagram to another service. */
static int send_away(int dir, const char *name, uid_t uid) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int pinned = -EBADF, fd = -EBADF;
        struct stat st;

        pinned = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (pinned < 0 || fstat(pinned, &st) < 0)
                return -errno;
        if (!S_ISSOCK(st.st_mode) || st.st_uid != uid)
                return -EPERM;
        (void) snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", pinned);
        fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (fd < 0)
                return -errno;
        return sendto(fd, "sig", 4, MSG_NOSIGNAL, (const struct sockaddr *) &address,
                      sizeof(address)) < 0
                       ? -errno
                       : 0;
}

int displays_disconnect(const char *root, uid_t uid_min, int number, uid_t uid) {
        int fds[DISPLAYS_DIRS_MAX], n, r = -ENOENT;
        char name[64];

        (void) snprintf(name, sizeof(name), DISCONNECT_PREFIX "%d", number);
        n = displays_open_dirs(root, uid_min, uid, fds);
        for (int i = 0; i < n; i++) {
                if (r == -ENOENT)
                        r = send_away(fds[i], name, uid);
                (void) close(fds[i]);
        }
        return n < 0 ? n : r;
}
