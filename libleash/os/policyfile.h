/* SPDX-License-Identifier: MIT */
/* The policy's files: leash.conf and the drop-ins beside it, read as root's configuration has to
 * be. */
#pragma once

#include "core/policy.h"

#define POLICYFILE_PATH "/etc/leash/leash.conf"
#define POLICYFILE_DROPINS_MAX 256
#define POLICYFILE_TOTAL_MAX (4 * 1024 * 1024)

/* Reads `path`, then path.d with its files *.conf in the order of their names. A file counts only
 * if it and its directory belong to root, nobody else may write to them, neither is a symbolic
 * link, and it is a regular file of at most POLICY_SIZE_MAX; what does not count becomes an error
 * of the policy, and the others are read all the same. What cannot be read, as its permissions are
 * against it, makes it policy_is_unread(), too. That neither the file nor the directory exists is
 * no error. Returns 0 and the finished policy; -ENOMEM. */
int policyfile_load(const char *path, const LimitsHost *host, Policy **ret);

/* True if there is a policy at all: either of the two exists. */
bool policyfile_exists(const char *path);
