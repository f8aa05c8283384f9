// AVX-512 F and DQ.
#define PML_ISA_AVX512 1
#include "search.hpp"

const pml::OnDemandKernels pml::avx512_search = pml::complete(filled_search());
