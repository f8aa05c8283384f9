"""Functions of one polynomial: the polynomial is found without knowing the function, which is then fitted."""

import math

import numpy as np
import pytest
from scipy.special import k0

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.hold_out import split
from pml_native.search.one_polynomial import OnePolynomialSearch
from pml_native.search.scheduler import Crew, Run, Worker
from pml_native.search.search import Rows


def angle(X):
    a, b, c, d = X.T
    return np.arctan((a * b + 2.3 * c) / np.sqrt(d))


def potential(X):
    a, b, c, d = X.T
    return k0(a**2 + 1.37 * b * d + 0.41 * c)


def found(function, n=900, **options):
    X = np.random.default_rng(0).uniform(0.5, 2.0, (n, 4))
    train, held_out = split(as_samples(X, function(X), **options), None, np.random.default_rng(0))
    steps = OnePolynomialSearch(Rows.of(train, held_out, np.random.default_rng(0))).found()
    try:
        asked = next(steps)
        while True:
            worker = Worker(Crew(1, math.inf), Run(None, None))
            asked = steps.send([step.function(worker) for step in asked])
    except StopIteration as end:
        return end.value


@pytest.mark.parametrize(
    ("function", "inside"),
    [
        (angle, lambda a, b, c, d: (a * b + 2.3 * c) / np.sqrt(d)),
        (potential, lambda a, b, c, d: a**2 + 1.37 * b * d + 0.41 * c),
    ],
)
def test_the_polynomial_is_found_up_to_scale_and_shift(function, inside):
    one = found(function)
    assert one.error < 1e-6
    X = np.random.default_rng(1).uniform(0.5, 2.0, (500, 4))
    value, wanted = one.alpha(X), inside(*X.T)
    table = np.column_stack([np.ones(500), wanted])
    c = np.linalg.lstsq(table, value, rcond=None)[0]
    assert np.max(np.abs(table @ c - value)) < 1e-5 * np.ptp(value)


def test_what_is_no_function_of_a_polynomial_leaves_much():
    assert found(lambda X: np.sin(X[:, 0] * X[:, 1]) + np.exp(X[:, 2]) * np.log(X[:, 3])).error > 1e-3


def test_too_few_rows_lead_to_nothing():
    assert found(angle, n=30) is None


@pytest.mark.parametrize(("function", "error"), [(angle, 1e-13), (potential, 1e-10)])
def test_a_function_of_one_polynomial_is_exact(function, error):
    rng = np.random.default_rng(7)
    X = rng.uniform(0.5, 2.0, (900, 4))
    model = pml.fit(X, function(X), effort=0.1, time_limit=None)
    there = rng.uniform(0.5, 2.0, (1000, 4))
    assert np.sqrt(np.mean((model(there) - function(there)) ** 2) / np.mean(function(there) ** 2)) < error
