/* SPDX-License-Identifier: MIT */
/* Where a limit came from, and which of several that speak of it counts. */

#include <string.h>

#include "core/layers.h"

static const char *const layer_names[_LAYER_MAX] = {
        [LAYER_DEFAULT] = "default",
        [LAYER_STATE] = "state",
        [LAYER_RUNAWAY] = "runaway",
        [LAYER_MANUAL] = "manual",
};

const char *layer_to_string(Layer layer) {
        return layer >= 0 && layer < _LAYER_MAX ? layer_names[layer] : "none";
}

Layer layer_from_string(const char *name) {
        for (Layer i = 0; i < _LAYER_MAX; i++)
                if (strcmp(layer_names[i], name) == 0)
                        return i;
        return _LAYER_INVALID;
}

static Layer decide(const Limits layers[static _LAYER_MAX], Limit limit) {
        Layer found = _LAYER_INVALID;

        if (limits_has(&layers[LAYER_MANUAL], limit))
                return LAYER_MANUAL;
        for (Layer i = 0; i < LAYER_MANUAL; i++) {
                if (!limits_has(&layers[i], limit))
                        continue;
                if (found == _LAYER_INVALID ||
                    !limits_is_stricter(&layers[found], &layers[i], limit))
                        found = i;
        }
        return found;
}

void layers_effective(const Limits layers[static _LAYER_MAX], Limits *ret,
                      Layer ret_from[_LIMIT_MAX]) {
        *ret = (Limits){};
        for (Limit i = 0; i < _LIMIT_MAX; i++) {
                Layer from = decide(layers, i);

                if (from >= 0)
                        limits_copy_one(ret, &layers[from], i);
                if (ret_from)
                        ret_from[i] = from;
        }
}
