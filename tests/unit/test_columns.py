"""Tables in memory: the same numbers and names, whatever they come in; and what is refused, by the column's name."""

import re
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

import pml_native as pml
from pml_native.arrays import PrecisionWarning, as_matrix, as_samples
from pml_native.binary_tables import FORMATS
from pml_native.tables import Table

T = np.linspace(0.1, 1.0, 12)
P = np.sqrt(T)
RECORDS = np.rec.fromarrays([T, P], names="T,p")


def of_netcdf4(tmp_path):
    netcdf = pytest.importorskip("netCDF4")
    file = netcdf.Dataset(tmp_path / "t.nc", "w")
    file.createDimension("row", len(T))
    for name, values in (("T", T), ("p", P)):
        file.createVariable(name, "f8", ("row",))[:] = values
    return {"T": file["T"], "p": file["p"]}


def of_hdf5(tmp_path):
    file = pytest.importorskip("h5py").File(tmp_path / "t.h5", "w")
    file["T"], file["p"] = T, P
    return file


TABLES = {
    "structured array": lambda _: np.array(RECORDS),
    "recarray": lambda _: RECORDS,
    "other byte order": lambda _: RECORDS.astype([("T", ">f8"), ("p", ">f8")]),
    "every second row": lambda _: np.repeat(RECORDS, 2)[::2],
    "dictionary": lambda _: {"T": T.tolist(), "p": P},
    "pandas": lambda _: pd.DataFrame({"T": T, "p": P}),
    "astropy": lambda _: pytest.importorskip("astropy.table").Table({"T": T, "p": P}),
    "astropy with units": lambda _: pytest.importorskip("astropy.table").QTable(
        {"T": T * pytest.importorskip("astropy.units").K, "p": P}
    ),
    "polars": lambda _: pytest.importorskip("polars").DataFrame({"T": T, "p": P}),
    "pyarrow": lambda _: pytest.importorskip("pyarrow").table({"T": T, "p": P}),
    "data set of xarray": lambda _: pytest.importorskip("xarray").Dataset({"T": ("row", T), "p": ("row", P)}),
    "array of xarray with labels": lambda _: pytest.importorskip("xarray").DataArray(
        np.c_[T, P], dims=("row", "column"), coords={"column": ["T", "p"]}
    ),
    "group of h5py": of_hdf5,
    "variables of netCDF4": of_netcdf4,
}


@pytest.mark.parametrize("kind", TABLES)
def test_tables_of_any_kind_have_the_same_numbers_and_names(kind, tmp_path):
    table = TABLES[kind](tmp_path)
    samples = as_samples(table, T + P)
    assert samples.input_names == ("T", "p")
    np.testing.assert_array_equal(samples.X, np.c_[T, P], strict=True)
    np.testing.assert_array_equal(as_matrix(table, "X"), np.c_[T, P], strict=True)


@pytest.mark.parametrize("kind", TABLES)
def test_a_model_finds_its_columns_by_their_names_in_tables_of_any_kind(kind, tmp_path):
    """Those of a model that was fitted to them in the other order."""
    model = pml.fit_polynomial(pd.DataFrame({"p": P, "T": T}), T + 2.0 * P, degree=1)
    if kind != "array of xarray with labels":  # whose order is that of its columns, as of any other array
        np.testing.assert_allclose(model(TABLES[kind](tmp_path)), T + 2.0 * P, rtol=1e-14)


def test_tables_of_y_have_as_many_outputs_as_columns():
    samples = as_samples(T, RECORDS)
    assert samples.output_names == ("T", "p")
    assert not samples.y_is_vector
    np.testing.assert_array_equal(samples.y, np.c_[T, P])


def test_a_column_of_several_numbers_a_row_becomes_as_many_columns():
    records = np.zeros(12, dtype=[("place", "f8", 3), ("T", "f8")])
    records["place"] = np.arange(36.0).reshape(12, 3)
    samples = as_samples(records, T)
    assert samples.input_names == ("place[0]", "place[1]", "place[2]", "T")
    np.testing.assert_array_equal(samples.X[:, :3], records["place"])


def test_a_column_of_lists_becomes_columns_as_well():
    samples = as_samples({"place": [[1.0, 2.0], [3.0, 4.0]]}, T[:2])
    assert samples.input_names == ("place[0]", "place[1]")
    np.testing.assert_array_equal(samples.X, [[1.0, 2.0], [3.0, 4.0]])


