// The plain data that crosses into a file compiled for one instruction set, and the table that comes back.
//
// Notation: a network maps a_0 = x through z_l = W_l a_{l-1} + b_l, a_l = s(z_l), for l = 1..L, the last
// layer without activation. Parameters are one flat vector: per layer W_l (n_out, n_in) row-major, then b_l.
#pragma once

#include <stddef.h>

namespace pml {

// s(z) and, where the pointer is not null, s'(z) and s''(z), for n values; n is a multiple of the table's
// block_samples and all pointers are aligned to a vector. value may be the same array as z.
using ActivationBlock = void (*)(const double* z, double* value, double* first, double* second, size_t n);

// A network as the kernels see it: widths has n_layers + 1 entries, offsets[l] is where W_{l+1} begins.
struct Network {
  size_t n_layers;
  const size_t* widths;
  const size_t* offsets;
  ActivationBlock activation;
};

// One tile: n consecutive rows of the batch. y and sample_weight may be null where a kernel has no use for them.
struct Tile {
  size_t n;
  const double* x;
  const double* y;
  const double* sample_weight;
};

enum class Activation { relu, tanh, sigmoid, sin, softplus, silu, square, polyrelu };
constexpr size_t n_activations = 8;

// Every kernel takes a workspace of `*_workspace(network, n)` doubles, 64-byte aligned, n rows in the tile.
struct KernelTable {
  const char* isa;
  size_t block_samples;  // samples that go through the network together
  ActivationBlock activations[n_activations];

  size_t (*forward_workspace)(const Network&);
  // out (n, m)
  void (*forward)(const Network&, const double* params, const Tile&, double* out, double* workspace);

  size_t (*gradient_workspace)(const Network&, size_t n);
  // Adds sum_i w_i |f(x_i) - y_i|^2 to *loss_sum and its derivative to gradient_sum (P,).
  void (*gradient)(const Network&, const double* params, const Tile&, double* loss_sum, double* gradient_sum,
                   double* workspace);

  size_t (*input_gradient_workspace)(const Network&);
  // out (n, m, d)
  void (*input_gradient)(const Network&, const double* params, const Tile&, double* out, double* workspace);

  // For the upper triangle of a symmetric matrix h (n, n): h += s w' + w s' in the rows [begin, end), and y += h x for
  // what those rows contribute (their part above the diagonal counts for its mirror image too). No alignment needed.
  void (*symmetric_update)(double* h, size_t n, size_t begin, size_t end, const double* s, const double* w,
                           const double* x, double* y);

  // Independent fused multiply-adds, `steps` rounds; returns how many floating-point operations were done.
  // What the hardware allows, for benchmarks to divide by.
  double (*multiply_add_chain)(size_t steps, double* sink);
};

const KernelTable& baseline_kernels();
const KernelTable& avx2_kernels();
const KernelTable& avx512_kernels();

}  // namespace pml
