"""Learned variables: what a gradient shows of them, how they are learned, and what is made of them."""

import math
from dataclasses import replace

import numpy as np
import pytest
from numpy.polynomial import chebyshev

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting import guide
from pml_native.fitting.nested import learned
from pml_native.fitting.race import Race
from pml_native.hold_out import split
from pml_native.models import Composed
from pml_native.report import Errors
from pml_native.search.angles import level_set, nested
from pml_native.search.modular_descent import Layout, Problem, Terms, Wanted, stepped
from pml_native.search.nested import NestedSearch, Variable
from pml_native.search.scheduler import Crew
from pml_native.search.search import Rows, run_alone


def bent(X):
    """Of u = x0 + x1 x2 and of x2: the least case of a variable that shares a column with the rest."""
    return np.cos(2.0 * (X[:, 0] + X[:, 1] * X[:, 2])) / (2.0 + X[:, 2])


def gradient_of_bent(X):
    u, below = X[:, 0] + X[:, 1] * X[:, 2], 2.0 + X[:, 2]
    slope = -2.0 * np.sin(2.0 * u) / below
    return np.column_stack([slope, slope * X[:, 2], slope * X[:, 1] - np.cos(2.0 * u) / below**2])


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, (700, 3))
    return Rows.of(*split(as_samples(X, bent(X)), None, rng), rng)


@pytest.fixture(scope="module")
def found(rows):
    return run_alone(NestedSearch(rows), effort=0.04, time_limit=None, n_threads=1)


def test_the_angle_of_a_variable_with_a_third_column_is_zero_where_it_is_one():
    Z = np.random.default_rng(1).uniform(-1.0, 1.0, (400, 3))
    gradient = gradient_of_bent(Z)
    sine, s, b = nested(Z, gradient, 0, 1, Z[:, 2])
    assert sine < 1e-12
    by_0 = chebyshev.chebval(Z[:, 0], chebyshev.chebder(s))
    by_1 = chebyshev.chebval2d(Z[:, 1], Z[:, 2], chebyshev.chebder(b, axis=0))
    np.testing.assert_allclose(by_1 / by_0, Z[:, 2], atol=1e-10)
    assert min(nested(Z, gradient, i, j, Z[:, k])[0] for i, j, k in ((1, 2, 0), (0, 2, 1), (2, 0, 1))) > 0.05


def test_level_sets_of_a_product_are_found_where_inputs_change_sign():
    Z = np.random.default_rng(2).uniform(-1.0, 1.0, (400, 3))
    slope = np.cos(3.0 * Z[:, 0] * Z[:, 1]) * np.exp(Z[:, 2])
    gradient = np.column_stack([Z[:, 1] * slope, Z[:, 0] * slope, np.sin(3.0 * Z[:, 0] * Z[:, 1]) * np.exp(Z[:, 2])])
    value, c, indices = level_set(Z, gradient, 0, 1)
    assert value < 1e-12
    u = sum(
        a * np.prod([chebyshev.chebval(Z[:, k], np.eye(4)[own[k]]) for k in (0, 1)], axis=0)
        for a, own in zip(c, indices, strict=True)
    )
    product = Z[:, 0] * Z[:, 1]
    assert abs(np.corrcoef(u, product)[0, 1]) > 1.0 - 1e-9
    assert level_set(Z, gradient, 0, 2)[0] > 0.05


def test_a_variable_has_the_terms_of_its_blocks_once():
    variable = Variable(((1,), (3, 1)), ((2,), (1, 2)))
    assert variable.columns == (1, 3)
    expected = {(0, 0), (1, 0), (2, 0), (0, 1), (1, 1)}
    assert set(map(tuple, variable.indices().tolist())) == expected
    assert len(variable.indices()) == len(expected)


def test_coefficients_that_are_kept_stay_as_they_are():
    rng = np.random.default_rng(3)
    indices = np.array([(0, 0), (1, 0), (0, 1), (1, 1)])
    kept = np.array([False, False, True, False])
    layout = Layout(2, [Terms((0, 1), indices)], Terms((2,), np.arange(5)[:, None]), kept)
    Z = rng.uniform(-1.0, 1.0, (80, 2))
    problem = Problem(layout, Wanted(Z, np.exp(Z[:, 0] + 0.5 * Z[:, 0] * Z[:, 1]), np.ones(80)))
    point = problem.point(np.array([0.0, 1.0, 0.0, 0.1]))
    after, _ = stepped(problem, point, 1e-4)
    assert after.loss < point.loss
    assert after.params[2] == 0.0
    assert after.params[3] != point.params[3]


def test_the_range_of_a_variable_of_many_columns_holds_the_box():
    d = 10
    indices = np.vstack([np.zeros((1, d), dtype=int), np.eye(d, dtype=int)])
    layout = Layout(d, [Terms(range(d), indices)], Terms((d,), np.arange(3)[:, None]))
    Z = np.random.default_rng(4).uniform(-1.0, 1.0, (60, d))
    problem = Problem(layout, Wanted(Z, Z.sum(axis=1) ** 2, np.ones(60)))
    point = problem.point(np.concatenate([[0.3], np.ones(d)]))
    corners = np.array([np.ones(d), -np.ones(d)])
    values = layout.graph.values(corners, point.params)[:, d]
    np.testing.assert_allclose(np.abs(values), 1.0 / 1.02, rtol=1e-12)


