// Gauss-Newton matrix and exact Hessian: the state of a tile, and the products of its rows summed over samples.
//
// With a~ = (a, 1), the parameter (o, i) of layer l has d f_k = delta_kl[o] a~_{l-1}[i], and the Hessian of the loss is
//     H[(l,o,i), (l',o',i')] = sum over samples of
//         (sum_k 2 w delta_kl[o] delta_kl'[o'] + S_ll'[o,o']) a~_{l-1}[i] a~_{l'-1}[i']     (the first part: Gauss-Newton)
//         + a~_{l-1}[i] e_l'[o'] G_ll'[o,i'],   l < l'.
// Each is a matrix product of rows over samples. For l = l' both factors are symmetric, so that pairs o' <= o and
// i' <= i are enough: about half the work of J'J with J given, and S costs one addition. S and G follow from
//     S_ll' = diag(s'_l) W_{l+1}' S_{l+1,l'} for l < l',   S_ll = S_{l,l+1} W_{l+1} diag(s'_l) + diag(q_l),
//     G_{l,l+1} = diag(s'_l),   G_{l,l'+1} = G_ll' W_{l'}' diag(s'_l').
#pragma once

#include "blocks.hpp"

namespace {

// W' e of the widest layer, the targets, and a row of ones.
size_t curvature_workspace(const pml::Network& network) {
  return block_samples * (widest_layer(network) + network.widths[network.n_layers] + 1);
}

// out = u * v for one row of a block.
PML_INLINE void multiply_row(const double* u, const double* v, double* out) {
  PML_UNROLL
  for (size_t j = 0; j < block_samples; j += lanes) store(out + j, load(u + j) * load(v + j));
}

PML_INLINE void copy_row(const double* u, double* out) {
  PML_UNROLL
  for (size_t j = 0; j < block_samples; j += lanes) store(out + j, load(u + j));
}

PML_INLINE void fill_row(double value, double* out) {
  PML_UNROLL
  for (size_t j = 0; j < block_samples; j += lanes) store(out + j, set(value));
}

// S of all pairs of hidden layers, last to first.
PML_INLINE void second_order_s(const pml::Network& network, const double* params, const pml::StateRows& rows,
                               double* block) {
  const size_t last = network.n_layers - 1;  // the last hidden layer
  const auto row = [&](size_t r) { return block + r * block_samples; };
  for (size_t l = last - 1; l > 0; --l) {
    const size_t n = network.widths[l], n_next = network.widths[l + 1];
    const double* const w = params + network.offsets[l];  // W_{l+1} (n_next, n)
    const double* const slope = row(rows.slope[l]);
    for (size_t k = last; k > l; --k) {
      const size_t s = rows.s[l * network.n_layers + k];
      for (size_t p = 0; p < network.widths[k]; ++p) {
        double* const out = row(s + p * n);
        if (l + 1 == last) {
          for (size_t o = 0; o < n; ++o) {
            const Vec weight = set(w[p * n + o]);
            const double* const q = row(rows.q[last] + p);
            PML_UNROLL
            for (size_t j = 0; j < block_samples; j += lanes) {
              const size_t at = o * block_samples + j;
              store(out + at, weight * load(q + j) * load(slope + at));
            }
          }
        } else {
          const double* const next = row(rows.s[(l + 1) * network.n_layers + k] + p * n_next);
          contract(w, 1, n, n, n_next, next, block_samples, nullptr, slope, out, nullptr);
        }
      }
    }
    // S_ll, its lower triangle, and the mirror image where the layer before needs it.
    const double* const next = row(rows.s[l * network.n_layers + l + 1]);
    const size_t s = rows.s[l * network.n_layers + l];
    for (size_t o = 0; o < n; ++o) {
      double* const out = row(s + o * n);
      contract(w, 1, n, o + 1, n_next, next + o * block_samples, n * block_samples, nullptr, slope, out, nullptr);
      double* const diagonal = out + o * block_samples;
      const double* const q = row(rows.q[l] + o);
      PML_UNROLL
      for (size_t j = 0; j < block_samples; j += lanes) store(diagonal + j, load(diagonal + j) + load(q + j));
      for (size_t p = 0; l > 1 && p < o; ++p) copy_row(out + p * block_samples, row(s + p * n + o));
    }
  }
}

PML_INLINE void second_order_g(const pml::Network& network, const double* params, const pml::StateRows& rows,
                               double* block) {
  const size_t n_layers = network.n_layers;
  const auto row = [&](size_t r) { return block + r * block_samples; };
  for (size_t l = 1; l + 2 <= n_layers; ++l) {
    for (size_t k = l + 2; k <= n_layers; ++k) {  // G_lk = d a_{k-1} / d z_l
      const size_t n = network.widths[k - 1], n_before = network.widths[k - 2];
      const double* const w = params + network.offsets[k - 2];  // W_{k-1} (n, n_before)
      const double* const slope = row(rows.slope[k - 1]);
      for (size_t o = 0; o < network.widths[l]; ++o) {
        double* const out = row(rows.g[l * (n_layers + 1) + k] + o * n);
        if (k > l + 2) {
          const double* const before = row(rows.g[l * (n_layers + 1) + k - 1] + o * n_before);
          push_forward(w, n_before, n, before, nullptr, slope, out);
          continue;
        }
        const double* const own = row(rows.slope[l] + o);
        for (size_t i = 0; i < n; ++i) {
          const Vec weight = set(w[i * n_before + o]);
          PML_UNROLL
          for (size_t j = 0; j < block_samples; j += lanes) {
            const size_t at = i * block_samples + j;
            store(out + at, weight * load(own + j) * load(slope + at));
          }
        }
      }
    }
  }
}

void curvature_state(const pml::Network& network, const double* params, const pml::Tile& tile,
                     const pml::StateRows& rows, double* state, double* loss_sum, double* workspace) {
  const size_t n_layers = network.n_layers;
  const size_t* const widths = network.widths;
  const size_t m = widths[n_layers];
  double* const pulled = workspace;
  double* const y = pulled + block_samples * widest_layer(network);
  double* const ones = y + block_samples * m;
  fill_row(1.0, ones);
  Vec loss = set(0.0);

  for (size_t begin = 0; begin < tile.n; begin += block_samples, state += rows.n_rows * block_samples) {
    const auto row = [&](size_t r) { return state + r * block_samples; };
    const size_t n_here = tile.n - begin < block_samples ? tile.n - begin : block_samples;
    double* const weight = row(rows.weight);
    for (size_t s = 0; s < block_samples; ++s) {
      weight[s] = s >= n_here ? 0.0 : tile.sample_weight ? 2.0 * tile.sample_weight[begin + s] : 2.0;
    }
    load_block(tile.x, tile.n, widths[0], begin, row(rows.a[0]));
    load_block(tile.y, tile.n, m, begin, y);

    // Without second order the slope is needed only until delta has been formed there: it takes the place of delta.
    const auto slope = [&](size_t l) { return row(rows.second_order ? rows.slope[l] : rows.delta[l]); };
    for (size_t l = 0; l < n_layers; ++l) {
      fill_row(1.0, row(rows.a[l] + widths[l]));
      if (l + 1 < n_layers) {
        layer(network, params, l, row(rows.a[l]), row(rows.a[l + 1]), slope(l + 1),
              rows.second_order ? row(rows.q[l + 1]) : nullptr);
      } else {
        layer(network, params, l, row(rows.a[l]), row(rows.e[l + 1]), nullptr);
      }
    }
    for (size_t k = 0; k < m; ++k) {
      double* const e = row(rows.e[n_layers] + k);
      PML_UNROLL
      for (size_t j = 0; j < block_samples; j += lanes) {
        const Vec r = load(e + j) - load(y + k * block_samples + j);
        const Vec wr = load(weight + j) * r;
        loss = fma(wr, r, loss);
        store(e + j, wr);
      }
    }

    for (size_t l = n_layers - 1; l > 0; --l) {
      const double* const w = params + network.offsets[l];  // W_{l+1}
      const size_t n = widths[l], n_next = widths[l + 1];
      double* const own_slope = slope(l);
      // e = s' * (W' e), and q = s'' * (W' e) in place of s''.
      pull_back(w, n, n_next, row(rows.e[l + 1]), nullptr, nullptr, pulled, nullptr);
      for (size_t o = 0; o < n; ++o) {
        const size_t at = o * block_samples;
        multiply_row(pulled + at, own_slope + at, row(rows.e[l]) + at);
        if (rows.second_order) multiply_row(pulled + at, row(rows.q[l]) + at, row(rows.q[l]) + at);
      }
      // Output 0 last: without second order its rows hold the slope.
      for (size_t k = m; k-- > 0;) {
        double* const delta = row(rows.delta[l] + k * n);
        if (l + 1 == n_layers) {
          contract(w + k * n, 1, n, n, 1, ones, block_samples, nullptr, own_slope, delta, nullptr);
        } else {
          pull_back(w, n, n_next, row(rows.delta[l + 1] + k * n_next), nullptr, own_slope, delta, nullptr);
        }
        for (size_t o = 0; o < n; ++o) {
          multiply_row(weight, delta + o * block_samples, row(rows.omega[l] + k * n + o));
        }
      }
    }
    if (rows.second_order && n_layers > 1) {
      second_order_s(network, params, rows, state);
      second_order_g(network, params, rows, state);
    }
  }
  *loss_sum += 0.5 * sum(loss);
}

// Products

#if defined(PML_ISA_AVX512) || defined(PML_ISA_NEON)
constexpr size_t product_rows = 8;  // 24 accumulators, 3 held vectors, 1 streamed: 28 of 32 registers
#else
constexpr size_t product_rows = 4;  // 12 accumulators, 3 held vectors, 1 streamed: 16 of 16 registers
#endif
constexpr size_t product_columns = 3;

// Walks the pairs (i, j) of an operand in order.
struct Pair {
  size_t i, j;
};

PML_INLINE Pair pair_at(const pml::Operand& operand, size_t r) {
  if (!operand.triangle) return {r / operand.n_v, r % operand.n_v};
  size_t i = 0;
  while ((i + 1) * (i + 2) / 2 <= r) ++i;
  return {i, r - i * (i + 1) / 2};
}

PML_INLINE void advance(const pml::Operand& operand, Pair& pair) {
  const size_t end = operand.triangle ? pair.i + 1 : operand.n_v;
  if (++pair.j == end) {
    pair.j = 0;
    ++pair.i;
  }
}

// One row of an operand over all blocks of a tile, contiguous.
PML_INLINE void form_row(const pml::Operand& operand, Pair pair, const double* state, size_t block_stride,
                         size_t n_blocks, double* out) {
  const bool added =
      operand.addend != pml::no_row && (!operand.addend_on_diagonal || pair.i == pair.j);
  const double* addend =
      added ? state + (operand.addend + pair.i * operand.addend_i + pair.j * operand.addend_j) * block_samples : nullptr;
  const double* u = state + (operand.u + pair.i) * block_samples;
  const double* v = state + (operand.v + pair.j) * block_samples;
  const size_t u_term = operand.u_term * block_samples, v_term = operand.v_term * block_samples;
  if (operand.n_terms == 1 && !added) {
    for (size_t b = 0; b < n_blocks; ++b, u += block_stride, v += block_stride, out += block_samples) {
      multiply_row(u, v, out);
    }
    return;
  }
  for (size_t b = 0; b < n_blocks; ++b, u += block_stride, v += block_stride, out += block_samples) {
    Vec total[block_vectors];
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) total[j] = added ? load(addend + j * lanes) : set(0.0);
    for (size_t t = 0; t < operand.n_terms; ++t) {
      PML_UNROLL
      for (size_t j = 0; j < block_vectors; ++j) {
        total[j] = fma(load(u + t * u_term + j * lanes), load(v + t * v_term + j * lanes), total[j]);
      }
    }
    PML_UNROLL
    for (size_t j = 0; j < block_vectors; ++j) store(out + j * lanes, total[j]);
    if (added) addend += block_stride;
  }
}

