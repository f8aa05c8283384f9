// EXPERIMENT
#pragma once

#include "../../numeric/double_double.hpp"
#include "tree.hpp"
#ifdef PML_STATS
extern "C" int printf(const char*, ...);
extern "C" char* getenv(const char*);
extern "C" double atof(const char*);
#endif

namespace {
#ifdef PML_STATS
static long st_cn, st_cl, st_pivots, st_passes, st_leaves, st_pass0, st_cold, st_same, st_warm, st_grow, st_phase1, st_refresh, st_retarget, st_out, st_und, st_cand;
#define STAT(x) (++(x))
#else
#define STAT(x) ((void)0)
#endif

constexpr double unit_roundoff = 1.1102230246251565e-16;
constexpr double pivot_tolerance = 5.7e-14;
constexpr size_t most_pivots = 2000;

PML_INLINE double magnitude(double a) { return a < 0.0 ? -a : a; }

template <size_t D>
struct Search {
  static constexpr size_t n_rows = D + 1;
  static constexpr size_t padded = (n_rows + lanes - 1) / lanes * lanes;
  static constexpr double price_error = 4.0 * (D + 6) * unit_roundoff;

  const pml::KdTreeView& tree;
  const double* query = nullptr;
  Region<D> region;
  double target[D];
  alignas(64) double columns[D + 2][padded];
  double cost[n_rows];
  int64_t slot[n_rows];
  int32_t row[n_rows];
  double artificial_cost = 0, scale = 0;
  size_t n_artificial = 0, n_pivots = 0;
  static constexpr size_t most_candidates = 256;
  size_t n_candidates = 0, n_padded = 0;
  alignas(64) double candidate_x[D][most_candidates];
  alignas(64) double candidate_lift[most_candidates];
  uint32_t candidate_slot[most_candidates];

  PML_MEMBER void add_candidate(int64_t s) {
    if (n_candidates == most_candidates) return;
    double x[D];
    local(s, x);
    const size_t k = n_candidates++;
    for (size_t j = 0; j < D; ++j) candidate_x[j][k] = x[j];
    candidate_lift[k] = lifted(x);
    candidate_slot[k] = static_cast<uint32_t>(s);
  }
  void pad_candidates() {
    n_padded = (n_candidates + lanes - 1) / lanes * lanes;
    for (size_t k = n_candidates; k < n_padded; ++k) {
      for (size_t j = 0; j < D; ++j) candidate_x[j][k] = candidate_x[j][n_candidates - 1];
      candidate_lift[k] = candidate_lift[n_candidates - 1];
      candidate_slot[k] = candidate_slot[n_candidates - 1];
    }
  }
  void improve_candidates() {
    while (n_pivots < most_pivots) {
      STAT(st_leaves);
      Vec least = set(-region.tolerance), where = set(-1.0);
      const Vec kappa = set(region.kappa);
      Vec gradient[D];
      for (size_t j = 0; j < D; ++j) gradient[j] = set(region.gradient[j]);
      for (size_t k = 0; k < n_padded; k += lanes) {
        Vec value = fms(kappa, load(candidate_lift + k), set(region.constant));
        for (size_t j = 0; j < D; ++j) value = fnma(gradient[j], load(candidate_x[j] + k), value);
        const Mask better = less(value, least);
        least = select(better, value, least);
        where = select(better, set(static_cast<double>(k)), where);
      }
      alignas(64) double values[lanes], places[lanes];
      store(values, least);
      store(places, where);
      size_t lane = 0;
      for (size_t l = 1; l < lanes; ++l) lane = values[l] < values[lane] ? l : lane;
      if (places[lane] < 0) return;
      const size_t k = static_cast<size_t>(places[lane]) + lane;
      double x[D], size = magnitude(region.constant), value = region.kappa * candidate_lift[k] - region.constant;
      bool basic = false;
      for (size_t i = 0; i < n_rows; ++i) basic = basic || row[i] == tree.rows[candidate_slot[k]];
      for (size_t j = 0; j < D; ++j) {
        x[j] = candidate_x[j][k];
        value -= region.gradient[j] * x[j];
        size += (region.kappa * magnitude(x[j]) + magnitude(region.gradient[j])) * magnitude(x[j]);
      }
      if (basic || value >= -price_error * size || !pivot(x, candidate_slot[k], value)) return;
    }
  }
  void collect(size_t) {
    n_candidates = 0;
    Region<D> ball{1.0, 1.0, scale * scale, 0.0, {}, {}};
    for_leaves_in<D, false>(tree, query, ball, [&](size_t leaf) {
      unsigned inside = 0;
      for (size_t v = 0; v < vectors_of_eight; ++v) {
        Vec square = set(0.0);
        for (size_t j = 0; j < D; ++j) {
          const Vec x = load(tree.leaves + (leaf * D + j) * pml::tree_width + v * lanes) - set(query[j]);
          square = fma(x, x, square);
        }
        inside |= bits(less(square, set(ball.constant))) << (v * lanes);
      }
      add_all(leaf, inside);
    });
    pad_candidates();
#ifdef PML_STATS
    st_pass0 += n_candidates; st_cn += st_nodes; st_cl += st_lv; st_nodes = st_lv = 0;
#endif
  }
  void add_all(size_t leaf, unsigned inside) {
    for (; inside != 0; inside &= inside - 1) {
      add_candidate(static_cast<int64_t>(leaf * pml::tree_width + static_cast<size_t>(__builtin_ctz(inside))));
    }
  }
  bool moved = false, fresh = false;
  double shear2 = 0;

