// AVX-512 F and DQ.
#define PML_ISA_AVX512 1
#include "table.hpp"

const pml::KernelTable& pml::avx512_kernels() { return kernel_table; }
