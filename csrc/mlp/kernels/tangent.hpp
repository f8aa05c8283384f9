// Derivatives along one direction v of parameter space, which has a weight V_l and a bias c_l for every W_l and b_l.
//
// A dot is the derivative along v: z'_l = W_l a'_{l-1} + V_l a_{l-1} + c_l, a'_l = s'(z_l) z'_l, a'_0 = 0, and once more
// z''_l = W_l a''_{l-1} + 2 V_l a'_{l-1}, a''_l = s'' z'^2 + s' z''.
// Backpropagation gives the gradient's own derivative, H v (Pearlmutter 1994): with t_l = W_{l+1}' delta_{l+1},
// delta_l = s' t_l, its derivative is s' (W' delta'_{l+1} + V' delta_{l+1}) + s'' z'_l t_l, and
// dW_l' = sum delta'_l a_{l-1}' + delta_l a'_{l-1}'.
#pragma once

#include "gradient.hpp"

namespace {

// Per block: a_l and a'_l for l < L, then delta_l and delta'_l for 0 < l <= L (first s' and s'' z' of the hidden layers).
size_t hessian_vector_stride(const pml::Network& network) { return 2 * gradient_block_stride(network); }

size_t hessian_vector_workspace(const pml::Network& network, size_t n) {
  return n_blocks_of(n) * hessian_vector_stride(network) +
         block_samples * (widest_layer(network) + network.widths[network.n_layers] + 1) +
         lanes * sum_of_widths(network, 1, network.n_layers);
}

void hessian_vector(const pml::Network& network, const double* params, const double* v, const pml::Tile& tile,
                    double* product_sum, double* workspace) {
  const size_t n_layers = network.n_layers;
  const size_t* const widths = network.widths;
  const size_t m = widths[n_layers];
  const size_t n_blocks = n_blocks_of(tile.n);
  const size_t stride = hessian_vector_stride(network);
  const size_t n_a = block_samples * sum_of_widths(network, 0, n_layers - 1);
  const size_t n_delta = block_samples * sum_of_widths(network, 1, n_layers);
  double* const weight = workspace + n_blocks * stride;
  double* const y = weight + block_samples;
  double* const pulled = y + block_samples * m;
  double* const bias_sums = pulled + block_samples * widest_layer(network);
  for (size_t i = 0; i < sum_of_widths(network, 1, n_layers); ++i) store(bias_sums + i * lanes, set(0.0));

  for (size_t b = 0; b < n_blocks; ++b) {
    double* a = workspace + b * stride;
    double* delta = a + 2 * n_a;
    load_block(tile.x, tile.n, widths[0], b * block_samples, a);
    for (size_t i = 0; i < widths[0] * block_samples; i += lanes) store(a + n_a + i, set(0.0));
    for (size_t l = 0; l < n_layers; ++l) {
      const size_t n_in = widths[l], n_out = widths[l + 1];
      const double* const w = params + network.offsets[l];
      const double* const vw = v + network.offsets[l];
      const bool last = l + 1 == n_layers;
      double* const next = last ? delta : a + n_in * block_samples;
      double* const next_tangent = next + (last ? n_delta : n_a);
      affine(vw, vw + n_in * n_out, n_in, n_out, a, next_tangent, nullptr, nullptr, nullptr);
      push_forward(w, n_in, n_out, a + n_a, next_tangent, nullptr, next_tangent);
      layer(network, params, l, a, next, last ? nullptr : delta, last ? nullptr : delta + n_delta);
      if (last) break;
      for (size_t i = 0; i < n_out * block_samples; i += lanes) {
        const Vec z_tangent = load(next_tangent + i);
        store(delta + n_delta + i, load(delta + n_delta + i) * z_tangent);
        store(next_tangent + i, load(delta + i) * z_tangent);
      }
      a = next;
      delta += n_out * block_samples;
    }

    // delta holds f(x), its tangent f'.
    residual_block(tile, b * block_samples, m, delta, y, weight);
    const size_t n_here = tile.n - b * block_samples < block_samples ? tile.n - b * block_samples : block_samples;
    for (size_t k = 0; k < m; ++k) {
      for (size_t s = 0; s < block_samples; ++s) {
        const double w = s >= n_here ? 0.0 : tile.sample_weight ? tile.sample_weight[b * block_samples + s] : 1.0;
        delta[n_delta + k * block_samples + s] *= 2.0 * w;
      }
    }
    size_t sums_at = sum_of_widths(network, 1, n_layers - 1);
    for (size_t l = n_layers - 1;; --l) {
      const size_t n_in = widths[l], n_out = widths[l + 1];
      add_rows(delta + n_delta, n_out, bias_sums + sums_at * lanes);
      if (l == 0) break;
      const double* const w = params + network.offsets[l];
      double* const previous = delta - n_in * block_samples;
      pull_back(v + network.offsets[l], n_in, n_out, delta, nullptr, nullptr, pulled, nullptr);
      pull_back(w, n_in, n_out, delta + n_delta, pulled, previous, pulled, nullptr);  // s' (W' delta' + V' delta)
      double* const curved = previous + n_delta;                                      // s'' z'
      pull_back(w, n_in, n_out, delta, nullptr, curved, curved, nullptr);             // s'' z' t
      for (size_t i = 0; i < n_in * block_samples; i += lanes) store(curved + i, load(curved + i) + load(pulled + i));
      pull_back(w, n_in, n_out, delta, nullptr, previous, previous, nullptr);
      delta = previous;
      sums_at -= n_in;
    }
  }

  const double* a = workspace;
  const double* delta = workspace + 2 * n_a;
  const double* sums = bias_sums;
  for (size_t l = 0; l < n_layers; ++l) {
    const size_t n_in = widths[l], n_out = widths[l + 1];
    double* const product = product_sum + network.offsets[l];
    outer_product(delta + n_delta, stride, a, stride, n_blocks, n_out, n_in, product);
    if (l > 0) outer_product(delta, stride, a + n_a, stride, n_blocks, n_out, n_in, product);
    collect_sums(sums, n_out, product + n_in * n_out);
    sums += n_out * lanes;
    a += n_in * block_samples;
    delta += n_out * block_samples;
  }
}

// a, a', a'' of two layers in turn, and s', s'' of one.
size_t directional_workspace(const pml::Network& network) { return 8 * block_samples * widest_layer(network); }

void directional(const pml::Network& network, const double* params, const double* v, const pml::Tile& tile,
                 double* first, double* second, double* workspace) {
  const size_t n_layers = network.n_layers;
  const size_t* const widths = network.widths;
  const size_t m = widths[n_layers];
  const size_t row = block_samples * widest_layer(network);
  double* const slope = workspace + 6 * row;
  double* const curvature = slope + row;
  for (size_t begin = 0; begin < tile.n; begin += block_samples) {
    double* a = workspace;  // a, a', a''
    double* next = workspace + 3 * row;
    load_block(tile.x, tile.n, widths[0], begin, a);
    for (size_t l = 0; l < n_layers; ++l) {
      const size_t n_in = widths[l], n_out = widths[l + 1];
      const double* const w = params + network.offsets[l];
      const double* const vw = v + network.offsets[l];
      const bool last = l + 1 == n_layers;
      affine(vw, vw + n_in * n_out, n_in, n_out, a, next + row, nullptr, nullptr, nullptr);
      if (l > 0) {
        push_forward(w, n_in, n_out, a + row, next + row, nullptr, next + row);
        push_forward(vw, n_in, n_out, a + row, nullptr, nullptr, next + 2 * row);
        for (size_t i = 0; i < n_out * block_samples; i += lanes) {
          store(next + 2 * row + i, load(next + 2 * row + i) + load(next + 2 * row + i));
        }
        push_forward(w, n_in, n_out, a + 2 * row, next + 2 * row, nullptr, next + 2 * row);
      } else {
        for (size_t i = 0; i < n_out * block_samples; i += lanes) store(next + 2 * row + i, set(0.0));
      }
      if (!last) {
        layer(network, params, l, a, next, slope, curvature);
        for (size_t i = 0; i < n_out * block_samples; i += lanes) {
          const Vec z1 = load(next + row + i), z2 = load(next + 2 * row + i), s1 = load(slope + i);
          store(next + row + i, s1 * z1);
          store(next + 2 * row + i, fma(load(curvature + i) * z1, z1, s1 * z2));
        }
      }
      double* const swap = a;
      a = next;
      next = swap;
    }
    for (size_t s = 0; s < block_samples && begin + s < tile.n; ++s) {
      for (size_t k = 0; k < m; ++k) {
        first[(begin + s) * m + k] = a[row + k * block_samples + s];
        second[(begin + s) * m + k] = a[2 * row + k * block_samples + s];
      }
    }
  }
}

}  // namespace
