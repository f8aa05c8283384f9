// The table of kernels that each file compiled for one instruction set exports.
#pragma once

#include "../mlp/kernel_table.hpp"
#include "../numeric/kernel_table.hpp"
#include "../simplex/on_demand_kernels.hpp"

namespace pml {

struct KernelTable {
  const char* isa;
  NumericKernels numeric;
  MlpKernels mlp;
  OnDemandKernels on_demand;
};

const KernelTable& baseline_kernels();
const KernelTable& avx2_kernels();
const KernelTable& avx512_kernels();

}  // namespace pml
