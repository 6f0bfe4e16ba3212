/* SPDX-License-Identifier: MIT */
/* An overview as OpenMetrics text (https://openmetrics.io). One set of lines for each user who has
 * a slice: never for processes, whose number users decide. */
#pragma once

#include <stdio.h>

#include "backend/overview.h"

/* Writes it all, with "# EOF" at the end. Returns 0 or -ENOMEM. */
int metrics_write(const Overview *o, FILE *f);
