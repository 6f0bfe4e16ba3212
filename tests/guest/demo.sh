#!/bin/bash
# SPDX-License-Identifier: MIT
# make demo-guest: the demo on a booted system with real logins.
exec "$(dirname "${BASH_SOURCE[0]}")/../files/demo/demo" /usr/bin/leash /usr/lib/leash-tests
