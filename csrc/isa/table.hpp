// Every kernel of one instruction set, gathered into the one table that its file in isa/ exports.
#pragma once

#include "../mlp/activations.hpp"
#include "../mlp/kernels/curvature.hpp"
#include "../mlp/kernels/extended.hpp"
#include "../mlp/kernels/forward.hpp"
#include "../mlp/kernels/gradient.hpp"
#include "../mlp/kernels/input_gradient.hpp"
#include "../mlp/kernels/jacobian.hpp"
#include "../mlp/kernels/tangent.hpp"
#include "../numeric/symmetric_kernel.hpp"
#include "../polynomial/kernels/evaluate.hpp"
#include "../radial/kernels/evaluate.hpp"
#include "../simplex/kernels/on_demand.hpp"
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

const pml::KernelTable kernel_table = {
    isa_name,
    {
        symmetric_update,
        multiply_add_chain,
    },
    {
        block_samples,
        {activation_block<Relu>, activation_block<Tanh>, activation_block<Sigmoid>, activation_block<Sin>,
         activation_block<Softplus>, activation_block<Silu>, activation_block<Square>, activation_block<PolyRelu>},
        forward_workspace,
        forward,
        gradient_workspace,
        gradient,
        input_gradient_workspace,
        input_gradient,
        jacobian_workspace,
        jacobian,
        curvature_workspace,
        curvature_state,
        curvature_product_workspace,
        curvature_product,
        hessian_vector_workspace,
        hessian_vector,
        directional_workspace,
        directional,
        cotangent_gradient,
        {extended_activation_block<Relu>, extended_activation_block<Tanh>, extended_activation_block<Sigmoid>,
         extended_activation_block<Sin>, extended_activation_block<Softplus>, extended_activation_block<Silu>,
         extended_activation_block<Square>, extended_activation_block<PolyRelu>},
        extended_forward_workspace,
        extended_forward,
    },
    {
        fill_records,
        start,
        walk,
        interpolate,
        gradient_rows,
        slot,
        exact_weights,
    },
    {
        {locate_each<2>, locate_each<3>, locate_each<4>, locate_each<5>, locate_each<6>, locate_each<7>,
         locate_each<8>, locate_each<9>, locate_each<10>, locate_each<11>, locate_each<12>},
        {nearest_each<2>, nearest_each<3>, nearest_each<4>, nearest_each<5>, nearest_each<6>, nearest_each<7>,
         nearest_each<8>, nearest_each<9>, nearest_each<10>, nearest_each<11>, nearest_each<12>},
    },
    {
        spline_evaluate,
    },
    {
        series_workspace,
        series_evaluate,
        series_gradient,
    },
    {
        {radial_evaluate<Linear>, radial_evaluate<ThinPlate>, radial_evaluate<Cubic>, radial_evaluate<Quintic>,
         radial_evaluate<Multiquadric>, radial_evaluate<InverseMultiquadric>, radial_evaluate<InverseQuadratic>,
         radial_evaluate<Gaussian>},
        {radial_gradient<Linear>, radial_gradient<ThinPlate>, radial_gradient<Cubic>, radial_gradient<Quintic>,
         radial_gradient<Multiquadric>, radial_gradient<InverseMultiquadric>, radial_gradient<InverseQuadratic>,
         radial_gradient<Gaussian>},
    },
};

}  // namespace
