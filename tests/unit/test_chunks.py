"""Tables that are read in chunks: which rows models are found in, and the errors at all of them."""

import warnings
from functools import partial

import numpy as np
import pytest

import pml_native as pml
from pml_native import cli
from pml_native.chunks import chunks_of, priorities
from pml_native.fitting import all_rows
from pml_native.fitting.all_rows import errors_at_all, sampled

RNG = np.random.default_rng(0)
X = RNG.uniform(1.0, 2.0, (2000, 2))
y = X[:, 0] / X[:, 1]
fit = partial(pml.fit, effort=2e-3, time_limit=None, progress=False, method="polynomial")


def pairs(*ends):
    """A function that gives the rows, cut at `ends`."""
    return lambda: zip(np.split(X, ends), np.split(y, ends), strict=True)


def sample_of(read, n, seed=1):
    return sampled(chunks_of(read, None, {}), seed, n)


@pytest.mark.parametrize("ends", [(), (1, 2, 1999), tuple(range(100, 2000, 100))])
def test_the_sample_is_that_of_the_smallest_priorities_however_rows_are_cut(ends):
    got = sample_of(pairs(*ends), 150)
    wanted = np.sort(np.argsort(priorities(np.arange(2000), 1), kind="stable")[:150])
    np.testing.assert_array_equal(got.samples.numbers, wanted)
    np.testing.assert_array_equal(got.samples.X, X[wanted])
    np.testing.assert_array_equal(got.samples.y[:, 0], y[wanted])
    assert got.n_rows == 2000
    np.testing.assert_array_equal([got.low, got.high], [X.min(axis=0), X.max(axis=0)])


def test_priorities_are_spread_evenly_and_change_with_the_seed():
    some = priorities(np.arange(100_000), 0) / 2.0**64
    counts = np.histogram(some, 100, (0.0, 1.0))[0]
    assert np.abs(counts - 1000.0).max() < 200.0
    assert abs(np.corrcoef(some, priorities(np.arange(100_000), 1) / 2.0**64)[0, 1]) < 0.02
    assert len(np.unique(some)) == 100_000


def test_small_tables_are_taken_as_a_whole():
    got = sample_of(pairs(500), 5000)
    np.testing.assert_array_equal(got.samples.X, X)


@pytest.mark.parametrize("is_relative", [False, True])
def test_errors_at_all_rows_are_those_of_one_table(is_relative):
    model = pml.fit_polynomial(X, y, degree=2)
    chunks = chunks_of(pairs(300, 700), None, {})
    got = errors_at_all(model, chunks, sampled(chunks, 0, 400), is_relative, lambda: False)
    error = np.abs(model(X) - y) / (np.abs(y) if is_relative else np.sqrt(np.mean(y**2)))
    assert got.rmse == pytest.approx(np.sqrt(np.mean(error**2)), rel=1e-12)
    assert got.max == pytest.approx(error.max(), rel=1e-12)
    assert got.p95 == pytest.approx(np.quantile(error, 0.95), rel=0.01)
    assert got.worst_row == np.argmax(error)
    np.testing.assert_array_equal(got.worst, X[np.argmax(error)])


def test_a_pass_that_is_interrupted_tells_of_the_rows_before():
    model, chunks = pml.fit_polynomial(X, y, degree=2), chunks_of(pairs(300, 700), None, {})
    got = errors_at_all(model, chunks, sampled(chunks, 0, 400), False, lambda: True)
    assert (got.n_measured, got.n_rows) == (300, 2000)
    assert "at 300 of 2,000 rows" in str(got)


def test_the_report_has_the_errors_at_all_rows_and_the_file_too(monkeypatch, tmp_path):
    monkeypatch.setattr(all_rows, "SAMPLE_ROWS", 300)
    model = fit(pairs(300, 700))
    report = model.report
    assert (report.n_train + report.n_validation, report.all_rows.n_rows) == (300, 2000)
    assert report.error >= report.all_rows.rmse
    assert "2,000 rows in chunks" in " ".join(report.path)
    model.save(tmp_path / "model.pml")
    assert pml.load(tmp_path / "model.pml").report.all_rows == report.all_rows
    np.testing.assert_array_equal(model.near.low, X.min(axis=0))
    assert np.mean(model.inside(X)) > 0.95
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model(X)


def test_what_only_rows_outside_the_sample_show_is_said(monkeypatch):
    monkeypatch.setattr(all_rows, "SAMPLE_ROWS", 300)
    chosen = sample_of(pairs(), 300, seed=0).samples.numbers
    other = int(np.setdiff1d(np.arange(2000), chosen)[7])
    z = y.copy()
    z[other] += 100.0
    with pytest.warns(pml.FitWarning, match=f"the largest in row {other}, at x0 = "):
        model = fit(lambda: iter([(X, z)]))
    assert model.report.all_rows.worst_row == other
    assert model.report.error > 0.1


def once(*chunks):
    """Reads as often as asked, but the second time only the last chunks."""
    times = iter((chunks, chunks[1:]))
    return lambda: iter(next(times))


def test_a_table_that_is_another_when_it_is_read_again_is_said():
    with pytest.warns(pml.FitWarning, match="had 2,000 rows when it was read first, and 1,500 when it was read again"):
        fit(once((X[:500], y[:500]), (X[500:], y[500:])))


def test_a_table_that_cannot_be_read_again_does_not_take_the_model_with_it():
    with pytest.warns(pml.FitWarning, match=r"could not be read again \(ValueError: X: expected at least one chunk"):
        model = fit(once((X, y)))
    assert np.abs(model(X) - y).max() < 1e-12
    assert model.report.all_rows is None


