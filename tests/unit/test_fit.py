"""fit: what it returns, what it reports, and what it survives. Little effort: accuracy is held in bench."""

import json
import os
import signal
import sys
import threading
import time
import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import pml_native as pml
from pml_native.fitting.race import Race
from pml_native.fitting.watch import Watch
from pml_native.progress import ProgressDisplay
from pml_native.report import Errors
from pml_native.search.search import Found

# About a second of one core: most fits end before.
LITTLE = 0.01


def samples(n=400, d=2, seed=0):
    X = np.random.default_rng(seed).uniform(1.0, 5.0, size=(n, d))
    return X, np.prod(X, axis=1)


def relative_rmse(model, X, y):
    return np.sqrt(np.mean((model(X) - y) ** 2) / np.mean(y**2))


@pytest.fixture(scope="module")
def simple():
    """A fit that all tests share that ask nothing special of it."""
    X, y = samples()
    return pml.fit(X, y, effort=LITTLE)


@pytest.fixture(scope="module")
def network():
    X, y = samples()
    return pml.fit(X, np.maximum(y, 9.0), method="network", effort=0.2 * LITTLE, random_state=7)


def test_the_main_job_gives_a_model_that_is_right_between_the_points():
    X, y = samples(1000)
    y = y / (1.0 + X[:, 0])
    model = pml.fit(X, y, effort=LITTLE)
    X_new, y_new = samples(1000, seed=1)
    y_new = y_new / (1.0 + X_new[:, 0])
    assert relative_rmse(model, X_new, y_new) < 1e-12
    # Errors of rounding are not alike everywhere, but nearly.
    assert relative_rmse(model, X_new, y_new) < 10.0 * model.report.validation_rmse
    assert model.predict(X_new).shape == (1000,)


def test_the_report_holds_the_record_of_the_fit(network):
    report = network.report
    assert report.family == "network"
    assert report.method == "network"
    assert report.seed == 7
    assert report.n_train + report.n_validation == 400
    assert 0 < report.validation_rmse <= report.validation_max
    # Not always the least: the rows trained on, and the other models, have a say.
    assert report.validation_rmse in [c.validation_rmse for c in report.candidates]
    assert "numpy" in report.versions
    assert pml.FitReport.from_dict(json.loads(report.to_json())) == report
    assert f"{report.validation_rmse:.2e}" in str(report)
    assert "the work was used up" in report.status
    assert 0.2 * LITTLE <= report.effort < 0.4 * LITTLE


def test_a_fit_that_the_clock_ends_says_that_it_may_not_repeat_and_what_would():
    X, y = samples(1000)
    # No machine is done in a millisecond; half a second became enough for the two laws of this table.
    report = pml.fit(X, np.maximum(y, 9.0), time_limit=1e-3).report
    assert "the time limit of 0.001 s was used up, so that this result may not repeat; effort=" in report.status
    assert report.seconds >= 1e-3


def test_what_the_clock_leaves_out_after_the_searches_is_said(monkeypatch):
    X, y = samples()
    monkeypatch.setattr("pml_native.fitting.choice.WORK_A_SECOND", 1e-3)  # a fit to all rows would take days
    options = {"method": "polynomial", "effort": LITTLE}
    said = [pml.fit(X, y, time_limit=limit, **options).report.warnings for limit in (3600.0, None)]
    wanted = "the time limit left no time for a fit to all rows: with more of it the result may be another"
    assert [wanted in warnings for warnings in said] == [True, False]


def test_the_seconds_of_the_report_are_those_waited(monkeypatch):
    """Also those of what is made after its other figures."""
    X, y = samples()
    module = sys.modules["pml_native.fit"]
    late, perf_counter = [], time.perf_counter
    monkeypatch.setattr(module, "of_parts", lambda model: late.append(True) or {})
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: perf_counter() + 1e6 * len(late)))
    assert pml.fit(X, y, method="polynomial", effort=LITTLE).report.seconds > 1e6


def test_the_same_effort_gives_the_same_model_and_report_with_any_number_of_threads(tmp_path):
    X, y = samples()
    y = np.sqrt(y + np.sin(X[:, 0]))
    texts = []
    for n_threads in (1, 2):
        model = pml.fit(X, y, effort=LITTLE, n_threads=n_threads)
        report = model.report.to_dict()
        for name in ("seconds", "history"):
            del report[name]
        for candidate in report["candidates"]:
            del candidate["seconds"]
        report["path"] = [line.split(" s: ", 1)[1] for line in report["path"]]
        model.report = None
        model.save(tmp_path / "model.pml")
        texts.append((report, (tmp_path / "model.pml").read_bytes()))
    assert texts[0] == texts[1]


