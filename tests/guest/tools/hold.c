/* SPDX-License-Identifier: MIT */
/* hold MIB [again]: holds so much memory until killed; with "again" gives it back and takes it anew
 * all the time, so that under a MemoryHigh below it somebody always waits for memory. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char *argv[]) {
        size_t size = (argc > 1 ? strtoul(argv[1], NULL, 10) : 1) << 20;
        char *all = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (all == MAP_FAILED) {
                perror("hold");
                return EXIT_FAILURE;
        }
        for (;;) {
                for (size_t i = 0; i < size; i += 4096)
                        all[i] = 1;
                if (argc <= 2)
                        (void) pause();
                else
                        (void) madvise(all, size, MADV_DONTNEED);
        }
}
