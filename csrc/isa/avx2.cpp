// AVX2 with fused multiply-add.
#define PML_ISA_AVX2 1
#include "table.hpp"

const pml::KernelTable& pml::avx2_kernels() { return kernel_table; }
