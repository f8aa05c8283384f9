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

// A number known when compiling, as an argument.
template <size_t N>
struct Count {
  static constexpr size_t value = N;
};

template <size_t ROWS>
struct Accumulators {
  Vec v[ROWS][block_vectors];
};

// acc[r] += sum_k w[r * row_stride + k * k_stride] * a[k], rows a[k] of a block a_stride doubles apart.
template <size_t ROWS>
PML_INLINE void multiply_add(Accumulators<ROWS>& acc, const double* w, size_t row_stride, size_t k_stride, size_t n_k,
                             const double* a, size_t a_stride) {
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
    a += a_stride;
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
  multiply_add<ROWS>(acc, w, n_in, 1, n_in, a, block_samples);
  PML_UNROLL
  for (size_t r = 0; r < ROWS; ++r) {
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) store(z + r * block_samples + j * lanes, acc.v[r][j]);
  }
}

template <size_t ROWS>
PML_INLINE void contract_rows(const double* w, size_t row_stride, size_t k_stride, size_t n_k, const double* a,
                              size_t a_stride, const double* addend, const double* slope, double* out,
                              double* row_sums) {
  Accumulators<ROWS> acc;
  PML_UNROLL
  for (size_t r = 0; r < ROWS; ++r) {
    const Vec weight = set(w[r * row_stride]);
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) {
      const Vec first = load(a + j * lanes);
      acc.v[r][j] = addend ? fma(weight, first, load(addend + r * block_samples + j * lanes)) : weight * first;
    }
  }
  multiply_add<ROWS>(acc, w + k_stride, row_stride, k_stride, n_k - 1, a + a_stride, a_stride);
  PML_UNROLL
  for (size_t r = 0; r < ROWS; ++r) {
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) {
      const size_t at = r * block_samples + j * lanes;
      if (slope) acc.v[r][j] = acc.v[r][j] * load(slope + at);
      store(out + at, acc.v[r][j]);
    }
    if (row_sums) {
      Vec total = load(row_sums + r * lanes);
      PML_UNROLL
      for (size_t j = 0; j < block_vectors; ++j) total = total + acc.v[r][j];
      store(row_sums + r * lanes, total);
    }
  }
}

// Rows that go through the activation together: few enough to be in the first-level cache still, and a multiple of
// the pack of vectors that the activations work on.
constexpr size_t activation_rows = 4 * block_rows;

PML_INLINE void activate_rows(pml::ActivationBlock activation, double* z, double* slope, double* second, size_t begin,
                              size_t end) {
  const size_t at = begin * block_samples;
  if (activation && end > begin) {
    activation(z + at, z + at, slope ? slope + at : nullptr, second ? second + at : nullptr,
               (end - begin) * block_samples);
  }
}

// z = W a + b for one block: w (n_out, n_in), a (n_in, block_samples), z (n_out, block_samples). With an activation,
// z becomes s(z), and slope and second (the shape of z) s'(z) and s''(z) unless they are null.
PML_INLINE void affine(const double* w, const double* bias, size_t n_in, size_t n_out, const double* a, double* z,
                       pml::ActivationBlock activation, double* slope, double* second) {
  size_t o = 0, activated = 0;
  for (; o + block_rows <= n_out; o += block_rows) {
    if (o - activated == activation_rows) {
      activate_rows(activation, z, slope, second, activated, o);
      activated = o;
    }
    affine_rows<block_rows>(w + o * n_in, bias + o, n_in, a, z + o * block_samples);
  }
  const double* const w_rest = w + o * n_in;
  double* const z_rest = z + o * block_samples;
  switch (n_out - o) {
    case 4: affine_rows<4>(w_rest, bias + o, n_in, a, z_rest); break;
    case 3: affine_rows<3>(w_rest, bias + o, n_in, a, z_rest); break;
    case 2: affine_rows<2>(w_rest, bias + o, n_in, a, z_rest); break;
    case 1: affine_rows<1>(w_rest, bias + o, n_in, a, z_rest); break;
    default: break;
  }
  activate_rows(activation, z, slope, second, activated, n_out);
}

