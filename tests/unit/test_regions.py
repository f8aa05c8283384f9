"""Regions: found in rows, given by the user, and what a model of them says."""

import math

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting import guide, regions
from pml_native.fitting.race import Race
from pml_native.hold_out import split
from pml_native.models import Signature
from pml_native.search.boundaries import parted_by
from pml_native.search.divisions import Table
from pml_native.search.scheduler import Crew
from pml_native.search.search import WHOLE_WORK, Rows

QUICKLY = {"effort": 0.1, "time_limit": None, "progress": False}


def points(n=800, d=2, seed=0):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, size=(n, d))


def larger(X):
    return np.maximum(np.exp(X[:, 0]), 1.5 + X[:, 0] * X[:, 1])


def with_a_jump(X):
    return np.where(is_above(X), np.exp(X[:, 0] * X[:, 1]), np.cos(X[:, 0]) - 1.0)


def is_above(X):
    return X[:, 0] + X[:, 1] > 0.3


def cut_of(X, y, work=0.3 * WHOLE_WORK):
    """The best model that the search for regions finds; None for none."""
    rng = np.random.default_rng(0)
    rows = Rows.of(*split(as_samples(X, y), None, rng), rng)
    table = tuple(row for row in guide.SCATTERED if row.search in ("polynomial", regions.SEARCH))
    race = Race(rows, table, rng, work, rounds=(1 / 64, 1 / 32))
    Crew(1, math.inf).run(race)
    return race.found.get("of regions")


@pytest.fixture(scope="module")
def jumping():
    X = points()
    return pml.fit(X, with_a_jump(X), **QUICKLY)


def test_the_larger_of_two_functions_is_found_and_exact_at_the_kink_too():
    X = points()
    model = pml.fit(X, larger(X), **QUICKLY)
    assert isinstance(model, pml.Regions)
    assert model.boundary == "max"
    new = points(5000, seed=1)
    assert np.max(np.abs(model(new) - larger(new))) < 1e-11
    assert "the larger of 2 laws" in model.report.description
    assert len(model.pieces) == 2
    upper = np.exp(new[:, 0]) > 1.5 + new[:, 0] * new[:, 1]
    pieces = model.piece_of(new)
    assert np.array_equal(pieces == pieces[upper][0], upper)


def test_three_laws_have_a_boundary_of_the_smallest():
    X = points(1500)
    laws = [2.0 + X[:, 0], np.exp(X[:, 1]), 1.4 - X[:, 0] * X[:, 1]]
    found = cut_of(X, np.min(laws, axis=0))
    assert found.model.boundary == "min"
    assert len(found.model.pieces) == 3
    assert found.error < 1e-12


def test_a_value_that_is_clipped_at_both_ends_is_exact_at_both_kinks(tmp_path):
    def clipped(X):
        return np.clip(2.0 * X[:, 0] + np.exp(X[:, 1]), 0.5, 2.0)

    X = points(1200)
    model = pml.fit(X, clipped(X), effort=0.3, time_limit=None, progress=False)
    new = points(5000, seed=1)
    assert len(model.pieces) == 3
    assert np.max(np.abs(model(new) - clipped(new))) < 1e-11
    model.save(tmp_path / "model.pml")
    assert pml.load(tmp_path / "model.pml").boundary == model.boundary


def test_a_jump_is_met_on_both_sides_and_the_report_tells_what_rows_leave_open(jumping):
    new = points(20_000, seed=1)
    error = np.abs(jumping(new) - with_a_jump(new))
    right = is_above(new) == is_above_by(jumping, new)
    assert np.max(error[right]) < 1e-10
    assert np.mean(~right) < 0.01
    rmse = np.sqrt(np.mean(error**2) / np.mean(with_a_jump(new) ** 2))
    low, high = jumping.report.error_range
    assert low <= rmse <= high
    assert any("nothing tells where" in sentence for sentence in jumping.report.warnings)
    assert "where a plane changes sign" in jumping.report.description


def is_above_by(model, X):
    pieces = model.piece_of(X)
    return pieces == model.piece_of(np.array([[0.9, 0.9]]))[0]


def test_beside_a_jump_the_error_to_expect_is_that_of_the_jump(jumping):
    new = points(20_000, seed=2)
    told = jumping.error_estimate(new)
    wrong = np.abs(jumping(new) - with_a_jump(new)) > 1e-6
    assert np.mean(told[wrong] > 0.1) > 0.7
    assert np.median(told) < 1e-9


def test_a_fit_repeats_itself_on_any_number_of_threads(jumping):
    X = points()
    again = pml.fit(X, with_a_jump(X), n_threads=3, **QUICKLY)
    new = points(1000, seed=3)
    np.testing.assert_array_equal(again(new), jumping(new))


