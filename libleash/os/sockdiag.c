/* SPDX-License-Identifier: MIT */
/* The kernel's own list of sockets, over NETLINK_SOCK_DIAG. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "core/array.h"
#include "os/file.h"
#include "os/procsocket.h"
#include "os/sockdiag.h"

#ifndef UDIAG_SHOW_UID /* Linux 5.3 */
 #define UDIAG_SHOW_UID 0x40
#endif
#define ATTRIBUTE_UID 7 /* UNIX_DIAG_UID, an enumerator: not to be tested for */

/* include/net/tcp_states.h; a unix socket has the same two. */
#define STATE_ESTABLISHED 1
#define STATE_LISTEN 10

#define ANSWER_TIMEOUT_SEC 5
#define BUFFER_SIZE 32768 /* NLMSG_GOODSIZE of the kernel's dumps is at most this */

/* One message of a dump. Returns 0 or a negative errno, which ends the reading. */
typedef int (*Receiver)(const struct nlmsghdr *h, void *userdata);

static int open_diag(int *ret) {
        const struct timeval timeout = { .tv_sec = ANSWER_TIMEOUT_SEC };
        _cleanup_close_ int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);

        if (fd < 0)
                return -errno;
        if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) < 0)
                return -errno;
        *ret = TAKE_FD(fd);
        return 0;
}

static int send_request(int fd, const void *request, size_t size) {
        const struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

        return sendto(fd, request, size, 0, (const struct sockaddr *) &kernel, sizeof(kernel)) < 0
                       ? -errno
                       : 0;
}

static int message_error(const struct nlmsghdr *h) {
        const struct nlmsgerr *e = NLMSG_DATA(h);

        return h->nlmsg_len < NLMSG_LENGTH(sizeof(*e)) ? -EBADMSG : e->error;
}

/* Hands on what the kernel answers, until it says that this was all. */
static int receive(int fd, Receiver receiver, void *userdata) {
        _Alignas(struct nlmsghdr) char buffer[BUFFER_SIZE];

        for (;;) {
                ssize_t n = recv(fd, buffer, sizeof(buffer), 0);
                unsigned left = n < 0 ? 0 : (unsigned) n;

                if (n < 0)
                        return errno == EAGAIN ? -ETIMEDOUT : -errno;
                for (const struct nlmsghdr *h = (void *) buffer; NLMSG_OK(h, left);
                     h = NLMSG_NEXT(h, left)) {
                        int r;

                        if (h->nlmsg_type == NLMSG_DONE)
                                return 0;
                        if (h->nlmsg_type == NLMSG_ERROR)
                                return message_error(h);
                        r = receiver(h, userdata);
                        if (r < 0)
                                return r;
                }
        }
}

/* ---- unix sockets ---------------------------------------------------------------------------- */

typedef struct UnixRequest {
        struct nlmsghdr head;
        struct unix_diag_req body;
} UnixRequest;

static int ask_unix(int fd, unsigned state, uint32_t show) {
        const UnixRequest request = {
                .head = {
                        .nlmsg_len = sizeof(request),
                        .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                        .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                },
                .body = {
                        .sdiag_family = AF_UNIX,
                        .udiag_states = 1U << state,
                        .udiag_show = show,
                        .udiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE },
                },
        };

        return send_request(fd, &request, sizeof(request));
}

/* The attribute of that type behind the fixed part; NULL if there is none of at least that size. */
static const void *find_attribute(const struct nlmsghdr *h, size_t fixed, uint16_t type,
                                  size_t least, size_t *ret_size) {
        const struct rtattr *a = (const void *) ((const char *) NLMSG_DATA(h) + NLMSG_ALIGN(fixed));
        unsigned left;

        if (h->nlmsg_len < NLMSG_LENGTH(fixed))
                return NULL;
        left = h->nlmsg_len - NLMSG_LENGTH(fixed);
        for (; RTA_OK(a, left); a = RTA_NEXT(a, left)) {
                if (a->rta_type != type || RTA_PAYLOAD(a) < least)
                        continue;
                *ret_size = RTA_PAYLOAD(a);
                return RTA_DATA(a);
        }
        return NULL;
}

