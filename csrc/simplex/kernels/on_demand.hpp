// Finds the simplex of the Delaunay triangulation that holds a query q, as the solution of a linear program.
//
// With x = p - q for the points p, minimise sum_i w_i h(x_i) over weights w >= 0 with sum_i w_i x_i = 0 and
// sum_i w_i = 1, where h(x) = |x|^2 lifts the points to a paraboloid. A basis is d + 1 points, and the affine function
// F that agrees with h on them gives the reduced cost of a point, h(x) - F(x): its power with respect to the sphere
// through the basis. A basis with w >= 0 is optimal if no point lies inside that sphere, and then it is a simplex of
// the Delaunay triangulation and w are the barycentric coordinates of q in it (Edelsbrunner, Seidel 1986; the simplex
// method is Dantzig's).
//
// The search. The basis begins as a regular simplex around q of artificial points, with the height of their sphere.
// Points near q enter, the one deepest inside the sphere first. Then the kd-tree is asked for points inside the sphere
// until there are none. Artificial points that stay are made more costly; in the end their weight alone is minimised,
// with h = 0 for the points (phase one). If some remains at the optimum, F > 0 at q and F <= 0 at all points: a plane
// separates q from the hull.
//
// Degeneracy. Points on one sphere give the program many solutions, and q in a common face many bases for one; rounding
// could then lead around in circles.
//   - h is really |x|^2 - w, where w is a sum of waves over the space of the points, so low that they show only in
//     points that lie on a sphere to 10 digits or more. Those get a triangulation that doesn't depend on the query, so
//     interpolation stays continuous, and that cuts one cell of a grid this way, the next that way: diagonals that all
//     point the same way serve functions badly that bend along them. No vertex can vanish below it, as it may if heights
//     are perturbed point by point: h is strictly convex (kd_tree.cpp).
//   - The weights are kept >= 0 not at q but at a target some 1e-10 of the neighbours' distance nearer to the middle of
//     the points. If q itself then lies in another simplex, the target comes closer.
//
// Rounding. A reduced cost is compared with a bound of its rounding errors: a point deeper inside by less counts as on
// the sphere. An inverse that no longer reproduces h on its vertices is computed anew. The weights are refined with
// residuals in twice the precision; they count as >= 0 down to -4 (d + 6) unit roundoffs. Only where there is no such
// simplex, q counts as inside the hull, and a weight as >= 0, down to what moving q and the points by as many unit
// roundoffs of their coordinates can change: so much times the gradient of the weight.
#pragma once

#include "basis.hpp"

namespace {

// A pivot costs some ten operations for each entry of the basis; searches take 5 (2-D) to 100 (10-D) of them.
constexpr size_t most_pivots = 5000;
// Inside a simplex by more than this at q, it does not matter that the search looks at the target.
constexpr double clearly_inside = 1e-9;
// How far the target is from the query, in distances to its neighbours; whether the inverse is computed anew after each
// exchange; and whether weights count as >= 0 to the rounding of coordinates, not of weights.
struct Attempt {
  double target_distance;
  bool careful, to_coordinates;
};
constexpr Attempt attempts[] = {
    {0x1p-32, false, false}, {0x1p-64, true, false}, {0.0, true, false}, {0x1p-32, true, true}};
constexpr int32_t found = 0;

template <size_t D>
class SimplexProgram {
 public:
  SimplexProgram(const pml::KdTreeView& tree, bool want_gradients) : tree_(tree), want_gradients_(want_gradients) {}

  // The simplex of a query, as found, outside or undecided. It depends on the query alone, whatever was asked
  // before, unless rounding hides the waves, as it may on a sphere whose points lie close together.
  int32_t locate(const double* query) {
    query_ = query;
    if (tree_.is_flat) return pml::outside;
    // NaN is outside, too.
    for (size_t j = 0; j < D; ++j) {
      const double margin = 2.0 * rounding * extent(j);
      if (!(query[j] >= tree_.lower[j] - margin && query[j] <= tree_.upper[j] + margin)) return pml::outside;
    }
    if (recall()) return found;
    int32_t status = pml::undecided;
    for (const Attempt& attempt : attempts) {
      careful_ = attempt.careful;
      start(attempt.target_distance);
      status = solve();
      const auto tolerance = [&](size_t i) { return attempt.to_coordinates ? weight_rounding(i) : rounding; };
      if (status == found && !all_weights(tolerance)) status = pml::undecided;
      if (status != pml::undecided) break;
    }
    if (status != found) return status;
    Recent& recent = recent_[n_found_++ % n_recent];
    recent.basis = basis_;
    for (size_t j = 0; j < D; ++j) recent.query[j] = query[j];
    return found;
  }