def test_polynomials_come_first_and_networks_only_where_these_fall_short(simple):
    X, y = samples()
    report = simple.report
    assert {candidate.family for candidate in report.candidates} == {"polynomial"}
    assert report.validation_rmse < 1e-15
    assert "float64 floor" in report.status
    report = pml.fit(X, np.abs(np.sin(y)) + np.abs(np.cos(X[:, 0])), effort=4 * LITTLE).report
    tried = {candidate.family for candidate in report.candidates}
    assert tried - {"waves"} == {"polynomial", "separable", "rational", "network"}  # it may look like some


@pytest.mark.parametrize("method", ["polynomial", "random_features", "rational", "rbf"])
def test_a_family_is_fitted_by_name(method, tmp_path):
    X, y = samples()
    model = pml.fit(X, y, method=method, effort=LITTLE)
    assert model.report.family == model.report.method == method
    assert model.report.validation_rmse < 1e-3
    model.save(tmp_path / "model.pml")
    np.testing.assert_array_equal(pml.load(tmp_path / "model.pml")(X), model(X))


def test_a_tolerance_ends_the_fit_early():
    X, y = samples(1000)
    report = pml.fit(X, y, tolerance=1e-2).report
    assert report.effort < 0.01
    assert report.validation_rmse <= 1e-2
    assert "tolerance was reached" in report.status


def test_several_outputs_keep_their_shape_and_have_a_gradient():
    X, y = samples(500)
    both = np.column_stack([y, np.sin(X[:, 0])])
    model = pml.fit(X, both, effort=LITTLE)
    assert model(X).shape == (500, 2)
    assert model.gradient(X).shape == (500, 2, 2)
    # d(x0 x1)/dx0 = x1; derivatives are about an order less exact than values.
    assert np.sqrt(np.mean((model.gradient(X)[:, 0, 0] - X[:, 1]) ** 2)) < 1e-2


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_extreme_scales_neither_overflow_nor_vanish(scale):
    X, y = samples(500)
    y = (y / 25.0) * scale
    model = pml.fit(X * (scale / 8.0), y, effort=LITTLE)
    prediction = model(X * (scale / 8.0))
    assert np.all(np.isfinite(prediction))
    assert np.sqrt(np.mean((prediction / scale - y / scale) ** 2)) < 1e-4
    assert np.all(np.isfinite(model.gradient(X * (scale / 8.0))))
    assert model.report.validation_rmse < 1e-4


@pytest.mark.parametrize(("of_x", "of_y"), [(1.0, 1e-300), (1e-300, 1e-300), (1e300, 1e300), (1e-200, 1.0)])
def test_symmetries_are_looked_for_at_any_scale_without_a_warning(of_x, of_y):
    X = np.random.default_rng(0).uniform(0.5, 2.0, (300, 3))
    y = np.exp(X[:, 0]) / X[:, 1] + X[:, 2]
    assert pml.fit(X * of_x, y * of_y, effort=LITTLE).report.validation_rmse < 1e-4


def test_a_sigmoid_of_a_difference_is_right_where_rows_are_few():
    def f(X):
        return 1.0 / (1.0 + np.exp(-30.0 * (X[:, 0] - X[:, 1])))

    rng = np.random.default_rng(2)
    X, X_new = rng.uniform(-1.0, 1.0, (400, 2)), rng.uniform(-1.0, 1.0, (5000, 2))
    assert relative_rmse(pml.fit(X, f(X), time_limit=None), X_new, f(X_new)) < 1e-10


def test_many_outputs_keep_the_time_limit():
    X = np.random.default_rng(0).uniform(0.0, 1.0, (300, 3))
    y = np.sin(X @ np.random.default_rng(1).normal(size=(3, 300)))
    report = pml.fit(X, y, time_limit=0.0).report
    assert {candidate.family for candidate in report.candidates} == {"polynomial"}


def test_the_candidate_chosen_has_the_errors_of_the_report():
    X, _ = samples(30_000)
    report = pml.fit(X, np.sin(3.0 * X[:, 0]) / X[:, 1] ** 1.5, effort=LITTLE).report
    errors = [(c.train_rmse, c.validation_rmse, c.validation_max) for c in report.candidates]
    assert (report.train_rmse, report.validation_rmse, report.validation_max) in errors


