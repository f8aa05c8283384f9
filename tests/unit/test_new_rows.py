"""Where more rows are suggested: in the box, apart, where the model is least exact."""

from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pml_native as pml
from pml_native.models import ErrorEstimate


def peak(X):
    return 1.0 / (0.01 + np.sum((X - 0.3) ** 2, axis=1)) + np.sin(5.0 * X[:, 0])


@cache
def model():
    X = np.random.default_rng(0).uniform(0.0, 1.0, (100, 2)) * [1.0, 1e-6] + [0.0, 300.0]
    y = peak((X - [0.0, 300.0]) / [1.0, 1e-6])
    return pml.fit(X, y, method="rbf", effort=1e-3, time_limit=None, progress=False), X


@settings(max_examples=10, deadline=None)
@given(k=st.integers(1, 60))
def test_suggested_rows_are_new_points_of_the_box_and_each_k_begins_as_the_next_does(k):
    found, X = model()
    low, high = found.known_box()
    rows = pml.suggest(found, k)
    assert rows.shape == (k, 2)
    assert np.all((low <= rows) & (rows <= high))
    assert len(np.unique(np.concatenate([X, rows]), axis=0)) == len(X) + k
    np.testing.assert_array_equal(rows, pml.suggest(found, k + 1)[:k])


def test_suggested_rows_lie_where_the_error_is_large_and_apart():
    found, _ = model()
    low, high = found.known_box()
    uniform = np.random.default_rng(2).uniform(low, high, (1000, 2))
    rows = pml.suggest(found, 10)
    assert np.median(found.error_estimate(rows)) > 2.0 * np.median(found.error_estimate(uniform))
    units = (rows - low) / (high - low)
    distance = np.linalg.norm(units[:, None] - units, axis=2)[np.triu_indices(10, 1)]
    assert distance.min() > 0.02


@pytest.mark.filterwarnings("ignore::pml_native.FitWarning")  # of the gap
def test_where_the_error_is_the_same_everywhere_suggested_rows_fill_the_gap():
    X = np.random.default_rng(3).uniform(0.0, 1.0, (400, 2))
    X = X[np.linalg.norm(X - 0.5, axis=1) > 0.25]
    line = pml.fit(X, X @ [1.0, 2.0], effort=1e-3, time_limit=None, progress=False)
    line.estimate = ErrorEstimate((), np.ones(1), 1.0, 1e-3)
    assert np.linalg.norm(pml.suggest(line, 1)[0] - 0.5) < 0.1


def test_what_can_not_be_suggested_is_said():
    found, X = model()
    for k in (0, 1.5):
        with pytest.raises(ValueError, match="k: expected an integer >= 1"):
            pml.suggest(found, k)
    polynomial = pml.fit_polynomial(X, X[:, 0], degree=1)
    with pytest.raises(ValueError, match="expected a model that fit has made"):
        pml.suggest(polynomial, 1)
