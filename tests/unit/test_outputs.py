"""Several outputs: each by the model that suits it, many as sums of few, and the errors of each in the report."""

from dataclasses import replace

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting.kept import kept_outputs
from pml_native.models import Mixed, Outputs
from pml_native.report import Errors, OutputErrors
from pml_native.search.search import Rows

LITTLE = 0.01


def rows(n=600, d=3, seed=0):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, size=(n, d))


def distance(X):
    return np.hypot(X[:, 0] - 2.0, X[:, 1])


def wave(X):
    return np.exp(X[:, 0] * X[:, 2]) * np.cos(3.0 * X[:, 1])


def kink(X):
    return np.abs(X[:, 0] - 0.3 * X[:, 1]) + X[:, 0] * np.sin(2.0 * X[:, 2])


def side_by_side(*functions):
    return lambda X: np.stack([f(X) for f in functions], axis=1)


def errors(model, f, seed=1):
    Q = rows(2000, seed=seed)
    return np.sqrt(np.mean((model(Q) - f(Q)) ** 2, axis=0) / np.mean(f(Q) ** 2, axis=0))


def spectrum(X, m=60):
    """A product of a function of each input at each of m places: of a rank of some ten."""
    u = np.linspace(0.5, 4.0, m)
    a, t = (X.T[:2, :, None] + 3.0) / 2.0
    return a * u**3 / np.expm1(u / t)


@pytest.fixture(scope="module")
def pair():
    """A model of a simple output and a hard one."""
    both = side_by_side(distance, kink)
    return pml.fit(rows(300), both(rows(300)), effort=LITTLE, time_limit=None, output_names=["simple", "hard"])


def test_a_simple_output_is_as_exact_beside_a_hard_one_as_alone(pair):
    simple, hard = errors(pair, side_by_side(distance, kink))
    assert simple < 1e-14
    assert hard > 1e-6
    assert isinstance(pair, Outputs)
    assert "each by its own" in pair.report.description


@pytest.mark.parametrize("effort", [0.0, 0.001])
def test_each_of_few_outputs_is_bit_for_bit_the_model_that_it_is_alone(effort):
    """With shared work outputs came to 2e-4 and 4e-10 that come to 2e-8 and 1e-11 alone; without any, a fit of two went
    on forever."""
    X, Q = rows(300), 0.9 * rows(200, seed=1)
    f = side_by_side(lambda X: np.sin(2.0 * X[:, 0] + X[:, 1]) / (2.0 + X[:, 2]), distance, kink)
    y = f(X)
    y[:, 1] = np.round(y[:, 1], 7)  # an output of few digits ends where these do, and the others don't
    options = {"effort": effort, "time_limit": None, "n_threads": 1}
    together = pml.fit(X, y, **options)
    for j in range(3):
        alone = pml.fit(X, y[:, j], **options)
        np.testing.assert_array_equal(together(Q)[:, j], alone(Q))
    assert together.report.effort < 2.0 * effort + 0.001


def test_an_output_may_be_one_of_a_model_of_all_beside_one_of_its_own(monkeypatch):
    monkeypatch.setattr("pml_native.fitting.outputs.BETTER", 1e-6)  # models of all are taken where they are no better
    f = side_by_side(distance, wave)
    model = pml.fit(rows(300), f(rows(300)), effort=0.002, time_limit=None, n_threads=1)
    assert isinstance(model, Outputs)
    assert [part.signature.n_outputs for part in model.parts] == [1, 2]
    simple, hard = errors(model, f)
    assert simple < 1e-14
    assert hard < 0.1


def test_the_report_has_the_errors_of_each_output(pair, tmp_path):
    report = pair.report
    assert [one.name for one in report.output_errors] == ["simple", "hard"]
    assert report.output_errors[0].rmse < 1e-14 < report.output_errors[1].rmse
    # The RMSE of all is the root of the mean of their squares.
    mean = np.sqrt(np.mean([one.rmse**2 for one in report.output_errors]))
    assert mean == pytest.approx(report.validation_rmse)
    assert f"of simple: RMSE {report.output_errors[0].rmse:.2e}" in str(report)
    assert "<h2>Errors of each output</h2>" in report.to_html()
    pair.save(tmp_path / "model.pml")
    assert pml.load(tmp_path / "model.pml").report == report


def test_one_output_has_no_errors_of_its_own():
    X = rows(100)
    report = pml.fit(X, X[:, 0], effort=LITTLE).report
    assert report.output_errors == ()
    assert "of y0" not in str(report)


def test_outputs_that_are_multiples_of_one_are_fitted_as_one():
    X = rows(200)
    f = side_by_side(distance, lambda X: -3.0 * distance(X), lambda X: 0.0 * X[:, 0])
    model = pml.fit(X, f(X), effort=LITTLE)
    assert isinstance(model, Mixed)
    assert len(model.mixing) == 1
    np.testing.assert_array_less(np.abs(model(rows(seed=2)) - f(rows(seed=2))), 1e-14 * 10)
    assert any("1 of the 3 outputs are fitted" in line for line in model.report.path)


def test_a_simple_output_among_sums_of_it_stays_exact():
    """Which of f, h and f + h is simple, no decomposition tells."""
    f = side_by_side(distance, lambda X: kink(X) + distance(X), kink)
    model = pml.fit(rows(300), f(rows(300)), effort=LITTLE, time_limit=None)
    assert errors(model, f)[0] < 1e-14


def test_a_spectrum_is_made_of_sums_of_few_outputs():
    X = rows(400)
    model = pml.fit(X, spectrum(X), effort=LITTLE, time_limit=None)
    assert isinstance(model, Mixed)
    assert model(X).shape == (400, 60)
    assert np.max(errors(model, spectrum)) < 1e-5
    assert len(model.mixing) < 30
    assert any("of the 60 outputs are fitted; the others are sums of them" in line for line in model.report.path)
    assert np.isfinite(model.error_estimate(X)).all()


