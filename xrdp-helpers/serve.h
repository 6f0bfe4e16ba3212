/* SPDX-License-Identifier: MIT */
/* leash-agent's side of the socket.
 *
 * The answer goes out as soon as somebody has connected, before a byte of theirs is read: it fits
 * into an empty socket's buffer, so no reader, however slow, holds anything up. What they send is
 * read and dropped, for a while: closing over unread bytes would make a reset of it, which may
 * overtake the answer. */
#pragma once

#include "look.h"

typedef struct Agent {
        Look look;
        Balance balance;
        unsigned weight; /* of HAProxy's server line; 0 if not known */
        char line[BALANCE_LINE_MAX];
        size_t line_size;
        usec_t looked;      /* CLOCK_MONOTONIC; 0 for never */
        const char *failed; /* what was last said to fail; NULL for nothing */
} Agent;

/* Sees to it that the line is no older than it may be. */
void serve_prepare(Agent *a, usec_t now);

/* Answers at these listening sockets until SIGTERM or SIGINT. Returns 0 or -errno. */
int serve(Agent *a, int first_fd, unsigned n);
