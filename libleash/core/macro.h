/* SPDX-License-Identifier: MIT */
/* Words that C lacks: cleanup on leaving a scope, handing over ownership, counting arrays. */
#pragma once

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define ELEMENTSOF(x) (sizeof(x) / sizeof((x)[0]))
#define MIN_OF(a, b) ((a) < (b) ? (a) : (b))
#define MAX_OF(a, b) ((a) > (b) ? (a) : (b))

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(a, b) __attribute__((format(printf, a, b)))
#define _unused_ __attribute__((unused))

/* Evaluates to the pointer and leaves NULL behind, so that its cleanup becomes a no-op. */
#define TAKE_PTR(p)     \
 (                      \
         {              \
   typeof(p) _p_ = (p); \
   (p) = NULL;          \
   _p_;                 \
         })

/* The same for a file descriptor; -EBADF is the empty value everywhere. */
#define TAKE_FD(fd) \
 (                  \
         {          \
   int _f_ = (fd);  \
   (fd) = -EBADF;   \
   _f_;             \
         })

/* Defines the function that _cleanup_() wants from a plain x_free(). */
#define DEFINE_CLEANUP(type, func)              \
 static inline _unused_ void func##p(type *p) { \
  if (*p)                                       \
   func(*p);                                    \
 }                                              \
 struct _unused_ func##_needs_semicolon_

static inline _unused_ void freep(void *p) {
        free(*(void **) p);
}

#define _cleanup_free_ _cleanup_(freep)

/* Microseconds, of whichever clock the name says. USEC_INFINITY means "never". */
typedef uint64_t usec_t;

#define USEC_INFINITY UINT64_MAX
#define USEC_PER_MSEC UINT64_C(1000)
#define USEC_PER_SEC UINT64_C(1000000)
#define NSEC_PER_USEC UINT64_C(1000)

#define STRV_FOREACH(s, l) for (char **s = (l); s && *s; s++)
