// The basis of the linear program in on_demand.hpp: d + 1 columns (x, 1) and the inverse of their matrix.
#pragma once

#include <math.h>

#include "../../numeric/double_double.hpp"
#include "kd_tree.hpp"

namespace {

constexpr double unit_roundoff = 1.1102230246251565e-16;

// The inverse is kept as affine functions: lambda_i(x) = gradient_i x + value_i is the weight of vertex i at x.
template <size_t D>
struct Basis {
  static constexpr size_t n_rows = D + 1;
  static constexpr size_t vectors = (n_rows + lanes - 1) / lanes;
  static constexpr size_t padded = vectors * lanes;

  // By axis, then by vertex: the gradients; then lambda_i at the query, which is the origin of x, and at the target,
  // a point very close to it. Zeros pad the vertices.
  alignas(64) double gradient[D][padded];
  alignas(64) double at_query[padded];
  alignas(64) double at_target[padded];
  int64_t place[n_rows];  // 8 leaf + number in the leaf; -1 for an artificial vertex
  int32_t row[n_rows];    // of the points; -1 for an artificial vertex

  PML_MEMBER void weights_at(const double* x, Vec* lambda) const {
    for (size_t v = 0; v < vectors; ++v) {
      lambda[v] = load(at_query + v * lanes);
      for (size_t j = 0; j < D; ++j) lambda[v] = fma(set(x[j]), load(gradient[j] + v * lanes), lambda[v]);
    }
  }

  PML_MEMBER bool holds(int32_t some_row) const {
    bool found = false;
    for (size_t i = 0; i < n_rows; ++i) found = found || row[i] == some_row;
    return found;
  }

  // Puts the point with these weights in the place of a vertex: lambda_l <- lambda_l / w_l, then
  // lambda_i <- lambda_i - w_i lambda_l.
  PML_MEMBER void exchange(const Vec* weights, size_t leaving, double inverse) {
    alignas(64) double one[padded] = {};
    one[leaving] = 1.0;
    const auto update = [&](double* column) {
      const Vec divided = set(column[leaving] * inverse);
      for (size_t v = 0; v < vectors; ++v) {
        const Vec others = fnma(weights[v], divided, load(column + v * lanes));
        store(column + v * lanes, select(less(set(0.5), load(one + v * lanes)), divided, others));
      }
    };
    for (size_t j = 0; j < D; ++j) update(gradient[j]);
    update(at_query);
    update(at_target);
  }

  PML_MEMBER void set_at_target(const double* target) {
    Vec lambda[vectors];
    weights_at(target, lambda);
    for (size_t v = 0; v < vectors; ++v) store(at_target + v * lanes, lambda[v]);
  }

  PML_MEMBER void locate(const pml::KdTreeView& tree, const double* query, int64_t where, double* x) const {
    const size_t leaf = static_cast<size_t>(where) / pml::tree_width, k = static_cast<size_t>(where) % pml::tree_width;
    for (size_t j = 0; j < D; ++j) x[j] = tree.leaves[(leaf * D + j) * pml::tree_width + k] - query[j];
  }

