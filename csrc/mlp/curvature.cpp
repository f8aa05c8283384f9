#include "curvature.hpp"

#include <algorithm>
#include <vector>

#include "../isa/dispatch.hpp"
#include "../numeric/aligned_buffer.hpp"
#include "../numeric/threads.hpp"
#include "curvature_plan.hpp"

namespace pml {
namespace {

// Divisible by the block of every instruction set. A panel of 8 streamed rows and 3 held ones then fit in the
// first-level cache together.
constexpr std::size_t tile_samples = 240;

// A share of a product: as many held rows as stay in the second-level cache while all streamed rows go by.
struct Piece {
  const PlannedProduct* planned;
  std::size_t begin, end;
};
constexpr std::size_t most_held_rows = 48;
constexpr std::size_t held_rows_step = 3;  // rows that a kernel holds in registers

std::vector<Piece> pieces_of(const CurvaturePlan& plan) {
  std::vector<Piece> pieces;
  for (const PlannedProduct& planned : plan.products) {
    const std::size_t n = planned.product.held.count();
    const std::size_t n_pieces = (n + most_held_rows - 1) / most_held_rows;
    std::size_t size = (n + n_pieces - 1) / n_pieces;
    size = (size + held_rows_step - 1) / held_rows_step * held_rows_step;
    for (std::size_t begin = 0; begin < n; begin += size) pieces.push_back({&planned, begin, std::min(n, begin + size)});
  }
  // The dearest first, so that the threads end together.
  std::stable_sort(pieces.begin(), pieces.end(), [](const Piece& left, const Piece& right) {
    return (left.end - left.begin) * left.planned->product.stride >
           (right.end - right.begin) * right.planned->product.stride;
  });
  return pieces;
}

// Sizes in doubles of what one call allocates beside the matrix. How many tiles are in work at a time depends on the
// threads; each sum is still taken tile by tile in order.
struct Sizes {
  std::size_t state, tiles_at_once, state_workspace, product_workspace;

