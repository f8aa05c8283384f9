"""Rows that are left out where a user asks for it: those where a value is missing, and those far from all others."""

import re

import numpy as np
import pandas as pd
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.cli import main
from pml_native.tables import write_csv

QUICK = {"method": "polynomial", "effort": 1e-3, "time_limit": None, "progress": False, "n_threads": 1}
LITTLE = {"effort": 0.01, "time_limit": None, "progress": False, "n_threads": 1}


def rows(n=200, d=2, seed=0):
    return np.random.default_rng(seed).uniform(0.1, 1.0, (n, d))


def smooth(X):
    return np.exp(-X[:, 0]) * np.sin(3.0 * X[:, -1]) + X[:, 0]


def rms_error(model, f=smooth):
    Q = rows(1000, seed=1)
    return np.sqrt(np.mean((model(Q) - f(Q)) ** 2))


# --- missing values


def test_rows_with_missing_values_are_left_out_if_asked():
    X, y = rows(), smooth(rows())
    with_holes, of_y = X.copy(), y.copy()
    with_holes[[3, 50], [0, 1]], of_y[[50, 199]] = np.nan, np.nan
    model = pml.fit(with_holes, of_y, missing="drop", **QUICK)
    kept = np.setdiff1d(np.arange(200), [3, 50, 199])
    np.testing.assert_array_equal(model(X), pml.fit(X[kept], y[kept], **QUICK)(X))
    assert any("3 rows with missing values left out, as asked: 3, 50, 199" in line for line in model.report.path)


def test_labels_of_regions_are_those_of_all_rows_whichever_are_left_out():
    X = rows()
    labels = np.where(X[:, 0] > 0.5, "ice", "water")
    y = np.where(X[:, 0] > 0.5, X[:, 1] ** 2 + 1.0, X[:, 0])
    y[3], X[50, 1], y[7] = np.nan, np.nan, 50.0
    weight = np.ones(200)
    weight[20] = 0.0
    options = {**LITTLE, "missing": "drop", "outliers": "drop", "regions": labels}
    model = pml.fit(X, y, sample_weight=weight, **options)
    kept = np.setdiff1d(np.arange(200), [3, 7, 20, 50])
    assert np.max(np.abs(model(X[kept]) - y[kept])) < 1e-10
    with pytest.raises(ValueError, match=r"regions: expected .* \(200,\) labels, got an array \(196,\)"):
        pml.fit(X, y, sample_weight=weight, **{**options, "regions": labels[kept]})


def test_the_error_for_missing_values_names_the_option():
    X, y = rows(), smooth(rows())
    y[7] = np.nan
    expected = 'y: expected finite numbers, got 1 NaN and 0 infinite, the first in row 7, column 0; missing="drop"'
    with pytest.raises(ValueError, match=re.escape(expected)):
        pml.fit(X, y)
    y[7] = np.inf
    for missing in ("raise", "drop"):  # an infinity is not missing
        with pytest.raises(ValueError, match=r"0 NaN and 1 infinite, the first in row 7, column 0$"):
            pml.fit(X, y, missing=missing)
    with pytest.raises(ValueError, match="missing: expected one of raise, drop, got 'mean'"):
        pml.fit(X, y, missing="mean")


@pytest.mark.parametrize(
    "column",
    [
        [0.5, None, 0.25, 1.0],
        np.ma.masked_array([0.5, 9.0, 0.25, 1.0], [False, True, False, False]),
        pd.Series([0.5, None, 0.25, 1.0], dtype="Float64"),
        pd.DataFrame({"a": pd.Series([5, None, 3, 1], dtype="Int64")}),
    ],
)
def test_whatever_says_that_a_value_is_missing_is_understood(column):
    samples = as_samples(column, np.arange(4.0), missing="drop")
    np.testing.assert_array_equal(samples.y[:, 0], [0.0, 2.0, 3.0])
    np.testing.assert_array_equal(samples.numbers, [0, 2, 3])


def test_the_table_of_a_user_is_not_changed():
    column = np.array([0.5, None, 0.25, 1.0], dtype=object)
    as_samples(column, np.arange(4.0), missing="drop")
    assert column[1] is None


def test_rows_of_weight_0_are_not_counted_as_missing():
    X, y, weight = rows(), smooth(rows()), np.ones(200)
    y[:5], weight[:3] = np.nan, 0.0
    path = "\n".join(pml.fit(X, y, sample_weight=weight, missing="drop", **QUICK).report.path)
    assert "3 rows of weight 0 left out" in path
    assert "2 rows with missing values left out, as asked: 3, 4" in path


def test_a_table_of_which_no_row_is_whole_is_refused():
    with pytest.raises(ValueError, match="expected a row of weight above 0 without missing values, got none"):
        pml.fit(rows(), np.full(200, np.nan), missing="drop")


# --- outliers


@pytest.mark.parametrize(("n", "bad"), [(300, [7, 299]), (4000, [1, 701, 1401])])
def test_outliers_are_left_out_if_asked_and_named(n, bad, tmp_path):
    X = rows(n)
    y = smooth(X)
    y[bad] += [5.0, -0.5, 0.05][: len(bad)]
    kept = pml.fit(X, y, **LITTLE)
    assert kept.report.outliers == tuple(bad)
    assert rms_error(kept) > 1e-4
    model = pml.fit(X, y, outliers="drop", **LITTLE)
    assert model.report.outliers == tuple(bad)
    assert rms_error(model) < 1e-8
    numbers = ", ".join(map(str, bad))
    assert any(f"rows left out, as asked, with y far from what others say: {numbers}" in s for s in model.report.path)
    model.save(tmp_path / "model.pml")
    assert pml.load(tmp_path / "model.pml").report == model.report


def test_outliers_of_any_output_are_left_out_by_the_numbers_of_the_table():
    X = rows(300)
    y = np.stack([smooth(X), X[:, 0] * X[:, 1]], axis=1)
    y[40, 0], y[60, 1], y[5, 0] = 3.0, -2.0, np.nan
    model = pml.fit(X, y, outliers="drop", missing="drop", **LITTLE)
    assert model.report.outliers == (40, 60)
    assert any("1 row with missing values left out, as asked: 5" in line for line in model.report.path)
    assert model.report.validation_rmse < 1e-8


@pytest.mark.parametrize(
    "f", [smooth, lambda X: np.abs(X[:, 0] - 0.4), lambda X: np.where(X.sum(axis=1) > 1.1, 1.0, 0.0)]
)
def test_without_outliers_a_fit_is_the_same_with_looks_for_them(f):
    X = rows(150)
    models = [pml.fit(X, f(X), outliers=outliers, **QUICK) for outliers in ("keep", "drop")]
    np.testing.assert_array_equal(models[0](X), models[1](X))
    assert models[1].report.outliers == ()


def test_the_command_takes_both_options(tmp_path):
    X = rows(300)
    y = smooth(X)
    y[3], y[9] = np.nan, 7.0
    write_csv(tmp_path / "table.csv", ["a", "b", "y"], np.column_stack([X, y]))
    options = ["--missing", "drop", "--outliers", "drop", "--effort", "0.01", "--quiet"]
    assert main(["fit", str(tmp_path / "table.csv"), "--target", "y", "-o", str(tmp_path / "m.pml"), *options]) == 0
    assert pml.load(tmp_path / "m.pml").report.outliers == (9,)
    with pytest.raises(ValueError, match="outliers: expected one of keep, drop, got 'hide'"):
        pml.fit(X, X[:, 0], outliers="hide")
