/* SPDX-License-Identifier: MIT */
/* Who looks at the remote displays, from where; and which sessions are orphans. */

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "backend/viewers.h"
#include "backend/vncserver.h"
#include "core/array.h"
#include "core/placement.h"
#include "os/clock.h"
#include "os/file.h"
#include "os/proc.h"
#include "os/procsocket.h"

enum {
        PROGRAM_XRDP,
        PROGRAM_SESMAN,
        _PROGRAM_MAX,
};

static const char *const programs[_PROGRAM_MAX] = {
        [PROGRAM_XRDP] = "xrdp",
        [PROGRAM_SESMAN] = "xrdp-sesman",
};

struct XrdpProcesses {
        ProgramProcess *all;
        size_t n;
};

int xrdp_processes_read(uid_t uid_min, XrdpProcesses **ret) {
        _cleanup_(xrdp_processes_freep) XrdpProcesses *x = calloc(1, sizeof(XrdpProcesses));
        int r;

        if (!x)
                return -ENOMEM;
        r = procsocket_find_programs(programs, _PROGRAM_MAX, uid_min, &x->all, &x->n);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(x);
        return 0;
}

XrdpProcesses *xrdp_processes_free(XrdpProcesses *x) {
        if (!x)
                return NULL;
        free(x->all);
        free(x);
        return NULL;
}

/* ---- viewers -----------------------------------------------------------------------------------
 */

/* All TCP connections of this host, by inode, and which ports are listened to. */
typedef struct Tcp {
        TcpSocket *all;
        size_t n, allocated;
        bool listening[UINT16_MAX + 1];
} Tcp;

static void tcp_freep(Tcp **t) {
        if (*t)
                free((*t)->all);
        free(*t);
}

static int on_tcp(const TcpSocket *s, void *userdata) {
        Tcp *t = userdata;
        int r;

        if (s->listening) {
                t->listening[s->port] = true;
                return 0;
        }
        r = ARRAY_GROW(t->all, &t->allocated, t->n, SOCKDIAG_MAX);
        if (r < 0)
                return r;
        t->all[t->n++] = *s;
        return 0;
}

static int compare_sockets(const void *a, const void *b) {
        const TcpSocket *x = a, *y = b;

        return x->inode < y->inode ? -1 : x->inode > y->inode;
}

static int read_tcp(Tcp **ret) {
        _cleanup_(tcp_freep) Tcp *t = calloc(1, sizeof(Tcp));
        int r;

        if (!t)
                return -ENOMEM;
        r = sockdiag_tcp(1, UINT16_MAX, on_tcp, t);
        if (r < 0 && r != -ENOENT) /* a kernel without inet_diag has no addresses to tell */
                return r;
        if (t->n > 0)
                qsort(t->all, t->n, sizeof(TcpSocket), compare_sockets);
        *ret = TAKE_PTR(t);
        return 0;
}

static const TcpSocket *find_socket(const Tcp *t, uint32_t inode) {
        const TcpSocket key = { .inode = inode };

        return t->n > 0 ? bsearch(&key, t->all, t->n, sizeof(TcpSocket), compare_sockets) : NULL;
}

/* The X server's end of a connection to that VNC display. */
static const TcpSocket *find_vnc(const Tcp *t, int display, uid_t uid) {
        for (size_t i = 0; i < t->n; i++)
                if (t->all[i].port == VNCSERVER_PORT + display && t->all[i].uid == uid)
                        return &t->all[i];
        return NULL;
}

/* Of the sockets that an xrdp process holds, the one that it accepted: its client's. */
static const TcpSocket *find_client(const Tcp *t, const uint32_t *inodes, size_t n) {
        for (size_t i = 0; i < n; i++) {
                const TcpSocket *s = find_socket(t, inodes[i]);

                if (s && t->listening[s->port])
                        return s;
        }
        return NULL;
}

