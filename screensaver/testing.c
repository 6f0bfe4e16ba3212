/* SPDX-License-Identifier: MIT */
/* The installed program: nothing is changed for tests. */

#include "testing.h"

const char *testing_root(void) {
        return "";
}

bool testing_without_sync(void) {
        return false;
}