def test_a_row_in_the_midst_of_another_region_says_nothing_of_its_own():
    X = np.random.default_rng(0).uniform(size=(500, 2))
    labels = np.where(X[:, 0] < 0.5, 0, 1)
    labels[np.argmin(np.sum((X - [0.8, 0.5]) ** 2, axis=1))] = 0
    labels[np.argmax(X[:, 1])] = -1
    got = regions.without_lone_rows(labels, X)
    assert np.count_nonzero(got != labels) == 1
    assert got[np.argmin(np.sum((X - [0.8, 0.5]) ** 2, axis=1))] == -1


@pytest.mark.parametrize(
    "smooth",
    [
        lambda x, y: np.tanh(10 * (x + 2 * y - 0.5)),
        lambda x, y: np.sqrt((x - 0.3 * y) ** 2 + 1e-3),
        lambda x, y: np.exp(-60 * (x**2 + y**2)) + x,
    ],
    ids=["a front", "a rounded kink", "a peak"],
)
def test_what_is_smooth_is_not_cut(smooth):
    X = points(1000)
    assert cut_of(X, smooth(*X.T)) is None


def test_regions_are_not_looked_for_where_models_are_exact():
    X = points(400)
    report = pml.fit(X, np.exp(X[:, 0] + X[:, 1]), **QUICKLY).report
    assert not any("law seems to change" in line for line in report.path)


def test_several_outputs_have_regions_of_their_own():
    X = points()
    model = pml.fit(X, np.column_stack([larger(X), with_a_jump(X)]), effort=0.3, time_limit=None, progress=False)
    new = points(3000, seed=4)
    error = np.abs(model(new) - np.column_stack([larger(new), with_a_jump(new)]))
    assert np.max(error[:, 0]) < 1e-9
    assert np.median(error[:, 1]) < 1e-9
    assert np.max(model.undecided(new)[:, 1]) > 0.1


# Regions that are given


def test_a_function_that_is_given_decides_everywhere_and_is_not_saved(tmp_path):
    X = points(300)
    model = pml.fit(X, with_a_jump(X), regions=lambda X: np.where(is_above(X), 7, 3), **QUICKLY)
    new = points(3000, seed=1)
    assert np.max(np.abs(model(new) - with_a_jump(new))) < 1e-10
    with pytest.raises(ValueError, match="boundary: expected laws or a model to decide, to be saved, got a function"):
        model.save(tmp_path / "model.pml")
    with pytest.raises(ValueError, match="for other languages, got a function"):
        model.to_c()


def test_where_the_function_gives_a_number_that_no_row_had_there_is_no_value():
    X = points(300)

    def regions(X):
        return np.where(X[:, 0] > 1.0, 9, is_above(X).astype(int))

    model = pml.fit(X, with_a_jump(X), regions=regions, **QUICKLY)
    assert np.isnan(model([[1.1, 0.0]])).all()
    assert model.piece_of([[1.1, 0.0]]).tolist() == [-1]


@pytest.mark.parametrize("column", [1, "phase"])
def test_a_column_may_say_the_region_and_laws_are_functions_of_the_others(column):
    X = points(300)
    phase = np.where(is_above(X), 2.0, -1.0)
    inputs = np.column_stack([X[:, 0], phase, X[:, 1]])
    model = pml.fit(inputs, with_a_jump(X), regions=column, input_names=["a", "phase", "b"], **QUICKLY)
    new = points(3000, seed=1)
    inputs = np.column_stack([new[:, 0], np.where(is_above(new), 2.0, -1.0), new[:, 1]])
    assert np.max(np.abs(model(inputs) - with_a_jump(new))) < 1e-10
    assert np.all(model.gradient(inputs)[:, 1] == 0.0)
    assert "by column phase" in model.report.description


def test_rows_are_parted_though_the_first_ones_are_all_of_one_label():
    X = np.random.default_rng(3).uniform(size=(400, 2))
    X = X[np.argsort(X.sum(axis=1), kind="stable")]
    X[[201, 399]] = X[[399, 201]]
    terms = np.column_stack([X, np.ones(400)])
    labels = (np.arange(400) == 201).astype(np.intp)
    w, margin = parted_by(terms, labels, np.arange(400))
    assert margin > 0.0
    np.testing.assert_array_equal(terms @ w[:, 0] > 0.0, labels == 1)


def test_labels_of_the_rows_are_parted_by_a_boundary(tmp_path):
    X = points(600)
    y = np.column_stack([with_a_jump(X), with_a_jump(X) ** 2])
    model = pml.fit(X, y, regions=np.where(is_above(X), "vapour", "liquid"), **QUICKLY)
    new = points(3000, seed=1)
    right = np.abs(new[:, 0] + new[:, 1] - 0.3) > 0.1
    assert np.max(np.abs(model(new)[:, 0] - with_a_jump(new))[right]) < 1e-10
    model.save(tmp_path / "model.pml")
    np.testing.assert_array_equal(pml.load(tmp_path / "model.pml")(new), model(new))


