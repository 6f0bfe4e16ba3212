#!/bin/bash
# SPDX-License-Identifier: MIT
# all.sh [NAME...]: runs the suites of these names in one boot, or all that share one, and adds up.
suites=("$@")
((${#suites[@]})) || suites=(cap limits undo refuse escape enforce crash spare leashd runaways)
dir=$(dirname "$(realpath "$0")")
[[ -e $dir/common.sh ]] || dir=${LEASH_TESTS:-/usr/lib/leash-tests}/guest/suite
passed=0 failed=0 skipped=0

for suite in "${suites[@]}"; do
    echo "# $suite"
    last=
    while IFS= read -r line; do
        [[ -z $last ]] || echo "$last"
        last=$line
    done < <(timeout -k 5 "${LEASH_SUITE_LIMIT:-1800}" bash "$dir/$suite.sh" 2>&1)
    if [[ $last =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed,\ ([0-9]+)\ skipped$ ]]; then
        echo "# $suite: $last"
        passed=$((passed + BASH_REMATCH[1]))
        failed=$((failed + BASH_REMATCH[2]))
        skipped=$((skipped + BASH_REMATCH[3]))
    else
        echo "$last"
        echo "not ok - $suite: ended without a result"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
exit $((failed > 0))
