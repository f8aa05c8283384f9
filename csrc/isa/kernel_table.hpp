// The table of kernels that each file compiled for one instruction set exports.
#pragma once

#include "../mlp/kernel_table.hpp"
#include "../numeric/given.hpp"
#include "../numeric/kernel_table.hpp"
#include "../polynomial/kernel_table.hpp"
#include "../radial/kernel_table.hpp"
#include "../simplex/locator_kernels.hpp"
#include "../simplex/on_demand_kernels.hpp"
#include "../spline/kernel_table.hpp"

namespace pml {

struct KernelTable {
  Given<const char*> isa;
  NumericKernels numeric;
  MlpKernels mlp;
  LocatorKernels locator;
  Given<const OnDemandKernels*> on_demand;
  SplineKernels spline;
  SeriesKernels series;
  TermsKernels terms;
  RadialKernels radial;
};

extern const OnDemandKernels baseline_search;
extern const OnDemandKernels avx2_search;
extern const OnDemandKernels avx512_search;

const KernelTable& baseline_kernels();
const KernelTable& avx2_kernels();
const KernelTable& avx512_kernels();

}  // namespace pml
