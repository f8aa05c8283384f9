// The three matrix products of a network, in register blocks, on blocks of samples.
//
// Layout: a block holds `block_samples` samples feature-major, row f being feature f of all its samples,
// contiguous. block_rows x block_vectors accumulators fill the register file without spilling; they are kept in
// local arrays that the compiler unrolls into registers.
#pragma once

#include "../../numeric/simd.hpp"
#include "../kernel_table.hpp"

namespace {

#if defined(PML_ISA_AVX512) || defined(PML_ISA_NEON)
constexpr size_t block_rows = 5;  // 25 accumulators, 5 loaded vectors, 1 broadcast: 31 of 32 registers
constexpr size_t block_vectors = 5;
#else
constexpr size_t block_rows = 4;  // 12 accumulators, 3 loaded vectors, 1 broadcast: 16 of 16 registers
constexpr size_t block_vectors = 3;
#endif
constexpr size_t block_samples = block_vectors * lanes;

template <size_t ROWS>
struct Accumulators {
  Vec v[ROWS][block_vectors];
};

// acc[r] += sum_k w[r * row_stride + k * k_stride] * a[k], a (n_k, block_samples).
template <size_t ROWS>
PML_INLINE void multiply_add(Accumulators<ROWS>& acc, const double* w, size_t row_stride, size_t k_stride, size_t n_k,
                             const double* a) {
  for (size_t k = 0; k < n_k; ++k) {
    Vec column[block_vectors];
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) column[j] = load(a + j * lanes);
    PML_UNROLL
    for (size_t r = 0; r < ROWS; ++r) {
      const Vec weight = set(w[r * row_stride]);
      PML_UNROLL
      for (size_t j = 0; j < block_vectors; ++j) acc.v[r][j] = fma(weight, column[j], acc.v[r][j]);
    }
    w += k_stride;
    a += block_samples;
  }
}

template <size_t ROWS>
PML_INLINE void affine_rows(const double* w, const double* bias, size_t n_in, const double* a, double* z) {
  Accumulators<ROWS> acc;
  PML_UNROLL
  for (size_t r = 0; r < ROWS; ++r) {
    const Vec b = set(bias[r]);
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) acc.v[r][j] = b;
  }
  multiply_add<ROWS>(acc, w, n_in, 1, n_in, a);
  PML_UNROLL
  for (size_t r = 0; r < ROWS; ++r) {
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) store(z + r * block_samples + j * lanes, acc.v[r][j]);
  }
}

template <size_t ROWS>
PML_INLINE void pull_back_rows(const double* w, size_t n_in, size_t n_out, const double* delta, const double* slope,
                               double* out) {
  Accumulators<ROWS> acc;
  PML_UNROLL
  for (size_t r = 0; r < ROWS; ++r) {
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) acc.v[r][j] = set(0.0);
  }
  multiply_add<ROWS>(acc, w, 1, n_in, n_out, delta);
  PML_UNROLL
  for (size_t r = 0; r < ROWS; ++r) {
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) {
      const size_t at = r * block_samples + j * lanes;
      store(out + at, slope ? acc.v[r][j] * load(slope + at) : acc.v[r][j]);
    }
  }
}

// z = W a + b for one block: w (n_out, n_in), a (n_in, block_samples), z (n_out, block_samples). With an activation,
// z becomes s(z), and slope (the shape of z) s'(z) unless it is null: a panel of rows at a time, still in cache.
template <size_t ROWS>
PML_INLINE void affine_panel(const double* w, const double* bias, size_t n_in, const double* a, double* z,
                             pml::ActivationBlock activation, double* slope) {
  affine_rows<ROWS>(w, bias, n_in, a, z);
  if (activation) activation(z, z, slope, nullptr, ROWS * block_samples);
}

PML_INLINE void affine(const double* w, const double* bias, size_t n_in, size_t n_out, const double* a, double* z,
                       pml::ActivationBlock activation, double* slope) {
  size_t o = 0;
  for (; o + block_rows <= n_out; o += block_rows) {
    const size_t at = o * block_samples;
    affine_panel<block_rows>(w + o * n_in, bias + o, n_in, a, z + at, activation, slope ? slope + at : nullptr);
  }
  const size_t at = o * block_samples;
  double* const slope_rest = slope ? slope + at : nullptr;
  switch (n_out - o) {
    case 4: affine_panel<4>(w + o * n_in, bias + o, n_in, a, z + at, activation, slope_rest); break;
    case 3: affine_panel<3>(w + o * n_in, bias + o, n_in, a, z + at, activation, slope_rest); break;
    case 2: affine_panel<2>(w + o * n_in, bias + o, n_in, a, z + at, activation, slope_rest); break;
    case 1: affine_panel<1>(w + o * n_in, bias + o, n_in, a, z + at, activation, slope_rest); break;
    default: break;
  }
}

