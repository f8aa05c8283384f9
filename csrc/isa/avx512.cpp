// AVX-512 F and DQ.
#define PML_ISA_AVX512 1
#define PML_SEARCH pml::avx512_search
#include "table.hpp"

const pml::KernelTable& pml::avx512_kernels() { return kernel_table; }
