# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# leash-xrdp drain: the mark, what is told of it, and who is left.

test_drain_on_status_off() {
    desktops || return
    xrdp drain status
    expect 0 "This host is not being emptied." ""
    xrdp drain on --reason $'a new disk\033[2J'
    expect 0 "Emptying this host; * told; 2 of 2 sessions left: 1 connected, 1 disconnected." ""
    there var/lib/leash/drain
    equal mode "$(stat -c %a "$root/var/lib/leash/drain" "$root/var/lib/leash" | tr '\n' ' ')" "600 700 "
    tell del c2
    xrdp drain status
    expect 0 'Emptying this host since *, by *: a new disk\\x1b[[]2J; 1 of 2 sessions left: 1 connected, 0 disconnected.' ""
    xrdp drain status --json
    equal json "$(jq -c '.[0] | [.draining, .sessions_before, .sessions, .connected, .disconnected, .until_reboot]' <<<"$out")" '[true,2,1,1,0,false]'
    like since "$(field since)" "20*T*Z"
    # Said again it is the same maintenance.
    before=$(field since)
    xrdp drain on
    xrdp drain status --json
    equal "since and why" "$(field since) $(field sessions_before) $(field reason)" "$before 2 a new disk\\x1b[2J"
    xrdp drain off
    expect 0 "This host takes newcomers again." ""
    absent var/lib/leash/drain
    xrdp drain off
    expect 0 "This host was not being emptied." ""
    xrdp drain status --json
    equal json "$(jq -c '.[0] | [.draining, .since, .sessions]' <<<"$out")" '[false,null,1]'
}

test_drain_waits_until_nobody_is_left() {
    desktops || return
    xrdp drain on --wait=1s
    expect 4 "Emptying *2 of 2 sessions left*" ""
    (sleep 1; tell del c2; sleep 3; tell del c1) &
    xrdp drain status --wait=60s
    expect 0 "*1 of 2 sessions left: 1 connected, 0 disconnected*nobody is left" ""
    wait $!
    xrdp drain status
    expect 0 "Emptying *; nobody is left." ""
}

test_drain_until_the_reboot() {
    desktops || return
    xrdp drain on --until-reboot
    expect 0 "Emptying this host until it restarts;*" ""
    xrdp drain status
    expect 0 "Emptying this host until it restarts, since *" ""
    sed -i 's/^Boot=.*/Boot=another/' "$root/var/lib/leash/drain"
    xrdp drain status
    expect 0 "This host is not being emptied." ""
}

test_drain_takes_away_what_is_damaged() {
    desktops || return
    xrdp drain on
    echo garbage >"$root/var/lib/leash/drain"
    xrdp drain status
    expect 1 "" "leash-xrdp: /var/lib/leash/drain is damaged; 'leash-xrdp drain off' takes it away"
    xrdp drain off
    expect 0 "This host takes newcomers again." ""
    xrdp drain on
    chmod 666 "$root/var/lib/leash/drain"
    xrdp drain status
    expect 1 "" "leash-xrdp: /var/lib/leash/drain could have been written by others than root*"
    xrdp drain off
    xrdp drain status
    expect 0 "This host is not being emptied." ""
}

test_drain_without_a_login_manager() {
    host_with_logind || return
    exec {logind_ready}<&-
    stop_pid1
    xrdp drain on
    expect 0 "Emptying this host; *" "*"
    there var/lib/leash/drain
    xrdp drain off
    absent var/lib/leash/drain
}

test_drain_usage() {
    local words
    for words in "drain" "drain maybe" "drain on off" "drain off --reason=x" "drain status --until-reboot" "drain on --json" "drain off --wait=1s" "drain on --wait=90d"; do
        xrdp $words
        expect 2 "" "leash-xrdp: *"
    done
}
