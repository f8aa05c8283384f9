"""Tables that are cut where their law changes: models of the pieces, what is said of the cuts, and given cuts."""

import numpy as np
import pandas as pd
import pytest

import pml_native as pml
from pml_native.fitting.pieces import roundest
from pml_native.models.piecewise import CUSP, UNKNOWN

OPTIONS = {"time_limit": None, "effort": 0.02, "progress": False, "n_threads": 1}


def rows(n=200, seed=0):
    return np.sort(np.random.default_rng(seed).uniform(-1.0, 1.0, n))


def kink(x):
    return np.where(x < 0.3, np.exp(x), np.exp(0.3) + np.sin(2.0 * (x - 0.3)))


def jump(x):
    return np.where(x < 0.3, np.exp(x), 0.5 * np.cos(x))


def rmse(model, value, x):
    return np.sqrt(np.mean((model(x) - value(x)) ** 2) / np.mean(value(x) ** 2))


@pytest.fixture(scope="module")
def kinked():
    return pml.fit(rows(), kink(rows()), **OPTIONS)


@pytest.fixture(scope="module")
def jumping():
    return pml.fit(rows(), jump(rows()), **OPTIONS)


def test_a_kink_costs_no_digit_and_its_pieces_meet(kinked):
    x = rows(2000, seed=1)
    assert isinstance(kinked, pml.Piecewise)
    assert rmse(kinked, kink, x) < 1e-14
    place = kinked.breaks[1]
    assert abs(place - 0.3) < 1e-12
    below, above = (piece.model([place])[0] for piece in kinked.pieces)
    assert abs(above - below) < 1e-14
    assert kinked.report.error < 1e-13
    assert kinked.orders == (1,)


def test_the_gradient_at_a_break_is_that_from_above_and_the_piece_below_has_the_other(kinked):
    place = kinked.breaks[1]
    assert kinked.gradient([place])[0, 0] == pytest.approx(2.0, abs=1e-8)
    assert kinked.pieces[0].model.gradient([place])[0, 0] == pytest.approx(np.exp(0.3), abs=1e-8)
    assert kinked.pieces[0].high == kinked.pieces[1].low == place


def test_of_a_jump_the_report_says_the_gap_and_its_error_contains_it(jumping):
    x, outside = rows(), rows(4000, seed=1)
    k = np.searchsorted(x, 0.3)
    [join] = jumping.report.joins
    assert (join.low, join.high, join.order) == (x[k - 1], x[k], 0)
    assert "where in between, no row tells" in str(jumping.report)
    assert jumping.report.advice[0].startswith(f"rows between x0 = {x[k - 1]:.8g}")
    outside = outside[(outside <= x[k - 1]) | (outside >= x[k])]
    assert rmse(jumping, jump, outside) < 1e-14
    # Places anywhere in the gap are as likely: the mean square of the error is a third of the gap times the jump's.
    size = (np.exp(0.3) - 0.5 * np.cos(0.3)) ** 2 * (x[k] - x[k - 1]) / np.ptp(x) / np.mean(jump(x) ** 2)
    assert 0.7 < jumping.report.error / np.sqrt(size / 3.0) < 1.4
    assert max(piece.rmse for piece in jumping.report.pieces) < 1e-14


def test_a_jump_is_at_the_roundest_number_between_two_rows(jumping):
    assert jumping.breaks[1] == 0.3
    x = rows(4000, seed=1)
    assert rmse(jumping, jump, x) < 1e-14


@pytest.mark.parametrize(
    ("low", "high", "place"),
    [
        (0.2984, 0.3046, 0.3),
        (9.594, 9.613, 9.6),
        (995.0, 1006.0, 1000.0),
        (-0.1, 3.0, 0.0),
        (-41.2, -37.9, -40.0),
        (1.0, 1.0 + 2.0**-51, 1.0 + 2.0**-52),
        (1.21e-7, 1.29e-7, 1.2e-7 + 5e-9),
        (9.7e6, 1.04e7, 1e7),
    ],
)
def test_the_roundest_number_has_the_fewest_decimals_and_is_next_to_the_middle(low, high, place):
    assert roundest(low, high) == pytest.approx(place, rel=1e-15)
    assert low < roundest(low, high) < high


def test_inside_the_gap_of_a_jump_the_error_estimate_is_the_jump_and_elsewhere_small(jumping):
    [join] = jumping.report.joins
    inside = np.linspace(join.low, join.high, 9)[1:-1]
    assert np.all(jumping.error_estimate(inside) > 0.9 * join.jump)
    assert np.all(jumping.undecided(inside[:, None]) > 0.0)
    away = rows(300, seed=2)
    away = away[np.abs(away - 0.3) > 0.05]
    assert np.max(jumping.error_estimate(away)) < 1e-12
    assert not jumping.undecided(away[:, None]).any()


def test_a_model_in_pieces_is_saved_with_all_that_is_known_of_its_breaks(jumping, tmp_path):
    jumping.save(tmp_path / "model.pml")
    again = pml.load(tmp_path / "model.pml")
    x = rows(50, seed=3)
    np.testing.assert_array_equal(again(x), jumping(x))
    np.testing.assert_array_equal(again.gaps, jumping.gaps)
    assert again.orders == jumping.orders
    assert again.report == jumping.report


