// AVX2 with fused multiply-add.
#define PML_ISA_AVX2 1
#define PML_SEARCH pml::avx2_search
#include "table.hpp"

const pml::KernelTable& pml::avx2_kernels() { return kernel_table; }
