"""approximate: what it calls f for, what it promises, and which functions it survives. Accuracy is held in bench."""

import json
import math
import os
import signal
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import special

import pml_native as pml
from pml_native.approximation.gaps import gaps_of
from pml_native.approximation.intervals import Intervals
from pml_native.approximation.sparse_grid import SparseGrid
from pml_native.approximation.target import Target
from pml_native.optimize.interrupt import InterruptGuard

SQUARE = [(0.0, 1.0), (0.0, 1.0)]


@pytest.fixture(autouse=True)
def short_fits(monkeypatch):
    """What other families make of the points is held in the tests of `fit`."""
    for name, effort in (("FIT_EFFORT", 0.01), ("FIT_EFFORT_ONE_INPUT", 0.002), ("MOST_FIT_EFFORT", 0.02)):
        monkeypatch.setattr(f"pml_native.approximation.search.{name}", effort)


@pytest.fixture
def no_fits(monkeypatch):
    """For what no family of `fit` gets anywhere with."""
    for name in ("FIT_EFFORT", "FIT_EFFORT_ONE_INPUT", "MOST_FIT_EFFORT"):
        monkeypatch.setattr(f"pml_native.approximation.search.{name}", 1e-4)


def product(X):
    return X[:, 0] * np.exp(X[:, 1])


def uneven(X):
    """Nothing that fit knows at once."""
    return np.sin(5 * X[:, 0] + np.cos(7 * X[:, 1])) + X[:, 0] * X[:, 1]


def relative_errors(model, f, bounds, n=1000):
    low, high = np.atleast_2d(np.asarray(bounds, dtype=float)).T
    X = np.random.default_rng(99).uniform(low, high, size=(n, len(low)))
    y = np.ravel(f(X))
    return np.abs(np.ravel(model(X)) - y) / np.sqrt(np.mean(y**2))


def target_of(f, bounds, most=100_000, flat=False):
    low, high = np.array(bounds, dtype=float).T
    return Target(f, low, high, flat, None, most, 60.0, InterruptGuard())


@pytest.mark.parametrize(
    ("f", "bounds", "most"),
    [
        (lambda x: np.exp(np.sin(5 * x)), (-1, 1), 300),
        (lambda x: 1 / (1 + 25 * x**2), (-1, 1), 100),
        (lambda x: np.tanh(50 * x), (-1, 1), 600),
        (lambda x: special.airy(x)[0], (-20, 5), 600),
        (lambda x: np.cos(300 * x), (-1, 1), 900),
        (lambda x: np.exp(x) + np.abs(x - 0.3), (-1, 1), 3000),
        (lambda x: np.sqrt(x) + np.sin(x), (0, 1), 3500),
    ],
)
def test_functions_of_one_variable_are_met_to_the_tolerance_in_few_evaluations(f, bounds, most):
    model = pml.approximate(f, bounds, n_threads=1)
    errors = relative_errors(model, f, bounds)
    assert np.sqrt(np.mean(errors**2)) < 1e-12
    assert model.report.validation_rmse <= 1e-12
    assert model.report.evaluations < most
    assert "the tolerance was reached" in model.report.status


@pytest.mark.parametrize(
    ("f", "d", "most"),
    [
        (product, 2, 600),
        (uneven, 2, 8000),
        (lambda X: (1 + X @ np.array([1.0, 2.0, 3.0])) ** -4, 3, 600),
        (lambda X: np.exp(-np.sum((X - 0.4) ** 2, axis=1)), 4, 1000),
    ],
)
def test_functions_of_several_variables_are_met_to_the_tolerance(monkeypatch, f, d, most):
    monkeypatch.undo()
    model = pml.approximate(f, [(0.0, 1.0)] * d, n_threads=1)
    errors = relative_errors(model, f, [(0.0, 1.0)] * d)
    assert np.sqrt(np.mean(errors**2)) < 3e-12
    assert model.report.evaluations < most


def test_every_point_that_f_was_called_at_is_counted(no_fits):
    calls = []

    def f(X):
        calls.append(len(np.atleast_2d(X)))
        return uneven(X)

    report = pml.approximate(f, SQUARE, tolerance=1e-4, n_threads=1).report
    assert report.evaluations == sum(calls)
    # All but the one or two calls that only compare a point alone with the same in a batch are points of the model.
    assert report.evaluations - 2 <= report.n_train + report.n_validation <= report.evaluations
    assert pml.FitReport.from_dict(json.loads(report.to_json())) == report