  // What locate found: the vertices (d + 1,), their weights at the query, and the gradients of these (d + 1, d).
  void write(int32_t* vertices, double* weights, double* gradients) {
    int vertex_at_query = -1;
    for (size_t i = 0; i < n_rows; ++i) {
      double x[D];
      basis_.locate(tree_, query_, basis_.place[i], x);
      bool same = true;
      for (size_t j = 0; j < D; ++j) same = same && x[j] == 0.0;
      if (same) vertex_at_query = static_cast<int>(i);
      vertices[i] = basis_.row[i];
      weights[i] = basis_.at_query[i];
    }
    if (vertex_at_query >= 0) {
      for (size_t i = 0; i < n_rows; ++i) weights[i] = static_cast<int>(i) == vertex_at_query ? 1.0 : 0.0;
    }
    if (!want_gradients_) return;
    invert();
    for (size_t i = 0; i < n_rows; ++i) {
      for (size_t j = 0; j < D; ++j) gradients[i * D + j] = basis_.gradient[j][i];
    }
  }

 private:
  using TheBasis = Basis<D>;
  static constexpr size_t n_rows = TheBasis::n_rows;
  static constexpr size_t vectors = TheBasis::vectors;
  static constexpr size_t padded = TheBasis::padded;
  // Relative error of a sum of d + 1 products of rounded factors, with as much again to spare.
  static constexpr double rounding = 4.0 * (D + 6) * unit_roundoff;
  static constexpr size_t most_candidates = 256;
  static constexpr size_t n_recent = 8;

  struct Recent {
    TheBasis basis;
    double query[D];
  };

  const pml::KdTreeView& tree_;
  const bool want_gradients_;
  const double* query_ = nullptr;
  double target_[D];      // relative to the query
  double near_ = 0.0;     // how far around the query its neighbours are looked for first
  TheBasis basis_;
  double height_[n_rows];  // h of the vertices
  double artificial_height_ = 0.0;
  double artificial_[n_rows][D], artificial_sign_[n_rows];  // their columns are sign (x, 1)
  size_t n_artificial_ = 0, n_pivots_ = 0;
  bool careful_ = false;  // inverts anew after each exchange
  bool failed_ = false;
  // |x|^2 - most_lowered - F(x) < 0, so that no box is missed where h(x) - F(x) < 0.
  Region<D> region_;
  double tolerance_ = 0.0;  // of h - F
  double kappa_ = 1.0;      // h(x) is kappa (|x|^2 - w): 1, or 0 in phase one
  size_t n_candidates_ = 0;
  alignas(64) double candidate_x_[D][most_candidates];
  alignas(64) double candidate_height_[most_candidates];
  int64_t candidate_place_[most_candidates];
  Recent recent_[n_recent];
  size_t n_found_ = 0;

  // The size that coordinates have along an axis, the points' and the query's, too.
  PML_MEMBER double extent(size_t j) const {
    const double low = magnitude(tree_.lower[j]), high = magnitude(tree_.upper[j]);
    return low < high ? high : low;
  }
  PML_MEMBER double reach(size_t j) const { return magnitude(query_[j]) + extent(j); }

  // How much rounding may change an affine function that has this gradient and is of size 1.
  template <class Gradient>
  PML_MEMBER double rounding_of(Gradient gradient) const {
    double total = 1.0;
    for (size_t j = 0; j < D; ++j) total += magnitude(gradient(j)) * reach(j);
    return rounding * total;
  }
  PML_MEMBER double weight_rounding(size_t i) const {
    return rounding_of([&](size_t j) { return basis_.gradient[j][i]; });
  }

  // h of the point at `place`, which is x.
  PML_MEMBER double height(const double* x, int64_t place) const {
    double square = 0.0;
    for (size_t j = 0; j < D; ++j) square += x[j] * x[j];
    return square - tree_.lowered[place];
  }