// sums[c * stride + r] += the dot product of held row c and streamed row r, rows n samples long and contiguous.
template <size_t ROWS, size_t COLUMNS>
PML_INLINE void dot_panel(const double* held, const double* streamed, size_t n, double* sums_out, size_t stride) {
  Vec acc[COLUMNS][ROWS];
  PML_UNROLL
  for (size_t c = 0; c < COLUMNS; ++c) {
    PML_UNROLL
    for (size_t r = 0; r < ROWS; ++r) acc[c][r] = set(0.0);
  }
  for (size_t j = 0; j < n; j += lanes) {
    Vec column[COLUMNS];
    PML_UNROLL
    for (size_t c = 0; c < COLUMNS; ++c) column[c] = load(held + c * n + j);
    PML_UNROLL
    for (size_t r = 0; r < ROWS; ++r) {
      const Vec row = in_register(load(streamed + r * n + j));
      PML_UNROLL
      for (size_t c = 0; c < COLUMNS; ++c) acc[c][r] = fma(row, column[c], acc[c][r]);
    }
  }
  PML_UNROLL
  for (size_t c = 0; c < COLUMNS; ++c) {
    double* const out = sums_out + c * stride;
    if (ROWS % lanes == 0) {
      PML_UNROLL
      for (size_t r = 0; r < ROWS; r += lanes) store_any(out + r, load_any(out + r) + sums(acc[c] + r));
    } else {
      PML_UNROLL
      for (size_t r = 0; r < ROWS; ++r) out[r] += sum(acc[c][r]);
    }
  }
}

