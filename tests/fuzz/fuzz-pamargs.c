/* SPDX-License-Identifier: MIT */
/* The module's arguments, one a line: whatever they are, what is understood is sound and counted.
 */

#include <limits.h>

#include "fuzz.h"

#include "pam_module/args.h"

#define ARGS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *copy = fuzz_string(data, size), *save = NULL;
        const char *argv[ARGS_MAX], *mistake = NULL;
        unsigned mistakes, again;
        ModuleArgs args;
        int argc = 0;

        for (char *line = strtok_r(copy, "\n", &save); line && argc < ARGS_MAX;
             line = strtok_r(NULL, "\n", &save))
                argv[argc++] = line;
        mistakes = args_parse(argc, argv, &args, &mistake);
        must(mistakes <= (unsigned) argc);
        must(!mistake == (mistakes == 0));
        must(args.conf && args.conf[0] == '/' && strlen(args.conf) < PATH_MAX);
        again = 0;
        for (int i = 0; i < argc; i++) {
                ModuleArgs one;

                again += args_parse(1, &argv[i], &one, NULL);
        }
        must(again == mistakes); /* each stands for itself */
        free(copy);
        return 0;
}