  // One of the simplices found last, if it holds the query.
  bool recall() {
    for (size_t k = 0; k < n_recent && k < n_found_; ++k) {
      const Recent& recent = recent_[(n_found_ - 1 - k) % n_recent];
      double x[D];
      for (size_t j = 0; j < D; ++j) x[j] = query_[j] - recent.query[j];
      Vec lambda[vectors];
      recent.basis.weights_at(x, lambda);
      alignas(64) double weights[padded];
      for (size_t v = 0; v < vectors; ++v) store(weights + v * lanes, lambda[v]);
      bool inside = true;
      for (size_t i = 0; i < n_rows; ++i) inside = inside && weights[i] > clearly_inside;
      if (!inside) continue;
      basis_ = recent.basis;
      for (size_t v = 0; v < vectors; ++v) store(basis_.at_query + v * lanes, lambda[v]);
      return settle() && all_weights([&](size_t) { return rounding; });
    }
    return false;
  }

  // Towards the middle of the points.
  void set_target(double distance) {
    double longest = 0.0;
    for (size_t j = 0; j < D; ++j) {
      target_[j] = tree_.interior[j] - query_[j];
      longest = magnitude(target_[j]) > longest ? magnitude(target_[j]) : longest;
    }
    const double factor = longest > 0.0 ? distance * near_ / longest : 0.0;
    for (size_t j = 0; j < D; ++j) target_[j] *= factor;
  }

  // The artificial simplex, and what the points near the query make of it.
  void start(double target_distance) {
    const size_t leaf = near_leaf<D>(tree_, query_);
    alignas(64) double squares[pml::tree_width];
    squared_distances<D>(tree_, leaf, query_, 0.0, squares);
    double furthest = 0.0;
    for (size_t k = 0; k < pml::tree_width; ++k) furthest = squares[k] > furthest ? squares[k] : furthest;
    // A ball with some 40 points in 4-D, 70 in 6-D. With fewer, more passes through the tree follow; with more, this one
    // takes longer. Between 0.75 and 0.9 all is the same to 5 %, but for 10-D, where 0.7 would be 10 % faster.
    near_ = furthest > 0.0 ? 0.8 * sqrt(furthest) : 1.0;
    set_target(target_distance);
    const double factor = static_cast<double>(D) / (n_rows * near_);
    for (size_t i = 0; i < padded; ++i) {
      basis_.at_target[i] = i < n_rows ? 1.0 / n_rows : 0.0;
      basis_.at_query[i] = basis_.at_target[i];
      for (size_t j = 0; j < D; ++j) {
        basis_.gradient[j][i] = i < n_rows ? factor * tree_.corners[i * D + j] : 0.0;
        basis_.at_query[i] -= basis_.gradient[j][i] * target_[j];
      }
    }
    for (size_t i = 0; i < n_rows; ++i) {
      for (size_t j = 0; j < D; ++j) artificial_[i][j] = near_ * tree_.corners[i * D + j] + target_[j];
      artificial_sign_[i] = 1.0;
      basis_.place[i] = -1;
      basis_.row[i] = -1;
    }
    n_artificial_ = n_rows;
    artificial_height_ = near_ * near_;
    n_pivots_ = 0;
    failed_ = false;
    n_candidates_ = 0;
    const Region<D> ball{1.0, {}, artificial_height_, 0.0, {}};
    for_leaves_in(tree_, query_, ball, [&](size_t near) {
      unsigned inside = squared_distances<D>(tree_, near, query_, ball.constant, squares);
      for (; inside != 0; inside &= inside - 1) add_candidate(near * pml::tree_width + lowest_bit(inside));
    });
    set_objective(1.0);
    improve_on_candidates();
  }

  int32_t solve() {
    int n_raised = 0, n_driven_out = 0;
    bool fresh = false;
    for (;;) {
      const size_t n_before = n_pivots_;
      for_leaves_in(tree_, query_, region_, [&](size_t leaf) { improve_on_leaf(leaf); });
      if (failed_ || n_pivots_ >= most_pivots) return pml::undecided;
      if (n_pivots_ > n_before) {
        fresh = false;
        if (kappa_ == 0.0 && n_artificial_ == 0) set_objective(1.0);
        continue;
      }
      // No point lies inside the region.
      if (kappa_ == 0.0) {
        const double excess = region_.constant;
        if (excess > rounding_of([&](size_t j) { return region_.gradient[j]; })) return pml::outside;
        // The query lies on the hull to rounding, at least as the artificial simplex measures it. Some true one may tell
        // more: if the points are nearly flat, it has steeper weights.
        if (n_driven_out++ == 3 || !drive_out() || !invert()) return pml::undecided;
        make_feasible();
        set_objective(n_artificial_ > 0 ? 0.0 : 1.0);
        continue;
      }
      if (n_artificial_ > 0) {
        artificial_height_ *= 16.0;
        set_objective(++n_raised <= 4 ? 1.0 : 0.0);
        continue;
      }
      if (!fresh && !reproduces_heights()) {
        if (!invert()) return pml::undecided;
        set_objective(1.0);
        fresh = true;
        continue;
      }
      return settle() ? found : pml::undecided;
    }
  }

