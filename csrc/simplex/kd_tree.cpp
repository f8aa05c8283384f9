#include "kd_tree.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace pml {
namespace {

constexpr std::size_t d_most = most_search_dimensions;

// A number in [0, 1) that looks random but is always the same for one key (splitmix64).
double hashed(std::uint64_t key) {
  key += 0x9e3779b97f4a7c15u;
  key = (key ^ (key >> 30)) * 0xbf58476d1ce4e5b9u;
  key = (key ^ (key >> 27)) * 0x94d049bb133111ebu;
  return static_cast<double>((key ^ (key >> 31)) >> 11) * 0x1p-53;
}

// The axis along which the points [begin, end) of `order` extend furthest.
std::size_t widest_axis(const double* points, const std::int32_t* begin, const std::int32_t* end, std::size_t d) {
  double lower[d_most], upper[d_most];
  std::fill_n(lower, d, HUGE_VAL);
  std::fill_n(upper, d, -HUGE_VAL);
  for (const std::int32_t* row = begin; row < end; ++row) {
    const double* const p = points + static_cast<std::size_t>(*row) * d;
    for (std::size_t j = 0; j < d; ++j) {
      lower[j] = std::min(lower[j], p[j]);
      upper[j] = std::max(upper[j], p[j]);
    }
  }
  std::size_t widest = 0;
  for (std::size_t j = 1; j < d; ++j) {
    if (upper[j] - lower[j] > upper[widest] - lower[widest]) widest = j;
  }
  return widest;
}

// d + 1 unit vectors with the same angle between any two, turned at random so that no grid is aligned with them.
void fill_corners(std::size_t d, double* corners) {
  // Of d + 1 unit vectors in d + 1 dimensions, seen in a basis of the hyperplane that holds their differences.
  std::vector<double> basis;
  const std::size_t n = d + 1;
  std::vector<double> direction(n);
  for (std::size_t b = 0; b < n; ++b) {
    for (std::size_t i = 0; i < n; ++i) direction[i] = b == 0 ? 1.0 : hashed(1000 * d + b * n + i) - 0.5;
    for (int pass = 0; pass < 2; ++pass) {
      for (std::size_t other = 0; other < b; ++other) {
        const double* const e = basis.data() + other * n;
        const double along = std::inner_product(e, e + n, direction.begin(), 0.0);
        for (std::size_t i = 0; i < n; ++i) direction[i] -= along * e[i];
      }
    }
    const double length = std::sqrt(std::inner_product(direction.begin(), direction.end(), direction.begin(), 0.0));
    for (std::size_t i = 0; i < n; ++i) basis.push_back(direction[i] / length);
  }
  const double length = std::sqrt(static_cast<double>(d) / static_cast<double>(n));
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < d; ++j) corners[i * d + j] = basis[(j + 1) * n + i] / length;
  }
}

// Whether all points lie in one plane to the rounding of their coordinates. Axes are scaled to size one; then, d times,
// the point furthest from the affine hull of those taken before is taken, and its direction projected out.
bool in_a_plane(const double* points, std::size_t n, std::size_t d, const double* lower, const double* upper) {
  double scale[d_most], coarseness = 0.0;  // how coarse the coordinates of the most finely placed axis are
  for (std::size_t j = 0; j < d; ++j) {
    const double width = upper[j] - lower[j];
    if (!(width > 0.0)) return true;
    scale[j] = 1.0 / width;
    coarseness = std::max(coarseness, std::max(std::abs(lower[j]), std::abs(upper[j])) / width);
  }
  const double rounding = 8.0 * static_cast<double>(d + 1) * 0x1p-53 * std::max(1.0, coarseness);
  std::vector<double> rest(n * d);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = 0; j < d; ++j) rest[i * d + j] = (points[i * d + j] - points[j]) * scale[j];
  }
  for (std::size_t taken = 0; taken < d; ++taken) {
    std::size_t furthest = 0;
    double largest = 0.0;
    for (std::size_t i = 0; i < n; ++i) {
      const double* const r = rest.data() + i * d;
      const double square = std::inner_product(r, r + d, r, 0.0);
      if (square > largest) {
        largest = square;
        furthest = i;
      }
    }
    const double length = std::sqrt(largest);
    if (!(length > rounding)) return true;
    double direction[d_most];
    for (std::size_t j = 0; j < d; ++j) direction[j] = rest[furthest * d + j] / length;
    for (std::size_t i = 0; i < n; ++i) {
      double* const r = rest.data() + i * d;
      const double along = std::inner_product(r, r + d, direction, 0.0);
      for (std::size_t j = 0; j < d; ++j) r[j] -= along * direction[j];
    }
  }
  return false;
}