  Sizes(const MlpKernels& table, const Network& network, const CurvaturePlan& plan, std::size_t n_params,
        std::size_t n, std::size_t n_threads) {
    const std::size_t n_blocks = (std::min(n, tile_samples) + table.block_samples - 1) / table.block_samples;
    state = AlignedBuffer::padded(plan.rows.n_rows * n_blocks * table.block_samples);
    const std::size_t n_tiles = (n + tile_samples - 1) / tile_samples;
    // Beside a matrix of n_params^2, states may take as much again; a small matrix leaves room for 8 MiB.
    const double budget = std::max(static_cast<double>(n_params) * static_cast<double>(n_params), 1024.0 * 1024.0);
    const double affordable = std::max(1.0, budget / static_cast<double>(state));
    const double wanted = n_threads == 1 ? 1.0 : 4.0 * static_cast<double>(n_threads);
    tiles_at_once = std::min(n_tiles, static_cast<std::size_t>(std::min(affordable, wanted)));
    state_workspace = AlignedBuffer::padded(table.curvature_workspace(network));
    product_workspace = AlignedBuffer::padded(table.curvature_product_workspace(most_held_rows, n_blocks));
  }
};

void mirror_lower_from_upper(double* matrix, std::size_t n, std::size_t n_threads) {
  constexpr std::size_t block = 32;  // two 8 KiB squares
  const std::size_t n_blocks = (n + block - 1) / block;
  parallel_for(n_blocks, n_threads, [&](std::size_t b, std::size_t) {
    for (std::size_t begin = b * block; begin < n; begin += block) {
      for (std::size_t i = b * block; i < std::min(n, (b + 1) * block); ++i) {
        for (std::size_t j = std::max(i + 1, begin); j < std::min(n, begin + block); ++j) {
          matrix[j * n + i] = matrix[i * n + j];
        }
      }
    }
  });
}

}  // namespace

double loss_gradient_and_curvature(const Architecture& architecture, Curvature curvature, const double* params,
                                   const double* x, const double* y, const double* sample_weight, std::size_t n,
                                   double* gradient, double* matrix, std::size_t n_threads) {
  const std::size_t n_params = architecture.n_params;
  std::fill_n(gradient, n_params, 0.0);
  std::fill_n(matrix, n_params * n_params, 0.0);
  if (n == 0) return 0.0;

  const MlpKernels& table = kernels().mlp;
  const Network network = architecture.view(table);
  const CurvaturePlan plan(architecture, curvature);
  const std::vector<Piece> pieces = pieces_of(plan);
  const Sizes sizes(table, network, plan, n_params, n, n_threads);
  const std::size_t n_tiles = (n + tile_samples - 1) / tile_samples;
  AlignedBuffer states(sizes.state * sizes.tiles_at_once);
  AlignedBuffer workspaces(std::max(sizes.state_workspace, sizes.product_workspace) * n_threads);
  const std::size_t workspace_stride = std::max(sizes.state_workspace, sizes.product_workspace);
  AlignedBuffer sums(plan.n_sums);
  std::fill_n(sums.data(), plan.n_sums, 0.0);
  std::vector<double> losses(n_tiles, 0.0);
  const auto tile_at = [&](std::size_t t) {
    const std::size_t row = t * tile_samples;
    return Tile{std::min(tile_samples, n - row), x + row * architecture.n_inputs(),
                y + row * architecture.n_outputs(), sample_weight == nullptr ? nullptr : sample_weight + row};
  };

  for (std::size_t first = 0; first < n_tiles; first += sizes.tiles_at_once) {
    const std::size_t here = std::min(sizes.tiles_at_once, n_tiles - first);
    parallel_for(here, n_threads, [&](std::size_t t, std::size_t worker) {
      table.curvature_state(network, params, tile_at(first + t), plan.rows, states.data() + t * sizes.state,
                            &losses[first + t], workspaces.data() + worker * workspace_stride);
    });
    parallel_for(pieces.size(), n_threads, [&](std::size_t p, std::size_t worker) {
      const Piece& piece = pieces[p];
      const Product& product = piece.planned->product;
      for (std::size_t t = 0; t < here; ++t) {
        const std::size_t n_blocks = (tile_at(first + t).n + table.block_samples - 1) / table.block_samples;
        table.curvature_product(product, piece.begin, piece.end, states.data() + t * sizes.state, plan.rows.n_rows,
                                n_blocks, sums.data() + piece.planned->sums + piece.begin * product.stride,
                                workspaces.data() + worker * workspace_stride);
      }
    });
  }

  const double scale = 1.0 / (static_cast<double>(n) * static_cast<double>(architecture.n_outputs()));
  for (const PlannedProduct& planned : plan.products) {
    plan.scatter(planned, sums.data() + planned.sums, scale, gradient, matrix);
  }
  mirror_lower_from_upper(matrix, n_params, n_threads);
  double loss = 0.0;
  for (double tile_loss : losses) loss += tile_loss;
  return loss * scale;
}

double curvature_bytes(const Architecture& architecture, Curvature curvature, std::size_t n, std::size_t n_threads) {
  const MlpKernels& table = kernels().mlp;
  const CurvaturePlan plan(architecture, curvature);
  const Sizes sizes(table, architecture.view(table), plan, architecture.n_params, std::max<std::size_t>(n, 1),
                    n_threads);
  const double n_params = static_cast<double>(architecture.n_params);
  const double workspace = static_cast<double>(std::max(sizes.state_workspace, sizes.product_workspace));
  return sizeof(double) * (n_params * n_params + static_cast<double>(plan.n_sums) +
                           static_cast<double>(sizes.state) * static_cast<double>(sizes.tiles_at_once) +
                           workspace * static_cast<double>(n_threads));
}

}  // namespace pml
