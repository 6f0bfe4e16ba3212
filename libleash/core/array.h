/* SPDX-License-Identifier: MIT */
/* Arrays that grow: room is doubled, so that adding one by one costs no more than copying twice. */
#pragma once

#include <stddef.h>

/* Has room for one more than the n elements there are in *array, which has *allocated of `size`
 * bytes; NULL and 0 make the first. What is new is not written to. The array stays the caller's, to
 * be freed with free(). Returns 0; -ENOBUFS if n is `max` or more (SIZE_MAX: memory is the bound);
 * -ENOMEM. The array is as it was then. */
int array_grow(void **array, size_t *allocated, size_t n, size_t max, size_t size);

/* The same for an array of any type, named by its pointer. By way of a void *, since a T ** may not
 * be written to as a void ** (C17 6.5). */
#define ARRAY_GROW(array, allocated, n, max)                              \
 (                                                                        \
         {                                                                \
   void *_a_ = (array);                                                   \
   int _r_ = array_grow(&_a_, (allocated), (n), (max), sizeof(*(array))); \
   (array) = _a_;                                                         \
   _r_;                                                                   \
         })
