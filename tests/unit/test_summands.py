"""Terms that stand by themselves: y less these is fitted, and they are added again."""

import math
from contextlib import suppress

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting.race import Race
from pml_native.fitting.summand_terms import Terms, fitted, less, refined
from pml_native.fitting.summands import SummandsSearch, may_have_summands
from pml_native.fitting.terms_alone import Summand
from pml_native.hold_out import split
from pml_native.search.scheduler import Crew, Run, Worker
from pml_native.search.search import Rows

TERMS = Terms("identity", (Summand("sum", (0, 0, 1), -2.0), Summand("squares", (1, 0, 0), 0.5)))


def rows_of(X, y, **options):
    train, held_out = split(as_samples(X, y, **options), None, np.random.default_rng(0))
    return Rows.of(train, held_out, np.random.default_rng(0))


def test_rows_less_terms_and_a_model_with_them_are_inverses_of_each_other():
    X = np.random.default_rng(0).uniform(1.0, 3.0, (400, 3))
    rest = X[:, 0] * X[:, 1]
    y = rest - 2.0 * X[:, 2] + 0.5 * X[:, 0] ** 2
    rows = less(rows_of(X, y, gradients=np.stack([X[:, 1] + X[:, 0], X[:, 0], np.full(400, -2.0)], axis=1)), TERMS)
    np.testing.assert_allclose(rows.train.y[:, 0], rows.train.X[:, 0] * rows.train.X[:, 1], atol=1e-14)
    known = rows.train.derivatives
    np.testing.assert_allclose(known.values, known.of(pml.fit_polynomial(X, rest, degree=2)), atol=1e-10)
    model = TERMS.added(pml.fit_polynomial(X, rest, degree=2), rows.signature)
    np.testing.assert_allclose(model(X), y, rtol=1e-13)
    slopes = np.stack([X[:, 1] + X[:, 0], X[:, 0], np.full(400, -2.0)], axis=1)
    np.testing.assert_allclose(model.gradient(X), slopes, rtol=1e-12)


def test_relative_errors_stay_relative_to_y():
    X = np.random.default_rng(0).uniform(1.0, 3.0, (400, 3))
    rows = rows_of(X, 10.0 + X[:, 0] - 2.0 * X[:, 2], error="relative")
    changed = less(rows, TERMS)
    assert not changed.train.is_relative
    weights = changed.train.sample_weight / rows.train.sample_weight
    np.testing.assert_allclose(weights, weights[0], rtol=1e-12)


def test_a_product_of_powers_beside_heights_is_exact_and_a_formula():
    # The overflow of a dyke: powers of six columns, beside which three heights are added.
    rng = np.random.default_rng(1)
    X = rng.uniform([500, 1.0, 49, 54, 7, 50], [2500, 3.0, 51, 56, 9, 60], (800, 6))
    flow, width, low, high, dyke, bank = X.T
    y = low - dyke - bank + (flow / width) ** 0.6 / (high - low) ** 0.3
    model = pml.fit(X, y, effort=0.3, time_limit=None)
    assert model.report.error < 1e-15
    assert model.report.largest_arity == 2
    there = rng.uniform([300, 0.5, 48, 58, 6, 40], [4000, 4.0, 50, 60, 9, 70], (100, 6))
    q, b, z, m, h, c = there.T
    np.testing.assert_allclose(model(there), z - h - c + (q / b) ** 0.6 / (m - z) ** 0.3, rtol=1e-12)


