"""Where there are rows: each way of leaving a box empty is told, and rows that fill it are told nothing."""

import copy
import pickle

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.coverage import MOST_ROWS, Coverage
from pml_native.facts import Facts
from pml_native.hold_out import split
from pml_native.models import archive

SEEDS = range(4)


def coverage(X):
    X = np.ascontiguousarray(X)
    return Coverage.of(X, Facts.of(as_samples(X, X[:, 0])))


def said(X):
    return " / ".join(coverage(X).sentences(None))


def latin(rng, n, d):
    return np.column_stack([(rng.permutation(n) + rng.random(n)) / n for _ in range(d)])


def jittered(rng, n, d):
    m = max(2, round(n ** (1 / d)))
    grid = np.stack(np.meshgrid(*[np.arange(m)] * d, indexing="ij"), axis=-1).reshape(-1, d)
    return grid + rng.uniform(-0.3, 0.3, grid.shape)


def grid(rng, n, d):
    m = max(3, round(n ** (1 / d)))
    return np.stack(np.meshgrid(*[np.sort(rng.random(m)) for _ in range(d)], indexing="ij"), axis=-1).reshape(-1, d)


def with_few_values(rng, n, d):
    return np.column_stack([rng.random((n, d)), rng.integers(0, 4, n)])


FILLED = {
    "uniform": lambda rng, n, d: rng.random((n, d)),
    "latin hypercube": latin,
    "jittered table": jittered,
    "grid": grid,
    "grid with nodes missing": lambda rng, n, d: grid(rng, n, d)[rng.random(len(grid(rng, n, d))) < 0.8],
    "arcsine": lambda rng, n, d: rng.beta(0.5, 0.5, (n, d)),
    "normal": lambda rng, n, d: rng.normal(size=(n, d)),
    "two decades, log-uniform": lambda rng, n, d: 10.0 ** rng.uniform(-2.0, 0.0, (n, d)),
    "integers": lambda rng, n, d: rng.integers(0, 5, (n, d)) + 0.0,
    "rounded": lambda rng, n, d: rng.random((n, d)).round(2),
    "a column of few values": with_few_values,
    "offset": lambda rng, n, d: 1e8 + rng.random((n, d)),
    "huge": lambda rng, n, d: rng.uniform(-1.0, 1.0, (n, d)) * 1.7e308,
    "tiny": lambda rng, n, d: 1e-300 * rng.random((n, d)),
}


@pytest.mark.parametrize("kind", FILLED)
def test_rows_that_fill_their_box_raise_no_alarm(kind):
    alarms = []
    for seed in range(16):
        rng = np.random.default_rng([seed, 20])
        n, d = int(rng.choice([16, 40, 150, 600])), int(rng.integers(1, 5))
        alarms += [(n, d, sentence) for sentence in coverage(FILLED[kind](rng, n, d)).sentences(None)]
    assert len(alarms) <= 1, alarms


def two_curves(rng):
    t = rng.random(300)
    yield np.column_stack([t, t**2]), "on a curve"
    yield np.column_stack([np.cos(9 * t), np.sin(9 * t), t**2]), "on a curve"


def surfaces(rng):
    u = rng.random((500, 2))
    yield np.column_stack([u, np.sin(5 * u[:, 0]) * u[:, 1]]), "on a surface of some 2 dimensions in 3"
    yield np.column_stack([u, np.exp(2 * u[:, 0] - u[:, 1]), np.tanh(3 * u[:, 1])]), "of some 2 dimensions in 4"


def circles(rng):
    angle = rng.uniform(0.0, 2.0 * np.pi, 200)
    yield (
        np.column_stack([3.0 + np.cos(angle), np.sin(angle)]),
        "columns x0 and x1 of X obey an equation of second degree",
    )
    radius = rng.uniform(0.9, 1.0, 200)
    yield (
        np.column_stack([radius * np.cos(angle), 100.0 * radius * np.sin(angle)]),
        "of the box of X is farther from all",
    )


def groups(rng):
    centers = np.array([(i, j) for i in range(3) for j in range(3)]) + rng.uniform(-0.2, 0.2, (9, 2))
    yield centers[rng.integers(0, 9, 300)] + 0.03 * rng.normal(size=(300, 2)), "in 9 groups"
    corners = np.array([(0, 0, 0), (1, 0, 0.5), (0, 1, 1), (1, 1, 0), (0.5, 0.5, 0.5)])
    yield corners[rng.integers(0, 5, 200)] + 0.1 * rng.random((200, 3)), "in 5 groups"


def bands(rng):
    x, shift = rng.random(400), rng.uniform(-0.08, 0.08, 400)
    yield np.column_stack([x, x + shift, rng.random(400)]), "% of the box of X is farther from all rows"
    yield np.column_stack([x, np.sin(6 * x) + 2 * shift]), "% of the box of X is farther from all rows"


