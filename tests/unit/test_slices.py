"""Slices through models."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.fitting.diagnosis import residuals_of
from pml_native.slices import MOST_LOOKED_AT, MOST_SLICES, POINTS, slices_of


def of(f, X, gradient=None, **options):
    """Slices of a function of the rows X, their names being x0, x1, ..."""
    box = list(zip(X.min(axis=0).tolist(), X.max(axis=0).tolist(), strict=True))
    names = [f"x{j}" for j in range(X.shape[1])]
    return slices_of(lambda at: f(at)[:, None], gradient, box, names, X, 2.0), box


def test_a_slice_has_the_values_of_the_model_along_its_input_through_the_row_nearest_to_the_middle():
    X = np.random.default_rng(0).uniform(-1.0, 1.0, (50, 2))
    X[7] = 0.01
    (through, found), box = of(lambda at: 1.0 + at[:, 0] * at[:, 1] ** 2, X)
    assert [one.name for one in found] == ["x0", "x1"]
    assert through == (0.01, 0.01)
    for one, (low, high) in zip(found, box, strict=True):
        assert one.places(low, high)[[0, -1]].tolist() == [low, high]
    x = found[0].places(*box[0])
    np.testing.assert_allclose(found[0].y, (1.0 + x * 0.01**2) / 2.0, rtol=1e-3)


@pytest.mark.parametrize(("power", "is_log"), [(False, False), (True, True)])
def test_an_input_uniform_in_its_logarithm_is_sliced_in_it(power, is_log):
    x = np.random.default_rng(0).uniform(0.0, 4.0, (400, 1))
    (_, found), ((low, high),) = of(lambda at: at[:, 0], 10.0**x if power else x)
    assert found[0].is_log is is_log
    np.testing.assert_allclose(found[0].y, found[0].places(low, high) / 2.0, rtol=1e-3)


def test_inputs_that_change_y_most_are_taken_and_constant_ones_never():
    d = MOST_LOOKED_AT + 50
    X = np.random.default_rng(0).uniform(0.0, 1.0, (20, d))
    X[:, 3] = 1.0
    weights = np.where(np.arange(d) >= d - 5, 1.0, 1e-3)
    evaluated = []

    def f(at):
        evaluated.append(len(at))
        return at @ weights

    (_, found), _ = of(f, X, gradient=lambda at: np.tile(weights, (len(at), 1, 1)))
    assert len(found) == MOST_SLICES
    assert {f"x{j}" for j in range(d - 5, d)} <= {one.name for one in found}
    assert "x3" not in [one.name for one in found]
    assert sum(evaluated) == MOST_LOOKED_AT * POINTS


def test_reports_of_both_doors_have_slices_and_files_keep_them(tmp_path):
    rng = np.random.default_rng(0)
    X = 1e6 + rng.uniform(0.0, 1.0, (60, 2))
    fitted = pml.fit(X, X[:, 0] - X[:, 1], effort=0.02, progress=False)
    called = pml.approximate(lambda x: x[:, 0] * x[:, 1], [(0.0, 1.0), (0.0, 1.0)], progress=False)
    for model in (fitted, called):
        assert [one.name for one in model.report.slices] == ["x0", "x1"]
        model.save(tmp_path / "model.pml")
        assert pml.load(tmp_path / "model.pml").report == model.report
        assert len(model.report.slices_through) == 2
    # Rows that stand beside slices keep the digits in which they differ.
    assert len({row[0] for row in fitted.report.residuals}) == len(fitted.report.residuals)


def test_reports_of_thousands_of_columns_stay_small():
    X = np.random.default_rng(0).uniform(0.0, 1.0, (300, 3000))
    rows = residuals_of(pml.Polynomial(np.eye(1, 3000, dtype=int), [1.0]), X, X[:, :1])
    assert 10 <= len(rows) <= 40
