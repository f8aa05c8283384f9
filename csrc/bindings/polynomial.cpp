// Chebyshev series, terms and products of series on NumPy arrays. Series and terms are objects here, because their
// tables outlive a call.
#include <pybind11/stl.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "../polynomial/partition.hpp"
#include "../polynomial/products.hpp"
#include "../polynomial/series.hpp"
#include "../polynomial/terms.hpp"
#include "arrays.hpp"
#include "rooms.hpp"

namespace pml::bindings::polynomial {
namespace {

std::unique_ptr<ChebyshevSeries> make_series(const std::vector<std::size_t>& parents,
                                             const std::vector<std::size_t>& variables,
                                             const std::vector<std::size_t>& degrees, const Array& coefficients,
                                             const std::vector<std::size_t>& columns,
                                             const std::vector<int>& exponents, const std::vector<double>& shift,
                                             const std::vector<double>& divisor,
                                             const std::vector<int>& output_exponents) {
  const std::size_t d = shift.size();
  if (d < 1 || columns.size() != d || exponents.size() != d || divisor.size() != d) {
    throw std::invalid_argument("columns, exponents, shift, divisor: expected the same number from 1 of each, got " +
                                std::to_string(columns.size()) + ", " + std::to_string(exponents.size()) + ", " +
                                std::to_string(d) + " and " + std::to_string(divisor.size()));
  }
  require_shape(coefficients, "coefficients", {output_exponents.size(), parents.size()});
  return std::make_unique<ChebyshevSeries>(SeriesTree{parents, variables, degrees},
                                           SeriesMap{columns, exponents, shift, divisor}, coefficients.data(),
                                           output_exponents);
}

using Integers = py::array_t<std::int64_t, py::array::c_style>;
using Sizes = std::vector<std::size_t>;

std::unique_ptr<PartitionOfUnity> make_partition(const Integers& nodes, const Array& cuts,
                                                 const std::vector<std::tuple<Sizes, Sizes, Sizes>>& products,
                                                 const Sizes& degrees, const Array& shift, const Array& divisor,
                                                 const Array& coefficients) {
  require_shape(nodes, "nodes", {"k", 3});
  require_shape(cuts, "cuts", {rows_of(nodes), 2});
  require_shape(shift, "shift", {degrees.size(), "d"});
  require_shape(divisor, "divisor", {degrees.size(), columns_of(shift)});
  require_shape(coefficients, "coefficients", {"p", "m"});
  CutTree tree;
  for (std::size_t k = 0; k < rows_of(nodes); ++k) {
    const std::int64_t* const node = nodes.data() + 3 * k;
    tree.columns.push_back(node[0]);
    tree.lefts.push_back(node[1]);
    tree.rights.push_back(node[2]);
    tree.places.push_back(cuts.data()[2 * k]);
    tree.widths.push_back(cuts.data()[2 * k + 1]);
  }
  std::vector<SeriesTree> trees;
  for (const auto& [parents, variables, own] : products) trees.push_back({parents, variables, own});
  return std::make_unique<PartitionOfUnity>(tree, trees, degrees, columns_of(shift), columns_of(coefficients),
                                            shift.data(), divisor.data(), coefficients.data(), rows_of(coefficients));
}

template <class Series>
Array values_of(const Series& series, const Array& x, py::ssize_t n_threads) {
  const std::size_t n = require_rows(x, "X", series.n_inputs()), threads = require_threads(n_threads);
  return filled([&](double* out) { series.evaluate(x.data(), n, out, threads); }, Array({n, series.n_outputs()}));
}

template <class Series>
Array gradient_of(const Series& series, const Array& x, py::ssize_t n_threads) {
  const std::size_t n = require_rows(x, "X", series.n_inputs()), threads = require_threads(n_threads);
  return filled([&](double* out) { series.gradient(x.data(), n, out, threads); },
                Array({n, series.n_outputs(), series.n_inputs()}));
}

std::unique_ptr<ChebyshevTerms> make_terms(const Integers& indices) {
  require_shape(indices, "indices", {"p", "d"});
  return std::make_unique<ChebyshevTerms>(indices.data(), rows_of(indices), columns_of(indices));
}

using Columns = py::array_t<double, py::array::f_style>;

Columns design(const ChebyshevTerms& terms, const Array& z, py::ssize_t n_threads) {
  const std::size_t n = require_rows(z, "Z", terms.n_inputs()), threads = require_threads(n_threads);
  return filled([&](double* out) { terms.design(z.data(), n, out, threads); }, Columns({n, terms.n_terms()}));
}

py::tuple tree(const ChebyshevTerms& terms) {
  const auto array = [](const std::vector<std::size_t>& numbers) {
    py::array_t<py::ssize_t> out(static_cast<py::ssize_t>(numbers.size()));
    std::copy(numbers.begin(), numbers.end(), out.mutable_data());
    return out;
  };
  const TermTree& found = terms.tree();
  return py::make_tuple(array(found.parents), array(found.variables), array(found.degrees), array(found.places));
}

Columns products_jacobian(const std::vector<Array>& polynomials, const std::vector<Array>& series,
                          const Array& root_weight, py::ssize_t n_threads) {
  const std::size_t d = polynomials.size(), n = require_vector(root_weight, "root_weight");
  if (d < 1 || series.size() != d) {
    throw std::invalid_argument("polynomials, series: expected the same number from 1 of both, got " +
                                std::to_string(d) + " and " + std::to_string(series.size()));
  }
  std::vector<ProductVariable> variables;
  std::size_t n_polynomials = 0;
  require_shape(series[0], "series", {n, "r"});
  const std::size_t rank = columns_of(series[0]);
  for (std::size_t j = 0; j < d; ++j) {
    require_shape(polynomials[j], "polynomials", {"p", n});
    require_shape(series[j], "series", {n, rank});
    variables.push_back({polynomials[j].data(), rows_of(polynomials[j]), series[j].data()});
    n_polynomials += rows_of(polynomials[j]);
  }
  const std::size_t threads = require_threads(n_threads);
  return filled(
      [&](double* out) { pml::products_jacobian(variables, rank, root_weight.data(), n, out, threads); },
      Columns({n, rank * n_polynomials}));
}

}  // namespace

void bind(py::module_& module) {
  using namespace py::literals;
  py::class_<ChebyshevSeries>(module, "ChebyshevSeries")
      .def(py::init(&make_series), "parents"_a, "variables"_a, "degrees"_a, "coefficients"_a.noconvert(),
           "columns"_a, "exponents"_a, "shift"_a, "divisor"_a, "output_exponents"_a,
           "The sum of products, a tree of nodes, each its parent times T_degree(z_variable), with coefficients "
           "(m, n_nodes) 2^output_exponents (m,) and z = (x[columns] 2^-exponents - shift) / divisor (d,).")
      .def("evaluate", &values_of<ChebyshevSeries>, "x"_a.noconvert(), "n_threads"_a, "Values (n, m) at x (n, d).")
      .def("gradient", &gradient_of<ChebyshevSeries>, "x"_a.noconvert(), "n_threads"_a, "Derivatives (n, m, d) at x (n, d).");
  py::class_<PartitionOfUnity>(module, "PartitionOfUnity")
      .def(py::init(&make_partition), "nodes"_a.noconvert(), "cuts"_a.noconvert(), "products"_a, "degrees"_a,
           "shift"_a.noconvert(), "divisor"_a.noconvert(), "coefficients"_a.noconvert(),
           "Polynomials on the leaves of a tree: nodes (k, 3) of a variable and two children, leaf i being -1 - i, cuts "
           "(k, 2) of a place and the half-width of its band; products of each degree, as parents, variables and degrees; "
           "of leaf i the degree, and u = (z - shift) / divisor (k + 1, d); coefficients (p, m), leaf by leaf.")
      .def("evaluate", &values_of<PartitionOfUnity>, "x"_a.noconvert(), "n_threads"_a, "Values (n, m) at z (n, d).")
      .def("gradient", &gradient_of<PartitionOfUnity>, "x"_a.noconvert(), "n_threads"_a,
           "Derivatives (n, m, d) at z (n, d).");
  py::class_<ChebyshevTerms>(module, "ChebyshevTerms", "The products T_a1(z_1) ... T_ad(z_d) for given a.")
      .def(py::init(&make_terms), "indices"_a.noconvert(), "The rows of indices (p, d) are the a.")
      .def("design", &design, "Z"_a.noconvert(), "n_threads"_a = 1, "The products (n, p) at Z (n, d), in Fortran order.")
      .def("tree", &tree,
           "parents, variables and degrees of all products that the terms begin with: the first is 1, each is its parent "
           "times T_degree(z_variable), in the order of their indices; and the places (p,) of the terms among them.");
  module.def("products_jacobian", &products_jacobian, "polynomials"_a.noconvert(), "series"_a.noconvert(),
             "root_weight"_a.noconvert(), "n_threads"_a,
             "The derivatives (n, P), in Fortran order, of root_weight (n,) times a sum of products of series (n, r) of "
             "each variable by the coefficients of its polynomials (p, n): variable, product, polynomial.");
}

}  // namespace pml::bindings::polynomial