/* True if the process holds the far end of the viewer's connection. */
static bool holds(const Tcp *t, const uint32_t *inodes, size_t n, const Viewer *v,
                  uint32_t peer_inode) {
        if (v->via == SESSION_VIA_XRDP)
                return peer_inode != 0 && procsocket_has(inodes, n, peer_inode);
        if (!sockdiag_is_loopback(&v->socket))
                return false;
        for (size_t i = 0; i < n; i++) {
                const TcpSocket *s = find_socket(t, inodes[i]);

                if (s && s->port == v->socket.far_port && s->far_port == v->socket.port)
                        return true;
        }
        return false;
}

typedef struct Looking {
        const Tcp *tcp;
        Viewer *viewers;
        uint32_t *peers; /* of each viewer */
        size_t n;
} Looking;

/* What one xrdp process knows of the viewers. */
static int ask_process(const Looking *l, pid_t pid) {
        _cleanup_free_ uint32_t *inodes = NULL;
        const TcpSocket *client;
        size_t n;
        int r;

        r = procsocket_read(pid, &inodes, &n);
        if (r < 0) /* ended meanwhile */
                return r == -ENOMEM ? r : 0;
        client = find_client(l->tcp, inodes, n);
        for (size_t i = 0; i < l->n && client; i++)
                if (holds(l->tcp, inodes, n, &l->viewers[i], l->peers[i]))
                        (void) sockdiag_address(client, l->viewers[i].address);
        return 0;
}

int viewers_read(const XrdpProcesses *x, const SessionDisplay *displays, size_t n_displays,
                 Viewer **ret, size_t *ret_n) {
        _cleanup_free_ Viewer *viewers = calloc(n_displays + 1, sizeof(Viewer));
        _cleanup_free_ uint32_t *peers = calloc(n_displays + 1, sizeof(uint32_t));
        _cleanup_(tcp_freep) Tcp *tcp = NULL;
        Looking looking = { .viewers = viewers, .peers = peers };
        int r;

        if (!viewers || !peers)
                return -ENOMEM;
        r = read_tcp(&tcp);
        if (r < 0)
                return r;
        looking.tcp = tcp;
        for (size_t i = 0; i < n_displays; i++) {
                const SessionDisplay *d = &displays[i];
                const TcpSocket *vnc =
                        d->via == SESSION_VIA_VNC ? find_vnc(tcp, d->number, d->uid) : NULL;
                Viewer *v = &viewers[looking.n];

                if (d->link != SESSION_LINK_CONNECTED || (d->via == SESSION_VIA_VNC && !vnc))
                        continue;
                *v = (Viewer){ .display = d->number, .uid = d->uid, .via = d->via };
                peers[looking.n++] = d->peer_inode;
                if (!vnc)
                        continue;
                v->socket = *vnc;
                (void) sockdiag_address(vnc, v->address); /* unless xrdp is in between */
        }
        for (size_t i = 0; i < x->n && looking.n > 0; i++) {
                if (x->all[i].program != PROGRAM_XRDP)
                        continue;
                r = ask_process(&looking, x->all[i].pid);
                if (r < 0)
                        return r;
        }
        *ret = TAKE_PTR(viewers);
        *ret_n = looking.n;
        return 0;
}

/* A server may have let in more than one, and one that stays keeps the desktop seen. */
int viewers_disconnect_vnc(int display, uid_t uid) {
        _cleanup_(tcp_freep) Tcp *tcp = calloc(1, sizeof(Tcp));
        bool any = false;
        int r, first = 0;

        if (!tcp)
                return -ENOMEM;
        r = sockdiag_tcp(VNCSERVER_PORT + display, VNCSERVER_PORT + display, on_tcp, tcp);
        if (r < 0)
                return r;
        for (size_t i = 0; i < tcp->n; i++) {
                if (tcp->all[i].uid != uid)
                        continue;
                any = true;
                r = sockdiag_destroy(&tcp->all[i]);
                if (r < 0 && r != -ENOENT && first == 0)
                        first = r;
        }
        return any ? first : -ENOTCONN;
}

