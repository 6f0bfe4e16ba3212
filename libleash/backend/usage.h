/* SPDX-License-Identifier: MIT */
/* What users' slices use and wait for, as the kernel counts it. */
#pragma once

#include <sys/types.h>

#include "os/cgroupfs.h"

#define USAGE_UNKNOWN UINT64_MAX
#define USAGE_USERS_MAX 65536

typedef struct UserUsage {
        uid_t uid;
        CpuStat cpu;
        usec_t waited_cpu;    /* PSI "some" of the slice, total; USAGE_UNKNOWN */
        usec_t waited_memory; /* the same of its memory */
        uint64_t memory;      /* bytes; USAGE_UNKNOWN */
} UserUsage;

/* What is read beside CPU time: each costs an open file for each user. */
typedef enum UsageWhat {
        USAGE_PRESSURE = 1 << 0,
        USAGE_MEMORY = 1 << 1,
        USAGE_MEMORY_PRESSURE = 1 << 2,
} UsageWhat;

/* Reads all slices of users that exist, sorted by uid. A new array. Returns 0; -ENOENT without such
 * a tree (no systemd); -errno. */
int usage_read(const CgroupFs *fs, unsigned what, UserUsage **ret, size_t *ret_n);

/* One user's. Returns 0; -ENOENT if there is no such slice; -errno. */
int usage_read_user(const CgroupFs *fs, uid_t uid, unsigned what, UserUsage *ret);
