/* SPDX-License-Identifier: MIT */
/* See https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html and
 * zshcompsys(1). */

#include <errno.h>
#include <string.h>

#include "backend/completion.h"

/* What each kind of value is to a shell; NULL for nothing to offer. */
static const struct {
        const char *bash, *zsh;
} values[] = {
        [COMPLETION_USERS] = { "-u", "_users" },
        [COMPLETION_SESSIONS] = { "-W \"$(loginctl list-sessions --no-legend 2>/dev/null | "
                                  "awk '{ print $1 }')\"",
                                  "_leash_sessions" },
        [COMPLETION_PIDS] = { "-W \"$(ps -e -o pid= 2>/dev/null)\"", "_pids" },
        [COMPLETION_WORDS] = {},
};

/* As part of a shell function's name. */
static void print_name(const char *program, FILE *f) {
        for (const char *p = program; *p; p++)
                (void) fputc(*p == '-' ? '_' : *p, f);
}

static void print_verbs(const Completion *c, FILE *f) {
        for (size_t i = 0; i < c->n_verbs; i++)
                (void) fprintf(f, "%s%s", i ? " " : "", c->verbs[i]);
}

/* "a|b|c" as words. */
static void print_words(const char *metavar, FILE *f) {
        for (const char *p = metavar; *p; p++)
                (void) fputc(*p == '|' ? ' ' : *p, f);
}

/* ---- bash -------------------------------------------------------------------------------------
 */

static void bash_value(const CompletionOption *o, FILE *f) {
        (void) fputs("    ", f);
        if (o->short_name)
                (void) fprintf(f, "-%c | ", o->short_name);
        (void) fprintf(f, "--%s) ", o->name);
        if (o->value == COMPLETION_WORDS) {
                (void) fputs("COMPREPLY=($(compgen -W '", f);
                print_words(o->metavar, f);
                (void) fputs("' -- \"$cur\")) ", f);
        } else if (values[o->value].bash)
                (void) fprintf(f, "COMPREPLY=($(compgen %s -- \"$cur\")) ", values[o->value].bash);
        (void) fputs(";;\n", f);
}

static void bash(const Completion *c, FILE *f) {
        (void) fprintf(f, "# bash completion for %s, made from its option table\n_", c->page);
        print_name(c->program, f);
        (void) fputs(
                "() {\n"
                "    local cur=$2 prev=$3 i verbs='",
                f);
        print_verbs(c, f);
        (void) fputs(
                "'\n"
                "    COMPREPLY=()\n"
                "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
                "        [[ \" $verbs \" != *\" ${COMP_WORDS[i]} \"* ]] || verbs= # there is one\n"
                "    done\n"
                "    # the = of --option=value is a word of its own to bash\n"
                "    [[ $cur != = ]] || cur=\n"
                "    [[ $prev != = ]] || prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
                "    case $prev in\n",
                f);
        for (size_t i = 0; i < c->n_options; i++)
                if (c->options[i].metavar)
                        bash_value(&c->options[i], f);
        (void) fputs(
                "    *)\n"
                "        if [[ $cur == -* ]]; then\n"
                "            COMPREPLY=($(compgen -W '",
                f);
        for (size_t i = 0; i < c->n_options; i++)
                (void) fprintf(f, "%s--%s", i ? " " : "", c->options[i].name);
        (void) fputs("' -- \"$cur\"))\n            return\n        fi\n", f);
        (void) fputs("        COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\"))\n", f);
        if (values[c->operands].bash)
                (void) fprintf(f, "        %sCOMPREPLY+=($(compgen %s -- \"$cur\"))\n",
                               c->operand_first ? "" : "[[ $verbs ]] || ",
                               values[c->operands].bash);
        (void) fputs("        ;;\n    esac\n}\ncomplete -F _", f);
        print_name(c->program, f);
        (void) fprintf(f, " %s\n", c->program);
}

/* ---- zsh --------------------------------------------------------------------------------------
 */

static void zsh_option(const CompletionOption *o, FILE *f) {
        if (o->short_name) /* either shuts out both */
                (void) fprintf(f, "  '(-%c --%s)'{-%c%s,--%s%s}'[", o->short_name, o->name,
                               o->short_name, o->metavar ? "+" : "", o->name,
                               o->metavar ? "=" : "");
        else
                (void) fprintf(f, "  '--%s%s[", o->name, o->metavar ? "=" : "");
        for (const char *p = o->help; *p; p++) {
                if (strchr("[]':\\", *p))
                        (void) fputs(*p == '\'' ? "'\\'" : "\\", f);
                (void) fputc(*p, f);
        }
        (void) fputc(']', f);
        if (o->metavar)
                (void) fprintf(f, ":%s:", o->metavar);
        if (o->value == COMPLETION_WORDS) {
                (void) fputc('(', f);
                print_words(o->metavar, f);
                (void) fputc(')', f);
        } else if (values[o->value].zsh)
                (void) fputs(values[o->value].zsh, f);
        (void) fputs("' \\\n", f);
}

static void zsh(const Completion *c, FILE *f) {
        const char *operands = values[c->operands].zsh ?: "";

        (void) fprintf(f,
                       "#compdef %s\n"
                       "# zsh completion for %s, made from its option table\n"
                       "_leash_sessions() {\n"
                       "  local -a sessions\n"
                       "  sessions=(${(f)\"$(loginctl list-sessions --no-legend 2>/dev/null | "
                       "awk '{ print $1 }')\"})\n"
                       "  compadd \"$@\" -a sessions\n"
                       "}\n"
                       "_arguments -s \\\n",
                       c->program, c->page);
        for (size_t i = 0; i < c->n_options; i++)
                zsh_option(&c->options[i], f);
        /* The space keeps _arguments from handing compadd's options to _alternative. */
        if (c->operand_first)
                (void) fprintf(f, "  '1:verb or %s: _alternative \"verbs\\:verb\\:(", c->operand);
        else
                (void) fputs("  '1:verb:(", f);
        print_verbs(c, f);
        if (c->operand_first)
                (void) fprintf(f, ")\" \"operands\\:%s\\:%s\"' \\\n", c->operand, operands);
        else
                (void) fputs(")' \\\n", f);
        (void) fprintf(f, "  '*:%s:%s'\n", c->operand, operands);
}

int completion_print(const Completion *c, const char *shell, FILE *f) {
        if (strcmp(shell, "bash") == 0)
                bash(c, f);
        else if (strcmp(shell, "zsh") == 0)
                zsh(c, f);
        else
                return -EINVAL;
        return 0;
}
