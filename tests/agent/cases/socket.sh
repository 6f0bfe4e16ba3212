# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2154
# One agent and those who connect to it.

resident() { awk '/^VmRSS/ { print $2 }' "/proc/${agents[0]}/status"; }
descriptors() { find "/proc/${agents[0]}/fd" -mindepth 1 | wc -l; }

test_the_answer_is_one_whole_line() {
    local facts
    make_host 0
    sessions 0 12 4
    pressure 0 3.20 0.10
    agent 0
    like "answer" "$(answer 0)" "ready up 2[12][0-9]% maxconn:50 #12 sessions 4 disconnected psi 3 memory 0"
    equal "lines" "$(peer ask "${hosts[0]}" | wc -l)" 2
    stop_agent 0
    equal status "$status" 0
}

test_what_is_missing_or_broken_is_answered_without() {
    local r
    make_host 0
    r=$(root 0)
    agent 0
    rm -r "$r/sys/fs/cgroup/system.slice/leashd.service"
    sleep 1.1
    like "leashd has gone, and logind is not there" "$(answer 0)" "ready up *#sessions unknown psi 0 memory 0"
    mkdir -p "$r/sys/fs/cgroup/system.slice/leashd.service" "$r/run/systemd/users" /run/systemd/users
    sleep 1.1
    like "back" "$(answer 0)" "ready up *#0 sessions 0 disconnected*"
    echo garbage >"$r/run/leashd/sessions"
    sleep 1.1
    like "what leashd keeps is damaged: logind is asked" "$(answer 0)" "ready up *#0 sessions 0 disconnected psi*"
    sessions 0 3
    chmod 666 "$r/run/leashd/sessions"
    sleep 1.1
    like "anybody could have written it" "$(answer 0)" "ready up *#0 sessions 0 disconnected psi*"
    sessions 0 3 1
    rm -r "${r:?}"/{proc,etc}
    sleep 1.1
    like "no pressure" "$(answer 0)" "ready up *maxconn:*#3 sessions 1 disconnected psi 0 memory 0"
    mkdir -p "$r/proc/pressure"
    echo garbage >"$r/proc/pressure/cpu"
    echo garbage >"$r/var/lib/leash/drain"
    sleep 1.1
    like "pressure that cannot be read, a mark that is damaged" "$(answer 0)" "ready up *#3 sessions 1 disconnected psi 0*"
    like "the log says so" "$(<"$work/agent0")" "*cannot tell*answering without*"
    stop_agent 0
    equal status "$status" 0
    rmdir /run/systemd/users
}

test_garbage_and_those_who_hang_up() {
    make_host 0
    agent 0
    out=$(peer garbage "${hosts[0]}")
    equal "what went wrong" "$out" ""
    like "and then" "$(answer 0)" "ready up *"
    sleep 3
    between "open descriptors" "$(descriptors)" 1 20
    stop_agent 0
    equal status "$status" 0
}

test_a_thousand_connections_that_do_not_read() {
    local before out slowest room=1024
    # A sanitizer keeps what was freed.
    ! grep -qa __asan_init "$build/leash-agent" || room=65536
    make_host 0
    agent 0
    peer ask "${hosts[0]}" 50 >/dev/null
    before=$(resident)
    out=$(peer crowd "${hosts[0]}" 1000)
    slowest=$(head -n 1 <<<"$out")
    equal "what went wrong" "$(tail -n +2 <<<"$out")" ""
    figure "an answer behind a thousand connections: $slowest ms"
    between "that took ms" "$slowest" 0 2000
    between "KiB more than before" "$(($(resident) - before))" -10000 $room
    for i in 1 2 3; do peer crowd "${hosts[0]}" 1000 >/dev/null; done
    between "KiB after four thousand" "$(($(resident) - before))" -10000 $room
    sleep 3
    between "open descriptors" "$(descriptors)" 1 20
    stop_agent 0
    equal status "$status" 0
}

test_answers_are_quick_and_cheap() {
    local out begin end
    make_host 0
    sessions 0 200 50
    agent 0
    peer ask "${hosts[0]}" 100 >/dev/null
    begin=$(cut -d' ' -f1 "/proc/${agents[0]}/schedstat")
    out=$(peer ask "${hosts[0]}" 2000 | tail -n 1)
    end=$(cut -d' ' -f1 "/proc/${agents[0]}/schedstat")
    figure "slowest and mean answer in ms, with 200 sessions: $out"
    figure "CPU for an answer: $(((end - begin) / 2000000)).$(((end - begin) / 200000 % 10)) us"
    between "the mean in ms" "${out#* }" 0 10
    between "CPU in ns" "$(((end - begin) / 2000))" 0 500000
    stop_agent 0
}

test_an_ordinary_program_at_the_command_line() {
    local out
    make_host 0
    out=$(LEASH_TEST_ROOT=$(root 0) "$build/leash-agent" --print --capacity=9 --weight=100)
    like "--print" "$out" "ready up 100% maxconn:9 #0 sessions 0 disconnected psi 0 memory 0"
    out=$("$build/leash-agent" 2>&1)
    equal "without a socket" "$? $out" "1 leash-agent: no socket was handed over; leash-agent.socket does that, or 'systemd-socket-activate -l 9707 leash-agent'"
    out=$("$build/leash-agent" --weight=0 2>&1)
    like "a weight that is none" "$? $out" "2 leash-agent: --weight=0: not understood; it takes a number from 1 to 256"
    out=$("$build/leash-agent" --restart=never 2>&1)
    like "no way to treat restarts" "$? $out" "2 leash-agent: --restart=never: *lower, drain or ignore"
    out=$("$build/leash-agent" operand 2>&1)
    like "an operand" "$? $out" "2 leash-agent: no operands*"
}
