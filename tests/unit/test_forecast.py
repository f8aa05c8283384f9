"""Forecasts: as many points as it then really takes, or the reason why that can't be told."""

import numpy as np
import pytest
from scipy.interpolate import LinearNDInterpolator

import pml_native as pml
from pml_native import models
from pml_native.problems import FunctionProblem, equations
from pml_native.scaling import forecast, measure

needs_splines = pytest.mark.skipif(not hasattr(models, "SplineInterpolator"), reason="splines are not there yet")
KINK = FunctionProblem("kink", "|x - 0.3|", ((-1.0, 1.0),), lambda X: np.abs(X[:, 0] - 0.3))
POLE = FunctionProblem("pole", "1/x", ((-1.0, 1.0),), lambda X: 1.0 / (X[:, 0] + 1e-9))


def actual(problem, family, n_points, **options):
    """The mean logarithm of the errors that `n_points` really give."""
    errors = [measure(problem, family, n_points, seed=seed, n_test=5000, **options)["rmse"] for seed in range(6)]
    return np.exp(np.mean(np.log(errors)))


@pytest.mark.parametrize("name", ["Z.001", "Z.002", "Z.003", "I.6.2a", "Z.009"])
@pytest.mark.parametrize("tolerance", [1e-4, 1e-5])
def test_simplices_in_one_dimension_reach_the_tolerance_with_the_points_foretold(name, tolerance):
    result = forecast(*equations[name].sample(600, 1), tolerance)
    assert result.reason is None
    assert result.promised == -2.0
    assert result.interval[0] <= result.n_points <= result.interval[1]
    # A factor 1.5 in the number of points is one of 1.5^2 in the error.
    assert tolerance / 1.5**2 < actual(name, "simplex", result.n_points) < tolerance * 1.5**2


def test_a_model_of_ones_own_in_two_dimensions():
    X, y = equations["Z.008"].sample(500, 0)
    result = forecast(X, y, 3e-4, method=LinearNDInterpolator)
    assert result.method == "LinearNDInterpolator"
    assert result.promised is None
    assert result.n_points == pytest.approx(1090, rel=0.5)  # where SciPy's interpolation of uniform points is as exact


@needs_splines
@pytest.mark.parametrize("name", ["Z.002", "I.6.2a", "I.25.13"])
def test_splines_reach_the_tolerance_with_the_points_foretold(name):
    n, tolerance = (60, 1e-7) if equations[name].n_inputs == 1 else (3000, 1e-6)
    result = forecast(*equations[name].sample(n, sampler="grid"), tolerance, method="spline")
    assert result.reason is None
    factor = 1.5 ** (4 / equations[name].n_inputs)
    assert tolerance / factor < actual(name, "spline", result.n_points) < tolerance * factor


@pytest.mark.parametrize("problem", [KINK, POLE])
@pytest.mark.parametrize("method", ["simplex", pytest.param("spline", marks=needs_splines)])
def test_a_singularity_is_a_reason(problem, method):
    result = forecast(*problem.sample(400, 0, "grid" if method == "spline" else "uniform"), 1e-7, method=method)
    assert result.n_points is None
    assert result.interval is None
    assert f"no forecast of {method} for a relative RMSE of 1e-07: the" in str(result)


def test_noise_is_a_reason():
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 6, 2000)
    result = forecast(x, np.sin(x) + 1e-4 * rng.normal(size=2000), 1e-6)
    assert result.n_points is None
    assert "noise" in result.reason


def test_few_rows_are_a_reason():
    assert "sizes only" in forecast([0.0, 1.0, 2.0], [0.0, 1.0, 4.0], 1e-3).reason


def test_what_the_smallest_part_reaches_needs_no_more():
    x = np.linspace(0, 1, 2000)
    result = forecast(x, 3.0 * x + 1.0, 1e-9)
    assert result.n_points == result.interval[1] <= 32


def test_the_same_seed_gives_the_same_forecast():
    X, y = equations["Z.002"].sample(500, 1)
    assert str(forecast(X, y, 1e-6)) == str(forecast(X, y, 1e-6, random_state=np.random.default_rng(0)))
    assert str(forecast(X, y, 1e-6)).startswith("simplex: ")


def test_wrong_input_is_answered_with_what_is_wanted():
    X, y = equations["Z.008"].sample(50, 0)
    with pytest.raises(ValueError, match="tolerance: expected a number between 0 and 1"):
        forecast(X, y, 0.0)
    with pytest.raises(ValueError, match="expected the points of a full grid"):
        forecast(X, y, 1e-3, method="spline")
    with pytest.raises(ValueError, match="method: expected simplex, spline or a function"):
        pml.scaling.forecast(X, y, 1e-3, method="network")