def gaps(rng):
    x = rng.random(300)
    yield np.where(x < 0.5, x, x + 0.4)[:, None], "< x0 <"
    yield np.append(0.5 * x, [0.8, 0.9, 1.0])[:, None], "< x0 < 0.8"
    yield np.append(-1.0, x)[:, None], "none of which has -1 < x0 < 0.0"
    yield np.column_stack([rng.random(300), np.where(x < 0.3, x, x + 0.5)]), "< x1 <"


def ties(rng):
    yield rng.dirichlet(np.ones(3), 200), "columns x0, x1 and x2 of X obey a linear equation to 1e-16"
    X = rng.random((200, 8))
    X[:, 6], X[:, 7] = X[:, 0] + X[:, 1], 3.0 * X[:, 2] - X[:, 3]
    yield X, "columns x7 and x6 of X follow linearly from the others"
    yield np.column_stack([X[:, :2], X[:, 0] * X[:, 1]]), "columns x0, x1 and x2 of X obey an equation of second degree"


def copies(rng):
    X = rng.random((150, 3))
    yield np.concatenate([X, X + 1e-9]), "150 rows are nearly equal to others"
    steps = 1e-6 * np.array([(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)])
    yield (X[:80, None, :2] + steps).reshape(-1, 2), "320 rows are nearly equal to others"


@pytest.mark.parametrize("kind", [two_curves, surfaces, circles, groups, bands, gaps, ties, copies])
@pytest.mark.parametrize("seed", SEEDS)
def test_rows_that_leave_their_box_empty_are_told_how(kind, seed):
    for X, wanted in kind(np.random.default_rng(seed)):
        sentences = said(X)
        assert wanted in sentences.replace("2e-16", "1e-16").replace("3e-16", "1e-16")


def test_many_columns_are_told_thin_where_they_are():
    rng = np.random.default_rng(0)
    thin = np.sin(3.0 * rng.random((500, 3)) @ rng.normal(size=(3, 10)))
    assert "on a surface of some 3 dimensions in 10" in said(thin)
    for d in (8, 12, 20):
        assert said(rng.random((500, d))) == ""


def test_large_tables_are_looked_at_in_a_sample_that_depends_on_them_alone():
    rng = np.random.default_rng(0)
    X = rng.random((50_000, 3))
    assert said(X) == ""
    X[:, 2] = X[:, 0] ** 2
    assert said(X) == said(X) != ""
    assert len(coverage(X).near.rows) <= MOST_ROWS


@pytest.mark.parametrize("n", [1, 2, 3, 5, 12])
@pytest.mark.parametrize("d", [1, 3, 8])
def test_a_few_rows_have_a_coverage(n, d):
    X = np.random.default_rng(n).random((n, d))
    assert coverage(X).near.contains(X).all()
    assert coverage(np.ones((n, d))).near.contains(np.ones((n, d))).all()


def oddities(rng, X):
    """The table with something done to one of its columns, or to its rows."""
    column = X[:, rng.integers(X.shape[1])]
    changes = [
        lambda: np.copyto(column, 3.0),
        lambda: np.copyto(column, X[:, 0]),
        lambda: np.copyto(column, np.exp(20.0 * rng.normal(size=len(X)))),
        lambda: np.copyto(column, rng.random(len(X)) < 0.01),
        lambda: np.copyto(column, 1e9 + rng.random(len(X))),
        lambda: np.copyto(column, 1e-310 * rng.random(len(X))),
        lambda: np.copyto(column, 1e300 * rng.normal(size=len(X))),
        lambda: np.copyto(X, np.repeat(X, 2, axis=0)[: len(X)]),
        lambda: np.put(column, 0, 1e12),
    ]
    for change in rng.choice(np.array(changes), 2):
        change()
    return X


@pytest.mark.parametrize("seed", range(60))
def test_odd_tables_have_a_coverage_and_their_rows_are_near(seed):
    rng = np.random.default_rng(seed)
    X = oddities(rng, rng.normal(size=(int(rng.choice([4, 30, 200])), int(rng.integers(1, 9)))))
    found = coverage(X)
    found.sentences(None)
    assert found.near.contains(X).all()


@pytest.mark.parametrize("kind", FILLED)
def test_rows_and_new_points_among_them_are_near(kind):
    rng = np.random.default_rng(3)
    X, new = FILLED[kind](rng, 400, 2), FILLED[kind](rng, 400, 2)
    near = coverage(X).near
    assert near.contains(X).mean() > 0.98
    inside_box = np.all((new >= X.min(axis=0)) & (new <= X.max(axis=0)), axis=1)
    assert near.contains(new[inside_box]).mean() > 0.97


