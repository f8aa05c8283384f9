"""Models of fewer variables: values, domains, and fits that find the variables."""

import math

import numpy as np
import pytest
from scipy.special import jv

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting.race import ROUNDS, Race, Row
from pml_native.fitting.reduced import EARLY_WORK, FAR_WORSE, ReducedSearch, in_errors_of_y, unlike, within
from pml_native.fitting.symmetry import Evidence
from pml_native.hold_out import split
from pml_native.models import Reduced
from pml_native.models.reduced import KINDS, variables_of
from pml_native.report import Errors
from pml_native.search.polynomial import PolynomialSearch
from pml_native.search.scheduler import Crew, Run, Worker
from pml_native.search.search import Found, Rows

RNG = np.random.default_rng(0)


def model_of(kinds, coefficients, factor):
    """Any model will do inside: a small network."""
    r = len(kinds)
    inner = pml.NetworkModel(pml.MLP((r, 5, 1)), pml.MLP((r, 5, 1)).initialize(0))
    return Reduced(inner, variables_of(kinds, coefficients, factor))


MODELS = {
    "product": model_of(["product", "sum"], [[1, -2, 0], [0, 0, 1]], [0.5, 0, -1]),
    "sums": model_of(
        ["sum", "squares", "reciprocals", "logarithms"], [[1, -1, 0], [0, 1, 2], [1, 0, -1], [1, 0, 2]], [0, 0, 0]
    ),
    "roots": model_of(["product"], [[1.5, -1 / 3, 5]], [2, -3, 0.5]),
    "moduli": model_of(["moduli", "product"], [[1, 0, -2], [1, 1, 0]], [0, 0, 1]),
}


@pytest.mark.parametrize("name", MODELS)
def test_values_are_the_power_times_the_model_of_the_variables(name):
    model = MODELS[name]
    X = RNG.uniform(0.5, 2.0, (50, 3))
    expected = np.empty(50)
    for k, x in enumerate(X):
        u = []
        for kind, row in zip(model.variables.kinds, model.variables.coefficients, strict=True):
            total = sum(a * KINDS[kind].t(v) for a, v in zip(row, x, strict=True))
            u.append(np.exp(total) if kind == "product" else total)
        expected[k] = np.prod(x**model.variables.factor) * model.model(np.array([u]))[0]
    # Values pass through 0, where terms of the size of the largest cancel.
    near = {"rtol": 1e-13, "atol": 1e-15 * np.max(np.abs(expected))}
    np.testing.assert_allclose(model(X), expected, **near)
    high, low = model.extended(X)
    np.testing.assert_allclose(high, expected, **near)
    assert np.all(np.abs(low) <= np.spacing(np.abs(high)))


def test_moduli_are_even_with_the_slopes_of_even_functions():
    model = model_of(["moduli", "sum"], [[2, 0], [0, 1]], [0, 0])
    X = RNG.uniform(-2.0, 2.0, (20, 2))
    mirrored = X * [-1.0, 1.0]
    np.testing.assert_array_equal(model(mirrored), model(X))
    np.testing.assert_array_equal(model.gradient(mirrored), model.gradient(X) * [-1.0, 1.0])
    step = [1e-6, 0.0]
    np.testing.assert_allclose(model.gradient(X)[:, 0], (model(X + step) - model(X - step)) / 2e-6, atol=1e-8)
    assert model.gradient([[0.0, 1.0]])[0, 0] == 0.0