template <size_t ROWS>
PML_INLINE void dot_rows(const double* held, size_t n_held, const double* streamed, size_t n, double* sums_out,
                         size_t stride) {
  size_t c = 0;
  for (; c + product_columns <= n_held; c += product_columns) {
    dot_panel<ROWS, product_columns>(held + c * n, streamed, n, sums_out + c * stride, stride);
  }
  if (n_held - c == 2) dot_panel<ROWS, 2>(held + c * n, streamed, n, sums_out + c * stride, stride);
  if (n_held - c == 1) dot_panel<ROWS, 1>(held + c * n, streamed, n, sums_out + c * stride, stride);
}

// The held rows, and one panel of streamed rows.
size_t curvature_product_workspace(size_t n_held, size_t n_blocks) {
  return (n_held + product_rows) * n_blocks * block_samples;
}

void curvature_product(const pml::Product& product, size_t begin, size_t end, const double* state, size_t n_rows,
                       size_t n_blocks, double* sums_out, double* workspace) {
  const size_t block_stride = n_rows * block_samples;
  const size_t n = n_blocks * block_samples;
  const size_t n_held = end - begin, n_streamed = product.streamed.count();
  double* const held = workspace;
  double* const streamed = workspace + n_held * n;
  Pair pair = pair_at(product.held, begin);
  for (size_t c = 0; c < n_held; ++c, advance(product.held, pair)) {
    form_row(product.held, pair, state, block_stride, n_blocks, held + c * n);
  }
  pair = {0, 0};
  for (size_t r = 0; r < n_streamed;) {
    const size_t here = n_streamed - r < product_rows ? n_streamed - r : product_rows;
    for (size_t i = 0; i < here; ++i, advance(product.streamed, pair)) {
      form_row(product.streamed, pair, state, block_stride, n_blocks, streamed + i * n);
    }
    const double* rows = streamed;
    double* out = sums_out + r;
    const auto add = [&](auto count) {
      dot_rows<count.value>(held, n_held, rows, n, out, product.stride);
      rows += count.value * n;
      out += count.value;
    };
    if (here == product_rows) {
      add(Count<product_rows>());
    } else {
      if (here & 4) add(Count<4>());
      if (here & 2) add(Count<2>());
      if (here & 1) add(Count<1>());
    }
    r += here;
  }
}

}  // namespace
