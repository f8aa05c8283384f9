// The plain data that crosses into the network kernels of one instruction set, and the table that comes back.
//
// Notation: a network maps a_0 = x through z_l = W_l a_{l-1} + b_l, a_l = s(z_l), for l = 1..L, the last
// layer without activation. Parameters are one flat vector: per layer W_l (n_out, n_in) row-major, then b_l.
#pragma once

#include <stddef.h>

#include "../numeric/given.hpp"

namespace pml {

// s(z) and, where the pointer is not null, s'(z) and s''(z), for n values; n is a multiple of the table's
// block_samples and all pointers are aligned to a vector. value may be the same array as z. second is never wanted
// without first.
using ActivationBlock = void (*)(const double* z, double* value, double* first, double* second, size_t n);

// s(z) in double-double, as high and low parts, for n values; n and the pointers as in ActivationBlock, and the
// results may take the place of the arguments.
using ExtendedActivationBlock = void (*)(const double* z_high, const double* z_low, double* high, double* low,
                                         size_t n);

// A network as the kernels see it: widths has n_layers + 1 entries, offsets[l] is where W_{l+1} begins.
struct Network {
  size_t n_layers;
  const size_t* widths;
  const size_t* offsets;
  ActivationBlock activation;
  ExtendedActivationBlock extended_activation;
};

// One tile: n consecutive rows of the batch. y and sample_weight may be null where a kernel has no use for them.
struct Tile {
  size_t n;
  const double* x;
  const double* y;
  const double* sample_weight;
};

// Where the rows of one block's state lie in the curvature kernels: row r of block b begins at
// (b * n_rows + r) * block_samples. Layers are numbered as above, hidden layers are 1..L-1. For one sample,
//   e_l = d loss / d z_l,  delta_kl = d f_k / d z_l,  omega_kl = 2 w delta_kl,  q_l = s''(z_l) * (W_{l+1}' e_{l+1}),
//   S_ll' = d2(sum_k e_kL f_k) / d z_l d z_l',  e_L held fixed,  and  G_ll' = d a_{l'-1} / d z_l.
// Rows that a network or an order doesn't need are `no_row`.
constexpr size_t no_row = ~size_t{0};
struct StateRows {
  bool second_order;     // whether slope, q, S and G are there
  size_t n_rows;
  size_t weight;         // 2 w
  const size_t* a;       // [l], l < L: n_l rows and one row of ones
  const size_t* e;       // [l], 0 < l <= L: n_l rows
  const size_t* delta;   // [l], 0 < l < L: m times n_l rows
  const size_t* omega;   // the same
  const size_t* slope;   // [l], 0 < l < L: n_l rows, s'(z_l)
  const size_t* q;       // [l], 0 < l < L: n_l rows
  const size_t* s;       // [l * L + l'], 0 < l <= l' < L: row o' * n_l + o. S of the last hidden layer is diag(q)
  const size_t* g;       // [l * (L + 1) + l'], 0 < l, l + 2 <= l' <= L: row o * n_{l'-1} + i
};

// n_u x n_v rows, (i, j) -> sum over t < n_terms of row(u + t u_term + i) * row(v + t v_term + j) for each sample, plus
// row(addend + i addend_i + j addend_j); the addend may be for i = j alone. With `triangle`, n_u = n_v and j <= i only.
struct Operand {
  size_t n_u, n_v;
  bool triangle;
  size_t n_terms, u, u_term, v, v_term;
  size_t addend, addend_i, addend_j;
  bool addend_on_diagonal;

  size_t count() const { return triangle ? n_u * (n_u + 1) / 2 : n_u * n_v; }
};

// A sum over samples of all products of a row of `held` and a row of `streamed`: entry (r, c) at
// sums + r * stride + c. Rows of `streamed` are formed anew for each piece of `held`, so they should be the cheaper.
struct Product {
  Operand held, streamed;
  size_t stride;
};

struct BuiltinActivation {
  const char* name;
  ActivationBlock block;
  ExtendedActivationBlock extended_block;
};

// Every kernel takes a workspace of `*_workspace(network, n)` doubles, 64-byte aligned, n rows in the tile.
struct MlpKernels {
  Given<size_t> block_samples;  // samples that go through the network together

  // The same ones in the same order on every instruction set.
  Given<size_t> n_activations;
  Given<const BuiltinActivation*> activations;

  Kernel<size_t(const Network&)> forward_workspace;
  // out (n, m)
  Kernel<void(const Network&, const double* params, const Tile&, double* out, double* workspace)> forward;

  Kernel<size_t(const Network&, size_t n)> gradient_workspace;
  // Adds sum_i w_i |f(x_i) - y_i|^2 to *loss_sum and its derivative to gradient_sum (P,).
  Kernel<void(const Network&, const double* params, const Tile&, double* loss_sum, double* gradient_sum,
              double* workspace)>
      gradient;

  Kernel<size_t(const Network&)> input_gradient_workspace;
  // out (n, m, d)
  Kernel<void(const Network&, const double* params, const Tile&, double* out, double* workspace)> input_gradient;

  // out (n, m, P): derivatives of the outputs with respect to the parameters.
  Kernel<size_t(const Network&)> jacobian_workspace;
  Kernel<void(const Network&, const double* params, const Tile&, double* out, double* workspace)> jacobian;

  // The state of the tile, rows.n_rows * block_samples doubles a block; adds sum_i w_i |f(x_i) - y_i|^2 to *loss_sum.
  Kernel<size_t(const Network&)> curvature_workspace;
  Kernel<void(const Network&, const double* params, const Tile&, const StateRows&, double* state, double* loss_sum,
              double* workspace)>
      curvature_state;
  // Adds to sums (begins at row `begin`) the rows [begin, end) of the product over a state of n_blocks blocks.
  Kernel<size_t(size_t n_held, size_t n_blocks)> curvature_product_workspace;
  Kernel<void(const Product&, size_t begin, size_t end, const double* state, size_t n_rows, size_t n_blocks,
              double* sums, double* workspace)>
      curvature_product;

  // For the direction v (P,): adds the derivative of the gradient along v, H v, to product_sum (P,).
  Kernel<size_t(const Network&, size_t n)> hessian_vector_workspace;
  Kernel<void(const Network&, const double* params, const double* v, const Tile&, double* product_sum,
              double* workspace)>
      hessian_vector;
  // First and second derivative of the outputs along v, each (n, m).
  Kernel<size_t(const Network&)> directional_workspace;
  Kernel<void(const Network&, const double* params, const double* v, const Tile&, double* first, double* second,
              double* workspace)>
      directional;
  // Like gradient, for the sum over samples and outputs of y * f(x), with y a given cotangent.
  Kernel<void(const Network&, const double* params, const Tile&, double* gradient_sum, double* workspace)>
      cotangent_gradient;

  Kernel<size_t(const Network&)> extended_forward_workspace;
  // The network in double-double at tile.x + x_low, x_low (n, d) or null for 0: high and low (n, m).
  Kernel<void(const Network&, const double* params, const Tile&, const double* x_low, double* high, double* low,
              double* workspace)>
      extended_forward;
};

}  // namespace pml
