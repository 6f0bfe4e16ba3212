# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# PID 1 that never answers. leash waits 25 s for a call, as systemctl does; these run beside all
# others.

test_slow_PID_1_that_never_answers_ends_leash_by_its_time_limit() {
    local start=$EPOCHSECONDS before
    login $uid && pid1
    before=$(snapshot)
    rule '*' '*' silent
    limit=55 leash -u $uid
    expect_error 1 "$uid: not limited: Connection timed out*"
    # One call was tried, and nothing had been done that would have to be undone.
    ((EPOCHSECONDS - start <= 35)) || fail "it took $((EPOCHSECONDS - start)) s"
    unchanged "$before"
}
