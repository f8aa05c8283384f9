#include "batch.hpp"

#include <algorithm>

#include "../isa/dispatch.hpp"
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

// Calls kernel(tile, its first row, workspace) for every tile of a batch from which nothing is summed.
template <class Kernel>
void for_each_tile(const Tiles& tiles, std::size_t n_threads, std::size_t workspace, Kernel kernel) {
  const std::size_t stride = AlignedBuffer::padded(workspace);
  n_threads = std::min(n_threads, tiles.count());
  AlignedBuffer workspaces(stride * n_threads);
  parallel_for(tiles.count(), n_threads, [&](std::size_t t, std::size_t worker) {
    kernel(tiles[t], tiles.begin(t), workspaces.data() + worker * stride);
  });
}

// Calls kernel(tile, &loss, sum, workspace), which adds to a number and to P numbers, for every tile; returns the total
// loss and fills total (P,).
template <class Kernel>
double sum_over_tiles(const Tiles& tiles, std::size_t n_threads, std::size_t workspace, double* total, Kernel kernel) {
  const std::size_t n_params = tiles.architecture.n_params;
  const std::size_t n_tiles = tiles.count();
  const std::size_t chunks = n_chunks(n_tiles, n_params);
  const std::size_t stride = AlignedBuffer::padded(workspace);
  n_threads = std::min(n_threads, chunks);
  AlignedBuffer workspaces(stride * n_threads);
  AlignedBuffer losses(chunks);
  AlignedBuffer sums(n_params * chunks);
  parallel_for(chunks, n_threads, [&](std::size_t c, std::size_t worker) {
    double* const chunk_sum = sums.data() + c * n_params;
    double chunk_loss = 0.0;
    std::fill_n(chunk_sum, n_params, 0.0);
    for (std::size_t t = c * n_tiles / chunks; t < (c + 1) * n_tiles / chunks; ++t) {
      kernel(tiles[t], &chunk_loss, chunk_sum, workspaces.data() + worker * stride);
    }
    losses.data()[c] = chunk_loss;
  });
  double loss = 0.0;
  std::fill_n(total, n_params, 0.0);
  for (std::size_t c = 0; c < chunks; ++c) {
    loss += losses.data()[c];
    const double* const chunk_sum = sums.data() + c * n_params;
    for (std::size_t p = 0; p < n_params; ++p) total[p] += chunk_sum[p];
  }
  return loss;
}

// 1 / (n m), which makes a sum over samples and outputs a mean; the mean of an empty batch is 0.
double mean_scale(const Architecture& architecture, std::size_t n) {
  return n == 0 ? 0.0 : 1.0 / (static_cast<double>(n) * static_cast<double>(architecture.n_outputs()));
}

void scale_by(double factor, double* values, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) values[i] *= factor;
}

}  // namespace

void forward(const Architecture& architecture, const double* params, const double* x, std::size_t n, double* out,
             std::size_t n_threads) {
  const MlpKernels& table = kernels().mlp;
  const Network network = architecture.view(table);
  for_each_tile({architecture, x, nullptr, nullptr, n}, n_threads, table.forward_workspace(network),
                [&](const Tile& tile, std::size_t row, double* workspace) {
                  table.forward(network, params, tile, out + row * architecture.n_outputs(), workspace);
                });
}

void jacobian(const Architecture& architecture, const double* params, const double* x, std::size_t n, double* out,
              std::size_t n_threads) {
  const MlpKernels& table = kernels().mlp;
  const Network network = architecture.view(table);
  for_each_tile({architecture, x, nullptr, nullptr, n}, n_threads, table.jacobian_workspace(network),
                [&](const Tile& tile, std::size_t row, double* workspace) {
                  table.jacobian(network, params, tile, out + row * architecture.n_outputs() * architecture.n_params,
                                 workspace);
                });
}

void directional_derivatives(const Architecture& architecture, const double* params, const double* x, std::size_t n,
                             const double* v, double* first, double* second, std::size_t n_threads) {
  const MlpKernels& table = kernels().mlp;
  const Network network = architecture.view(table);
  const std::size_t m = architecture.n_outputs();
  for_each_tile({architecture, x, nullptr, nullptr, n}, n_threads, table.directional_workspace(network),
                [&](const Tile& tile, std::size_t row, double* workspace) {
                  table.directional(network, params, v, tile, first + row * m, second + row * m, workspace);
                });
}

void input_gradient(const Architecture& architecture, const double* params, const double* x, std::size_t n,
                    double* out, std::size_t n_threads) {
  const MlpKernels& table = kernels().mlp;
  const Network network = architecture.view(table);
  const std::size_t row_doubles = architecture.n_outputs() * architecture.n_inputs();
  for_each_tile({architecture, x, nullptr, nullptr, n}, n_threads, table.input_gradient_workspace(network),
                [&](const Tile& tile, std::size_t row, double* workspace) {
                  table.input_gradient(network, params, tile, out + row * row_doubles, workspace);
                });
}

double loss_and_gradient(const Architecture& architecture, const double* params, const double* x, const double* y,
                         const double* sample_weight, std::size_t n, double* gradient, std::size_t n_threads) {
  const MlpKernels& table = kernels().mlp;
  const Network network = architecture.view(table);
  const Tiles tiles{architecture, x, y, sample_weight, n};
  const double loss = sum_over_tiles(tiles, n_threads, table.gradient_workspace(network, tiles.largest()), gradient,
                                     [&](const Tile& tile, double* loss_sum, double* sum, double* workspace) {
                                       table.gradient(network, params, tile, loss_sum, sum, workspace);
                                     });
  const double scale = mean_scale(architecture, n);
  scale_by(scale, gradient, architecture.n_params);
  return loss * scale;
}

void hessian_vector_product(const Architecture& architecture, const double* params, const double* x, const double* y,
                            const double* sample_weight, std::size_t n, const double* v, double* product,
                            std::size_t n_threads) {
  const MlpKernels& table = kernels().mlp;
  const Network network = architecture.view(table);
  const Tiles tiles{architecture, x, y, sample_weight, n};
  sum_over_tiles(tiles, n_threads, table.hessian_vector_workspace(network, tiles.largest()), product,
                 [&](const Tile& tile, double*, double* sum, double* workspace) {
                   table.hessian_vector(network, params, v, tile, sum, workspace);
                 });
  scale_by(mean_scale(architecture, n), product, architecture.n_params);
}

void vector_jacobian_product(const Architecture& architecture, const double* params, const double* x, const double* u,
                             std::size_t n, double* product, std::size_t n_threads) {
  const MlpKernels& table = kernels().mlp;
  const Network network = architecture.view(table);
  const Tiles tiles{architecture, x, u, nullptr, n};
  sum_over_tiles(tiles, n_threads, table.gradient_workspace(network, tiles.largest()), product,
                 [&](const Tile& tile, double*, double* sum, double* workspace) {
                   table.cotangent_gradient(network, params, tile, sum, workspace);
                 });
}

void extended_forward(const Architecture& architecture, const double* params, const double* x, const double* x_low,
                      std::size_t n, double* high, double* low, std::size_t n_threads) {
  const MlpKernels& table = kernels().mlp;
  const Network network = architecture.view(table);
  const std::size_t d = architecture.n_inputs(), m = architecture.n_outputs();
  for_each_tile({architecture, x, nullptr, nullptr, n}, n_threads, table.extended_forward_workspace(network),
                [&](const Tile& tile, std::size_t row, double* workspace) {
                  table.extended_forward(network, params, tile, x_low == nullptr ? nullptr : x_low + row * d,
                                         high + row * m, low + row * m, workspace);
                });
}

}  // namespace pml
