"""What models are made of, as graphs: which inputs each part has, and monomials."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebval

import pml_native as pml
from pml_native.fitting.parts import variables_of_parts
from pml_native.models import Reduced
from pml_native.models.reduced import variables_of
from pml_native.monomials import monomials

BOX = np.array([[1.0, 1.0, 1.0], [2.0, 3.0, 4.0]])


def polynomial(indices, coefficients, box=BOX):
    return pml.Polynomial(indices, coefficients, inputs=pml.Normalization.of_box(box))


def test_terms_that_have_inputs_in_common_are_one_part():
    rng = np.random.default_rng(0)
    indices = [(a, b, 0) for a in range(5) for b in range(5)] + [(0, b, c) for b in range(5) for c in range(1, 5)]
    graph = polynomial(indices, rng.normal(size=len(indices))).graph()
    assert str(graph) == "[0] = f(x0, x1)\n[1] = f(x1, x2)\n[2] = [0] + [1]"
    assert graph.largest_arity == 2


def test_a_product_that_a_series_writes_as_many_terms_is_a_product():
    # x0 x1 x2^2 in the box has all of 2 x 2 x 3 Chebyshev terms.
    factors = [1.5, 0.5], [2.0, 1.0], [7.375, 7.5, 1.125]
    indices = list(np.ndindex(2, 2, 3))
    model = polynomial(indices, [np.prod([own[a] for own, a in zip(factors, row, strict=True)]) for row in indices])
    assert str(model.graph()) == "[0] = x0*x1\n[1] = x2**2*[0]"


def test_a_full_polynomial_of_three_inputs_is_one_part():
    indices = [(a, b, c) for a in range(4) for b in range(4) for c in range(4)]
    graph = polynomial(indices, np.random.default_rng(0).normal(size=64)).graph()
    assert (graph.nodes, graph.largest_arity) == (((0, 1, 2),), 3)


@pytest.mark.parametrize(("d", "largest"), [(5, 3), (8, 8)])
def test_sums_of_parts_of_three_inputs_are_told_as_long_as_there_are_not_too_many(d, largest):
    indices = [row for row in np.ndindex(*[3] * d) if 0 < np.count_nonzero(row) <= 3]
    model = polynomial(indices, np.random.default_rng(0).normal(size=len(indices)), np.array([[0.0] * d, [1.0] * d]))
    assert model.graph().largest_arity == largest


def test_variables_are_made_two_inputs_at_a_time():
    inner = polynomial([(0, 0), (5, 0), (3, 4)], [1.0, 2.0, 3.0], BOX[:, :2])
    variables = variables_of(["product", "sum"], [[1.0, -2.0, 1.0], [0.0, 1.0, -0.5]], [0.0, 0.0, 1.0])
    graph = Reduced(inner, variables).graph()
    assert str(graph).splitlines() == [
        "[0] = x0/x1**2",
        "[1] = x2*[0]",
        "[2] = x1 - 0.5*x2",
        "[3] = f([1], [2])",
        "[4] = x2*[3]",
    ]


def test_names_of_columns_may_look_like_parts():
    model = polynomial([(3, 3, 0), (0, 0, 3)], [1.0, 2.0])
    model.signature = pml.models.Signature(3, 1, True, ("[1]", "[0]", "c"))
    assert model.graph().formulas == ("f([1], [0])", "[0] + f(c)")


def test_a_constant_has_no_graph():
    with pytest.raises(ValueError, match="graph: expected a model that depends on its inputs, got a constant"):
        polynomial([(0, 0, 0)], [1.0]).graph()


def test_a_modular_network_can_be_made_of_the_graph_of_a_model():
    X = np.random.default_rng(0).uniform(1.0, 2.0, (300, 4))
    y = np.hypot(X[:, 0] - X[:, 1], X[:, 2] - X[:, 3])
    modular = pml.ModularMLP(pml.fit(X, y, effort=0.02, progress=False).graph(), width=4)
    assert modular.largest_arity == 2
    assert modular.forward(modular.initialize(0), X).shape == (300, 1)
    again = pml.NetworkModel(modular, modular.initialize(0)).graph()
    assert again.nodes == modular.graph.nodes


def test_monomials_are_the_series():
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 5, (12, 3))
    c = rng.normal(size=12)
    inputs = pml.Normalization.of_box(np.array([[-3.0, 1.0, 2.0], [1.0, 1.5, 2.0]]))  # the last one is constant
    found = monomials(indices, c, inputs, 0.0)
    X = rng.uniform([-3.0, 1.0, 2.0], [1.0, 1.5, 2.0], (20, 3))
    z = inputs.apply(X)
    terms = [np.prod([chebval(z[:, j], np.eye(5)[a]) for j, a in enumerate(row)], axis=0) for row in indices]
    got = sum(value * np.prod(X ** np.array(powers), axis=1) for powers, value in found.items())
    np.testing.assert_allclose(got, np.array(terms).T @ c, rtol=1e-9)


def test_monomials_that_cancel_are_left_out():
    # (z + 2)^2 - (z^2 + 4) = 4 z, z = x - 2: T_2 / 2 + 1 / 2 + 4 z + 4 less the same without 4 z
    found = monomials(
        np.array([[1], [0]]), np.array([4.0, 8.0]), pml.Normalization.of_box(np.array([[1.0], [3.0]])), 1e-15
    )
    assert found == {(1,): 4.0}


def test_coefficients_beyond_float64_are_no_monomials():
    inputs = pml.Normalization.of_box(np.array([[1e-300], [2e-300]]))
    assert monomials(np.array([[1], [2]]), np.ones(2), inputs, 1e-15) is None


def test_series_of_high_degrees_have_no_monomials():
    assert monomials(np.array([[40]]), np.ones(1), pml.Normalization.identity(1), 1e-15) is None


def test_factors_are_told_apart_whatever_the_sum_they_stand_in():
    # x0 (x1 + 2 + (x2 + 3) sin(x3 + 1)): all products of the series, of which those without x1 are of either term.
    sine = np.polynomial.chebyshev.chebinterpolate(lambda z: np.sin(z + 1.0), 14)
    tensor = np.zeros((2, 2, 2, 15))
    tensor[0, 1, 0, 0] = tensor[0, 0, 1, 0] = 1.0
    tensor[0, 1, 0, 0], tensor[0, 0, 0, 0] = 1.0, 2.0
    tensor[0, 0, 0] += 3.0 * sine
    tensor[0, 0, 1] = sine
    tensor[1] = 0.5 * tensor[0]
    indices = np.argwhere(tensor != 0.0)
    graph = polynomial(indices, tensor[tensor != 0.0], np.array([[1.0, 1.0, 1.0, 0.0], [2.0, 3.0, 4.0, 2.0]])).graph()
    assert str(graph).splitlines() == ["[0] = f(x2, x3)", "[1] = f(x1) + [0]", "[2] = f(x0)*[1]"]
    assert graph.largest_arity == 2


def test_terms_below_the_error_of_a_model_are_none_of_its_parts(report):
    model = polynomial([(1, 1, 0), (0, 0, 1), (1, 1, 1), (2, 0, 2)], [1.0, 1.0, 1e-9, 1e-9])
    assert model.graph().largest_arity == 2
    assert len(model.graph().nodes) > 2
    model.report = replace(report, error=1e-8)
    assert str(model.graph()) == "[0] = f(x0, x1)\n[1] = [0] + f(x2)"


def test_a_function_of_one_input_beside_rounding_of_others():
    c = np.array([1.0, 0.7, 1e-13, 1e-13])
    assert polynomial([(0, 0, 0), (3, 0, 0), (0, 2, 0), (0, 0, 14)], c).graph().nodes == ((0,),)


def test_a_sum_that_is_no_product_is_not_taken_for_one():
    rng = np.random.default_rng(0)
    tensor = np.einsum("i,jk->ijk", rng.normal(size=4), rng.normal(size=(4, 4)))
    tensor[3, 3, 3] += 1e-9
    indices = list(np.ndindex(4, 4, 4))
    assert polynomial(indices, tensor.ravel()).graph().largest_arity == 3
    tensor[3, 3, 3] -= 1e-9
    assert polynomial(indices, tensor.ravel()).graph().largest_arity == 2


def waves(inner):
    """Of the phase x0 x1, x0 and x1 in [1, 2] and [1, 3], with polynomials of its cosine and sine and of x0, x1, x2."""
    phase = polynomial([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0)], [3.0, 1.0, 1.5, 0.5])
    return pml.models.Waves(pml.Polynomial(inner, np.ones(len(inner))), phase, [0, 1, 2])


def test_a_phase_that_is_a_product_is_a_variable_beside_the_inputs_that_count():
    variables = variables_of_parts(waves([(1, 0, 0, 0, 0), (0, 1, 0, 0, 3), (0, 0, 2, 0, 0)]), 1e-9)
    assert variables.kinds == ("sum", "sum", "product")
    np.testing.assert_array_equal(variables.coefficients, [[1, 0, 0], [0, 0, 1], [1, 1, 0]])


def test_a_phase_is_no_variable_where_all_of_its_inputs_count_by_themselves_too():
    assert variables_of_parts(waves([(1, 0, 1, 0, 0), (0, 1, 0, 1, 3)]), 1e-9) is None


def test_an_input_of_no_power_is_none_of_the_inputs_of_a_product():
    # Functions of log x0 + log x1 and of log x2, in which log x1 has hardly a part.
    logarithms = pml.Normalization.of_box(np.log(BOX + 1.0))
    sums = [
        pml.Module(sources, pml.Polynomial([[0, 0], [1, 0], [0, 1]], np.array([[0.1], weights[0:1], weights[1:2]])))
        for sources, weights in (
            ((0, 1), logarithms.scale[:2] * np.ldexp(1.0, logarithms.exponent[:2])),
            ((1, 2), np.array([2e-10, 0.9])),
        )
    ]
    series = pml.Polynomial(np.arange(4)[:, None], np.ones((4, 1)))
    modules = [*sums, *(pml.Module((source,), series) for source in (3, 4))]
    modules.append(pml.Module((5, 6), pml.Polynomial([[1, 1]], [[1.0]])))
    model = pml.models.Transformed(pml.ModularPolynomial(modules, logarithms), ("log",) * 3, ("identity",))
    variables = variables_of_parts(model, 1e-9)
    assert variables.kinds == ("product", "sum")
    np.testing.assert_array_equal(variables.coefficients, [[1, 1, 0], [0, 0, 1]])
