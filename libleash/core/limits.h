/* SPDX-License-Identifier: MIT */
/* What can be limited: one table that options, files, D-Bus, the kernel and the docs are read from.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/macro.h"

typedef enum Limit {
        LIMIT_CPU_QUOTA,
        LIMIT_CPU_PERIOD,
        LIMIT_CPU_WEIGHT,
        LIMIT_MEMORY_HIGH,
        LIMIT_MEMORY_MAX,
        LIMIT_SWAP_MAX,
        LIMIT_TASKS_MAX,
        LIMIT_IO_WEIGHT,
        LIMIT_CPUS,
        LIMIT_FREEZE,
        _LIMIT_MAX,
        _LIMIT_INVALID = -EINVAL,
} Limit;

typedef enum LimitKind {
        LIMIT_KIND_QUOTA,    /* CPU time in microseconds per second; 500000 is half of one CPU */
        LIMIT_KIND_DURATION, /* microseconds */
        LIMIT_KIND_WEIGHT,   /* 1 to 10000, the kernel's default is 100 */
        LIMIT_KIND_BYTES,
        LIMIT_KIND_COUNT,
        LIMIT_KIND_CPUSET, /* lives in Limits.cpus, the value is unused */
        LIMIT_KIND_FLAG,   /* 0 or 1 */
        _LIMIT_KIND_MAX,
} LimitKind;

/* "No limit" for quota, bytes and count; "the default" for weight and period. The same number
 * that systemd uses on the bus for both (org.freedesktop.systemd1(5)). */
#define LIMIT_INFINITY UINT64_MAX

#define LIMITS_CPUS_MAX 1024

typedef struct LimitInfo {
        const char *key;     /* in configuration files: "cpu-quota" */
        const char *option;  /* long option, without the dashes */
        char short_option;   /* 0 if none */
        const char *metavar; /* NULL if the option takes no argument */
        const char *help;
        const char *json;       /* member of "limits" in --json */
        const char *property;   /* D-Bus property of the unit; NULL if there is none */
        const char *directive;  /* the same in a unit file; NULL if it cannot be written there */
        const char *controller; /* kernel controller, named alike in v1 and v2 but for "io" */
        const char *file_v2;
        const char *file_v1; /* NULL where v1 has no equal */
        LimitKind kind;
        uint64_t min, max; /* accepted values, besides LIMIT_INFINITY */
} LimitInfo;

extern const LimitInfo limits_table[_LIMIT_MAX];

/* A set of caps. A limit whose bit in `set` is clear is not spoken of at all. */
typedef struct Limits {
        uint32_t set;
        uint64_t value[_LIMIT_MAX];
        uint8_t cpus[LIMITS_CPUS_MAX / 8]; /* bit n of byte n/8: CPU n is allowed */
} Limits;

/* What "percent of the machine" refers to. */
typedef struct LimitsHost {
        unsigned n_cpus;
        uint64_t memory_bytes;
} LimitsHost;

static inline bool limits_has(const Limits *l, Limit limit) {
        return l->set & (UINT32_C(1) << limit);
}

static inline void limits_unset(Limits *l, Limit limit) {
        l->set &= ~(UINT32_C(1) << limit);
}

static inline void limits_set(Limits *l, Limit limit, uint64_t value) {
        l->set |= UINT32_C(1) << limit;
        l->value[limit] = value;
}

/* True where no limit is set. */
static inline bool limits_is_empty(const Limits *l) {
        return l->set == 0;
}

/* Finds a limit by its configuration key; _LIMIT_INVALID if there is none. */
Limit limits_from_key(const char *key);

/* What limits_parse() takes for a limit, as an example for an error message. */
const char *limits_example(Limit limit);

/* Reads one value as a person writes it: quota "50%" (of one CPU) or "25%host" (of all), sizes
 * "4G" or "25%" (of the memory), weights and counts as numbers, CPUs "0-3,8", "infinity" where
 * there can be none. On success the limit is set in *l.
 * Returns 0; -EINVAL not a value of that kind; -ERANGE a value outside the accepted range. */
int limits_parse(Limits *l, Limit limit, const char *text, const LimitsHost *host);

/* Writes one limit as limits_parse() reads it back; what has no infinity is empty then. buf of
 * LIMITS_TEXT_MAX bytes always suffices, for every other one of 1024 CPUs, too. Returns buf. */
#define LIMITS_TEXT_MAX 4096
char *limits_format(const Limits *l, Limit limit, char buf[static LIMITS_TEXT_MAX]);

/* The same for a person: "50% of one CPU", "4.0G", "no limit". */
char *limits_describe(const Limits *l, Limit limit, char buf[static LIMITS_TEXT_MAX]);

/* All that are set, as "cpu-quota=50% memory-high=4G", for logs; cut where the room ends. */
void limits_join(const Limits *l, char *buf, size_t size);

/* Writes and reads the value exactly, as the ledger keeps it: microseconds, bytes, "infinity".
 * limits_decode() returns 0 or -EINVAL; it checks the form only, since a base value is whatever
 * the system had. */
char *limits_encode(const Limits *l, Limit limit, char buf[static LIMITS_TEXT_MAX]);
int limits_decode(Limits *l, Limit limit, const char *text);

/* Takes over from src the value of one limit that is set there. */
void limits_copy_one(Limits *dst, const Limits *src, Limit limit);

/* True if a allows at most what b allows. For CPU sets: a is a subset of b. */
bool limits_is_stricter(const Limits *a, const Limits *b, Limit limit);

/* True if of both, where they are to hold together, b's value is the one that counts: b has the
 * limit, and a does not, or allows more. */
bool limits_yields(const Limits *a, const Limits *b, Limit limit);

/* What holds where both are to hold together, in *l: limit by limit, the stricter. */
void limits_tighten(Limits *l, const Limits *other);

/* True if both set the same limits to the same values. */
bool limits_equal(const Limits *a, const Limits *b);

/* True if both have the limit, or both lack it, and the values agree. */
bool limits_equal_one(const Limits *a, const Limits *b, Limit limit);