def test_labels_go_with_rows_of_weight_0():
    X = points(600)
    weight = np.where(np.arange(600) % 5 == 0, 0.0, 1.0)
    y = np.where(weight > 0.0, with_a_jump(X), np.nan)
    labels = np.where(weight > 0.0, is_above(X), 5)
    model = pml.fit(X, y, regions=labels, sample_weight=weight, **QUICKLY)
    assert np.max(np.abs(model(X) - with_a_jump(X))[weight > 0.0]) < 1e-10


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("phase", "regions: expected a column of X, by name or number below 2, got 'phase'"),
        (2, "regions: expected a column of X, by name or number below 2, got 2"),
        ([0, 1], r"regions: expected a function, a column or \(300,\) labels, got an array \(2,\)"),
        (lambda X: X[:, 0], r"regions: expected a function that gives \(300,\) integers, got \(300,\) of float64"),
        (lambda X: np.arange(len(X)), "regions: expected 2 to 50 regions, got 300"),
        (np.zeros(300, dtype=int), "regions: expected 2 to 50 regions, got 1"),
        ((np.arange(300) < 5).astype(int), "regions: expected at least 12 rows of each, got one of 5"),
    ],
)
def test_regions_that_are_none_are_refused(given, message):
    X = points(300)
    with pytest.raises(ValueError, match=message):
        pml.fit(X, larger(X), regions=given, **QUICKLY)


# The model


def lines():
    return [pml.Polynomial([[0, 0], [1, 0]], [a, b], n_threads=1) for a, b in ((0.0, 1.0), (1.0, -1.0))]


@pytest.mark.parametrize(
    ("laws", "boundary", "options", "message"),
    [
        (lines()[:1], "max", {}, "laws: expected at least 2 models, got 1"),
        (lines(), "median", {}, "boundary: expected max, min, groups of laws, a model or a function, got 'median'"),
        (lines(), 3, {}, "boundary: expected max, min, groups of laws, a model or a function, got 3"),
        (lines(), ((0,), ()), {}, r"boundary: expected groups of numbers of laws, as .*, got \(\(0,\), \(\)\)"),
        (lines(), ((0,), (0,)), {}, "boundary: expected all integers from 0 to 1 in groups of laws, got"),
        (lines(), ((0.0,), (1,)), {}, "boundary: expected all integers from 0 to 1 in groups of laws, got"),
        (lines(), ((0,), (True,)), {}, "boundary: expected all integers from 0 to 1 in groups of laws, got"),
        (lines(), "max", {"margin": -1.0}, "margin: expected a number >= 0, got -1.0"),
        (
            lines(),
            pml.Polynomial([[0, 0]], [[1.0, 2.0]]),
            {},
            "boundary: expected 2 inputs and 1 outputs, .* 2 and 2",
        ),
        (
            [*lines(), pml.Polynomial([[0]], [1.0])],
            "max",
            {},
            r"laws\[2\]: expected 2 inputs and 1 outputs, got 1",
        ),
    ],
)
def test_laws_and_a_boundary_fit_each_other(laws, boundary, options, message):
    with pytest.raises(ValueError, match=message):
        pml.Regions(laws, boundary, **options)


def test_the_largest_is_one_output():
    two = [pml.Polynomial([[0]], [[1.0, 2.0]]) for _ in range(2)]
    with pytest.raises(ValueError, match="boundary: expected one output for max, got 2"):
        pml.Regions(two, "max")


def test_a_law_without_a_value_is_not_the_largest():
    root = pml.Transformed(pml.Polynomial([[1]], [1.0]), ["identity"], ["square"], input_scales=[1.0])
    model = pml.Regions([root, pml.Polynomial([[1]], [1.0])], "max", signature=Signature(1, 1))
    np.testing.assert_allclose(model([0.25, -0.5]), [0.5, -0.5], rtol=1e-15)
    assert np.isnan(model([np.nan])).all()


def test_a_function_for_a_boundary_gives_numbers_of_laws():
    model = pml.Regions(lines(), lambda X: np.where(X[:, 1] > 0.0, 1, 0))
    np.testing.assert_array_equal(model([[0.2, -1.0], [0.2, 1.0]]), [0.2, 0.8])
    for wrong, message in (
        (lambda X: X[:, 0], r"boundary: expected \(2,\) integers, got \(2,\) of float64"),
        (lambda X: np.full(len(X), 2), "boundary: expected numbers from -1 to 1, got 2"),
    ):
        with pytest.raises(ValueError, match=message):
            pml.Regions(lines(), wrong)([[0.2, -1.0], [0.2, 1.0]])


def test_where_scores_are_near_the_laws_are_in_doubt_by_what_they_differ():
    scores = pml.Polynomial([[0, 1]], [1.0], n_threads=1)
    model = pml.Regions(lines(), scores, margin=0.1)
    X = np.array([[0.3, 0.05], [0.3, -0.05], [0.3, 0.2]])
    np.testing.assert_allclose(model.undecided(X)[:, 0], [0.4, 0.4, 0.0], atol=1e-15)
    assert not pml.Regions(lines(), "max").undecided(X).any()


def test_a_table_has_degrees_for_which_there_are_rows():
    X = points(120, d=4)
    assert Table(X, X[:, 0]).degrees == [2]
    assert Table(points(3000), points(3000)[:, 0]).degrees[-1] == 14
