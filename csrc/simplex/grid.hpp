// Linear interpolation on the simplices of a tensor grid, which needs no triangulation.
//
// Every cell of a grid is a box, whose corners lie on one sphere that holds no other point of the grid. So any
// triangulation of the boxes is a Delaunay triangulation, and the one of Kuhn (1960) has a closed form: with the fractions
// t_j of the query along the edges of its box sorted, t_s1 >= t_s2 >= ..., its simplex is the path from the lowest corner
// along the axes s1, s2, ..., and the weights are 1 - t_s1, t_s1 - t_s2, ..., t_sd. Every second box along an axis is
// mirrored in it (Todd 1976, the triangulation J1), so that all diagonals of the boxes serve alike: Kuhn's all point the
// same way, which doubles the error of functions that bend along them. Boxes side by side agree on their common face, so
// the interpolant is continuous. In one dimension it is piecewise linear interpolation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pml {

class SimplexGrid {
 public:
  // Axes strictly increasing, each of at least two finite nodes; throws std::invalid_argument otherwise. The nodes are
  // numbered in C order, the last axis fastest.
  explicit SimplexGrid(std::vector<std::vector<double>> axes);

  std::size_t n_dimensions() const { return axes_.size(); }
  std::size_t n_points() const { return n_points_; }

  // Vertices (n, d + 1) and weights (n, d + 1) at x (n, d); -1 and NaN outside the grid and where x is NaN.
  void locate(const double* x, std::size_t n, std::int32_t* vertices, double* weights, std::size_t n_threads) const;
  // The interpolant of values (n_points, m) at x: out (n, m), NaN as above. At a node it is the node's value, exactly.
  void interpolate(const double* x, std::size_t n, const double* values, std::size_t m, double* out,
                   std::size_t n_threads) const;
  // Its derivative: out (n, m, d), NaN as above.
  void gradient(const double* x, std::size_t n, const double* values, std::size_t m, double* out,
                std::size_t n_threads) const;

 private:
  struct Axis {
    std::vector<double> nodes;
    std::vector<std::uint32_t> first;  // for each of equally wide buckets, the last cell that begins at or before it
    double buckets_per_unit;
    std::size_t stride;

    std::size_t cell(double x) const;
  };
  struct Place;

  bool place(const double* x, Place& place) const;
  template <class Each>
  void for_rows(const double* x, std::size_t n, std::size_t n_threads, const Each& each) const;

  std::vector<Axis> axes_;
  std::size_t n_points_ = 1;
};

}  // namespace pml
