/* SPDX-License-Identifier: MIT */
/* Arrays that grow: room is doubled, so that adding one by one costs no more than copying twice;
 * and where something stands in one that is sorted. */
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

/* Where in a sorted array of n elements something stands, or belongs: the index of the first
 * element that does not come before it; n if all do. `before` says that of the element with the
 * index `i`:
 *
 *     at = ARRAY_LOWER_BOUND(users->n, i, users->all[i].uid < uid);
 */
/* clang-format off */
#define ARRAY_LOWER_BOUND(n, i, before)                            \
        ({                                                         \
                size_t _low_ = 0, _high_ = (n);                    \
                while (_low_ < _high_) {                           \
                        size_t i = _low_ + (_high_ - _low_) / 2;   \
                        if (before)                                \
                                _low_ = i + 1;                     \
                        else                                       \
                                _high_ = i;                        \
                }                                                  \
                _low_;                                             \
        })
/* clang-format on */
