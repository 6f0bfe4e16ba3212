/* SPDX-License-Identifier: MIT */
/* What the units of the fake PID 1 can be set to, and how it is written: in unit files, on the bus,
 * in the kernel's files. Knows no unit and opens no file. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define INFINITE UINT64_MAX

typedef enum Property {
        PROPERTY_CPU_QUOTA,
        PROPERTY_CPU_PERIOD,
        PROPERTY_CPU_WEIGHT,
        PROPERTY_MEMORY_HIGH,
        PROPERTY_MEMORY_MAX,
        PROPERTY_SWAP_MAX,
        PROPERTY_TASKS_MAX,
        PROPERTY_IO_WEIGHT,
        PROPERTY_CPUS,
        _PROPERTY_MAX,
        _PROPERTY_INVALID = -1,
} Property;

#define CPUS_BYTES 1024

typedef enum Kind {
        KIND_QUOTA,
        KIND_PERIOD,
        KIND_WEIGHT,
        KIND_NUMBER,
        KIND_CPUS,
} Kind;

typedef struct PropertyInfo {
        const char *name, *directive, *controller, *file;
        Kind kind;
} PropertyInfo;

typedef struct Values {
        uint64_t number[_PROPERTY_MAX];
        uint8_t cpus[CPUS_BYTES]; /* PROPERTY_CPUS; bit n of byte n/8 */
        size_t n_cpus;            /* bytes of it */
} Values;

extern const PropertyInfo properties[_PROPERTY_MAX];

/* Finds a property by its name on the bus. */
Property property_find(const char *name);
const char *property_name(Property property);

/* A list of CPUs, as "0-3,8". What is read is added to what is there; an empty list empties it. */
void values_format_cpus(const Values *v, char *buf, size_t size);
void values_parse_cpus(Values *v, const char *text);

/* Reads the right side of one assignment in a unit file. */
void values_parse_directive(Values *v, Property property, const char *text);

/* Writes whole assignments, without the last newline. */
void values_format_directive(const Values *v, Property property, char *buf, size_t size);

/* What then stands in the kernel's file, with its newline. */
void values_format_kernel(const Values *v, Property property, char *buf, size_t size);
