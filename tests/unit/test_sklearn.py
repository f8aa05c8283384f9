"""PrecisionRegressor: an estimator among those of scikit-learn."""

import json
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from estimator_checks import OPTIONS

import pml_native as pml

pytest.importorskip("sklearn")

import joblib
import pandas as pd
from scipy.sparse import csr_array
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

RNG = np.random.default_rng(0)
X = RNG.uniform(1.0, 2.0, size=(200, 2))
Y = X[:, 0] ** 2 * X[:, 1] - X[:, 1]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(pml.__file__).parents[1])}
CHECKS = Path(__file__).parents[2] / "bench" / "estimator_checks.py"


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, env=ENVIRONMENT)


def polynomial(**options):
    return pml.PrecisionRegressor(method="polynomial", effort=0.02, **options)


@pytest.mark.parametrize("options", OPTIONS[::2])  # the others, and more effort, by the script alone
def test_all_checks_of_scikit_learn_pass_and_none_is_skipped(options):
    done = run(CHECKS, json.dumps({**options, "effort": 0.002}))
    assert done.returncode == 0, done.stdout + done.stderr
    passed, total = map(int, re.search(r"(\d+) of (\d+) checks passed, none skipped", done.stdout).groups())
    assert passed == total > 40


def test_it_fits_as_fit_does():
    regressor = polynomial().fit(X, Y)
    model = pml.fit(X, Y, method="polynomial", effort=0.02)
    np.testing.assert_array_equal(regressor.predict(X), model(X))
    np.testing.assert_array_equal(regressor.gradient(X), model.gradient(X))
    assert regressor.model_.report.validation_rmse < 1e-14
    assert regressor.score(X, Y) == 1.0
    assert regressor.n_features_in_ == 2


def test_several_outputs():
    both = np.stack([Y, X[:, 0]], axis=1)
    assert polynomial().fit(X, both).predict(X[:5]).shape == (5, 2)
    np.testing.assert_allclose(polynomial().fit(X, both).predict(X), both, rtol=1e-12, atol=1e-12)


def test_data_frames_bring_their_names():
    frame = pd.DataFrame(X, columns=["mass", "speed"])
    regressor = polynomial().fit(frame, pd.DataFrame({"energy": Y}))
    assert regressor.feature_names_in_.tolist() == ["mass", "speed"]
    assert regressor.model_.signature.input_names == ("mass", "speed")
    assert regressor.model_.signature.output_names == ("energy",)
    np.testing.assert_allclose(regressor.predict(frame)[:, 0], Y, rtol=1e-12, atol=1e-12)
    with pytest.raises(ValueError, match="feature names should match"):
        regressor.predict(frame[["speed", "mass"]])
    pipeline = make_pipeline(StandardScaler(), polynomial()).set_output(transform="pandas").fit(frame, Y)
    np.testing.assert_allclose(pipeline.predict(frame), Y, rtol=1e-12, atol=1e-12)


def test_sparse_matrices_and_single_precision_are_told_apart():
    with pytest.raises(TypeError, match="Sparse data was passed for X, but dense data is required"):
        polynomial().fit(csr_array(X), Y)
    with pytest.warns(pml.PrecisionWarning, match="X is float32"):
        polynomial().fit(X.astype(np.float32), Y)
    with pytest.raises(NotFittedError):
        polynomial().predict(X)


def test_a_weight_counts_as_that_many_rows():
    count = RNG.integers(0, 4, size=len(X))
    noisy = Y + 1e-3 * RNG.normal(size=len(X))
    weighted = polynomial().fit(X, noisy, sample_weight=count)
    repeated = polynomial().fit(X.repeat(count, axis=0), noisy.repeat(count))
    np.testing.assert_array_equal(weighted.predict(X), repeated.predict(X))
    with pytest.raises(ValueError, match="sample_weight: expected weights that aren't all zero"):
        polynomial().fit(X, Y, sample_weight=np.zeros(len(X)))