def test_clipped_values_have_constant_pieces():
    x = rows(150)
    model = pml.fit(x, np.clip(np.exp(x), 0.6, 1.5), **OPTIONS)
    assert [piece.model.n_params for piece in (model.pieces[0], model.pieces[2])] == [1, 1]
    new = rows(500, seed=1)
    assert np.max(np.abs(model(new) - np.clip(np.exp(new), 0.6, 1.5))) < 1e-13


def test_a_smooth_table_is_fitted_as_without_looking_for_breaks():
    x = rows(150)
    model = pml.fit(x, np.tanh(20.0 * x), **OPTIONS)
    assert model.report.joins == ()
    assert not any("the law of y changes" in line for line in model.report.path)


def test_a_cusp_is_cut_and_both_sides_have_its_power():
    x = rows()

    def cusp(x):
        return np.sin(x) + np.abs(x - 0.3) ** 0.4

    model = pml.fit(x, cusp(x), **{**OPTIONS, "effort": 0.06})
    assert isinstance(model, pml.Piecewise)
    assert model.orders == (CUSP,)
    assert rmse(model, cusp, rows(2000, seed=1)) < 1e-9
    for piece in model.pieces:
        assert isinstance(piece.model, pml.Ends)
        assert piece.model.exponents[0] == pytest.approx(0.4, abs=1e-3)


# Cuts that are given


def two_laws(X):
    return np.where(X[:, 0] < 1000.0, np.exp(-X[:, 0] / 700.0) * X[:, 1] ** 2, 2.0 + X[:, 1] * (X[:, 0] / 1e3) ** 2)


def table(n=400, seed=0):
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(300.0, 3000.0, n), rng.uniform(1.0, 2.0, n)])


def test_a_table_is_cut_where_it_is_said_to_change():
    frame = pd.DataFrame(table(), columns=["T", "p"])
    model = pml.fit(frame, two_laws(table()), breaks={"T": [1000.0]}, **OPTIONS)
    assert isinstance(model, pml.Piecewise)
    assert model.column == 0
    assert model.breaks[1] == 1000.0
    assert model.orders == (UNKNOWN,)
    new = table(seed=1)
    assert np.max(np.abs(model(new) - two_laws(new))) < 1e-12
    assert "T = 1000, as given" in str(model.report)
    assert model.report.error < 1e-13


def test_several_columns_and_outputs_may_have_cuts():
    X = table()
    y = np.column_stack([two_laws(X), np.where(X[:, 1] < 1.5, X[:, 0], 1.0)])
    model = pml.fit(X, y, breaks={0: [1000.0], 1: [1.5]}, **OPTIONS)
    new = table(seed=1)
    wanted = np.column_stack([two_laws(new), np.where(new[:, 1] < 1.5, new[:, 0], 1.0)])
    assert np.max(np.abs(model(new) - wanted) / np.std(wanted, axis=0)) < 1e-10


@pytest.mark.parametrize("error", ["absolute", "relative"])
def test_grids_with_several_outputs_may_have_cuts(error):
    x = np.linspace(0.1, 3.0, 40)  # one column of different values is a full grid, which its pieces need not be
    y = np.column_stack([np.where(x < 1.3, np.sin(3.0 * x) * np.exp(x), np.cos(x)) + 20.0, x**2])
    model = pml.fit(x, y, breaks={0: [1.3]}, error=error, **OPTIONS)
    assert np.max(np.abs(model(x) - y)) < 1e-4


def test_powers_at_ends_have_values_from_a_given_break_on():
    x = np.linspace(0.0, 3.0, 41)
    y = np.where(x < 1.3, np.sqrt(x), x**2)
    model = pml.fit(x, y, method="ends", breaks={0: [1.3]}, **OPTIONS)
    assert np.isfinite(model(np.linspace(1.3, x[x > 1.3].min(), 9))).all()


def test_a_row_at_a_given_break_belongs_to_the_piece_above():
    x = np.linspace(0.0, 2.0, 81)
    y = np.where(x < 1.0, x, 3.0 - x**2)
    model = pml.fit(x, y, breaks={0: [1.0]}, **OPTIONS)
    assert abs(model([1.0])[0] - 2.0) < 1e-13
    assert np.max(np.abs(model(x) - y)) < 1e-13


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        ({"q": [1000.0]}, "breaks: expected columns of X, by name or number below 2, got 'q'"),
        ({0: [5000.0]}, r"breaks: expected numbers above 30\d.* and up to 29\d.* for 0, got \[5000.0\]"),
        ({0: "law"}, "breaks: expected numbers above .* for 0, got 'law'"),
        ({0: []}, "breaks: expected numbers above"),
        ({0: [310.0]}, r"breaks: expected at least 10 rows in each piece of 0, got \["),
    ],
)
def test_breaks_that_can_not_be_are_refused(breaks, words):
    with pytest.raises(ValueError, match=words):
        pml.fit(table(), two_laws(table()), breaks=breaks, **OPTIONS)


def test_splines_take_no_breaks():
    with pytest.raises(ValueError, match='breaks: expected a method other than "spline"'):
        pml.fit(rows(), kink(rows()), method="spline", breaks={0: [0.3]}, **OPTIONS)