  // The inverse anew, without the rounding that many exchanges have gathered (Gauss-Jordan, partial pivoting, each
  // axis scaled to size one); false for a simplex that is flat to rounding. at_target is left to the caller.
  // position(i, x) gives column i: x, and returns the 1 below it (-1 for some artificial ones).
  template <class Position>
  bool invert(Position position) {
    double matrix[n_rows][2 * n_rows] = {};
    for (size_t i = 0; i < n_rows; ++i) {
      double x[D];
      matrix[D][i] = position(i, x);
      for (size_t j = 0; j < D; ++j) matrix[j][i] = x[j];
      matrix[i][n_rows + i] = 1.0;
    }
    for (size_t j = 0; j < D; ++j) {
      double largest = 0.0;
      for (size_t i = 0; i < n_rows; ++i) largest = magnitude(matrix[j][i]) > largest ? magnitude(matrix[j][i]) : largest;
      if (!(largest > 0.0)) return false;
      for (size_t i = 0; i < n_rows; ++i) matrix[j][i] /= largest;
      matrix[j][n_rows + j] = 1.0 / largest;
    }
    for (size_t c = 0; c < n_rows; ++c) {
      size_t pivot = c;
      for (size_t r = c + 1; r < n_rows; ++r) {
        if (magnitude(matrix[r][c]) > magnitude(matrix[pivot][c])) pivot = r;
      }
      if (magnitude(matrix[pivot][c]) < 4.0 * n_rows * unit_roundoff) return false;
      const double inverse = 1.0 / matrix[pivot][c];
      for (size_t k = c; k < 2 * n_rows; ++k) {
        const double moved = matrix[pivot][k];
        matrix[pivot][k] = matrix[c][k];
        matrix[c][k] = moved * inverse;
      }
      for (size_t r = 0; r < n_rows; ++r) {
        if (r == c) continue;
        const double factor = matrix[r][c];
        for (size_t k = c; k < 2 * n_rows; ++k) matrix[r][k] -= factor * matrix[c][k];
      }
    }
    for (size_t i = 0; i < n_rows; ++i) {
      for (size_t j = 0; j < D; ++j) gradient[j][i] = matrix[i][n_rows + j];
      at_query[i] = matrix[i][n_rows + D];
    }
    return true;
  }

  // One step of iterative refinement of the weights at the query, with residuals of the vertices as they are given:
  // the sums of w (p - q) and of w are taken in twice the precision. Returns the largest change over the largest weight.
  double refine(const pml::KdTreeView& tree, const double* query) {
    constexpr size_t axis_vectors = (D + lanes - 1) / lanes;
    alignas(64) double point[axis_vectors * lanes] = {}, at[axis_vectors * lanes] = {}, residual[axis_vectors * lanes];
    for (size_t j = 0; j < D; ++j) at[j] = query[j];
    DoubleDouble<Vec> sum[axis_vectors] = {};
    for (size_t v = 0; v < axis_vectors; ++v) sum[v] = {set(0.0), set(0.0)};
    DoubleDouble<Vec> total{set(-1.0), set(0.0)};
    for (size_t i = 0; i < n_rows; ++i) {
      const Vec w = set(at_query[i]);
      const double* const leaf = tree.leaves + static_cast<size_t>(place[i]) / pml::tree_width * D * pml::tree_width;
      for (size_t j = 0; j < D; ++j) point[j] = leaf[j * pml::tree_width + static_cast<size_t>(place[i]) % pml::tree_width];
      for (size_t v = 0; v < axis_vectors; ++v) {
        const DoubleDouble<Vec> x = two_sum(load(point + v * lanes), -load(at + v * lanes));
        const DoubleDouble<Vec> product = two_product(w, x.high), s = two_sum(sum[v].high, product.high);
        sum[v] = {s.high, sum[v].low + (s.low + fma(w, x.low, product.low))};
      }
      const DoubleDouble<Vec> s = two_sum(total.high, w);
      total = {s.high, total.low + s.low};
    }
    for (size_t v = 0; v < axis_vectors; ++v) store(residual + v * lanes, sum[v].high + sum[v].low);
    double largest_change = 0.0, largest_weight = 0.0;
    for (size_t v = 0; v < vectors; ++v) {
      Vec change = (total.high + total.low) * load(at_query + v * lanes);
      for (size_t j = 0; j < D; ++j) change = fma(set(residual[j]), load(gradient[j] + v * lanes), change);
      const Vec weight = load(at_query + v * lanes) - change;
      store(at_query + v * lanes, weight);
      alignas(64) double changes[lanes], weights[lanes];
      store(changes, absolute(change));
      store(weights, absolute(weight));
      for (size_t k = 0; k < lanes; ++k) {
        largest_change = changes[k] < largest_change ? largest_change : changes[k];
        largest_weight = weights[k] < largest_weight ? largest_weight : weights[k];
      }
    }
    return largest_change / largest_weight;
  }
};

}  // namespace
