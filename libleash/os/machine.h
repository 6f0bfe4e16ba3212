/* SPDX-License-Identifier: MIT */
/* What this machine has, and what it is called. */
#pragma once

#include "core/limits.h"

/* CPUs online and memory, which percentages of the machine refer to. */
void machine_describe(LimitsHost *ret);

/* The host's name; empty if it cannot be told. */
#define MACHINE_NAME_MAX 256
char *machine_name(char buf[static MACHINE_NAME_MAX]);

/* The id of this boot, which tells it from all others (random(4)). Returns 0 or -errno. */
#define MACHINE_BOOT_MAX 40
int machine_boot(char ret[static MACHINE_BOOT_MAX]);
