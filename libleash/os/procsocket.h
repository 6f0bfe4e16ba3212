/* SPDX-License-Identifier: MIT */
/* Which processes of the system's run a program, and which sockets a process holds: what joins the
 * kernel's list of sockets (os/sockdiag) to whom they belong. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/macro.h"

#define PROCSOCKET_MAX 65536 /* processes found, sockets of one process */

typedef struct ProgramProcess {
        pid_t pid;
        unsigned program; /* index in the names that were sought */
} ProgramProcess;

/* All processes of root's and of other users below uid_min that run one of these programs, by the
 * name of the file, which has to be root's; who runs such a program as an ordinary user is not
 * among them. A new array. Returns 0 or -errno. */
int procsocket_find_programs(const char *const names[], size_t n_names, uid_t uid_min,
                             ProgramProcess **ret, size_t *ret_n);

/* The inodes of the sockets that a process holds, sorted, as a new array. Returns 0; -ESRCH;
 * -errno. */
int procsocket_read(pid_t pid, uint32_t **ret, size_t *ret_n);

/* Sorts inodes, as procsocket_has() wants them; n may be 0. */
void procsocket_sort(uint32_t *inodes, size_t n);

/* True if the sorted array holds it. */
bool procsocket_has(const uint32_t *inodes, size_t n, uint32_t inode);
