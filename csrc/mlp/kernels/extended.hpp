// Network values in double-double.
#pragma once

#include "../extended_elementary.hpp"
#include "blocks.hpp"

namespace {

// z = W a + b for one block, a (n_in, block_samples) and z (n_out, block_samples) in high and low parts. The high parts
// are summed as in `forward`, and their rounding errors and all smaller terms beside them in a double (Ogita, Rump,
// Oishi 2005, "Accurate sum and dot product"): with u = 2^-53 and n = n_in + 1 terms the error is below n^2 u^2 times
// the sum of their magnitudes, and near n u^2 of it as a rule.
PML_INLINE void extended_affine(const double* w, const double* bias, size_t n_in, size_t n_out, const double* a_high,
                                const double* a_low, double* z_high, double* z_low) {
  for (size_t o = 0; o < n_out; ++o) {
    Vec sum[block_vectors], rest[block_vectors];
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) {
      sum[j] = set(bias[o]);
      rest[j] = set(0.0);
    }
    for (size_t i = 0; i < n_in; ++i) {
      const Vec weight = set(w[o * n_in + i]);
      PML_UNROLL
      for (size_t j = 0; j < block_vectors; ++j) {
        const size_t at = i * block_samples + j * lanes;
        const DoubleDouble<Vec> p = two_product(weight, load(a_high + at));
        const DoubleDouble<Vec> s = two_sum(sum[j], p.high);
        sum[j] = s.high;
        rest[j] = rest[j] + (s.low + fma(weight, load(a_low + at), p.low));
      }
    }
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) {
      const DoubleDouble<Vec> z = quick_two_sum(sum[j], rest[j]);
      // Where a sum or its error overflows, what the sum in double gives.
      const auto lost = less(set(0.0), not_finite(z.high));
      store(z_high + o * block_samples + j * lanes, select(lost, sum[j], z.high));
      store(z_low + o * block_samples + j * lanes, select(lost, set(0.0), z.low));
    }
  }
}

size_t extended_forward_workspace(const pml::Network& network) { return 4 * block_samples * widest_layer(network); }

void extended_forward(const pml::Network& network, const double* params, const pml::Tile& tile, const double* x_low,
                      double* high, double* low, double* workspace) {
  const size_t d = network.widths[0], m = network.widths[network.n_layers];
  const size_t row = block_samples * widest_layer(network);
  for (size_t begin = 0; begin < tile.n; begin += block_samples) {
    double* a = workspace;  // high parts, then low parts
    double* z = workspace + 2 * row;
    load_block(tile.x, tile.n, d, begin, a);
    if (x_low) {
      load_block(x_low, tile.n, d, begin, a + row);
    } else {
      for (size_t i = 0; i < d * block_samples; ++i) a[row + i] = 0.0;
    }
    for (size_t l = 0; l < network.n_layers; ++l) {
      const size_t n_in = network.widths[l], n_out = network.widths[l + 1];
      const double* const w = params + network.offsets[l];
      extended_affine(w, w + n_in * n_out, n_in, n_out, a, a + row, z, z + row);
      if (l + 1 < network.n_layers) network.extended_activation(z, z + row, z, z + row, n_out * block_samples);
      double* const swap = a;
      a = z;
      z = swap;
    }
    for (size_t s = 0; s < block_samples && begin + s < tile.n; ++s) {
      for (size_t k = 0; k < m; ++k) {
        high[(begin + s) * m + k] = a[k * block_samples + s];
        low[(begin + s) * m + k] = a[row + k * block_samples + s];
      }
    }
  }
}

}  // namespace
