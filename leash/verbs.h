/* SPDX-License-Identifier: MIT */
/* The verbs, one file each. */
#pragma once

#include "view.h"

Exit verb_cap(Context *c);
Exit verb_release(Context *c);
Exit verb_list(Context *c);
Exit verb_show(Context *c);
Exit verb_explain(Context *c);
Exit verb_check(Context *c);
Exit verb_apply(Context *c);
Exit verb_top(Context *c);
Exit verb_log(Context *c);
Exit verb_metrics(Context *c);
Exit verb_doctor(Context *c);

/* What the command line asks for, with what `leash` adds where it is silent: the default quota, and
 * the period of a quota that spares nobody. */
void cap_choose_limits(const Context *c, Limits *ret);
