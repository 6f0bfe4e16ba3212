/* SPDX-License-Identifier: MIT */
/* Who looks at the remote displays, from where; and which sessions of xrdp's no xrdp-sesman knows
 * any more.
 *
 * xrdp itself tells nobody the address of a client that has reconnected. The kernel does: the other
 * end of the display's socket is held by the xrdp process of that connection, and so is its
 * client's TCP connection. All of it is joined by inodes and ports, and by the files that processes
 * run; no name that a user chose takes part. */
#pragma once

#include "core/sessions.h"
#include "os/cgroupfs.h"
#include "os/sockdiag.h"

/* One connection to a display. */
typedef struct Viewer {
        int display;
        uid_t uid; /* who serves it */
        SessionVia via;
        char address[SOCKDIAG_ADDRESS_MAX]; /* where the person is; "" if nothing tells */
        TcpSocket socket;                   /* for SESSION_VIA_VNC: the X server's end */
} Viewer;

typedef struct XrdpProcesses XrdpProcesses;

/* Looks for xrdp's processes. Returns 0 or -errno. */
int xrdp_processes_read(uid_t uid_min, XrdpProcesses **ret);
XrdpProcesses *xrdp_processes_free(XrdpProcesses *x);
DEFINE_CLEANUP(XrdpProcesses *, xrdp_processes_free);

/* The viewers of the displays that are connected; one of each, as many as there are displays at
 * most. A new array. Returns 0 or -errno. */
int viewers_read(const XrdpProcesses *x, const SessionDisplay *displays, size_t n_displays,
                 Viewer **ret, size_t *ret_n);

/* Closes all connections to that user's VNC server at that display. Returns 0; -ENOTCONN if there
 * are none; as sockdiag_destroy(), the first that failed. */
int viewers_disconnect_vnc(int display, uid_t uid);

/* Finds out whether the X server still runs of a session of xrdp's that logind calls closing: the
 * session processes of xrdp 0.10 go with xrdp-sesman, and the desktops do not. See
 * sessions_set_served(). Where that cannot be seen it stays as it was. Returns true if that is
 * news. */
bool xrdp_look_served(const CgroupFs *fs, Sessions *sessions, Session *s);

/* The same for all. */
bool xrdp_mark_served(const CgroupFs *fs, Sessions *sessions);

/* Says of a session whether it is an orphan: xrdp-sesman's by its PAM service, with a leader that
 * is neither the child of an xrdp-sesman nor connected to one (as 0.10's are). Such a session
 * lives, and nobody can come back to it. One that logind calls closing has no leader any more.
 * Returns 1; 0; -ENODATA if no xrdp-sesman runs, which may be back in a moment; -errno if that
 * cannot be seen. */
int xrdp_is_orphan(const XrdpProcesses *x, const Sessions *sessions, const Session *s);

/* Sets Session.orphan of each session; where it cannot be told it stays as it was. Returns true if
 * that is news for any session. */
bool xrdp_mark_orphans(const XrdpProcesses *x, Sessions *sessions);
