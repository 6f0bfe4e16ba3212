#!/bin/bash
# SPDX-License-Identifier: MIT
# The same on cgroup v2: tests/guest/run --cgroup v2 -f tests/native tests/native/v2.sh [TEST...]
export LEASH_BACKEND=cgroup
exec "${LEASH_TESTS:-/usr/lib/leash-tests}/files/native/run" "$@"
