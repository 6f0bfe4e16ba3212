/* SPDX-License-Identifier: MIT */
/* What every fuzz target is, and how it says that something is wrong: with any build flags. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define must(condition)                                                           \
 do {                                                                             \
  if (!(condition)) {                                                             \
   (void) fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
   abort();                                                                       \
  }                                                                               \
 } while (0)

/* The input as a string of its own, whose end is where the sanitizer looks. */
static inline char *fuzz_string(const uint8_t *data, size_t size) {
        char *text = malloc(size + 1);

        must(text);
        if (size > 0)
                memcpy(text, data, size);
        text[size] = '\0';
        return text;
}
