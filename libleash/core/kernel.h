/* SPDX-License-Identifier: MIT */
/* Kernels that are known to do otherwise than their files say. */
#pragma once

typedef struct KernelFault {
        const char *series; /* "7.2": with all of its stable releases */
        const char *what;   /* for people */
} KernelFault;

/* The fault of a kernel by its name, as uname(2) has it in `release`; NULL if none is known. */
const KernelFault *kernel_find_fault(const char *release);
