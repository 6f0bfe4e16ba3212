/* SPDX-License-Identifier: MIT */
/* Which of the ports that look like VNC's are: whoever listens there runs an X server that speaks
 * VNC, by the file it runs, which has to be root's. A user's netcat is none. */
#pragma once

#include "core/sessions.h"

/* Where display 0 listens; the others follow. */
#define VNCSERVER_PORT 5900

typedef struct VncServer {
        const SessionDisplay *display; /* borrowed */
        pid_t pid;
        usec_t started; /* CLOCK_BOOTTIME */
} VncServer;

/* By the file it runs: Xvnc, Xtigervnc, Xtightvnc, Xrealvnc, ... */
bool vncserver_is_program(const char *program);

/* A new array; at most one for each display. Returns 0 or -errno. */
int vncservers_read(const SessionDisplay *displays, size_t n, VncServer **ret, size_t *ret_n);