def test_the_same_bits_on_any_number_of_threads():
    both = side_by_side(distance, wave)
    X, y = rows(200), both(rows(200))
    values = [pml.fit(X, y, effort=LITTLE, time_limit=None, n_threads=n)(X) for n in (1, 3)]
    np.testing.assert_array_equal(*values)


def test_two_outputs_of_a_grid_are_fitted_each_by_its_own():
    axes = np.linspace(-1.0, 1.0, 14)
    X = np.stack(np.meshgrid(axes, axes, indexing="ij"), axis=-1).reshape(-1, 2)
    model = pml.fit(X, side_by_side(distance, lambda X: np.abs(np.sin(3.0 * X[:, 0])))(X), effort=LITTLE)
    assert model(X).shape == (196, 2)
    assert model.report.output_errors[0].rmse < 1e-12


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_kept_outputs_give_back_the_others(scale):
    y = spectrum(rows(500)) * scale * np.logspace(-5, 5, 60)
    kept = kept_outputs(y[:400], y[400:], 0.0)
    assert kept is not None
    unit = np.max(np.abs(y), axis=0)
    again = (y[:, list(kept.places)] / scale) @ kept.mixing
    np.testing.assert_array_less(np.abs(again / (unit / scale) - y / unit), 1e-13)
    # The kept ones are themselves.
    np.testing.assert_array_equal(kept.mixing[:, list(kept.places)], np.eye(len(kept.places)))
    assert np.max(np.abs(kept.mixing * (unit[list(kept.places), None] / unit))) < 10.0


def test_random_sums_of_the_rows_find_as_few_of_a_thousand_outputs_as_all_rows_do(monkeypatch):
    y = spectrum(rows(700), 1000)
    found = []
    for most in (100, 5000):
        monkeypatch.setattr("pml_native.fitting.kept.SKETCHED", most)
        found.append(kept_outputs(y[:600], y[600:], 0.0))
    by_sums, by_rows = found
    assert len(by_sums.places) <= len(by_rows.places) + 2
    assert by_sums.error <= 2.0 * by_rows.error
    assert np.max(np.abs(by_sums.mixing)) < 10.0
    # Where sums can't tell, all rows do.
    monkeypatch.setattr("pml_native.fitting.kept.SKETCHED", 100)
    y = np.random.default_rng(0).normal(size=(600, 200)) @ np.random.default_rng(1).normal(size=(200, 400))
    assert len(kept_outputs(y[:500], y[500:], 0.0).places) == 200


def test_of_two_models_of_many_outputs_the_more_exact_one_is_the_better():
    X = rows(60, d=1)
    samples = as_samples(X, X**0 * np.arange(1.0, 41.0))
    model = pml.Polynomial([[k] for k in range(30)], np.zeros((30, 40)))
    found = Rows(samples, samples).found(model, "polynomial", "30 terms")
    scores = [
        replace(found, errors=replace(found.errors, rmse=error), train_rmse=0.0).score for error in (5e-12, 1e-11)
    ]
    assert scores[0] < scores[1]


@pytest.mark.parametrize("is_relative", [False, True])
def test_the_errors_of_each_output_are_those_of_it_alone(is_relative):
    rng = np.random.default_rng(0)
    y = rng.uniform(1.0, 2.0, (50, 4)) * [1e-300, 1.0, 1e300, 0.0 if not is_relative else 1.0]
    prediction = y * (1.0 + 0.1 * rng.normal(size=y.shape))
    prediction[3, 1] = np.nan
    weight = rng.uniform(0.5, 1.0, y.shape if is_relative else 50)
    names = ["a", "b", "c", "d"]
    found = OutputErrors.of_each(prediction, y, names, weight, is_relative)
    for j, one in enumerate(found):
        own = weight[:, j] if is_relative else weight
        alone = Errors.of(prediction[:, [j]], y[:, [j]], own, is_relative=is_relative)
        assert one.name == names[j]
        assert (one.rmse, one.p95, one.max) == pytest.approx((alone.rmse, alone.p95, alone.max), rel=1e-12)
    assert found[1].rmse == np.inf


def test_fewer_outputs_are_kept_for_a_tolerance():
    y = spectrum(rows(500))
    exact, rough = (kept_outputs(y[:400], y[400:], tolerance) for tolerance in (0.0, 1e-4))
    assert len(rough.places) < len(exact.places)
    assert rough.error <= 1e-4


def test_outputs_that_have_nothing_in_common_are_all_kept():
    y = np.random.default_rng(0).normal(size=(500, 20))
    assert kept_outputs(y[:400], y[400:], 0.0) is None


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda one, two: Outputs([], [0]), "expected at least 1 model and 1 output, got 0 and 1"),
        (lambda one, two: Outputs([one, two], [0]), r"parts\[1\]: expected 1 inputs, got 2"),
        (lambda one, two: Outputs([one], [1]), r"columns: expected numbers from 0 to 0, got \[1\]"),
        (lambda one, two: Mixed(one, [[1.0], [2.0]]), r"mixing: expected \(1, m\), got \(2, 1\)"),
        (lambda one, two: Mixed(one, [[np.nan]]), "mixing: expected finite numbers, got NaN or infinity"),
    ],
)
def test_parts_that_do_not_fit_are_refused(make, message):
    one, two = pml.Polynomial([[0], [1]], [1.0, 2.0]), pml.Polynomial([[0, 0]], [1.0])
    with pytest.raises(ValueError, match=message):
        make(one, two)
