"""What `fit` is compared with (bench/regression_peers.py), and the comparison (bench/equations.py)."""

import importlib
import time

import numpy as np
import pytest
import regression_peers
from equations import print_comparison, print_errors
from regression_peers import HELD_OUT, NEEDS, PEERS, UnsuitableError, split

import pml_native as pml

ROWS = [
    {"equation": "A", "method": "fit", "rmse": 1e-12},
    {"equation": "B", "method": "fit", "rmse": 0.0},
    {"equation": "C", "method": "fit", "rmse": 1e-3},
    {"equation": "D", "method": "fit", "rmse": 1e-15},
    {"equation": "A", "method": "RBFInterpolator", "rmse": 1e-4},
    {"equation": "B", "method": "RBFInterpolator", "rmse": 1e-5},
    {"equation": "C", "method": "RBFInterpolator", "rmse": 1e-4},
    {"equation": "A", "method": "LinearNDInterpolator", "rmse": 1e-2},
    {"equation": "B", "method": "LinearNDInterpolator", "description": "none in so many dimensions"},
    {"equation": "C", "method": "LinearNDInterpolator", "rmse": 1e-1},
]


def table(rows):
    rows = tuple({"seed": 1, "status": "done", **row} for row in rows)
    names = dict.fromkeys(name for row in rows for name in row)
    return pml.scaling.Table((*names,), rows, np.zeros(len(rows)), (None,) * len(rows))


@pytest.mark.filterwarnings("ignore")  # theirs
@pytest.mark.parametrize("name", PEERS)
def test_each_peer_fits_in_about_the_time_it_is_given(name):
    module = NEEDS.get(name)
    if module and importlib.util.find_spec(module) is None:
        pytest.skip(f"{module} is not installed")
    target = pml.problems.equations["I.12.1"]
    X, y = target.sample(300, 0)
    if module:
        importlib.import_module(module)
    start = time.process_time()
    model, description = PEERS[name](X, y, 0, 1.0)
    assert time.process_time() - start < 4.0
    X_new, y_new = target.sample(200, 1)
    values = model(X_new)
    assert values.shape == y_new.shape
    assert np.sqrt(np.mean((values - y_new) ** 2) / np.mean(y_new**2)) < 0.05
    assert isinstance(description, str)


def test_a_triangulation_of_six_dimensions_is_said_to_be_missing():
    X = np.random.default_rng(0).uniform(size=(100, 6))
    with pytest.raises(UnsuitableError, match="no triangulation in 6 dimensions"):
        PEERS["LinearNDInterpolator"](X, X[:, 0], 0, 1.0)


def test_a_gaussian_process_is_found_where_the_first_alphas_leave_a_singular_matrix(monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.setattr(regression_peers, "GP_SEARCH_ALPHAS", (1e-30, 1e-8))
    X = np.linspace(0.0, 1.0, 300)[:, None]
    model, _ = PEERS["GaussianProcessRegressor"](X, np.sin(X[:, 0]), 0, 1.0)
    np.testing.assert_allclose(model(X), np.sin(X[:, 0]), atol=1e-4)


def test_rows_are_either_fitted_or_held_out():
    rows, held_out = split(200, 0)
    assert len(held_out) == HELD_OUT * 200
    assert sorted([*rows, *held_out]) == list(range(200))


def test_the_comparison_is_with_what_each_peer_could_fit_and_with_the_best_of_them(capsys):
    print_comparison(table(ROWS), "fit", ["RBFInterpolator", "LinearNDInterpolator"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[2:5]] == [
        ["A", "1.0e-12", "1.0e-04", "1.0e-02"],
        ["B", "0.0e+00", "1.0e-05", "-"],
        ["C", "1.0e-03", "1.0e-04", "1.0e-01"],
    ]
    assert lines[5:] == [
        "LinearNDInterpolator: no model on 1 of 3",
        "RBFInterpolator: its error over that of fit, median 1.0e+08, least 1.0e-01",
        "LinearNDInterpolator: its error over that of fit, median 5.0e+09, least 1.0e+02",
        "the best of 2 peers: fit is more exact on 2 of 3, by a median of 8.0 orders of magnitude",
    ]


def test_peers_alone_are_shown_without_ratios(capsys):
    print_comparison(table(ROWS[4:7]), "peers", ["RBFInterpolator"])
    assert capsys.readouterr().out.split() == [
        "RMSE",
        "RBFInterpolator",
        "A",
        "1.0e-04",
        "B",
        "1.0e-05",
        "C",
        "1.0e-04",
    ]


def test_a_failed_run_counts_among_those_that_are_not_met(capsys):
    done = [{"equation": e, "rmse": 1e-13, "p95": 1e-13, "max": 1e-12, "description": ""} for e in "AB"]
    print_errors(table([*done, {"equation": "C", "status": "failed"}]))
    assert "   2 of 3 to 1e-12\n" in capsys.readouterr().out
