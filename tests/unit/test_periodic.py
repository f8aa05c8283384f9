"""Columns that repeat themselves: given with their periods, and found."""

import math

import numpy as np
import pandas as pd
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting.periodic import phase_of, seeming_periods
from pml_native.fitting.race import Race
from pml_native.hold_out import split
from pml_native.search.search import Rows

TURN = 2.0 * math.pi


def table(n=1000, turn=360.0, seed=0):
    """An angle, another column, and what joins at both ends of the turn."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.uniform(0.0, turn, n), rng.uniform(1.0, 2.0, n)])
    return X, value(X, turn)


def value(X, turn):
    return X[:, 1] / (1.5 + np.sin(TURN * X[:, 0] / turn))


def race_of(X, y):
    rng = np.random.default_rng(0)
    return Race(Rows.of(*split(as_samples(X, y), None, rng), rng), (), rng, 1.0)


def test_a_model_with_a_period_repeats_itself_and_is_exact():
    X, y = table()
    model = pml.fit(X, y, periods={0: 360.0}, effort=0.05, progress=False)
    assert isinstance(model, pml.Waves)
    new, wanted = table(seed=1)
    assert np.sqrt(np.mean((model(new) - wanted) ** 2)) < 1e-12
    assert np.allclose(model(new + np.array([720.0, 0.0])), wanted, rtol=0.0, atol=1e-11)
    step = np.array([1e-4, 0.0])
    slope = (value(new + step, 360.0) - value(new - step, 360.0)) / 2e-4
    assert np.allclose(model.gradient(new)[:, 0], slope, atol=1e-8)


def test_a_column_may_be_named_and_the_report_says_what_was_done():
    X, y = table(turn=1e-3)
    frame = pd.DataFrame(X, columns=["phase", "size"])
    model = pml.fit(frame, y, periods={"phase": 1e-3}, effort=0.02, progress=False)
    assert "cos phase, sin phase, size" in model.report.description
    assert any("repeat themselves after 0.001" in line for line in model.report.path)


def test_several_outputs_may_have_periods():
    X, y = table(300)
    both = np.column_stack([y, np.cos(np.deg2rad(X[:, 0]))])
    model = pml.fit(X, both, periods={0: 360.0}, effort=0.01, progress=False)
    assert model(X).shape == both.shape
    assert model.report.error < 1e-6


@pytest.mark.parametrize(
    ("periods", "message"),
    [
        ({2: 1.0}, "periods: expected columns of X, by name or number below 2, got 2"),
        ({"angle": 1.0}, "periods: expected columns of X, .* got 'angle'"),
        ({0: 0.0}, "periods: expected a number > 0 for 0, got 0.0"),
        ({0: "day"}, "periods: expected a number > 0 for 0, got 'day'"),
    ],
)
def test_what_is_no_period_is_refused(periods, message):
    X, y = table(50)
    with pytest.raises(ValueError, match=message):
        pml.fit(X, y, periods=periods, progress=False)


@pytest.mark.parametrize("turn", [360.0, TURN])
def test_columns_that_are_turns_seem_to_be_angles(turn):
    X, y = table(turn=turn)
    assert seeming_periods(race_of(X, y)) == {0: turn}
    steps = np.arange(36) * (turn / 36)
    assert seeming_periods(race_of(np.tile(steps, 4), np.tile(np.cos(steps), 4))) == {0: turn}


def test_other_columns_do_not():
    X, y = table()
    assert seeming_periods(race_of(0.9 * X, y)) == {}
    assert seeming_periods(race_of(np.tile(np.arange(36) * 9.9, 4), np.tile(np.arange(36.0), 4))) == {}


def test_a_column_whose_y_does_not_join_is_no_angle():
    X, _ = table()
    race = race_of(X, X[:, 0] * X[:, 1])
    line = pml.Polynomial([[1, 1]], [1.0])
    race.consider(race.rows.found(line, "polynomial", "a product"))
    assert seeming_periods(race) == {}


def test_a_crude_model_does_not_tell_whether_y_joins():
    X, _ = table(turn=TURN)
    race = race_of(X, 20.0 + X[:, 1])
    crude = pml.Polynomial([[1, 0], [0, 1], [0, 0]], [0.6, 1.0, 20.0 - 0.6 * math.pi])
    race.consider(race.rows.found(crude, "polynomial", "wrong at the edges"))
    assert 0.01 < race.error < 0.1
    assert seeming_periods(race) == {0: TURN}


def test_angles_are_found_by_fit_itself():
    X = np.random.default_rng(0).uniform(0.0, TURN, (1000, 2))
    y = 1.0 / (1.3 + np.cos(X[:, 0]) * np.sin(X[:, 1]))
    model = pml.fit(X, y, effort=0.02, progress=False)
    assert model.report.error < 1e-12
    np.testing.assert_allclose(model(X + TURN), y, rtol=1e-12)


def test_angles_are_right_whatever_the_period_is():
    for period in (1e-300, 1.0, 1e300):
        phase = phase_of({1: period}, 2)
        assert np.allclose(phase(np.array([[1e300, 0.25 * period]])), 0.5 * np.pi, rtol=1e-15)