/* Of a user's own making are only those that key_of() knows, and bounds: what else a user opens
 * costs nothing but the look. */
typedef struct UnixDump {
        const UnixSearch *search;
        uint32_t *others; /* sockets that may be the other end, by inode */
        size_t n_others, allocated_others;
        UnixConnection *all;
        size_t n, allocated;
} UnixDump;

static void unix_dump_done(UnixDump *d) {
        free(d->others);
        free(d->all);
}

/* True for a path whose last part begins so; cuts *size to its text. Abstract names begin with a
 * zero byte, and are anybody's to take. */
static bool has_prefix(const char *path, size_t *size, const char *prefix) {
        const char *name;

        if (path[0] != '/')
                return false;
        name = (const char *) memrchr(path, '/', *size) + 1;
        *size = strnlen(path, *size);
        return (size_t) (path + *size - name) >= strlen(prefix) &&
               strncmp(name, prefix, strlen(prefix)) == 0;
}

/* (uid_t) -1 where the kernel does not tell. */
static uid_t owner_of(const struct nlmsghdr *h) {
        const uint32_t *uid;
        size_t size;

        uid = find_attribute(h, sizeof(struct unix_diag_msg), ATTRIBUTE_UID, sizeof(*uid), &size);
        return uid ? *uid : (uid_t) -1;
}

/* What is bound to a path that is looked for. */
static int add_named(UnixDump *d, const struct nlmsghdr *h, uid_t owner) {
        char text[sizeof(((struct sockaddr_un *) NULL)->sun_path) + 1];
        const uint32_t *peer;
        const char *path;
        size_t size, peer_size;
        int key, r;

        path = find_attribute(h, sizeof(struct unix_diag_msg), UNIX_DIAG_NAME, 1, &size);
        peer = find_attribute(h, sizeof(struct unix_diag_msg), UNIX_DIAG_PEER, sizeof(*peer),
                              &peer_size);
        /* A peer without a number has hung up, and the accepting side has not noticed yet. */
        if (!path || !peer || *peer == 0 || !has_prefix(path, &size, d->search->prefix))
                return 0;
        (void) snprintf(text, sizeof(text), "%.*s", (int) size, path);
        key = d->search->key_of(text, owner, d->search->userdata);
        if (key < 0)
                return 0;
        r = ARRAY_GROW(d->all, &d->allocated, d->n, SOCKDIAG_MAX);
        if (r < 0)
                return r == -ENOBUFS ? 0 : r;
        d->all[d->n++] = (UnixConnection){ .key = key, .peer_inode = *peer };
        return 0;
}

static int on_unix(const struct nlmsghdr *h, void *userdata) {
        const struct unix_diag_msg *m = NLMSG_DATA(h);
        UnixDump *d = userdata;
        uid_t owner;
        int r;

        if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
                return -EBADMSG;
        owner = owner_of(h);
        r = add_named(d, h, owner);
        if (r < 0 || (owner != (uid_t) -1 && owner >= d->search->uid_min))
                return r;
        r = ARRAY_GROW(d->others, &d->allocated_others, d->n_others, SOCKDIAG_MAX);
        if (r < 0)
                return r == -ENOBUFS ? 0 : r;
        d->others[d->n_others++] = m->udiag_ino;
        return 0;
}

int sockdiag_unix(const UnixSearch *search) {
        _cleanup_(unix_dump_done) UnixDump dump = { .search = search };
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = open_diag(&fd);
        if (r >= 0)
                r = ask_unix(fd, STATE_ESTABLISHED,
                             UDIAG_SHOW_NAME | UDIAG_SHOW_PEER | UDIAG_SHOW_UID);
        if (r >= 0)
                r = receive(fd, on_unix, &dump);
        procsocket_sort(dump.others, dump.n_others);
        for (size_t i = 0; i < dump.n && r >= 0; i++)
                if (procsocket_has(dump.others, dump.n_others, dump.all[i].peer_inode))
                        r = search->found(&dump.all[i], search->userdata);
        return MIN_OF(r, 0);
}

