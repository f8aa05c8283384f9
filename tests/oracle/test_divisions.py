"""Holds the division of rows among laws, and the boundary between them, to what slow and obvious code makes."""

import itertools

import numpy as np
import pytest
from numpy.polynomial import chebyshev
from scipy.optimize import linprog

from pml_native.models.regions import place_of
from pml_native.search.boundaries import boundary_of, parted_by
from pml_native.search.divisions import (
    Division,
    Table,
    alternated,
    certainty,
    chebyshev_products,
    exponents,
    merged,
    misses_of,
    numbered,
    solved,
)
from pml_native.search.region_starts import by_neighbours, by_threshold


def points(n=600, d=2, seed=0):
    return np.random.default_rng(seed).uniform(-1.0, 1.0, size=(n, d))


def margin_of_the_whole_programme(terms, labels):
    """Of all rows at once, with a score for each label: the largest margin."""
    n, p = terms.shape
    q = labels.max() + 1
    rows, above = [], []
    for i, k in itertools.product(range(n), range(q)):
        if k != labels[i]:
            row = np.zeros((q, p))
            row[labels[i]] -= terms[i]
            row[k] += terms[i]
            rows.append(np.append(row[1:].ravel(), 1.0))
            above.append(0.0)
    cost = np.append(np.zeros((q - 1) * p), -1.0)
    bounds = [(-1.0, 1.0)] * ((q - 1) * p) + [(None, 1.0)]
    return linprog(cost, A_ub=np.array(rows), b_ub=above, bounds=bounds, method="highs").x[-1]


@pytest.mark.parametrize(
    "label",
    [
        lambda x, y: x + 0.5 * y > 0.1,
        lambda x, y: x**2 + y**2 > 0.5,
        lambda x, y: (x > 0.1).astype(int) + 2 * (y > -0.2),
    ],
    ids=["a plane", "a circle", "four quadrants"],
)
def test_the_margin_is_that_of_the_programme_of_all_rows(label):
    X = points(200)
    labels = label(*X.T).astype(int)
    terms = chebyshev_products(X, 2)
    w, margin = parted_by(terms, labels, np.arange(200))
    scores = np.column_stack([np.zeros(200), terms @ w])
    assert np.array_equal(scores.argmax(axis=1), labels)
    assert margin == pytest.approx(margin_of_the_whole_programme(terms, labels), rel=2e-3)


def test_what_no_polynomial_of_the_degree_parts_is_parted_by_none():
    X = points(200)
    assert parted_by(chebyshev_products(X, 1), (X[:, 0] ** 2 > 0.3).astype(int), np.arange(200)) is None


def test_products_are_those_of_chebyshev_polynomials_of_the_columns():
    X = points(5, 3)
    rows = exponents(3, 4)
    assert len(np.unique(rows, axis=0)) == len(rows) == 35
    assert rows.sum(axis=1).tolist() == sorted(rows.sum(axis=1))
    for row, column in zip(rows, chebyshev_products(X, 4).T, strict=True):
        one = [chebyshev.chebval(x, np.eye(k + 1)[k]) for k, x in zip(row, X.T, strict=True)]
        np.testing.assert_allclose(column, np.prod(one, axis=0), rtol=0.0, atol=1e-14)


def test_normal_equations_leave_what_least_squares_does():
    X = points()
    terms = chebyshev_products(X, 8)
    y = np.exp(X[:, 0]) / (2.0 + X[:, 1])
    left = y - terms @ solved(terms, y)
    least = y - terms @ np.linalg.lstsq(terms, y, rcond=None)[0]
    assert np.linalg.norm(left) < 1.001 * np.linalg.norm(least) + 1e-9


@pytest.mark.parametrize("beyond", [1e-6, 0.3])
def test_rows_of_another_law_do_not_bend_the_law_of_the_others(beyond):
    X = points(500)
    is_other = X[:, 0] + X[:, 1] > 1.2
    table = Table(X, np.cos(X[:, 0] - 2.0 * X[:, 1]) + beyond * np.sin(9.0 * X[:, 0]) * is_other)
    rows = np.flatnonzero(X[:, 1] > -0.5)
    misses = misses_of(table, rows, 5)

    terms = chebyshev_products(table.z, 5)

    def left_by(rows):
        return np.abs(table.y - terms @ np.linalg.lstsq(terms[rows], table.y[rows], rcond=None)[0])

    first = left_by(rows)[rows]
    good = rows[first <= 5.0 * np.sort(first)[int(0.8 * len(rows))] + 1e-16]
    assert len(good) < len(rows) if beyond > 0.1 else len(good) > 0.9 * len(rows)
    np.testing.assert_allclose(misses, left_by(good), rtol=1e-6, atol=1e-9)


