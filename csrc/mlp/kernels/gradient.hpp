// The sum of squares sum_i w_i |f(x_i) - y_i|^2 and its derivative with respect to all parameters.
//
// Backpropagation: delta_L = 2 w (f(x) - y), delta_l = (W_{l+1}' delta_{l+1}) * s'(z_l),
// dW_l = sum_i delta_l a_{l-1}', db_l = sum_i delta_l.
// Each block goes through all layers, forward and back, while it is in the first-level cache, and the sums of thin
// layers and of biases are taken there. The large sums over samples are taken once a tile, in register blocks.
#pragma once

#include "blocks.hpp"

namespace {

// Per block: a_0 .. a_{L-1}, then delta_1 .. delta_L (s' of the hidden layers first, overwritten by delta).
size_t gradient_block_stride(const pml::Network& network) {
  const size_t last = network.n_layers;
  return block_samples * (sum_of_widths(network, 0, last - 1) + sum_of_widths(network, 1, last));
}

// Whether register blocks would be mostly empty for this layer's weight gradient.
PML_INLINE bool is_thin(size_t n_in, size_t n_out) { return n_in < block_vectors || n_out < block_rows; }

// Numbers of layer l that are summed block by block: its biases, and its weights if it is thin.
PML_INLINE size_t n_block_sums(const pml::Network& network, size_t l) {
  const size_t n_in = network.widths[l], n_out = network.widths[l + 1];
  return n_out + (is_thin(n_in, n_out) ? n_in * n_out : 0);
}

size_t all_block_sums(const pml::Network& network) {
  size_t total = 0;
  for (size_t l = 0; l < network.n_layers; ++l) total += n_block_sums(network, l);
  return total;
}

size_t gradient_workspace(const pml::Network& network, size_t n) {
  return n_blocks_of(n) * gradient_block_stride(network) + block_samples * (network.widths[network.n_layers] + 1) +
         lanes * all_block_sums(network);
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

// delta (m, block_samples) becomes the given cotangent, 0 for pads.
PML_INLINE void cotangent_block(const pml::Tile& tile, size_t begin, size_t m, double* delta) {
  load_block(tile.y, tile.n, m, begin, delta);
  const size_t n_here = tile.n - begin < block_samples ? tile.n - begin : block_samples;
  for (size_t k = 0; k < m; ++k) {
    for (size_t s = n_here; s < block_samples; ++s) delta[k * block_samples + s] = 0.0;
  }
}

// loss_sum null: tile.y is the derivative with respect to the outputs instead of targets.
void backpropagate(const pml::Network& network, const double* params, const pml::Tile& tile,
                              double* loss_sum, double* gradient_sum, double* workspace) {
  const size_t n_layers = network.n_layers;
  const size_t* const widths = network.widths;
  const size_t n_blocks = n_blocks_of(tile.n);
  const size_t stride = gradient_block_stride(network);
  const size_t deltas = block_samples * sum_of_widths(network, 0, n_layers - 1);
  double* const weight = workspace + n_blocks * stride;
  double* const y = weight + block_samples;
  double* const block_sums = y + block_samples * widths[n_layers];
  const size_t n_sums = all_block_sums(network);
  for (size_t i = 0; i < n_sums; ++i) store(block_sums + i * lanes, set(0.0));

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
    if (loss_sum) {
      *loss_sum += residual_block(tile, b * block_samples, widths[n_layers], delta, y, weight);
    } else {
      cotangent_block(tile, b * block_samples, widths[n_layers], delta);
    }
    // The sums of a layer: first its biases, which pull_back adds up for the hidden layers, then a thin layer's weights.
    double* sums = block_sums + (n_sums - n_block_sums(network, n_layers - 1)) * lanes;
    add_rows(delta, widths[n_layers], sums);
    for (size_t l = n_layers - 1;; --l) {
      const size_t n_in = widths[l], n_out = widths[l + 1];
      if (is_thin(n_in, n_out)) add_thin_outer_product(delta, a, n_out, n_in, sums + n_out * lanes);
      if (l == 0) break;
      double* const previous = delta - n_in * block_samples;
      sums -= n_block_sums(network, l - 1) * lanes;
      pull_back(params + network.offsets[l], n_in, n_out, delta, nullptr, previous, previous, sums);
      delta = previous;
      a -= widths[l - 1] * block_samples;
    }
  }

  const double* a = workspace;
  const double* delta = workspace + deltas;
  const double* sums = block_sums;
  for (size_t l = 0; l < n_layers; ++l) {
    const size_t n_in = widths[l], n_out = widths[l + 1];
    double* const g = gradient_sum + network.offsets[l];
    collect_sums(sums, n_out, g + n_in * n_out);
    if (is_thin(n_in, n_out)) {
      collect_sums(sums + n_out * lanes, n_in * n_out, g);
    } else {
      outer_product(delta, stride, a, stride, n_blocks, n_out, n_in, g);
    }
    sums += n_block_sums(network, l) * lanes;
    a += n_in * block_samples;
    delta += n_out * block_samples;
  }
}

void gradient(const pml::Network& network, const double* params, const pml::Tile& tile, double* loss_sum,
              double* gradient_sum, double* workspace) {
  backpropagate(network, params, tile, loss_sum, gradient_sum, workspace);
}

void cotangent_gradient(const pml::Network& network, const double* params, const pml::Tile& tile,
                        double* gradient_sum, double* workspace) {
  backpropagate(network, params, tile, nullptr, gradient_sum, workspace);
}

}  // namespace