typedef struct ListenerDump {
        const char *prefix;
        int (*found)(const UnixListener *l, void *userdata);
        void *userdata;
} ListenerDump;

static int on_listener(const struct nlmsghdr *h, void *userdata) {
        char text[sizeof(((struct sockaddr_un *) NULL)->sun_path) + 1];
        const ListenerDump *d = userdata;
        UnixListener l = { .path = text, .uid = owner_of(h) };
        const char *path;
        size_t size;

        path = find_attribute(h, sizeof(struct unix_diag_msg), UNIX_DIAG_NAME, 1, &size);
        if (!path || l.uid == (uid_t) -1 || !has_prefix(path, &size, d->prefix))
                return 0;
        (void) snprintf(text, sizeof(text), "%.*s", (int) size, path);
        return d->found(&l, d->userdata);
}

int sockdiag_unix_listeners(const char *prefix, int (*found)(const UnixListener *l, void *userdata),
                            void *userdata) {
        ListenerDump dump = { prefix, found, userdata };
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = open_diag(&fd);
        if (r >= 0)
                r = ask_unix(fd, STATE_LISTEN, UDIAG_SHOW_NAME | UDIAG_SHOW_UID);
        if (r >= 0)
                r = receive(fd, on_listener, &dump);
        return MIN_OF(r, 0);
}

typedef struct PairDump {
        int (*found)(const UnixPair *p, void *userdata);
        void *userdata;
} PairDump;

static int on_pair(const struct nlmsghdr *h, void *userdata) {
        const struct unix_diag_msg *m = NLMSG_DATA(h);
        const PairDump *d = userdata;
        const uint32_t *peer;
        UnixPair pair;
        size_t size;

        peer = find_attribute(h, sizeof(*m), UNIX_DIAG_PEER, sizeof(*peer), &size);
        if (!peer || *peer == 0)
                return 0;
        pair = (UnixPair){ .inode = m->udiag_ino, .peer_inode = *peer };
        return d->found(&pair, d->userdata);
}

int sockdiag_unix_pairs(int (*found)(const UnixPair *p, void *userdata), void *userdata) {
        PairDump dump = { found, userdata };
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = open_diag(&fd);
        if (r >= 0)
                r = ask_unix(fd, STATE_ESTABLISHED, UDIAG_SHOW_PEER);
        if (r >= 0)
                r = receive(fd, on_pair, &dump);
        return MIN_OF(r, 0);
}

/* ---- TCP ------------------------------------------------------------------------------------- */

/* first <= local port && port <= last, in the kernel's own little language (inet_diag_bc_run() in
 * net/ipv4/inet_diag.c): how far to go on if so, and if not; past the end is no. */
typedef struct PortFilter {
        struct inet_diag_bc_op ge, ge_port, le, le_port;
} PortFilter;

typedef struct TcpRequest {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
        struct rtattr attribute;
        PortFilter filter;
} TcpRequest;

static int ask_tcp(int fd, uint8_t family, uint16_t first, uint16_t last) {
        const TcpRequest request = {
                .head = {
                        .nlmsg_len = sizeof(request),
                        .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                        .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                },
                .body = {
                        .sdiag_family = family,
                        .sdiag_protocol = IPPROTO_TCP,
                        .idiag_states = 1U << STATE_ESTABLISHED | 1U << STATE_LISTEN,
                },
                .attribute = {
                        .rta_len = RTA_LENGTH(sizeof(PortFilter)),
                        .rta_type = INET_DIAG_REQ_BYTECODE,
                },
                .filter = {
                        .ge = { INET_DIAG_BC_S_GE, 2 * sizeof(struct inet_diag_bc_op),
                                sizeof(PortFilter) + 4 },
                        .ge_port = { .no = first },
                        .le = { INET_DIAG_BC_S_LE, 2 * sizeof(struct inet_diag_bc_op),
                                sizeof(PortFilter) / 2 + 4 },
                        .le_port = { .no = last },
                },
        };

        return send_request(fd, &request, sizeof(request));
}

