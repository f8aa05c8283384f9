"""RBF: values against SciPy's, nearest points, wrong input."""

import numpy as np
import pytest
from scipy.interpolate import RBFInterpolator

import pml_native as pml
from pml_native.models import rbf
from pml_native.models.rbf import KERNELS

RNG = np.random.default_rng(0)
X = RNG.uniform(1.0, 5.0, size=(200, 2))
Y = np.column_stack([X[:, 0] * np.exp(-X[:, 1]), np.sin(X[:, 0])])
X_NEW = RNG.uniform(1.2, 4.8, size=(50, 2))


@pytest.mark.parametrize("neighbors", [None, 30])
@pytest.mark.parametrize("kernel", KERNELS)
def test_values_are_those_of_scipy(kernel, neighbors):
    model = pml.RBF(X, Y, kernel=kernel, epsilon=6.0, neighbors=neighbors)
    z = model.inputs.apply
    degree = max(KERNELS[kernel].degree, 0)
    scipy = RBFInterpolator(z(X), Y, kernel=kernel, epsilon=6.0, neighbors=neighbors, degree=degree)
    # Both are solutions of one system, of a condition number up to 1e9.
    np.testing.assert_allclose(model(X_NEW), scipy(z(X_NEW)), atol=1e-7)


def test_it_goes_through_its_points_where_the_gradient_is_finite():
    for kernel in KERNELS:
        model = pml.RBF(X, Y[:, 0], kernel=kernel, epsilon=6.0)
        np.testing.assert_allclose(model(X), Y[:, 0], atol=1e-8)
        assert np.isfinite(model.gradient(X)).all()


def test_the_kernel_is_chosen_and_scales_do_not_matter():
    model = pml.fit_rbf(X * 1e-150 + 1e-149, Y[:, 0] * 1e200, time_limit=2.0)
    error = model(X_NEW * 1e-150 + 1e-149) / 1e200 - X_NEW[:, 0] * np.exp(-X_NEW[:, 1])
    assert np.sqrt(np.mean(error**2)) < 1e-3
    assert pml.fit_rbf(X, Y, kernel="quintic").kernel == "quintic"
    assert pml.fit_rbf(X, Y, kernel="gaussian", epsilon=5.0).epsilon == pytest.approx(5.0)


def test_the_nearest_points_are_taken_where_all_would_be_too_many(monkeypatch):
    monkeypatch.setattr(rbf, "TRIAL_POINTS", 50)
    monkeypatch.setattr(rbf, "available_memory", lambda: 1000)
    model = pml.fit_rbf(X, Y, kernel="cubic")
    assert "the 80 nearest of 170 points" in repr(model)
    assert "all of 200 points" in repr(pml.RBF(X, Y))
    monkeypatch.setattr("pml_native.memory.available_memory", lambda: 1000)
    with pytest.raises(MemoryError, match="RBF: a system of 200 points needs 1 MiB"):
        pml.RBF(X, Y)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kernel": "cubical"}, "kernel: expected one of linear, thin_plate_spline"),
        ({"epsilon": 0.0}, "epsilon: expected a number > 0, got 0.0"),
        ({"neighbors": 2}, "neighbors: expected at least 3 for cubic and 2 columns, got 2"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        pml.RBF(X, Y, **options)


def test_points_that_are_there_twice_are_refused():
    with pytest.raises(ValueError, match="expected points that the system of cubic can tell apart"):
        pml.RBF(np.zeros((5, 1)), np.zeros(5), kernel="cubic")
