/* SPDX-License-Identifier: MIT */
/* Where a record's groups are on this host: their names, and the trees that they are in. Makes and
 * writes nothing.
 *
 *     /leash                           while anybody is leashed
 *     /leash/user-UID                  carries the limits of TARGET_USER
 *     /leash/user-UID/rest             the user's processes
 *     /leash/user-UID/leash-*.scope    the offenders among them, on a lower quota
 *     /leash/user-UID/trees/TARGET     carries the limits of TARGET_TREE, and holds its processes
 *
 * Processes are in leaves only, since v2 allows nothing else ("No Internal Process Constraint",
 * Documentation/admin-guide/cgroup-v2.rst). v1 has such a tree for each controller in use, with the
 * offenders' groups in the CPU's alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/record.h"
#include "os/cgroupfs.h"

#define SITE_TOP "/leash"
#define SITE_TREES "trees"
#define SITE_GROUP_MAX (PLACEMENT_NAME_MAX * 2)

/* Every controller that a limit may need. The CPU's come first. cpuacct and freezer exist in v1
 * only. */
#define SITE_CONTROLLERS_MAX 7
extern const char *const site_controllers[SITE_CONTROLLERS_MAX];

typedef struct Site {
        const CgroupFs *fs;          /* borrowed */
        char user[64];               /* "/leash/user-1000" */
        char rest[64];               /* where the user's processes live */
        char trees[64];              /* process trees that are leashed by themselves */
        char target[SITE_GROUP_MAX]; /* carries the limits; who was moved is below */
        char home[SITE_GROUP_MAX];   /* where the target's processes live */
        const char *controllers[SITE_CONTROLLERS_MAX];
        size_t n_controllers;
        size_t n_trees; /* one for each controller in v1, one for all in v2 */
        size_t n_cpu;   /* trees that offenders' groups are in, the first ones */
} Site;

/* Puts the names in, and looks at nothing. Returns 0; -EOPNOTSUPP for a session, since none leaves
 * a mark that its processes keep; -EINVAL for a target that is no name. */
int site_name(Site *s, const Record *record);

/* The same, with the trees that the record's limits need. Returns as above; -ENODEV if there is
 * none. */
int site_init(Site *s, const CgroupFs *fs, const Record *record);

bool site_is_v1(const Site *s);

/* The name of a group beside `rest`. Returns 0 or -ENAMETOOLONG. */
int site_scope(const Site *s, const char *scope, char ret[static SITE_GROUP_MAX]);

/* True if the group exists in the controller's tree. */
bool site_has_group(const Site *s, const char *controller, const char *group);

/* What is done with a leaf of one of the site's trees: 1, 0 or -errno. */
typedef int (*SiteLeaf)(const Site *s, const Record *record, size_t tree, const char *leaf);

/* Calls found() for each leaf of the target in a tree, whether the record knows of it or not: a
 * leash that was killed may have made some, or removed them from some trees. Returns 1 if one of
 * the calls did, 0 if none, or the first error. */
int site_each_leaf(const Site *s, const Record *record, size_t tree, SiteLeaf found);
