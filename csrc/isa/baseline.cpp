// The instruction set every machine of this architecture has: SSE2 on x86-64, NEON on 64-bit Arm.
#define PML_SEARCH pml::baseline_search
#include "table.hpp"

const pml::KernelTable& pml::baseline_kernels() { return kernel_table; }
