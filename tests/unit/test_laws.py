"""Laws in the place of series of one variable: found where they are, exact beyond all rows, and not made up."""

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebinterpolate

import pml_native as pml
from pml_native.arrays import Samples
from pml_native.search.laws import LawsSearch, adjusted
from pml_native.search.scheduler import Crew
from pml_native.search.search import Alone, Rows

SHOWN = 0.94  # the part of the box, along the first input, where rows are


def series(function, degree=40):
    return pml.Polynomial(np.arange(degree + 1)[:, None], chebinterpolate(function, degree)[:, None])


def graph(function):
    """f(x0) exp(-x1 / 2), both as series, in the box [-1, 1]^2."""
    modules = [
        pml.Module((0,), series(lambda z: function(SHOWN * z))),
        pml.Module((1,), series(lambda z: np.exp(-0.5 * z), 16)),
        pml.Module((2, 3), pml.Polynomial([[1, 1]], [[1.0]])),
    ]
    inputs = pml.Normalization.of_box(np.array([[-SHOWN, -1.0], [SHOWN, 1.0]]))
    return pml.ModularPolynomial(modules, inputs)


def samples(model, n, seed):
    X = np.random.default_rng(seed).uniform([-SHOWN, -1.0], [SHOWN, 1.0], (n, 2))
    return Samples(X, model.evaluate(X), None, True, None, None)


def searched(model):
    rows = Rows(samples(model, 300, 0), samples(model, 60, 1))
    alone = Alone(LawsSearch(rows, rows.found(model, "modular", "two series"), np.random.default_rng(2)), np.inf)
    Crew(1, np.inf, needed=lambda: False).run(alone)
    return alone.best


@pytest.mark.parametrize(
    "function",
    [lambda x: np.sin(9.0 * x + 0.4) - 0.3, lambda x: 1.0 / (1.0 + np.exp(3.0 * x)), lambda x: 1.0 / (1.0 + x**2)],
)
def test_a_law_is_found_in_a_series_and_exact_where_no_row_is(function):
    model = graph(function)
    found = searched(model)
    X = np.column_stack([np.linspace(SHOWN, 1.0, 50), np.linspace(-1.0, 1.0, 50)])
    exact = function(X[:, 0]) * np.exp(-0.5 * X[:, 1])
    assert np.max(np.abs(found.model.evaluate(X)[:, 0] - exact)) < 3e-13
    assert found.model.n_params < 25 < model.n_params


def test_a_model_with_laws_keeps_its_values_and_derivatives_in_a_file(tmp_path):
    model = searched(graph(lambda x: np.sin(9.0 * x))).model
    X = np.random.default_rng(3).uniform(-0.9, 0.9, (20, 2))
    model.save(tmp_path / "model.pml")
    again = pml.load(tmp_path / "model.pml")
    np.testing.assert_array_equal(again(X), model(X))
    step = 1e-6
    slopes = [(model(X + step * e) - model(X - step * e)) / (2 * step) for e in np.eye(2)]
    np.testing.assert_allclose(again.gradient(X), np.column_stack(slopes), atol=1e-7)


def test_series_of_no_known_law_stay_as_they_are():
    coefficients = np.random.default_rng(4).normal(size=41) * 0.8 ** np.arange(41)
    alone = searched(graph(lambda x: np.polynomial.chebyshev.chebval(x / SHOWN, coefficients)))
    assert alone is None or alone.model.adjustable_parts[0].n_params == 41  # the exponential may be found


def test_parameters_go_on_together_to_the_least_error():
    model = searched(graph(lambda x: np.sin(9.0 * x))).model
    X = np.random.default_rng(5).uniform(-0.9, 0.9, (200, 2))
    y = np.sin(9.00001 * X[:, 0]) * np.exp(-0.500001 * X[:, 1])
    moved = adjusted(model, Samples(X, y[:, None], None, True, None, None))
    assert np.max(np.abs(moved.evaluate(X)[:, 0] - y)) < 1e-13


def test_what_other_rows_make_of_parameters_differs_a_little():
    model = searched(graph(lambda x: np.sin(9.0 * x))).model
    X = np.random.default_rng(5).uniform(-0.9, 0.9, (200, 2))
    y = np.sin(9.0 * X[:, 0]) * np.exp(-0.5 * X[:, 1]) + 1e-7 * np.cos(40.0 * X[:, 1])
    rows = Samples(X, y[:, None], None, True, None, None)
    first = adjusted(model, rows)
    other = adjusted(first, rows.first(150))
    assert 0.0 < np.max(np.abs(other.evaluate(X) - first.evaluate(X))) < 1e-6
