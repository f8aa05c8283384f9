// AVX2 with fused multiply-add.
#define PML_ISA_AVX2 1
#include "search.hpp"

const pml::OnDemandKernels pml::avx2_search = pml::complete(filled_search());
