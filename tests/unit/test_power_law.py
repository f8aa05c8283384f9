"""Power laws: what is a law, what is left out, and what bends. Sizes are powers of 2."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import linregress, t

from pml_native.scaling import fit_power_law

SIZES = 2.0 ** np.arange(6, 18)
QUICK = settings(max_examples=60, deadline=None)


def noise(seed, size=0.1):
    return np.exp(size * np.random.default_rng(seed).normal(size=len(SIZES)))


def test_the_line_is_that_of_linear_regression():
    errors = 3.0 * SIZES**-0.5 * noise(1)
    law, expected = fit_power_law(SIZES, errors), linregress(np.log(SIZES), np.log(errors))
    half = t.ppf(0.975, len(SIZES) - 2) * expected.stderr
    np.testing.assert_allclose(law.exponent, expected.slope)
    np.testing.assert_allclose(law.interval, (expected.slope - half, expected.slope + half))
    np.testing.assert_allclose(law.prefactor, math.exp(expected.intercept))
    np.testing.assert_allclose(law.r2, expected.rvalue**2)
    np.testing.assert_allclose(law(100.0), math.exp(expected.intercept) * 100.0**expected.slope)
    assert law.range_used == pytest.approx((SIZES[0], SIZES[-1]))


def test_intervals_hold_the_truth_as_often_as_they_say_and_floors_are_not_imagined():
    laws = [fit_power_law(SIZES, SIZES**-0.4 * noise(seed)) for seed in range(300)]
    assert 0.91 <= np.mean([law.interval[0] <= -0.4 <= law.interval[1] for law in laws]) <= 0.98
    assert not any(law.bends or law.floor for law in laws)
    reached = [law.size_for(1e-4)[1] <= 1e4 ** (1 / 0.4) <= law.size_for(1e-4)[2] for law in laws]
    assert np.mean(reached) >= 0.93


@pytest.mark.parametrize("size", [0.0, 0.3])
def test_a_zigzag_is_no_bend(size):
    law = fit_power_law(SIZES, SIZES**-1.0 * np.exp(size * (-1) ** np.arange(len(SIZES))))
    assert not law.bends
    assert law.floor is None
    assert law.n_left_out == (0, 0)
    assert law.interval[0] <= -1.0 <= law.interval[1] or size == 0.0
    assert law.exponent == pytest.approx(-1.0, abs=0.05)


def test_a_floor_of_rounding_is_left_out():
    law = fit_power_law(SIZES, np.maximum(1e4 * SIZES**-4.0, 1e-15 * noise(2, 0.5)))
    assert law.exponent == pytest.approx(-4.0, abs=0.01)
    assert 2e-16 < law.floor < 4e-15
    assert law.n_left_out[1] >= 2


def test_a_floor_that_rises_is_one():
    assert fit_power_law(SIZES, np.maximum(1e4 * SIZES**-4.0, 1e-16 * SIZES**0.3)).floor < 1e-14


def test_a_soft_floor_is_left_out_with_its_surroundings():
    law = fit_power_law(SIZES, np.hypot(1.0 / SIZES, 1e-4))
    assert law.exponent == pytest.approx(-1.0, abs=0.01)
    assert law.floor == pytest.approx(1e-4, rel=0.1)
    assert "floor of 0.00011" in law.message


@pytest.mark.parametrize("errors", [1 / (1 + (SIZES / 300) ** 2), np.minimum(1, (SIZES / 300) ** -2.0)])
def test_the_beginning_is_left_out(errors):
    law = fit_power_law(SIZES, errors)
    assert not law.bends
    assert law.exponent == pytest.approx(-2.0, abs=0.03)
    assert law.n_left_out[0] >= 2
    assert "at the beginning left out" in law.message


def test_what_is_no_power_law_bends():
    law = fit_power_law(SIZES[:8], np.exp(-(SIZES[:8] ** 0.35)))
    assert law.bends
    assert "the law bends" in law.message
    law = fit_power_law(SIZES, np.maximum(np.exp(-(SIZES**0.5)), 1e-15 * noise(3, 0.3)))
    assert law.bends
    assert law.floor < 1e-14


@QUICK
@given(
    exponent=st.floats(-6.0, -0.1),
    prefactor=st.floats(1e-6, 1e6),
    seed=st.integers(0, 1000),
    size_unit=st.floats(1e-3, 1e3),
    error_unit=st.floats(1e-3, 1e3),
)
def test_units_and_order_make_no_difference(exponent, prefactor, seed, size_unit, error_unit):
    errors = prefactor * SIZES**exponent * noise(seed)
    law = fit_power_law(SIZES, errors)
    order = np.random.default_rng(seed).permutation(len(SIZES))
    other = fit_power_law(size_unit * SIZES[order], error_unit * errors[order])
    assert other.n_left_out == law.n_left_out
    assert other.exponent == pytest.approx(law.exponent, rel=1e-9)
    assert other(size_unit * 50.0) == pytest.approx(error_unit * law(50.0), rel=1e-9)
    middle, low, high = law.size_for(error_unit)
    assert low <= middle <= high
    assert law(middle) == pytest.approx(error_unit, rel=1e-9)


@QUICK
@given(seed=st.integers(0, 1000), n_seeds=st.integers(2, 4))
def test_several_seeds_are_averaged_in_logarithms(seed, n_seeds):
    errors = np.array([SIZES**-1.0 * noise(1000 * seed + k) for k in range(n_seeds)])
    law = fit_power_law(np.tile(SIZES, n_seeds), errors.ravel())
    mean = fit_power_law(SIZES, np.exp(np.mean(np.log(errors), axis=0)))
    assert law.exponent == pytest.approx(mean.exponent, rel=1e-9)
    assert law.interval == pytest.approx(mean.interval, rel=1e-6)


def test_wrong_input_is_answered_with_what_is_wanted():
    with pytest.raises(ValueError, match="sizes: expected at least 3 different ones, got 2"):
        fit_power_law([1, 2, 2], [1, 1, 1])
    with pytest.raises(ValueError, match="errors: expected positive finite numbers, got 0"):
        fit_power_law([1, 2, 3], [1, 0, 1])
    with pytest.raises(ValueError, match="errors: expected positive finite numbers, got nan"):
        fit_power_law([1, 2, 3], [1, np.nan, 1])
    with pytest.raises(ValueError, match="errors: expected 3, as many as sizes, got 2"):
        fit_power_law([1, 2, 3], [1, 1])
    with pytest.raises(ValueError, match="error: expected a number > 0"):
        fit_power_law([1, 2, 3], [3, 2, 1]).size_for(0.0)
