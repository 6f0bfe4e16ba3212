/* SPDX-License-Identifier: MIT */
/* What ends a leash when its time is up, where there is no PID 1 to ask: "leash-expire", a process
 * that sleeps until then and runs "leash release --expired", every ten seconds until that succeeds.
 * It is a session of its own, keeps no file of its parents, a record's lock least of all, and is in
 * none of our groups. */
#pragma once

#include "backend/backend.h"

/* Has one wait for a target until `until` (realtime), though the clock be set meanwhile. Returns 0
 * and its name for the record as a new string, or NULL if the time was up already; -ECHILD if it
 * could not be started; -errno. */
int waiter_start(const Backend *b, const char *target, usec_t until, char **ret_timer);

/* False if the one of that name waits no more: killed, gone with a reboot, or ending the leash now.
 * For root alone. */
bool waiter_is_there(const char *target, const char *timer);

/* Ends those that wait for a target, whether a record knows of them or not. */
void waiter_stop(const char *target);
