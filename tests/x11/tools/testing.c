/* SPDX-License-Identifier: MIT */
/* In place of screensaver/testing.c in the program that tests run: a policy of their own. */

#include <stdlib.h>

#include "screensaver/testing.h"

const char *testing_root(void) {
        const char *root = getenv("LEASH_TEST_ROOT");

        return root ? root : "";
}

bool testing_without_sync(void) {
        return getenv("LEASH_TEST_NO_SYNC") != NULL;
}
