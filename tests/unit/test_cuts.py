"""Where the law of a table of one column changes: found, placed, and not seen where it only bends sharply."""

import numpy as np
import pytest
from numpy.polynomial import Chebyshev

from pml_native.fitting.cuts import _derivatives, _Line, cuts_of, work_of
from pml_native.search.search import CALL

PLACE = 0.1234567


def rows(n=200, seed=0):
    return np.sort(np.random.default_rng(seed).uniform(-1.0, 1.0, n))


def broken(x, order, size=0.7):
    return np.exp(0.5 * x) * np.cos(2.0 * x) + size * (x > PLACE) * (x - PLACE) ** order


STEEP = {
    "a front": lambda x: np.tanh(50.0 * (x - 0.1)),
    "a peak": lambda x: np.cos(x) + np.exp(-(((x - 0.1) / 0.03) ** 2)),
    "a narrow Lorentzian": lambda x: np.sin(x) + 1e-4 / ((x - 0.2) ** 2 + 0.02**2),
    "a pole nearby": lambda x: 1.0 / (x - 1.001),
    "Runge's function": lambda x: 1.0 / (1.0 + 25.0 * x**2),
    "a wave": lambda x: np.sin(60.0 * x + 1.0),
    "a root at the end": lambda x: np.cos(x) + np.sqrt(x + 1.0),
    "a line": lambda x: 2.0 * x,
}


@pytest.mark.parametrize(("order", "within"), [(1, 1e-10), (2, 1e-8), (3, 1e-7), (4, 1e-5)])
def test_continuous_breaks_are_placed_far_better_than_rows_are_apart(order, within):
    for seed in range(3):
        x = rows(seed=seed)
        [cut] = cuts_of(x, broken(x, order))
        assert cut.order == order
        assert abs(cut.place - PLACE) < within
        assert cut.low <= cut.place <= cut.high


@pytest.mark.parametrize(
    ("seed", "w", "slope", "place", "size"),
    [(36, 3.594, -0.676, -0.31161, 1.617), (42, 5.859, 0.0015, 0.24872, 1.161), (9, 2.487, 0.439, 0.40817, -1.445)],
    ids=["a row alone beside a gap", "wide parts without a start", "laws of many terms"],
)
def test_a_break_of_the_fourth_derivative_is_found_and_told_from_others(seed, w, slope, place, size):
    x = rows(seed=seed)
    law = 1.0 / (1.0 + w * x**2) + slope * x
    [cut] = cuts_of(x, law + size * (x > place) * (x - place) ** 4 * np.exp(0.5 * (x - place)))
    assert cut.order == 4
    assert abs(cut.place - place) < 1e-5
    assert cut.low <= place <= cut.high


def test_a_jump_is_known_to_the_gap_between_two_rows():
    x = rows()
    [cut] = cuts_of(x, broken(x, 0))
    k = np.searchsorted(x, PLACE)
    assert (cut.low, cut.high, cut.order) == (x[k - 1], x[k], 0)
    assert cut.place == pytest.approx(0.5 * (x[k - 1] + x[k]), rel=1e-15)


@pytest.mark.parametrize("kind", STEEP)
def test_what_bends_sharply_but_smoothly_is_not_cut(kind):
    for n in (60, 200, 450):
        x = rows(n)
        assert cuts_of(x, STEEP[kind](x)) == []


def test_several_breaks_are_found_in_order():
    x = rows(300)
    y = np.where(x < -0.5, np.exp(x), np.where(x < 0.4, 1.0 + x, 1.4 - (x - 0.4)))
    first, second = cuts_of(x, y)
    assert first.order == 0
    assert abs(first.place + 0.5) < 0.02
    assert second.order == 1
    assert abs(second.place - 0.4) < 1e-12


def test_order_of_rows_and_units_change_nothing_but_the_units():
    x = rows()
    y = broken(x, 1)
    [plain] = cuts_of(x, y)
    shuffled = np.random.default_rng(1).permutation(len(x))
    assert cuts_of(x[shuffled], y[shuffled]) == [plain]
    [scaled] = cuts_of(np.ldexp(x, 900), np.ldexp(y, -900))
    assert scaled.place == np.ldexp(plain.place, 900)
    assert scaled.order == plain.order


def test_of_many_rows_every_second_or_eighth_shows_what_all_hide():
    x = rows(30_000)
    [cut] = cuts_of(x, broken(x, 3))
    assert cut.order == 3
    assert abs(cut.place - PLACE) < 1e-6
    [jump] = cuts_of(x, broken(x, 0))
    k = np.searchsorted(x, PLACE)
    assert (jump.low, jump.high) == (x[k - 1], x[k])


def test_digits_of_y_are_taken_for_what_they_are():
    x = rows(400)
    [cut] = cuts_of(x, np.round(broken(x, 1), 8))
    assert cut.order == 1
    assert abs(cut.place - PLACE) < 1e-6
    for kind in STEEP:
        assert cuts_of(x, np.round(STEEP[kind](x), 6)) == []


def test_rows_that_are_too_few_or_equal_or_noise_have_no_cuts():
    for n in (1, 2, 10, 21):
        assert cuts_of(np.arange(float(n)), np.arange(float(n)) ** 2) == []
    assert cuts_of(np.ones(30), np.ones(30)) == []
    assert cuts_of(rows(), np.zeros(200)) == []
    assert cuts_of(rows(), np.random.default_rng(0).normal(size=200)) == []
    assert 20.0 * CALL < work_of(100) < work_of(10_000) == work_of(10**6)


def test_residuals_of_all_windows_are_those_of_one_polynomial_after_the_other():
    x = rows(80)
    y = np.exp(3.0 * x)
    line = _Line(x, y, np.full(80, 1e-16))
    starts = np.array([0, 7, 66])
    residuals, floors = line._residuals(starts, 14, [5, 7])
    for k, start in enumerate(starts):
        some = slice(start, start + 14)
        for j, degree in enumerate((5, 7)):
            left = y[some] - Chebyshev.fit(x[some], y[some], degree)(x[some])
            wanted = np.sqrt(np.sum(left**2) / (14 - degree - 1))
            assert residuals[j, k] == pytest.approx(wanted, rel=1e-6, abs=1e-15)
    assert np.all(floors > 1e-16)


def test_derivatives_of_chebyshev_polynomials_are_those_of_numpy():
    slope, z = 0.7, 1.02
    found = _derivatives(z, slope, 6, 3)
    for j in range(7):
        series = Chebyshev.basis(j)
        for k in range(4):
            wanted = (series.deriv(k) if k else series)(z) * slope**k
            assert found[k, j] == pytest.approx(wanted, rel=1e-12, abs=1e-12)