def test_the_same_model_comes_of_a_table_that_is_no_larger_than_the_sample():
    whole, cut = fit(X, y), fit(pairs(100, 1100))
    assert str(whole.formula()) == str(cut.formula())
    np.testing.assert_array_equal(whole(X), cut(X))


# Where tables are


def table(rows):
    return {"a": X[rows, 0], "y": y[rows], "b": X[rows, 1]}


def in_files(folder, ending):
    pandas = pytest.importorskip("pandas")
    for k, rows in enumerate((slice(0, 900), slice(900, 2000))):
        frame = pandas.DataFrame(table(rows))
        if ending == ".parquet":
            pytest.importorskip("pyarrow")
            frame.to_parquet(folder / f"part-{k}.parquet", row_group_size=200)
        else:
            frame.to_csv(folder / f"part-{k}.csv", index=False)
    (folder / "_SUCCESS").write_text("")
    (folder / ".hidden.csv").write_text("x\n1\n")
    return folder


@pytest.mark.parametrize("ending", [".parquet", ".csv"])
def test_files_of_a_folder_are_one_table(tmp_path, ending):
    model = fit(in_files(tmp_path, ending), "y")
    assert model.signature.input_names == ("a", "b")
    assert model.report.all_rows.n_rows == 2000
    assert np.abs(model(X) - y).max() < 1e-12
    one = fit(str(tmp_path / f"part-0{ending}"), ["y"])
    assert one.report.all_rows.n_rows == 900


def test_the_command_line_takes_a_folder(tmp_path, capsys):
    assert cli.main(["fit", str(in_files(tmp_path, ".csv")), "--target", "y", "--effort", "0.002", "--quiet"]) == 0
    assert "at 2,000 rows" in capsys.readouterr().out


def test_a_function_gives_tables_with_names():
    model = fit(lambda: map(table, (slice(0, 900), slice(900, 2000))), "y")
    assert model.signature.input_names == ("a", "b")


def frame_of_dask(n_parts):
    frames, pandas = pytest.importorskip("dask.dataframe"), pytest.importorskip("pandas")
    return frames.from_pandas(pandas.DataFrame(table(slice(0, 2000))), npartitions=n_parts, sort=False)


def test_a_frame_of_dask_is_counted_part_by_part_to_the_same_bits(monkeypatch):
    monkeypatch.setattr(all_rows, "SAMPLE_ROWS", 300)
    whole, cut = fit(lambda: iter([table(slice(0, 2000))]), "y"), fit(frame_of_dask(7), "y")
    np.testing.assert_array_equal(whole(X), cut(X))
    for name in ("n_rows", "p95", "max", "worst_row", "worst"):
        assert getattr(whole.report.all_rows, name) == getattr(cut.report.all_rows, name)
    assert cut.report.all_rows.rmse == pytest.approx(whole.report.all_rows.rmse, rel=1e-12)


def test_an_error_in_a_part_of_a_frame_of_dask_names_it():
    frame = frame_of_dask(4)
    frame["y"] = frame["y"].where(frame["a"] < frame["a"].max())
    with pytest.raises(ValueError, match=r"chunk \d: y"):
        fit(frame, "y")


def test_rows_with_missing_values_are_left_out_where_asked():
    z = y.copy()
    z[[3, 1500]] = np.nan
    model = fit(lambda: iter([(X[:700], z[:700]), (X[700:], z[700:])]), missing="drop")
    assert model.report.all_rows.n_rows == 1998


REFUSED = {
    "a generator": (lambda _: (iter([(X, y)]), None), "a function that begins to read each time it is called, got a"),
    "no y": (lambda _: (X, None), "y: expected the values at the rows of X, got None"),
    "no names": (lambda _: (lambda: iter([table(slice(0, 9))]), None), r"chunks that are pairs \(X, y\)"),
    "a name that is none": (lambda _: (lambda: iter([table(slice(0, 9))]), "z"), r"expected columns named z, got \["),
    "pairs with a name": (lambda _: (pairs(), "y"), "expected columns named y, got tuple"),
    "no chunk": (lambda _: (lambda: iter([]), None), "at least one chunk of rows, got none"),
    "no iterator": (lambda _: (lambda: 3, None), "a function that gives an iterator of chunks, got one of int"),
    "an empty folder": (lambda folder: (folder, "y"), "expected files of tables in the folder"),
    "no such file": (lambda folder: (folder / "none.csv", "y"), "expected a file or a folder of tables, got none"),
    "a folder without a name": (lambda folder: (folder, None), "expected the names of the columns of y"),
    "other columns": (lambda _: (lambda: iter([(X, y), (X[:, :1], y)]), None), "chunk 1: X: expected 2 columns"),
    "a missing value": (lambda _: (lambda: iter([(X, y), (X, np.full(2000, np.nan))]), None), "chunk 1: y"),
    "only targets": (lambda _: (lambda: iter([{"y": y}]), "y"), "X: expected columns beside y, got none"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_is_no_table_in_chunks_is_refused_with_the_reason(tmp_path, kind):
    given, reason = REFUSED[kind]
    with pytest.raises((ValueError, FileNotFoundError), match=reason):
        fit(*given(tmp_path))


@pytest.mark.parametrize("name", ["sample_weight", "gradients", "second_derivatives", "regions"])
def test_what_is_given_for_rows_is_refused(name):
    with pytest.raises(ValueError, match=f"{name}: expected none for a table in chunks"):
        fit(pairs(), **{name: np.ones(2000)})
