"""The runs that the library brings for sweeps: families on problems."""

import numpy as np
import pytest

from pml_native.scaling import FAMILIES, measure


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_is_measured_on_points_it_has_not_seen(family):
    options = {"steps": 50} if family in ("network", "modular") else {}
    row = measure("I.10.7", family, 200, n_test=500, **options)
    assert 0 < row["rmse"] <= row["max"]
    assert row["p95"] <= row["max"]
    assert row["rmse_absolute"] > 0
    assert row == measure("I.10.7", family, 200, n_test=500, **options)


def test_errors_are_of_the_test_box_or_of_everywhere():
    box, everywhere = (measure("exp(x)", "spline", 20, degree=3, test=test) for test in ("box", "arcsine"))
    # The cells at the ends have the largest errors.
    assert box["max"] < everywhere["max"]
    with pytest.raises(ValueError, match=r"sampler: expected one of .*, got 'edges'"):
        measure("exp(x)", "spline", 20, test="edges")


def test_a_tricubic_meets_a_cubic_polynomial_inside():
    assert measure("legendre:1-1-1", "tricubic", 1000)["max"] < 1e-14
    with pytest.raises(ValueError, match="3"):
        measure("exp(x)", "tricubic", 20)


def test_splines_fall_to_the_rounding_of_float64():
    assert measure("exp(x)", "spline", 400, degree=7, test="arcsine")["rmse"] < 1e-15
    np.testing.assert_array_less(measure("exp(xy)", "spline", 100**2, degree=5)["rmse"], 1e-13)