  explicit Search(const pml::KdTreeView& t) : tree(t) {
    for (size_t j = 0; j < D; ++j) shear2 += t.shear[j] * t.shear[j];
  }

  PML_MEMBER void local(int64_t s, double* x) const {
    const size_t leaf = static_cast<size_t>(s) / pml::tree_width, lane = static_cast<size_t>(s) % pml::tree_width;
    for (size_t j = 0; j < D; ++j) x[j] = tree.leaves[(leaf * D + j) * pml::tree_width + lane] - query[j];
  }
  PML_MEMBER double lifted(const double* x) const {
    double square = 0, along = 0;
    for (size_t j = 0; j < D; ++j) {
      square += x[j] * x[j];
      along += tree.shear[j] * x[j];
    }
    return square - along * along;
  }

  void set_region(double kappa) {
    region.kappa = kappa;
    region.box_kappa = kappa * (1.0 - 1.001 * shear2);
    double total[D + 1];
    for (size_t j = 0; j <= D; ++j) {
      total[j] = 0;
      for (size_t i = 0; i < n_rows; ++i) {
        const double c = slot[i] >= 0 ? kappa * cost[i] : kappa != 0.0 ? artificial_cost : 1.0;
        total[j] += c * columns[j][i];
      }
    }
    for (size_t j = 0; j < D; ++j) region.gradient[j] = total[j];
    region.constant = total[D];
    region_changed();
  }
  PML_MEMBER void region_changed() {
    const double half = region.kappa != 0.0 ? 0.5 / region.box_kappa : 1e200;
    for (size_t j = 0; j < D; ++j) region.peak[j] = half * region.gradient[j];
    region.tolerance = price_error * magnitude(region.constant);
  }

  void set_target(double factor) {
    double longest = 0;
    for (size_t j = 0; j < D; ++j) {
      target[j] = tree.interior[j] - query[j];
      longest = magnitude(target[j]) > longest ? magnitude(target[j]) : longest;
    }
    const double f = longest > 0 ? factor * scale / longest : 0.0;
    for (size_t j = 0; j < D; ++j) target[j] *= f;
  }
  void values_at_target() {
    for (size_t i = 0; i < n_rows; ++i) {
      double w = columns[D][i];
      for (size_t j = 0; j < D; ++j) w += columns[j][i] * target[j];
      columns[D + 1][i] = w;
    }
  }

  size_t nearest_leaf() const {
    size_t index = 0;
    for (size_t level = 0; level < tree.n_levels; ++level) {
      const double* const boxes = tree.boxes + (tree.first_node[level] + index) * 2 * D * pml::tree_width;
      alignas(64) double squares[pml::tree_width];
      for (size_t v = 0; v < vectors_of_eight; ++v) {
        Vec square = set(0.0);
        for (size_t j = 0; j < D; ++j) {
          const double* const box = boxes + 2 * j * pml::tree_width + v * lanes;
          const Vec at = set(query[j]);
          const Vec x = min(max(set(0.0), load(box) - at), load(box + pml::tree_width) - at);
          square = fma(x, x, square);
        }
        store(squares + v * lanes, square);
      }
      size_t best = 0;
      const size_t n = level == 0 ? tree.n_root_children : pml::tree_width;
      for (size_t k = 1; k < n; ++k) best = squares[k] < squares[best] ? k : best;
      index = index * pml::tree_width + best;
    }
    return index;
  }

