/* SPDX-License-Identifier: MIT */
/* The kernel's own list of sockets, over NETLINK_SOCK_DIAG (sock_diag(7)): who is connected to
 * what, without connecting to anything.
 *
 * Sees the sockets of the caller's network namespace. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/macro.h"

/* How many sockets of those that are looked for are kept, at most. */
#define SOCKDIAG_MAX 1000000

typedef struct UnixConnection {
        int key;             /* what key_of() said of the accepting side */
        uint32_t peer_inode; /* of the other end: /proc/PID/fd shows it as "socket:[INODE]" */
} UnixConnection;

/* Connections whose accepting side is bound to a path that ends in a name beginning with `prefix`,
 * and whose other end is of the system's making: of a uid below uid_min, or of one that the kernel
 * does not tell (before Linux 5.3). */
typedef struct UnixSearch {
        const char *prefix;
        uid_t uid_min;
        /* What the caller knows the path by, if `uid` made the accepting side; negative to leave it
         * out, as is wise after the first few of one. (uid_t) -1 before Linux 5.3. */
        int (*key_of)(const char *path, uid_t uid, void *userdata);
        int (*found)(const UnixConnection *c, void *userdata);
        void *userdata;
} UnixSearch;

/* Calls found() for each that has been accepted. One pass over all sockets, whosever they are: to
 * ask the kernel for a single one takes it as long (unix_lookup_by_ino() in net/unix/diag.c).
 * Returns 0; the first negative answer of found(); -errno, such as -ENOENT from a kernel without
 * unix_diag. */
int sockdiag_unix(const UnixSearch *search);

typedef struct UnixListener {
        const char *path;
        uid_t uid; /* who made it */
} UnixListener;

/* Calls found() for each socket that listens at such a path, whether or not the file is still
 * there; for none before Linux 5.3, which does not tell whose it is. Returns as above. */
int sockdiag_unix_listeners(const char *prefix, int (*found)(const UnixListener *l, void *userdata),
                            void *userdata);

/* Two ends of a connection between unix sockets, or of a pair of socketpair(2). */
typedef struct UnixPair {
        uint32_t inode, peer_inode;
} UnixPair;

/* Calls found() for each end of each that is connected. Returns as above. */
int sockdiag_unix_pairs(int (*found)(const UnixPair *p, void *userdata), void *userdata);

typedef struct TcpSocket {
        uint8_t family;                                 /* AF_INET, AF_INET6 */
        uint16_t port, far_port;                        /* local, and the other end's */
        uint32_t near[4], far[4], interface, cookie[2]; /* as the kernel has them */
        uint32_t inode;
        bool listening; /* else established */
        uid_t uid;      /* whose it is */
} TcpSocket;

/* Calls found() for each TCP socket of IPv4 and IPv6 with a local port from `first` to `last` that
 * listens or is connected. Returns as above. */
int sockdiag_tcp(uint16_t first, uint16_t last, int (*found)(const TcpSocket *s, void *userdata),
                 void *userdata);

/* The other end's address, without its port; an IPv4 one in IPv6's clothes is undressed. */
#define SOCKDIAG_ADDRESS_MAX 64
char *sockdiag_address(const TcpSocket *s, char buf[static SOCKDIAG_ADDRESS_MAX]);

/* True if both ends are on this host, at its loopback address. */
bool sockdiag_is_loopback(const TcpSocket *s);

/* Has the kernel close a connection, as "ss -K" does. Returns 0; -ENOENT if it is gone; -EOPNOTSUPP
 * from a kernel without CONFIG_INET_DIAG_DESTROY; -errno. */
int sockdiag_destroy(const TcpSocket *s);
