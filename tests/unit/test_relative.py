"""Errors relative to each y, and rows of weight 0."""

import json
import warnings

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.cli import main
from pml_native.fitting.reduced import reduced
from pml_native.models.reduced import Variables
from pml_native.report import Errors, FitReport
from pml_native.search.search import Rows
from pml_native.tables import write_csv

LITTLE = 0.004
METHODS = ("auto", "polynomial", "rational", "algebraic", "separable", "network", "random_features", "rbf", "simplex")


def decades(X):
    """Eight decades, and no polynomial in its logarithm."""
    return np.exp(-18.0 * X[:, 0]) * (1.0 + X[:, 0] * X[:, 1])


def table(f, n=200, d=2, seed=0):
    X = np.random.default_rng(seed).uniform(0.0, 1.0, (n, d))
    return X, f(X)


def relative_errors(model, f, d=2):
    X, y = table(f, 2000, d, seed=1)
    return np.abs(model(X) - y) / np.abs(y)


# --- what an error is relative to


def test_the_errors_of_relative_weights_are_those_over_each_y():
    y = np.array([[1e-8], [1e-3], [-1e4]])
    e = np.array([0.1, 0.2, -0.3])
    samples = as_samples(np.arange(3.0), y, error="relative")
    errors = Errors.of(y * (1.0 + e[:, None]), y, samples.sample_weight, is_relative=True)
    assert errors.rmse == pytest.approx(np.sqrt(np.mean(e**2)))
    assert errors.max == pytest.approx(0.3)
    assert errors.relative == (pytest.approx(0.2), errors.p95, errors.max)


def test_weights_of_relative_errors_multiply_those_given():
    y, e, weight = np.array([[1.0], [100.0]]), np.array([[0.1], [0.2]]), [1.0, 3.0]
    samples = as_samples(np.arange(2.0), y, weight, error="relative")
    rows = Rows(samples, samples)
    assert rows.held_out_rmse(y * (1.0 + e)) == pytest.approx(np.sqrt((0.1**2 + 3.0 * 0.2**2) / 4.0))


def test_absolute_errors_come_with_relative_ones_where_y_keeps_its_sign():
    y = np.array([[1e-3], [1.0], [2.0]])
    errors = Errors.of(y + 1e-4, y)
    assert errors.relative == pytest.approx((1e-4, 0.09, 0.1), rel=0.05)
    assert Errors.of(y + 1e-4, y - 1.0).relative is None
    assert Errors.of(np.full((3, 1), np.nan), y).relative == (np.inf,) * 3


def test_a_logarithm_has_the_weights_of_the_rows_and_not_those_of_y():
    X, y = table(decades)
    weight = np.linspace(1.0, 2.0, len(y))
    samples = as_samples(X, y, weight, error="relative")
    logarithm = samples.in_coordinates(X, np.log(y)[:, None], y)
    np.testing.assert_allclose(logarithm.sample_weight, weight / weight.mean(), rtol=1e-12)
    assert not logarithm.is_relative


# --- fits


# What is the RMS of relative errors at fresh points; over y, absolute fits of the latter two come to 90 and 7000.
@pytest.mark.parametrize(
    ("method", "least"),
    [("auto", 1e-6), ("polynomial", 1e-6), ("network", 0.01), ("separable", 0.2), ("random_features", 5.0)],
)
def test_small_values_are_as_exact_as_large_ones(method, least):
    X, y = table(decades)
    model = pml.fit(X, y, method=method, error="relative", effort=LITTLE, progress=False)
    error = np.sqrt(np.mean(relative_errors(model, decades) ** 2))
    assert error < least
    assert model.report.error_kind == "relative"
    assert error / 10.0 < model.report.validation_rmse < 10.0 * error


def test_a_sum_of_products_of_both_signs_is_exact_relative_to_each_y():
    def f(X):
        return np.exp(-9.0 * X[:, 0]) * np.where(X[:, 1] > 0.5, 1.0, -1.0) * (1.0 + X[:, 1] ** 2) * (X[:, 1] - 0.5)

    X, y = table(lambda X: f(X) * np.sign(X[:, 1] - 0.5))
    model = pml.fit(X, y, method="separable", error="relative", effort=LITTLE, progress=False)
    assert (y > 0).any()
    assert (y < 0).any()
    assert model.report.validation_max < 1e-6
    assert model.report.relative_max == model.report.validation_max


def test_in_the_variables_of_a_symmetry_weights_are_those_of_what_is_fitted_there():
    """y = x0^12 g(x1 / x0): what is fitted is g, and its weights are 1 / g^2."""
    X = np.random.default_rng(0).uniform(1.0, 6.0, (300, 2))
    y = X[:, 0] ** 12 / (1.0 + X[:, 1] / X[:, 0])
    variables = Variables(("product",), np.array([[-1.0, 1.0]]), np.array([12.0, 0.0]))
    within = reduced(as_samples(X, y, error="relative"), variables)
    assert within.is_relative
    weight = within.y[:, 0] ** -2.0
    np.testing.assert_allclose(within.sample_weight, weight / weight.mean(), rtol=1e-9)


