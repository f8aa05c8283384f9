"""Graphs of polynomial modules: how they are fitted, what proposes their structure, and what is found."""

import itertools

import numpy as np
import pytest
from numpy.polynomial.chebyshev import chebval

import pml_native as pml
from pml_native.models.chebyshev import index_set
from pml_native.search.angles import pair, pairs
from pml_native.search.modular_descent import Descent, Layout, Problem, Terms, Wanted, recomposed


def layout():
    """Functions of z_0 + z_1, of z_2, two of z_3, and all products of at most two of them."""
    functions = np.arange(6)[:, None]
    modules = [
        Terms((0, 1), index_set("axes", 4, (4, 4), 100)[0]),
        *(Terms((source,), functions) for source in (4, 2, 3, 3)),
    ]
    terms = [index for index in itertools.product((0, 1), repeat=4) if sum(index) <= 2 and index[2:] != (1, 1)]
    return Layout(4, modules, Terms((5, 6, 7, 8), np.array(terms)))


@pytest.fixture
def problem():
    rng = np.random.default_rng(0)
    Z = rng.uniform(-1, 1, (150, 4))
    return Problem(layout(), Wanted(Z, rng.normal(size=150), rng.uniform(0.5, 1, 150)))


@pytest.fixture
def params():
    return np.random.default_rng(1).normal(size=layout().n_params) * 0.3


def slow_value(layout, z, params, core):
    """One point, term by term."""
    values = list(z)
    for module, own in zip(layout.modules, layout.slices, strict=True):
        values.append(slow_sum(module, values, params[own]))
    return slow_sum(layout.core, values, core)


def slow_sum(terms, values, coefficients):
    total = 0.0
    for index, c in zip(terms.indices, coefficients, strict=True):
        product = c
        for source, k in zip(terms.sources, index, strict=True):
            product *= chebval(values[source], [0.0] * k + [1.0])
        total += product
    return total


def test_values_are_those_of_the_graph_point_by_point(problem, params):
    core = np.random.default_rng(2).normal(size=len(problem.layout.core))
    slow = [slow_value(problem.layout, z, params, core) for z in problem.rows.Z[:20]]
    np.testing.assert_allclose(problem.layout.value(problem.rows.Z[:20], params, core), slow, rtol=1e-13, atol=1e-13)


def test_the_jacobian_and_the_slopes_are_the_limits_of_differences(problem, params):
    point = problem.point(params)
    J, h = problem.jacobian(point), 1e-6
    for k in range(0, len(params), 3):
        step = np.zeros(len(params))
        step[k] = h
        up, down = (problem.value(point.params + sign * step, point.core) for sign in (1, -1))
        np.testing.assert_allclose(J[:, k], (up - down) / (2 * h), atol=1e-7)
    slopes = problem.layout.slopes(problem.rows.Z, point.params, point.core)
    for j in range(4):
        step = np.zeros(4)
        step[j] = h
        up, down = (problem.layout.value(problem.rows.Z + sign * step, point.params, point.core) for sign in (1, -1))
        np.testing.assert_allclose(slopes[:, j], (up - down) / (2 * h), atol=1e-6)


def test_the_gauge_changes_no_value_and_a_second_time_nothing(problem, params):
    point = problem.point(params)
    again = problem.point(point.params)
    np.testing.assert_allclose(again.params, point.params, atol=1e-12)
    assert again.loss == pytest.approx(point.loss, rel=1e-10)
    rng = np.random.default_rng(3)
    other = params.copy()
    for own in problem.layout.slices[1:4]:  # functions may be shifted and scaled as one likes
        other[own] *= rng.uniform(0.5, 3.0)
        other[own.start] += rng.normal()
    other[problem.layout.slices[4]] += 0.7 * other[problem.layout.slices[3]]
    assert problem.point(other).loss == pytest.approx(point.loss, rel=1e-9)


def test_a_series_of_a_shifted_and_scaled_variable_is_the_same_function():
    c = np.random.default_rng(4).normal(size=8)
    u = np.linspace(-1, 1, 30)
    np.testing.assert_allclose(chebval(u, recomposed(c, 0.2, 0.7)), chebval(0.7 * u + 0.2, c), atol=1e-13)


def test_a_descent_comes_to_the_floor_where_the_layout_is_that_of_the_data(problem, params):
    core = np.random.default_rng(5).normal(size=len(problem.layout.core))
    t = problem.layout.value(problem.rows.Z, params, core)
    exact = Problem(problem.layout, Wanted(problem.rows.Z, t, np.ones(len(t))))
    near = params + 0.02 * np.random.default_rng(6).normal(size=len(params))
    descent = Descent(exact, near, most=60, patience=10)
    while not descent.ended:
        descent = descent.gone_on(None)
    assert np.sqrt(descent.losses[-1] / np.sum(t**2)) < 1e-13


def test_the_angle_of_a_pair_is_zero_where_a_sum_is_all_that_counts():
    Z = np.random.default_rng(7).uniform(-1, 1, (400, 3))
    inner = Z[:, 0] + 0.3 * Z[:, 1] ** 2 + 0.5 * Z[:, 1]
    slope = np.cos(inner) * np.exp(Z[:, 2])
    gradient = np.column_stack([slope, slope * (0.6 * Z[:, 1] + 0.5), np.sin(inner) * np.exp(Z[:, 2])])
    angles = pairs(Z, gradient, (0, 1, 2))
    assert angles[0, 1].sine < 1e-12
    assert min(angles[0, 2].sine, angles[1, 2].sine) > 0.05
    one = pair(Z, gradient, 0, 1)
    ratio = (0.6 * Z[:, 1] + 0.5) / 1.0
    slopes = np.polynomial.chebyshev.chebval(Z[:, 1], np.polynomial.chebyshev.chebder(one.t))
    against = np.polynomial.chebyshev.chebval(Z[:, 0], np.polynomial.chebyshev.chebder(one.s))
    np.testing.assert_allclose(slopes / against, ratio, rtol=1e-9)


def test_columns_that_enter_as_a_sum_are_found():
    X = np.random.default_rng(8).uniform(1, 2, (700, 4))

    def f(X):
        return X[:, 2] / (X[:, 0] + 2.0 * X[:, 1]) ** 2 + X[:, 3] ** 3 * X[:, 2]

    model = pml.fit_modular(X, f(X), effort=0.04, time_limit=None, n_threads=1)
    X_new = np.random.default_rng(9).uniform(1, 2, (2000, 4))
    assert np.sqrt(np.mean((model(X_new) - f(X_new)) ** 2) / np.mean(f(X_new) ** 2)) < 1e-10
    assert model.n_params < 150


@pytest.mark.parametrize(
    ("sources", "expected"),
    [((0, 3), r"modules\[0\]: expected 2 sources among the 3 values before it, got \(0, 3\)"), ((0,), "expected 2")],
)
def test_modules_that_do_not_fit_are_refused(sources, expected):
    module = pml.Module(sources, pml.Polynomial([(0, 0), (1, 1)], [1.0, 2.0]))
    with pytest.raises(ValueError, match=expected):
        pml.ModularPolynomial([module], pml.Normalization.identity(3))
    with pytest.raises(ValueError, match="modules: expected at least 1, got 0"):
        pml.ModularPolynomial([], pml.Normalization.identity(3))