// out[r] = (sum_k w[r * row_stride + k * k_stride] a[k] + addend[r]) * slope[r] for one block, n_rows rows from n_k > 0
// rows of a, which lie a_stride apart. addend null stands for 0, slope null for 1; out may be the same array as either.
// Unless row_sums is null, row_sums[r] += out[r], as vectors of `lanes` partial sums.
PML_INLINE void contract(const double* w, size_t row_stride, size_t k_stride, size_t n_rows, size_t n_k,
                         const double* a, size_t a_stride, const double* addend, const double* slope, double* out,
                         double* row_sums) {
  const auto from = [](auto* array, size_t row, size_t stride) { return array ? array + row * stride : nullptr; };
  const auto rows = [&](auto count, size_t r) {
    contract_rows<count.value>(w + r * row_stride, row_stride, k_stride, n_k, a, a_stride,
                               from(addend, r, block_samples), from(slope, r, block_samples), out + r * block_samples,
                               from(row_sums, r, lanes));
  };
  size_t r = 0;
  for (; r + block_rows <= n_rows; r += block_rows) rows(Count<block_rows>(), r);
  switch (n_rows - r) {
    case 4: rows(Count<4>(), r); break;
    case 3: rows(Count<3>(), r); break;
    case 2: rows(Count<2>(), r); break;
    case 1: rows(Count<1>(), r); break;
    default: break;
  }
}

// out = (W' delta + addend) * slope for one block, w (n_out, n_in): see contract.
PML_INLINE void pull_back(const double* w, size_t n_in, size_t n_out, const double* delta, const double* addend,
                          const double* slope, double* out, double* row_sums) {
  contract(w, 1, n_in, n_in, n_out, delta, block_samples, addend, slope, out, row_sums);
}

// out = (W a + addend) * slope for one block, w (n_out, n_in): see contract.
PML_INLINE void push_forward(const double* w, size_t n_in, size_t n_out, const double* a, const double* addend,
                             const double* slope, double* out) {
  contract(w, n_in, 1, n_out, n_in, a, block_samples, addend, slope, out, nullptr);
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

// Sums over samples that are too thin for register blocks are kept as vectors of `lanes` partial sums, one for each
// number wanted, and taken block by block while the block is in the first-level cache.

// sums[r] += sum_j held[j] rows[r][j] for each of n_rows rows of one block; sums of successive rows lie `stride` apart.
PML_INLINE void add_products(const double* held, const double* rows, size_t n_rows, double* partial, size_t stride) {
  Vec h[block_vectors];
  PML_UNROLL
  for (size_t j = 0; j < block_vectors; ++j) h[j] = load(held + j * lanes);
  for (size_t r = 0; r < n_rows; ++r) {
    Vec total = load(partial + r * stride);
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) total = fma(h[j], load(rows + r * block_samples + j * lanes), total);
    store(partial + r * stride, total);
  }
}

// sums[o, i] += delta[o] a[i] over one block.
PML_INLINE void add_thin_outer_product(const double* delta, const double* a, size_t n_out, size_t n_in,
                                       double* partial) {
  if (n_out <= n_in) {
    for (size_t o = 0; o < n_out; ++o) {
      add_products(delta + o * block_samples, a, n_in, partial + o * n_in * lanes, lanes);
    }
  } else {
    for (size_t i = 0; i < n_in; ++i) {
      add_products(a + i * block_samples, delta, n_out, partial + i * lanes, n_in * lanes);
    }
  }
}

// sums[r] += rows[r] over one block.
PML_INLINE void add_rows(const double* rows, size_t n_rows, double* partial) {
  for (size_t r = 0; r < n_rows; ++r) {
    Vec total = load(partial + r * lanes);
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) total = total + load(rows + r * block_samples + j * lanes);
    store(partial + r * lanes, total);
  }
}

// g[i] += the sum of the lanes of sums[i].
PML_INLINE void collect_sums(const double* partial, size_t n, double* g) {
  for (size_t i = 0; i < n; ++i) g[i] += sum(load(partial + i * lanes));
}

}  // namespace