def test_the_error_to_expect_is_relative_too():
    X, y = table(decades)
    model = pml.fit(X, y, method="random_features", error="relative", effort=LITTLE, progress=False)
    fresh = table(decades, 2000, seed=1)[0]
    own = relative_errors(model, decades)
    assert np.mean(own <= model.error_estimate(fresh)) > 0.9
    true = np.sqrt(np.mean(own**2))
    assert true / 5.0 < model.report.error < 100.0 * true


def test_each_of_several_outputs_has_errors_relative_to_its_values():
    def both(X):
        return np.stack([decades(X), 1e30 * np.exp(9.0 * X[:, 1])], axis=1)

    X, y = table(both)
    weight = np.linspace(1.0, 2.0, len(y))
    options = {"method": "random_features", "error": "relative", "effort": LITTLE, "progress": False}
    model = pml.fit(X, y, sample_weight=weight, **options)
    alone = [pml.fit(X, y[:, j], sample_weight=weight, **options) for j in range(2)]
    Q, wanted = table(both, 2000, seed=1)
    error = np.sqrt(np.mean((model(Q) / wanted - 1.0) ** 2, axis=0))
    for j, one in enumerate(alone):
        assert error[j] <= 10.0 * np.sqrt(np.mean((one(Q) / wanted[:, j] - 1.0) ** 2))
    report = model.report
    assert report.error_kind == "relative"
    assert report.relative_median < report.relative_max == report.validation_max
    # The RMSE of all is the root of the mean of their squares.
    assert report.validation_rmse == pytest.approx(np.sqrt(np.mean([one.rmse**2 for one in report.output_errors])))
    assert max(one.max for one in report.output_errors) == report.relative_max
    assert np.mean(error) / 30.0 < report.error < 30.0 * np.mean(error)


def test_relative_errors_of_an_output_that_is_0_somewhere_are_refused_by_its_rows():
    X, y = table(lambda X: X + 1.0)
    y[8, 1] = 0.0
    with pytest.raises(ValueError, match=r"got 0 in the rows 8$"):
        pml.fit(X, y, error="relative")


def test_an_estimate_of_relative_errors_survives_a_file(tmp_path):
    X, y = table(decades)
    model = pml.fit(X, y, method="polynomial", error="relative", effort=LITTLE, progress=False)
    model.save(tmp_path / "model")
    again = pml.load(tmp_path / "model")
    np.testing.assert_array_equal(again.error_estimate(X), model.error_estimate(X))
    assert again.report == model.report


def test_the_families_own_doors_take_relative_errors():
    X, y = table(decades)
    for door, least in ((pml.fit_polynomial, 1e-6), (pml.fit_separable, 0.2), (pml.fit_random_features, 1.0)):
        assert np.median(relative_errors(door(X, y, error="relative", effort=LITTLE), decades)) < least


# --- what the report says


def test_a_report_always_has_errors_relative_to_each_y():
    X, y = table(decades)
    report = pml.fit(X, y, method="simplex", effort=LITTLE, progress=False).report
    assert report.error_kind == "absolute"
    assert report.relative_median < report.relative_p95 < report.relative_max
    assert f"relative to each y: median {report.relative_median:.1e}" in str(report)
    assert "relative to each y: median" in report.to_html()
    assert FitReport.from_dict(json.loads(report.to_json())) == report


def test_no_error_is_relative_to_0():
    X, y = table(lambda X: X[:, 0] - 0.5)
    report = pml.fit(X, y, method="simplex", effort=LITTLE, progress=False).report
    assert report.relative_median is report.relative_p95 is report.relative_max is None
    assert "relative to each y" not in str(report)


def test_a_report_says_that_its_errors_are_relative():
    X, y = table(decades)
    report = pml.fit(X, y, method="simplex", error="relative", effort=LITTLE, progress=False).report
    assert "errors relative to each y on" in str(report)
    assert "Errors on held-out rows, over each y" in report.to_html()
    assert report.relative_p95 == report.validation_p95
    assert max(abs(row[-1]) for row in report.residuals) == pytest.approx(report.validation_max, rel=1e-3)


def test_the_command_and_the_regressor_take_relative_errors(tmp_path):
    X, y = table(decades, 60)
    write_csv(tmp_path / "table.csv", ["a", "b", "y"], np.column_stack([X, y]))
    options = ["--method", "simplex", "--error", "relative", "--effort", "0.001", "--quiet"]
    assert main(["fit", str(tmp_path / "table.csv"), "--target", "y", "-o", str(tmp_path / "model"), *options]) == 0
    assert pml.load(tmp_path / "model").report.error_kind == "relative"
    regressor = pml.PrecisionRegressor(method="simplex", error="relative", effort=0.001).fit(X, y)
    assert regressor.model_.report.error_kind == "relative"