// The waves w(p) = amplitude sum_m (1 + cos(k_m p)) / |k_m|^2. Their second derivatives are at most amplitude n_waves,
// so that |p|^2 - w(p) is strictly convex: where points surround p, no combination of their heights at p is below its
// own.
constexpr std::size_t n_waves = 6;
constexpr double amplitude = 0x1p-35;

}  // namespace

KdTree::KdTree(const double* points, std::size_t n, std::size_t d) : n_splits_(0) {
  while (n_leaves() * tree_width < n) ++n_splits_;
  view_.n_dimensions = d;
  view_.n_points = n;
  view_.n_leaves = n_leaves();
  view_.n_levels = std::max<std::size_t>(1, (n_splits_ + 2) / 3);
  view_.n_root_children = n_leaves() >> (3 * (view_.n_levels - 1));
  for (std::size_t level = 0, nodes = 1; level < view_.n_levels; ++level) {
    view_.first_node[level] = n_nodes_;
    n_nodes_ += nodes;
    nodes *= level == 0 ? view_.n_root_children : tree_width;
  }
  rows_.resize(n_leaves() * tree_width);
  leaves_ = std::make_unique<AlignedBuffer>(n_leaves() * d * tree_width);
  boxes_ = std::make_unique<AlignedBuffer>(n_nodes_ * 2 * d * tree_width);

  std::vector<std::int32_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  // Part i of 2^s holds the points [i n / 2^s, (i + 1) n / 2^s) of the order; each is halved along its widest axis.
  for (std::size_t s = 0; s < n_splits_; ++s) {
    const std::size_t parts = std::size_t{1} << s;
    for (std::size_t part = 0; part < parts; ++part) {
      std::int32_t* const begin = order.data() + part * n / parts;
      std::int32_t* const middle = order.data() + (2 * part + 1) * n / (2 * parts);
      std::int32_t* const end = order.data() + (part + 1) * n / parts;
      const std::size_t axis = widest_axis(points, begin, end, d);
      std::nth_element(begin, middle, end, [&](std::int32_t a, std::int32_t b) {
        const double pa = points[static_cast<std::size_t>(a) * d + axis];
        const double pb = points[static_cast<std::size_t>(b) * d + axis];
        return pa < pb || (pa == pb && a < b);
      });
    }
  }
  for (std::size_t leaf = 0; leaf < n_leaves(); ++leaf) {
    fill_leaf(points, order.data(), leaf, leaf * n / n_leaves(), (leaf + 1) * n / n_leaves());
  }
  fill_boxes();
  view_.is_flat = in_a_plane(points, n, d, view_.lower, view_.upper);

  double total = 0.0;
  for (std::size_t i = 0; i < n; ++i) {
    const double weight = 0.5 + hashed(i);
    total += weight;
    for (std::size_t j = 0; j < d; ++j) view_.interior[j] += weight * points[i * d + j];
  }
  for (std::size_t j = 0; j < d; ++j) view_.interior[j] /= total;
  fill_lowered();
  fill_corners(d, view_.corners);
  view_.boxes = boxes_->data();
  view_.leaves = leaves_->data();
  view_.rows = rows_.data();
  view_.lowered = lowered_->data();
}

std::size_t KdTree::n_bytes() const {
  const std::size_t d = view_.n_dimensions;
  const std::size_t of_points = (d + 1) * sizeof(double) + sizeof(std::int32_t);
  return rows_.size() * of_points + n_nodes_ * 2 * d * tree_width * sizeof(double);
}

