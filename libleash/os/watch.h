/* SPDX-License-Identifier: MIT */
/* Being told of changes in directories and files: inotify(7). */
#pragma once

#include <stdint.h>

#include "core/macro.h"

/* Returns a descriptor that does not block, or -errno. */
int watch_open(void);

/* What appears in and vanishes from a directory; what is already watched stays so under the same
 * number. Returns the watch's number; -ENOENT if there is no such directory; -errno. */
int watch_dir(int fd, const char *path);

/* Writes to one file. Returns as above. */
int watch_file(int fd, const char *path);

/* Reads what has happened. Calls found() (may be NULL) for each event with the number of the watch,
 * where -1 says that events were lost, and the name in a directory, else "". Returns how many there
 * were, or -errno. */
int watch_drain(int fd, void (*found)(int watch, const char *name, void *userdata), void *userdata);
