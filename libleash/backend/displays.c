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
#include "core/parse.h"
#include "os/file.h"
#include "os/sockdiag.h"
#include "os/watch.h"

/* Where packages have put XRDP_SOCKET_ROOT_PATH: Debian and Fedora, upstream's default since 0.10,
 * and before. */
static const char *const folders[] = { "/run/xrdp/sockdir", "/run/xrdp", "/tmp/.xrdp" };

#define DISPLAY_PREFIX "xrdp_display_"
#define DISCONNECT_PREFIX "xrdp_disconnect_display_"
/* chansrv makes these when a client comes and removes them when it goes, so their folder tells. */
#define AUDIO_PREFIX "xrdp_chansrv_audio_"

#define DISPLAYS_MAX 65536
#define FOLDER_ENTRIES_MAX 1000000
#define VNC_PORT 5900
#define VNC_DISPLAYS 1000

/* A display while it is being found out about. */
typedef struct Found {
        SessionDisplay display;
        const char *folder; /* one of folders[] */
        uid_t subfolder;    /* the user's below it; (uid_t) -1 for the folder itself */
} Found;

typedef struct Scan {
        const char *root;
        uid_t uid_min;
        Found *all;
        size_t n, allocated;

} Scan;

static int add(Scan *s, const Found *found) {
        if (s->n == DISPLAYS_MAX)
                return -ENOBUFS;
        if (s->n == s->allocated) {
                size_t more = s->allocated ? s->allocated * 2 : 16;
                Found *all = reallocarray(s->all, more, sizeof(Found));

                if (!all)
                        return -ENOMEM;
                s->all = all;
                s->allocated = more;
        }
        s->all[s->n++] = *found;
        return 0;
}

/* "PREFIXnumber". Returns -1 for any other name. */
static int number_after(const char *name, const char *prefix) {
        uint64_t n;

        if (strncmp(name, prefix, strlen(prefix)) != 0 ||
            parse_u64(name + strlen(prefix), &n) < 0 || n > UINT16_MAX)
                return -1;
        return n;
}

static int audio_number(const char *name) {
        int n = number_after(name, AUDIO_PREFIX "in_socket_");

        return n >= 0 ? n : number_after(name, AUDIO_PREFIX "out_socket_");
}

static int scan_entry(Scan *s, int fd, const char *name, const char *folder, uid_t subfolder) {
        int number = number_after(name, DISPLAY_PREFIX), audio = audio_number(name);
        Found found = { .folder = folder, .subfolder = subfolder };
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
        return add(s, &found);
}

/* The folder itself, or a user's below it (xrdp 0.10: ROOT/UID). Another's folder of that name is
 * not looked into. */
static int scan_folder(Scan *s, const char *folder, uid_t subfolder) {
        _cleanup_closedir_ DIR *d = NULL;
        _cleanup_free_ char *path = NULL;
        size_t entries = 0;
        struct stat st;
        int r = 0;

        path = subfolder == (uid_t) -1
                       ? file_path("%s%s", s->root, folder)
                       : file_path("%s%s/%u", s->root, folder, (unsigned) subfolder);
        if (!path)
                return -ENOMEM;
        d = opendir(path);
        if (!d) /* gone, or not yet there */
                return errno == ENOMEM ? -ENOMEM : 0;
        if (subfolder != (uid_t) -1 &&
            (fstat(dirfd(d), &st) < 0 || (st.st_uid != subfolder && st.st_uid >= s->uid_min)))
                return 0;
        for (struct dirent *e; r >= 0 && (e = readdir(d)) && entries++ < FOLDER_ENTRIES_MAX;) {
                uid_t uid;

                if (subfolder == (uid_t) -1 && parse_uid(e->d_name, &uid) >= 0)
                        r = scan_folder(s, folder, uid);
                else
                        r = scan_entry(s, dirfd(d), e->d_name, folder, subfolder);
        }
        return r;
}

static int compare_found(const void *a, const void *b) {
        const Found *x = a, *y = b;

        return x->display.number - y->display.number;
}

static size_t first_of(const Scan *s, int number) {
        size_t low = 0, high = s->n;

        while (low < high) {
                size_t middle = (low + high) / 2;

                if (s->all[middle].display.number < number)
                        low = middle + 1;
                else
                        high = middle;
        }
        return low;
}

static bool is_path_of(const Scan *s, const Found *f, const char *path) {
        char own[4096];

        if (f->subfolder == (uid_t) -1)
                (void) snprintf(own, sizeof(own), "%s%s/" DISPLAY_PREFIX "%d", s->root, f->folder,
                                f->display.number);
        else
                (void) snprintf(own, sizeof(own), "%s%s/%u/" DISPLAY_PREFIX "%d", s->root,
                                f->folder, (unsigned) f->subfolder, f->display.number);
        return strcmp(own, path) == 0;
}

