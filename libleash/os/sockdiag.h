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

/* How many sockets are looked at, at most. */
#define SOCKDIAG_MAX 1000000

typedef struct UnixConnection {
        const char *path; /* that the accepting side is bound to */
        uid_t peer;       /* who made the other end; (uid_t) -1 where the kernel does not tell */
} UnixConnection;

/* Calls found() for each established connection whose accepting side is bound to a path that ends
 * in a name beginning with `prefix`. Returns 0; the first negative answer of found(); -errno, such
 * as -ENOENT from a kernel without unix_diag. */
int sockdiag_unix(const char *prefix, int (*found)(const UnixConnection *c, void *userdata),
                  void *userdata);

typedef struct UnixListener {
        const char *path; /* that it is bound to, whether or not the name is still there */
        uid_t uid;        /* who made it */
} UnixListener;

/* Calls found() for each listening socket bound to such a path; for none before Linux 5.3, which
 * does not tell whose it is. Returns as above. */
int sockdiag_unix_listeners(const char *prefix, int (*found)(const UnixListener *l, void *userdata),
                            void *userdata);

typedef struct TcpSocket {
        uint16_t port;  /* local */
        bool listening; /* else established */
        uid_t uid;      /* whose it is */
} TcpSocket;

/* Calls found() for each TCP socket of IPv4 and IPv6 with a local port from `first` to `last` that
 * listens or is connected. Returns as above. */
int sockdiag_tcp(uint16_t first, uint16_t last, int (*found)(const TcpSocket *s, void *userdata),
                 void *userdata);
