// The derivatives of a sum of products of series in one variable each.
#pragma once

#include <cstddef>
#include <vector>

namespace pml {

// Variable j of such a sum at n rows: the polynomials V_j that its series are made of, and the series F_j = V_j A_j.
struct ProductVariable {
  const double* polynomials;  // (n_polynomials, n)
  std::size_t n_polynomials;
  const double* series;  // (n, rank): one in each product
};

// out (n, P), column-major: the derivatives of w_i sum_k prod_j F_jik by the coefficients A_j, in the order of variables,
// of products for each variable, and of polynomials for each product. Every number has the same bits for any number of
// threads.
void products_jacobian(const std::vector<ProductVariable>& variables, std::size_t rank, const double* root_weight,
                       std::size_t n, double* out, std::size_t n_threads);

}  // namespace pml
