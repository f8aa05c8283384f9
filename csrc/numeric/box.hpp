// Whether points are in a box.
#pragma once

#include <algorithm>
#include <cstddef>

namespace pml {

// Whether low[j] <= x[i][j] <= high[j] for all of x (n, d): not where one is NaN. Rows are looked at by the hundred, so
// that the loop over them has no way out, and one far outside ends it soon.
inline bool is_inside(const double* x, std::size_t n, std::size_t d, const double* low, const double* high) {
  constexpr std::size_t rows_at_once = 128;
  for (std::size_t begin = 0; begin < n; begin += rows_at_once) {
    bool inside = true;
    for (const double *row = x + begin * d, *end = x + std::min(n, begin + rows_at_once) * d; row < end; row += d) {
      for (std::size_t j = 0; j < d; ++j) inside &= (row[j] >= low[j]) & (row[j] <= high[j]);
    }
    if (!inside) return false;
  }
  return true;
}

}  // namespace pml
