# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# Three hosts behind a real HAProxy.

example=$repo/packaging/haproxy.cfg.example

test_weights_follow_load() {
    farm
    start_haproxy "$example" || return
    wait_until weight_is 0 256
    wait_until weight_is 1 256
    wait_until weight_is 2 256
    pressure 1 60.00
    sessions 2 25 20
    wait_until weight_below 1 256
    wait_until weight_below 2 256
    # 100 + 156 x what is left of it
    between "weight under pressure" "$(weight 1)" 160 164
    between "weight with half of the places taken, mostly by nobody" "$(weight 2)" 176 180
    equal "the idle one" "$(weight 0)" 256
    pressure 1 0.00 20.00
    wait_until weight_below 1 140
    pressure 1 0.00
    wait_until weight_above 1 150
    between "a host that has got better rises step by step" "$(weight 1)" 132 240
    end_farm
    stop_haproxy
}

test_the_answer_is_of_the_weight_that_is_told() {
    farm --weight=100
    pressure 1 40.00
    start_haproxy "$example" || return
    wait_until weight_is 1 60
    equal "the idle one" "$(weight 0)" 100
    like "answer" "$(answer 1)" "ready up 60% maxconn:50 #0 sessions 0 disconnected psi 40 memory 0"
    end_farm
    stop_haproxy
}

# A server line without a weight has weight 1, of which 60 % is nothing.
test_the_default_weight_does_not_become_0() {
    farm
    pressure 0 60.00
    pressure 1 99.00 99.00
    sed 's/weight 100 //' "$example" >"$work/default-weight.cfg"
    start_haproxy "$work/default-weight.cfg" || return
    sleep 5
    equal "weights" "$(weight 0) $(weight 1) $(weight 2)" "1 1 2"
    equal "states" "$(state 0) $(state 1) $(state 2)" "UP UP UP"
    like "somebody gets in" "$(logins zoe)" "zoe 192.0.2.*"
    end_farm
    # Told of it, the whole range is used.
    farm --weight=1
    pressure 0 60.00
    wait_until weight_is 0 40
    wait_until weight_is 1 100 # each when it is asked next
    wait_until weight_is 2 100
    end_farm
    stop_haproxy
}

test_full_and_restarts() {
    farm
    start_haproxy "$example" || return
    sessions 0 50 50
    wait_until state_is 0 "DRAIN (agent)"
    like "full" "$(answer 0)" "drain up *% maxconn:50 #50 sessions 50 disconnected * full"
    sessions 0 49 49
    sleep 3
    equal "one left: still closed" "$(state 0)" "DRAIN (agent)"
    sessions 0 40 40
    wait_until state_is 0 UP
    touch "$(root 1)/run/reboot-required"
    wait_until weight_is 1 101
    equal "packages want a restart: the last choice" "$(state 1)" UP
    touch "$(root 1)/run/systemd/shutdown/scheduled"
    wait_until state_is 1 "DRAIN (agent)"
    rm "$(root 1)/run/systemd/shutdown/scheduled" "$(root 1)/run/reboot-required"
    wait_until state_is 1 UP
    end_farm
    stop_haproxy
}

test_an_agents_death_is_seen_and_its_return() {
    farm
    start_haproxy "$example" || return
    stop_agent 1 KILL
    wait_until state_is 1 DOWN
    equal "the others" "$(state 0) $(state 2)" "UP UP"
    for i in 1 2 3 4 5; do [[ $(logins "late$i") != *"${hosts[1]}" ]] || fail "somebody was sent to it"; done
    agent 1
    wait_until state_is 1 UP
    # One that is there and says nothing sensible is none.
    kill -STOP "${agents[2]}"
    wait_until state_is 2 DOWN
    kill -CONT "${agents[2]}"
    wait_until state_is 2 UP
    end_farm
    stop_haproxy
}
