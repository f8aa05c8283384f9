// Point location by visibility walks, many at a time, and what is made of the weights they end with.
//
// A walk crosses the facet of the most negative weight until no weight is surely negative. In a Delaunay triangulation
// such walks can't go round in circles (Edelsbrunner 1990), and wherever one ends, the weights themselves prove that
// the query is there: how the walk came to be there has no say. A tile's walks advance together, one simplex a round,
// and nothing in a round branches on the data: a finished walk merely isn't copied to the list of the next round.
#pragma once

#include "barycentric.hpp"

namespace {

union Word {
  double value;
  uint64_t bits;
};

// The last bits of a weight make room for its index, so that the least of the tagged weights tells both.
constexpr uint64_t tag_mask = 31;

PML_INLINE double tagged(double w, uint64_t k) {
  Word word;
  word.value = w;
  word.bits = (word.bits & ~tag_mask) | k;
  return word.value;
}

PML_INLINE size_t tag_of(double w) {
  Word word;
  word.value = w;
  return word.bits & tag_mask;
}

// The smaller number, by an instruction: no branch could be predicted, and compilers must be kept from one.
PML_INLINE double smaller(double a, double b) {
  double least = a < b ? a : b;
#if defined(__GNUC__) && (defined(PML_ISA_AVX512) || defined(PML_ISA_AVX2) || defined(PML_ISA_SSE2))
  __asm__("" : "+x"(least));
#elif defined(__GNUC__) && defined(PML_ISA_NEON)
  __asm__("" : "+w"(least));
#endif
  return least;
}

PML_INLINE const int32_t* neighbors_of(const double* record, size_t d) {
  return reinterpret_cast<const int32_t*>(record + d * d + d);
}

PML_INLINE double error_of(const double* record, size_t d) {
  return static_cast<double>(reinterpret_cast<const float*>(record + d * d + d)[d + 1]);
}

// The functions below take the dimension as D where it is known to the compiler, else D is 0 and it is t.d.
template <size_t D>
PML_INLINE size_t dimension(const pml::Triangulation& t) { return D != 0 ? D : t.d; }

// w (d + 1,) of x; returns the least, tagged. Where vectors go, w has room for what they hold past d.
template <size_t D>
PML_INLINE double weigh(const double* record, const double* x, size_t d, double* w) {
  // A column's last vector may reach into p_d, but not past it.
  constexpr size_t vectors = D == 0 ? 0 : (D + lanes - 1) / lanes;
  constexpr bool by_vectors = D > 2 && vectors * lanes <= 2 * D;
  const double* const origin = record + d * d;
  double sum, least;
  if (D == 2) {
    const double u = x[0] - origin[0], v = x[1] - origin[1];
    const double w0 = record[0] * u + record[2] * v, w1 = record[1] * u + record[3] * v;
    w[0] = w0;
    w[1] = w1;
    const double w2 = 1.0 - (w0 + w1);
    w[2] = w2;
    return smaller(tagged(w2, 2), smaller(tagged(w1, 1), tagged(w0, 0)));
  }
  if (by_vectors) {
    Vec sums[vectors + 1];
    PML_UNROLL
    for (size_t i = 0; i < vectors; ++i) sums[i] = set(0.0);
    PML_UNROLL
    for (size_t j = 0; j < D; ++j) {
      const Vec offset = set(x[j] - origin[j]);
      PML_UNROLL
      for (size_t i = 0; i < vectors; ++i) sums[i] = fma(load_any(record + j * D + i * lanes), offset, sums[i]);
    }
    PML_UNROLL
    for (size_t i = 0; i < vectors; ++i) store_any(w + i * lanes, sums[i]);
  } else {
    for (size_t k = 0; k < d; ++k) w[k] = record[k] * (x[0] - origin[0]);
    for (size_t j = 1; j < d; ++j) {
      const double offset = x[j] - origin[j];
      for (size_t k = 0; k < d; ++k) w[k] += record[j * d + k] * offset;
    }
  }
  sum = w[0];
  least = tagged(w[0], 0);
  PML_UNROLL
  for (size_t k = 1; k < d; ++k) {
    sum += w[k];
    least = smaller(tagged(w[k], k), least);
  }
  w[d] = 1.0 - sum;
  return smaller(tagged(w[d], d), least);
}

// The weights of the nearest point of facet k: x moves along R_k, until w_k = 0.
void project(const double* record, size_t d, size_t k, double* w) {
  double norm = 0.0;
  for (size_t j = 0; j < d; ++j) norm += row_entry(record, d, k, j) * row_entry(record, d, k, j);
  const double step = w[k] / norm;
  for (size_t i = 0; i <= d; ++i) {
    double product = 0.0;
    for (size_t j = 0; j < d; ++j) product += row_entry(record, d, i, j) * row_entry(record, d, k, j);
    w[i] -= step * product;
  }
  w[k] = 0.0;
}

// Bits of a point's coordinates, mixed (FNV-1a by words, and a last shuffle). Adding 0 makes -0 the 0 it equals.
PML_INLINE uint64_t coordinate_hash(const double* x, size_t d) {
  uint64_t hash = 14695981039346656037u;
  for (size_t j = 0; j < d; ++j) {
    Word word;
    word.value = x[j] + 0.0;
    hash = (hash ^ word.bits) * 1099511628211u;
    hash ^= hash >> 29;
  }
  return hash ^ hash >> 32;
}

PML_INLINE bool equal(const double* a, const double* b, size_t d) {
  bool same = true;
  for (size_t j = 0; j < d; ++j) same = same && a[j] == b[j];
  return same;
}

size_t slot(const pml::Triangulation& t, const double* x) {
  size_t place = coordinate_hash(x, t.d) & (t.slots - 1);
  while (t.slot_vertex[place] >= 0 && !equal(t.points + static_cast<size_t>(t.slot_vertex[place]) * t.d, x, t.d)) {
    place = (place + 1) & (t.slots - 1);
  }
  return place;
}

// Decides what a round could not: a data point gets its vertex; a simplex with large errors weighs in double-double;
// a query beyond the hull, or between two simplices with flat ones left out, by no more than rounding moves onto the
// facet. Among several facets to cross, chance takes one, and the one just crossed comes last, so that circles,
// possible where the triangulation isn't Delaunay's, come to an end.
int32_t settle(const pml::Triangulation& t, const double* x, int32_t& simplex, double* w) {
  const size_t d = t.d;
  const size_t place = slot(t, x);
  if (t.slot_vertex[place] >= 0) {
    simplex = t.slot_simplex[place];
    const int32_t* const vertices = t.vertices + static_cast<size_t>(simplex) * (d + 1);
    for (size_t k = 0; k <= d; ++k) w[k] = vertices[k] == t.slot_vertex[place] ? 1.0 : 0.0;
    return pml::found;
  }
  int32_t before = pml::no_neighbor;
  uint64_t random = 1;
  for (size_t step = 0; step < t.max_steps; ++step) {
    const size_t s = static_cast<size_t>(simplex);
    const double* const record = t.records + s * pml::record_stride(d);
    const int32_t* const neighbors = neighbors_of(record, d);
    double error = error_of(record, d);
    if (error > pml::fine(d)) {
      exact_weights(t, s, x, w);
      error *= 0x1p-44;  // 2^-104 in place of 2^-53, and some
    } else {
      weigh<0>(record, x, d, w);
    }
    int32_t next = pml::no_neighbor;
    uint64_t n_choices = 0;
    bool back = false, blocked = false;
    for (size_t k = 0; k <= d; ++k) {
      if (!(w[k] < -error)) continue;
      const bool beyond = w[k] < -facet_tolerance(t, s, k);
      if (neighbors[k] == pml::no_neighbor) {
        if (beyond) return pml::outside;  // the hull is convex: beyond one facet is outside
      } else if (neighbors[k] == pml::blocked_neighbor) {
        blocked = blocked || beyond;
      } else if (neighbors[k] == before) {
        back = back || beyond;
      } else {
        random = random * 6364136223846793005u + 1442695040888963407u;
        if ((random >> 33) % ++n_choices == 0) next = neighbors[k];
      }
    }
    if (next < 0 && back) next = before;
    if (next < 0) {
      if (blocked) return pml::undecided;
      for (size_t k = 0; k <= d; ++k) {
        if (w[k] < -error) project(record, d, k, w);
      }
      return pml::found;
    }
    before = simplex;
    simplex = next;
  }
  return pml::undecided;
}

struct Active {
  int32_t simplex;
  uint32_t row;
};

template <size_t D>
void walk_tile(const pml::Triangulation& t, const double* x, size_t n, int32_t* simplex, int32_t* status,
               double* weights) {
  const size_t d = dimension<D>(t), stride = pml::record_stride(d), row_stride = pml::weight_stride(d);
  Active active[pml::walk_tile];
  size_t n_active = 0;
  for (size_t i = 0; i < n; ++i) {
    const int32_t s = simplex[i];
    status[i] = pml::outside;
    active[n_active] = {s, static_cast<uint32_t>(i)};
    const bool walks = s >= 0;
    n_active += walks;
    const double* const record = t.records + static_cast<size_t>(walks ? s : 0) * stride;
    PML_UNROLL
    for (size_t line = 0; line < stride; line += 8) PML_PREFETCH(record + line);
  }
  for (size_t round = 0; n_active > 0 && round < t.max_steps; ++round) {
    size_t n_left = 0;
    for (size_t a = 0; a < n_active; ++a) {
      const Active walk = active[a];
      const double* const record = t.records + static_cast<size_t>(walk.simplex) * stride;
      const double least = weigh<D>(record, x + walk.row * d, d, weights + walk.row * row_stride);
      const double error = error_of(record, d);
      const int32_t neighbor = neighbors_of(record, d)[tag_of(least)];
      const int32_t crosses = static_cast<int32_t>(least < -error) & static_cast<int32_t>(neighbor >= 0);
      const int32_t sure = static_cast<int32_t>(least > pml::fine(d)) & static_cast<int32_t>(error <= pml::fine(d));
      simplex[walk.row] = walk.simplex;
      status[walk.row] = (1 - sure) * pml::undecided;
      const int32_t next = walk.simplex ^ ((walk.simplex ^ neighbor) & -crosses);
      active[n_left] = {next, walk.row};
      n_left += static_cast<size_t>(crosses);
      const double* const ahead = t.records + static_cast<size_t>(next) * stride;
      PML_UNROLL
      for (size_t line = 0; line < stride; line += 8) PML_PREFETCH(ahead + line);
    }
    n_active = n_left;
  }
  for (size_t i = 0; i < n; ++i) {
    PML_PREFETCH(t.vertices + static_cast<size_t>(simplex[i]) * (d + 1));
    if (status[i] == pml::undecided) status[i] = settle(t, x + i * d, simplex[i], weights + i * row_stride);
  }
}

void walk(const pml::Triangulation& t, const double* x, size_t n, int32_t* simplex, int32_t* status, double* weights) {
  switch (t.d) {
    case 2: return walk_tile<2>(t, x, n, simplex, status, weights);
    case 3: return walk_tile<3>(t, x, n, simplex, status, weights);
    case 4: return walk_tile<4>(t, x, n, simplex, status, weights);
    case 5: return walk_tile<5>(t, x, n, simplex, status, weights);
    case 6: return walk_tile<6>(t, x, n, simplex, status, weights);
    case 7: return walk_tile<7>(t, x, n, simplex, status, weights);
    case 8: return walk_tile<8>(t, x, n, simplex, status, weights);
    default: return walk_tile<0>(t, x, n, simplex, status, weights);
  }
}

template <size_t D>
void start_rows(const pml::Triangulation& t, const double* x, size_t n, int32_t* simplex) {
  const size_t d = dimension<D>(t);
  double low[pml::max_dimensions], scale[pml::max_dimensions], last[pml::max_dimensions], end[pml::max_dimensions];
  int32_t bits[pml::max_dimensions];
  for (size_t j = 0; j < d; ++j) {
    low[j] = t.grid.low[j];
    scale[j] = t.grid.scale[j];
    bits[j] = t.grid.bits[j];
    last[j] = static_cast<double>((int64_t{1} << bits[j]) - 1);
    end[j] = (last[j] + 1.0) * (1.0 + 0x1p-50);  // not to lose what the next line rounds
  }
  size_t cells[pml::walk_tile];
  for (size_t begin = 0; begin < n; begin += pml::walk_tile) {
    const size_t here = n - begin < pml::walk_tile ? n - begin : pml::walk_tile;
    for (size_t i = 0; i < here; ++i, x += d) {
      int32_t inside = 1;
      size_t cell = 0;
      for (size_t j = 0; j < d; ++j) {
        const double along = (x[j] - low[j]) * scale[j];
        inside &= static_cast<int32_t>(along >= 0.0) & static_cast<int32_t>(along <= end[j]);
        const double clamped = smaller(along > 0.0 ? along : 0.0, last[j]);  // 0 for what isn't a number
        cell = (cell << bits[j]) | static_cast<size_t>(static_cast<int64_t>(clamped));
      }
      cells[i] = cell;
      simplex[begin + i] = inside;
      PML_PREFETCH(t.grid.start + cell);
    }
    for (size_t i = 0; i < here; ++i) {
      const int32_t s = t.grid.start[cells[i]];
      simplex[begin + i] = s | (simplex[begin + i] - 1);  // outside, all bits are set: -1
    }
  }
}

void start(const pml::Triangulation& t, const double* x, size_t n, int32_t* simplex) {
  switch (t.d) {
    case 2: return start_rows<2>(t, x, n, simplex);
    case 3: return start_rows<3>(t, x, n, simplex);
    case 4: return start_rows<4>(t, x, n, simplex);
    default: return start_rows<0>(t, x, n, simplex);
  }
}

// A weight of 0 leaves its vertex out, whatever stands there: at a data point the sum is that point's value. M is the
// number of columns where it is 1, else 0.
template <size_t D, size_t M>
void interpolate_rows(const pml::Triangulation& t, const int32_t* simplex, const int32_t* status, const double* weights,
                      size_t n, const double* values, size_t n_columns, double* out) {
  const size_t d = dimension<D>(t), row_stride = pml::weight_stride(d), m = M != 0 ? M : n_columns;
  for (size_t i = 0; i < n; ++i) {
    const bool known = status[i] == pml::found;
    const int32_t* const vertices = t.vertices + static_cast<size_t>(known ? simplex[i] : 0) * (d + 1);
    const double* const w = weights + i * row_stride;
    for (size_t c = 0; c < m; ++c) {
      double sum = 0.0;
      PML_UNROLL
      for (size_t k = 0; k <= d; ++k) {
        const double value = values[static_cast<size_t>(vertices[k]) * m + c];
        sum += w[k] == 0.0 ? 0.0 : w[k] * value;
      }
      out[i * m + c] = known ? sum : NAN;
    }
  }
}

template <size_t D>
void interpolate_columns(const pml::Triangulation& t, const int32_t* simplex, const int32_t* status,
                         const double* weights, size_t n, const double* values, size_t m, double* out) {
  if (m == 1) return interpolate_rows<D, 1>(t, simplex, status, weights, n, values, m, out);
  interpolate_rows<D, 0>(t, simplex, status, weights, n, values, m, out);
}

void interpolate(const pml::Triangulation& t, const int32_t* simplex, const int32_t* status, const double* weights,
                 size_t n, const double* values, size_t m, double* out) {
  switch (t.d) {
    case 2: return interpolate_columns<2>(t, simplex, status, weights, n, values, m, out);
    case 3: return interpolate_columns<3>(t, simplex, status, weights, n, values, m, out);
    case 4: return interpolate_columns<4>(t, simplex, status, weights, n, values, m, out);
    case 5: return interpolate_columns<5>(t, simplex, status, weights, n, values, m, out);
    case 6: return interpolate_columns<6>(t, simplex, status, weights, n, values, m, out);
    default: return interpolate_columns<0>(t, simplex, status, weights, n, values, m, out);
  }
}

// sum_k (y_k - y_d) R_k
void gradient_rows(const pml::Triangulation& t, const int32_t* simplex, const int32_t* status, size_t n,
                   const double* values, size_t m, double* out) {
  const size_t d = t.d;
  for (size_t i = 0; i < n; ++i) {
    const bool known = status[i] == pml::found;
    const size_t s = static_cast<size_t>(known ? simplex[i] : 0);
    const double* const record = t.records + s * pml::record_stride(d);
    const int32_t* const vertices = t.vertices + s * (d + 1);
    for (size_t c = 0; c < m; ++c, out += d) {
      const double last = values[static_cast<size_t>(vertices[d]) * m + c];
      for (size_t j = 0; j < d; ++j) out[j] = known ? 0.0 : NAN;
      for (size_t k = 0; k < d; ++k) {
        const double rise = values[static_cast<size_t>(vertices[k]) * m + c] - last;
        for (size_t j = 0; j < d; ++j) out[j] += rise * record[j * d + k];
      }
    }
  }
}

}  // namespace
