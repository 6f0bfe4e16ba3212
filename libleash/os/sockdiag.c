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
static int receive(int fd, bool dump, Receiver receiver, void *userdata) {
        _Alignas(struct nlmsghdr) char buffer[BUFFER_SIZE];
        size_t count = 0;

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
                        if (++count > SOCKDIAG_MAX)
                                return -EFBIG;
                        r = receiver(h, userdata);
                        if (r < 0)
                                return r;
                        if (!dump)
                                return 0;
                }
        }
}

/* ---- unix sockets ---------------------------------------------------------------------------- */

typedef struct UnixRequest {
        struct nlmsghdr head;
        struct unix_diag_req body;
} UnixRequest;

static int ask_unix(int fd, unsigned state, uint32_t inode, uint32_t show) {
        const UnixRequest request = {
                .head = {
                        .nlmsg_len = sizeof(request),
                        .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                        .nlmsg_flags = NLM_F_REQUEST | (inode ? 0 : NLM_F_DUMP),
                },
                .body = {
                        .sdiag_family = AF_UNIX,
                        .udiag_states = 1U << state,
                        .udiag_ino = inode,
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

typedef struct Peer {
        char path[sizeof(((struct sockaddr_un *) NULL)->sun_path) + 1];
        uint32_t inode;
} Peer;

typedef struct UnixDump {
        const char *prefix;
        Peer *peers;
        size_t n, allocated;
} UnixDump;

static int add_peer(UnixDump *d, const char *path, size_t size, uint32_t inode) {
        int r = ARRAY_GROW(d->peers, &d->allocated, d->n, SIZE_MAX);

        if (r < 0)
                return r;
        (void) snprintf(d->peers[d->n].path, sizeof(d->peers[d->n].path), "%.*s", (int) size, path);
        d->peers[d->n++].inode = inode;
        return 0;
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

static int on_unix(const struct nlmsghdr *h, void *userdata) {
        UnixDump *d = userdata;
        const uint32_t *inode;
        const char *path;
        size_t size, inode_size;

        path = find_attribute(h, sizeof(struct unix_diag_msg), UNIX_DIAG_NAME, 1, &size);
        inode = find_attribute(h, sizeof(struct unix_diag_msg), UNIX_DIAG_PEER, sizeof(*inode),
                               &inode_size);
        /* A peer without a number has hung up, and the accepting side has not noticed yet. */
        if (!path || !inode || *inode == 0 || !has_prefix(path, &size, d->prefix))
                return 0;
        return add_peer(d, path, size, *inode);
}

static int on_owner(const struct nlmsghdr *h, void *userdata) {
        const uint32_t *uid;
        size_t size;

        uid = find_attribute(h, sizeof(struct unix_diag_msg), ATTRIBUTE_UID, sizeof(*uid), &size);
        if (uid)
                *(uid_t *) userdata = *uid;
        return 0;
}

/* Who made the socket of that inode. One that has gone meanwhile is nobody's. */
static int find_owner(int fd, uint32_t inode, uid_t *ret) {
        uid_t uid = (uid_t) -1;
        int r;

        r = ask_unix(fd, STATE_ESTABLISHED, inode, UDIAG_SHOW_UID);
        if (r >= 0)
                r = receive(fd, false, on_owner, &uid);
        if (r < 0)
                return r;
        *ret = uid;
        return 0;
}

int sockdiag_unix(const char *prefix, int (*found)(const UnixConnection *c, void *userdata),
                  void *userdata) {
        UnixDump dump = { .prefix = prefix };
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ Peer *peers = NULL;
        int r;

        r = open_diag(&fd);
        if (r >= 0)
                r = ask_unix(fd, STATE_ESTABLISHED, 0, UDIAG_SHOW_NAME | UDIAG_SHOW_PEER);
        if (r >= 0)
                r = receive(fd, true, on_unix, &dump);
        peers = dump.peers;
        for (size_t i = 0; i < dump.n && r >= 0; i++) {
                UnixConnection c = { .path = peers[i].path, .peer_inode = peers[i].inode };

                r = find_owner(fd, peers[i].inode, &c.peer);
                if (r == -ENOENT) { /* has hung up */
                        r = 0;
                        continue;
                }
                if (r >= 0)
                        r = found(&c, userdata);
        }
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
        UnixListener l = { .path = text };
        const uint32_t *uid;
        const char *path;
        size_t size, uid_size;

        path = find_attribute(h, sizeof(struct unix_diag_msg), UNIX_DIAG_NAME, 1, &size);
        uid = find_attribute(h, sizeof(struct unix_diag_msg), ATTRIBUTE_UID, sizeof(*uid),
                             &uid_size);
        if (!path || !uid || !has_prefix(path, &size, d->prefix))
                return 0;
        (void) snprintf(text, sizeof(text), "%.*s", (int) size, path);
        l.uid = *uid;
        return d->found(&l, d->userdata);
}

int sockdiag_unix_listeners(const char *prefix, int (*found)(const UnixListener *l, void *userdata),
                            void *userdata) {
        ListenerDump dump = { prefix, found, userdata };
        _cleanup_close_ int fd = -EBADF;
        int r;

        r = open_diag(&fd);
        if (r >= 0)
                r = ask_unix(fd, STATE_LISTEN, 0, UDIAG_SHOW_NAME | UDIAG_SHOW_UID);
        if (r >= 0)
                r = receive(fd, true, on_listener, &dump);
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
                r = ask_unix(fd, STATE_ESTABLISHED, 0, UDIAG_SHOW_PEER);
        if (r >= 0)
                r = receive(fd, true, on_pair, &dump);
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
                        r = receive(fd, true, on_tcp, &dump);
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
        return r < 0 ? r : receive(fd, true, NULL, NULL);
}
