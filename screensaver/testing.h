/* SPDX-License-Identifier: MIT */
/* What only tests may change. The program that is installed has testing.c, which ignores the
 * environment: a user must not be able to lock later, or never, by a variable. The tests link
 * tests/x11/tools/testing.c in its place and everything else the same. */
#pragma once

#include <stdbool.h>

/* Stands before /etc and /run. */
const char *testing_root(void);

/* As if the server had no SYNC extension, which no server lets be switched off. */
bool testing_without_sync(void);
