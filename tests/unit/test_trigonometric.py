"""Polynomials of cosines and sines of angles: the waves, which columns are angles, and laws that are such sums."""

import contextlib
import itertools
import math

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.hold_out import split
from pml_native.search.angle_columns import Reading, readings
from pml_native.search.search import Rows, run_alone
from pml_native.search.trigonometric import TrigonometricSearch
from pml_native.search.trigonometric_terms import Dictionary

TURN = 2.0 * math.pi


def rows_of(samples):
    rng = np.random.default_rng(0)
    return Rows.of(*split(as_samples(*samples), None, rng), rng)


def found(X, y, effort=0.2):
    return run_alone(TrigonometricSearch(rows_of((X, y))), effort=effort, time_limit=None, n_threads=1)


def cosine_and_column(n):
    X = np.random.default_rng(0).uniform(-3.0, 3.0, (n, 2))
    return X, np.cos(X[:, 0])


def error(model, X, y):
    return np.sqrt(np.mean((model(X) - y) ** 2) / np.mean(y**2))


def arm(n, seed, joints=2):
    rng = np.random.default_rng(seed)
    turned, lengths = rng.uniform(0.0, TURN, (n, joints)), rng.uniform(0.2, 1.0, (n, joints))
    angles = np.cumsum(turned, axis=1)
    hand = np.sum(lengths * np.cos(angles), axis=1), np.sum(lengths * np.sin(angles), axis=1)
    return np.column_stack([turned, lengths]), np.hypot(*hand)


def elevation(n, seed):
    """Of the sun in degrees, of latitude and hour angle in degrees and the day of the year."""
    latitude, hour, day = np.random.default_rng(seed).uniform((-66.0, -180.0, 1.0), (66.0, 180.0, 365.0), (n, 3)).T
    declination = 0.4 * np.sin(TURN * (day - 80.0) / 365.0)
    a, h = np.deg2rad(latitude), np.deg2rad(hour)
    sine = np.sin(a) * np.sin(declination) + np.cos(a) * np.cos(declination) * np.cos(h)
    return np.column_stack([latitude, hour, day]), np.rad2deg(np.arcsin(sine))


def distance(n, seed):
    """On a globe, in km, of two places in degrees."""
    X = np.random.default_rng(seed).uniform((-80.0, -180.0) * 2, (80.0, 180.0) * 2, (n, 4))
    a, b, c, d = np.deg2rad(X).T
    return X, 6371.0 * np.arccos(np.sin(a) * np.sin(c) + np.cos(a) * np.cos(c) * np.cos(b - d))


@pytest.mark.parametrize("q", [1, 2, 3])
def test_all_waves_are_there_once_and_independent(q):
    dictionary = Dictionary.of({j: 1.0 for j in range(q)}, [0] * q)
    top = int(np.abs(dictionary.turns).sum(axis=1).max())
    ball = [k for k in itertools.product(range(-top, top + 1), repeat=q) if sum(map(abs, k)) <= top]
    assert len(dictionary.turns) == len(ball)
    small = dictionary.turns[np.abs(dictionary.turns).sum(axis=1) <= 3]
    X = np.random.default_rng(0).uniform(0.0, TURN, (4 * len(small), q))
    waves = dictionary.waves(X, np.flatnonzero(np.abs(dictionary.turns).sum(axis=1) <= 3))
    assert np.linalg.matrix_rank(waves) == len(small)


def test_columns_are_products_of_waves_and_of_chebyshev_polynomials():
    rng = np.random.default_rng(0)
    dictionary = Dictionary.of_box({0: 1.0, 2: 0.5}, [1], (2, 1, 3), 3)
    X, Z = rng.uniform(-3.0, 3.0, (20, 3)), rng.uniform(-1.0, 1.0, (20, 3))
    terms = dictionary.all_terms[rng.permutation(dictionary.n_terms)[:30]]
    assert dictionary.n_terms == 5 * 3 * 4
    for column, (wave, power) in zip(dictionary.design(X, Z, terms).T, terms, strict=True):
        phase = X[:, 0] * dictionary.turns[wave, 0] + 0.5 * X[:, 2] * dictionary.turns[wave, 1]
        wanted = np.sin(phase) if dictionary.is_sine[wave] else np.cos(phase)
        wanted = wanted * np.cos(dictionary.powers[power, 1] * np.arccos(Z[:, 1]))
        np.testing.assert_allclose(column, wanted, atol=1e-14)


def test_derivatives_by_units_are_those_of_the_sum():
    rng = np.random.default_rng(0)
    dictionary = Dictionary.of({0: 1.0, 1: 0.3}, [0, 0, 2], free=[1])
    X, Z = rng.uniform(-3.0, 3.0, (20, 3)), rng.uniform(-1.0, 1.0, (20, 3))
    terms = np.column_stack([rng.integers(0, 20, 9), rng.integers(0, 3, 9)])
    c, step = rng.normal(size=9), 1e-6

    def values(unit):
        return Dictionary.of({0: 1.0, 1: unit}, [0, 0, 2]).design(X, Z, terms) @ c

    wanted = 0.3 * (values(0.3 + step) - values(0.3 - step)) / (2.0 * step)  # by the logarithm
    np.testing.assert_allclose(dictionary.by_units(X, Z, terms, c)[:, 0], wanted, atol=1e-6)