static int on_connection(const UnixConnection *c, void *userdata) {
        Scan *s = userdata;
        const char *name = strrchr(c->path, '/');
        int number = name ? number_after(name + 1, DISPLAY_PREFIX) : -1;

        if (number < 0 || (c->peer != (uid_t) -1 && c->peer >= s->uid_min))
                return 0;
        for (size_t i = first_of(s, number); i < s->n && s->all[i].display.number == number; i++)
                if (s->all[i].display.via == SESSION_VIA_XRDP &&
                    is_path_of(s, &s->all[i], c->path)) {
                        s->all[i].display.link = SESSION_LINK_CONNECTED;
                        s->all[i].display.peer_inode = c->peer_inode;
                }
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

typedef struct Ports {
        Scan *scan;
        bool connected[VNC_DISPLAYS];
} Ports;

static int on_port(const TcpSocket *t, void *userdata) {
        Ports *ports = userdata;
        const Found found = {
                .display = {
                        .number = t->port - VNC_PORT,
                        .uid = t->uid,
                        .via = SESSION_VIA_VNC,
                        .link = SESSION_LINK_DISCONNECTED,
                        .inode = t->inode,
                },
        };

        if (!t->listening) {
                ports->connected[t->port - VNC_PORT] = true;
                return 0;
        }
        return add(ports->scan, &found);
}

/* Who has connected is not asked: the usual way in is a tunnel of the user's own, and one who holds
 * a connection to themselves has what a client left open has, too. */
static int scan_vnc(Scan *s) {
        Ports ports = { .scan = s };
        int r;

        r = sockdiag_tcp(VNC_PORT, VNC_PORT + VNC_DISPLAYS - 1, on_port, &ports);
        for (size_t i = 0; i < s->n && r >= 0; i++) {
                SessionDisplay *d = &s->all[i].display;

                if (d->via == SESSION_VIA_VNC && ports.connected[d->number])
                        d->link = SESSION_LINK_CONNECTED;
        }
        return r == -ENOENT ? 0 : r; /* a kernel without inet_diag: there are none, then */
}

/* Who serves the socket of that path, if it is where xrdp's are. The number is already known. */
static bool place_of(const Scan *s, const char *path, uid_t uid, Found *f) {
        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                f->folder = folders[i];
                f->subfolder = uid;
                if (is_path_of(s, f, path))
                        return true;
                f->subfolder = (uid_t) -1;
                if (is_path_of(s, f, path))
                        return true;
        }
        return false;
}

/* xrdp's folder goes when its services stop (RuntimeDirectory= of Debian 12's units), and takes the
 * sockets' names with it; the X servers go on, and the kernel still knows where they listen. */
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
                },
        };

        if (number < 0 || !place_of(s, l->path, l->uid, &found))
                return 0;
        for (size_t i = 0; i < s->n; i++)
                if (s->all[i].display.number == number && s->all[i].display.uid == l->uid &&
                    s->all[i].display.via == SESSION_VIA_XRDP)
                        return 0;
        return add(s, &found);
}

static int scan_all(Scan *s) {
        bool any_xrdp;
        int r = 0;

        for (size_t i = 0; i < ELEMENTSOF(folders) && r >= 0; i++)
                r = scan_folder(s, folders[i], (uid_t) -1);
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
        return any_xrdp ? sockdiag_unix(DISPLAY_PREFIX, on_connection, s) : 0;
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
        free(scan.all);
        if (r < 0)
                return r;
        *ret = displays;
        *ret_n = n;
        return 0;
}

/* Each user's folder of xrdp 0.10. */
static void watch_users(const char *path, int watch) {
        _cleanup_closedir_ DIR *d = opendir(path);
        size_t n = 0;

        for (struct dirent *e; d && (e = readdir(d)) && n < SESSIONS_MAX;) {
                _cleanup_free_ char *user = NULL;
                uid_t uid;

                if (parse_uid(e->d_name, &uid) < 0)
                        continue;
                user = file_path("%s/%s", path, e->d_name);
                if (user)
                        (void) watch_folder(watch, user); /* one that is gone says so by itself */
                n++;
        }
}

void displays_watch(const char *root, int watch) {
        bool found = false;

        for (size_t i = 0; i < ELEMENTSOF(folders); i++) {
                _cleanup_free_ char *path = file_path("%s%s", root, folders[i]);

                if (!path || watch_folder(watch, path) < 0)
                        continue;
                found = true;
                watch_users(path, watch);
        }
        if (!found) { /* xrdp makes its folder when it starts for the first time */
                _cleanup_free_ char *run = file_path("%s/run", root);

                if (run)
                        (void) watch_folder(watch, run);
        }
}

/* xorgxrdp takes four bytes (rdpClientConCheck()). The folder is the user's, so what lies there
 * under that name is pinned before it is looked at, and reached by what was pinned: no link of the
 * user's leads root's datagram to another service. */
static int send_away(const char *path, uid_t uid) {
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        _cleanup_close_ int pinned = -EBADF, fd = -EBADF;
        struct stat st;

        pinned = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
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

int displays_disconnect(const char *root, int number, uid_t uid) {
        int r = -ENOENT;

        for (size_t i = 0; i < 2 * ELEMENTSOF(folders) && r == -ENOENT; i++) {
                const char *folder = folders[i / 2];
                _cleanup_free_ char *path =
                        i % 2 == 0
                                ? file_path("%s%s/%u/" DISCONNECT_PREFIX "%d", root, folder,
                                            (unsigned) uid, number)
                                : file_path("%s%s/" DISCONNECT_PREFIX "%d", root, folder, number);

                if (!path)
                        return -ENOMEM;
                r = send_away(path, uid);
                if (r == -ENOTDIR)
                        r = -ENOENT;
        }
        return r;
}