  bool invert() {
    const bool regular = basis_.invert([&](size_t i, double* x) {
      if (basis_.place[i] >= 0) {
        basis_.locate(tree_, query_, basis_.place[i], x);
        return 1.0;
      }
      for (size_t j = 0; j < D; ++j) x[j] = artificial_sign_[i] * artificial_[i][j];
      return artificial_sign_[i];
    });
    basis_.set_at_target(target_);
    return regular;
  }

  // F and its region, from the heights of the vertices.
  void set_objective(double kappa) {
    kappa_ = kappa;
    region_.curvature = kappa;
    double heights[n_rows];
    for (size_t i = 0; i < n_rows; ++i) {
      heights[i] = basis_.place[i] >= 0 ? kappa * height_[i] : kappa > 0.0 ? artificial_height_ : 1.0;
    }
    region_.constant = 0.0;
    for (size_t i = 0; i < n_rows; ++i) region_.constant += heights[i] * basis_.at_query[i];
    for (size_t j = 0; j < D; ++j) {
      region_.gradient[j] = 0.0;
      for (size_t i = 0; i < n_rows; ++i) region_.gradient[j] += heights[i] * basis_.gradient[j][i];
    }
    objective_changed();
  }
  PML_MEMBER void objective_changed() {
    tolerance_ = rounding * magnitude(region_.constant);
    region_.tolerance = tolerance_ - kappa_ * tree_.most_lowered;
    region_.find_peak();
  }

  // h(x) - F(x), or 0 where it may be no more than rounding errors.
  PML_MEMBER double reduced_cost(const double* x, int64_t place) const {
    double value = -region_.constant, size = magnitude(value);
    for (size_t j = 0; j < D; ++j) {
      value += (kappa_ * x[j] - region_.gradient[j]) * x[j];
      size += (kappa_ * magnitude(x[j]) + magnitude(region_.gradient[j])) * magnitude(x[j]);
    }
    value -= kappa_ * tree_.lowered[place];
    return magnitude(value) > rounding * size ? value : 0.0;
  }

  void add_candidate(size_t place) {
    if (n_candidates_ == most_candidates) return;
    double x[D];
    basis_.locate(tree_, query_, static_cast<int64_t>(place), x);
    for (size_t j = 0; j < D; ++j) candidate_x_[j][n_candidates_] = x[j];
    candidate_height_[n_candidates_] = height(x, static_cast<int64_t>(place));
    candidate_place_[n_candidates_++] = static_cast<int64_t>(place);
  }

  // Exchanges until no candidate lies inside the sphere.
  void improve_on_candidates() {
    if (n_candidates_ == 0) return;
    size_t end = n_candidates_;
    for (; end % lanes != 0; ++end) {
      for (size_t j = 0; j < D; ++j) candidate_x_[j][end] = candidate_x_[j][n_candidates_ - 1];
      candidate_height_[end] = candidate_height_[n_candidates_ - 1];
      candidate_place_[end] = candidate_place_[n_candidates_ - 1];
    }
    while (!failed_ && n_pivots_ < most_pivots) {
      Vec least = set(-tolerance_), where = set(-1.0), slope[D];
      for (size_t j = 0; j < D; ++j) slope[j] = set(region_.gradient[j]);
      for (size_t k = 0; k < end; k += lanes) {
        Vec value = fms(set(kappa_), load(candidate_height_ + k), set(region_.constant));
        for (size_t j = 0; j < D; ++j) value = fnma(slope[j], load(candidate_x_[j] + k), value);
        const Mask deeper = less(value, least);
        least = select(deeper, value, least);
        where = select(deeper, set(static_cast<double>(k)), where);
      }
      alignas(64) double values[lanes], places[lanes];
      store(values, least);
      store(places, where);
      size_t lane = 0;
      for (size_t k = 1; k < lanes; ++k) lane = values[k] < values[lane] ? k : lane;
      if (places[lane] < 0.0 || !enter(candidate_place_[static_cast<size_t>(places[lane]) + lane])) return;
    }
  }

