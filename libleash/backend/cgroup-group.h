/* SPDX-License-Identifier: MIT */
/* The groups themselves: made, limited and taken away again, in v1 and v2. This is the one place
 * that knows libcgroup, whose errors become errno here. It finds the mounts by itself. */
#pragma once

#include "backend/cgroup-site.h"

/* Before all others, once. Returns 0 or -errno. */
int group_init(void);

/* Makes a group, with those above it, in the first `n_trees` of the site's trees; where it exists
 * it is left as it is. Returns 0 or -errno. */
int group_create(const Site *s, const char *group, size_t n_trees);

/* Removes a group from every tree as soon as its last processes have left it. Returns 0, also if
 * there was none; -EBUSY if they do not within a second, or if there are groups in it; -errno. */
int group_remove(const Site *s, const char *group);

/* Gives a group the limits that are set, and groups below it that allow more the same CPU quota in
 * v1. What the kernel will not take stays as it is, and backend_verify() says so. Returns 0 or
 * -ENOMEM. */
int group_set_limits(const Site *s, const char *group, const Limits *limits);

/* Gives the users together the CPU weight that they have one by one: among the processes of the
 * host, /leash would count as one, and all leashed users would share what one busy process gets.
 * With the sum of its children's weights it is as if they were there themselves. */
void group_set_share(const Site *s);
