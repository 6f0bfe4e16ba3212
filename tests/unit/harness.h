/* SPDX-License-Identifier: MIT */
/* What every unit test starts with: cmocka behind the includes it wants, and checks that name their
 * row, since the line number is the same for all rows of a table. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define check_row(row, condition)         \
 do {                                     \
  if (!(condition))                       \
   fail_msg("%s: %s", (row), #condition); \
 } while (0)

/* The same row after row, on every host: xorshift32, Marsaglia 2003. */
static inline uint32_t next_random(uint32_t *state) {
        *state ^= *state << 13;
        *state ^= *state >> 17;
        *state ^= *state << 5;
        return *state;
}