def test_the_budget_of_evaluations_is_kept(no_fits):
    for most in (40, 300):
        report = pml.approximate(uneven, SQUARE, max_evaluations=most, n_threads=1).report
        assert report.evaluations <= most
        assert "evaluations were used up" in report.status
        assert "more evaluations" in report.advice[0]
        assert report.validation_rmse > 1e-12


def test_the_same_seed_gives_the_same_model():
    a, b = (pml.approximate(np.tanh, (-5.0, 5.0), random_state=3, n_threads=1) for _ in range(2))
    x = np.linspace(-5, 5, 50)
    np.testing.assert_array_equal(a(x), b(x))


@pytest.mark.parametrize(
    ("f", "bounds"),
    [
        (math.sin, (0, 6)),
        (math.sin, [(0, 6)]),
        (np.sin, [(0, 6)]),
        (lambda X: np.sin(X[:, 0]), (0, 6)),
        (lambda x: math.sin(x[0]), [(0, 6)]),
        (lambda x: (math.sin(x),), (0, 6)),
    ],
)
def test_one_input_is_passed_as_f_takes_it(f, bounds):
    model = pml.approximate(f, bounds, n_threads=1)
    x = np.linspace(0, 6, 101)
    np.testing.assert_allclose(model(x), np.sin(x), atol=1e-12)
    np.testing.assert_allclose(model.gradient(x)[:, 0], np.cos(x), atol=1e-10)


def test_a_function_of_one_point_that_would_take_a_batch_for_something_else_is_called_point_by_point():
    sizes = set()

    def f(x):
        sizes.add(np.shape(x))
        return x[0] * 2 + x[1]  # of a batch (k, 2) this is (2,), and (4, 4) has rows for columns

    model = pml.approximate(f, [(0, 1)] * 2, n_threads=1)
    np.testing.assert_allclose(model([[0.2, 0.5]]), 0.9, atol=1e-12)
    assert (2,) in sizes
    mixed = pml.approximate(lambda X: X[..., 0] + np.mean(X), [(0, 1)] * 2, vectorized=None, n_threads=1)
    np.testing.assert_allclose(mixed([[0.2, 0.6]]), 0.2 + 0.4, atol=1e-12)


def test_a_vectorized_function_is_called_for_many_points_at_once():
    sizes = []
    pml.approximate(lambda X: sizes.append(len(X)) or product(X), SQUARE, n_threads=1)
    assert max(sizes) >= 64
    assert len(sizes) < 40


def test_several_outputs_keep_their_shape():
    model = pml.approximate(lambda X: np.column_stack([product(X), X[:, 0] ** 2]), SQUARE, n_threads=1)
    assert model(np.ones((7, 2))).shape == (7, 2)
    assert model.gradient(np.ones((7, 2))).shape == (7, 2, 2)
    model = pml.approximate(lambda x: (math.sin(x), math.exp(5 * x)), (0, 3), n_threads=1)
    np.testing.assert_allclose(model([1.0]), [[math.sin(1), math.exp(5)]], rtol=1e-8)


def by_atleast_2d(X):
    X = np.atleast_2d(X)
    return np.exp(X[:, 0]) * X[:, 1]


def by_reshape(X):
    X = np.asarray(X).reshape(-1, 2)
    return np.exp(X[:, 0]) * X[:, 1]


def by_loop(X):
    """Right for a batch; of one point of two inputs it makes two numbers."""
    out = np.zeros(len(X))
    for i, (a, b) in enumerate(np.atleast_2d(X)):
        out[i] = np.exp(a) * b
    return out


@pytest.mark.parametrize(
    "f",
    [
        by_atleast_2d,
        by_reshape,
        by_loop,
        lambda X: by_atleast_2d(X)[:, None],
        lambda X: np.column_stack([by_atleast_2d(X)] * 2),
        lambda X: by_atleast_2d(X).tolist(),
        lambda X: by_loop(X).reshape(-1, 1),
        lambda X: pd.Series(by_atleast_2d(X)),
        lambda X: pd.DataFrame({"a": by_atleast_2d(X)}),
        lambda X: pd.DataFrame(np.atleast_2d(X), columns=["a", "b"]).eval("exp(a) * b", engine="python"),
        lambda X: by_atleast_2d(X).astype(np.float32),
        lambda X: by_atleast_2d(X).astype(np.float32)[:, None],
    ],
)
def test_a_model_has_the_shape_of_what_f_gives_for_many_points(f):
    model = pml.approximate(f, [(0, 2), (1, 2)], n_threads=1)
    Q = np.random.default_rng(0).uniform(1.0, 2.0, size=(5, 2))
    wanted = np.asarray(f(Q))
    assert model(Q).shape == wanted.shape
    assert model.gradient(Q).shape == (*wanted.shape, 2)
    np.testing.assert_allclose(model(Q), wanted, rtol=1e-12 if wanted.dtype == np.float64 else 1e-6)


