// Sums of radial functions and their derivatives, for blocks of rows: vector lanes are rows.
//
// Each function is given by t = (epsilon r)^2: its value, which stands beside its name with r for epsilon r, and its
// slope phi'(r) / r in units of epsilon^2, by which weight (z - center) is multiplied for the derivative. A slope that
// is infinite at r = 0 is 0 there, as z - center is.
#pragma once

#include <math.h>

#include "../../mlp/elementary.hpp"
#include "../../numeric/simd.hpp"
#include "../kernel_table.hpp"

namespace {

constexpr size_t radial_block = pack_size * lanes;
static_assert(radial_block <= pml::radial_most_rows, "the workspace holds a block");
// Sums over this many centers are added up before they are added to the rest: rounding then grows with this and the
// number of such groups, not with the number of centers.
constexpr size_t radial_group = 64;

PML_INLINE Pack zero_where_zero(const Pack& t, const Pack& value) { return select(less(Pack(set(0.0)), t), value, t); }

// log(t) for normal t > 0, to some eps of the larger of it and 1: t = 2^n (1 + u), -1/4 <= u <= 1/2.
PML_INLINE Pack logarithm(const Pack& t) {
  const Pack one(set(1.0));
  // 2^52 with the exponent field of t in its low bits.
  const Pack field = bit_or(shift_right(t, 52), Pack(set(0x1p52)));
  const Pack mantissa = bit_or(bit_and(t, Pack(set(0x0.fffffffffffffp-1022))), one);
  const PackMask large = less(Pack(set(1.5)), mantissa);
  const Pack n = field - select(large, Pack(set(0x1p52 + 1022.0)), Pack(set(0x1p52 + 1023.0)));
  const Pack u = select(large, mantissa * Pack(set(0.5)), mantissa) - one;
  return fma(n, Pack(set(0x1.62e42fefa39efp-1)), log1p_unit(u));
}

struct Linear {  // -r
  static constexpr const char* name = "linear";
  static PML_MEMBER Pack value(const Pack& t) { return -square_root(t); }
  static PML_MEMBER Pack slope(const Pack& t) { return zero_where_zero(t, Pack(set(-1.0)) / square_root(t)); }
};
struct ThinPlate {  // r^2 log r
  static constexpr const char* name = "thin_plate_spline";
  static PML_MEMBER Pack value(const Pack& t) { return zero_where_zero(t, Pack(set(0.5)) * t * logarithm(t)); }
  static PML_MEMBER Pack slope(const Pack& t) { return zero_where_zero(t, logarithm(t) + Pack(set(1.0))); }
};
struct Cubic {  // r^3
  static constexpr const char* name = "cubic";
  static PML_MEMBER Pack value(const Pack& t) { return t * square_root(t); }
  static PML_MEMBER Pack slope(const Pack& t) { return Pack(set(3.0)) * square_root(t); }
};
struct Quintic {  // -r^5
  static constexpr const char* name = "quintic";
  static PML_MEMBER Pack value(const Pack& t) { return -(t * t * square_root(t)); }
  static PML_MEMBER Pack slope(const Pack& t) { return Pack(set(-5.0)) * t * square_root(t); }
};
struct Multiquadric {  // -sqrt(1 + r^2)
  static constexpr const char* name = "multiquadric";
  static PML_MEMBER Pack value(const Pack& t) { return -square_root(t + Pack(set(1.0))); }
  static PML_MEMBER Pack slope(const Pack& t) { return Pack(set(-1.0)) / square_root(t + Pack(set(1.0))); }
};
struct InverseMultiquadric {  // 1 / sqrt(1 + r^2)
  static constexpr const char* name = "inverse_multiquadric";
  static PML_MEMBER Pack value(const Pack& t) { return Pack(set(1.0)) / square_root(t + Pack(set(1.0))); }
  static PML_MEMBER Pack slope(const Pack& t) {
    const Pack q = value(t);
    return -(q * q * q);
  }
};
struct InverseQuadratic {  // 1 / (1 + r^2)
  static constexpr const char* name = "inverse_quadratic";
  static PML_MEMBER Pack value(const Pack& t) { return Pack(set(1.0)) / (t + Pack(set(1.0))); }
  static PML_MEMBER Pack slope(const Pack& t) {
    const Pack q = value(t);
    return Pack(set(-2.0)) * q * q;
  }
};
struct Gaussian {  // exp(-r^2)
  static constexpr const char* name = "gaussian";
  static PML_MEMBER Pack value(const Pack& t) { return exp_nonpositive(-t); }
  static PML_MEMBER Pack slope(const Pack& t) { return Pack(set(-2.0)) * exp_nonpositive(-t); }
};
struct Matern {  // (1 + s + s^2 / 3) exp(-s), s = sqrt(5) r
  static constexpr const char* name = "matern";
  static PML_MEMBER Pack value(const Pack& t) {
    const Pack square = Pack(set(5.0)) * t, s = square_root(square);
    return fma(square, Pack(set(1.0 / 3.0)), s + Pack(set(1.0))) * exp_nonpositive(-s);
  }
  static PML_MEMBER Pack slope(const Pack& t) {
    const Pack s = square_root(Pack(set(5.0)) * t);
    return Pack(set(-5.0 / 3.0)) * (s + Pack(set(1.0))) * exp_nonpositive(-s);
  }
};

// z (n_variables, radial_block) of the next rows, 0 behind the last.
PML_INLINE void radial_coordinates(const pml::RadialView& sum, const double* z, size_t n, double* columns) {
  const size_t d = sum.n_variables;
  for (size_t j = 0; j < d; ++j) {
    for (size_t r = 0; r < n; ++r) columns[j * radial_block + r] = z[r * d + j];
    for (size_t r = n; r < radial_block; ++r) columns[j * radial_block + r] = 0.0;
  }
}

PML_INLINE Pack squared_distance(const pml::RadialView& sum, const double* columns, const double* center) {
  Pack total(set(0.0));
  for (size_t j = 0; j < sum.n_variables; ++j) {
    const Pack difference = load_as(columns + j * radial_block, Pack()) - Pack(set(center[j]));
    total = fma(difference, difference, total);
  }
  return total;
}

// Adds the sums of a group to those of all, and begins anew.
PML_INLINE void radial_gather(double* group, double* total, size_t n_sums) {
  for (size_t i = 0; i < n_sums * radial_block; i += radial_block) {
    store(total + i, load_as(total + i, Pack()) + load_as(group + i, Pack()));
    store(group + i, Pack(set(0.0)));
  }
}

template <class Function>
void radial_evaluate(const pml::RadialView& sum, const double* z, size_t n, double* workspace, double* out) {
  const size_t d = sum.n_variables, m = sum.n_outputs;
  const Pack scale(set(sum.epsilon_squared));
  double* const columns = workspace;
  double* const group = columns + d * radial_block;
  double* const total = group + m * radial_block;
  for (size_t begin = 0; begin < n; begin += radial_block, z += radial_block * d, out += radial_block * m) {
    const size_t here = n - begin < radial_block ? n - begin : radial_block;
    radial_coordinates(sum, z, here, columns);
    for (size_t i = 0; i < 2 * m * radial_block; i += lanes) store(group + i, set(0.0));
    for (size_t c = 0; c < sum.n_centers; ++c) {
      const Pack phi = Function::value(squared_distance(sum, columns, sum.centers + c * d) * scale);
      for (size_t k = 0; k < m; ++k) {
        double* const to = group + k * radial_block;
        store(to, fma(phi, Pack(set(sum.weights[c * m + k])), load_as(to, phi)));
      }
      if ((c + 1) % radial_group == 0) radial_gather(group, total, m);
    }
    radial_gather(group, total, m);
    for (size_t r = 0; r < here; ++r) {
      for (size_t k = 0; k < m; ++k) out[r * m + k] = total[k * radial_block + r];
    }
  }
}

template <class Function>
void radial_gradient(const pml::RadialView& sum, const double* z, size_t n, double* workspace, double* out) {
  const size_t d = sum.n_variables, m = sum.n_outputs;
  const Pack scale(set(sum.epsilon_squared));
  double* const columns = workspace;
  double* const group = columns + d * radial_block;
  double* const total = group + m * d * radial_block;
  alignas(64) double slopes[radial_block];
  for (size_t begin = 0; begin < n; begin += radial_block, z += radial_block * d, out += radial_block * m * d) {
    const size_t here = n - begin < radial_block ? n - begin : radial_block;
    radial_coordinates(sum, z, here, columns);
    for (size_t i = 0; i < 2 * m * d * radial_block; i += lanes) store(group + i, set(0.0));
    for (size_t c = 0; c < sum.n_centers; ++c) {
      const double* const center = sum.centers + c * d;
      store(slopes, Function::slope(squared_distance(sum, columns, center) * scale) * scale);
      for (size_t k = 0; k < m; ++k) {
        const Vec weight = set(sum.weights[c * m + k]);
        for (size_t j = 0; j < d; ++j) {
          const Vec coordinate = set(center[j]);
          double* const to = group + (k * d + j) * radial_block;
          PML_UNROLL
          for (size_t r = 0; r < radial_block; r += lanes) {
            const Vec difference = load(columns + j * radial_block + r) - coordinate;
            store(to + r, fma(load(slopes + r) * weight, difference, load(to + r)));
          }
        }
      }
      if ((c + 1) % radial_group == 0) radial_gather(group, total, m * d);
    }
    radial_gather(group, total, m * d);
    for (size_t r = 0; r < here; ++r) {
      for (size_t i = 0; i < m * d; ++i) out[r * m * d + i] = total[i * radial_block + r];
    }
  }
}

template <class Function>
constexpr pml::RadialFunction radial_function() {
  pml::RadialFunction entry;
  entry.name = Function::name;
  entry.evaluate = radial_evaluate<Function>;
  entry.gradient = radial_gradient<Function>;
  return entry;
}

template <class... Functions>
struct RadialEntries {
  static constexpr size_t size = sizeof...(Functions);
  static constexpr pml::RadialFunction entries[] = {pml::complete(radial_function<Functions>())...};
};
using RadialFunctions = RadialEntries<Linear, ThinPlate, Cubic, Quintic, Multiquadric, InverseMultiquadric,
                                      InverseQuadratic, Gaussian, Matern>;

}  // namespace
