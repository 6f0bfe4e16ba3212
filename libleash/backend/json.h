/* SPDX-License-Identifier: MIT */
/* Values as all programs here put them into JSON: times in RFC 3339, numbers with one decimal, null
 * where nothing is known. */
#pragma once

#include <json-c/json_object.h>

#include "core/macro.h"

/* Each is a new object, or NULL, which json-c prints as null. */

/* NULL for less than 0. */
struct json_object *json_number(double value);

/* NULL for 0 and USEC_INFINITY. */
struct json_object *json_time(usec_t realtime);

/* Escaped as for terminals; NULL for no text and an empty one. */
struct json_object *json_text(const char *s);

/* Prints it on stdout and consumes it. Returns 0 or -EIO. */
int json_print(struct json_object *o);