  double cold_factor = 0.75, grow_factor = 16;
  void start_cold() {
    STAT(st_cold);
    const size_t leaf = nearest_leaf();
    scale = 0;
    for (size_t k = 0; k < pml::tree_width; ++k) {
      double x[D], longest = 0;
      local(static_cast<int64_t>(leaf * pml::tree_width + k), x);
      for (size_t j = 0; j < D; ++j) longest += x[j] * x[j];
      scale = longest > scale ? longest : scale;
    }
    scale = static_cast<double>(__builtin_sqrt(scale)) * cold_factor;
    set_target(0x1p-32);
    const double factor = static_cast<double>(D) / (n_rows * scale);
    for (size_t j = 0; j < D + 2; ++j) {
      for (size_t i = 0; i < padded; ++i) columns[j][i] = 0.0;
    }
    for (size_t i = 0; i < n_rows; ++i) {
      double b = 1.0 / n_rows;
      columns[D + 1][i] = b;
      for (size_t j = 0; j < D; ++j) {
        columns[j][i] = factor * tree.corners[i * D + j];
        b -= columns[j][i] * target[j];
      }
      columns[D][i] = b;
      slot[i] = -1;
      row[i] = -1;
    }
    n_artificial = n_rows;
    artificial_cost = scale * scale;
    n_pivots = 0;
    fresh = false;
    set_region(1.0);
    collect(leaf);
    improve_candidates();
  }

  void improve(size_t leaf) {
    STAT(st_leaves);
    const double* const coordinates = tree.leaves + leaf * D * pml::tree_width;
    while (n_pivots < most_pivots) {
      unsigned inside = 0;
      for (size_t v = 0; v < vectors_of_eight; ++v) {
        Vec value = set(-region.constant), along = set(0.0);
        const Vec kappa = set(region.kappa);
        for (size_t j = 0; j < D; ++j) {
          const Vec x = load(coordinates + j * pml::tree_width + v * lanes) - set(query[j]);
          value = fma(fms(kappa, x, set(region.gradient[j])), x, value);
          along = fma(set(tree.shear[j]), x, along);
        }
        value = fnma(along * kappa, along, value);
        inside |= bits(less(value, set(-region.tolerance))) << (v * lanes);
      }
      if (inside == 0) return;
      if (!enter_best(leaf, inside)) return;
      if (n_candidates + 8 <= most_candidates) {
        add_all(leaf, inside);
        pad_candidates();
        improve_candidates();
      }
    }
  }

  // scalar
  bool enter_best(size_t leaf, unsigned inside) {
    double best = 0, best_x[D];
    int64_t best_slot = -1;
    for (unsigned k = 0; inside != 0; ++k, inside >>= 1) {
      if ((inside & 1) == 0) continue;
      STAT(st_cand);
      double x[D], along = 0, value = -region.constant, size = magnitude(value);
      const int64_t s = static_cast<int64_t>(leaf * pml::tree_width + k);
      local(s, x);
      for (size_t j = 0; j < D; ++j) {
        value += (region.kappa * x[j] - region.gradient[j]) * x[j];
        size += (region.kappa * magnitude(x[j]) + magnitude(region.gradient[j])) * magnitude(x[j]);
        along += tree.shear[j] * x[j];
      }
      value -= region.kappa * along * along;
      if (value >= best || value >= -price_error * size) continue;
      bool basic = false;
      for (size_t i = 0; i < n_rows; ++i) basic = basic || row[i] == tree.rows[s];
      if (basic) continue;
      best = value;
      best_slot = s;
      for (size_t j = 0; j < D; ++j) best_x[j] = x[j];
    }
    return best_slot >= 0 && pivot(best_x, best_slot, best);
  }

  bool pivot(const double* x, int64_t entering, double reduced) {
    constexpr size_t vectors = padded / lanes;
    Vec alpha[vectors];
    alignas(64) double alphas[padded], ratios[padded];
    for (size_t v = 0; v < vectors; ++v) {
      Vec a = load(columns[D] + v * lanes);
      for (size_t j = 0; j < D; ++j) a = fma(set(x[j]), load(columns[j] + v * lanes), a);
      alpha[v] = a;
      store(alphas + v * lanes, a);
      const Vec ratio = max(set(0.0), load(columns[D + 1] + v * lanes)) / a;
      store(ratios + v * lanes, select(less(set(pivot_tolerance), a), ratio, set(1e300)));
    }
    size_t leaving = 0;
    double least = ratios[0];
    for (size_t i = 1; i < n_rows; ++i) {
      leaving = ratios[i] < least ? i : leaving;
      least = ratios[i] < least ? ratios[i] : least;
    }
    if (least == 1e300) return false;
    STAT(st_pivots);
    ++n_pivots;
    moved = true;
    fresh = false;
    exchange(alpha, leaving, 1.0 / alphas[leaving]);
    n_artificial -= slot[leaving] < 0;
    slot[leaving] = entering;
    row[leaving] = tree.rows[entering];
    cost[leaving] = lifted(x);
    for (size_t j = 0; j < D; ++j) region.gradient[j] += reduced * columns[j][leaving];
    region.constant += reduced * columns[D][leaving];
    region_changed();
    return true;
  }

