/* SPDX-License-Identifier: MIT */
/* The verbs, one file each. */
#pragma once

#include "options.h"

Exit verb_list(const Arguments *a);
Exit verb_show(const Arguments *a);
Exit verb_disconnect(const Arguments *a);
Exit verb_end(const Arguments *a);
Exit verb_message(const Arguments *a);
Exit verb_greet(const Arguments *a);
Exit verb_drain(const Arguments *a);
Exit verb_audit(const Arguments *a);
