#include "batch.hpp"

#include <algorithm>

#include "../numeric/aligned_buffer.hpp"
#include "../numeric/threads.hpp"

namespace pml {
namespace {

// Divisible by the block of every instruction set (40, 12, 10, 6 and 3 samples), so that only the last tile of a
// batch is padded. Depends on nothing but this constant: the order of summation is part of the result.
constexpr std::size_t tile_samples = 240;

// Sums over samples are first taken within chunks of consecutive tiles, then over the chunks in order. The number
// of chunks depends on n and P alone: enough to keep many threads busy, few enough that their gradients stay small
// beside the work (and, for wide networks, beside the cache).
std::size_t n_chunks(std::size_t n_tiles, std::size_t n_params) {
  const std::size_t most = std::clamp<std::size_t>((std::size_t{1} << 20) / n_params, 8, 64);
  return std::min(n_tiles, most);
}

Tile tile_of(const Architecture& a, const double* x, const double* y, const double* weight, std::size_t n,
             std::size_t t) {
  const std::size_t begin = t * tile_samples;
  return {std::min(tile_samples, n - begin), x + begin * a.n_inputs(), y == nullptr ? nullptr : y + begin * a.n_outputs(),
          weight == nullptr ? nullptr : weight + begin};
}

std::size_t n_tiles_of(std::size_t n) { return (n + tile_samples - 1) / tile_samples; }

// Runs a kernel that fills `row_doubles` numbers of `out` a sample and sums nothing.
template <class Kernel>
void for_each_tile(const Architecture& architecture, const double* params, const double* x, std::size_t n, double* out,
                   std::size_t row_doubles, std::size_t n_threads, const Network& network, Kernel kernel,
                   std::size_t workspace) {
  const std::size_t n_tiles = n_tiles_of(n);
  const std::size_t stride = AlignedBuffer::padded(workspace);
  n_threads = std::min(n_threads, n_tiles);
  AlignedBuffer workspaces(stride * n_threads);
  parallel_for(n_tiles, n_threads, [&](std::size_t t, std::size_t worker) {
    kernel(network, params, tile_of(architecture, x, nullptr, nullptr, n, t), out + t * tile_samples * row_doubles,
           workspaces.data() + worker * stride);
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
  const std::size_t n_tiles = n_tiles_of(n);
  const std::size_t chunks = n_chunks(n_tiles, n_params);
  const std::size_t workspace_stride =
      AlignedBuffer::padded(table.gradient_workspace(network, std::min(n, tile_samples)));
  n_threads = std::min(n_threads, chunks);
  AlignedBuffer workspaces(workspace_stride * n_threads);
  AlignedBuffer losses(chunks);
  AlignedBuffer gradients(n_params * chunks);
  parallel_for(chunks, n_threads, [&](std::size_t c, std::size_t worker) {
    double* const chunk_gradient = gradients.data() + c * n_params;
    double chunk_loss = 0.0;
    std::fill_n(chunk_gradient, n_params, 0.0);
    for (std::size_t t = c * n_tiles / chunks; t < (c + 1) * n_tiles / chunks; ++t) {
      table.gradient(network, params, tile_of(architecture, x, y, sample_weight, n, t), &chunk_loss, chunk_gradient,
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
