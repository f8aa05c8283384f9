// The kernels of the search without a triangulation for one instruction set, in all dimensions. They take the compiler
// as long as all others together, so they have files of their own, with the options that setup.py names.
#pragma once

#include "../simplex/kernels/on_demand.hpp"
#include "kernel_table.hpp"

namespace {

// Dimension D and all above.
template <size_t D>
constexpr void fill_on_demand(pml::OnDemandKernels& table) {
  table.locate[D - pml::least_search_dimensions] = locate_each<D>;
  table.nearest[D - pml::least_search_dimensions] = nearest_each<D>;
  if constexpr (D < pml::most_search_dimensions) fill_on_demand<D + 1>(table);
}

constexpr pml::OnDemandKernels filled_search() {
  pml::OnDemandKernels table;
  fill_on_demand<pml::least_search_dimensions>(table);
  return table;
}

}  // namespace
