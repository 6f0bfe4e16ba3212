/* SPDX-License-Identifier: MIT */
/* The remote displays of this host: which there are, and whether somebody looks at them.
 *
 * xrdp's are found by the sockets their X servers listen on, and connected is one that the kernel
 * says has a peer. Such a socket must never be connected to: the X server allows one client at a
 * time, takes the newcomer, and throws the user out (xorgxrdp, rdpClientConGotConnection()). VNC's
 * are found by their TCP ports.
 *
 * A user can make sockets of any name and connect to them. So a display is its owner's alone, and a
 * peer of the owner's own making is nobody. */
#pragma once

#include "core/sessions.h"

/* Looks. `root` stands before /run and /tmp ("" but in tests); uids below uid_min are the system's,
 * as xrdp's is. Only directories of the system's are looked into, and in them those of the users
 * that they are named after; no link is followed. Of one user's sockets so many are looked at as
 * nobody needs, and the rest is as if it were not there. A new array. Returns 0 or -errno. */
int displays_scan(const char *root, uid_t uid_min, SessionDisplay **ret, size_t *ret_n);

/* Watches xrdp's directories, or where they will be, through a descriptor of os/watch; to be called
 * again after each change, since directories come and go. */
void displays_watch(const char *root, uid_t uid_min, int watch);

/* Has the X server of an xrdp display send its viewer away, as xrdp-dis(8) does for its user: by a
 * datagram to the socket beside the display's, which has to be that user's. Returns 0; -ENOENT if
 * there is no such socket, as with Xvnc; -EPERM if it is somebody else's; -errno. */
int displays_disconnect(const char *root, uid_t uid_min, int number, uid_t uid);

/* Opens the directories of xrdp's that there are in which `uid` may have sockets, the user's own
 * and then the one for all of each. They are looked for and trusted as by displays_scan(), and by
 * others than root, too, if they are their own. Returns how many there are in ret_fds, which are
 * the caller's to close; -ENOMEM, -EMFILE, -ENFILE. */
#define DISPLAYS_DIRS_MAX 6
int displays_open_dirs(const char *root, uid_t uid_min, uid_t uid,
                       int ret_fds[static DISPLAYS_DIRS_MAX]);
