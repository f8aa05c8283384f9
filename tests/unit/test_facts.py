"""What is found of rows at once is what slow loops find one by one."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pml_native import facts as module
from pml_native.arrays import as_samples
from pml_native.facts import EqualRows, Facts
from pml_native.hold_out import split


@st.composite
def tables(draw):
    """Few different numbers, so that rows repeat and now and then form a grid; 0 of both signs."""
    n, d, m = draw(st.integers(1, 40)), draw(st.integers(1, 4)), draw(st.integers(1, 3))
    numbers = st.sampled_from([-0.0, 0.0, 1.0, -1.0, 2.5][: draw(st.integers(1, 5))])
    rows = draw(st.lists(st.lists(numbers, min_size=d + m, max_size=d + m), min_size=n, max_size=n))
    table = np.array(rows)
    return table[:, :d], table[:, d:]


def grid(*shape):
    axes = [np.linspace(-1.0, 1.0, n) ** 3 for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))


def groups_of(equal_rows):
    groups = defaultdict(list)
    for row, number in zip(equal_rows.rows.tolist(), equal_rows.group.tolist(), strict=True):
        groups[number].append(row)
    assert list(groups) == list(range(len(groups)))
    return {tuple(rows) for rows in groups.values()}


def groups_by_loop(X):
    groups = defaultdict(list)
    for row, x in enumerate((X + 0.0).tolist()):
        groups[tuple(x)].append(row)
    return {tuple(rows) for rows in groups.values() if len(rows) > 1}


def noise_by_loop(y, groups):
    """Pooled variance within groups over the mean square, averaged over outputs, and its root."""
    ratios = []
    for column in y.T:
        squares = sum(sum((column[row] - np.mean(column[list(group)])) ** 2 for row in group) for group in groups)
        mean_square = np.mean(column**2)
        ratios.append(squares / sum(len(group) - 1 for group in groups) / mean_square if mean_square else 0.0)
    return math.sqrt(np.mean(ratios))


def check(X, y):
    """All facts of the table against loops."""
    facts = Facts.of(as_samples(X, y))
    (n, d), m = X.shape, y.shape[1]
    assert (facts.n, facts.d, facts.m) == (n, d, m)
    for ranges, table in ((facts.inputs, X), (facts.outputs, y)):
        assert ranges.low.tolist() == [min(column) for column in table.T.tolist()]
        assert ranges.high.tolist() == [max(column) for column in table.T.tolist()]
        assert ranges.constant.tolist() == [len(set(column)) == 1 for column in table.T.tolist()]
        signs = [{(v > 0) - (v < 0) for v in column} for column in table.T.tolist()]
        assert ranges.keeps_sign.tolist() == [len(sign) == 1 and 0 not in sign for sign in signs]
    different = [sorted(set(column)) for column in X.T.tolist()]
    n_varying = sum(len(column) > 1 for column in different)
    for values, expected in zip(facts.values, different, strict=True):
        is_known = d == 1 or len(expected) <= n // 2 or (len(expected) > 1 and n_varying == 1)
        assert values.tolist() == expected if is_known else values is None

    groups = groups_by_loop(X)
    assert groups_of(facts.equal_rows) == groups
    contradicting = {group for group in groups if len({tuple(y[row].tolist()) for row in group}) > 1}
    assert facts.n_contradicting == sum(map(len, contradicting))
    assert facts.n_repeated == sum(len(group) - 1 for group in groups - contradicting)
    assert facts.noise == pytest.approx(noise_by_loop(y, groups) if contradicting else 0.0, rel=1e-12)

    nodes = list(itertools.product(*different))
    if sorted((X + 0.0).tolist()) == list(map(list, nodes)) and n > 1:
        axes, order = facts.grid
        assert [axis.tolist() for axis in axes] == different
        assert X[order].tolist() == list(map(list, nodes))
    else:
        assert facts.grid is None


@given(tables())
@settings(max_examples=150, deadline=None)
def test_facts_of_small_tables_are_what_loops_find(table):
    check(*table)


@pytest.mark.parametrize("n_hashes", [1, 3])
@given(table=tables())
@settings(max_examples=50, deadline=None)
def test_rows_whose_hashes_collide_are_told_apart(n_hashes, table):
    hashes = module._hashes
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_hashes", lambda X: hashes(X) % np.uint64(n_hashes) << np.uint64(60))
        check(*table)


@pytest.mark.parametrize("shape", [(2,), (17,), (4, 5), (2, 30), (3, 2, 4), (2, 2, 2, 2)])
def test_grids_are_found_in_any_order_and_not_with_a_node_missing_or_twice(shape):
    X = grid(*shape)
    X = X[np.random.default_rng(0).permutation(len(X))]
    y = X[:, :1] + 1.0
    check(X, y)
    check(X[1:], y[1:])
    check(np.concatenate([X[1:], X[1:2]]), y)


def last_bits(nodes, rng):
    return np.nextafter(nodes, rng.choice([-9.0, 9e9], nodes.shape))


def steps_added_up(nodes, rng):
    step = np.min(np.abs(nodes[nodes != 0.0]))
    return np.where(rng.random(nodes.shape) < 0.5, nodes, (nodes + 7.0 * step) - 7.0 * step)


def text_of_16_digits(nodes, rng):
    text = np.vectorize(lambda v: float(f"{v:.15e}"))(nodes)
    return np.where(rng.random(nodes.shape) < 0.5, nodes, text)


LINEAR = [np.linspace(-0.4, 0.8, 13), np.linspace(0.1, 1.0, 7)]
DECADES = [np.logspace(-30, 3, 12), np.logspace(-5, 0, 9)]
WITH_CONSTANTS = [np.linspace(0.0, 1.0, 6), np.array([np.pi]), np.linspace(5.0, 6.0, 8), np.array([-1e8 / 3.0])]
ONE_COLUMN = [np.linspace(0.1, 0.7, 31)]


@pytest.mark.parametrize("axes", [LINEAR, WITH_CONSTANTS, ONE_COLUMN])
@pytest.mark.parametrize("rounding", [last_bits, steps_added_up, text_of_16_digits])
def test_a_table_is_a_grid_whatever_the_rounding_of_its_rows(axes, rounding):
    check_rounded(axes, rounding)


@pytest.mark.parametrize("rounding", [last_bits, text_of_16_digits])
def test_lines_over_decades_are_each_rounded_on_their_own(rounding):
    check_rounded(DECADES, rounding)


def check_rounded(axes, rounding):
    rng = np.random.default_rng(0)
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(axes))
    order = rng.permutation(len(nodes))
    X = rounding(nodes[order], rng)
    facts = Facts.of(as_samples(X, X[:, 0]))
    found, into_order = facts.grid
    for axis, expected in zip(found, axes, strict=True):
        assert np.allclose(axis, expected, rtol=1e-14, atol=1e-14 * np.min(np.abs(expected[expected != 0.0])))
    assert np.array_equal(order[into_order], np.arange(len(nodes)))
    train, held_out = split(as_samples(X, X[:, 0]), None, np.random.default_rng(1), facts)
    if len(axes) > 1:  # of no line some rows are held out and others trained on
        on_lines = np.zeros(len(held_out.X), dtype=bool)
        for j, values in enumerate(found):
            trained, held = (np.argmin(np.abs(rows.X[:, [j]] - values), axis=1) for rows in (train.all(), held_out))
            on_lines |= ~np.isin(held, trained)
        assert on_lines.all()


@pytest.mark.parametrize(
    "column",
    [
        1.0 + np.arange(40) * 2.0**-52,
        1.0 + np.arange(40) * 2.0**-46,
        np.logspace(-300, 0, 40),
        np.linspace(0.0, 1e-300, 40),
        np.linspace(-1.0, 1.0, 40) * 1.7e308,
    ],
)
def test_numbers_in_sequence_are_not_one_however_near(column):
    facts = Facts.of(as_samples(column, column))
    assert np.array_equal(facts.values[0], column)
    twice = Facts.of(as_samples(np.stack(np.meshgrid(column, column), axis=-1).reshape(-1, 2), np.zeros(1600)))
    assert all(np.array_equal(values, column) for values in twice.values)


def test_a_node_that_is_there_twice_but_for_rounding_makes_no_grid():
    X = grid(6, 7)
    again = np.concatenate([X, np.nextafter(X[3:4], 9.0)])
    assert Facts.of(as_samples(again, again[:, 0])).grid is None
    again[:-1][5] = again[-1]
    assert Facts.of(as_samples(again[:-1], again[:-1, 0])).grid is None


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("d", [1, 2, 5])
def test_tables_of_a_few_rows_have_facts(n, d):
    X = np.random.default_rng(n).normal(size=(n, d))
    check(X, X[:, :1])
    check(np.ones((n, d)), np.arange(n)[:, None] + 0.0)


def numbers(kind, n, d):
    rng = np.random.default_rng(5)
    if kind == "integers":
        return rng.integers(0, 40, (n, d)) + 0.0
    if kind == "float32":
        return rng.random((n, d)).astype(np.float32).astype(np.float64)
    if kind == "last bits":
        return 1.0 + rng.integers(0, 40, (n, d)) * 2.0**-52
    return rng.integers(0, 40, (n, d)) * 2.0 ** rng.integers(-300, 300, (n, 1))


@pytest.mark.parametrize("kind", ["integers", "float32", "last bits", "powers of 2"])
@pytest.mark.parametrize("d", [2, 3, 6])
def test_different_rows_have_different_hashes(kind, d):
    X = numbers(kind, 50_000, d)
    assert len(np.unique(module._hashes(X))) == len(np.unique(X, axis=0))


@pytest.mark.parametrize("n", [module.BLOCK_ROWS - 1, module.BLOCK_ROWS, 2 * module.BLOCK_ROWS + 1])
def test_equal_rows_are_found_across_blocks(n):
    X = np.random.default_rng(0).random((n, 2))
    X[-1] = X[0]
    equal_rows = EqualRows.of(X)
    assert equal_rows.rows.tolist() == [0, n - 1]
    assert equal_rows.group.tolist() == [0, 0]


def test_values_of_columns_of_a_large_table_are_known_where_they_repeat():
    rng = np.random.default_rng(0)
    n = 100_000
    X = np.column_stack([rng.permutation(np.arange(n) // 2), rng.random(n), rng.integers(0, 7, n)]) + 0.0
    X[rng.random(n) < 0.9, 1] = 0.5
    facts = Facts.of(as_samples(X, X[:, 0]))
    for values, column in zip(facts.values, X.T, strict=True):
        assert np.array_equal(values, np.unique(column))
    X[:, 1] = rng.random(n)
    assert Facts.of(as_samples(X, X[:, 0])).values[1] is None


@pytest.mark.parametrize("shape", [(1, 3000), (999, 1), (1001, 1), (501, 3), (20, 1500)])
def test_ranges_are_those_of_all_rows(shape):
    table = np.random.default_rng(0).normal(size=shape)
    ranges = module.Ranges.of(table)
    assert np.array_equal(ranges.low, table.min(axis=0))
    assert np.array_equal(ranges.high, table.max(axis=0))


def test_repeated_inputs_with_other_outputs_give_the_noise_level_they_imply():
    rng = np.random.default_rng(0)
    inputs = rng.uniform(size=(4000, 2))
    clean = 2.0 + inputs.sum(axis=1)
    repeated = np.concatenate([inputs, inputs])
    facts = Facts.of(as_samples(repeated, np.concatenate([clean, clean]) + 1e-3 * rng.normal(size=8000)))
    assert facts.n_contradicting == 8000
    # 4000 differences estimate a standard deviation to about 1 %.
    assert facts.noise == pytest.approx(1e-3 / np.sqrt(np.mean(clean**2)), rel=0.05)


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_noise_does_not_depend_on_the_scale_of_y(scale):
    X = np.repeat(np.random.default_rng(0).random((30, 2)), 2, axis=0)
    y = np.random.default_rng(1).normal(size=60)
    assert Facts.of(as_samples(X, scale * y)).noise == pytest.approx(Facts.of(as_samples(X, y)).noise, rel=1e-12)


def test_rows_held_out_are_the_same_with_facts_found_before():
    X = np.repeat(np.random.default_rng(0).random((200, 2)), 2, axis=0)
    for table in (X, X[::2], grid(20, 30)):
        samples = as_samples(table, table[:, 0])
        train, held_out = split(samples, None, np.random.default_rng(1))
        again, held_out_again = split(samples, None, np.random.default_rng(1), Facts.of(samples))
        assert np.array_equal(train.chosen, again.chosen)
        assert np.array_equal(held_out.X, held_out_again.X)
