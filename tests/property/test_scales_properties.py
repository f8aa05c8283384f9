"""Columns of X and y of any size that float64 has are fitted as well as those of size 1, and without a warning."""

import functools
import json
import warnings

import numpy as np
import pytest

import pml_native as pml
from pml_native.fit import FitWarning

# Scales of the two columns of X and of y: the ends of float64 against each other and together.
SCALES = [(1e-300, 1e300, 1e-300), (1e300, 1e-300, 1e300), (1e300, 1e300, 1e307), (1e-300, 1e-300, 1e300)]
FAMILIES = ("polynomial", "rational", "separable", "network", "random_features", "rbf", "simplex")
EFFORT = 2e-5

UNIT = np.random.default_rng(0).uniform(0.0, 1.0, (60, 2))
UNIT[3] = 0.0


def planck(u):
    """In (0.4, 1), with a symmetry and a quotient."""
    x = 1.0 + u
    return x[:, 0] ** 3 / (np.exp(x[:, 0] / x[:, 1]) - 1.0) / 6.0


def with_zeros(u):
    """Of both signs, and 0 at a row."""
    return u[:, 0] * (u[:, 1] - 0.5)


def fitted(X, y, **options):
    """The model, if neither it nor what it is asked for makes a warning of NumPy."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", FitWarning)
        model = pml.fit(X, y, effort=EFFORT, time_limit=None, progress=False, **options)
        model(X), model.gradient(X), model.inside(X), str(model.report)
        if model.estimate is not None:
            model.error_estimate(X)
        json.loads(model.report.to_json())
    return model


@functools.cache
def usual_error(method, function):
    y = function(UNIT)
    return np.max(np.abs(fitted(1.0 + UNIT, y, method=method)(1.0 + UNIT) - y))


@pytest.mark.parametrize(("function", "scales"), list(zip(2 * [planck, with_zeros], SCALES, strict=True)))
@pytest.mark.parametrize("method", ["auto", *FAMILIES])
def test_no_size_of_a_column_matters(method, function, scales):
    X, y = (1.0 + UNIT) * scales[:2], function(UNIT)
    error = np.max(np.abs(fitted(X, y * scales[2], method=method)(X) / scales[2] - y))
    assert error < max(3.0 * usual_error(method, function), 1e-13)


@pytest.mark.parametrize("method", ["auto", "polynomial", "rational", "network", "rbf"])
def test_nor_does_one_far_from_0(method):
    """A column of 1e8 + u knows u to 1e-8."""
    y = with_zeros(UNIT)
    usual = np.max(np.abs(fitted(UNIT, y, method=method)(UNIT) - y))
    for scale in (1e-300, 1e290):
        X = (1e8 + UNIT) * scale
        error = np.max(np.abs(fitted(X, y * scale, method=method)(X) / scale - y))
        assert error < max(3.0 * usual, 1e-6), scale


@pytest.mark.parametrize("method", ["auto", "spline"])
def test_nor_do_those_of_a_grid(method):
    u = np.stack(np.meshgrid(np.linspace(0.0, 1.0, 8), np.linspace(0.0, 1.0, 7)), axis=-1).reshape(-1, 2)
    y = np.exp(u[:, 0]) * (u[:, 1] - 0.5)
    usual = np.max(np.abs(fitted(u, y, method=method)(u) - y))
    for *scales, scale in SCALES:
        error = np.max(np.abs(fitted(u * scales, y * scale, method=method)(u * scales) / scale - y))
        assert error < max(3.0 * usual, 1e-13), (scales, scale)


@pytest.mark.parametrize("method", ["auto", "polynomial", "separable"])
def test_nor_where_errors_are_relative(method):
    y = np.exp(-20.0 * UNIT[:, 0]) * (1.0 + UNIT[:, 1])
    for *scales, scale in ((1.0, 1.0, 1.0), (1e-300, 1e300, 1e-295), (1e300, 1e-300, 1e300)):
        X = (1.0 + UNIT) * scales
        model = fitted(X, y * scale, method=method, error="relative")
        assert np.median(np.abs(model(X) / (y * scale) - 1.0)) < 0.5, (scales, scale)


def test_outputs_of_both_ends_are_fitted_together():
    y = np.stack([planck(UNIT), with_zeros(UNIT)], axis=1)
    usual = np.max(np.abs(fitted(1.0 + UNIT, y)(1.0 + UNIT) - y))
    for scales in ((1e-300, 1e300), (1e300, 1e-300)):
        error = np.max(np.abs(fitted(1.0 + UNIT, y * scales)(1.0 + UNIT) / scales - y))
        assert error < max(3.0 * usual, 1e-13), scales


@pytest.mark.parametrize("scales", SCALES)
def test_a_kink_is_found_in_columns_of_any_size(scales):
    u = np.random.default_rng(0).uniform(0.0, 1.0, (300, 2))
    y = np.abs(u[:, 0] - 0.5) + u[:, 1]
    model = fitted((1.0 + u) * scales[:2], y * scales[2] / 10.0, method="polynomial")
    place = f"split at x0 = {1.5 * scales[0]:.2g}"
    assert any(place in sentence and "kink" in sentence for sentence in model.report.advice)