def test_ranges_tell_which_columns_may_be_angles():
    rng = np.random.default_rng(0)
    X = rng.uniform((0.0, -90.0, 0.0, 1.0), (TURN, 90.0, 1.0, 1000.0), (500, 4))
    degree = math.pi / 180.0
    first, second, third, *_ = readings(X)
    assert first == Reading.of({0: 1.0, 1: degree}, (2, 3))
    assert second == Reading.of({0: 1.0, 1: degree, 2: 1.0}, (3,))
    assert list(third.units) == [0, 1, 3]
    assert third.free == (3,)
    assert readings(X[:, 3:]) == []


def test_the_hand_of_a_robot_is_found_to_rounding_and_so_is_its_gradient():
    best = found(*arm(1000, 0))
    X, y = arm(1000, 1)
    assert error(best.model, X, y) < 1e-13
    away = X[y > 0.3]
    step = 1e-6 * np.eye(4)[1]
    wanted = (best.model(away + step) - best.model(away - step)) / 2e-6
    np.testing.assert_allclose(best.model.gradient(away)[:, 1], wanted, atol=1e-8)


def test_many_terms_of_one_size_are_found_though_each_gains_little():
    """Of an arm of four joints, whose first additions of terms gain less than a tenth each."""
    assert error(found(*arm(1200, 0, joints=4)).model, *arm(1200, 1, joints=4)) < 1e-13


def test_many_terms_of_like_size_are_found_though_the_first_ones_gain_little():
    """The squared distance of the hand of an arm of four joints is of 60 products, none of which stands out."""
    X, y = arm(2500, 0, joints=4)
    search = TrigonometricSearch(rows_of((X, y)))
    [link] = [one for one in search.links if one.name == "square"]
    dictionary = Dictionary.of(dict.fromkeys(range(4), 1.0), (*[0] * 4, *search.frame.highest[4:]))
    pursuit = search._begun(link)
    while not pursuit.ended:
        pursuit = search._advanced(dictionary, pursuit, 2000, None)
    assert pursuit.error < 1e-13


def test_an_arc_is_found_in_its_unit():
    best = found(*distance(1500, 0))
    assert error(best.model, *distance(1000, 1)) < 1e-12


def test_a_turn_that_only_the_range_tells_of_is_found():
    best = found(*elevation(1200, 0))
    assert error(best.model, *elevation(1000, 1)) < 1e-9


def test_fit_finds_sums_of_angles_by_itself():
    X, y = arm(1000, 0)
    model = pml.fit(X, y, effort=0.3, tolerance=1e-13, time_limit=None, progress=False)
    assert error(model, *arm(1000, 1)) < 1e-13


def test_columns_that_could_be_angles_but_are_none_are_told_apart():
    # A side of a triangle, of two sides and the directions that they have: all columns have the same range.
    X = np.random.default_rng(0).uniform(1.0, 5.0, (1000, 4))
    a, b, p, q = X.T
    best = found(X, np.sqrt(a**2 + b**2 - 2.0 * a * b * np.cos(p - q)))
    assert best.error < 1e-13
    assert best.model.n_params < 40


@pytest.mark.parametrize("first", [math.inf, 1.0])
def test_boxes_grow_where_no_error_is_left_or_none_was_known(first, monkeypatch):
    search = TrigonometricSearch(rows_of(cosine_and_column(200)))
    reading = Reading.of({0: 1.0}, (1,))
    box = search._box(reading, search.links[0], (1, 1), None)
    grown = []
    monkeypatch.setattr(search, "_box", lambda *_: box._replace(error=0.0, terms=np.repeat(box.terms, 2, axis=0)))
    monkeypatch.setattr(search, "_offered", lambda dictionary, pursuit: iter(grown.append(pursuit.error) or ()))
    steps, sent = search._grown(reading, box._replace(error=first), (1, 1)), None
    with contextlib.suppress(StopIteration):
        while True:
            sent = [step.function(None) for step in steps.send(sent)]
    assert grown == [0.0]


def test_waves_that_are_kept_are_those_of_the_dictionary_that_is_asked_for():
    search = TrigonometricSearch(rows_of(cosine_and_column(200)))
    for unit in (1.0, 0.5, 0.25, 0.125):  # each is gone when the next is made, which may get its place in memory
        dictionary = Dictionary.of({0: unit}, (0, 1))
        np.testing.assert_array_equal(search._waves(dictionary, 50), dictionary.waves(search.rows.train.X[:50]))
        del dictionary