def test_one_record_is_one_row():
    np.testing.assert_array_equal(as_matrix(RECORDS[3], "X"), [[T[3], P[3]]])
    np.testing.assert_array_equal(as_matrix([RECORDS[3], RECORDS[4]], "X"), np.c_[T, P][3:5])


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"T": T, "p": P[:-1]}, "X: expected columns of one length, got {'T': 12, 'p': 11}"),
        ({"T": T, "p": ["wet"] * 12}, "X, column 'p': expected numbers, got text 'wet'"),
        ({"T": T, "p": [[1.0], [2.0, 3.0]]}, "X, column 'p': expected rows of equal length, got a ragged sequence"),
        ({"T": T, "p": np.zeros((12, 2, 2))}, "X: expected numbers in column 'p', got arrays of 2 dimensions"),
        ({1: T, "1": P}, "X: expected column names that differ, got '1' twice"),
        ({"T": T, "p": P + 0j}, "X, column 'p': expected real numbers, got complex128"),
        ({"T": T, "p": np.ma.masked_less(P, 0.5)}, "X, column 'p': expected every value present, got"),
        ({}, "X: expected at least 1 column, got 0"),
        (np.zeros(12, dtype="V8"), "X: expected numbers, got |V8"),
    ],
)
def test_tables_that_are_none_are_refused_by_the_column(table, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        as_samples(table, T)


def test_a_query_of_polars_is_refused_with_what_makes_a_table_of_it():
    frame = pytest.importorskip("polars").DataFrame({"T": T})
    with pytest.raises(ValueError, match=r"got a LazyFrame, a query for one; call \.collect\(\)"):
        as_matrix(frame.lazy(), "X")


def test_values_that_are_missing_are_seen_in_every_kind_of_table(tmp_path):
    pa = pytest.importorskip("pyarrow")
    values = [None, *T[1:]]
    masked = np.ma.array(RECORDS, mask=[(i == 0, False) for i in range(12)])
    for table in (pa.table({"T": values}), masked[["T"]], {"T": np.ma.array(T, mask=T[0] == T)}, {"T": values}):
        with pytest.raises(ValueError, match="'T'"):
            as_samples(table, P)
        assert as_samples(table, P, missing="drop").numbers.tolist() == list(range(1, 12))


def test_fill_values_of_netcdf_are_missing_values_and_no_numbers(tmp_path):
    netcdf = pytest.importorskip("netCDF4")
    with netcdf.Dataset(tmp_path / "t.nc", "w") as file:
        file.createDimension("row", 3)
        variable = file.createVariable("T", "f8", ("row",))
        variable[0] = 1.5
        for given in (variable, {"T": variable}):
            with pytest.raises(ValueError, match="expected every value present, got 2 masked"):
                as_matrix(given, "X")


@pytest.mark.parametrize("kind", ["structured", "pandas", "polars", "pyarrow"])
def test_single_precision_is_seen_in_every_kind_of_table(kind):
    narrow = T.astype(np.float32)
    table = {
        "structured": lambda: np.rec.fromarrays([narrow, P], names="T,p"),
        "pandas": lambda: pd.DataFrame({"T": pd.array(narrow, dtype="Float32"), "p": P}),
        "polars": lambda: pytest.importorskip("polars").DataFrame({"T": narrow, "p": P}),
        "pyarrow": lambda: pytest.importorskip("pyarrow").table({"T": narrow, "p": P}),
    }[kind]()
    with pytest.warns(PrecisionWarning, match="X is float32, which carries 6 digits"):
        as_samples(table, P)


def test_long_integers_in_a_column_are_seen():
    with pytest.warns(PrecisionWarning, match=r"X holds integers above 2\*\*53"):
        as_samples({"T": T, "n": np.arange(12) + 2**60}, P)


# A grid of xarray.


def field():
    """y = T + 10 p on 4 x 3 points, with a coordinate that is no dimension and one that is no axis."""
    xarray = pytest.importorskip("xarray")
    t, p = np.arange(4.0), np.array([1.0, 2.0, 4.0])
    return xarray.DataArray(t[:, None] + 10.0 * p, dims=("T", "p"), coords={"T": t, "p": p}, name="rho")


def test_an_array_of_xarray_is_fitted_at_its_coordinates():
    rho = field()
    samples = as_samples(rho.coords, rho)
    assert (samples.input_names, samples.output_names, samples.y_is_vector) == (("T", "p"), ("rho",), True)
    np.testing.assert_array_equal(samples.X[:, 0] + 10.0 * samples.X[:, 1], samples.y[:, 0])
    assert len(samples.X) == 12
    turned = as_samples(rho.coords, rho.transpose("p", "T"))
    np.testing.assert_array_equal(turned.X[:, 0] + 10.0 * turned.X[:, 1], turned.y[:, 0])


def test_variables_of_a_data_set_are_spread_over_its_grid():
    xarray = pytest.importorskip("xarray")
    rho = field()
    data = xarray.Dataset({"rho": rho, "wind": ("T", [5.0, 6.0, 7.0, 8.0])})
    samples = as_samples({"p": data.p, "wind": data.wind}, data.rho)
    np.testing.assert_array_equal(samples.X[:, 1] - 5.0 + 10.0 * samples.X[:, 0], samples.y[:, 0])
    model = pml.fit_polynomial({"p": data.p, "wind": data.wind}, data.rho, degree=1)
    np.testing.assert_allclose(model({"wind": data.wind, "p": data.p}).reshape(4, 3), rho.values, rtol=1e-13)


def test_grids_that_do_not_agree_are_refused():
    rho = field()
    with pytest.raises(ValueError, match="X, y: expected variables on one grid"):
        as_samples({"T": rho["T"][:-1], "p": rho["p"]}, rho)


def test_an_array_of_xarray_becomes_a_spline_with_the_names_of_its_axes():
    rho = field()
    for values in (rho, rho.transpose("p", "T")):
        spline = pml.SplineInterpolator(values.coords, values, degree=2)
        assert spline.signature.input_names == values.dims
        np.testing.assert_allclose(spline({"T": [1.5], "p": [3.0]}), [31.5], rtol=1e-15)
    assert pml.SplineInterpolator({"x": T}, P).signature.input_names == ("x",)


def test_masked_values_on_a_grid_are_refused():
    with pytest.raises(ValueError, match="values: expected every value present, got 1 masked"):
        pml.SplineInterpolator([T], np.ma.array(P, mask=T[3] == T))


# Files.


def written(suffix, tmp_path):
    """A file of the columns T and p, and its path."""
    path = tmp_path / f"t{suffix}"
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
        pd.DataFrame({"T": T, "p": P}).to_parquet(path)
    elif suffix == ".fits":
        pytest.importorskip("astropy.table").Table({"T": T, "p": P}).write(path)
    elif suffix == ".h5":
        with pytest.importorskip("h5py").File(path, "w") as file:
            file["T"], file["p"] = T, P
    else:
        pytest.importorskip("netCDF4")
        xarray = pytest.importorskip("xarray")
        xarray.Dataset({"T": ("row", T), "p": ("row", P)}).to_netcdf(path)
    return path


SUFFIXES = [".parquet", ".fits", ".h5", ".nc"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_binary_files_are_read_bit_for_bit(suffix, tmp_path):
    table = Table.open(written(suffix, tmp_path))
    assert set(table.columns) == {"T", "p"}
    np.testing.assert_array_equal(table.read(["p", "T", "p"]), np.c_[P, T, P], strict=True)
    with pytest.raises(ValueError, match="target 'rho' is not among the columns"):
        table.require(["rho"], "target")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_damaged_and_missing_binary_files_are_refused_by_their_name(suffix, tmp_path):
    path = written(suffix, tmp_path)
    name = FORMATS[suffix].name
    path.write_bytes(b"no table " * 1000)
    with pytest.raises(ValueError, match=rf"t\{suffix}: expected a {name} file with a table"):
        Table.open(path)
    path.unlink()
    with pytest.raises(FileNotFoundError):
        Table.open(path)


@pytest.mark.parametrize(
    ("suffix", "package"), [(".parquet", "pyarrow"), (".fits", "astropy"), (".h5", "h5py"), (".nc", "xarray")]
)
def test_binary_files_say_what_reads_them_where_it_is_not_installed(suffix, package, tmp_path, monkeypatch):
    for module in (package, f"{package}.table"):
        monkeypatch.setitem(__import__("sys").modules, module, None)
    path = tmp_path / f"t{suffix}"
    path.write_bytes(b"")
    with pytest.raises(ValueError, match=rf"{FORMATS[suffix].name} files need .*pip install"):
        Table.open(path)


def test_records_in_hdf5_are_a_table_and_other_data_sets_have_their_paths(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "records.h5", "w") as file:
        file["run/table"] = np.array(RECORDS)
        file["note"] = "of the run"
    assert Table.open(tmp_path / "records.h5").columns == ("T", "p")
    with h5py.File(tmp_path / "sets.h5", "w") as file:
        file["run/X"], file["run/y"] = np.c_[T, P], T
    table = Table.open(tmp_path / "sets.h5")
    assert table.columns == ("run/X[0]", "run/X[1]", "run/y")
    np.testing.assert_array_equal(table.read(table.columns), np.c_[T, P, T])


def test_a_grid_in_netcdf_has_a_row_a_point(tmp_path):
    pytest.importorskip("netCDF4")
    rho = field()
    rho.to_netcdf(tmp_path / "grid.nc")
    values = Table.open(tmp_path / "grid.nc").read(["T", "p", "rho"])
    assert len(values) == 12
    np.testing.assert_array_equal(values[:, 0] + 10.0 * values[:, 1], values[:, 2])


def test_decimals_are_rounded_once():
    pa = pytest.importorskip("pyarrow")
    exact = [Decimal("0.10000000000000000555"), Decimal("12345678901234567.89")]
    column = pa.array(exact, pa.decimal128(38, 20))
    assert as_matrix(pa.table({"a": column}), "X").ravel().tolist() == [float(value) for value in exact]
