"""What in the data limits a model is named where the rows show it, and nothing is named that they don't."""

import warnings

import numpy as np
import pytest

import pml_native as pml
from pml_native.digits import Digits, digits_of, rounding_of
from pml_native.fitting.breaks import Break, break_of
from pml_native.fitting.limits import rounding_of_outputs
from pml_native.fitting.misprints import misprints_of
from pml_native.fitting.noise import is_noise
from pml_native.fitting.pole_planes import plane_of
from pml_native.fitting.poles import poles_of
from pml_native.fitting.probe import Probe

ROUNDING = 1e-14


def rows(n, d=2, seed=0, low=0.1, high=1.0):
    return np.random.default_rng(seed).uniform(low, high, (n, d))


def smooth(X):
    return np.exp(-X[:, 0]) * np.sin(3.0 * X[:, -1]) + X[:, 0]


def printed(y, digits):
    return np.array([float(f"{value:.{digits}g}") for value in y])


def report_of(X, y, **options):
    return pml.fit(X, y, progress=False, n_threads=1, **{"effort": 0.01, "time_limit": None, **options}).report


@pytest.mark.parametrize("count", [3, 5, 8])
def test_digits_of_a_printed_table_are_counted(count):
    y = np.exp(6.0 * smooth(rows(400)))  # over several decades
    assert digits_of(printed(y, count)) == Digits("significant", count)
    assert digits_of(np.round(y, count)) == Digits("decimals", count)
    assert rounding_of(np.round(y, 3), Digits("decimals", 3)) * np.sqrt(np.mean(y**2)) == pytest.approx(
        np.sqrt(np.mean((np.round(y, 3) - y) ** 2)), rel=0.1
    )


def test_float32_is_told_from_multiples_of_a_power_of_two():
    y = smooth(rows(400))
    assert digits_of(y.astype(np.float32).astype(float)) == Digits("float32", 24)
    assert digits_of((np.arange(1, 400) / 64.0) ** 2) is None


@pytest.mark.parametrize("y", [np.arange(300.0) ** 2, smooth(rows(300)), np.zeros(300), np.arange(300) / 4.0])
def test_numbers_that_are_not_rounded_have_no_digits(y):
    assert digits_of(y) is None


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_numbers_at_the_ends_of_float64_are_looked_at_without_a_warning(scale):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert digits_of(printed(smooth(rows(300)) * scale, 6)) == Digits("significant", 6)


def test_whole_numbers_end_no_search():
    y = np.rint(1000.0 * smooth(rows(300)))[:, None]
    assert rounding_of_outputs(y).rmse > 0.0 == rounding_of_outputs(y).known


@pytest.mark.parametrize("what", ["significant", "decimals", "float32"])
def test_a_fit_ends_at_the_digits_of_y_and_says_so(what):
    X = rows(400)
    exact = smooth(X)
    y = {"significant": printed(exact, 5), "decimals": np.round(exact, 6)}.get(what, exact.astype(np.float32) + 0.0)
    size = np.sqrt(np.mean(exact**2))
    expected = np.sqrt(np.mean((y - exact) ** 2)) / size
    report = report_of(X, np.asarray(y, dtype=float), effort=1.0)
    assert report.status.startswith("the digits of y were reached")
    assert report.advice[0].startswith("more digits of y")
    assert report.floor == pytest.approx(expected, rel=0.2)
    assert report.effort < 0.1


@pytest.mark.parametrize("kind", ["squares of few decimals", "whole numbers"])
def test_exact_numbers_of_few_digits_are_fitted_exactly(kind):
    axis = np.round(np.arange(1, 21) * 0.1, 1) if kind.startswith("squares") else np.arange(1.0, 21.0)
    X = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    report = report_of(X, np.round(X[:, 0] ** 3 + X[:, 0] * X[:, 1] + 1.0, 3))
    assert report.validation_rmse < 1e-15
    assert report.floor < 1e-15
    assert "float64 floor" in report.status


@pytest.mark.parametrize("offset", [5e9, 2_460_000.5])
def test_rounding_of_large_inputs_is_the_floor(offset):
    z = rows(400, 1, low=-1.0)[:, 0] * offset * 1e-6
    y = 1.0 / (1.0 + (z / (3e-7 * offset)) ** 2)
    slope = 2.0 * np.abs(z) / (3e-7 * offset) ** 2 * y**2
    expected = np.sqrt(np.mean((slope * np.spacing(offset)) ** 2) / 12.0 / np.mean(y**2))
    report = report_of(offset + z, y)
    assert report.floor == pytest.approx(expected, rel=0.5)
    assert "digits of X" in report.status
    assert "constant" in report.advice[0]