  // Exchanges until no point of the leaf lies inside the sphere, nor any that did when it was looked at.
  void improve_on_leaf(size_t leaf) {
    while (!failed_ && n_pivots_ < most_pivots) {
      alignas(64) double cost[pml::tree_width];
      unsigned inside = 0;
      for (size_t v = 0; v < vectors_of_eight; ++v) {
        Vec value = set(-region_.constant);
        for (size_t j = 0; j < D; ++j) {
          const Vec x = load(tree_.leaves + (leaf * D + j) * pml::tree_width + v * lanes) - set(query_[j]);
          value = fma(fms(set(kappa_), x, set(region_.gradient[j])), x, value);
        }
        value = fnma(set(kappa_), load(tree_.lowered + leaf * pml::tree_width + v * lanes), value);
        inside |= bits(less(value, set(-tolerance_))) << (v * lanes);
        store(cost + v * lanes, value);
      }
      if (inside == 0) return;
      size_t deepest = lowest_bit(inside);
      for (; inside != 0; inside &= inside - 1) {
        const size_t k = lowest_bit(inside);
        add_candidate(leaf * pml::tree_width + k);
        deepest = cost[k] < cost[deepest] ? k : deepest;
      }
      if (!enter(static_cast<int64_t>(leaf * pml::tree_width + deepest))) return;
      improve_on_candidates();
    }
  }

  // The point takes the place of the vertex whose weight at the target is the first to fall to zero as its own grows;
  // false if it isn't inside the sphere.
  bool enter(int64_t place) {
    double x[D];
    basis_.locate(tree_, query_, place, x);
    const double cost = reduced_cost(x, place);
    if (!(cost < 0.0) || basis_.holds(row_at(place))) return false;
    Vec weights[vectors];
    alignas(64) double weight[padded], ratio[padded];
    basis_.weights_at(x, weights);
    for (size_t v = 0; v < vectors; ++v) {
      // A weight that may be no more than rounding errors is zero.
      Vec size = absolute(load(basis_.at_query + v * lanes));
      for (size_t j = 0; j < D; ++j) size = fma(absolute(set(x[j])), absolute(load(basis_.gradient[j] + v * lanes)), size);
      const Mask positive = less(set(rounding) * size, weights[v]);
      const Vec at_target = max(set(0.0), load(basis_.at_target + v * lanes));
      store(weight + v * lanes, weights[v]);
      store(ratio + v * lanes, select(positive, at_target / weights[v], set(1e300)));
    }
    size_t leaving = 0;
    for (size_t i = 1; i < n_rows; ++i) leaving = ratio[i] < ratio[leaving] ? i : leaving;
    if (!(ratio[leaving] < 1e300)) {
      failed_ = true;
      return false;
    }
    replace(leaving, place, x, weights, weight[leaving]);
    if (careful_) {
      failed_ = !invert();
      set_objective(kappa_);
      return !failed_;
    }
    for (size_t j = 0; j < D; ++j) region_.gradient[j] += cost * basis_.gradient[j][leaving];
    region_.constant += cost * basis_.at_query[leaving];
    objective_changed();
    return true;
  }

  PML_MEMBER int32_t row_at(int64_t place) const { return tree_.rows[place]; }

  PML_MEMBER void replace(size_t leaving, int64_t place, const double* x, const Vec* weights, double pivot) {
    ++n_pivots_;
    n_artificial_ -= basis_.place[leaving] < 0;
    basis_.exchange(weights, leaving, 1.0 / pivot);
    basis_.place[leaving] = place;
    basis_.row[leaving] = row_at(place);
    height_[leaving] = height(x, place);
  }