@pytest.mark.parametrize(
    ("link", "of", "words"),
    [
        ("reciprocal", lambda t: 1.0 / t, "1/x0+x1/x2 of 1/y"),
        ("square", np.sqrt, "-2*x0*x1 of y^2"),
        ("log", lambda t: np.exp(t / 8.0), "-0.5*x1/x0 of log y"),
    ],
)
def test_terms_stand_by_themselves_behind_links(link, of, words):
    X = np.random.default_rng(0).uniform(1.0, 2.0, (900, 4))
    a, b, c, d = X.T
    term = {"reciprocal": 1.0 / a + b / c, "square": -2.0 * a * b, "log": -4.0 * b / a}[link]
    y = of(term + 9.0 + d**2.3 * (1.0 + c) ** 0.7)
    rows = rows_of(X, y)
    race = Race(rows, (), np.random.default_rng(0), 1e11)
    race.consider(rows.found(pml.fit_polynomial(X, y, effort=0.02), "polynomial", "any", status=""))
    choices = [one.terms for one in SummandsSearch(race, race.best, ())._choices(None)]
    assert words in [one.described(["x0", "x1", "x2", "x3"]) for one in choices]
    [terms] = [one for one in choices if one.described(["x0", "x1", "x2", "x3"]) == words]
    rest = less(rows, terms)
    inner = pml.fit_polynomial(X, terms.less(as_samples(X, y)).y[:, 0], effort=0.02)
    np.testing.assert_allclose(terms.added(inner, rows.signature)(X), y, rtol=1e-4)
    a, b, c, d = rest.train.X.T
    scale = 0.125 if link == "log" else 1.0
    np.testing.assert_allclose(rest.train.y[:, 0], scale * (9.0 + d**2.3 * (1.0 + c) ** 0.7), rtol=1e-12)


def test_nothing_is_tried_where_few_terms_say_that_the_rest_is_no_simpler():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, (600, 2))
    y = X[:, 0] + np.sin(3.0 * X[:, 1]) + 0.1 * np.cos(5.0 * X[:, 1])
    rows = rows_of(X, y)
    race = Race(rows, (), np.random.default_rng(0), 1e10)
    race.consider(rows.found(pml.fit_polynomial(X, y, max_terms=30), "polynomial", "few", status=""))
    assert may_have_summands(race)
    steps = SummandsSearch(race, race.best, ()).steps()
    worker, asked = Worker(Crew(1, math.inf), Run(race, None)), next(steps)
    with suppress(StopIteration):  # a race, which is no step, can't be done like this
        while True:
            asked = steps.send([step.function(worker) for step in asked])


def parallel(X):
    """Its reciprocal is a sum of a term whose coefficient is no fraction, and of a product of sums."""
    a, b, c, d = X.T
    return 1.0 / (0.7316 * a / b**2 + np.log(c / b) * (1.0 + 2.0 / d))


def rough(coefficient):
    return Terms("reciprocal", (Summand("product", (1, -2, 0, 0), coefficient, (0,), True),))


def test_coefficients_that_are_no_fractions_are_found_beside_polynomials_and_beside_a_model_of_the_rest():
    X = np.random.default_rng(0).uniform([1, 1, 4, 1], [3, 3, 6, 3], (900, 4))
    rows = rows_of(X, parallel(X))
    terms = fitted(rough(0.75), rows)
    assert abs(terms.summands[0].coefficient / 0.7316 - 1.0) < 1e-4
    rest = less(rows, terms)
    assert rest.n_inputs == 3
    b, c, d = rest.train.X.T
    assert np.max(np.abs(rest.train.y[:, 0] / (np.log(c / b) * (1.0 + 2.0 / d)) - 1.0)) < 1e-2
    inner = pml.fit_polynomial(rest.train.X, rest.train.y[:, 0], degree=2, inputs=["log", "log", "reciprocal"])
    found = rest.found(inner, "polynomial", "any")
    made, model = refined(terms, rows, rest, found)
    assert abs(made.summands[0].coefficient / 0.7316 - 1.0) < 1e-12
    np.testing.assert_allclose(made.added(model, rows.signature)(X), parallel(X), rtol=1e-12)


def test_a_law_with_a_term_whose_coefficient_is_no_fraction_is_exact():
    rng = np.random.default_rng(5)
    X = rng.uniform([1, 1, 4, 1], [3, 3, 6, 3], (900, 4))
    model = pml.fit(X, parallel(X), effort=0.1, time_limit=None)
    assert model.report.error < 1e-13
    there = rng.uniform([1, 1, 4, 1], [3, 3, 6, 3], (300, 4))
    np.testing.assert_allclose(model(there), parallel(there), rtol=1e-12)