def test_inputs_that_were_rounded_before_y_was_made_are_exact():
    X = np.round(rows(300), 4)
    report = report_of(X, np.exp(X[:, 0]) * X[:, 1])
    assert report.validation_rmse < 1e-14
    assert "float64 floor" in report.status


@pytest.mark.parametrize("relative", [False, True])
def test_noise_is_named_with_its_size(relative):
    X = rows(1000)
    exact = smooth(X)
    noise = 1e-4 * np.random.default_rng(1).normal(size=1000) * (exact if relative else 1.0)
    report = report_of(X, exact + noise)
    assert report.advice[0].startswith("less noise in y")
    said = float(report.advice[0].split("rows, ")[1].split(",")[0])
    assert said == pytest.approx(np.sqrt(np.mean(noise**2) / np.mean(exact**2)), rel=0.4)


@pytest.mark.parametrize("kind", ["normal", "uniform", "laplace", "student"])
@pytest.mark.parametrize("seed", range(3))
def test_noise_of_any_common_kind_is_noise(kind, seed):
    rng, X = np.random.default_rng(seed), rows(700, seed=seed)
    draw = {"normal": rng.normal, "laplace": rng.laplace, "uniform": lambda size: rng.uniform(-1.0, 1.0, size)}
    noise = rng.standard_t(3, 700) if kind == "student" else draw[kind](size=700)
    assert is_noise(Probe.of(X), smooth(X), 1e-4 * noise, 10, [1.1e-4 * noise])


@pytest.mark.parametrize("seed", range(3))
def test_errors_beside_an_edge_are_no_noise(seed):
    rng, X = np.random.default_rng(seed), rows(700, seed=seed)
    for residual in (
        np.where(np.abs(X[:, 0] - 0.5) < 0.01, 1.0, 1e-3) * rng.normal(size=700),
        np.where(np.abs(X.sum(axis=1) - 1.1) < 0.02, 20.0, 1.0) * rng.normal(size=700),
        rng.standard_cauchy(700),
    ):
        assert not is_noise(Probe.of(X), 1e3 * smooth(X), residual, 10, [residual])


def test_residuals_with_a_pattern_are_no_noise():
    X = rows(500)
    probe, rng = Probe.of(X), np.random.default_rng(0)
    y = smooth(X)
    white, wavy, peaked = rng.normal(size=500), np.sin(20.0 * X[:, 0]), rng.normal(size=500) ** 5
    assert is_noise(probe, y, 1e-3 * white, 10, [])
    for residual in (wavy, peaked):
        assert not is_noise(probe, y, 1e-3 * residual, 10, [1e-3 * residual])
    assert not is_noise(probe, y, white, 10, [white])  # all of y
    few = Probe.of(X[:100])
    assert not is_noise(few, y[:100], 1e-3 * white[:100], 30, [rng.normal(size=100)])
    assert is_noise(few, y[:100], 1e-3 * white[:100], 30, [1.1e-3 * white[:100]])


