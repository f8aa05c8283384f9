"""Radial functions that meet values and slopes."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.models import HermiteRBF
from pml_native.models.hermite import SLOPES
from pml_native.models.rbf import KERNELS
from pml_native.search.hermite import slopes_of


def box(n, d, seed=0):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, (n, d))


def hill(X):
    x, y = X.T
    value = np.exp(-(x**2) - 0.5 * y) * np.sin(2 * y + x)
    wave = np.exp(-(x**2) - 0.5 * y) * np.cos(2 * y + x)
    return value, np.stack([wave - 2 * x * value, 2 * wave - 0.5 * value], axis=1)


@pytest.mark.parametrize("kernel", SLOPES)
def test_slopes_of_kernels_are_other_kernels_and_bend_as_they_say(kernel):
    r, h = np.linspace(0.2, 3.0, 20), 1e-5
    slope = SLOPES[kernel]
    np.testing.assert_allclose(slope.factor * KERNELS[slope.kernel].value(r), KERNELS[kernel].slope(r), rtol=1e-14)
    change = (KERNELS[kernel].slope(r + h) - KERNELS[kernel].slope(r - h)) / (2 * h)
    np.testing.assert_allclose(slope.bend(r), change / r, rtol=1e-8)


@pytest.mark.parametrize("kernel", SLOPES)
def test_values_and_slopes_are_met(kernel):
    X, places = box(40, 2), box(30, 2, 1)
    X[:10] = places[:10]
    y, slopes = hill(X)[0], hill(places)[1]
    slopes[3:7, 0], slopes[7] = np.nan, np.nan
    model = HermiteRBF(X, y, places, slopes[:, None, :], kernel=kernel, epsilon=1.5)
    np.testing.assert_allclose(model(X), y, atol=1e-9)
    is_known = np.isfinite(slopes)
    np.testing.assert_allclose(model.gradient(places)[is_known], slopes[is_known], atol=1e-8)
    assert model.n_slopes == is_known.sum() == 54


@pytest.mark.parametrize("kernel", ["gaussian", "multiquadric", "quintic"])
def test_slopes_are_what_values_side_by_side_are_in_the_limit(kernel):
    X, h = box(12, 2), 1e-4
    y, slopes = hill(X)
    model = HermiteRBF(X, y, X, slopes[:, None, :], kernel=kernel, epsilon=1.5)
    beside = np.concatenate([X, X + np.array([h, 0.0]), X + np.array([0.0, h])])
    pairs = pml.RBF(beside, np.concatenate([y, y + h * slopes[:, 0], y + h * slopes[:, 1]]), kernel=kernel, epsilon=1.5)
    new = 0.9 * box(50, 2, 1)
    np.testing.assert_allclose(model(new), pairs(new), atol=2e-3 * np.ptp(y))


def test_fit_of_radial_functions_meets_slopes():
    X, new = box(40, 2), 0.9 * box(300, 2, 1)
    y, slopes = hill(X)
    errors = [
        np.sqrt(np.mean((pml.fit(X, y, method="rbf", effort=0.01, **known)(new) - hill(new)[0]) ** 2))
        for known in ({}, {"gradients": slopes})
    ]
    assert errors[1] < 0.1 * errors[0]


def test_slopes_in_part_and_apart_from_values_are_met_by_the_search():
    X = box(60, 2)
    y, slopes = hill(X)
    y[40:], slopes[:10] = np.nan, np.nan
    slopes[10:15, 1] = np.nan
    model = pml.fit(X, y, gradients=slopes, method="rbf", effort=0.01)
    assert "by y and its derivatives" in model.report.description
    new = 0.9 * box(300, 2, 1)
    assert np.sqrt(np.mean((model(new) - hill(new)[0]) ** 2)) < 1e-4


def test_places_that_are_near_copies_count_once():
    X = box(20, 2)
    X[7] = X[3] + 1e-9
    y, slopes = hill(X)
    places, gradients = slopes_of(as_samples(X, y, gradients=slopes))
    assert len(places) == 19
    np.testing.assert_array_equal(gradients[:, 0], np.delete(slopes, 7, axis=0))


def test_outputs_of_other_slopes_have_systems_of_their_own():
    X = box(25, 2)
    y, slopes = hill(X)
    of_both = np.stack([slopes, 2 * slopes], axis=1)
    of_both[:10, 1, 0] = np.nan
    both = HermiteRBF(X, np.stack([y, 2 * y], axis=1), X, of_both, kernel="quintic")
    for k in range(2):
        alone = HermiteRBF(X, (k + 1) * y, X, of_both[:, [k]], kernel="quintic")
        np.testing.assert_allclose(both(X + 0.01)[:, k], alone(X + 0.01), atol=1e-12)


def test_what_slopes_can_not_be_is_said():
    X = box(10, 2)
    with pytest.raises(ValueError, match=r"gradients: expected \(10, 1, 2\), got \(10, 2\)"):
        HermiteRBF(X, X[:, 0], X, np.zeros((10, 2)))
    with pytest.raises(ValueError, match=r"kernel: expected one of cubic, .* got 'linear'"):
        HermiteRBF(X, X[:, 0], X, np.zeros((10, 1, 2)), kernel="linear")
