/* SPDX-License-Identifier: MIT */
/* The arguments of pam_leash.so in a PAM stack: one table. */

#include <limits.h>
#include <string.h>

#include "args.h"
#include "core/macro.h"
#include "os/policyfile.h"

typedef struct Argument {
        const char *name;
        size_t flag; /* offset of a bool; unused for the one that takes a value */
} Argument;

static const Argument arguments[] = {
        { "conf=", 0 },
        { "debug", offsetof(ModuleArgs, debug) },
        { "announce", offsetof(ModuleArgs, announce) },
        { "capture", offsetof(ModuleArgs, capture) },
        { "strict", offsetof(ModuleArgs, strict) },
};

static bool take(const char *text, ModuleArgs *args) {
        for (size_t i = 0; i < ELEMENTSOF(arguments); i++) {
                size_t n = strlen(arguments[i].name);

                if (arguments[i].name[n - 1] == '=') {
                        if (strncmp(text, arguments[i].name, n) != 0)
                                continue;
                        if (text[n] != '/' || strlen(text + n) >= PATH_MAX)
                                return false;
                        args->conf = text + n;
                        args->named = true;
                        return true;
                }
                if (strcmp(text, arguments[i].name) == 0) {
                        *(bool *) ((char *) args + arguments[i].flag) = true;
                        return true;
                }
        }
        return false;
}

unsigned args_parse(int argc, const char *const argv[], ModuleArgs *ret, const char **ret_mistake) {
        ModuleArgs args = { .conf = POLICYFILE_PATH };
        unsigned mistakes = 0;

        for (int i = 0; i < argc; i++) {
                if (take(argv[i], &args))
                        continue;
                if (mistakes++ == 0 && ret_mistake)
                        *ret_mistake = argv[i];
        }
        *ret = args;
        return mistakes;
}
