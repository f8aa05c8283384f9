// Products of Chebyshev polynomials in several variables, as the columns of a matrix.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernel_table.hpp"

namespace pml {

// All products that the terms begin with, each once and in the order of their indices, so that what hangs from a node
// follows it. Node 0 is the product of nothing, 1; node i is node parents[i] times T_degrees[i](z_variables[i]), a
// variable behind all of its parent's. places[a] is the node that term a is.
struct TermTree {
  std::vector<std::size_t> parents, variables, degrees, places;
};

// The terms T_a1(z_1) ... T_ad(z_d) for given a. Immutable, so that any number of threads may evaluate at once.
class ChebyshevTerms {
 public:
  // indices (n_terms, n_inputs), row-major. Throws std::invalid_argument for one below 0.
  ChebyshevTerms(const std::int64_t* indices, std::size_t n_terms, std::size_t n_inputs);

  std::size_t n_terms() const { return tree_.places.size(); }
  std::size_t n_inputs() const { return degrees_.size(); }
  const TermTree& tree() const { return tree_; }
  TermsView view() const;  // of what is here: valid as long as this is, and isn't moved

  // out (n, n_terms), column-major, at z (n, n_inputs). A product is that of its factors from the first variable to the
  // last, each rounded, and T_k(z) is 2 z T_(k-1)(z) - T_(k-2)(z): the same bits on every instruction set, in any batch
  // and for any number of threads. A row with NaN gives NaN in the terms that its variable is in.
  void design(const double* z, std::size_t n, double* out, std::size_t n_threads) const;

 private:
  TermTree tree_;
  std::vector<TermStep> steps_;
  std::vector<std::size_t> degrees_;  // the largest of each variable
  std::size_t depth_ = 0;             // the most factors of a term
};

}  // namespace pml
