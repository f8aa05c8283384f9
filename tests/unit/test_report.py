"""Relative errors, and the record of a fit."""

import numpy as np
import pytest

from pml_native.report import Errors


def test_errors_are_relative_to_the_rms_of_each_output():
    y = np.column_stack([np.full(100, 2.0), np.full(100, 1e200)])
    prediction = y * (1 + 1e-3)
    errors = Errors.of(prediction, y)
    assert errors.rmse == pytest.approx(1e-3)
    assert errors.p95 == pytest.approx(1e-3)
    assert errors.max == pytest.approx(1e-3)


def test_percentile_and_maximum_are_of_the_absolute_error():
    y = np.ones((100, 1))
    prediction = y + np.arange(100)[:, None] * -0.01
    errors = Errors.of(prediction, y)
    assert errors.max == pytest.approx(0.99)
    assert errors.p95 == pytest.approx(0.9405)


def test_an_output_of_zeros_keeps_its_absolute_error():
    assert Errors.of(np.full((4, 1), 1e-5), np.zeros((4, 1))).rmse == pytest.approx(1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308])
def test_a_prediction_that_is_not_finite_is_infinitely_wrong(bad):
    errors = Errors.of(np.array([[1.0], [bad]]), np.array([[1.0], [1e-9]]))
    assert errors.rmse == errors.p95 == errors.max == np.inf
