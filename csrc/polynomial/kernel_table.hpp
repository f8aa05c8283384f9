// The kernels that evaluate sums of products of Chebyshev polynomials in one instruction set, and the tables they read.
//
// The terms are the nodes of a tree: below a node stand the products that have it as their head and further
// factors, each of a later variable. With T a node's last factor, and c its coefficient,
//
//     S(node) = sum over children: T(child) S(child)  +  c,
//
// and S of the root is the sum: one multiply-add a term, as in Horner's scheme. Derivatives go along,
// dS/dz_j = sum over children: T dS(child)/dz_j + dT/dz_j S(child). Children come last first, so that the small terms of
// high degree are added before the large ones.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "../numeric/given.hpp"

namespace pml {

// What happens to the sums of the nodes from the root to the one in hand, which lie on a stack.
enum class SeriesAction : uint32_t {
  open,    // a node with children begins: its sum is 0
  leaves,  // children without children, numbers begin to end, are added to it
  close,   // its own coefficient is added, and it to its parent
};

struct SeriesStep {
  SeriesAction action;
  uint32_t variable;    // of the factor, or of all factors of the leaves
  uint32_t begin, end;  // numbers of nodes; a node that opens or closes is `begin`
};

constexpr size_t series_parts = 3;  // any power of two that scales a double is a product of so many

struct SeriesView {
  size_t n_variables, n_outputs, n_nodes, n_steps;
  const SeriesStep* steps;
  const uint32_t* factors;     // (n_nodes,) rows of the table of T_1, T_2, ... of all variables, the variables in order
  const double* coefficients;  // (n_outputs, n_nodes), in the order that the steps take; the root's is the last
  const uint32_t* degrees;     // (n_variables,), the largest of each
  size_t depth, n_rows;        // of the stack, the root's sum apart, and of the table
  const size_t* columns;  // (n_variables,), of x that the variables are; all that follows is by variable
  // z = (x 2^-a - shift) / divisor. Values are multiplied by 2^b, derivatives by 2^(b - a), powers in parts.
  const double* shift;
  const double* divisor;
  const double* input_parts;     // (n_variables, series_parts)
  const double* value_parts;     // (n_outputs, series_parts)
  const double* gradient_parts;  // (n_outputs, n_variables, series_parts)
};

struct SeriesKernels {
  // Doubles of memory, 64-byte aligned, that one call of the kernels below needs.
  Kernel<size_t(const SeriesView& series, bool gradient)> workspace;
  // out (n, n_outputs) at x (n, n_variables); a row with NaN gives NaN.
  Kernel<void(const SeriesView& series, const double* x, size_t n, double* workspace, double* out)> evaluate;
  // out (n, n_outputs, n_variables).
  Kernel<void(const SeriesView& series, const double* x, size_t n, double* workspace, double* out)> gradient;
};

}  // namespace pml