def test_a_variable_that_shares_a_column_is_learned(rows, found):
    change = learned(found.model, rows.train.X)
    assert change is not None
    assert change.columns == (2,)
    [u] = change.variables.evaluate(rows.train.X).T
    X = rows.train.X
    wanted = np.column_stack([np.ones(len(X)), X[:, 0] + X[:, 1] * X[:, 2]])
    left = u - wanted @ np.linalg.lstsq(wanted, u, rcond=None)[0]
    assert np.sqrt(np.mean(left**2)) < 1e-3 * np.std(u)
    assert change.described(("a", "b", "c")) == "u(a + b*c), c"


def test_what_is_learned_makes_models_of_the_inputs(rows, found):
    change = learned(found.model, rows.train.X)
    inner = change.changed(rows.train)
    outer = pml.fit_polynomial(inner.X, inner.y[:, 0], effort=0.004, time_limit=None, n_threads=1)
    whole = change.whole(outer, rows.signature)
    assert isinstance(whole, Composed)
    X = np.random.default_rng(5).uniform(-1.0, 1.0, (500, 3))
    assert np.max(np.abs(whole(X) - bent(X))) < 1e-3
    np.testing.assert_allclose(whole.gradient(X), gradient_of_bent(X), atol=1e-2)


def test_logarithms_of_inputs_are_given_as_products():
    rng = np.random.default_rng(6)
    X = rng.uniform(1.0, 5.0, (600, 3))
    box = pml.Normalization.of_box(np.column_stack([np.log(X[:, 0]), X[:, 1], np.log(X[:, 2])]))
    variable = pml.Polynomial([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [0.2, 0.5, 0.3])
    value = pml.Polynomial([(0, 0), (1, 0), (2, 1)], [1.0, 0.5, 0.25])
    graph = pml.ModularPolynomial([pml.Module((0, 1, 2), variable), pml.Module((3, 2), value)], box)
    change = learned(pml.Transformed(graph, ["log", "identity", "log"], ["identity"]), X)
    [u] = change.variables.evaluate(X).T
    assert change.columns == (2,)
    half = 0.5 * np.ptp(np.log(X[:, 0])) * 0.3 / (0.5 * 0.5 * np.ptp(X[:, 1]))
    ratio = u / (X[:, 0] * np.exp(half * X[:, 1]))
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)


def test_sums_of_columns_are_rounded_to_fractions():
    rng = np.random.default_rng(7)
    X = rng.uniform(1.0, 5.0, (600, 3))
    box = pml.Normalization.of_box(np.column_stack([np.log(X[:, 0]), X[:, 1], X[:, 2]]))
    half = 0.5 * np.ptp(np.log(X[:, 0])), 0.5 * np.ptp(X[:, 1])
    variable = pml.Polynomial([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [0.2, 0.3 * half[0], -0.60002 * half[1]])
    value = pml.Polynomial([(0, 0), (1, 0), (2, 1)], [1.0, 0.5, 0.25])
    graph = pml.ModularPolynomial([pml.Module((0, 1, 2), variable), pml.Module((3, 2), value)], box)
    change = learned(pml.Transformed(graph, ["log", "identity", "identity"], ["identity"]), X)
    [u] = change.variables.evaluate(X).T
    ratio = u / (X[:, 0] * np.exp(-2.0 * X[:, 1]))
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-12)


def test_a_model_without_variables_has_none_to_give(rows):
    assert learned(pml.fit_polynomial(rows.train.X, rows.train.y[:, 0], degree=2), rows.train.X) is None


def raced(rows, work):
    """What a race of polynomials and learned variables finds."""
    table = tuple(row for row in guide.SCATTERED if row.search in ("polynomial", "nested"))
    race = Race(rows, table, np.random.default_rng(0), work)
    Crew(1, math.inf).run(race)
    return race


def test_models_of_learned_variables_are_fitted_in_a_race_of_their_own(rows):
    race = raced(rows, 3e10)
    makers = [maker for maker in race.found if maker.startswith("of u(x0 + x1*x2), x2: ")]
    assert makers
    best = min((race.found[maker] for maker in makers), key=lambda found: found.score)
    assert isinstance(best.model, Composed)
    assert best.error < 1e-3 * rows.held_out_rmse(np.zeros((len(rows.held_out.y), 1)))
    assert any("it seems to be a function of u(x0 + x1*x2), x2, which is tried" in line for line in race.path)


@pytest.mark.parametrize("search", ["nested", "units"])
def test_what_is_not_sure_is_tried_only_where_nothing_is_near_exact(rows, found, search):
    *_, row = [row for row in guide.SCATTERED if row.search == search]
    for error, is_tried in ((0.5, False), (1e-3, True), (1e-9, False)):
        race = Race(rows, (), np.random.default_rng(0), 1.0)
        race.best = replace(found, errors=Errors(error, error, error), train_rmse=error)
        assert row.when(race) == is_tried
    race.best = replace(race.best, errors=Errors(1e-3, 1e-3, 1e-3), train_rmse=1e-3, maker="of x0*x1: polynomial")
    assert not row.when(race)
