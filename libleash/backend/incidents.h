/* SPDX-License-Identifier: MIT */
/* Where incidents are kept: /var/lib/leash/log/incidents, and older ones in incidents.1 and so on.
 * What is there is never more than INCIDENTS_FILES files of INCIDENTS_FILE_MAX bytes. */
#pragma once

#include "core/incident.h"

#define INCIDENTS_FILE_MAX (1024 * 1024)
#define INCIDENTS_FILES 8

/* Adds one. `root` stands before /var. Returns 0 or -errno. */
int incidents_add(const char *root, const Incident *i);

/* Sends it to the journal, where one MESSAGE_ID stands for each kind; to syslog where there is
 * none. Never fails and never waits. */
void incidents_tell(const Incident *i);

/* Calls found() for each that is kept, the oldest first. Lines that cannot be read are skipped.
 * Returns how many were skipped; -EACCES for others than root; the first negative answer of
 * found(); -errno. That there are none is no error. */
int incidents_read(const char *root, int (*found)(const Incident *i, void *userdata),
                   void *userdata);