// out = (W' delta) * slope for one block, slope null for 1; out may be the same array as slope.
PML_INLINE void pull_back(const double* w, size_t n_in, size_t n_out, const double* delta, const double* slope,
                          double* out) {
  size_t i = 0;
  for (; i + block_rows <= n_in; i += block_rows) {
    const size_t at = i * block_samples;
    pull_back_rows<block_rows>(w + i, n_in, n_out, delta, slope ? slope + at : nullptr, out + at);
  }
  const size_t at = i * block_samples;
  const double* const slope_rest = slope ? slope + at : nullptr;
  switch (n_in - i) {
    case 4: pull_back_rows<4>(w + i, n_in, n_out, delta, slope_rest, out + at); break;
    case 3: pull_back_rows<3>(w + i, n_in, n_out, delta, slope_rest, out + at); break;
    case 2: pull_back_rows<2>(w + i, n_in, n_out, delta, slope_rest, out + at); break;
    case 1: pull_back_rows<1>(w + i, n_in, n_out, delta, slope_rest, out + at); break;
    default: break;
  }
}

// g[r, c] += sum over blocks and samples of delta[r] a[c]; rows of successive blocks lie *_stride doubles apart.
template <size_t ROWS, size_t COLUMNS>
PML_INLINE void outer_panel(const double* delta, size_t delta_stride, const double* a, size_t a_stride,
                            size_t n_blocks, double* g, size_t g_stride) {
  constexpr size_t n_padded = (ROWS * COLUMNS + lanes - 1) / lanes * lanes;
  Vec acc[n_padded];
  PML_UNROLL
  for (size_t i = 0; i < n_padded; ++i) acc[i] = set(0.0);
  for (size_t b = 0; b < n_blocks; ++b) {
    for (size_t j = 0; j < block_samples; j += lanes) {
      Vec column[COLUMNS];
      PML_UNROLL
      for (size_t c = 0; c < COLUMNS; ++c) {
        column[c] = load(a + c * block_samples + j);
        PML_PREFETCH(a + a_stride + c * block_samples + j);
      }
      PML_UNROLL
      for (size_t r = 0; r < ROWS; ++r) {
        const Vec d = load(delta + r * block_samples + j);
        PML_UNROLL
        for (size_t c = 0; c < COLUMNS; ++c) {
          acc[r * COLUMNS + c] = fma(d, column[c], acc[r * COLUMNS + c]);
        }
      }
    }
    delta += delta_stride;
    a += a_stride;
  }
  alignas(64) double totals[n_padded];
  PML_UNROLL
  for (size_t i = 0; i < n_padded; i += lanes) store(totals + i, sums(acc + i));
  PML_UNROLL
  for (size_t r = 0; r < ROWS; ++r) {
    PML_UNROLL
    for (size_t c = 0; c < COLUMNS; ++c) g[r * g_stride + c] += totals[r * COLUMNS + c];
  }
}

template <size_t ROWS>
PML_INLINE void outer_rows(const double* delta, size_t delta_stride, const double* a, size_t a_stride, size_t n_blocks,
                           double* g, size_t n_in) {
  size_t i = 0;
  for (; i + block_vectors <= n_in; i += block_vectors) {
    outer_panel<ROWS, block_vectors>(delta, delta_stride, a + i * block_samples, a_stride, n_blocks, g + i, n_in);
  }
  a += i * block_samples;
  g += i;
  switch (n_in - i) {
    case 4: outer_panel<ROWS, 4>(delta, delta_stride, a, a_stride, n_blocks, g, n_in); break;
    case 3: outer_panel<ROWS, 3>(delta, delta_stride, a, a_stride, n_blocks, g, n_in); break;
    case 2: outer_panel<ROWS, 2>(delta, delta_stride, a, a_stride, n_blocks, g, n_in); break;
    case 1: outer_panel<ROWS, 1>(delta, delta_stride, a, a_stride, n_blocks, g, n_in); break;
    default: break;
  }
}

// g (n_out, n_in) += sum over all samples of delta a'.
PML_INLINE void outer_product(const double* delta, size_t delta_stride, const double* a, size_t a_stride,
                              size_t n_blocks, size_t n_out, size_t n_in, double* g) {
  size_t o = 0;
  for (; o + block_rows <= n_out; o += block_rows) {
    outer_rows<block_rows>(delta + o * block_samples, delta_stride, a, a_stride, n_blocks, g + o * n_in, n_in);
  }
  delta += o * block_samples;
  g += o * n_in;
  switch (n_out - o) {
    case 4: outer_rows<4>(delta, delta_stride, a, a_stride, n_blocks, g, n_in); break;
    case 3: outer_rows<3>(delta, delta_stride, a, a_stride, n_blocks, g, n_in); break;
    case 2: outer_rows<2>(delta, delta_stride, a, a_stride, n_blocks, g, n_in); break;
    case 1: outer_rows<1>(delta, delta_stride, a, a_stride, n_blocks, g, n_in); break;
    default: break;
  }
}

// g[o] += sum over all samples of delta[o].
PML_INLINE void row_sums(const double* delta, size_t delta_stride, size_t n_blocks, size_t n_out, double* g) {
  for (size_t o = 0; o < n_out; ++o) {
    Vec acc[block_vectors];
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) acc[j] = set(0.0);
    for (size_t b = 0; b < n_blocks; ++b) {
      const double* const row = delta + b * delta_stride + o * block_samples;
      PML_UNROLL
      for (size_t j = 0; j < block_vectors; ++j) acc[j] = acc[j] + load(row + j * lanes);
    }
    Vec total = acc[0];
    PML_UNROLL
    for (size_t j = 1; j < block_vectors; ++j) total = total + acc[j];
    g[o] += sum(total);
  }
}

}  // namespace
