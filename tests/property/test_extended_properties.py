"""What holds for every double-double: sums and residuals to their bounds, threads and rows change nothing."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from property.problems import ACTIVATIONS

from pml_native import MLP, Normalization, _core

QUICK = settings(max_examples=60, deadline=None)
UNIT = Fraction(1, 2**53)

# Exponents so that no product leaves the range in which its rounding error is a double, too.
doubles = st.builds(
    lambda mantissa, exponent: float(mantissa) * 2.0**exponent, st.integers(-(2**53), 2**53), st.integers(-200, 200)
)


@st.composite
def double_doubles(draw):
    """high + low with high = round(high + low); low as small as it likes."""
    high = draw(doubles)
    low = high * 2.0**-53 * draw(st.floats(-0.5, 0.5)) * draw(st.sampled_from([0.0, 1.0, 2.0**-30]))
    return high, low


def one(value):
    return np.array([value])


def accumulate(a, factor, b):
    high, low = _core.extended_accumulate(one(a[0]), one(a[1]), factor, one(b[0]), one(b[1]))
    return high[0], low[0]


def fraction(pair):
    return Fraction(pair[0]) + Fraction(pair[1])


@given(doubles, doubles)
def test_the_sum_of_two_doubles_is_exact(a, b):
    assert fraction(accumulate((a, 0.0), 1.0, (b, 0.0))) == Fraction(a) + Fraction(b)


@given(doubles, doubles)
def test_the_product_of_two_doubles_is_exact(a, b):
    assert fraction(accumulate((0.0, 0.0), a, (b, 0.0))) == Fraction(a) * Fraction(b)


@given(double_doubles(), doubles, double_doubles())
def test_accumulating_is_right_to_its_bound_and_normalised(a, factor, b):
    got = accumulate(a, factor, b)
    assert got[0] + got[1] == got[0]
    term = Fraction(factor) * fraction(b)
    assert abs(fraction(got) - (fraction(a) + term)) <= 4 * UNIT**2 * (abs(fraction(a)) + abs(term))


@given(double_doubles(), double_doubles())
def test_subtracting_what_was_added_leaves_the_rounding_of_the_larger(a, b):
    back = accumulate(accumulate(a, 1.0, b), -1.0, b)
    assert abs(fraction(back) - fraction(a)) <= 8 * UNIT**2 * (abs(fraction(a)) + 2 * abs(fraction(b)))


@settings(max_examples=400, deadline=None)
@given(doubles, double_doubles(), st.booleans())
def test_a_residual_is_rounded_once(y, value, near):
    if near:  # as residuals of a fit are: the leading digits cancel
        y = value[0] * (1 + y % 2.0**-50)
    exact = Fraction(y) - fraction(value)
    assert _core.extended_residual(one(y), one(value[0]), one(value[1]))[0] == float(exact)


def test_a_residual_next_to_a_tie_is_rounded_by_the_smallest_part():
    # 1 + 2^-53 is half way between two doubles; a third part decides, however small.
    for tail, wanted in ((2.0**-120, 1 + 2.0**-52), (-(2.0**-120), 1.0), (0.0, 1.0)):
        got = _core.extended_residual(one(1.0), one(-(2.0**-53)), one(-tail))[0]
        assert got == wanted


def test_values_beyond_the_range_give_what_float64_gives():
    for a, factor, b in ((np.inf, 1.0, 1.0), (1.0, np.inf, 0.0), (np.nan, 1.0, 1.0), (1e308, 10.0, 1e308)):
        high, low = accumulate((a, 0.0), factor, (b, 0.0))
        with np.errstate(all="ignore"):
            np.testing.assert_equal(high, np.float64(a) + np.float64(factor) * np.float64(b))
        assert low == 0.0
    residuals = _core.extended_residual(np.array([np.inf, 1.0, np.nan]), np.array([1.0, np.inf, 1.0]), np.zeros(3))
    np.testing.assert_array_equal(residuals, [np.inf, -np.inf, np.nan])


@QUICK
@given(st.lists(st.integers(1, 24), min_size=2, max_size=4), st.sampled_from(ACTIVATIONS), st.data())
def test_threads_and_rows_change_nothing_and_high_is_forward_to_rounding(isa, widths, activation, data):
    n = data.draw(st.sampled_from([0, 1, 5, 13, 40, 41, 481, 961]))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    mlp = MLP(tuple(widths), activation)
    params = mlp.initialize(rng)
    X = rng.uniform(-1, 1, (n, widths[0]))
    X_low = X * 2.0**-54 * rng.uniform(-1, 1, X.shape)
    alone = mlp.forward_extended(params, X, X_low=X_low, n_threads=1)
    for n_threads in (2, 3):
        again = mlp.forward_extended(params, X, X_low=X_low, n_threads=n_threads)
        assert b"".join(a.tobytes() for a in again) == b"".join(a.tobytes() for a in alone)
    high, low = alone
    assert high.shape == low.shape == (n, widths[-1])
    np.testing.assert_array_equal(high + low, high)
    if n:
        row = n // 2
        single = mlp.forward_extended(params, X[row : row + 1], X_low=X_low[row : row + 1])
        assert (single[0].tobytes(), single[1].tobytes()) == (high[row].tobytes(), low[row].tobytes())
    # Sums of size 1 in forward, and slopes up to 3 of a layer: see the oracle tests for sharper bounds.
    scale = 1 + np.max(np.abs(high), initial=0)
    tolerance = np.finfo(np.float64).eps * sum(w + 8 for w in widths) * scale
    assert np.max(np.abs(mlp.forward(params, X) - high), initial=0) <= tolerance


@given(doubles, st.floats(1e-3, 1e3), st.integers(-100, 100), doubles)
def test_a_column_comes_back_from_its_normalisation(v, scale, exponent, shift):
    shift = shift * 2.0**-exponent if abs(v) > 1 else 0.0
    assume(abs(shift) < 1e100)
    column = Normalization(np.array([exponent], dtype=np.intc), one(shift), one(scale))
    high, low = column.invert_extended(*column.apply_extended(np.array([[v]])))
    error = abs(fraction((high[0, 0], low[0, 0])) - Fraction(v))
    assert error <= 16 * UNIT**2 * (abs(Fraction(v)) + 2 * abs(Fraction(shift)) * Fraction(2) ** exponent)


ONES = np.ones((4, 2))
ROW = np.ones(2)
EXPONENT = np.zeros(2, dtype=np.intc)
WRONG_SHAPES = {
    "low inputs of a network": (
        lambda: MLP((2, 1)).forward_extended(np.zeros(3), ONES, X_low=ONES[:3]),
        "X_low: expected (4, 2), got (3, 2)",
    ),
    "low arguments": (
        lambda: _core.extended_activation_value("tanh", np.zeros(3), np.zeros(2)),
        "z_low: expected (3,), got (2,)",
    ),
    "values as a vector": (
        lambda: _core.extended_normalize(ROW, EXPONENT, ROW, ROW),
        "values: expected (n, k), got (2,)",
    ),
    "exponents": (
        lambda: _core.extended_normalize(ONES, EXPONENT[:1], ROW, ROW),
        "exponent: expected (2,), got (1,)",
    ),
    "shifts": (lambda: _core.extended_normalize(ONES, EXPONENT, ROW[:1], ROW), "shift: expected (2,), got (1,)"),
    "low parts": (
        lambda: _core.extended_invert(ONES, ONES[:, :1].copy(), EXPONENT, ROW, ROW),
        "low: expected (4, 2), got (4, 1)",
    ),
    "terms": (lambda: _core.extended_accumulate(ROW, ROW, 1.0, ROW, ROW[:1]), "b_low: expected (2,), got (1,)"),
    "residuals": (lambda: _core.extended_residual(ROW, ROW, ONES), "low: expected (2,), got (4, 2)"),
}


@pytest.mark.parametrize("mistake", WRONG_SHAPES)
def test_wrong_shapes_raise_an_error_that_says_expected_and_got(mistake):
    call, message = WRONG_SHAPES[mistake]
    with pytest.raises(ValueError, match=re.escape(message)):
        call()
