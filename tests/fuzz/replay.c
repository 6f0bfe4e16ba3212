/* SPDX-License-Identifier: MIT */
/* Runs a fuzz target over the files named on the command line, without a fuzzer: for "make check".
 */

#include "fuzz.h"

#define INPUT_MAX (1 << 20)

static int replay(const char *path) {
        uint8_t *data = malloc(INPUT_MAX);
        FILE *f = fopen(path, "re");
        size_t size = f && data ? fread(data, 1, INPUT_MAX, f) : 0;
        int failed = !data || !f || ferror(f);

        if (failed)
                perror(path);
        else
                (void) LLVMFuzzerTestOneInput(data, size);
        if (f)
                (void) fclose(f);
        free(data);
        return failed;
}

int main(int argc, char *argv[]) {
        int r = 0;

        if (argc < 2) {
                (void) fprintf(stderr, "usage: %s FILE...\n", argv[0]);
                return 2;
        }
        for (int i = 1; i < argc; i++)
                r |= replay(argv[i]);
        return r;
}