def test_a_large_offset_in_the_inputs_costs_nothing():
    X, _ = samples(1500)
    X += 1e8
    y = np.prod(X - 1e8, axis=1)
    assert pml.fit(X, y, effort=LITTLE).report.validation_rmse < 1e-6


def test_a_constant_y_is_fitted_exactly():
    X, _ = samples()
    model = pml.fit(X, np.full(len(X), 0.1))
    np.testing.assert_array_equal(model(X), 0.1)
    assert "constant" in model.report.status


def test_one_constant_output_beside_another_is_exact_too():
    X, y = samples()
    model = pml.fit(X, np.column_stack([y, np.full(len(y), 1 / 3)]), effort=LITTLE)
    np.testing.assert_array_equal(model(X)[:, 1], 1 / 3)


def test_a_constant_column_is_ignored_with_a_warning():
    X, _ = samples()
    with pytest.warns(pml.FitWarning, match="column 1 of X is constant"):
        model = pml.fit(np.column_stack([X[:, 0], np.full(len(X), 7.0)]), X[:, 0] ** 2, effort=LITTLE)
    moved = np.column_stack([X[:, 0], np.full(len(X), 9.0)])
    np.testing.assert_array_equal(model(moved), model(np.column_stack([X[:, 0], np.full(len(X), 7.0)])))
    np.testing.assert_array_equal(model.gradient(moved)[:, 1], 0.0)
    assert any("constant" in warning for warning in model.report.warnings)


def test_noise_is_reported_with_its_level():
    X, y = samples()
    noisy = np.concatenate([y, y * (1 + 1e-3)])
    with pytest.warns(pml.FitWarning, match="800 rows repeat inputs with different outputs: y has noise of at least"):
        model = pml.fit(np.concatenate([X, X]), noisy, effort=LITTLE)
    assert model.report.validation_rmse > 1e-4


@pytest.mark.parametrize(
    ("keywords", "message"),
    [
        (
            {"method": "spline9"},
            "method: expected one of auto, algebraic, ends, exponentials, modular, nested, network, partition, ",
        ),
        ({"tolerance": 0.0}, "tolerance: expected a number > 0"),
        ({"effort": -1.0}, "effort: expected a number >= 0"),
        ({"effort": float("inf")}, "effort: expected a number >= 0"),
        ({"effort": "much"}, "effort: expected a number >= 0, got 'much'"),
        ({"effort": True}, "effort: expected a number >= 0, got True"),
        ({"time_limit": -1.0}, "time_limit: expected a number of seconds >= 0"),
        ({"time_limit": float("nan")}, "time_limit: expected"),
        ({"n_threads": 0}, "n_threads: expected a positive integer"),
        ({"validation": 1.5}, "validation: expected a fraction between 0 and 1"),
        ({"validation": (np.ones((3, 5)), np.ones(3))}, "validation X: expected 2 columns, got 5"),
        ({"input_names": ["a"]}, "input_names: expected 2 names, got 1"),
    ],
)
def test_bad_options_are_refused(keywords, message):
    X, y = samples()
    with pytest.raises(ValueError, match=message):
        pml.fit(X, y, **keywords)


def test_too_few_rows_are_refused():
    X, y = samples(9)
    with pytest.raises(ValueError, match="X: expected at least 10 rows for 2 columns, got 9"):
        pml.fit(X, y)


def test_inputs_that_never_vary_are_refused():
    with pytest.raises(ValueError, match="expected inputs that vary"):
        pml.fit(np.ones((20, 2)), np.arange(20.0))


@pytest.mark.parametrize("options", [{"time_limit": 0.0}, {"effort": 0.0}])
@pytest.mark.parametrize("method", ["auto", "polynomial", "rational", "separable", "network", "rbf"])
def test_neither_time_nor_work_still_gives_a_model(method, options):
    X, y = samples()
    assert np.all(np.isfinite(pml.fit(X, y, method=method, **options)(X)))


def test_given_validation_data_are_used():
    X, y = samples()
    report = pml.fit(X, y, validation=samples(77, seed=3), effort=LITTLE).report
    assert (report.n_train, report.n_validation) == (400, 77)