@pytest.mark.parametrize(
    ("f", "shape"),
    [
        (lambda X: np.sin(X[:, :1]), (5, 1)),
        (lambda X: np.sin(X[:, 0]), (5,)),
        (lambda X: np.sin(X), (5,)),  # elementwise: of (5,) it gives (5,)
        (lambda X: np.sin(X) @ np.ones((1, 1)), (5, 1)),
        (lambda x: [math.sin(x[0])], (5,)),
        (lambda x: math.sin(x), (5,)),
        (lambda x: (math.sin(x), 1.0), (5, 2)),
    ],
)
def test_one_input_gives_the_shape_of_f_too(f, shape):
    assert pml.approximate(f, [(0, 3)], n_threads=1)(np.linspace(0.0, 3.0, 5)).shape == shape


@pytest.mark.parametrize("bounds", [(-1.0, 1.0), SQUARE])
def test_numbers_of_float32_are_met_to_their_rounding_in_few_evaluations(bounds):
    def f(X):
        return np.exp(np.sin(np.reshape(X, (len(X), -1)) @ np.arange(2.0, 2.0 + np.size(bounds) // 2))).astype(
            np.float32
        )

    report = pml.approximate(f, bounds, n_threads=1).report
    assert report.validation_rmse < 1e-7
    assert report.evaluations < 2000
    assert "float32" in report.advice[0]


@pytest.mark.parametrize("value", [3.5, 0.0])
def test_a_constant_is_met_exactly(value):
    model = pml.approximate(lambda X: np.full(len(X), value), SQUARE, n_threads=1)
    np.testing.assert_array_equal(model(np.random.default_rng(0).random((5, 2))), value)


def test_an_argument_that_f_changes_does_no_harm():
    def f(X):
        y = product(X)
        X[:] = np.nan
        return y

    assert pml.approximate(f, SQUARE, n_threads=1).report.validation_rmse < 1e-12


@pytest.mark.parametrize("way", ["raises", "nan"])
def test_points_without_a_value_are_left_out_and_named(way):
    def f(X):
        bad = X[:, 0] < 0.5
        if way == "raises" and bad.any():
            raise RuntimeError("left half")
        return np.where(bad, np.nan, product(X))

    with pytest.warns(pml.FitWarning, match=r"f has no value at \d+ of \d+ points"):
        model = pml.approximate(f, SQUARE, max_evaluations=2000, n_threads=1)
    [note] = [note for note in model.report.warnings if "no value" in note]
    assert ("RuntimeError: left half" if way == "raises" else "got nan") in note
    assert "they lie in [0, 0.4" in note
    right = np.random.default_rng(0).uniform([0.5, 0.0], 1.0, size=(100, 2))
    np.testing.assert_allclose(model(right), product(right), rtol=1e-9)


def test_an_end_at_which_f_is_infinite_is_left_out():
    with np.errstate(divide="ignore"), pytest.warns(pml.FitWarning, match="got -inf"):
        model = pml.approximate(lambda x: np.log(x) * np.sqrt(1 + x), (0, 1), tolerance=1e-8, n_threads=1)
    x = np.linspace(0.01, 1, 50)
    np.testing.assert_allclose(model(x), np.log(x) * np.sqrt(1 + x), atol=1e-6)


@pytest.mark.parametrize(
    ("f", "said"),
    [
        (lambda X: 1 / 0, "ZeroDivisionError: division by zero"),
        (lambda X: np.full(len(X), np.nan), "got nan"),
        (lambda X: np.ones((2, 3, 4)), r"got an array of shape \(2, 3, 4\)"),
        (lambda X: "abc", "expected numbers"),
        (lambda X: np.sum(X) * 1j, "got complex"),
    ],
)
def test_a_function_without_any_value_is_refused_with_what_it_said(f, said):
    with pytest.raises(ValueError, match=f"f: expected finite real numbers somewhere in the box, got none.*{said}"):
        pml.approximate(f, SQUARE, n_threads=1)


@pytest.mark.parametrize(
    ("bounds", "message"),
    [
        ((1, 0), r"bounds\[0\]: expected finite numbers low < high, got \(1, 0\)"),
        ((0, np.inf), r"bounds\[0\]: expected finite"),
        ((0, np.nan), r"bounds\[0\]: expected finite"),
        ([(0, 1), (2, 2)], r"bounds\[1\]: expected finite numbers low < high, got \(2, 2\)"),
        (("0", "1"), "bounds: expected pairs of numbers"),
        ([(0, 1), (2,)], "bounds: expected pairs of numbers"),
        ([(0, 1, 2)], r"bounds: expected \(d, 2\)"),
        ([], r"bounds: expected \(d, 2\)"),
    ],
)
def test_bad_bounds_are_refused(bounds, message):
    with pytest.raises(ValueError, match=message):
        pml.approximate(np.sin, bounds)


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        ({"tolerance": 0.0}, "tolerance: expected a number > 0"),
        ({"max_evaluations": 5}, "max_evaluations: expected an integer >= 30, got 5"),
        ({"max_evaluations": 100.0}, "max_evaluations: expected an integer"),
        ({"time_limit": -1.0}, "time_limit: expected a number of seconds >= 0"),
        ({"input_names": ["a", "b"]}, "input_names: expected 1 names"),
        ({"n_threads": 0}, "n_threads: expected"),
        ({"vectorized": "yes"}, "vectorized: expected True, False or None"),
    ],
)
def test_bad_options_are_refused(keywords, message):
    with pytest.raises(ValueError, match=message):
        pml.approximate(np.sin, (0, 1), **keywords)


