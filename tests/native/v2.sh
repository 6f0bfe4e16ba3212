#!/bin/bash
# SPDX-License-Identifier: MIT
# The same on cgroup v2: tests/guest/run --cgroup v2 -f tests/native tests/native/v2.sh [TEST...]
export LEASH_BACKEND=cgroup
# what an emulated CPU on a busy host may lose of the quota
export LEASH_TEST_SLACK=12
exec "${LEASH_TESTS:-/usr/lib/leash-tests}/files/native/run" "$@"
