#include "curvature_plan.hpp"

namespace pml {
namespace {

constexpr std::size_t most_rows_of_a_panel = 8;

// n_u x n_v products of one row each.
Operand products_of(std::size_t u, std::size_t n_u, std::size_t v, std::size_t n_v, bool triangle = false) {
  return {n_u, n_v, triangle, 1, u, 0, v, 0, no_row, 0, 0, false};
}

// n_u x n_v rows as they stand, row (i, j) at `begin` + i * n_v + j.
Operand rows_of(std::size_t begin, std::size_t n_u, std::size_t n_v) {
  return {n_u, n_v, false, 0, 0, 0, 0, 0, begin, n_v, 1, false};
}

}  // namespace

CurvaturePlan::CurvaturePlan(const Architecture& architecture, Curvature curvature) : architecture_(architecture) {
  const std::size_t n_layers = architecture.widths.size() - 1;
  const std::size_t m = architecture.n_outputs();
  const bool second_order = curvature == Curvature::hessian;

  std::size_t next = 0;
  const auto take = [&next](std::size_t n) {
    const std::size_t at = next;
    next += n;
    return at;
  };
  rows.second_order = second_order;
  rows.weight = take(1);
  for (std::vector<std::size_t>* per_layer : {&a_, &e_, &delta_, &omega_, &slope_, &q_}) {
    per_layer->assign(n_layers + 1, no_row);
  }
  s_.assign(n_layers * n_layers, no_row);
  g_.assign(n_layers * (n_layers + 1), no_row);
  for (std::size_t l = 0; l < n_layers; ++l) a_[l] = take(architecture.widths[l] + 1);
  for (std::size_t l = 1; l <= n_layers; ++l) e_[l] = take(n_out(l));
  for (std::size_t l = 1; l < n_layers; ++l) {
    delta_[l] = take(m * n_out(l));
    omega_[l] = take(m * n_out(l));
    if (!second_order) continue;
    slope_[l] = take(n_out(l));
    q_[l] = take(n_out(l));
    for (std::size_t k = l; k < n_layers; ++k) {
      if (l + 1 < n_layers) s_[l * n_layers + k] = take(n_out(l) * n_out(k));
    }
    for (std::size_t k = l + 2; k <= n_layers; ++k) g_[l * (n_layers + 1) + k] = take(n_out(l) * n_in(k));
  }
  rows.n_rows = next;
  rows.a = a_.data();
  rows.e = e_.data();
  rows.delta = delta_.data();
  rows.omega = omega_.data();
  rows.slope = slope_.data();
  rows.q = q_.data();
  rows.s = s_.data();
  rows.g = g_.data();

  const auto ones = [&](std::size_t layer) { return a_[layer - 1] + n_in(layer); };
  for (std::size_t l = 1; l <= n_layers; ++l) {
    const Operand inputs = products_of(a_[l - 1], n_in(l) + 1, ones(l), 1);
    add(Target::gradient, l, l, rows_of(e_[l], n_out(l), 1), inputs);
    for (std::size_t k = l; k <= n_layers; ++k) {
      const Operand input_pairs = products_of(a_[l - 1], n_in(l) + 1, a_[k - 1], n_in(k) + 1, l == k);
      if (l == n_layers) {
        // d f_k / d z_L is 1 or 0: all outputs share one block.
        add(Target::pairs, l, k, rows_of(rows.weight, 1, 1), input_pairs);
      } else if (k == n_layers) {
        add(Target::pairs, l, k, rows_of(omega_[l], m, n_out(l)), input_pairs);  // (k, o)
      } else {
        Operand pairs = {n_out(l), n_out(k), l == k, m, omega_[l], n_out(l), delta_[k], n_out(k), no_row, 0, 0, false};
        if (second_order && l == k && l + 1 == n_layers) {
          pairs.addend = q_[l];
          pairs.addend_i = 1;
          pairs.addend_on_diagonal = true;
        } else if (second_order) {
          pairs.addend = s_[l * n_layers + k];
          // S_ll holds (o, p <= o) at o * n + p; S_lk holds (o, o') at o' * n_l + o.
          pairs.addend_i = l == k ? n_out(l) : 1;
          pairs.addend_j = l == k ? 1 : n_out(l);
        }
        add(Target::pairs, l, k, pairs, input_pairs);
      }
      if (!second_order || l == k) continue;
      const Operand held = k == l + 1 ? rows_of(slope_[l], n_out(l), 1)
                                      : rows_of(g_[l * (n_layers + 1) + k], n_out(l), n_in(k));
      add(Target::tangent, l, k, held, products_of(a_[l - 1], n_in(l) + 1, e_[k], n_out(k)));
    }
  }
}

void CurvaturePlan::add(Target target, std::size_t from, std::size_t to, const Operand& held,
                        const Operand& streamed) {
  const std::size_t stride = (streamed.count() + most_rows_of_a_panel - 1) / most_rows_of_a_panel * most_rows_of_a_panel;
  products.push_back({{held, streamed, stride}, target, from, to, n_sums});
  n_sums += held.count() * stride;
}

void CurvaturePlan::scatter(const PlannedProduct& planned, const double* sums, double scale, double* gradient,
                            double* matrix) const {
  const std::size_t n_params = architecture_.n_params;
  const std::size_t n_layers = architecture_.widths.size() - 1;
  const std::size_t l = planned.from, k = planned.to;
  const std::size_t stride = planned.product.stride;
  const std::size_t left = n_in(l), right = n_in(k);
  if (planned.target == Target::gradient) {
    for (std::size_t o = 0; o < n_out(l); ++o) {
      for (std::size_t i = 0; i <= left; ++i) gradient[param(l, o, i)] += scale * sums[o * stride + i];
    }
  } else if (planned.target == Target::tangent) {
    for (std::size_t o = 0; o < n_out(l); ++o) {
      for (std::size_t i = 0; i <= left; ++i) {
        double* const row = matrix + param(l, o, i) * n_params;
        for (std::size_t p = 0; p < n_out(k); ++p) {
          const std::size_t column = i * n_out(k) + p;
          if (k == l + 1) {
            row[param(k, p, o)] += scale * sums[o * stride + column];
            continue;
          }
          for (std::size_t j = 0; j < right; ++j) {
            row[param(k, p, j)] += scale * sums[(o * right + j) * stride + column];
          }
        }
      }
    }
  } else if (l == k) {
    scatter_pairs_of_one_layer(planned, sums, scale, matrix);
  } else {
    for (std::size_t o = 0; o < n_out(l); ++o) {
      for (std::size_t i = 0; i <= left; ++i) {
        double* const row = matrix + param(l, o, i) * n_params;
        for (std::size_t p = 0; p < n_out(k); ++p) {
          const std::size_t held = k == n_layers ? p * n_out(l) + o : o * n_out(k) + p;
          const double* const from = sums + held * stride + i * (right + 1);
          double* const to = row + param(k, p, 0);
          for (std::size_t j = 0; j < right; ++j) to[j] += scale * from[j];
          row[param(k, p, right)] += scale * from[right];
        }
      }
    }
  }
}

void CurvaturePlan::scatter_pairs_of_one_layer(const PlannedProduct& planned, const double* sums, double scale,
                                               double* matrix) const {
  const std::size_t n_params = architecture_.n_params;
  const std::size_t l = planned.from, n = n_in(l);
  const bool shared = l + 1 == architecture_.widths.size();
  std::vector<double> square((n + 1) * (n + 1));
  const auto add_square = [&](std::size_t o, std::size_t p) {
    for (std::size_t i = 0; i <= n; ++i) {
      double* const row = matrix + param(l, o, i) * n_params;
      double* const to = row + param(l, p, 0);
      for (std::size_t j = 0; j < n; ++j) to[j] += square[i * (n + 1) + j];
      row[param(l, p, n)] += square[i * (n + 1) + n];
    }
  };
  const std::size_t last = shared ? 1 : n_out(l);
  std::size_t held = 0;
  for (std::size_t o = 0; o < last; ++o) {
    for (std::size_t p = 0; p <= o; ++p, ++held) {
      const double* from = sums + held * planned.product.stride;
      for (std::size_t i = 0; i <= n; ++i) {
        for (std::size_t j = 0; j <= i; ++j) {
          square[i * (n + 1) + j] = square[j * (n + 1) + i] = scale * *from++;
        }
      }
      add_square(o, p);
      if (p < o) add_square(p, o);
    }
  }
  for (std::size_t o = 1; shared && o < n_out(l); ++o) add_square(o, o);
}

}  // namespace pml
