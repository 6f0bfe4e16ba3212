#!/bin/bash
# SPDX-License-Identifier: MIT
# make demo, on a system with real logins; wants -f tests/demo.
. "${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite/common.sh"
suite_begin
before=$(getent passwd | sort; leftovers)
STATUS=0
"$LEASH_TESTS/files/demo/demo" /usr/bin/leash "$LEASH_TESTS" >"$lib_run/demo" 2>&1 || STATUS=$?
sed 's/^/# /' "$lib_run/demo"
check_equal "the demo comes to its end" "$STATUS" 0
for row in before leashed released; do
    check "it shows what was $row" grep -qE "^$row +CPU #+ .* % +delay #* .* ms$" "$lib_run/demo"
done
check "nothing was killed, and everything is as it was" grep -q 'everything is as it was' "$lib_run/demo"
check_equal "the scratch user is gone" "$(getent passwd | sort; leftovers)" "$before"
suite_end
