"""Models that no row contradicts, and which of them to trust between the rows and beyond."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting.agreement import Box, estimates, most_trusted
from pml_native.report import Errors
from pml_native.search.search import Found


class Wrong:
    """x0, but for an error of `size` where all inputs are above `start`, and of `everywhere` elsewhere."""

    n_params = 1

    def __init__(self, size, start, everywhere=0.0):
        self.size, self.start, self.everywhere = size, start, everywhere

    def evaluate(self, X):
        wild = np.all(self.start < X, axis=1)
        return (X[:, 0] + np.where(wild, self.size, self.everywhere))[:, None]


def rival(maker, error, *wrong):
    return Found(Wrong(*wrong), Errors(error, error, error), error, "wrong", "", maker, "")


@pytest.fixture
def box():
    X = np.random.default_rng(0).random((4000, 4))
    return Box(as_samples(X, X[:, 0]), np.random.default_rng(0), 1)


def test_a_model_that_is_wild_in_a_corner_loses_to_one_that_another_bears_out(box):
    rivals = [
        rival("a", 1e-9, 1.0, 0.9, 1e-9),
        rival("b", 1e-7, 1e-7, 0.9, 1e-7),
        rival("c", 1e-6, -1e-6, 0.9, -1e-6),
    ]
    found = estimates(rivals, box)
    assert found[0].over_box > 1e-3
    assert found[0].is_suspicious
    assert found[1].over_box == pytest.approx(1.9e-6, rel=0.2)  # 1.1e-6 over the RMS of x0
    assert most_trusted(rivals, found) == 1


def test_a_model_that_is_infinite_in_a_corner_is_as_far_off_as_can_be(box):
    rivals = [rival("a", 1e-9, np.inf, 0.9, 1e-9), rival("b", 1e-7, 1e-7, 0.9, 1e-7)]
    assert estimates(rivals, box)[0].over_box > 1.0


def test_the_estimate_is_the_error_over_the_box_however_small_the_corner(box):
    wrong = [rival("a", 0.0, 1.0, start) for start in (0.5, 0.9)]
    for one, start in zip(wrong, (0.5, 0.9), strict=True):
        found = estimates([one, rival("b", 0.0, 0.0, 1.0)], box)
        assert found[0].over_box == pytest.approx((1.0 - start) ** 2 * np.sqrt(3.0), rel=0.25)


def test_a_model_fitted_twice_bears_out_nothing(box):
    twice = [rival("a", 1e-9, 1.0, 0.9, 1e-9), rival("b", 1e-9, 1.0, 0.9, 1e-9)]
    found = estimates(twice, box)
    assert [one.over_box for one in found] == [np.inf, np.inf]
    assert most_trusted(twice, found) == 0
    same_maker = [rival("a", 1e-9, 1.0, 0.9, 1e-9), rival("a", 1e-6, 1.0, 0.9, 1e-6)]
    found = estimates(same_maker, box)
    assert [one.over_box for one in found] == [np.inf, np.inf]


def test_the_best_at_the_rows_is_taken_where_all_agree(box):
    rivals = [rival("a", 1e-12, 1e-12, 0.9, 1e-12), rival("b", 1e-7, 1e-7, 0.9, 1e-7)]
    found = estimates(rivals, box)
    assert max(one.over_box for one in found) < 3e-7
    assert not any(one.is_suspicious for one in found)
    assert most_trusted(rivals, found) == 0


def test_a_model_that_meets_all_rows_to_rounding_stays(box):
    rivals = [
        rival("a", 1e-15, 1.0, 0.9, 1e-15),
        rival("b", 1e-7, 1e-7, 0.9, 1e-7),
        rival("c", 1e-6, -1e-6, 0.9, -1e-6),
    ]
    assert most_trusted(rivals, estimates(rivals, box)) == 0


def test_an_exact_model_is_not_given_up_for_a_crude_one_however_wild_a_corner(box):
    """The exponential of a polynomial may be infinite there."""
    rivals = [
        rival("a", 1e-15, 1e200, 0.9, 1e-15),
        rival("b", 1e-3, 1e-3, 0.9, 1e-3),
        rival("c", 1e-2, -1e-2, 0.9, -1e-2),
    ]
    found = estimates(rivals, box)
    assert 1.0 < found[0].over_box < np.inf
    assert most_trusted(rivals, found) == 0


def test_a_crude_witness_says_nothing(box):
    rivals = [rival("a", 1e-15, 0.0, 0.9), rival("b", 1e-3, 1e-3, 0.9, 1e-3)]
    found = estimates(rivals, box)
    assert found[0].over_box > 1e-4
    assert not found[0].says_something
    assert not found[0].is_suspicious


def test_fit_reports_the_size_of_its_error_over_the_box():
    rng = np.random.default_rng(5)
    X = rng.uniform(1.0, 5.0, (600, 3))

    def f(X):
        return np.tanh(X[:, 0] - np.sqrt(X[:, 1])) + X[:, 2] * np.sin(X[:, 1] + 0.1 * X[:, 0] ** 2)

    model = pml.fit(X, f(X), effort=0.02, n_threads=1, progress=False)
    new = rng.uniform(X.min(axis=0), X.max(axis=0), (20_000, 3))
    error = Errors.of(model(new)[:, None], f(new)[:, None])
    assert model.report.box_rmse is not None
    # What no row tells can be known by its size only: at the rows the error is another hundred times smaller.
    assert error.rmse < 30 * model.report.box_rmse
    assert f"{model.report.box_rmse:.1e}" in str(model.report)