@pytest.mark.parametrize(("n", "d", "bad"), [(80, 1, [3, 40]), (300, 2, [17]), (1000, 3, [1, 2, 700])])
def test_misprints_are_found_and_no_others(n, d, bad):
    X = rows(n, d)
    y = smooth(X)
    assert misprints_of(Probe.of(X), y, ROUNDING) is None
    y[bad] += 0.05
    found = misprints_of(Probe.of(X), y, ROUNDING)
    assert found.rows.tolist() == bad
    assert found.off == pytest.approx(0.05, rel=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_kinks_jumps_poles_and_noise_have_no_misprints(seed):
    X = rows(300, 2, seed)
    noise = np.random.default_rng(seed).normal(size=300)
    for y in (
        np.abs(X[:, 0] - 0.4),
        np.where(X.sum(axis=1) > 1.1, 1.0, 0.0),
        1.0 / (1.05 - X[:, 0] * X[:, 1]),
        np.tanh(40.0 * (X[:, 0] - 0.5)),
        smooth(X) + 0.01 * noise,
    ):
        assert misprints_of(Probe.of(X), y, ROUNDING) is None


@pytest.mark.parametrize("n", [300, 4000])
def test_a_report_names_misprints_by_their_rows(n):
    X = rows(n)
    y = smooth(X)
    y[[7, n - 1]] = -y[[7, n - 1]]
    report = report_of(X, y)
    assert f"the rows 7, {n - 1} (the first has number 0), which are outliers" in report.advice[0]


def test_misprints_have_the_numbers_of_the_table_where_rows_have_no_weight():
    X = rows(300)
    y, weight = smooth(X), np.ones(300)
    y[[7, 90]], weight[:5] = -y[[7, 90]], 0.0
    assert "the rows 7, 90 (" in report_of(X, y, sample_weight=weight).advice[0]


def test_rows_without_weight_are_no_misprints():
    X = rows(300)
    y, weight = smooth(X), np.ones(300)
    y[[7, 90]], weight[[7, 90]] = 1e3, 0.0
    assert not any("outlier" in sentence for sentence in report_of(X, y, sample_weight=weight).advice)


@pytest.mark.parametrize("is_jump", [True, False])
@pytest.mark.parametrize("d", [1, 2])
def test_a_split_is_advised_where_y_breaks(d, is_jump):
    X = rows(400, d)
    y = smooth(X) + (np.where(X[:, 0] > 0.52, 1.0, 0.0) if is_jump else np.abs(X[:, 0] - 0.52))
    found = break_of(Probe.of(X), X, y)
    assert (found.columns, found.slopes, found.is_jump) == ((0,), (1.0,), is_jump)
    assert found.place == pytest.approx(0.52, abs=0.01)
    assert found.level < 1e-4


@pytest.mark.parametrize("is_jump", [True, False])
@pytest.mark.parametrize(("d", "n"), [(2, 600), (3, 1000)])
def test_a_split_is_advised_across_a_slanted_plane(d, n, is_jump):
    U = rows(n, d, low=0.0)
    scale, shift = np.array([1e3, 1e-4, 1.0])[:d], np.array([1e4, 0.0, -2.0])[:d]
    normal = np.array([0.6, -0.7, 0.4])[:d]
    t = (U - 0.5) @ normal
    y = smooth(U) + (np.where(t > 0.0, 1.0, 0.0) if is_jump else np.abs(t))
    X = shift + scale * U
    found = break_of(Probe.of(X), X, y)
    assert found is not None
    assert found.columns[0] == 1  # that of the largest slope in units of the box
    assert found.level < 1e-3
    assert is_jump or not found.is_jump
    slopes = np.zeros(d)
    slopes[list(found.columns)] = found.slopes
    is_above = (X @ slopes > found.place) == (slopes[1] < 0.0)
    assert np.mean(is_above == (t > 0.0)) > 0.99 or np.mean(is_above != (t > 0.0)) > 0.99
    assert found.described(["a", "b", "c"]).startswith("b ")


def test_a_slanted_plane_is_described_with_its_signs():
    assert Break((1, 0), (1.0, -0.5), 2.0, True, 0.0).described(["a", "b"]) == "b - 0.5*a = 2"


@pytest.mark.parametrize("is_even", [True, False])
def test_poles_between_rows_are_found(is_even):
    def table(low, high, n):
        return np.linspace(low, high, n) if is_even else np.random.default_rng(0).uniform(low, high, n)

    x = table(-5.0, 5.0, 150)
    found = poles_of(x, np.tan(x))
    np.testing.assert_allclose([pole.place for pole in found], [k * np.pi / 2 for k in (-3, -1, 1, 3)], atol=1e-3)
    assert all(pole.changes_sign for pole in found)
    x = table(0.0, 1.0, 80)
    [double] = poles_of(x, 1.0 / (x - 0.3) ** 2 + np.cos(x))
    assert double.place == pytest.approx(0.3, abs=1e-3)
    assert not double.changes_sign


def test_what_is_steep_or_narrow_or_rough_has_no_pole():
    rng = np.random.default_rng(0)
    x = np.linspace(0.0, 1.0, 100)
    for y in (
        1.0 / ((x - 0.5) ** 2 + 0.03**2),
        np.sin(60.0 * x),
        np.tanh(60.0 * (x - 0.503)),
        np.sign(x - 0.503) + 0.5 * np.cos(x),
        np.abs(x - 0.503) ** -0.5,
        np.log(np.abs(x - 0.503)),
        np.exp(-30.0 * np.abs(x - 0.503)),
        1.0 / (x + 0.01),
        rng.standard_normal(100),
        np.zeros(100),
    ):
        assert poles_of(x, y) == ()


def test_a_report_of_a_table_with_poles_names_them_and_bounds_nothing():
    x = np.sort(np.random.default_rng(1).uniform(-2.0, 2.0, 120))
    report = report_of(x, np.tan(x), input_names=["angle"])
    assert any("2 poles" in sentence and "angle = -1.57" in sentence for sentence in report.warnings)
    assert report.advice[0].startswith("fit 1 / y")
    assert report.error_range[1] == np.inf


def test_functions_that_go_on_have_no_break():
    X = rows(400)
    slanted = np.linalg.norm(X - 0.5, axis=1) < 0.3  # a circle is no plane
    for y in (
        smooth(X),
        np.sin(9.0 * X[:, 0]),
        smooth(X) + slanted,
        1.0 / (1.0 + 25.0 * np.sum(X**2, axis=1)),
        np.sqrt(X.sum(axis=1)),
    ):
        assert break_of(Probe.of(X), X, y) is None


POLES = {
    "of order 1": ("({} - {})", lambda x, z: 1.0 / (x - 0.52) + np.exp(z)),
    "of order 2": ("({} - {})^2", lambda x, z: np.sin(3.0 * z) / (x - 0.52) ** 2),
    "of one sign": ("|{} - {}|", lambda x, z: (2.0 + np.sin(3.0 * z)) / np.abs(x - 0.52)),
}


@pytest.mark.parametrize("kind", POLES)
@pytest.mark.parametrize("seed", range(2))
def test_a_plane_of_poles_is_found_with_its_place_and_what_takes_it_away(kind, seed):
    X = rows(500, 2, seed)
    factor, f = POLES[kind]
    found = plane_of(Probe.of(X), X, f(X[:, 0], X[:, 1]))
    assert (found.column, found.factor) == (0, factor)
    assert found.place == pytest.approx(0.52, abs=1e-6)
    assert found.level < 1e-4


def test_what_is_steep_or_large_has_no_plane_of_poles():
    X = rows(500, low=-1.0)
    for y in (
        np.exp(9.0 * X[:, 0]),
        np.exp(9.0 * X.sum(axis=1)),
        1.0 / ((X[:, 0] - 0.1) ** 2 + 1e-3),
        np.exp(-500.0 * (X[:, 0] - 0.2) ** 2),
        np.where(np.arange(500) == 7, 1e6, smooth(X)),
        1.0 / (X.sum(axis=1) - 0.3),  # along neither column
    ):
        assert plane_of(Probe.of(X), X, y) is None


@pytest.mark.parametrize("names", [None, ["t", "p"]])
def test_a_report_says_in_which_plane_y_has_poles(names):
    X = rows(400, low=-1.0)
    y = np.exp(X[:, 1]) + 1.0 / (X[:, 0] - 0.12)
    report = report_of(X, y, method="random_features", effort=0.002, input_names=names)
    name = "x0" if names is None else "t"
    assert report.advice[0].startswith(f"fit y ({name} - 0.12): y has a pole at {name} = 0.12")


def test_roots_at_their_touch_are_no_misprints():
    X = rows(500, low=-1.0)
    for y in (np.abs(X[:, 0] - X[:, 1] ** 2), np.maximum(X[:, 0], X[:, 1])):
        assert report_of(X, y).outliers == ()


def test_a_report_says_between_which_rows_y_jumps():
    X = rows(300, low=-1.0)
    report = report_of(X, np.exp(X[:, 1]) + (X[:, 0] > 0.12), input_names=["t", "p"])
    assert report.advice[0].startswith("rows between t = 0.11")


@pytest.mark.parametrize("n", [20, 40])
def test_few_rows_are_never_said_not_to_limit_a_model(n):
    U = rows(n, 3, low=0.0)
    y = 2.0 + 0.015 * U[:, 1] + 1e-3 * U[:, 2] * U[:, 0] + 1e-3 * np.sin(8.0 * U[:, 1])
    assert any("more rows" in sentence for sentence in report_of(U, y).advice)
