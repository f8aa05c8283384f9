"""Polynomials on cells of the box, joined by a partition of unity, and the search for them."""

import numpy as np
import pytest
from numpy.polynomial import chebyshev

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.models.partition import products_of
from pml_native.search.cells import Cell, Table, cut, fitted_cell
from pml_native.search.partition import PartitionSearch, shuffled
from pml_native.search.search import MOST_STEP, Rows

from .models_of_all_families import partition

RNG = np.random.default_rng(11)


def test_three_derivatives_go_on_at_the_end_of_a_band():
    """There the model comes as near to that of the right child as the fourth power of the distance."""
    model = partition(1, 1, degrees=(3, 2, 3, 1))
    nodes, places = np.empty((0, 3), dtype=int), np.empty((0, 2))
    parts = model.degrees[:1], model.boxes[:1], model.coefficients[:4], model.inputs, model.outputs, model.signature
    right = type(model)(nodes, places, *parts)
    (low,), (high,) = model.box()
    place, width = model.places[0]
    away = 0.02 * 0.5 ** np.arange(3)
    x = low + 0.5 * (place + width * (1.0 - away) + 1.0) * (high - low)
    apart = np.abs(model(x) - right(x))
    assert np.allclose(apart[:-1] / apart[1:], 16.0, rtol=0.05)
    assert np.array_equal(model([high]), right([high]))


def test_a_row_left_out_is_missed_by_what_the_closed_form_says():
    x = RNG.uniform(-1.0, 1.0, size=(40, 2))
    y = np.exp(x[:, :1]) * np.sin(3.0 * x[:, 1:])
    table = Table.of(as_samples(x, y[:, 0]))
    whole = fitted_cell(table, Cell.whole(np.arange(40, dtype=np.int32), 2), 15)
    missed = []
    for i in range(40):
        rest = np.delete(np.arange(40), i)
        indices = products_of(2, whole.degree)
        design = np.prod(
            [chebyshev.chebvander(table.Z[:, j], whole.degree)[:, indices[:, j]] for j in range(2)], axis=0
        )
        c = np.linalg.lstsq(design[rest], table.y[rest], rcond=None)[0]
        missed.append(design[i] @ c - table.y[i])
    assert whole.square == pytest.approx(np.mean(np.square(missed)), rel=1e-9)


def test_without_a_group_of_rows_coefficients_are_those_of_the_others():
    x = RNG.uniform(-1.0, 1.0, size=(200, 2))
    y = np.stack([np.exp(x[:, 0]) * np.sin(3.0 * x[:, 1]), x[:, 0] * x[:, 1]], axis=1)
    weight = RNG.uniform(0.5, 2.0, size=200)
    table = Table.of(as_samples(x, y, weight))
    cell = Cell.whole(shuffled(200), 2)
    is_out = RNG.permutation(200) < 12
    whole = fitted_cell(table, cell, 21, groups=[is_out])
    low, high = whole.box
    U = (2.0 * table.Z - low - high) / (high - low)
    indices = products_of(2, whole.degree)
    design = np.prod([chebyshev.chebvander(U[:, j], whole.degree)[:, indices[:, j]] for j in range(2)], axis=0)
    root = table.root_weight[~is_out, None]
    rest = np.linalg.lstsq(root * design[~is_out], root * table.y[~is_out], rcond=None)[0]
    moved = np.max(np.abs(rest - whole.coefficients))
    assert np.max(np.abs(whole.without[0] - rest)) < 0.01 * moved


def test_halves_have_the_rows_that_are_near_them():
    Z = RNG.uniform(size=(3000, 3))
    y = np.tanh(30.0 * (Z[:, 1] - 0.3)) + Z[:, 0]
    table = Table.of(as_samples(Z, y))
    level = [Cell.whole(shuffled(3000), 3)]
    for _ in range(4):
        for cell in level:
            cell.fitted = fitted_cell(table, cell, 35)
        level = [half for cell in level for half in cut(table, cell, 0.0)]
        for cell in level:
            low, high = cell.box
            near = np.all((low <= table.Z) & (high >= table.Z), axis=1)
            inside = np.all((cell.low <= table.Z) & (cell.high >= table.Z), axis=1)
            assert np.array_equal(np.sort(cell.rows), np.flatnonzero(near))
            assert np.array_equal(cell.inside, inside[cell.rows])
    assert len(level) > 8


def test_no_step_is_longer_than_a_deadline_may_wait_for():
    """A million rows are more than one cut, and more than one polynomial, may take in a step."""
    X = RNG.uniform(size=(1_000_000, 2))
    samples = as_samples(X, np.tanh(20.0 * (X[:, 0] - X[:, 1] ** 2)))
    steps, answer, n_steps = PartitionSearch(Rows(samples, samples.first(100))).steps(), None, 0
    while n_steps < 12:
        asked = steps.send(answer)
        if isinstance(asked, list):
            assert max(step.work for step in asked) <= MOST_STEP
            n_steps += len(asked)
            answer = [step.function(None) for step in asked]
        else:
            answer = None


def bumps(X):
    centres = np.random.default_rng(5).uniform(size=(30, 2))
    return np.exp(-((X[:, None] - centres) ** 2).sum(axis=2) / (2.0 * 0.07**2)).sum(axis=1)


def test_fit_takes_cells_where_rows_are_many_and_no_one_model_does():
    X, Q = RNG.uniform(size=(8000, 2)), RNG.uniform(size=(5000, 2))
    model = pml.fit(X, bumps(X), effort=0.05, time_limit=None)
    error = np.sqrt(np.mean((model(Q) - bumps(Q)) ** 2) / np.mean(bumps(Q) ** 2))
    assert model.family == "partition"
    assert error < 1e-3
    assert error < 3.0 * model.report.error < 30.0 * error
    assert "cells" in str(model.report)