def test_weights_pull_the_model_to_the_rows_that_have_them():
    X = np.linspace(-1.0, 1.0, 400)
    y = np.where(X < 0, np.sin(5 * X), 1.0 + np.abs(X))  # a jump that no smooth model fits everywhere
    left = pml.fit(X, y, sample_weight=np.where(X < 0, 1.0, 1e-8), effort=LITTLE)
    assert np.sqrt(np.mean((left(X[X < -0.05]) - y[X < -0.05]) ** 2)) < 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_a_sum_of_networks_answers_in_the_shape_of_y(seed):
    X = np.linspace(-1.0, 1.0, 200)
    y = np.where(X < 0, np.sin(5 * X), 1.0 + np.abs(X))  # so hard that a second stage is trained
    frame = pd.DataFrame({"p": y})
    model = pml.fit(X, frame, method="network", effort=0.2 * LITTLE, random_state=seed)
    assert model(X).shape == (200, 1)
    assert model.signature.output_names == ("p",)
    assert pml.fit(X, y, method="network", effort=0.02 * LITTLE, random_state=seed)(X).shape == (200,)


def test_a_data_frame_is_predicted_by_column_name_in_any_order():
    X, y = samples()
    frame = pd.DataFrame(X, columns=["a", "b"])
    model = pml.fit(frame, pd.Series(y, name="p"), effort=LITTLE)
    np.testing.assert_array_equal(model(frame[["b", "a"]]), model(frame))
    np.testing.assert_array_equal(model(frame.assign(c=1.0)), model(frame))
    with pytest.raises(ValueError, match=r"got none named \['b'\]"):
        model(frame[["a"]])


def test_nan_in_a_row_gives_nan_there_and_nowhere_else(simple):
    (X, _), model = samples(), simple
    holed = X.copy()
    holed[5, 1] = np.nan
    prediction = model(holed)
    assert np.isnan(prediction[5])
    np.testing.assert_array_equal(np.delete(prediction, 5), np.delete(model(X), 5))


def test_an_empty_batch_and_a_single_row_are_predicted(simple):
    (X, _), model = samples(), simple
    assert model(np.empty((0, 2))).shape == (0,)
    assert model(X[:1])[0] == model(X)[0]


@pytest.mark.skipif(os.name == "nt", reason="sends a POSIX signal")
def test_ctrl_c_ends_the_fit_and_returns_the_best_model_so_far(monkeypatch):
    X, y = samples(1000)
    consider, errors = Race.consider, []

    def considered(race, found):
        """Ctrl-C at the third model: at a time of the clock, there may be none yet, or the last one."""
        consider(race, found)
        errors.append(found.error)
        if len(errors) == 3:
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(Race, "consider", considered)
    model = pml.fit(X, np.maximum(y, 9.0), effort=100.0, time_limit=None)
    assert len(errors) < 20
    assert model.report.validation_rmse < 0.5
    assert "interrupted from the keyboard" in model.report.status
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_fit_in_another_thread_works():
    X, y = samples()
    models = []
    thread = threading.Thread(target=lambda: models.append(pml.fit(X, y, effort=LITTLE)))
    thread.start()
    thread.join()
    assert models[0].report.validation_rmse < 1.0


def found_of(seed, error):
    mlp = pml.MLP((2, 3, 1))
    errors = Errors(error, error, error)
    return Found(pml.NetworkModel(mlp, mlp.initialize(seed)), errors, error, "network", "", "", "")


