/* SPDX-License-Identifier: MIT */
/* A Kerberos credential cache of the FILE kind, as far as to tell whether its ticket still holds.
 *
 * The format is that of MIT's documentation (formats/ccache_file_format): versions 3 and 4, big
 * endian. The file is its user's and may hold anything; nothing but two numbers is taken from it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CCACHE_SIZE_MAX (256 * 1024)

/* When the ticket for the realm itself ("krbtgt") runs out, in seconds since 1970: of several the
 * latest. Returns 0; -ENODATA if there is none; -EBADMSG for what is no such file, or is cut. */
int ccache_end_time(const uint8_t *data, size_t size, uint64_t *ret);