  // Whether F is h at the vertices, to a few times the rounding errors of both.
  bool reproduces_heights() const {
    for (size_t i = 0; i < n_rows; ++i) {
      double x[D];
      basis_.locate(tree_, query_, basis_.place[i], x);
      double value = height(x, basis_.place[i]) - region_.constant, size = magnitude(region_.constant);
      for (size_t j = 0; j < D; ++j) {
        value -= region_.gradient[j] * x[j];
        size += (magnitude(x[j]) + magnitude(region_.gradient[j])) * magnitude(x[j]);
      }
      if (!(magnitude(value) <= 16.0 * rounding * size)) return false;
    }
    return true;
  }

  // Refines the weights; false if the simplex is flat to rounding.
  bool settle() {
    // Weights that are right to rounding change by a unit roundoff or so. The inverse that exchanges have made may be too
    // bad to get there; one made anew is good enough unless the simplex is flat.
    constexpr double small_change = 32.0 * unit_roundoff;
    for (int step = 0; step < 8; ++step) {
      if (basis_.refine(tree_, query_) < small_change) return true;
      if (step == 2 && !invert()) return false;
    }
    return false;
  }

  // Whether all weights are >= -tolerance(i).
  template <class Tolerance>
  PML_MEMBER bool all_weights(Tolerance tolerance) const {
    for (size_t i = 0; i < n_rows; ++i) {
      if (basis_.at_query[i] < 0.0 && basis_.at_query[i] < -tolerance(i)) return false;
    }
    return true;
  }

  // Vertices of negative weight at the target become artificial, with columns -(x, 1), so that the weight is positive.
  void make_feasible() {
    for (size_t i = 0; i < n_rows; ++i) {
      if (basis_.at_target[i] >= -weight_rounding(i)) continue;
      basis_.locate(tree_, query_, basis_.place[i], artificial_[i]);
      artificial_sign_[i] = -1.0;
      for (size_t j = 0; j < D; ++j) basis_.gradient[j][i] = -basis_.gradient[j][i];
      basis_.at_query[i] = -basis_.at_query[i];
      basis_.at_target[i] = -basis_.at_target[i];
      basis_.place[i] = -1;
      basis_.row[i] = -1;
      ++n_artificial_;
    }
  }

  // Replaces the artificial vertices, which have no weight, by whatever points are furthest from the plane through the
  // other vertices; false if all are in it to rounding.
  bool drive_out() {
    for (size_t i = 0; i < n_rows; ++i) {
      if (basis_.place[i] >= 0) continue;
      double furthest = weight_rounding(i);
      int64_t best = -1;
      for (double side = 1.0; side >= -1.0; side -= 2.0) {
        Region<D> beyond{0.0, {}, side * basis_.at_query[i] - furthest, 0.0, {}};
        for (size_t j = 0; j < D; ++j) beyond.gradient[j] = side * basis_.gradient[j][i];
        beyond.find_peak();
        for_leaves_in(tree_, query_, beyond, [&](size_t leaf) {
          for (size_t k = 0; k < pml::tree_width; ++k) {
            const int64_t place = static_cast<int64_t>(leaf * pml::tree_width + k);
            double x[D], weight = side * basis_.at_query[i];
            basis_.locate(tree_, query_, place, x);
            for (size_t j = 0; j < D; ++j) weight += beyond.gradient[j] * x[j];
            if (!(weight > furthest)) continue;
            furthest = weight;
            best = place;
            beyond.constant = side * basis_.at_query[i] - furthest;
          }
        });
      }
      if (best < 0) return false;
      double x[D];
      basis_.locate(tree_, query_, best, x);
      Vec weights[vectors];
      alignas(64) double weight[padded];
      basis_.weights_at(x, weights);
      for (size_t v = 0; v < vectors; ++v) store(weight + v * lanes, weights[v]);
      replace(i, best, x, weights, weight[i]);
    }
    return true;
  }
};

template <size_t D>
void locate_each(const pml::KdTreeView& tree, const double* x, size_t n, int32_t* vertices, double* weights,
                 double* gradients) {
  SimplexProgram<D> program(tree, gradients != nullptr);
  for (size_t k = 0; k < n; ++k) {
    int32_t* const simplex = vertices + k * (D + 1);
    double* const weight = weights + k * (D + 1);
    const int32_t status = program.locate(x + k * D);
    if (status == found) {
      program.write(simplex, weight, gradients == nullptr ? nullptr : gradients + k * (D + 1) * D);
      continue;
    }
    for (size_t i = 0; i <= D; ++i) {
      simplex[i] = status;
      weight[i] = NAN;
    }
  }
}

}  // namespace