/* ---- closing, and served ------------------------------------------------------------------------
 */

/* xrdp starts the X server of a session in its first seconds. */
#define SERVER_START (2 * 60 * USEC_PER_SEC)

static bool is_server(const char *program) {
        return strcmp(program, "Xorg") == 0 || vncserver_is_program(program);
}

/* True if one of the words that it was started with is that display. Its user could change them,
 * of a server that was started as this one: that says no more than that the session goes on. */
static bool is_for_display(pid_t pid, int display) {
        _cleanup_free_ char *path = file_path("/proc/%d/cmdline", (int) pid), *words = NULL;
        size_t size;
        char want[16];

        if (!path || file_read(AT_FDCWD, path, 64 * 1024, &words, &size) < 0)
                return false;
        (void) snprintf(want, sizeof(want), ":%d", display);
        for (const char *w = words; w < words + size; w += strlen(w) + 1)
                if (strcmp(w, want) == 0)
                        return true;
        return false;
}

/* Returns 1, 0 or -errno. */
static int serves(pid_t pid, const Session *s) {
        char program[64];
        ProcStat st;
        int r;

        r = proc_read_program(pid, program, sizeof(program));
        if (r == -ESRCH || r == -EPERM || r == -ENAMETOOLONG) /* gone, or no program of root's */
                return 0;
        if (r < 0)
                return r;
        return is_server(program) && proc_read_stat(pid, &st) >= 0 &&
               proc_ticks(st.start_ticks) < s->created + SERVER_START &&
               (s->told < 0 || is_for_display(pid, s->told));
}

/* Returns 1, 0 or -errno. A server that the user starts later, or beside it, is not the desktop's.
 */
static int is_served(const CgroupFs *fs, const Session *s) {
        char cgroup[PLACEMENT_CGROUP_MAX];
        _cleanup_free_ pid_t *pids = NULL;
        int r, error = 0;
        size_t n;

        placement_session_cgroup(s->uid, s->id, cgroup);
        r = cgroupfs_list_procs(fs, "systemd", cgroup, NULL, &pids, &n);
        if (r < 0)
                return r == -ENOENT ? 0 : r;
        for (size_t i = 0; i < n; i++) {
                r = serves(pids[i], s);
                if (r > 0)
                        return r;
                if (r < 0)
                        error = r;
        }
        return error;
}

bool xrdp_look_served(const CgroupFs *fs, Sessions *sessions, Session *s) {
        int r;

        if (!s->closing || !session_is_xrdp(s) || !session_is_desktop(s))
                return false;
        r = is_served(fs, s);
        return r >= 0 && sessions_set_served(sessions, s, r > 0, clock_boottime());
}

bool xrdp_mark_served(const CgroupFs *fs, Sessions *sessions) {
        bool news = false;

        for (size_t i = 0; i < sessions->n; i++)
                news |= xrdp_look_served(fs, sessions, sessions->all[i]);
        return news;
}

/* ---- orphans ----------------------------------------------------------------------------------
 */

static bool is_leader(const Sessions *sessions, pid_t pid) {
        for (size_t i = 0; i < sessions->n; i++)
                if (sessions->all[i]->leader == pid)
                        return true;
        return false;
}

/* The sockets of all running xrdp-sesmen, and what is connected to them. */
typedef struct Known {
        bool read;
        int error;        /* not all of it could be seen */
        uint32_t *inodes; /* of xrdp-sesman's, sorted */
        size_t n;
        uint32_t *peers; /* of the others', sorted */
        size_t n_peers, allocated;
} Known;

static void known_done(Known *k) {
        free(k->inodes);
        free(k->peers);
}

static int add_inodes(Known *k, pid_t sesman) {
        _cleanup_free_ uint32_t *more = NULL;
        uint32_t *all;
        size_t n;
        int r;

        r = procsocket_read(sesman, &more, &n);
        if (r < 0 || n == 0)
                return r;
        all = reallocarray(k->inodes, k->n + n, sizeof(uint32_t));
        if (!all)
                return -ENOMEM;
        memcpy(all + k->n, more, n * sizeof(uint32_t));
        k->inodes = all;
        k->n += n;
        return 0;
}