  PML_MEMBER void exchange(const Vec* alpha, size_t leaving, double inverse) {
    constexpr size_t vectors = padded / lanes;
    alignas(64) double one[padded];
    for (size_t i = 0; i < padded; ++i) one[i] = i == leaving ? 1.0 : 0.0;
    for (size_t j = 0; j < D + 2; ++j) {
      const Vec p = set(columns[j][leaving] * inverse);
      for (size_t v = 0; v < vectors; ++v) {
        const Vec old = load(columns[j] + v * lanes);
        store(columns[j] + v * lanes, select(less(set(0.5), load(one + v * lanes)), p, fnma(alpha[v], p, old)));
      }
    }
  }

  void pass() {
    STAT(st_passes);
    for_leaves_in<D, PASS_SORTED>(tree, query, region, [&](size_t leaf) { improve(leaf); });
  }

  bool region_is_accurate() const {
    for (size_t i = 0; i < n_rows; ++i) {
      double x[D];
      local(slot[i], x);
      double value = lifted(x) - region.constant, size = magnitude(region.constant);
      for (size_t j = 0; j < D; ++j) {
        value -= region.gradient[j] * x[j];
        size += (magnitude(x[j]) + magnitude(region.gradient[j])) * magnitude(x[j]);
      }
      if (magnitude(value) > 16 * price_error * size) return false;
    }
    return true;
  }
  // one Newton step
  void refresh() {
    STAT(st_refresh);
    constexpr size_t vectors = padded / lanes;
    alignas(64) double error[n_rows][padded];
    for (size_t k = 0; k < n_rows; ++k) {
      double x[D];
      local(slot[k], x);
      for (size_t v = 0; v < vectors; ++v) {
        Vec a = load(columns[D] + v * lanes);
        for (size_t j = 0; j < D; ++j) a = fma(set(x[j]), load(columns[j] + v * lanes), a);
        store(error[k] + v * lanes, -a);
      }
      error[k][k] += 1.0;
    }
    for (size_t j = 0; j <= D; ++j) {
      double old[n_rows];
      for (size_t k = 0; k < n_rows; ++k) old[k] = columns[j][k];
      for (size_t v = 0; v < vectors; ++v) {
        Vec c = load(columns[j] + v * lanes);
        for (size_t k = 0; k < n_rows; ++k) c = fma(load(error[k] + v * lanes), set(old[k]), c);
        store(columns[j] + v * lanes, c);
      }
    }
    values_at_target();
    set_region(1.0);
  }
  double weight_tolerance(size_t i) const {
    double total = 1;
    for (size_t j = 0; j < D; ++j) total += magnitude(columns[j][i]) * (magnitude(query[j]) + scale);
    return 16 * unit_roundoff * total;
  }
  bool contains_query() const {
    for (size_t i = 0; i < n_rows; ++i) {
      if (columns[D][i] < 0 && columns[D][i] < -weight_tolerance(i)) return false;
    }
    return true;
  }
  // makes negative weights at target artificial
  void flip() {
    for (size_t i = 0; i < n_rows; ++i) {
      if (slot[i] >= 0 && columns[D + 1][i] < 0 && columns[D + 1][i] < -weight_tolerance(i)) {
        for (size_t j = 0; j < D + 2; ++j) columns[j][i] = -columns[j][i];
        slot[i] = -1;
        row[i] = -1;
        ++n_artificial;
      }
    }
  }