def test_outside_the_domain_values_are_nan():
    X = np.array([[1.0, 0.0, 1.0], [-1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [np.nan, 1.0, 1.0]])
    np.testing.assert_array_equal(np.isnan(MODELS["product"](X)), [True, True, False, True])
    np.testing.assert_array_equal(np.isnan(MODELS["product"].gradient(X)).any(axis=1), [True, True, False, True])


def test_wrong_variables_are_refused():
    with pytest.raises(ValueError, match=r"coefficients: expected \(1, 2\)"):
        variables_of(["sum"], [[1.0]], [0.0, 0.0])
    with pytest.raises(ValueError, match="kinds: expected some of product, sum"):
        variables_of(["cubes"], [[1.0]], [0.0])
    inner = pml.NetworkModel(pml.MLP((2, 1)), [1.0, 1.0, 0.0])
    with pytest.raises(ValueError, match="variables: expected 2"):
        Reduced(inner, variables_of(["sum"], [[1.0, 1.0]], [0.0, 0.0]))


@pytest.mark.parametrize("name", ["I.40.1", "II.36.38"])
def test_fit_finds_the_variables_and_the_floor(name):
    equation = pml.problems.equations[name]
    X, y = equation.sample(1500, 1)
    model = pml.fit(X, y, effort=0.5, input_names=equation.variables, tolerance=3e-14)
    Q, truth = equation.test_box(2000, 2)
    assert np.sqrt(np.mean((model(Q) - truth) ** 2) / np.mean(truth**2)) < 1e-12
    assert isinstance(model, Reduced)
    assert "times" in model.report.description


def test_the_power_in_front_is_the_one_that_leaves_the_simplest_rest():
    # Light scattered by a cylinder, over five decades: times x1^6, or most others of the same symmetry, the rest has
    # poles or grows without end.
    X = np.random.default_rng(1).uniform((0.05, 1.0, 2.0), (3.0, 3.0, 6.0), (3000, 3))
    across, along = 0.8 * X[:, 0] * X[:, 1], 0.3 * X[:, 0] * X[:, 2]
    y = (X[:, 1] ** 2 * X[:, 2] * jv(1, across) / across * np.sin(along) / along) ** 2
    slopes = 2.0 * np.column_stack([-across * jv(2, across) / jv(1, across), along / np.tan(along) - 1.0])
    by_logarithm = np.column_stack([slopes.sum(axis=1), 4.0 + slopes[:, 0], 2.0 + slopes[:, 1]]) * y[:, None]
    evidence = Evidence(X, y[:, None], (by_logarithm / X)[:, None, :], 1e-6)
    rng = np.random.default_rng(0)
    race = Race(Rows.of(*split(as_samples(X, y), None, rng), rng), (), rng, 1.0)
    constant = pml.Polynomial([(0, 0, 0)], [1.0])
    search = ReducedSearch(race, race.rows.found(constant, "polynomial", "1"), ())
    worker = Worker(Crew(1, math.inf), Run(race, None))
    best, *others = [
        PolynomialSearch(rows).first_step().function(worker)
        for _, rows in result_of(search._choices(evidence, 1.0), worker)
    ]
    assert best < 0.02
    assert best == min([best, *others])
    assert max(others) > 10.0 * best


def test_other_products_come_before_other_powers_of_the_same():
    def choice(rows, factor):
        return variables_of(["product", "product"], rows, factor), None

    same = [choice([[1, 0, 1], [0, 1, -1]], f) for f in ([0, 0, 0], [1, 0, 1])]
    same.append(choice([[0, -0.5, 0.5], [2, 0, 2]], [0, 0, 0]))
    other = choice([[1, 1, 0], [0, 1, -1]], [0, 0, 0])
    assert unlike([*same, other]) == [same[0], other, *same[1:]]


def test_errors_count_as_they_do_in_y_whatever_power_is_in_front():
    rng = np.random.default_rng(4)
    X = rng.uniform(0.1, 2.0, (200, 2))
    rows = Rows.of(*split(as_samples(X, X[:, 0] ** 3 * np.exp(X[:, 1])), None, rng), rng)
    variables = variables_of(["sum"], [[0, 1]], [2, 0])
    changed = in_errors_of_y(within(rows, variables), rows, variables)
    off = rng.normal(size=len(rows.held_out.y))[:, None]
    front = rows.held_out.X[:, :1] ** 2
    there = changed.held_out_rmse(changed.held_out.y + off)
    np.testing.assert_allclose(there, rows.held_out_rmse(rows.held_out.y + front * off), rtol=1e-12)


def test_what_has_its_turn_early_in_other_variables_is_compared_with_its_like():
    """Polynomials in them that are far worse than roots of relations in the columns may be no worse than quotients."""
    X = np.random.default_rng(1).uniform(1.0, 2.0, (200, 2))
    rng = np.random.default_rng(0)
    race = Race(Rows.of(*split(as_samples(X, X[:, 0]), None, rng), rng), (), rng, 1.0)
    model = pml.Polynomial([(0, 0)], [1.0])
    for family, error, maker in (
        ("polynomial", 1e-3, "a"),
        ("rational", 1e-4, "b"),
        ("rational", 1e-6, "of x0/x1: c"),
        ("algebraic", 1e-7, "d"),
    ):
        race.consider(Found(model, Errors(error, error, error), error, family, maker, maker, ""))
    assert ReducedSearch(race, race.best, ()).trials[0] == (EARLY_WORK, FAR_WORSE * 1e-4)
    # What mirrored points leave has the work that led to what is known.
    race.spent = 1e12
    assert ReducedSearch(race, race.best, (), kind="mirrors").trials == [(1e12, race.best.score)]


def result_of(part, worker):
    """What a part of a search returns, its steps done one after the other."""
    results = None
    try:
        while True:
            results = [step.function(worker) for step in part.send(results)]
    except StopIteration as ended:
        return ended.value


def test_a_function_without_symmetries_is_fitted_as_before():
    X = np.random.default_rng(1).uniform(-1, 1, (400, 2))
    y = np.sin(X[:, 0] + 0.3 * X[:, 1] ** 2) + X[:, 1]
    model = pml.fit(X, y, effort=0.05)
    assert model.report.validation_rmse < 1e-9


def test_on_a_grid_rows_of_equal_differences_test_nothing():
    # Of 6^4 rows many have the same two differences: held-out rows would all be known, whatever lies between.
    X = np.stack(np.meshgrid(*[np.linspace(1, 5, 6)] * 4, indexing="ij"), axis=-1).reshape(-1, 4)
    y = np.cos(2 * X[:, 0] - 2 * X[:, 1]) + np.exp(X[:, 2] - X[:, 3])
    with pytest.warns(pml.FitWarning, match="take few values"):
        assert not isinstance(pml.fit(X, y, effort=0.01), Reduced)


def test_two_outputs_share_their_variables():
    X = np.random.default_rng(1).uniform(1, 3, (800, 3))
    u = X[:, 0] * X[:, 1] / X[:, 2]
    y = np.stack([np.exp(-u), np.tanh(u)], axis=1)
    model = pml.fit(X, y, effort=0.2)
    assert model(X[:5]).shape == (5, 2)
    assert model.report.validation_rmse < 1e-10


def test_the_range_of_a_variable_of_both_signs_has_all_corners_of_the_box():
    X = np.random.default_rng(0).uniform([-5.0, 0.5], [5.0, 2.0], (400, 2))
    train, held_out = split(as_samples(X, X[:, 0] / X[:, 1]), None, np.random.default_rng(0))
    rows = Rows.of(train, held_out, np.random.default_rng(0))
    low, high = train.all().X.min(axis=0), train.all().X.max(axis=0)
    for kind, row, least, largest in (
        ("product", [1, -1], low[0] / low[1], high[0] / low[1]),
        ("moduli", [1, 0], 0.0, max(-low[0], high[0])),
        ("squares", [1, 1], low[1] ** 2, max(-low[0], high[0]) ** 2 + high[1] ** 2),
    ):
        changed = within(rows, variables_of([kind], [row], [0, 0]))
        np.testing.assert_allclose(changed.corners[:, 0], [least, largest], rtol=1e-14)


def test_a_column_that_may_be_exchanged_with_another_is_found_and_used():
    X = np.random.default_rng(0).uniform(0.5, 2.0, (800, 3))
    y = np.exp(X[:, 0] * X[:, 1]) * np.cos(X[:, 0] + X[:, 1] + 0.3 * X[:, 2] ** 2)
    train, held_out = split(as_samples(X, y), None, np.random.default_rng(0))
    rows = Rows.of(train, held_out, np.random.default_rng(0))
    inner = (Row("polynomial", 1.0 / ROUNDS[0]),)
    table = (
        Row("polynomial", 4.0, make=lambda race: PolynomialSearch(race.rows, max_terms=300)),
        Row("mirrors", 64.0, make=lambda race: ReducedSearch(race, race.best, inner, kind="mirrors")),
    )
    race = Race(rows, table, np.random.default_rng(0), 2e10)
    Crew(1, math.inf, lambda: False, lambda: race.best is None).run(race)
    assert race.best.description.startswith("of x0+x1, x0*x1, x2: ")
    assert race.best.error < 0.1 * race.found["polynomial "].error
