"""Sums of functions of single columns that break: what is found of them, and that nothing smooth is cut."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting.broken_sums import BrokenSumsSearch
from pml_native.hold_out import split
from pml_native.search.search import Rows

RNG = np.random.default_rng(12)


def found_of(f, d, n=1500):
    X = np.random.default_rng(3).uniform(-1.0, 1.0, (n, d))
    rng = np.random.default_rng(0)
    steps, answer, found = (
        BrokenSumsSearch(Rows.of(*split(as_samples(X, f(X)), None, rng), rng), 1e-2).steps(),
        None,
        [],
    )
    while True:
        try:
            asked = steps.send(answer)
        except StopIteration:
            return found[-1] if found else None
        answer = None
        if isinstance(asked, list):
            answer = [step.function(None) for step in asked]
        else:
            found.append(asked)


def kinks(X):
    return np.abs(X[:, 0] - 0.3) + 2.0 * np.maximum(X[:, 1], -0.1) * np.exp(X[:, 1]) + np.sin(3.0 * X[:, 2])


def product(X):
    return (1.5 + np.abs(X[:, 0] - 0.3)) * np.exp(np.maximum(X[:, 1], 0.1)) / (1.5 + X[:, 2])


def jump(X):
    return np.where(X[:, 0] > 0.2, np.exp(X[:, 0]), X[:, 0]) + np.sin(X[:, 1])


def second(X):
    return np.maximum(X[:, 0], 0.2) ** 2 + np.cos(X[:, 1])


@pytest.mark.parametrize(
    ("f", "d", "breaks"),
    [
        (kinks, 3, {"0.3": 1, "-0.1": 1}),
        (product, 3, {"0.3": 1, "0.1": 1}),
        (second, 2, {"0.2": 1}),
    ],
)
def test_breaks_of_single_columns_are_found_where_they_are(f, d, breaks):
    found = found_of(f, d)
    Q = RNG.uniform(-1.0, 1.0, (3000, d))
    assert found.error < 1e-13
    assert np.max(np.abs(found.model(Q) - f(Q))) < 1e-11
    assert all(f"= {place}" in found.description for place in breaks)


def test_next_to_a_jump_the_model_says_that_no_row_tells_where_it_is():
    found = found_of(jump, 2)
    [piecewise] = [part for part in found.model.variables.parts if isinstance(part, pml.Piecewise)]
    (low, high), order = piecewise.gaps[0], piecewise.orders[0]
    assert order == 0
    assert low < 0.2 < high
    apart = found.model.undecided(np.array([[0.5 * low + 0.5 * high, 0.3], [high + 0.01, 0.3]]))
    assert apart[0, 0] == pytest.approx(np.exp(0.2) - 0.2, rel=0.05)
    assert apart[1, 0] == 0.0


@pytest.mark.parametrize(
    "f",
    [
        lambda X: np.tanh(50.0 * X[:, 0]) + np.sin(3.0 * X[:, 1]),
        lambda X: np.sqrt(X[:, 0] ** 2 + 1e-4) + X[:, 1] ** 3,
        lambda X: np.exp(-500.0 * (X[:, 0] - 0.2) ** 2) + 1.0 / (1.0 + 100.0 * X[:, 1] ** 2),
        lambda X: np.sqrt(X[:, 0] + 1.0) + np.exp(X[:, 1]),
        lambda X: np.maximum(X[:, 0] + X[:, 1], 0.2),  # breaks, but along no column
    ],
)
def test_no_steep_sum_is_cut(f):
    assert found_of(f, 2) is None


def test_fit_says_where_the_functions_of_a_sum_break():
    X = RNG.uniform(0.0, 1.0, (1500, 2))
    decoded = np.where(X <= 0.3, X / 2.0, (X + 0.1) ** 2.4 + 0.15 - 0.4**2.4)
    model = pml.fit(X, decoded @ [0.7, 0.3], effort=0.05, time_limit=None, progress=False, n_threads=1)
    assert model.report.error < 1e-12
    assert [join.name for join in model.report.joins] == ["x0", "x1"]
    assert [join.place for join in model.report.joins] == pytest.approx([0.3, 0.3], abs=1e-9)
