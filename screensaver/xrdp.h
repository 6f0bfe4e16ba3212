/* SPDX-License-Identifier: MIT */
/* Whether somebody looks at an xrdp session. */
#pragma once

#include <stdbool.h>

#include "core/macro.h"

typedef struct sd_event sd_event;

typedef struct Xrdp Xrdp;

typedef void (*XrdpHandler)(bool connected, void *userdata);

/* Watches the sockets that xrdp-chansrv makes for a viewer; those of other users do not count.
 * Returns 0, and NULL in *ret where the display is not xrdp's; -errno. */
int xrdp_open(sd_event *event, const char *root, const char *display, XrdpHandler handler,
              void *userdata, Xrdp **ret);
Xrdp *xrdp_free(Xrdp *x);
DEFINE_CLEANUP(Xrdp *, xrdp_free);