def test_points_off_a_curve_outside_of_a_grid_or_not_numbers_are_not_near():
    t = np.random.default_rng(0).random(500)
    near = coverage(np.column_stack([t, t**2])).near
    assert near.contains(np.column_stack([t, t**2 + 0.001])).mean() > 0.9
    assert not near.contains(np.column_stack([t[t > 0.1], np.full(np.sum(t > 0.1), 0.9) * (t[t > 0.1] < 0.8)])).any()
    whole = coverage(np.array([(i, j) for i in range(50) for j in range(3)]) + 0.0).near
    points = np.array([(24.5, 0.5), (0.0, 2.0), (24.5, 2.1), (-0.1, 1.0), (np.nan, 1.0), (np.inf, 1.0)])
    assert whole.contains(points).tolist() == [True, True, False, False, False, False]
    constant = coverage(np.column_stack([t, np.full(500, 7.0)])).near
    assert constant.contains(np.array([(0.5, 7.0), (0.5, 7.1)])).tolist() == [True, False]
    table = coverage(np.array([(i, j, 7.0) for i in range(9) for j in range(5)])).near
    assert table.contains(np.array([(0.5, 0.5, 7.0), (0.5, 0.5, 7.1)])).tolist() == [True, False]


@pytest.mark.parametrize("n", [30, 200, 1000])
def test_near_copies_are_held_out_together(n):
    rng = np.random.default_rng(0)
    base = rng.random((n, 2))
    X = np.concatenate([base, base + 1e-8])[rng.permutation(2 * n)]
    samples = as_samples(X, X[:, 0])
    facts = Facts.of(samples)
    found = Coverage.of(X, facts).copies
    assert len(found.rows) == 2 * n
    train, held_out = split(samples, None, rng, facts, found)
    distance = np.abs(train.all().X[:, None] - held_out.X).max(axis=2).min(axis=0)
    assert np.sum(distance < 1e-7) <= 1  # the end of those held out may cut a pair


def law_on_a_curve(**options):
    t = np.random.default_rng(4).random(100)
    X = np.column_stack([t, t**2])
    with pytest.warns(pml.FitWarning) as caught:
        model = pml.fit(X, X[:, 0] + X[:, 1], effort=0.001, progress=False, **options)
    return model, [str(warning.message) for warning in caught]


def test_fit_warns_with_the_names_of_columns_and_reports_it():
    model, warned = law_on_a_curve(input_names=("a", "b"))
    assert any("columns a and b of X obey an equation of second degree" in text for text in warned)
    assert any("of the box of X is farther from all rows" in text for text in warned)
    assert set(warned) <= set(model.report.warnings)


@pytest.mark.parametrize("how", ["file", "pickle", "copy"])
def test_a_saved_or_copied_model_knows_where_it_has_rows(how, tmp_path):
    model, _ = law_on_a_curve()
    points = np.random.default_rng(0).random((500, 2))
    known = model.inside(points)
    assert known.dtype == bool
    assert known.shape == (500,)
    assert 0 < known.sum() < 100
    model.save(tmp_path / "model.pml")
    makers = {
        "file": lambda: pml.load(tmp_path / "model.pml"),
        "pickle": lambda: pickle.loads(pickle.dumps(model)),
        "copy": lambda: copy.deepcopy(model),
    }
    assert np.array_equal(makers[how]().inside(points), known)


def test_values_of_a_table_are_saved(tmp_path):
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.random(300), rng.integers(0, 5, 300)])
    with pytest.warns(pml.FitWarning, match="few values"):
        model = pml.fit(X, X[:, 0] * X[:, 1], effort=0.001, progress=False)
    model.save(tmp_path / "model.pml")
    points = rng.random((200, 2)) * (1.0, 4.0)
    known = model.inside(points)
    assert known.mean() > 0.98
    assert np.array_equal(pml.load(tmp_path / "model.pml").inside(points), known)


def test_a_model_without_rows_says_so(tmp_path):
    model, _ = law_on_a_curve()
    header, arrays = model.description()
    del header["near"]
    archive.write(tmp_path / "old.pml", header, {k: a for k, a in arrays.items() if not k.startswith("near/")})
    with pytest.raises(ValueError, match="inside: expected a model made by fit or approximate"):
        pml.load(tmp_path / "old.pml").inside([[0.5, 0.25]])


def test_a_damaged_record_of_rows_is_a_clear_error(tmp_path):
    model, _ = law_on_a_curve()
    header, arrays = model.description()
    damaged = [
        (header, {**arrays, "near/rows": arrays["near/rows"][:, :1]}),
        (header, {name: array for name, array in arrays.items() if name != "near/rows"}),
        (header, {**arrays, "near/values/5": np.ones(3)}),
        ({**header, "near": {**header["near"], "low": [0.0]}}, arrays),
    ]
    for entries, parts in damaged:
        archive.write(tmp_path / "model.pml", entries, parts)
        with pytest.raises(ValueError, match="incomplete or of another version"):
            pml.load(tmp_path / "model.pml")


def test_the_box_of_a_function_that_was_approximated_is_inside():
    model = pml.approximate(np.exp, (0.0, 1.0), progress=False)
    assert model.inside([0.0, 0.3, 1.0, 1.1]).tolist() == [True, True, True, False]
