// The sum of squares sum_i w_i |f(x_i) - y_i|^2 and its derivative with respect to all parameters.
//
// Backpropagation: delta_L = 2 w (f(x) - y), delta_l = (W_{l+1}' delta_{l+1}) * s'(z_l),
// dW_l = sum_i delta_l a_{l-1}', db_l = sum_i delta_l.
// Each block goes through all layers, forward and back, while it is in the first-level cache; the sums over
// samples are taken once a tile, so that their horizontal additions are paid once a tile too.
#pragma once

#include "blocks.hpp"

namespace {

// Per block: a_0 .. a_{L-1}, then delta_1 .. delta_L (s' of the hidden layers first, overwritten by delta).
size_t gradient_block_stride(const pml::Network& network) {
  const size_t last = network.n_layers;
  return block_samples * (sum_of_widths(network, 0, last - 1) + sum_of_widths(network, 1, last));
}

size_t gradient_workspace(const pml::Network& network, size_t n) {
  return n_blocks_of(n) * gradient_block_stride(network) + block_samples * (network.widths[network.n_layers] + 1);
}

// delta (m, block_samples) holds f(x) on entry, 2 w (f(x) - y) on return, 0 for pads; returns sum w |f(x) - y|^2.
// y (m, block_samples) and weight (block_samples) are scratch.
PML_INLINE double residual_block(const pml::Tile& tile, size_t begin, size_t m, double* delta, double* y,
                                 double* weight) {
  const size_t n_here = tile.n - begin < block_samples ? tile.n - begin : block_samples;
  const bool weighted = tile.sample_weight || n_here < block_samples;
  load_block(tile.y, tile.n, m, begin, y);
  if (weighted) {
    for (size_t s = 0; s < block_samples; ++s) {
      weight[s] = s >= n_here ? 0.0 : tile.sample_weight ? tile.sample_weight[begin + s] : 1.0;
    }
  }
  Vec total = set(0.0);
  for (size_t k = 0; k < m; ++k) {
    for (size_t s = 0; s < block_samples; s += lanes) {
      const size_t at = k * block_samples + s;
      const Vec r = load(delta + at) - load(y + at);
      const Vec wr = weighted ? load(weight + s) * r : r;
      total = fma(wr, r, total);
      store(delta + at, wr + wr);
    }
  }
  return sum(total);
}

void gradient(const pml::Network& network, const double* params, const pml::Tile& tile, double* loss_sum,
              double* gradient_sum, double* workspace) {
  const size_t n_layers = network.n_layers;
  const size_t* const widths = network.widths;
  const size_t n_blocks = n_blocks_of(tile.n);
  const size_t stride = gradient_block_stride(network);
  const size_t deltas = block_samples * sum_of_widths(network, 0, n_layers - 1);
  double* const weight = workspace + n_blocks * stride;
  double* const y = weight + block_samples;

  for (size_t b = 0; b < n_blocks; ++b) {
    double* a = workspace + b * stride;
    double* delta = a + deltas;
    load_block(tile.x, tile.n, widths[0], b * block_samples, a);
    for (size_t l = 0; l + 1 < n_layers; ++l) {
      double* const next = a + widths[l] * block_samples;
      layer(network, params, l, a, next, delta);
      a = next;
      delta += widths[l + 1] * block_samples;
    }
    layer(network, params, n_layers - 1, a, delta, nullptr);
    *loss_sum += residual_block(tile, b * block_samples, widths[n_layers], delta, y, weight);
    for (size_t l = n_layers - 1; l > 0; --l) {
      double* const previous = delta - widths[l] * block_samples;
      pull_back(params + network.offsets[l], widths[l], widths[l + 1], delta, previous, previous);
      delta = previous;
    }
  }

  const double* a = workspace;
  const double* delta = workspace + deltas;
  for (size_t l = 0; l < n_layers; ++l) {
    double* const g = gradient_sum + network.offsets[l];
    outer_product(delta, stride, a, stride, n_blocks, widths[l + 1], widths[l], g);
    row_sums(delta, stride, n_blocks, widths[l + 1], g + widths[l] * widths[l + 1]);
    a += widths[l] * block_samples;
    delta += widths[l + 1] * block_samples;
  }
}

}  // namespace
