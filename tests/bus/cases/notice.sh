# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# What users are told on their desktops: by services that PID 1 starts, as the user and outside of the caller.

# shown_as NOTICE UID TAG: what must be true of each
shown_as() {
    like "who runs it" "$1" "StartTransientUnit leash-notify-$2-*.service fail *(User s:$2)*"
    like "its bounds" "$1" "*(NoNewPrivileges b:true)*(TasksMax t:16)*(MemoryMax t:*)*(RuntimeMaxUSec t:30000000)*(KillSignal i:9)*"
    like "its silence" "$1" "*(StandardOutput s:null) (StandardError s:null) (LogLevelMax i:3)*"
    like "its command line" "$1" "*(ExecStart a(sasb):[[]($notify [[]$notify --tag=$3 *[]] true)])*"
}

test_notice_of_a_leash_and_of_its_end() {
    login $uid && pid1
    with_notify
    leash -u $uid -q 25% --reason '$HOME is %h'
    expect 0 "*" ""
    shown_as "$(notices)" $uid leash
    like "what is shown" "$(notices)" "* -- Your session is limited *25%*Reason: \$\$HOME is %h*"
    forget
    leash release -u $uid
    shown_as "$(notices)" $uid leash
    like "what is shown" "$(notices)" "* -- Your session is no longer limited *"
}

# Each is a process of PID 1's to start, and a wait for whoever runs leash.
test_notice_is_for_desktops_alone() {
    login $uid && pid1
    with_notify
    rm "$root/tmp/.X11-unix/X10"
    leash -u $uid -q 25%
    equal "without a desktop" "$(notices)" ""
    mkdir -p "$root/run/user/$uid"
    : >"$root/run/user/$uid/wayland-0"
    leash release -u $uid
    like "with a Wayland one" "$(notices)" "* -- Your session is no longer limited *"
}

test_notice_is_for_the_owner_of_a_desktop() {
    login $uid && pid1
    with_notify
    chown 1 "$root/tmp/.X11-unix/X10" 2>/dev/null || skip "needs a second user: run as root"
    leash -u $uid -q 25%
    equal "with somebody else's" "$(notices)" ""
    chown $uid "$root/tmp/.X11-unix/X10"
    leash release -u $uid
    like "with their own" "$(notices)" "* -- Your session is no longer limited *"
}

# The service that ends it is cleared away at once, and would take a child with it.
test_notice_of_an_end_by_time() {
    login $uid && pid1
    with_notify
    leash -u $uid -q 25% --for=1s --no-notify
    equal "told all the same" "$(notices)" ""
    sleep 1.1
    leash release --expired
    shown_as "$(notices)" $uid leash
    like "what is shown" "$(notices)" "* -- Your session is no longer limited *"
}

# A PID 1 that does not answer costs the notice, not the leash.
test_slow_notice_that_cannot_be_shown() {
    local begin
    login $uid && pid1
    with_notify
    leash -u $uid -q 25% --no-notify
    rule '*' StartTransientUnit silent
    begin=$SECONDS
    leash release -u $uid &
    wait_until grep -qx "$uid: released" "$root.$!.out"
    ((SECONDS - begin < 8)) || fail "it was said after $((SECONDS - begin)) s"
    wait $!
    equal "its exit status" $? 0
    ((SECONDS - begin < 15)) || fail "it took $((SECONDS - begin)) s"
    behave
}

test_notice_of_leashd_when_a_session_is_left() {
    rules_are "[state away]" when=disconnected warn-after=1s end-after=1h "[state locked]" when=locked warn-after=0s
    desktop || return
    with_notify
    start_leashd
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until incident_is warned 1
    wait_until notices_are . 1
    shown_as "$(notices)" $uid session
    like "the warning" "$(notices)" "* --urgent -- Your session c1 has been disconnected for [1-9]s It will be ended at 20* unless you come back to it.*"
    stop_leashd KILL
    start_leashd
    tell call 10
    wait_until notices_are "Welcome back" 1
    like "to who is back" "$(notices "Welcome back")" "* --tag=session --urgent -- Welcome back You were warned while you were away,*"
    forget
    tell set c1 LockedHint 1
    wait_until notices_are "has been locked" 1
    tell set c1 LockedHint 0
    wait_until notices_are "--close" 1
    like "taken away" "$(notices "--close")" "*$notify --tag=session --close[]]*"
    stop_leashd
}

test_notice_of_leashd_watching_only_is_none() {
    rules_are "[state away]" when=disconnected warn-after=0s end-after=1h
    desktop || return
    with_notify
    start_leashd --watch
    wait_until noted_some Connected c1
    tell hangup 10
    wait_until incident_is warned 1
    tell call 10
    wait_until noted_some Connected c1
    sleep 0.3
    equal notices "$(notices)" ""
    stop_leashd
}

test_notice_of_leashd_to_a_runaway() {
    rules_are "[runaway all]" pressure=20% share=150% window=2s steps=100%/1h
    runaway_desktop || return
    with_notify
    start_leashd
    wait_until noted_some Connected c1
    contend 20
    wait_until incident_is penalised 1
    wait_until notices_are . 1
    shown_as "$(notices)" $uid leash
    like "what is shown" "$(notices)" "* -- Your session is limited You have used *% of your share of this machine while others had to wait. Limited to cpu-quota=100% until *"
    stop_leashd
}