def test_a_spline_is_chosen_by_relative_errors():
    axis = np.linspace(0.0, 1.0, 17)
    report = pml.fit(axis, np.exp(-20.0 * axis), method="spline", error="relative", progress=False).report
    assert report.validation_max == report.relative_max
    assert report.validation_rmse < report.relative_max


def test_a_function_that_is_called_reports_both():
    report = pml.approximate(lambda x: np.exp(-9.0 * x), (0.0, 1.0), max_evaluations=200, progress=False).report
    assert 0.0 < report.relative_median <= report.relative_max


# --- what can't be


def test_what_relative_errors_need_is_said():
    X, y = table(decades)
    y[[3, 17]] = 0.0
    with pytest.raises(ValueError, match=r"y: expected values other than 0 .* got 0 in the rows 3, 17$"):
        pml.fit(X, y, error="relative")
    with pytest.raises(ValueError, match="in the rows 0, 1, 2, 3, 4 and 195 more"):
        pml.fit(X, np.zeros(len(X)), error="relative")
    with pytest.raises(
        ValueError, match=r"magnitudes within a factor of 1e\+100 .* got 1e-200 to 1; fit their logarithm"
    ):
        pml.fit(X, np.r_[1e-200, np.ones(len(X) - 1)], error="relative")
    with pytest.raises(ValueError, match="error: expected one of absolute, relative, got 'both'"):
        pml.fit(X, y, error="both")
    with pytest.raises(ValueError, match="y: expected values other than 0"):
        pml.fit(X, X[:, 0] + 1.0, error="relative", validation=(X, X[:, 0] * 0.0))


def test_rows_are_named_by_the_numbers_that_they_had():
    X, y = table(decades)
    weight = np.ones(len(y))
    weight[:5], y[9] = 0.0, 0.0
    with pytest.raises(ValueError, match=r"in the rows 9$"):
        pml.fit(X, y, sample_weight=weight, error="relative")
    y[9] = np.nan
    with pytest.raises(ValueError, match="1 NaN and 0 infinite, the first in row 9, column 0"):
        pml.fit(X, y, sample_weight=weight)


# --- rows of weight 0


@pytest.mark.parametrize("method", METHODS)
def test_rows_of_weight_0_count_nowhere(method):
    """The model is that of the others, to the last bit, whatever the rows hold."""
    X, y = table(lambda X: np.exp(X[:, 0]) + X[:, 1] ** 2, 120)
    kept = np.random.default_rng(1).random(len(y)) < 0.6
    masked_X, masked_y = X.copy(), y.copy()
    masked_X[~kept], masked_y[~kept] = np.inf, np.nan
    options = {"method": method, "effort": 0.001, "time_limit": None, "progress": False}
    masked = pml.fit(masked_X, masked_y, sample_weight=np.where(kept, 2.5, 0.0), **options)
    alone = pml.fit(X[kept], y[kept], sample_weight=np.ones(kept.sum()), **options)
    np.testing.assert_array_equal(masked(X), alone(X))
    assert masked.report.n_train + masked.report.n_validation == kept.sum()
    assert any(f"{np.sum(~kept)} rows of weight 0 left out" in line for line in masked.report.path)


@pytest.mark.parametrize("seed", range(6))
def test_what_is_held_out_has_weight(seed):
    """With three rows in four masked, all those held out used to be, in one fit of ten."""
    X, y = table(lambda X: X[:, 0] * X[:, 1], 60)
    weight = np.r_[np.zeros(45), np.ones(15)]
    model = pml.fit(X, y, sample_weight=weight, method="polynomial", effort=1e-4, random_state=seed, progress=False)
    assert np.isfinite(model.report.validation_rmse)


def test_too_few_rows_of_weight_are_refused():
    X, y = table(lambda X: X[:, 0], 60)
    with pytest.raises(ValueError, match="X: expected at least 10 rows of weight above 0 for 2 columns, got 9"):
        pml.fit(X, y, sample_weight=np.arange(60) < 9)
    with pytest.raises(ValueError, match="X: expected at least 3 rows, of which one is held out, got 2"):
        pml.fit_polynomial(X, y, sample_weight=np.arange(60) < 2)


def test_weights_of_all_sizes_are_as_good_as_their_ratios():
    """1 / sigma^2, with sigma of any unit."""
    X, y = table(lambda X: np.exp(X[:, 0]), 60)
    sigma = np.linspace(1.0, 2.0, 60)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        models = [
            pml.fit(X, y, sample_weight=(sigma * unit) ** -2.0, method="polynomial", effort=1e-4, progress=False)
            for unit in (1.0, 2.0**500, 2.0**-500)
        ]
    np.testing.assert_array_equal(models[0](X), models[1](X))
    np.testing.assert_array_equal(models[0](X), models[2](X))