def test_few_rows_get_an_affine_function():
    regressor = polynomial().fit(X[:5], 2.0 * X[:5, 0] - X[:5, 1] + 3.0)
    np.testing.assert_allclose(regressor.predict(X), 2.0 * X[:, 0] - X[:, 1] + 3.0, rtol=1e-13)
    constant = polynomial().fit(X[:5], np.full(5, 7.0))
    np.testing.assert_array_equal(constant.predict(X), 7.0)


@pytest.mark.filterwarnings("ignore::pml_native.FitWarning")
def test_noise_doesn_t_bring_values_that_are_none():
    few, noise = np.random.RandomState(0).uniform(size=(30, 3)), np.arange(30) % 3
    regressor = pml.PrecisionRegressor(effort=0.02).fit(few, noise)
    assert np.isfinite(regressor.predict(few)).all()


def test_copies_and_files_give_the_same_bits(tmp_path):
    regressor = polynomial().fit(X, Y)
    joblib.dump(regressor, tmp_path / "regressor.joblib")
    for copy in (pickle.loads(pickle.dumps(regressor)), joblib.load(tmp_path / "regressor.joblib")):
        np.testing.assert_array_equal(copy.predict(X), regressor.predict(X))
        assert copy.model_.report == regressor.model_.report
    assert clone(regressor).get_params() == regressor.get_params()
    assert not hasattr(clone(regressor), "model_")


def test_searches_and_cross_validation():
    search = GridSearchCV(polynomial(), {"method": ["polynomial", "rbf"]}, cv=2, scoring="neg_mean_squared_error")
    search.fit(X, Y)
    assert search.best_params_ == {"method": "polynomial"}
    assert cross_val_score(polynomial(), X, Y, cv=2).min() > 1.0 - 1e-12


def test_scikit_learn_is_imported_only_when_asked_for():
    code = "import sys, pml_native; assert 'sklearn' not in sys.modules; pml_native.PrecisionRegressor; print('ok')"
    assert run("-c", code).stdout.strip() == "ok"
    code = "import sys; sys.modules['sklearn'] = None; import pml_native; pml_native.PrecisionRegressor"
    assert 'ImportError: this needs scikit-learn, pip install "pml_native[sklearn]"' in run("-c", code).stderr
    assert "PrecisionRegressor" in dir(pml)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        pml.nothing  # noqa: B018


def slopes_of(X):
    return np.stack([2 * X[:, 0] * X[:, 1], X[:, 0] ** 2 - 1], axis=1)


def test_gradients_are_met_and_equal_rows_have_the_mean_of_theirs():
    some = RNG.permutation(200)[:12]
    few, y, slopes = X[some], Y[some], slopes_of(X[some])
    model = polynomial().fit(few, y, gradients=slopes)
    np.testing.assert_allclose(model.predict(X), Y, atol=1e-12)
    twice, unknown = np.concatenate([few, few[:3]]), np.concatenate([slopes, slopes[:3] + 0.5])
    unknown[:3] -= 0.5
    unknown[2] = np.nan
    unknown[-1] -= 0.5
    again = polynomial().fit(twice, np.concatenate([y, y[:3]]), gradients=unknown)
    np.testing.assert_allclose(again.predict(X), Y, atol=1e-12)
    with pytest.raises(ValueError, match=r"gradients: expected \(12, 2\) or \(12, 1, 2\), .* got \(11, 2\)"):
        polynomial().fit(few, y, gradients=slopes[1:])


def test_gradients_come_by_metadata_routing():
    from sklearn import config_context

    with config_context(enable_metadata_routing=True):
        model = polynomial().set_fit_request(gradients=True)
        scores = cross_val_score(model, X[:30], Y[:30], cv=2, params={"gradients": slopes_of(X[:30])})
        assert scores.min() > 1.0 - 1e-15
