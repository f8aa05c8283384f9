"""Powers of the distance from an end: found in rows, with their exponents, and not where y is smooth."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.search.ends import Side, first_look, sides_of_cusp, simple_numbers

OPTIONS = {"time_limit": None, "effort": 0.02, "progress": False, "n_threads": 1}


def rows(n=200, seed=0):
    return np.sort(np.random.default_rng(seed).uniform(-1.0, 1.0, n))


def ending(x, exponent):
    power = (x + 1.0) ** exponent if exponent else np.log(x + 1.0)
    return np.exp(0.7 * x) * np.cos(x) + power * (1.0 + 0.3 * np.sin(2.0 * x))


@pytest.mark.parametrize("exponent", [0.5, 0.325, 1.0 / 3.0, 1.5, -0.5, 0.0])
def test_the_exponent_of_an_end_is_found_and_taken_as_the_simple_number_that_it_is(exponent):
    x = rows()
    model = pml.fit(x, ending(x, exponent), method="ends", **OPTIONS)
    assert isinstance(model, pml.Ends)
    assert model.exponents[0] == pytest.approx(exponent, rel=1e-15)
    assert abs(model.ends[0] + 1.0) < 1e-7
    new = rows(1000, seed=1)
    new = new[new > x[0]]
    assert np.sqrt(np.mean((model(new) - ending(new, exponent)) ** 2)) < 1e-11


def test_an_end_above_the_rows_is_one_as_well():
    T = np.sort(np.random.default_rng(0).uniform(300.0, 647.0, 200))
    y = 1.0 + 1.7 * (647.1 - T) ** 0.325 * (1.0 - 1e-4 * T) + 0.002 * T
    model = pml.fit(T, y, method="ends", **OPTIONS)
    assert (model.ends[0], model.exponents[0]) == (647.1, 0.325)
    assert model.report.error < 1e-14
    assert np.isnan(model([647.2])[0])
    assert "(647.1 - x0)^0.325" in model.report.description


def test_an_end_may_be_the_first_row():
    x = np.linspace(0.0, 1.0, 101)
    model = pml.fit(x, np.cos(x) + np.sqrt(x) * np.exp(x), method="ends", **OPTIONS)
    assert (model.ends[0], model.exponents[0]) == (0.0, 0.5)
    assert abs(model([0.0])[0] - 1.0) < 1e-13
    assert model.report.validation_rmse < 1e-14


def test_fit_finds_ends_unasked():
    x = rows(120)
    model = pml.fit(x, ending(x, 0.325), **OPTIONS)
    assert isinstance(model, pml.Ends)


@pytest.mark.parametrize(
    "value",
    [
        lambda x: np.tanh(50.0 * x),
        lambda x: np.sin(60.0 * x),
        lambda x: np.exp(-(((x - 0.1) / 0.03) ** 2)),
        lambda x: 1.0 / (1.0 + 25.0 * x**2),
        lambda x: np.exp(x),
    ],
)
def test_smooth_tables_show_no_ends_and_no_cusps(value):
    x = rows()
    for is_upper in (False, True):
        assert first_look(Side.of(x, value(x), is_upper), None) is None
    assert sides_of_cusp(x, value(x)) == []


@pytest.mark.parametrize("seed", range(8))
def test_a_cusp_is_seen_however_uneven_the_rows_next_to_it_are(seed):
    """The window that a polynomial meets worst has it near its end, on half of these tables."""
    x = np.sort(np.random.default_rng(seed).uniform(-1.0, 1.0, 400))
    sides = sides_of_cusp(x, np.cos(2.0 * x) + np.abs(x - 0.137) ** (2.0 / 3.0) * (1.0 + 0.3 * x))
    assert [fit.exponent % 1.0 for _, fit in sides] == pytest.approx(
        [2.0 / 3.0] * 2, abs=0.01
    )  # whole numbers come later


def test_a_cusp_is_placed_between_its_rows():
    x = rows()
    sides = sides_of_cusp(x, np.sin(x) + np.abs(x - 0.3) ** 0.4)
    assert len(sides) == 2
    for side, fit in sides:
        end = side.end(fit)
        assert abs(end.place - 0.3) < 1e-4
        assert abs(end.exponent - 0.4) < 1e-2


def test_a_number_is_taken_for_a_simple_one_only_if_that_is_no_chance():
    assert list(simple_numbers(0.3250001, 1e-8)) == [0.325]
    assert next(simple_numbers(0.5003, 1e-3)) == 0.5
    assert list(simple_numbers(0.31830988, 1e-7)) == []


def test_arrays_that_do_not_fit_are_refused():
    inner = pml.Polynomial([[0, 0], [0, 1]], [1.0, 2.0])
    with pytest.raises(ValueError, match="ends: expected 1 finite numbers, one less than inputs of the model"):
        pml.Ends(inner, [0.0, 1.0], [0.5], [1.0])
    with pytest.raises(ValueError, match="units: expected numbers other than 0"):
        pml.Ends(inner, [0.0], [0.5], [0.0])
    with pytest.raises(ValueError, match=r"bounds: expected \(2,\)"):
        pml.Ends(inner, [0.0], [0.5], [1.0], bounds=[1.0])
    with pytest.raises(ValueError, match="X: method 'ends' takes one column, got 2"):
        pml.fit(np.random.default_rng(0).uniform(size=(50, 2)), np.arange(50.0), method="ends", **OPTIONS)


@pytest.mark.parametrize("n", [24, 40, 60])
def test_rows_are_more_than_terms_where_no_end_serves(n):
    u = np.linspace(0.0, 1.0, n)
    model = pml.fit(u, u**0.5 * (1.0 - u) ** 1.5 * np.exp(u), method="ends", **OPTIONS)
    assert 1.5 * model.n_params <= model.report.n_train
