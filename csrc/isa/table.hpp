// Every kernel of one instruction set, gathered by name into the one table that its file in isa/ exports. Those of the
// search without a triangulation, eleven dimensions, are a table of their own (search.hpp), compiled beside this one.
#pragma once

#include "../mlp/kernels/activate.hpp"
#include "../mlp/kernels/curvature.hpp"
#include "../mlp/kernels/extended.hpp"
#include "../mlp/kernels/forward.hpp"
#include "../mlp/kernels/gradient.hpp"
#include "../mlp/kernels/input_gradient.hpp"
#include "../mlp/kernels/jacobian.hpp"
#include "../mlp/kernels/tangent.hpp"
#include "../numeric/symmetric_kernel.hpp"
#include "../polynomial/kernels/evaluate.hpp"
#include "../polynomial/kernels/terms.hpp"
#include "../radial/kernels/evaluate.hpp"
#include "../simplex/kernels/walk.hpp"
#include "../spline/kernels/evaluate.hpp"
#include "kernel_table.hpp"

namespace {

double multiply_add_chain(size_t steps, double* sink) {
  Accumulators<block_rows> acc;
  for (size_t r = 0; r < block_rows; ++r) {
    for (size_t j = 0; j < block_vectors; ++j) acc.v[r][j] = set(static_cast<double>(r * block_vectors + j));
  }
  const Vec factor = set(0.5);
  for (size_t i = 0; i < steps; ++i) {
    PML_UNROLL
    for (size_t r = 0; r < block_rows; ++r) {
      PML_UNROLL
      for (size_t j = 0; j < block_vectors; ++j) acc.v[r][j] = fma(acc.v[r][j], factor, factor);
    }
  }
  *sink = 0.0;
  for (size_t r = 0; r < block_rows; ++r) {
    for (size_t j = 0; j < block_vectors; ++j) *sink += sum(acc.v[r][j]);
  }
  return 2.0 * static_cast<double>(steps * block_rows * block_vectors * lanes);
}

constexpr pml::KernelTable filled_table() {
  pml::KernelTable table;
  table.isa = isa_name;

  table.numeric.symmetric_update = symmetric_update;
  table.numeric.multiply_add_chain = multiply_add_chain;

  table.mlp.block_samples = block_samples;
  table.mlp.n_activations = BuiltinActivations::size;
  table.mlp.activations = BuiltinActivations::entries;
  table.mlp.forward_workspace = forward_workspace;
  table.mlp.forward = forward;
  table.mlp.gradient_workspace = gradient_workspace;
  table.mlp.gradient = gradient;
  table.mlp.input_gradient_workspace = input_gradient_workspace;
  table.mlp.input_gradient = input_gradient;
  table.mlp.jacobian_workspace = jacobian_workspace;
  table.mlp.jacobian = jacobian;
  table.mlp.curvature_workspace = curvature_workspace;
  table.mlp.curvature_state = curvature_state;
  table.mlp.curvature_product_workspace = curvature_product_workspace;
  table.mlp.curvature_product = curvature_product;
  table.mlp.hessian_vector_workspace = hessian_vector_workspace;
  table.mlp.hessian_vector = hessian_vector;
  table.mlp.directional_workspace = directional_workspace;
  table.mlp.directional = directional;
  table.mlp.cotangent_gradient = cotangent_gradient;
  table.mlp.extended_forward_workspace = extended_forward_workspace;
  table.mlp.extended_forward = extended_forward;

  table.locator.fill_records = fill_records;
  table.locator.start = start;
  table.locator.walk = walk;
  table.locator.interpolate = interpolate;
  table.locator.gradient = gradient_rows;
  table.locator.slot = slot;
  table.locator.exact_weights = exact_weights;

  table.on_demand = &PML_SEARCH;

  table.spline.evaluate = spline_evaluate;

  table.series.workspace = series_workspace;
  table.series.evaluate = series_evaluate;
  table.series.gradient = series_gradient;

  table.terms.design = terms_design;

  table.radial.n_functions = RadialFunctions::size;
  table.radial.functions = RadialFunctions::entries;
  return table;
}

constexpr pml::KernelTable kernel_table = pml::complete(filled_table());

}  // namespace