def test_a_slow_function_ends_in_time():
    def slow(x):
        time.sleep(0.01)
        return math.sin(9 * x[0]) * math.exp(math.sin(5 * x[1]))

    report = pml.approximate(slow, SQUARE, time_limit=1.5, n_threads=1).report
    assert "the time limit of 1.5 s was used up; calls of f took" in report.status
    assert report.evaluations <= 150  # of 0.01 s each


def test_no_time_at_all_still_gives_a_model():
    for f, bounds in ((np.sin, (0, 3)), (lambda X: np.sin(9 * X[:, 0] * X[:, 1]), SQUARE)):
        model = pml.approximate(f, bounds, time_limit=0.0, n_threads=1)
        assert np.isfinite(model.report.validation_rmse)


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_returns_the_best_model_so_far():
    calls = []

    def interrupted(x):
        calls.append(x)
        if len(calls) == 300:  # of some 1,800 that it takes
            os.kill(os.getpid(), signal.SIGINT)
        return math.sin(10 * x) + abs(x - 0.3)

    model = pml.approximate(interrupted, (-1, 1), n_threads=1)
    assert "interrupted from the keyboard" in model.report.status
    x = np.linspace(-1, 1, 9)
    np.testing.assert_allclose(model(x), np.sin(10 * x) + np.abs(x - 0.3), atol=0.1)
    assert "errors are those at the points it was made of" in model.report.status
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.parametrize(
    ("f", "bounds"),
    [
        (lambda x: 1e-300 * np.sin(1e300 * x), (0, 1e-300)),
        (lambda x: np.sin(9 * (x - 1e8)), (1e8, 1e8 + 1)),
        (lambda x: np.tanh(x / 1e308), (-1e308, 1e308)),
        (np.sin, (1.0, 1.0 + 1e-14)),
        (lambda x: 1e8 + np.sin(5 * x), (0, 1)),
    ],
)
def test_extreme_boxes_and_offsets_cost_nothing(f, bounds):
    assert pml.approximate(f, bounds, n_threads=1).report.validation_rmse < 1e-13


def test_a_box_far_from_zero_has_a_sparse_grid_too():
    def f(X):
        return uneven(X - 1e8)

    target = target_of(f, [(1e8, 1e8 + 1), (1e8, 1e8 + 1)])
    grid = SparseGrid(target, 1e-12)
    grid.refine(20_000)
    errors = relative_errors(grid.model(), f, [(1e8, 1e8 + 1)] * 2)
    assert np.sqrt(np.mean(errors**2)) < 1e-12


