#include "symmetric.hpp"

#include <algorithm>
#include <cmath>

#include "../isa/dispatch.hpp"
#include "aligned_buffer.hpp"
#include "threads.hpp"

namespace pml {

void symmetric_update(double* h, std::size_t n, double scale, const double* u, const double* p, const double* v,
                      const double* q, const double* x, double* y, std::size_t n_threads) {
  // Below this size the pass takes some ten microseconds, less than waking a thread.
  constexpr std::size_t smallest_shared = 512;
  const std::size_t chunks = n < smallest_shared ? 1 : 16;
  const NumericKernels& table = kernels().numeric;
  AlignedBuffer partial(chunks * n);
  std::fill_n(partial.data(), chunks * n, 0.0);
  // Row i holds n - i entries: equal areas, not equal numbers of rows.
  const auto first_row = [&](std::size_t c) {
    const double left = 1.0 - static_cast<double>(c) / static_cast<double>(chunks);
    return n - static_cast<std::size_t>(std::llround(static_cast<double>(n) * std::sqrt(left)));
  };
  parallel_for(chunks, n_threads, [&](std::size_t c, std::size_t) {
    table.symmetric_update(h, n, first_row(c), first_row(c + 1), scale, u, p, v, q, x, partial.data() + c * n);
  });
  std::fill_n(y, n, 0.0);
  for (std::size_t c = 0; c < chunks; ++c) {
    for (std::size_t i = 0; i < n; ++i) y[i] += partial.data()[c * n + i];
  }
}

}  // namespace pml
