/* SPDX-License-Identifier: MIT */
/* Where a limit came from, and which of several that speak of it counts. */
#pragma once

#include "core/limits.h"

typedef enum Layer {
        LAYER_DEFAULT, /* policy, at login */
        LAYER_STATE,   /* disconnected, locked, idle */
        LAYER_RUNAWAY, /* the daemon's penalty */
        LAYER_MANUAL,  /* an admin */
        _LAYER_MAX,
        _LAYER_INVALID = -EINVAL,
} Layer;

const char *layer_to_string(Layer layer);
Layer layer_from_string(const char *name);

/* Works out each limit that any layer speaks of: manual if set, else the strictest of the other
 * layers. ret_from, if not NULL, tells the layer that decided, or _LAYER_INVALID for a limit that
 * none sets. */
void layers_effective(const Limits layers[static _LAYER_MAX], Limits *ret,
                      Layer ret_from[_LIMIT_MAX]);