INSIDE_AND_AT_THE_ENDS = {
    "inside": (lambda x: 1.0 / (x - 0.3) + np.sin(x), (-1.0, 1.0), [0.3]),
    "at a break": (lambda x: 1.0 / x, (-1.0, 1.0), [0.0]),
    "at a break of halves": (lambda x: 1.0 / (x - 0.25) + np.cos(x), (-1.0, 1.0), [0.25]),
    "where no number is": (np.tan, (0.0, 3.0), [np.pi / 2]),
    "three": (np.tan, (0.0, 10.0), [np.pi / 2, 3 * np.pi / 2, 5 * np.pi / 2]),
    "at an end": (special.digamma, (0.0, 5.0), [0.0]),
    "at the upper end": (lambda x: 1.0 / np.sin(1.0 - x), (0.0, 1.0), [1.0]),
    "of both signs and a half": (lambda x: 1.0 / (x * (x - 0.5)) + np.exp(x), (-1.0, 1.0), [0.0, 0.5]),
    "of order 2": (lambda x: (x - 0.3) ** -2.0 + np.exp(x), (-1.0, 1.0), [0.3]),
    "of order 0.7": (lambda x: np.abs(x - 0.3) ** -0.7 + np.exp(x), (-1.0, 1.0), [0.3]),
    "small": (lambda x: 1e-6 / (x - 0.123) + np.exp(x), (-1.0, 1.0), [0.123]),
    "that divides by 0": (lambda x: 1.0 / x + math.sin(x), (-1.0, 1.0), [0.0]),
    "far from 0": (lambda x: 1.0 / np.sin(x - 1e6), (1e6 - 1.0, 1e6 + 1.0), [1e6]),
    "of one of two outputs": (lambda x: np.column_stack([np.sin(x), 1.0 / (x - 0.3)]), (-1.0, 1.0), [0.3]),
}


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pml_native.FitWarning")
@pytest.mark.parametrize("kind", INSIDE_AND_AT_THE_ENDS)
def test_a_pole_is_named_and_kept_apart(kind):
    f, bounds, poles = INSIDE_AND_AT_THE_ENDS[kind]
    model = pml.approximate(f, bounds, n_threads=1)
    report = model.report
    x = np.random.default_rng(1).uniform(*bounds, 2000)
    y = np.array([f(v) for v in x]) if kind == "that divides by 0" else f(x)
    assert np.median(np.abs(model(x) / y - 1.0)) < 1e-12
    assert np.percentile(np.abs(model(x) / y - 1.0), 99) < 1e-9
    assert report.validation_rmse < 1e-12
    assert report.evaluations < 3500 * len(poles)
    named = [float(note.split("x = ")[1].split(",")[0]) for note in report.warnings if "has a pole" in note]
    np.testing.assert_allclose(named, poles, rtol=1e-12, atol=1e-12)