def test_more_rows_make_more_cells_and_a_smaller_error():
    Q, errors, counts = RNG.uniform(size=(3000, 2)), [], []
    for n in (1000, 4000):
        X = RNG.uniform(size=(n, 2))
        model = pml.fit_partition(X, bumps(X), time_limit=None)
        errors.append(np.sqrt(np.mean((model(Q) - bumps(Q)) ** 2)))
        counts.append(len(model.degrees))
    assert errors[1] < 0.3 * errors[0]
    assert counts[1] > counts[0]


def test_a_polynomial_is_one_cell():
    X = RNG.uniform(size=(3000, 2))
    model = pml.fit_partition(X, X[:, 0] ** 3 - X[:, 0] * X[:, 1], time_limit=None)
    assert len(model.degrees) == 1
    assert model.degrees[0] == 3


def test_lines_of_a_grid_hold_no_more_degrees_than_they_tell():
    axes = np.meshgrid(np.linspace(0.0, 1.0, 60), [0.0, 0.5, 1.0], indexing="ij")
    X = np.stack([axis.ravel() for axis in axes], axis=1)
    y = np.tanh(20.0 * (X[:, 0] - 0.4)) * (1.0 + X[:, 1])
    model = pml.fit_partition(X, y, time_limit=None)
    assert np.sqrt(np.mean((model(X) - y) ** 2)) < 5e-2
    assert np.max(np.abs(model(RNG.uniform(size=(1000, 2))))) < 3.0


def test_rows_in_clusters_make_cells_of_their_own():
    centres = np.array([[0.1, 0.1], [0.9, 0.8]])
    X = (centres[:, None] + 0.02 * RNG.uniform(size=(2, 1000, 2))).reshape(-1, 2)
    y = np.sin(300.0 * X[:, 0]) + X[:, 1]
    model = pml.fit_partition(X, y, time_limit=None)
    assert np.sqrt(np.mean((model(X) - y) ** 2)) < 1e-4


def test_new_rows_move_the_cells_that_they_are_in_and_no_others():
    X, Q = RNG.uniform(size=(3000, 2)), RNG.uniform(size=(4000, 2))
    model = pml.fit_partition(X, bumps(X), time_limit=None, n_threads=1)
    new = RNG.uniform(0.0, 0.2, size=(1500, 2))
    updated = model.update(new, bumps(new))
    near, far = np.all(Q < 0.2, axis=1), np.any(Q > 0.7, axis=1)
    errors = [np.sqrt(np.mean((one(Q[near]) - bumps(Q[near])) ** 2)) for one in (model, updated)]
    assert errors[1] < 0.5 * errors[0]
    assert np.array_equal(updated(Q[far]), model(Q[far]))
    assert updated.nodes is model.nodes


def test_a_report_of_updated_cells_has_the_errors_at_new_rows():
    X = RNG.uniform(size=(6000, 2))
    model = pml.fit(X, bumps(X), method="partition", effort=0.05, time_limit=None, progress=False, n_threads=1)
    new = RNG.uniform(0.4, 0.6, size=(400, 2))
    updated = model.update(new, bumps(new))
    [told] = updated.report.updates
    assert told.n_rows == 400
    assert told.at_rows < told.before
    assert updated.report.error >= model.report.error


def test_cells_say_where_their_laws_hold():
    model = partition(3, 2)
    X = RNG.uniform(*model.box(), size=(300, 3))
    total, weights = np.zeros((300, 2)), np.zeros(300)
    for number, rows, weight in model.cells_at(X):
        total[rows] += weight[:, None] * model.outputs.apply(model.cell(number).evaluate(X[rows]))
        weights[rows] += weight
    assert np.allclose(weights, 1.0)
    assert np.allclose(model.outputs.invert(total), model.evaluate(X), rtol=1e-9, atol=1e-9)


def test_values_of_one_cell_move_with_its_coefficients_as_the_jacobian_says():
    model = partition(3, 2).cell(1)
    (low, high), parameters = model.box(), model.own_parameters()
    X = RNG.uniform(low, high, size=(20, 3))
    way = RNG.normal(size=len(parameters))
    above, below = (model.with_own_parameters(parameters + sign * way).evaluate(X) for sign in (1.0, -1.0))
    assert np.allclose(model.own_jacobian(X) @ way, 0.5 * (above - below), rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"nodes": [[2, 1, -1], [0, -2, -2], [0, -3, -4]]}, "each once"),
        ({"nodes": [[2, 0, -1], [0, -2, 2], [0, -3, -4]]}, "behind it"),
        ({"nodes": [[3, 1, -1], [0, -2, 2], [0, -3, -4]]}, "a variable below 3"),
        ({"cuts": [[0.4, 0.0], [-0.5, 0.4], [0.3, 0.3]]}, "a width above 0"),
        ({"cuts": [[np.nan, 0.1], [-0.5, 0.4], [0.3, 0.3]]}, "a finite place"),
        ({"degrees": [3, 0, 2, 10**6]}, "degrees: expected 0 to"),
        ({"degrees": [3, 0, 2, 2]}, "coefficients: expected those of all products"),
        ({"degrees": [3, 0, 2]}, "nodes: expected"),
        ({"boxes": np.zeros((4, 2, 3))}, "boxes: expected finite numbers"),
        ({"variables": [0, 0, 1]}, "variables: expected"),
    ],
)
def test_a_tree_that_is_none_is_refused(change, message):
    model = partition()
    values, arrays = model.state()
    arrays |= {name: np.asarray(value) for name, value in change.items()}
    with pytest.raises(ValueError, match=message):
        type(model).from_state(values, arrays, model.signature)
