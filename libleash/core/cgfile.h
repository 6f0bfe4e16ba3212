/* SPDX-License-Identifier: MIT */
/* How the kernel writes limits and statistics into its cgroup files. Text in, numbers out;
 * Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/ are the source. */
#pragma once

#include "core/limits.h"

typedef struct CpuStat {
        usec_t usage; /* CPU time */
        uint64_t n_periods, n_throttled;
        usec_t throttled;
} CpuStat;

/* "50000 100000" or "max 100000". Returns 0 or -EBADMSG. *ret_quota is CPU time per second. */
int cgfile_parse_cpu_max(const char *text, uint64_t *ret_quota, usec_t *ret_period);

/* cpu.stat of v2, or of v1 (where usage is not in it and stays as it is). Keys that are missing
 * leave their member alone. */
void cgfile_parse_cpu_stat(const char *text, CpuStat *stat);

/* The total of the "some" line of a pressure file, in microseconds. Returns 0 or -EBADMSG. */
int cgfile_parse_pressure(const char *text, usec_t *ret_total);

/* The ten-second average of the same line, in hundredths of a percent. Returns 0 or -EBADMSG. */
int cgfile_parse_pressure_average(const char *text, unsigned *ret);

/* True if what the kernel says (the content of limits_table[].file_v2, or file_v1 where v1 is
 * set; for the v1 quota "QUOTA PERIOD" put together by the caller) is the wanted limit, within
 * the kernel's rounding. */
bool cgfile_agrees(const Limits *wanted, Limit limit, const char *text, bool v1);
