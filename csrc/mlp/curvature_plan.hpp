// Which rows a tile's state has, which products of them are summed, and where the sums go in the matrix.
// The mathematics stands in kernels/curvature.hpp.
#pragma once

#include <cstddef>
#include <vector>

#include "architecture.hpp"
#include "curvature.hpp"

namespace pml {

// What the sums of one product are: `pairs` has (o, o') held and (i, i') streamed; `tangent` has (o, i') held, or (o,)
// where G is diagonal, and (i, o') streamed; `gradient` has (o,) held and (i,) streamed.
enum class Target { pairs, tangent, gradient };

struct PlannedProduct {
  Product product;
  Target target;
  std::size_t from, to;  // the layers l <= l' of the two parameters
  std::size_t sums;      // where its sums begin among all sums, rows `product.stride` apart
};

class CurvaturePlan {
 public:
  CurvaturePlan(const Architecture& architecture, Curvature curvature);
  CurvaturePlan(const CurvaturePlan&) = delete;
  CurvaturePlan& operator=(const CurvaturePlan&) = delete;

  StateRows rows;
  std::vector<PlannedProduct> products;
  std::size_t n_sums = 0;

  // Adds the sums, times `scale`, to gradient (P,) and to the upper blocks (layer l <= layer l') of matrix (P, P).
  void scatter(const PlannedProduct& planned, const double* sums, double scale, double* gradient,
               double* matrix) const;

 private:
  const Architecture& architecture_;
  std::vector<std::size_t> a_, e_, delta_, omega_, slope_, q_, s_, g_;

  std::size_t n_in(std::size_t layer) const { return architecture_.widths[layer - 1]; }
  std::size_t n_out(std::size_t layer) const { return architecture_.widths[layer]; }
  // Of the weight (o, i) of a layer, i = n_in for the bias.
  std::size_t param(std::size_t layer, std::size_t o, std::size_t i) const {
    const std::size_t at = architecture_.offsets[layer - 1];
    return i < n_in(layer) ? at + o * n_in(layer) + i : at + n_out(layer) * n_in(layer) + o;
  }
  void add(Target target, std::size_t from, std::size_t to, const Operand& held, const Operand& streamed);
  void scatter_pairs_of_one_layer(const PlannedProduct&, const double* sums, double scale, double* matrix) const;
};

}  // namespace pml