def test_labels_are_numbered_without_those_of_few_rows():
    assert numbered(np.array([7, 7, 3, -1, 9, 9]), 2).tolist() == [0, 0, -1, -1, 1, 1]


def two_laws():
    X = points()
    truth = X[:, 0] > 0.2 * X[:, 1]
    y = np.where(truth, np.exp(X[:, 0] + X[:, 1]), np.cos(X[:, 0]) + X[:, 0] * 0.2)
    return X, y, truth.astype(int)


def test_rows_that_begin_nearly_right_end_right_and_the_cut_is_certain():
    X, y, truth = two_laws()
    table = Table(X, y)
    noisy = np.where(np.random.default_rng(1).uniform(size=len(y)) < 0.05, 1 - truth, truth)
    labels = noisy
    for degree in table.degrees:
        division, _ = alternated(table, labels, degree, 12)
        labels = division.labels
    # One row is where the laws, which go on across the boundary, have the same value.
    assert np.count_nonzero(labels != truth) <= 1
    assert certainty(table.z, division).decades > 3.0


def test_a_cut_of_a_smooth_function_is_joined_or_not_certain():
    X = points()
    table = Table(X, np.tanh(3.0 * X[:, 0] + X[:, 1]))
    labels = (X[:, 0] > 0.0).astype(int)
    division, _ = alternated(table, labels, table.degrees[-1], 12)
    division = merged(table, division, table.degrees[-1])
    assert division.q == 1 or certainty(table.z, division).decades < 2.0


def test_the_certainty_is_the_median_of_decades_next_to_the_other_region():
    z = np.linspace(-1.0, 1.0, 100)[:, None]
    labels = (z[:, 0] > 0.0).astype(int)
    misses = np.where(labels == np.arange(2)[:, None], 1e-9, 1e-3)
    pair = certainty(z, Division(labels, misses))
    assert pair.decades == pytest.approx(6.0, abs=1e-6)
    assert pair.miss == pytest.approx(1e-3)


def test_the_best_threshold_is_between_two_laws():
    X = points(1000)
    y = np.where(X[:, 0] > 0.25, X[:, 1], X[:, 0] ** 2)
    table = Table(X, y)
    [labels] = by_threshold(table, 2, table.z[:, 0])
    assert np.mean(labels == (X[:, 0] > 0.25)) > 0.95


def test_parts_of_the_rows_away_from_a_boundary_are_pure():
    X, y, truth = two_laws()
    starts = by_neighbours(Table(X, y), 2)
    assert starts
    labels = starts[-1]
    for part in range(labels.max() + 1):
        assert len(np.unique(truth[labels == part])) == 1


@pytest.mark.parametrize(
    ("label", "described"),
    [
        (lambda x, y: x > 0.3, "at a = 0.3"),
        (lambda x, y: y < -0.1, "at b = -0.1"),
        (lambda x, y: x + y > 0.3, "where a plane changes sign"),
        (lambda x, y: x**2 + y**2 > 0.5, "where a polynomial of degree 2 changes sign"),
        (lambda x, y: np.sin(20 * x) * np.sin(20 * y) > 0, "where labels of the nearest rows change"),
    ],
)
def test_the_simplest_boundary_that_parts_all_rows_is_taken(label, described):
    X = points(1000)
    labels = label(*X.T).astype(int)
    found = boundary_of(X, labels, None, ["a", "b"])
    assert found.described.startswith(described[: len(described) - 1])
    scores = np.column_stack([np.zeros(1000), found.boundary(X)])
    assert np.array_equal(scores.argmax(axis=1), labels)


LATTICES = {
    "the largest of 3 laws": lambda a, b, c: max(a, b, c),
    "the smallest of 3 laws": lambda a, b, c: min(a, b, c),
    "max(0, min(1, 2)) of 3 laws": lambda a, b, c: max(a, min(b, c)),
    "max(min(0, 1), min(0, 2), min(1, 2)) of 3 laws": lambda *laws: sorted(laws)[1],
}


@pytest.mark.parametrize(("described", "value"), LATTICES.items())
def test_laws_that_say_which_of_them_holds_are_read_off_the_rows(described, value):
    values = np.random.default_rng(5).normal(size=(300, 3))
    y = np.array([value(*row) for row in values.tolist()])
    labels = np.argmax(values == y[:, None], axis=1)
    found = boundary_of(points(300), labels, values, ["a", "b"])
    assert found.is_of_laws
    assert found.described == described
    np.testing.assert_array_equal(place_of(values, found.boundary), labels)


def test_laws_of_which_none_says_which_holds_have_another_boundary():
    X = points(300)
    labels = (X[:, 0] > 0.3).astype(int)
    found = boundary_of(X, labels, np.column_stack([X[:, 1], -X[:, 1]]), ["a", "b"])
    assert not found.is_of_laws
