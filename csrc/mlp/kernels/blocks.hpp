// From rows of the batch to feature-major blocks and back, and the walk of one block through the layers.
#pragma once

#include "products.hpp"

namespace {

PML_INLINE size_t n_blocks_of(size_t n) { return (n + block_samples - 1) / block_samples; }

// Sum of widths from layer `first` to layer `last`, both included.
PML_INLINE size_t sum_of_widths(const pml::Network& network, size_t first, size_t last) {
  size_t total = 0;
  for (size_t l = first; l <= last; ++l) total += network.widths[l];
  return total;
}

PML_INLINE size_t widest_layer(const pml::Network& network) {
  size_t widest = 0;
  for (size_t l = 0; l <= network.n_layers; ++l) widest = network.widths[l] > widest ? network.widths[l] : widest;
  return widest;
}

// Rows [begin, begin + block_samples) of x (n, width) into a (width, block_samples). Rows past the end repeat
// the last one, so that a pad is finite wherever the data are.
PML_INLINE void load_block(const double* x, size_t n, size_t width, size_t begin, double* a) {
  const double* const rows = x + begin * width;
  const size_t n_here = n - begin < block_samples ? n - begin : block_samples;
  for (size_t f = 0; f < width; ++f) {
    double* const feature = a + f * block_samples;
    for (size_t s = 0; s < n_here; ++s) feature[s] = rows[s * width + f];
    for (size_t s = n_here; s < block_samples; ++s) feature[s] = feature[n_here - 1];
  }
}

// Layer l of the network on one block, with its activation unless it is the last; slope and second, its derivatives,
// null where unwanted.
PML_INLINE void layer(const pml::Network& network, const double* params, size_t l, const double* a, double* out,
                      double* slope, double* second = nullptr) {
  const size_t n_in = network.widths[l], n_out = network.widths[l + 1];
  const double* const w = params + network.offsets[l];
  affine(w, w + n_in * n_out, n_in, n_out, a, out, l + 1 < network.n_layers ? network.activation : nullptr, slope,
         second);
}

}  // namespace
