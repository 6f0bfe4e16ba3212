/* SPDX-License-Identifier: MIT */
/* Arrays that grow. */

#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>

#include "core/array.h"
#include "core/macro.h"

#define FIRST 16

int array_grow(void **array, size_t *allocated, size_t n, size_t max, size_t size) {
        size_t more = *allocated > max / 2 ? max : MIN_OF(MAX_OF(*allocated * 2, FIRST), max);
        void *grown;

        if (n >= max)
                return -ENOBUFS;
        if (n < *allocated)
                return 0;
        /* No object is larger (malloc(3)); sanitizers end a program that asks for one. */
        grown = more > PTRDIFF_MAX / size ? NULL : reallocarray(*array, more, size);
        if (!grown)
                return -ENOMEM;
        *array = grown;
        *allocated = more;
        return 0;
}
