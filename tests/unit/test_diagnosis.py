"""What a report says limits the error, and would help: each case made so that one answer is right."""

from types import SimpleNamespace

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting.diagnosis import _fall_with_rows


def runge(n, d=1, seed=0):
    X = np.random.default_rng(seed).uniform(-1.0, 1.0, (n, d))
    return X, 1.0 / (1.0 + 25.0 * np.sum(X**2, axis=1))


def waves(n, d=2, seed=0):
    X = np.random.default_rng(seed).uniform(-1.0, 1.0, (n, d))
    return X, np.sin(6.0 * X[:, 0]) / (2.0 + X[:, 1]) + np.tanh(2.0 * X[:, 0] * X[:, 1])


def report_of(X, y, **options):
    return pml.fit(X, y, progress=False, n_threads=1, **options).report


def test_nothing_helps_a_model_that_is_exact():
    X = np.random.default_rng(0).uniform(1.0, 2.0, (200, 2))
    report = report_of(X, X[:, 0] * X[:, 1], effort=0.05)
    assert report.validation_rmse <= 10 * report.floor
    assert report.advice == ("nothing: what is left is rounding, of y and of the model's evaluation in float64",)


def test_too_few_rows_of_a_polynomial_ask_for_more_and_say_how_many():
    X, y = waves(300)
    report = report_of(X, y, method="polynomial", effort=0.05)
    assert report.terms.between_rows > report.terms.at_rows
    first = report.advice[0]
    assert first.startswith("more rows")
    number = int(first.split("about ")[1].split(" rows")[0].replace(",", ""))
    assert 300 < number < 30_000
    more, y_more = waves(number)
    assert report_of(more, y_more, method="polynomial", effort=0.2).validation_rmse < report.validation_rmse


def test_an_estimate_is_not_made_where_the_time_is_up():
    X, y = runge(300, d=2)
    report = report_of(X, y, method="network", time_limit=0.0)
    assert report.advice
    assert not any("about" in sentence for sentence in report.advice)


def test_a_tolerance_that_was_reached_is_what_ended_the_fit():
    X, y = waves(500)
    report = report_of(X, y, tolerance=1e-2, effort=0.05)
    assert report.advice == ("a smaller tolerance: the fit ended when the one given was reached",)


def test_the_path_tells_of_data_and_families_in_order():
    X, y = runge(200, d=2)
    path = report_of(X, np.maximum(y, 0.3), effort=0.02).path
    assert "200 rows, 2 inputs, 1 output, scattered; columns of y keep their sign" in path[0]
    assert "polynomials come to" in path[1]
    assert any("networks" in sentence for sentence in path[2:])


def test_residuals_and_history_lead_to_the_errors_reported():
    X, y = runge(1000)
    report = report_of(X, y, method="polynomial", effort=0.05)
    residuals = np.array(report.residuals)
    assert residuals.shape == (150, 3)
    assert np.sqrt(np.mean(residuals[:, 2] ** 2)) == pytest.approx(report.validation_rmse, rel=0.05)
    errors = [rmse for _, rmse, _ in report.history]
    assert errors[-1] <= errors[0]
    assert report.box == ((X.min(), X.max()),)


def test_columns_of_few_values_and_repeated_rows_are_warned_about():
    X = np.random.default_rng(0).uniform(1.0, 2.0, (200, 2))
    X[:, 1] = np.round(X[:, 1] * 4) / 4
    X = np.concatenate([X, X[:7]])
    with pytest.warns(pml.FitWarning) as caught:
        report = report_of(X, X[:, 0] + X[:, 1], effort=0.02, input_names=["t", "p"])
    assert "7 rows repeat others" in report.warnings[0]
    assert "columns of X take few values, p (5)" in report.warnings[1]
    assert len(caught) == 2


def test_a_sine_of_y_in_another_unit_is_not_looked_for_again_in_radians():
    """Of 40 rows of a Lennard-Jones cluster the best polynomial was of sin(y / 7.3), and fit ended in a ValueError."""
    x = np.linspace(-1.0, 1.0, 30)
    samples = as_samples(x, 3.0 * np.arcsin(0.9 * x))
    model = pml.Transformed(pml.Polynomial([[1]], [0.9]), ["identity"], ["sine"], output_scales=[3.0])
    found = SimpleNamespace(measured=None, model=model, errors=SimpleNamespace(rmse=1e-3))
    outcome = SimpleNamespace(found=found, train=samples, held_out=samples)
    assert _fall_with_rows(outcome, np.random.default_rng(0), 0.01, 1.0) is None
