// The instruction set every machine of this architecture has.
#include "search.hpp"

const pml::OnDemandKernels pml::baseline_search = pml::complete(filled_search());