static int on_pair(const UnixPair *p, void *userdata) {
        Known *k = userdata;
        int r;

        if (!procsocket_has(k->inodes, k->n, p->peer_inode))
                return 0;
        r = ARRAY_GROW(k->peers, &k->allocated, k->n_peers, SOCKDIAG_MAX);
        if (r < 0)
                return r;
        k->peers[k->n_peers++] = p->inode;
        return 0;
}

static bool is_sesman(const XrdpProcesses *x, const Sessions *sessions, size_t i) {
        return x->all[i].program == PROGRAM_SESMAN && !is_leader(sessions, x->all[i].pid);
}

/* Asked for once, and only where a parent does not tell. */
static void read_known(const XrdpProcesses *x, const Sessions *sessions, Known *k) {
        int r = 0;

        k->read = true;
        for (size_t i = 0; i < x->n && r >= 0; i++)
                if (is_sesman(x, sessions, i))
                        r = add_inodes(k, x->all[i].pid);
        if (r >= 0 && k->n > 0) {
                procsocket_sort(k->inodes, k->n);
                r = sockdiag_unix_pairs(on_pair, k);
        }
        k->error = MIN_OF(r, 0);
        procsocket_sort(k->peers, k->n_peers);
}

/* Returns 1 if the leader holds the other end of one of xrdp-sesman's sockets, 0 if not; -ESRCH if
 * there is no leader; -errno if that cannot be seen. */
static int is_connected(const Known *k, pid_t leader) {
        _cleanup_free_ uint32_t *own = NULL;
        size_t n = 0;
        int r;

        r = procsocket_read(leader, &own, &n);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                if (procsocket_has(k->peers, k->n_peers, own[i]))
                        return 1;
        return k->error;
}

/* Returns 1 if no xrdp-sesman knows the session, 0 if one does, -ENODATA if none runs that could,
 * -errno if it cannot be seen. */
static int ask_orphan(const XrdpProcesses *x, const Sessions *sessions, const Session *s,
                      Known *known) {
        /* One that has gone is what logind calls closing, and its number may be another's. */
        bool any = false, led = s->leader != 0 && !s->served;
        ProcStat leader;
        int r;

        if (!led && !s->served)
                return -ENODATA;
        r = led ? proc_read_stat(s->leader, &leader) : 0;
        if (r < 0)
                return r == -ESRCH || r == -ENOENT ? 1 : r;
        for (size_t i = 0; i < x->n; i++) {
                if (!is_sesman(x, sessions, i))
                        continue;
                if (led && x->all[i].pid == leader.ppid)
                        return 0;
                any = true;
        }
        if (!any)
                return -ENODATA;
        if (!led)
                return 1;
        if (!known->read)
                read_known(x, sessions, known);
        r = is_connected(known, s->leader);
        return r == -ESRCH ? 1 : r < 0 ? r : !r;
}

static bool may_be_orphan(const Session *s) {
        return session_is_xrdp(s) && session_is_desktop(s) && s->since[SESSION_CLOSING] == 0;
}

int xrdp_is_orphan(const XrdpProcesses *x, const Sessions *sessions, const Session *s) {
        _cleanup_(known_done) Known known = {};

        return may_be_orphan(s) ? ask_orphan(x, sessions, s, &known) : 0;
}

bool xrdp_mark_orphans(const XrdpProcesses *x, Sessions *sessions) {
        _cleanup_(known_done) Known known = {};
        bool news = false;

        for (size_t i = 0; i < sessions->n; i++) {
                Session *s = sessions->all[i];
                int r = may_be_orphan(s) ? ask_orphan(x, sessions, s, &known) : 0;

                if (r < 0 || s->orphan == (r > 0))
                        continue;
                s->orphan = r > 0;
                news = true;
        }
        return news;
}