void KdTree::fill_leaf(const double* points, const std::int32_t* order, std::size_t leaf, std::size_t begin,
                       std::size_t end) {
  const std::size_t d = view_.n_dimensions;
  for (std::size_t k = 0; k < tree_width; ++k) {
    const std::int32_t row = order[std::min(begin + k, end - 1)];
    rows_[leaf * tree_width + k] = row;
    for (std::size_t j = 0; j < d; ++j) {
      leaves_->data()[(leaf * d + j) * tree_width + k] = points[static_cast<std::size_t>(row) * d + j];
    }
  }
}

void KdTree::fill_lowered() {
  const std::size_t d = view_.n_dimensions, n = view_.n_leaves * tree_width;
  // A typical distance between neighbours: the median over leaves of the least one from their first point.
  std::vector<double> distances;
  for (std::size_t leaf = 0; leaf < view_.n_leaves; ++leaf) {
    const double* const p = leaves_->data() + leaf * d * tree_width;
    double least = HUGE_VAL;
    for (std::size_t k = 1; k < tree_width; ++k) {
      double square = 0.0;
      for (std::size_t j = 0; j < d; ++j) {
        const double along = p[j * tree_width + k] - p[j * tree_width];
        square += along * along;
      }
      if (square > 0.0) least = std::min(least, square);
    }
    if (least < HUGE_VAL) distances.push_back(std::sqrt(least));
  }
  lowered_ = std::make_unique<AlignedBuffer>(n);
  std::fill_n(lowered_->data(), n, 0.0);
  view_.most_lowered = 0.0;
  if (distances.empty()) return;
  std::nth_element(distances.begin(), distances.begin() + distances.size() / 2, distances.end());
  // Along each axis some two radians from one point to the next: the waves bend this way here, that way there.
  const double wave_number = 2.0 * std::sqrt(static_cast<double>(d)) / distances[distances.size() / 2];
  const double height = amplitude / (wave_number * wave_number);
  view_.most_lowered = 2.0 * static_cast<double>(n_waves) * height;
  for (std::size_t m = 0; m < n_waves; ++m) {
    double wave[d_most], square = 0.0;
    for (std::size_t j = 0; j < d; ++j) {
      const double u = hashed(100 + m * d_most + j);
      wave[j] = u < 0.5 ? u - 1.0 : u;
      square += wave[j] * wave[j];
    }
    for (std::size_t j = 0; j < d; ++j) wave[j] *= wave_number / std::sqrt(square);
    for (std::size_t i = 0; i < n; ++i) {
      const double* const p = leaves_->data() + i / tree_width * d * tree_width + i % tree_width;
      double phase = 0.0;
      for (std::size_t j = 0; j < d; ++j) phase += wave[j] * p[j * tree_width];
      lowered_->data()[i] += height * (1.0 + std::cos(phase));
    }
  }
}

void KdTree::fill_boxes() {
  const std::size_t d = view_.n_dimensions;
  for (std::size_t level = view_.n_levels; level-- > 0;) {
    const bool of_leaves = level + 1 == view_.n_levels;
    const std::size_t end = of_leaves ? n_nodes_ : view_.first_node[level + 1];
    for (std::size_t node = view_.first_node[level]; node < end; ++node) {
      double* const box = boxes_->data() + node * 2 * d * tree_width;
      const std::size_t children = level == 0 ? view_.n_root_children : tree_width;
      for (std::size_t k = 0; k < tree_width; ++k) {
        const std::size_t child = (node - view_.first_node[level]) * tree_width + std::min(k, children - 1);
        for (std::size_t j = 0; j < d; ++j) {
          const double *lower, *upper;  // eight numbers each whose extremes are the child's
          if (of_leaves) {
            lower = upper = leaves_->data() + (child * d + j) * tree_width;
          } else {
            lower = boxes_->data() + ((end + child) * d + j) * 2 * tree_width;
            upper = lower + tree_width;
          }
          box[2 * j * tree_width + k] = *std::min_element(lower, lower + tree_width);
          box[(2 * j + 1) * tree_width + k] = *std::max_element(upper, upper + tree_width);
        }
      }
    }
  }
  for (std::size_t j = 0; j < d; ++j) {
    const double* const box = boxes_->data() + 2 * j * tree_width;
    view_.lower[j] = *std::min_element(box, box + tree_width);
    view_.upper[j] = *std::max_element(box + tree_width, box + 2 * tree_width);
  }
}

}  // namespace pml