def test_the_checkpoint_holds_a_model_while_the_fit_goes_on_and_the_best_at_the_end(tmp_path, monkeypatch):
    monkeypatch.setattr("pml_native.fitting.watch.CHECKPOINT_SECONDS", 0.0)
    X, y = samples()
    path = tmp_path / "best.pml"
    seen = []
    monkeypatch.setattr(Watch, "write", lambda self, best, write=Watch.write: seen.append((write(self, best), best)))
    model = pml.fit(X, np.sqrt(y + X[:, 0]), effort=LITTLE, checkpoint=path)
    assert len(seen) > 1
    np.testing.assert_array_equal(pml.load(path)(X), model(X))
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_fit_loses_no_improvement_older_than_the_interval(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr("pml_native.fitting.watch.CHECKPOINT_SECONDS", 5.0)
    monkeypatch.setattr("pml_native.fitting.watch.time.perf_counter", lambda: now[0])
    X, _ = samples()
    path = tmp_path / "best.pml"
    watch = Watch(ProgressDisplay(False, 60.0), path)
    first, second, worse = found_of(0, 0.5), found_of(1, 0.4), found_of(2, 0.6)
    for now[0], found, best in ((6.0, first, first), (6.1, second, second), (12.0, worse, second)):
        watch.show(found, best, 0.5)
    np.testing.assert_array_equal(pml.load(path)(X), second.model(X))


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_fit(tmp_path, monkeypatch):
    monkeypatch.setattr("pml_native.fitting.watch.CHECKPOINT_SECONDS", 0.0)
    folder = tmp_path / "soon gone"
    folder.mkdir()
    monkeypatch.setattr(sys.modules["pml_native.fit"], "require_writable", lambda *_: folder.rmdir())
    X, y = samples()
    with pytest.warns(RuntimeWarning, match="could not be written"):
        model = pml.fit(X, y, effort=LITTLE, checkpoint=folder / "best.pml")
    assert model.report.validation_rmse < 1.0


@pytest.mark.parametrize("path", ["no/such/folder/best.pml", ".", 5])
def test_a_checkpoint_that_can_never_be_written_is_refused_before_the_fit(path):
    X, y = samples()
    with pytest.raises((OSError, TypeError)):
        pml.fit(X, y, effort=LITTLE, checkpoint=path)


def test_the_progress_display_shows_error_and_time_left(capsys):
    X, y = samples()
    pml.fit(X, np.sqrt(y + X[:, 0]), effort=LITTLE, time_limit=60.0, progress=True)
    shown = capsys.readouterr()
    assert "best error" in shown.err
    assert "s left" in shown.err
    assert shown.out == ""


def test_a_checkpoint_says_how_exact_its_model_is(tmp_path, monkeypatch):
    monkeypatch.setattr("pml_native.fitting.watch.CHECKPOINT_SECONDS", 0.0)
    X, y = samples()
    reports = []
    monkeypatch.setattr(
        Watch, "write", lambda self, best, write=Watch.write: (write(self, best), reports.append(best.model.report))
    )
    pml.fit(X, np.sqrt(y + X[:, 0]), effort=LITTLE, checkpoint=tmp_path / "best.pml")
    assert reports[0] is not None
    assert reports[0].status.startswith("a checkpoint")
    assert reports[0].validation_rmse > 0.0


@pytest.mark.parametrize(
    "f", [lambda X: np.exp(-X[:, 0] * X[:, 1]) / (1 + X[:, 2] ** 2), lambda X: np.sin(X.sum(axis=1))]
)
def test_more_rows_of_a_function_make_no_worse_model(f):
    fresh = np.random.default_rng(1).uniform(0.5, 2.0, (2000, 3))
    errors = []
    for n in (400, 25_000):  # above which a sample is searched in
        X = np.random.default_rng(0).uniform(0.5, 2.0, (n, 3))
        model = pml.fit(X, f(X), method="polynomial", effort=0.005, time_limit=None, n_threads=1)
        errors.append(np.sqrt(np.mean((model(fresh) - f(fresh)) ** 2) / np.mean(f(fresh) ** 2)))
    assert errors[1] < max(3.0 * errors[0], 1e-14)


@pytest.mark.parametrize(
    "f",
    [
        lambda U: (1 + U[:, 0]) / (1 + U[:, 1] + 0.5 * U[:, 2]),
        lambda U: np.sin(5 * U[:, 0] + 3 * U[:, 1]) * np.exp(-U[:, 2]),
        lambda U: np.abs(U[:, 0] - U[:, 1]) + U[:, 2],
    ],
)
@pytest.mark.parametrize("n", [14, 50])
def test_a_model_of_few_rows_has_values_in_their_box_or_says_where_not(f, n):
    rng = np.random.default_rng(n)
    U = np.stack([(rng.permutation(n) + rng.random(n)) / n for _ in range(3)], axis=1)
    model = pml.fit(U, f(U), method="polynomial", effort=0.01, time_limit=None, n_threads=1)
    low, high = U.min(axis=0), U.max(axis=0)
    share = np.mean(np.isnan(model(low + (high - low) * rng.uniform(size=(5000, 3)))))
    assert share == 0.0 or "no value (NaN)" in str(model.report)


@pytest.mark.parametrize("scale", [1e306, 1e-306])
def test_values_within_a_few_of_the_ends_of_float64_are_fitted_without_a_warning(scale):
    X = np.random.default_rng(3).uniform(0.2, 1.5, (150, 3))
    y = scale * (np.sin(3.0 * X[:, 0]) * X[:, 1] + X[:, 2])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = pml.fit(X, y, effort=0.003, time_limit=None, n_threads=1)
    assert np.max(np.abs(model(X) / scale - y / scale)) < 0.1
