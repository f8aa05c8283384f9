#include "batch.hpp"

#include <algorithm>

#include "../numeric/aligned_buffer.hpp"
#include "../numeric/threads.hpp"

namespace pml {
namespace {

// Rows that go through the network together: as many as keep a tile's activations and deltas (about twice the sum of
// the widths a row) in the second-level cache. All sizes are divisible by the block of every instruction set (40, 12,
// 10, 6 and 3 samples), so that only the last tile of a batch is padded. Depends on the widths alone: the order of
// summation is part of the result.
std::size_t tile_samples_of(const Architecture& architecture) {
  std::size_t doubles = 0;
  for (std::size_t width : architecture.widths) doubles += 2 * width;
  for (std::size_t samples : {std::size_t{480}, std::size_t{240}}) {
    if (doubles * samples * sizeof(double) <= 640 * 1024) return samples;
  }
  return 120;
}

// Sums over samples are first taken within chunks of consecutive tiles, then over the chunks in order. The number
// of chunks depends on n and P alone: enough to keep many threads busy, few enough that their gradients stay small
// beside the work (and, for wide networks, beside the cache).
std::size_t n_chunks(std::size_t n_tiles, std::size_t n_params) {
  const std::size_t most = std::clamp<std::size_t>((std::size_t{1} << 20) / n_params, 8, 64);
  return std::min(n_tiles, most);
}

// A batch of n rows, cut into tiles.
struct Tiles {
  const Architecture& architecture;
  const double* x;
  const double* y;
  const double* sample_weight;
  std::size_t n;
  std::size_t samples = tile_samples_of(architecture);

  std::size_t count() const { return (n + samples - 1) / samples; }
  std::size_t largest() const { return std::min(n, samples); }
  std::size_t begin(std::size_t t) const { return t * samples; }
  Tile operator[](std::size_t t) const {
    const std::size_t row = begin(t);
    return {std::min(samples, n - row), x + row * architecture.n_inputs(),
            y == nullptr ? nullptr : y + row * architecture.n_outputs(),
            sample_weight == nullptr ? nullptr : sample_weight + row};
  }
};

// Runs a kernel that fills `row_doubles` numbers of `out` a sample and sums nothing.
template <class Kernel>
void for_each_tile(const Architecture& architecture, const double* params, const double* x, std::size_t n, double* out,
                   std::size_t row_doubles, std::size_t n_threads, const Network& network, Kernel kernel,
                   std::size_t workspace) {
  const Tiles tiles{architecture, x, nullptr, nullptr, n};
  const std::size_t stride = AlignedBuffer::padded(workspace);
  n_threads = std::min(n_threads, tiles.count());
  AlignedBuffer workspaces(stride * n_threads);
  parallel_for(tiles.count(), n_threads, [&](std::size_t t, std::size_t worker) {
    kernel(network, params, tiles[t], out + tiles.begin(t) * row_doubles, workspaces.data() + worker * stride);
  });
}

}  // namespace

void forward(const Architecture& architecture, const double* params, const double* x, std::size_t n, double* out,
             std::size_t n_threads) {
  const KernelTable& table = kernels();
  const Network network = architecture.view(table);
  for_each_tile(architecture, params, x, n, out, architecture.n_outputs(), n_threads, network, table.forward,
                table.forward_workspace(network));
}

void input_gradient(const Architecture& architecture, const double* params, const double* x, std::size_t n,
                    double* out, std::size_t n_threads) {
  const KernelTable& table = kernels();
  const Network network = architecture.view(table);
  for_each_tile(architecture, params, x, n, out, architecture.n_outputs() * architecture.n_inputs(), n_threads,
                network, table.input_gradient, table.input_gradient_workspace(network));
}

double loss_and_gradient(const Architecture& architecture, const double* params, const double* x, const double* y,
                         const double* sample_weight, std::size_t n, double* gradient, std::size_t n_threads) {
  const std::size_t n_params = architecture.n_params;
  std::fill_n(gradient, n_params, 0.0);
  if (n == 0) return 0.0;

  const KernelTable& table = kernels();
  const Network network = architecture.view(table);
  const Tiles tiles{architecture, x, y, sample_weight, n};
  const std::size_t n_tiles = tiles.count();
  const std::size_t chunks = n_chunks(n_tiles, n_params);
  const std::size_t workspace_stride =
      AlignedBuffer::padded(table.gradient_workspace(network, tiles.largest()));
  n_threads = std::min(n_threads, chunks);
  AlignedBuffer workspaces(workspace_stride * n_threads);
  AlignedBuffer losses(chunks);
  AlignedBuffer gradients(n_params * chunks);
  parallel_for(chunks, n_threads, [&](std::size_t c, std::size_t worker) {
    double* const chunk_gradient = gradients.data() + c * n_params;
    double chunk_loss = 0.0;
    std::fill_n(chunk_gradient, n_params, 0.0);
    for (std::size_t t = c * n_tiles / chunks; t < (c + 1) * n_tiles / chunks; ++t) {
      table.gradient(network, params, tiles[t], &chunk_loss, chunk_gradient,
                     workspaces.data() + worker * workspace_stride);
    }
    losses.data()[c] = chunk_loss;
  });

  const double scale = 1.0 / (static_cast<double>(n) * static_cast<double>(architecture.n_outputs()));
  double loss = 0.0;
  for (std::size_t c = 0; c < chunks; ++c) {
    loss += losses.data()[c];
    const double* const chunk_gradient = gradients.data() + c * n_params;
    for (std::size_t p = 0; p < n_params; ++p) gradient[p] += chunk_gradient[p];
  }
  for (std::size_t p = 0; p < n_params; ++p) gradient[p] *= scale;
  return loss * scale;
}

}  // namespace pml