typedef struct TcpDump {
        int (*found)(const TcpSocket *s, void *userdata);
        void *userdata;
} TcpDump;

static int on_tcp(const struct nlmsghdr *h, void *userdata) {
        const struct inet_diag_msg *m = NLMSG_DATA(h);
        const TcpDump *d = userdata;
        TcpSocket s;

        if (h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
                return -EBADMSG;
        s = (TcpSocket){
                .family = m->idiag_family,
                .port = ntohs(m->id.idiag_sport),
                .far_port = ntohs(m->id.idiag_dport),
                .interface = m->id.idiag_if,
                .inode = m->idiag_inode,
                .listening = m->idiag_state == STATE_LISTEN,
                .uid = m->idiag_uid,
        };
        memcpy(s.near, m->id.idiag_src, sizeof(s.near));
        memcpy(s.far, m->id.idiag_dst, sizeof(s.far));
        memcpy(s.cookie, m->id.idiag_cookie, sizeof(s.cookie));
        return d->found(&s, d->userdata);
}

int sockdiag_tcp(uint16_t first, uint16_t last, int (*found)(const TcpSocket *s, void *userdata),
                 void *userdata) {
        static const uint8_t families[] = { AF_INET, AF_INET6 };
        TcpDump dump = { found, userdata };
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = open_diag(&fd);
        for (size_t i = 0; i < ELEMENTSOF(families) && r >= 0; i++) {
                r = ask_tcp(fd, families[i], first, last);
                if (r >= 0)
                        r = receive(fd, on_tcp, &dump);
        }
        return MIN_OF(r, 0);
}

/* ::ffff:192.0.2.7, as a socket for both families shows a client of IPv4. */
static bool is_mapped(const uint32_t address[static 4]) {
        return address[0] == 0 && address[1] == 0 && address[2] == htonl(0xffff);
}

static bool is_loopback(uint8_t family, const uint32_t address[static 4]) {
        uint32_t v4 = family == AF_INET ? address[0] : address[3];

        if (family == AF_INET6 && !is_mapped(address))
                return memcmp(address, &in6addr_loopback, sizeof(in6addr_loopback)) == 0;
        return ntohl(v4) >> 24 == IN_LOOPBACKNET;
}

char *sockdiag_address(const TcpSocket *s, char buf[static SOCKDIAG_ADDRESS_MAX]) {
        bool mapped = s->family == AF_INET6 && is_mapped(s->far);

        if (!inet_ntop(mapped ? AF_INET : s->family, mapped ? &s->far[3] : &s->far[0], buf,
                       SOCKDIAG_ADDRESS_MAX))
                strcpy(buf, "?");
        return buf;
}

bool sockdiag_is_loopback(const TcpSocket *s) {
        return is_loopback(s->family, s->near) && is_loopback(s->family, s->far);
}

typedef struct DestroyRequest {
        struct nlmsghdr head;
        struct inet_diag_req_v2 body;
} DestroyRequest;

int sockdiag_destroy(const TcpSocket *s) {
        DestroyRequest request = {
                .head = {
                        .nlmsg_len = sizeof(request),
                        .nlmsg_type = SOCK_DESTROY,
                        .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
                },
                .body = {
                        .sdiag_family = s->family,
                        .sdiag_protocol = IPPROTO_TCP,
                        .idiag_states = 1U << STATE_ESTABLISHED,
                        .id = {
                                .idiag_sport = htons(s->port),
                                .idiag_dport = htons(s->far_port),
                                .idiag_if = s->interface,
                        },
                },
        };
        _cleanup_close_ int fd = -EBADF;
        int r;

        memcpy(request.body.id.idiag_src, s->near, sizeof(s->near));
        memcpy(request.body.id.idiag_dst, s->far, sizeof(s->far));
        /* The very one that was seen, and none that has its ports since. */
        memcpy(request.body.id.idiag_cookie, s->cookie, sizeof(s->cookie));
        r = open_diag(&fd);
        if (r >= 0)
                r = send_request(fd, &request, sizeof(request));
        return r < 0 ? r : receive(fd, NULL, NULL);
}
