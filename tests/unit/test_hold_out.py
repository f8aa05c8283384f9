"""Which rows are held out: lines where there are any, and never a row that training knows."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.hold_out import LEAST_TRAINING_SHARE, VALIDATION_FRACTION, split


def grid(*shape):
    axes = [np.linspace(0.0, 1.0, n) ** 2 for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))


def held_out(X, seed=0, validation=None):
    train, chosen = split(as_samples(X, X[:, 0] + 1.0), validation, np.random.default_rng(seed))
    assert train.n + chosen.n == len(X)
    return train.all().X, chosen.X


def test_scattered_rows_are_held_out_at_random():
    X = np.random.default_rng(0).random((1000, 3))
    train, chosen = held_out(X)
    assert len(chosen) == round(VALIDATION_FRACTION * 1000)
    assert len({*map(bytes, train)} | {*map(bytes, chosen)}) == 1000


@pytest.mark.parametrize("shape", [(40, 25), (6, 6, 6, 6), (10, 10, 10), (100, 5), (30,)])
@pytest.mark.parametrize("seed", range(5))
def test_whole_lines_of_a_grid_are_held_out_but_none_at_an_edge(shape, seed):
    X = np.repeat(grid(*shape), 5, axis=0) if len(shape) == 1 else grid(*shape)
    train, chosen = held_out(X, seed)
    assert len(train) >= LEAST_TRAINING_SHARE * len(X)
    known = [set(column) for column in train.T]
    gaps = [sorted(set(X[:, j]) - known[j]) for j in range(len(shape))]
    assert all(gaps)
    on_gaps = np.any([np.isin(X[:, j], gaps[j]) for j in range(len(shape))], axis=0)
    assert np.array_equal(np.sort(X[on_gaps], axis=0), np.sort(chosen, axis=0))
    for j, column in enumerate(X.T):
        assert {column.min(), column.max()} <= known[j]
        lines = np.unique(column)
        assert np.all(np.diff(np.searchsorted(lines, gaps[j])) > 1)


def test_rows_to_train_on_are_those_of_the_table_and_come_in_blocks():
    X = np.random.default_rng(0).random((1000, 3))
    samples = as_samples(X, X[:, 0], np.arange(1.0, 1001.0))
    train, chosen = split(samples, None, np.random.default_rng(0))
    assert train.samples is samples
    whole = train.all()
    blocks = list(train.blocks(170))
    assert train.n == whole.n == sum(block.n for block in blocks) == 850
    for name in ("X", "y", "sample_weight"):
        joined = np.concatenate([getattr(block, name) for block in blocks])
        assert np.array_equal(joined, getattr(whole, name))
        assert np.array_equal(getattr(train.take(np.array([3, 1])), name), joined[[3, 1]])
    again = np.sort(np.concatenate([whole.y, chosen.y]), axis=0)
    assert np.array_equal(again, np.sort(samples.y, axis=0))
    given, other = split(samples, (X[:5], X[:5, 0]), np.random.default_rng(0))
    assert given.all() is samples
    assert other.n == 5


def test_a_table_with_gaps_has_lines_too():
    X = grid(30, 40)
    X = X[X.sum(axis=1) < 1.2]
    train, _ = held_out(X)
    assert set(X[:, 0]) - set(train[:, 0])
    assert set(X[:, 1]) - set(train[:, 1])


def test_one_column_of_few_values_leaves_the_other_to_chance():
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.random(600), rng.integers(0, 4, 600)])
    train, chosen = held_out(X)
    assert len(chosen) == round(VALIDATION_FRACTION * 600)
    assert set(train[:, 1]) == set(X[:, 1])


def test_repeated_rows_are_held_out_together():
    X = np.repeat(np.random.default_rng(0).random((200, 2)), 2, axis=0)
    train, chosen = held_out(X)
    assert len({*map(bytes, train)} & {*map(bytes, chosen)}) <= 1  # the end of those held out may cut a pair
    assert 40 <= len(chosen) <= 80


def test_the_fraction_asked_for_is_that_of_all_lines_together():
    X = grid(50, 50)
    _, few = held_out(X, validation=0.1)
    _, many = held_out(X, validation=0.4)
    assert 0.05 < len(few) / len(X) < 0.15
    assert 0.3 < len(many) / len(X) < 0.45


@pytest.mark.parametrize("family", ["algebraic", "polynomial", "rational", "separable", "random_features", "rbf"])
@pytest.mark.parametrize("n", [1, 2])
def test_rows_too_few_to_hold_one_out_are_refused(family, n):
    X = np.arange(2.0 * n).reshape(n, 2)
    with pytest.raises(ValueError, match=f"X: expected at least 3 rows, of which one is held out, got {n}"):
        getattr(pml, f"fit_{family}")(X, X[:, 0])
