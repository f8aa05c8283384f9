// The kernels for products of Chebyshev polynomials and for sums of them in one instruction set, and the tables they
// read.
//
// The terms of a sum are the nodes of a tree: below a node stand the products that have it as their head and further
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

// A matrix of products is made column by column for a tile of so few rows that the tables of the usual degrees (60 in
// all: 30 KB) and the products in hand stay in the first-level cache.
constexpr size_t terms_tile_rows = 64;
constexpr size_t no_column = ~size_t{0};

// One product: the one that is on the stack with a factor less, times a polynomial.
struct TermStep {
  size_t depth;   // its number of factors; 0 is the constant, of no polynomial
  size_t factor;  // the polynomial's row in the table of T_1, T_2, ... of all variables, the variables in order
  size_t column;  // of the matrix, or no_column
  bool goes_on;   // whether later products are made of it
};

struct TermsView {
  size_t n_variables;
  const size_t* degrees;   // (n_variables,), the largest of each
  size_t n_rows, depth;    // of the table, and the largest of the steps
  size_t n_steps;
  const TermStep* steps;
};

// Doubles of memory, 64-byte aligned, that one call of the kernel needs: the table and the stack.
constexpr size_t terms_workspace(const TermsView& terms) { return (terms.n_rows + terms.depth + 1) * terms_tile_rows; }

struct TermsKernels {
  // The products at z (n, n_variables): those of a column go to out + column * stride, n of them.
  Kernel<void(const TermsView& terms, const double* z, size_t n, double* workspace, double* out, size_t stride)> design;
};

}  // namespace pml
