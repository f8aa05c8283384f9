#include "products.hpp"

#include <algorithm>

#include "../numeric/threads.hpp"

namespace pml {
namespace {

// Rows of a task. What all columns of one product are multiplied by, a KB a variable, stays in the first-level cache.
constexpr std::size_t tile = 128;

}  // namespace

void products_jacobian(const std::vector<ProductVariable>& variables, std::size_t rank, const double* root_weight,
                       std::size_t n, double* out, std::size_t n_threads) {
  const std::size_t d = variables.size(), n_tasks = (n + tile - 1) / tile;
  std::vector<double> workspaces(std::max<std::size_t>(1, std::min(n_threads, n_tasks)) * d * tile);
  parallel_for(n_tasks, n_threads, [&](std::size_t task, std::size_t worker) {
    const std::size_t begin = task * tile, here = std::min(tile, n - begin);
    double* const others = workspaces.data() + worker * d * tile;
    for (std::size_t k = 0; k < rank; ++k) {
      // The weight times all series but the variable's own: those before it, then those behind it.
      double product[tile];
      std::copy_n(root_weight + begin, here, product);
      for (std::size_t j = 0; j < d; ++j) {
        std::copy_n(product, here, others + j * tile);
        for (std::size_t i = 0; i < here; ++i) product[i] *= variables[j].series[(begin + i) * rank + k];
      }
      std::fill_n(product, here, 1.0);
      for (std::size_t j = d; j-- > 0;) {
        for (std::size_t i = 0; i < here; ++i) {
          others[j * tile + i] *= product[i];
          product[i] *= variables[j].series[(begin + i) * rank + k];
        }
      }
      double* column = out + begin;
      for (std::size_t j = 0; j < d; ++j) {
        const std::size_t m = variables[j].n_polynomials;
        for (std::size_t c = 0; c < m; ++c) {
          const double* const polynomial = variables[j].polynomials + c * n + begin;
          double* const to = column + (k * m + c) * n;
          for (std::size_t i = 0; i < here; ++i) to[i] = others[j * tile + i] * polynomial[i];
        }
        column += rank * m * n;
      }
    }
  });
}

}  // namespace pml
