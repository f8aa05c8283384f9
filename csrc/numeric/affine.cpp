#include "affine.hpp"

#include <algorithm>
#include <iterator>

#include "threads.hpp"

namespace pml {
namespace {

constexpr std::size_t rows_of_a_task = 16384;

// D columns, known to the compiler; 0 for any number of them.
template <std::size_t D>
void affine_rows(const double* x, std::size_t n, std::size_t d, const double* shift, const double* factor,
                 double* out) {
  const std::size_t columns = D == 0 ? d : D;
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < columns; ++j) out[i * columns + j] = (x[i * columns + j] - shift[j]) * factor[j];
  }
}

}  // namespace

void affine(const double* x, std::size_t n, std::size_t d, const double* shift, const double* factor, double* out,
            std::size_t n_threads) {
  using Rows = void (*)(const double*, std::size_t, std::size_t, const double*, const double*, double*);
  constexpr Rows rows[] = {affine_rows<0>, affine_rows<1>, affine_rows<2>, affine_rows<3>, affine_rows<4>};
  const Rows chosen = rows[d < std::size(rows) ? d : 0];
  parallel_for((n + rows_of_a_task - 1) / rows_of_a_task, n_threads, [&](std::size_t task, std::size_t) {
    const std::size_t begin = task * rows_of_a_task, count = std::min(rows_of_a_task, n - begin);
    chosen(x + begin * d, count, d, shift, factor, out + begin * d);
  });
}

}  // namespace pml
