/* SPDX-License-Identifier: MIT */
/* Choosing a backend. Apart from what they have in common, since whoever uses this file needs the
 * libraries of all of them. */

#include <errno.h>
#include <string.h>

#include "backend/backend.h"

static const BackendOps *const backends[] = { &backend_systemd, &backend_cgroup };

int backend_open(const BackendOptions *options, Backend **ret) {
        for (size_t i = 0; i < ELEMENTSOF(backends); i++)
                if (options->name ? strcmp(options->name, backends[i]->name) == 0
                                  : backends[i]->probe(options))
                        return backend_open_with(backends[i], options, ret);
        return options->name ? -EINVAL : -ENODEV;
}
