# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034,SC2086,SC2154
# What a shell and a terminal get: completions, colours.

# offered WORDS...: what bash offers for the last of them, one a line
offered() {
    bash -c '. "$1"; shift; program=$1
        # as readline splits them, where = stands by itself
        COMP_WORDS=(); for word in "$@"; do
            if [[ $word == --*=* ]]; then COMP_WORDS+=("${word%%=*}" =); [[ $word == *= ]] || COMP_WORDS+=("${word#*=}")
            else COMP_WORDS+=("$word"); fi
        done
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        "_${program//-/_}" "$program" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf "%s\n" "${COMPREPLY[@]}"' _ "$root/$1.bash" "$@"
}

# complete_with SHELL: leash's and leash-xrdp's script for it
complete_with() {
    "$leash" --completion="$1" >"$root/leash.$1" || fail "no completion of leash for $1"
    "$tools/leash-xrdp" --completion="$1" >"$root/leash-xrdp.$1" || fail "no completion of leash-xrdp for $1"
}

test_bash_completes() {
    local option word
    complete_with bash
    # Each option that --help has, and none besides.
    equal options "$(offered leash -- | sort)" "$("$leash" --help | sed -nE 's/^  (-., |    )(--[a-z-]+)[ =].*/\2/p' | sort)"
    equal "of leash-xrdp" "$(offered leash-xrdp -- | sort)" "$("$tools/leash-xrdp" --help | sed -nE 's/^  (-., |    )(--[a-z-]+)[ =].*/\2/p' | sort)"
    equal "a verb" "$(offered leash rel)" release
    equal "a verb of leash-xrdp" "$(offered leash-xrdp dis)" disconnect
    equal "a verb after an option" "$(offered leash --json doc) $(offered leash -u nobody rel)" "doctor release"
    equal "one verb is enough" "$(offered leash release sho)" ""
    equal "a user" "$(offered leash -u nobod) $(offered leash --user=nobod)" "nobody nobody"
    equal "a scope" "$(offered leash --scope '' | tr '\n' ' ')" "user session tree "
    equal "the same after =" "$(offered leash --scope= | tr '\n' ' ')" "user session tree "
    equal "begun" "$(offered leash --scope=tr)" tree
    like "a process" " $(offered leash "$$" | tr '\n' ' ')" "* $$ *"
    like "a process of a verb" " $(offered leash explain "$$" | tr '\n' ' ')" "* $$ *"
    equal "nothing for a reason" "$(offered leash --reason '')" ""
}

# A terminal with zsh in it, which tmux plays.
zsh_begin() {
    command -v tmux >/dev/null || skip "needs tmux"
    command -v zsh >/dev/null || skip "needs zsh"
    complete_with zsh
    mkdir "$root/functions"
    mv "$root/leash.zsh" "$root/functions/_leash"
    mv "$root/leash-xrdp.zsh" "$root/functions/_leash-xrdp"
    cat >"$root/.zshrc" <<EOF2
PS1='> '
fpath=($root/functions \$fpath)
autoload -Uz compinit && compinit -u -D
path=($(dirname "$leash") \$path)
print ready
EOF2
    terminal=(tmux -L "leash-$BASHPID" -f /dev/null)
    "${terminal[@]}" new-session -d -x 120 -y 50 \
        "exec env -i PATH='$PATH' TERM=screen LC_ALL=C.UTF-8 ZDOTDIR='$root' setpriv --pdeathsig KILL zsh -d -i" || skip "tmux does not start"
    wait_until screen_has ready
}
screen() { "${terminal[@]}" capture-pane -p; }
screen_has() { grep -qE -- "$1" <<<"$(screen)"; }

# tab TEXT PATTERN: what is to be seen once Tab has been pressed after it
tab() {
    "${terminal[@]}" send-keys C-u C-l
    "${terminal[@]}" send-keys -l -- "$1"
    "${terminal[@]}" send-keys Tab
    wait_until screen_has "$2" || fail "after '$1': $(screen | grep .)"
    ! screen_has 'bad option|not found|error' || fail "after '$1': $(screen | grep .)"
}

test_zsh_completes() {
    zsh_begin
    tab "leash rel" '^> leash release $|^> leash release$'
    tab "leash doc" '^> leash doctor'
    tab "leash --sc" '^> leash --scope='
    tab "leash --scope=tr" '^> leash --scope=tree'
    tab "leash -u nobod" '^> leash -u nobody'
    tab "leash release --user=nobod" '^> leash release --user=nobody'
    tab "leash --" '^--no-spare +-- leave the offenders where they are'
    tab "leash-xrdp dis" '^> leash-xrdp disconnect'
    tab "leash-xrdp end --gr" '^> leash-xrdp end --grace='
    "${terminal[@]}" kill-server
}

test_completion_for_another_shell() {
    leash --completion=fish
    expect 2 "" "leash: --completion takes bash or zsh*"
}

# on_terminal [NAME=VALUE...]: what `leash doctor` writes to one
on_terminal() {
    setpriv --pdeathsig TERM timeout -k 2 20 env -i PATH="$PATH" LC_ALL=C.UTF-8 TERM=xterm LEASH_TEST_ROOT="$root" LEASH_BACKEND=systemd \
        ASAN_OPTIONS=verify_asan_link_order=0 "$@" script -qec "$leash doctor" /dev/null </dev/null
}

test_colours_on_a_terminal_alone() {
    local colour=$'\033[' written
    login $uid && pid1
    leash -u $uid
    written=$(on_terminal)
    like "on a terminal" "$written" "*$colour*"
    for setting in NO_COLOR=1 TERM=dumb; do
        written=$(on_terminal "$setting")
        [[ $written == *cpu* && $written != *$'\033'* ]] || fail "with $setting: $written"
    done
    like "NO_COLOR without a value" "$(on_terminal NO_COLOR=)" "*$colour*"
    leash doctor
    [[ $out == *cpu* && $out != *$'\033'* ]] || fail "into a pipe: $out"
}