def test_a_pole_is_warned_of():
    with pytest.warns(pml.FitWarning, match=r"f has a pole of order 1 at x = 0.3"):
        pml.approximate(lambda x: np.tan(x - 0.3 + np.pi / 2), (-1.0, 0.9), n_threads=1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pml_native.FitWarning")
def test_what_grows_slowly_or_only_almost_without_bound_is_named():
    log = pml.approximate(lambda x: np.log(np.abs(x - 0.3)) + np.sin(x), (-1, 1), n_threads=1).report
    assert any("grows without bound at x = 0.3, like a logarithm" in note for note in log.warnings)
    root = pml.approximate(lambda x: np.abs(x - 0.3) ** -0.25 + np.sin(x), (-1, 1), n_threads=1).report
    assert any("grows without bound at x = 0.3, like r^-0.25" in note for note in root.warnings)
    near = pml.approximate(special.digamma, (1e-12, 5.0), n_threads=1)
    assert any("grows like r^-1" in note and "towards x = 1e-12" in note for note in near.report.warnings)
    x = np.random.default_rng(1).uniform(0.0, 5.0, 1000)
    assert np.median(np.abs(near(x) / special.digamma(x) - 1.0)) < 1e-12
    for report in (log, root, near.report):
        assert report.validation_rmse < 1e-12
        assert report.evaluations < 3000


@pytest.mark.parametrize(
    ("f", "bounds", "jumps"),
    [
        (lambda x: np.where(x < 0.3, 1.0, 2.0 + x), (-1.0, 1.0), [0.3]),
        (lambda x: np.where(x < 0.0, 1.0, 2.0 + x), (-1.0, 1.0), [0.0]),
        (lambda x: np.where(x <= 0.25, np.sin(x), np.cos(x)), (-1.0, 1.0), [0.25]),
        (np.sign, (-1.0, 1.0), [0.0]),
        (lambda x: np.exp(x) + 1e-4 * (x > 0.123), (-1.0, 1.0), [0.123]),
        (lambda x: np.floor(x) + np.sin(x), (0.0, 4.0), [1.0, 2.0, 3.0, 4.0]),
        (lambda x: np.floor(x), (0.0, 4.7), [1.0, 2.0, 3.0, 4.0]),
        (lambda x: (5.0 * x) % 1.0, (0.0, 1.1), [0.2, 0.4, 0.6, 0.8, 1.0]),
        (lambda x: np.column_stack([np.sin(x), np.where(x < -0.7, x, x**2)]), (-1.0, 1.0), [-0.7]),
        (lambda x: math.exp(x) if x < 0.6 else math.sin(x), (-1.0, 1.0), [0.6]),
    ],
)
def test_a_jump_is_found_to_the_last_bit_wherever_it_falls(f, bounds, jumps):
    model = pml.approximate(f, bounds, n_threads=1)
    report = model.report
    inner = [place for place in jumps if place < bounds[1]]
    x = np.concatenate([np.random.default_rng(1).uniform(*bounds, 500), *np.nextafter(inner, [[-9.0], [9.0]])])
    y = np.array([f(v) for v in x]) if np.ndim(f(0.5)) == 0 and f.__name__ == "<lambda>" and jumps == [0.6] else f(x)
    np.testing.assert_allclose(model(x), y, rtol=0, atol=1e-11 * np.max(np.abs(y)))
    assert report.evaluations < 250 * len(jumps) + 550
    [note] = [note for note in report.warnings if "f jumps" in note]
    np.testing.assert_allclose([float(part.split(",")[0]) for part in note.split("x = ")[1:]], jumps, atol=1e-15)


def test_steep_and_oscillating_functions_have_no_jumps_or_poles():
    for f in (
        lambda x: np.tanh(1e4 * (x - 0.123)),
        lambda x: np.cos(700.0 * x),
        lambda x: np.exp(x) + np.abs(x - 0.3),
        lambda x: 1.0 / (1e-5 + (x - 0.2) ** 2),
        lambda x: np.sqrt(np.abs(x - 0.1)),
        lambda x: np.sin(x) / x,
    ):
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore", pml.FitWarning)
            report = pml.approximate(f, (-1.0, 1.0), n_threads=1).report
        assert report.validation_rmse < 1e-12
        assert not any(word in note for note in report.warnings for word in ("jumps", "pole", "without bound"))


SEVERAL_INPUTS = {
    "straight jump": (lambda X: np.where(X[:, 0] + 0.37 * X[:, 1] > 0.2, 2.0, 0.0) + np.cos(X[:, 0] * X[:, 1]), 2),
    "curved small jump": (lambda X: 1e-3 * (X[:, 0] > X[:, 1] ** 2) + np.exp(X[:, 0] * X[:, 1]), 2),
    "steps": (lambda X: np.floor(2 * X[:, 0] + X[:, 2]) + np.sin(3 * X[:, 0] * X[:, 1]), 3),
    "two outputs": (lambda X: np.column_stack([X[:, 0], np.where(X[:, 1] > X[:, 0], X[:, 1], 3.0)]), 2),
}


@pytest.mark.parametrize("kind", SEVERAL_INPUTS)
def test_a_jump_of_several_inputs_is_named_and_the_error_is_that_at_fresh_points(kind, no_fits):
    f, d = SEVERAL_INPUTS[kind]
    model = pml.approximate(f, [(-1.0, 1.0)] * d, max_evaluations=3000, n_threads=1)
    X = np.random.default_rng(7).uniform(-1.0, 1.0, size=(20_000, d))
    y = f(X)
    error = np.abs(model(X) - y) / np.sqrt(np.mean(y**2, axis=0))
    assert np.sqrt(np.mean(error**2)) < 3.0 * model.report.validation_rmse
    assert np.max(error) < 3.0 * model.report.validation_max
    assert "one for each side" in model.report.advice[0]
    [note] = [note for note in model.report.warnings if "f jumps" in note]
    place = np.array([float(part) for part in note.split("x = (")[1].split(")")[0].split(",")])
    away = 1e-5 * np.random.default_rng(0).normal(size=(50, d))
    smooth = 1e-4 * np.max(np.abs(y))
    assert np.max(np.ptp(f(place + away), axis=0)) > smooth


def of_two_laws(gap):
    """1 and 3, with a boundary x0 + x1 = 0.2 that is open within a gap of this width along each axis."""
    laws = [pml.Polynomial([[0, 0]], [value]) for value in (1.0, 3.0)]
    boundary = pml.Polynomial([[0, 0], [1, 0], [0, 1]], [-0.2, 1.0, 1.0])
    return pml.Regions(laws, boundary, margin=0.5 * gap)


@pytest.mark.parametrize("gap", [0.1, 1e-4, 1e-9])
def test_gaps_are_found_however_narrow(gap):
    low, high = np.full(2, -1.0), np.ones(2)
    found = gaps_of(of_two_laws(gap), low, high, np.random.default_rng(0))
    assert np.max(np.abs(found.X.sum(axis=1) - 0.2)) < gap
    assert np.all(found.apart == 2.0)
    # A line along an axis meets the boundary at 0.9 of its places.
    assert np.sum(found.share) == pytest.approx(0.9 * gap / 2.0, rel=0.2)


def test_models_without_gaps_have_none():
    low, high = np.full(2, -1.0), np.ones(2)
    for model in (of_two_laws(0.0), pml.Polynomial([[1, 1]], [2.0])):
        assert gaps_of(model, low, high, np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    "f", [lambda X: (X[:, 0] > 0.1) + X[:, 1], lambda X: np.where(X[:, 1] < -0.3, 2.0 * X[:, 0], X[:, 1])]
)
def test_the_error_of_a_model_that_jumps_contains_the_gap_that_no_point_is_in(f):
    report = (model := pml.approximate(f, [(-1.0, 1.0)] * 2, max_evaluations=1500, time_limit=600.0)).report
    X = np.random.default_rng(7).uniform(-1.0, 1.0, size=(200_000, 2))
    true = np.sqrt(np.mean((model(X) - f(X)) ** 2) / np.mean(f(X) ** 2))
    assert true < 3.0 * report.error
    assert report.error > 1e-6
    assert any("f jumps" in note for note in report.warnings)
    assert "one for each side" in report.advice[0]


@pytest.mark.parametrize("width", [1e-3, 3e-3])
def test_a_narrow_peak_that_holds_nearly_all_of_f_is_checked(width):
    def f(x):
        return 1.0 / ((x - 0.2) ** 2 + width**2)

    report = (model := pml.approximate(f, (-1.0, 1.0), n_threads=1)).report
    x = np.random.default_rng(7).uniform(-1.0, 1.0, 100_000)
    true = np.sqrt(np.mean((model(x) - f(x)) ** 2) / np.mean(f(x) ** 2))
    assert true < max(3.0 * report.error, 1e-14)
    assert true < 1e-12


@pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::pml_native.FitWarning")
@pytest.mark.parametrize(
    "f",
    [
        lambda X: 1.0 / (X[:, 0] - X[:, 1] + 0.1234) + np.sin(3 * X[:, 0] * X[:, 1]),
        lambda X: np.tan(3 * X[:, 0] + X[:, 1]),
        lambda X: np.exp(X[:, 1]) / (X[:, 0] - 0.1) + np.sin(3 * X[:, 0] * X[:, 1]),
    ],
)
def test_a_line_of_poles_is_named(f, no_fits):
    report = pml.approximate(f, [(-1.0, 1.0)] * 2, max_evaluations=3000, n_threads=1).report
    [note] = [note for note in report.warnings if "f has a pole" in note]
    place = np.array([float(part) for part in note.split("x = (")[1].split(")")[0].split(",")])
    assert np.max(np.abs(f(place + 1e-5 * np.random.default_rng(0).normal(size=(50, 2))))) > 1e4


def test_what_limits_is_said_for_jumps_noise_and_kinks():
    jump = pml.approximate(lambda x: np.where(x < 0.3, 1.0, 2.0 + x), (-1, 1), n_threads=1).report
    assert "f jumps by 1.3 at x = 0.3" in jump.warnings
    noise = np.random.default_rng(0)
    noisy = pml.approximate(lambda x: np.exp(x) + 1e-6 * noise.normal(size=len(x)), (-1, 1), n_threads=1).report
    assert "it has noise" in noisy.status
    assert "a tolerance above its noise" in noisy.advice[0]
    assert noisy.evaluations < 10_000
    kink = pml.approximate(lambda x: np.exp(x) + np.abs(x - 0.3), (-1, 1), n_threads=1).report
    assert any("it is at x = 0.3" in note for note in kink.warnings)


def test_a_spike_between_the_first_points_is_found_by_the_check():
    def f(x):
        return 1.0 + x + np.exp(-3e3 * (x - 0.377) ** 2)

    model = pml.approximate(f, (-1, 1), n_threads=1)
    assert np.max(relative_errors(model, f, (-1, 1))) < 1e-11


def test_intervals_of_a_sparse_function_and_their_errors_agree():
    target = target_of(lambda x: np.tanh(50 * (x - 0.123)), [(-1, 1)], flat=True)
    intervals = Intervals(target, 1e-10)
    intervals.refine(5000)
    errors = relative_errors(intervals.model(), lambda x: np.tanh(50 * (x - 0.123)), (-1, 1))
    assert intervals.looks_finished
    assert np.sqrt(np.mean(errors**2)) < 1e-10


def test_a_sparse_grid_reproduces_polynomials_exactly_and_keeps_few_terms():
    target = target_of(lambda X: 1 + X[:, 0] ** 3 * X[:, 1] + X[:, 2] ** 2, [(-1, 1), (0, 2), (3, 4)])
    grid = SparseGrid(target, 1e-14)
    grid.refine(1000)
    model = grid.model()
    assert np.max(relative_errors(model, target.f, [(-1, 1), (0, 2), (3, 4)])) < 1e-14
    assert model.n_params < 12


def test_a_sparse_grid_sees_what_vanishes_on_the_axes():
    target = target_of(lambda X: np.cos(20 * X[:, 0] * X[:, 1]), [(-1, 1), (-1, 1)])
    grid = SparseGrid(target, 1e-10)
    grid.refine(8000)
    assert grid.looks_finished  # which is wrong: f is 1 on both axes
    for n in range(1000, 8001, 1000):
        grid.refine(n, distrust=grid.looks_finished)
    errors = relative_errors(grid.model(), target.f, [(-1, 1), (-1, 1)])
    assert np.sqrt(np.mean(errors**2)) < 1e-10


def test_a_piecewise_model_is_saved_and_answers_everywhere(tmp_path):
    def f(x):
        return np.exp(x) + np.abs(x - 0.3)

    model = pml.approximate(f, (-1, 1), tolerance=1e-8, input_names=["t"], n_threads=1)
    assert isinstance(model, pml.Piecewise)
    assert model.signature.input_names == ("t",)
    model.save(tmp_path / "model.pml")
    again = pml.load(tmp_path / "model.pml")
    x = np.array([-2.0, -1.0, 0.3, 0.1, np.nan, 1.0, 2.0])
    np.testing.assert_array_equal(again(x), model(x))
    np.testing.assert_array_equal(again.gradient(x), model.gradient(x))
    assert again.report == model.report
    assert np.isnan(model(x)).tolist() == [False] * 4 + [True] + [False] * 2
    np.testing.assert_allclose(model.gradient(x)[[1, 3, 5], 0], [np.exp(-1) - 1, np.exp(0.1) - 1, np.e + 1], rtol=1e-5)
    high, low = model.extended(x[:3])
    np.testing.assert_allclose(high + low, model(x[:3]), rtol=1e-14)
    np.testing.assert_allclose(model.box(), [[-1.0], [1.0]])
    exported = model.to_numba()
    np.testing.assert_allclose([exported(x[i : i + 1]) for i in (0, 2, 6)], model(x[[0, 2, 6]]), rtol=1e-14)


def test_parts_that_do_not_fit_their_breaks_are_refused():
    one = pml.Polynomial([[0], [1]], [1.0, 2.0])
    two = pml.Polynomial([[0, 0]], [1.0])
    with pytest.raises(ValueError, match=r"breaks: expected \(3,\)"):
        pml.Piecewise([0.0, 1.0], [one, one])
    with pytest.raises(ValueError, match="breaks: expected finite increasing numbers"):
        pml.Piecewise([0.0, 1.0, 1.0], [one, one])
    with pytest.raises(ValueError, match=r"parts\[1\]: expected 1 inputs and 1 outputs, got \(2, 1\)"):
        pml.Piecewise([0.0, 1.0, 2.0], [one, two])
    with pytest.raises(ValueError, match="column: expected the number of an input, 0 to 1, got 2"):
        pml.Piecewise([0.0, 1.0], [two], column=2)
    with pytest.raises(ValueError, match=r"gaps: expected \(1, 2\), numbers around each break"):
        pml.Piecewise([0.0, 1.0, 2.0], [one, one], gaps=[[1.5, 2.0]])
    with pytest.raises(ValueError, match="orders: expected 1, one for each break between parts, got 2"):
        pml.Piecewise([0.0, 1.0, 2.0], [one, one], orders=[0, 1])