  int32_t solve() {
    double target_factor = 0x1p-32;
    size_t grown = 0;
    for (;;) {
      moved = false;
      pass();
      if (n_pivots >= most_pivots) return pml::undecided;
      if (region.kappa == 0.0 && n_artificial == 0) {
        set_region(1.0);
        continue;
      }
      if (moved) continue;
      if (region.kappa == 0.0) {
        double w = 0;
        for (size_t i = 0; i < n_rows; ++i) w += slot[i] < 0 ? columns[D + 1][i] : 0.0;
        if (w > 1e-13) return pml::outside_hull;  // TODO
        return pml::undecided;
      }
      if (n_artificial > 0) {
        STAT(st_grow);
        artificial_cost *= grow_factor;
        if (++grown <= 4) set_region(1.0);
        else { STAT(st_phase1); set_region(0.0); }
        continue;
      }
      if (!fresh && !region_is_accurate()) {
        refresh();
        fresh = true;
        continue;
      }
      if (contains_query()) return 0;
      STAT(st_retarget);
      if (target_factor == 0) return pml::undecided;
      target_factor = target_factor < 1e-15 ? 0.0 : target_factor * 0x1p-12;
      set_target(target_factor);
      values_at_target();
      flip();
      set_region(1.0);
    }
  }

  int warm_mode = 1;
  double warm_cost = 4;
  int32_t locate(const double* q, const double* previous) {
    query = q;
    for (size_t j = 0; j < D; ++j) {
      if (!(q[j] >= tree.lower[j] && q[j] <= tree.upper[j])) return pml::outside_hull;  // TODO tolerance
    }
    bool warm = warm_mode && previous != nullptr;
    if (warm) {
      for (size_t i = 0; i < n_rows; ++i) {
        double b = columns[D][i];
        for (size_t j = 0; j < D; ++j) b += columns[j][i] * (q[j] - previous[j]);
        columns[D][i] = b;
      }
      set_target(0x1p-32);
      values_at_target();
      double least = 0;
      int negative = 0;
      for (size_t i = 0; i < n_rows; ++i) { least = columns[D + 1][i] < least ? columns[D + 1][i] : least; negative += columns[D+1][i] < 0; }
      if (least >= 0) { STAT(st_same); return 0; }
      if (warm_mode == 2) {
        STAT(st_warm);
        double most = 0;
        for (size_t i = 0; i < n_rows; ++i) {
          double x[D];
          local(slot[i], x);
          cost[i] = lifted(x);
          most = cost[i] > most ? cost[i] : most;
        }
        scale = __builtin_sqrt(most);
        flip();
        artificial_cost = warm_cost * most;
        n_pivots = 0;
        fresh = false;
        set_region(1.0);
        improve(nearest_leaf());
        return solve();
      }
    }
    start_cold();
    return solve();
  }
};

template <size_t D>
void locate_each(const pml::KdTreeView& tree, const double* x, size_t n, int32_t* vertices, double* weights,
                 double* gradients) {
  Search<D> search(tree);
#ifdef PML_STATS
  if (getenv("COLD")) search.cold_factor = atof(getenv("COLD"));
  if (getenv("GROW")) search.grow_factor = atof(getenv("GROW"));
  if (getenv("WARM")) search.warm_mode = (int)atof(getenv("WARM"));
  if (getenv("WCOST")) search.warm_cost = atof(getenv("WCOST"));
#endif
  const double* previous = nullptr;
  for (size_t k = 0; k < n; ++k) {
    const int32_t status = search.locate(x + k * D, previous);
    previous = status == 0 ? x + k * D : nullptr;
    if (status == pml::outside_hull) STAT(st_out);
    if (status == pml::undecided) STAT(st_und);
    for (size_t i = 0; i <= D; ++i) {
      vertices[k * (D + 1) + i] = status < 0 ? status : search.row[i];
      weights[k * (D + 1) + i] = status < 0 ? __builtin_nan("") : search.columns[D][i];
    }
    (void)gradients;
  }
#ifdef PML_STATS
  if (getenv("STATS") && n < 256) {
    const double c = st_cold + st_warm; printf("collect nodes %.1f leaves %.1f, passes nodes %.1f leaves %.1f; ", st_cn / c, st_cl / c, st_nodes / c, st_lv / c); st_cn=st_cl=st_nodes=st_lv=0;
    printf("cold %ld warm %ld same %ld | per solve: pivots %.1f passes %.2f leaves %.1f cand %.1f grow %.2f cands %.1f | phase1 %ld refresh %ld retarget %ld out %ld und %ld\n", st_cold, st_warm, st_same, st_pivots / c, st_passes / c, st_leaves / c, st_cand / c, st_grow / c, st_pass0 / c, st_phase1, st_refresh, st_retarget, st_out, st_und);
    st_pass0 = st_pivots = st_passes = st_leaves = st_cold = st_same = st_warm = st_grow = st_phase1 = st_refresh = st_retarget = st_out = st_und = st_cand = 0;
  }
#endif
}

}  // namespace
