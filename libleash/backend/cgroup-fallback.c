/* SPDX-License-Identifier: MIT */
/* Stands in for backend/cgroup.c where libcgroup is not there to build with. */

#include <errno.h>

#include "backend/backend.h"

static bool cgroup_probe(const BackendOptions *options _unused_) {
        return false;
}

static int cgroup_open(const BackendOptions *options _unused_, Backend **ret _unused_) {
        return -EOPNOTSUPP;
}

const BackendOps backend_cgroup = {
        .name = "cgroup",
        .probe = cgroup_probe,
        .open = cgroup_open,
};
