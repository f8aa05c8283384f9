// Polynomials on the cells of a tree of cuts, joined by a partition of unity.
//
// An inner node of the tree cuts along one variable at a place s. With t = (z - s) / h, h the half-width of its band, what
// is left of the band is the value of its left child, what is right of it that of the right one, and within it
//
//     (1 - w(t)) left + w(t) right,   w(t) = v^4 (35 - 84 v + 70 v^2 - 20 v^3),   v = (1 + t) / 2,
//
// whose first three derivatives are 0 at both ends. A leaf is a sum of Chebyshev polynomials of all products up to its
// degree, in coordinates of its own. (Aiton and Driscoll 2018, SIAM J. Sci. Comput. 40, A3849: the same on trees of cells
// of functions that can be called.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "series.hpp"

namespace pml {

// Inner node k cuts along variable columns[k]; its children are inner nodes behind it, or leaf -1 - i for i < 0.
struct CutTree {
  std::vector<std::int64_t> columns, lefts, rights;
  std::vector<double> places, widths;  // s and h
};

// Immutable, so that any number of threads may evaluate at once.
class PartitionOfUnity {
 public:
  // products[p] are those of degree p at most, in the order of the coefficients: those of leaf i, of degrees[i], are
  // (n_products, m), one leaf behind the other. shift and divisor (n_leaves, d): u = (z - shift) / divisor. All copied.
  // Throws std::invalid_argument for a tree that isn't one, and sizes that don't fit.
  PartitionOfUnity(const CutTree& tree, const std::vector<SeriesTree>& products,
                   const std::vector<std::size_t>& degrees, std::size_t n_inputs, std::size_t n_outputs,
                   const double* shift, const double* divisor, const double* coefficients,
                   std::size_t n_coefficients);

  std::size_t n_inputs() const { return n_inputs_; }
  std::size_t n_outputs() const { return n_outputs_; }

  // out (n, n_outputs) at z (n, n_inputs); NaN in a row of z gives NaN there. A row has the same bits in any batch and
  // for any number of threads.
  void evaluate(const double* z, std::size_t n, double* out, std::size_t n_threads) const;
  // out (n, n_outputs, n_inputs).
  void gradient(const double* z, std::size_t n, double* out, std::size_t n_threads) const;

 private:
  struct Node {
    std::size_t column;
    std::int64_t left, right;
    double place, width;
  };
  struct Shares;

  template <class Visit>
  void visit(const double* z, bool slopes, double* stack, const Visit& leaf) const;
  void count(const double* z, std::size_t n, Shares& shares, std::size_t n_threads) const;
  void answer(bool gradient, const double* z, std::size_t n, double* out, std::size_t n_threads) const;
  SeriesView view(std::size_t leaf) const;

  std::size_t n_inputs_, n_outputs_, depth_ = 1;
  std::vector<Node> nodes_;
  std::vector<ChebyshevSeries> series_;  // of each degree, without coefficients
  std::vector<std::size_t> degrees_, starts_;
  std::vector<double> shift_, divisor_, coefficients_;
};

}  // namespace pml
