# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# Sourced by tests/bus/run before the cases beside it: see tests/bench/leashd.

# figure WHAT MEASURED WANTED
figure() { echo "| $1 | $2 | $3 |" >>"$LEASH_BENCH_OUT"; }
