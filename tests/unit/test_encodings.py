"""Columns of dates, durations, truth values and categories, and complex y: as numbers, and as themselves again."""

import datetime as dt
import functools
import json
import re
import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import pml_native as pml
from pml_native.arrays import as_encoded, as_samples
from pml_native.cli import main
from pml_native.encodings import MOST_CATEGORIES, Categories, Durations, Encodings, Flags, Times, encoding_of
from pml_native.models import archive
from pml_native.models.reduced import variables_of

QUICK = {"method": "polynomial", "effort": 1e-3, "time_limit": None, "progress": False, "n_threads": 1}
RNG = np.random.default_rng(0)
N = 80
SECONDS = np.append(0, np.sort(RNG.integers(1, 86400, N - 1)))
START = dt.datetime(2026, 1, 31, 22, 30, tzinfo=dt.timezone.utc)
T = [START + dt.timedelta(seconds=int(s)) for s in SECONDS]
NAIVE = [t.replace(tzinfo=None) for t in T]
U = RNG.uniform(0.5, 1.0, N)
FIRST = int(START.timestamp()) * 10**9
BERLIN = dt.timezone(dt.timedelta(hours=1))


def polars():
    return pytest.importorskip("polars")


def pyarrow():
    return pytest.importorskip("pyarrow")


def xarray():
    return pytest.importorskip("xarray")


# --- one column

WITH_ZONE = {
    "Python": lambda: T,
    "Python in another zone": lambda: [t.astimezone(BERLIN) for t in T],
    "pandas": lambda: pd.Series(T),
    "index of pandas": lambda: pd.DatetimeIndex(T).tz_convert("Europe/Berlin"),
    "timestamps": lambda: [pd.Timestamp(t) for t in T],
    "pandas through Arrow": lambda: pd.Series(T).astype(pd.ArrowDtype(pyarrow().timestamp("ns", tz="UTC"))),
    "polars": lambda: polars().Series(T),
    "pyarrow": lambda: pyarrow().array(T, pyarrow().timestamp("us", tz="Europe/Berlin")),
    "text with Z": lambda: [t.strftime("%Y-%m-%dT%H:%M:%SZ") for t in T],
    "text with an offset": lambda: [t.astimezone(BERLIN).isoformat(" ") for t in T],
    "text with a short offset": lambda: pd.Series([t.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M:%S+01") for t in T]),
}
WITHOUT_ZONE = {
    "Python": lambda: NAIVE,
    **{f"NumPy in {unit}": lambda unit=unit: np.array(NAIVE, dtype=f"M8[{unit}]") for unit in ("s", "ms", "us", "ns")},
    "NumPy's scalars": lambda: list(np.array(NAIVE, dtype="M8[us]")),
    "pandas": lambda: pd.Series(NAIVE),
    "polars": lambda: polars().Series(NAIVE),
    "pyarrow": lambda: pyarrow().array(NAIVE),
    "xarray": lambda: xarray().DataArray(np.array(NAIVE, dtype="M8[ns]"), dims="t"),
    "masked": lambda: np.ma.array(np.array(NAIVE, dtype="M8[s]"), mask=np.zeros(N, dtype=bool)),
    "text": lambda: [t.isoformat() for t in NAIVE],
    "bytes": lambda: np.array([t.isoformat() for t in NAIVE], dtype="S"),
}


@pytest.mark.parametrize(
    ("column", "has_zone"),
    [(one, True) for one in WITH_ZONE.values()] + [(one, False) for one in WITHOUT_ZONE.values()],
    ids=[*WITH_ZONE, *WITHOUT_ZONE],
)
def test_times_of_any_kind_are_seconds_from_the_first(column, has_zone):
    found = encoding_of(column(), "t")
    assert found == Times(FIRST, has_zone)
    assert str(found) == "seconds from 2026-01-31T22:30:00" + (" UTC" if has_zone else "")
    np.testing.assert_array_equal(found.encode(column(), "t"), SECONDS.astype(float), strict=True)


def test_fractions_of_seconds_are_kept_to_the_nanosecond():
    texts = ["2026-01-01T00:00:00.25", "2026-01-01T00:00:00.250000001", "2026-01-01T00:00:01"]
    for column in (texts, np.array(texts, dtype="M8[ns]"), [pd.Timestamp(text) for text in texts]):
        found = encoding_of(column, "t")
        assert str(found) == "seconds from 2026-01-01T00:00:00.25"
        assert found.encode(column, "t").tolist() == [0.0, 1e-9, 0.75]


def test_times_before_1970_and_far_from_it_are_exact():
    found = encoding_of(np.array(["1969-12-31T23:59:59.5", "1970-01-01"], dtype="M8[ms]"), "t")
    assert found.first == -500_000_000
    far = [dt.date(1, 1, 1), dt.date(9999, 12, 31)]
    for column in (far, np.array(far, dtype="M8[D]"), ["0001-01-01", "9999-12-31"], [*map(np.datetime64, far)]):
        assert encoding_of(column, "t").encode(column, "t")[1] == (far[1] - far[0]).days * 86400.0


@pytest.mark.parametrize(
    "column",
    [
        [dt.timedelta(hours=1), None, dt.timedelta(microseconds=-5)],
        np.array([3_600_000_000, "NaT", -5], dtype="m8[us]"),
        pd.Series([pd.Timedelta("1h"), pd.NaT, pd.Timedelta(-5, "us")]),
        [np.timedelta64(1, "h"), None, np.timedelta64(-5, "us")],
    ],
)
def test_durations_are_seconds(column):
    assert encoding_of(column, "t") == Durations()
    np.testing.assert_allclose(Durations().encode(column, "t"), [3600.0, np.nan, -5e-6], rtol=1e-15)


@pytest.mark.parametrize(
    "column",
    [["True", "false", None], [True, False, None], pd.Series([True, False, None], dtype="boolean"), [1.0, 0.0, None]],
)
def test_truth_values_are_one_and_zero(column):
    assert encoding_of(column, "b") in (Flags(), None)
    np.testing.assert_array_equal(Flags().encode(column, "b"), [1.0, 0.0, np.nan])


@pytest.mark.parametrize(
    "column",
    [
        ["wet", "dry", None, "wet"],
        pd.Series(["wet", "dry", None, "wet"]),
        pd.Series(["wet", "dry", None, "wet"], dtype="category"),
        pd.Categorical(["wet", "dry", None, "wet"]),
        np.array(["wet", "dry", "", "wet"]),
        np.ma.array(["wet", "dry", "x", "wet"], mask=[0, 0, 1, 0]),
    ],
)
def test_categories_are_their_places(column):
    found = encoding_of(column, "c")
    assert found == Categories(("dry", "wet"))
    np.testing.assert_array_equal(found.encode(column, "c"), [1.0, 0.0, np.nan, 1.0])
    with pytest.raises(ValueError, match="c: expected one of 'dry', 'wet', got 'fog' in row 1"):
        found.encode(["wet", "fog"], "c")


def test_names_that_hold_digits_are_categories():
    column = ["1.2.3", "A4", "12-13", ""]
    assert encoding_of(column, "t") == Categories(("1.2.3", "12-13", "A4"))


def test_categories_that_are_numbers_are_named_by_these():
    column = pd.Series([30, 10, 30], dtype="category")
    found = encoding_of(column, "c")
    for given in (column, np.array([30.0, 10.0, 30.0]), [30, 10, 30]):
        np.testing.assert_array_equal(found.encode(given, "c"), [1.0, 0.0, 1.0])


@pytest.mark.parametrize(
    "column",
    [
        lambda: polars().Series(["wet", "dry", None], dtype=polars().Categorical),
        lambda: pyarrow().array(["wet", "dry", None]).dictionary_encode(),
        lambda: pyarrow().chunked_array([["wet", "dry", None]]),
    ],
)
def test_categories_of_other_tables_are_their_places(column):
    np.testing.assert_array_equal(encoding_of(column(), "c").encode(column(), "c"), [1.0, 0.0, np.nan])


@pytest.mark.parametrize(
    ("column", "message"),
    [
        (["2026-01-01", "soon"], "t: expected dates as 2026-01-31T12:00:00 in every row, got 'soon' in row 1"),
        (["2026-01-01", "2026-02-30"], "got '2026-02-30' in row 1"),
        (["2026-01-01", "2026-01-01T00:00Z"], "expected times all with a time zone or all without, got both"),
        ([dt.date(2026, 1, 1), 5.0], "got 5.0 in row 1"),
        ([dt.timedelta(1), 5.0], "t: expected durations in every row, got 5.0 in row 1"),
        (["true", "perhaps"], "t: expected true or false, got 'perhaps' in row 1"),
        (np.array(["wet", 5.0], dtype=object), "t: expected values of one kind, got text 'wet', and 5.0 in row 1"),
        (["1.5", "2.5"], "t: expected numbers, got text '1.5'; convert it first, as by astype(float)"),
        (["1.5D-06", "2D0", "3"], "t: expected numbers, got text '1.5D-06'; write numbers as 1234.5e-6: E for the D"),
        (["1.5*^-6"], "t: expected numbers, got text '1.5*^-6'; write numbers as"),
        (["12,345.6", "-1,000"], "got text '12,345.6'; write numbers as"),
        (["5 %", "7.5%"], "got text '5 %'; write numbers as"),
        ([str(dt.timedelta(i)) + "x" for i in range(MOST_CATEGORIES + 1)], "or 1 to 50 categories, got 51 different"),
        (np.array([1, 2], dtype="m8[M]"), "t: expected durations in weeks or less, got timedelta64[M]"),
        (np.array([99_999_999], dtype="M8[Y]"), "t: expected dates within 1,000,000 years of 1970"),
    ],
)
def test_columns_that_can_not_be_one_kind_are_refused(column, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        encoding_of(column, "t").encode(column, "t")


def test_times_with_and_without_a_zone_are_told_apart():
    with pytest.raises(ValueError, match="t: expected times with a time zone, as the model was made of, got"):
        Times(FIRST, True).encode(NAIVE, "t")
    with pytest.raises(ValueError, match=r"t: expected times without a time zone, .* got some with$"):
        Times(FIRST, False).encode(T, "t")
    assert Times(FIRST, True).encode([1.5, None, 3], "t").tolist()[::2] == [1.5, 3.0]  # such seconds already


def test_what_is_nothing_or_no_column_has_no_encoding():
    assert encoding_of(np.zeros((3, 2)), "t") is None
    assert str(Durations()) == "seconds"
    nothing = np.array([None, None], dtype=object)
    assert np.isnan(Durations().encode(nothing, "t")).all()
    assert np.isnan(Times(FIRST, False).encode(np.array(["NaT", "NaT"], dtype="M8[s]"), "t")).all()
    assert Times(0, False).first == encoding_of(np.array(["NaT"], dtype="M8[s]"), "t").first


def test_instants_of_numpy_among_objects_are_kept_to_the_nanosecond():
    first, second = np.datetime64("2026-01-31T22:30:00"), np.datetime64("2026-01-31T22:30:00.000000001")
    column = np.array([first, None, second], dtype=object)
    np.testing.assert_array_equal(encoding_of(column, "t").encode(column, "t"), [0.0, np.nan, 1e-9])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (sparse.csr_array(np.eye(3)), "X: expected a dense array, got a sparse csr_array"),
        ([[1.0, 2.0], [3.0]], "X: expected rows of equal length"),
    ],
)
def test_tables_that_are_none_are_refused_where_columns_may_be_of_any_kind(values, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        as_encoded(values, "X")


def test_a_table_of_other_columns_than_those_known_is_refused():
    with pytest.raises(ValueError, match="X: expected 2 columns, got 1"):
        as_encoded({"t": T}, "X", (Times(FIRST, True), None))


# --- tables

FRAMES = {
    "pandas": lambda t, u: pd.DataFrame({"t": t, "u": u}),
    "polars": lambda t, u: polars().DataFrame({"t": t, "u": u}),
    "pyarrow": lambda t, u: pyarrow().table({"t": t, "u": u}),
    "dictionary": lambda t, u: {"t": t, "u": u},
    "list of rows": lambda t, u: [list(row) for row in zip(t, u, strict=True)],
    "array of objects": lambda t, u: pd.DataFrame({"t": t, "u": u}).to_numpy(),
}


@pytest.mark.parametrize("kind", FRAMES)
def test_tables_of_any_kind_have_the_same_numbers(kind):
    samples = as_samples(FRAMES[kind](T, U), U, encode=True)
    np.testing.assert_array_equal(samples.X, np.c_[SECONDS, U], strict=True)
    assert samples.encodings == Encodings((Times(FIRST, True), None))


def test_structured_arrays_and_data_sets_have_them_too():
    times = np.array(NAIVE, dtype="M8[ns]")
    data = xarray().Dataset({"u": ("t", U)}, coords={"t": times})
    for table in (np.rec.fromarrays([times, U], names="t,u"), {"t": data.t, "u": data.u}):
        samples = as_samples(table, U, encode=True)
        np.testing.assert_array_equal(samples.X, np.c_[SECONDS, U], strict=True)


def test_numbers_alone_have_no_encodings():
    for table in (np.c_[U, U], pd.DataFrame({"a": U, "b": range(N)}), {"a": U}, [[1, 2.5], [3, 4]], U.astype(object)):
        assert as_encoded(table, "X")[1] is None


def test_what_is_not_encoded_is_refused_with_advice():
    """Polars would give NumPy microseconds, without a word."""
    for kind in ("pandas", "polars", "dictionary"):
        with pytest.raises(ValueError, match=r"X.*expected numbers, got .*give seconds, as \(t - t.min\(\)\)"):
            as_samples(FRAMES[kind](NAIVE, U), U)
    for y in (np.array(NAIVE, dtype="M8[s]"), NAIVE):
        with pytest.raises(ValueError, match=r"y: expected numbers, got .*give seconds"):
            pml.fit(U, y)
    with pytest.raises(ValueError, match=r"X: expected real numbers, got complex128; give the real and the imaginary"):
        pml.fit(U + 1j, U)


# --- fits


@functools.cache
def model_of_times():
    return pml.fit(pd.DataFrame({"t": T, "u": U}), U * (1.0 + SECONDS / 7e4), **QUICK)


def test_a_model_of_times_takes_them_again_after_it_was_loaded(tmp_path):
    model = model_of_times()
    model.save(tmp_path / "m.pml")
    wanted = U * (1.0 + SECONDS / 7e4)
    for one in (model, pml.load(tmp_path / "m.pml")):
        for table in FRAMES.values():
            np.testing.assert_allclose(one(table(T, U)), wanted, rtol=1e-13)
        np.testing.assert_allclose(one(np.c_[SECONDS, U]), wanted, rtol=1e-13)
        assert one.inside(pd.DataFrame({"u": U, "t": T})).all()
        assert one.error_estimate(pd.DataFrame({"u": U, "t": T})).max() < 1e-12
    with pytest.raises(ValueError, match="X, column 't': expected times with a time zone"):
        model(pd.DataFrame({"t": NAIVE, "u": U}))


def test_derivatives_by_times_are_per_second():
    frame = pd.DataFrame({"t": T, "u": U})
    np.testing.assert_allclose(model_of_times().gradient(frame)[:, 0], U / 7e4, rtol=1e-11)


def test_the_report_and_what_is_exported_say_how_times_are_taken():
    model = model_of_times()
    assert any("t: seconds from 2026-01-31T22:30:00 UTC" in line for line in model.report.path)
    assert "t: seconds from 2026-01-31T22:30:00 UTC" in model.to_c()


def test_single_searches_take_times_too_but_no_categories():
    model = pml.fit_polynomial({"t": NAIVE, "u": U}, U * SECONDS, degree=2)
    np.testing.assert_allclose(model({"u": U, "t": NAIVE}), U * SECONDS, rtol=1e-12, atol=1e-9)
    with pytest.raises(ValueError, match="X, column 'c': expected numbers or dates, got categories"):
        pml.fit_polynomial({"c": ["a", "b"] * (N // 2), "u": U}, U, degree=2)


def test_missing_times_are_missing_values():
    table = pd.DataFrame({"t": [pd.NaT, *NAIVE[1:]], "u": U})
    with pytest.raises(ValueError, match=r'got 1 NaN and 0 infinite, the first in row 0, column \'t\'; missing="drop"'):
        pml.fit(table, U, **QUICK)
    model = pml.fit(table, U * SECONDS, missing="drop", **QUICK)
    assert np.isnan(model(table)[0])
    np.testing.assert_allclose(model(table)[1:], (U * SECONDS)[1:], rtol=1e-12)
    assert any("1 row with missing values left out" in line for line in model.report.path)


def test_rows_given_to_choose_by_are_counted_from_the_same_first():
    late = {"t": NAIVE[N // 2 :], "u": U[N // 2 :]}
    y = U * SECONDS
    model = pml.fit({"t": NAIVE, "u": U}, y, validation=(late, y[N // 2 :]), **QUICK)
    assert model.report.validation_rmse < 1e-13


def test_breaks_and_periods_of_times_are_times():
    noon = START.replace(tzinfo=None) + dt.timedelta(hours=12)
    y = np.where(SECONDS < 12 * 3600, U, U * SECONDS / 1e4)
    for place in (noon, noon.isoformat(), np.datetime64(noon), 12 * 3600.0):
        model = pml.fit({"t": NAIVE, "u": U}, y, breaks={"t": [place]}, **QUICK)
        assert model.breaks[1] == 12 * 3600.0
    np.testing.assert_array_equal(model.piece_of({"t": NAIVE, "u": U}), SECONDS >= 12 * 3600)
    y = np.cos(2 * np.pi * SECONDS / 43200)
    for period in (dt.timedelta(hours=12), np.timedelta64(12, "h"), 43200.0):
        model = pml.fit({"t": NAIVE}, y, periods={"t": period}, **QUICK)
        np.testing.assert_allclose(model({"t": [NAIVE[5] + dt.timedelta(days=30)]}), y[5:6], atol=1e-9)


def test_a_model_is_made_of_each_category(tmp_path):
    kind = np.where(np.arange(N) % 3 == 0, "ice", "water")
    y = np.where(kind == "ice", U**2, 3.0 - U)
    table = pd.DataFrame({"u": U, "kind": kind})
    model = pml.fit(table, y, **QUICK)
    model.save(tmp_path / "m.pml")
    for one in (model, pml.load(tmp_path / "m.pml")):
        np.testing.assert_allclose(one(table.astype({"kind": "category"})), y, rtol=1e-12)
        assert np.all(one.gradient(table)[:, 1] == 0.0)
        assert np.isnan(one(pd.DataFrame({"u": [0.7], "kind": [None]}))).all()
        with pytest.raises(ValueError, match="X, column 'kind': expected one of 'ice', 'water', got 'fog' in row 1"):
            one({"u": [0.7, 0.8], "kind": ["ice", "fog"]})
    assert any("kind: 0 for ice, 1 for water" in line for line in model.report.path)
    z = y * (1.0 + 2.0j)
    np.testing.assert_allclose(pml.fit(table, z, **QUICK)(table), z, rtol=1e-12)


@pytest.mark.parametrize(
    ("table", "options", "message"),
    [
        ({"u": U, **dict.fromkeys("ab", ["x", "y"] * (N // 2))}, {}, "one column of categories at most, got 'a', 'b'"),
        ({"u": U, "a": ["x"] * (N - 1) + ["y"]}, {}, "at least 12 rows of each category, .* got one of 1; leave"),
        ({"a": ["x", "y"] * (N // 2)}, {}, "expected another column beside the categories 'a', got one column"),
        ({"u": U, "a": ["x", "y"] * (N // 2)}, {"regions": "u"}, "regions: expected 'a', the column of categories"),
        (
            {"u": U, "a": [f"site {i}" for i in range(N)]},
            {},
            "got 80 different texts, such as 'site 0'; leave",
        ),
    ],
)
def test_categories_that_can_not_have_a_model_each_are_refused(table, options, message):
    with pytest.raises(ValueError, match=message):
        pml.fit(table, U, **QUICK, **options)


def test_one_category_alone_is_a_constant_column():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pml.FitWarning)
        model = pml.fit({"u": U, "a": ["x"] * N}, U**2, **QUICK)
    np.testing.assert_allclose(model({"u": U, "a": ["x"] * N}), U**2, rtol=1e-13)


def test_truth_values_are_columns_of_numbers_without_a_warning():
    flag = np.arange(N) % 2 == 0
    table = pd.DataFrame({"u": U, "flag": flag})
    with warnings.catch_warnings():
        warnings.simplefilter("error", pml.FitWarning)
        model = pml.fit(table, U**2 + flag, **QUICK)
    for column in (flag, flag.astype(float), flag.astype(str), flag.tolist()):
        np.testing.assert_allclose(model({"u": U, "flag": column}), U**2 + flag, rtol=1e-12)


# --- complex y


@pytest.mark.parametrize("shape", [(N,), (N, 1), (N, 2)])
def test_complex_y_is_given_back_complex(shape, tmp_path):
    z = np.multiply.outer(np.exp(1j * U), [1.0, 2.0 - 1j])[:, : int(np.prod(shape[1:]))].reshape(shape)
    slope = 1j * z
    model = pml.fit(U, z, **QUICK)
    model.save(tmp_path / "m.pml")
    for one in (model, pml.load(tmp_path / "m.pml")):
        np.testing.assert_allclose(one(U), z, rtol=1e-11)
        np.testing.assert_allclose(one.gradient(U), slope[..., None], rtol=1e-8)
        np.testing.assert_allclose(one.extended(U)[0], one(U), rtol=1e-14)
    assert any("y is complex: real and imaginary part are two outputs" in line for line in model.report.path)
    name = "y0" if shape == (N, 2) else "y"
    assert [one.name for one in model.report.output_errors[:2]] == [f"re({name})", f"im({name})"]
    assert "re(y" in model.to_c()


def test_complex_y_of_any_table_and_with_missing_values():
    z = np.exp(1j * U)
    holed = [None, *z[1:].tolist()]
    for y in (pd.Series(holed), np.ma.array(z, mask=np.arange(N) == 0), pd.Series([np.nan, *z[1:]]), {"z": holed}):
        model = pml.fit(U, y, missing="drop", **QUICK)
        np.testing.assert_allclose(np.ravel(model(U)), z, rtol=1e-10)
        with pytest.raises(ValueError, match="y: expected"):
            pml.fit(U, y, **QUICK)
    assert model.signature.output_names == ("re(z)", "im(z)")
    with pytest.raises(ValueError, match='y: expected real numbers for error="relative", got complex ones'):
        pml.fit(U, z, error="relative")
    with pytest.warns(pml.PrecisionWarning, match="y is complex64, which carries 6 digits"):
        pml.fit(U, z.astype(np.complex64), **QUICK)


# --- files


def test_a_table_of_names_and_columns_is_fitted_whatever_it_is():
    """Of which NumPy knows no shape."""
    data = xarray().DataArray(U**2, dims="u", coords={"u": np.sort(U)})
    for X, y in (({"u": U}, U**2), (data.coords, data)):
        assert pml.fit(X, y, **QUICK).signature.input_names == ("u",)


@pytest.mark.parametrize(
    "damage",
    [
        lambda state: state["inputs"].pop(),
        lambda state: state["inputs"][0].update(first="2026"),
        lambda state: state["inputs"][0].update(first=1e9),
        lambda state: state["inputs"][0].update(first=10**40),
        lambda state: state["inputs"][0].update(has_zone=1),
        lambda state: state["inputs"][0].update(kind="moments"),
        lambda state: state["inputs"][0].update(kind="categories"),
        lambda state: state["inputs"][0].pop("has_zone"),
        lambda state: state["inputs"].__setitem__(1, {"kind": "categories", "names": ["a", "a"]}),
        lambda state: state["inputs"].__setitem__(1, {"kind": "categories", "names": []}),
        lambda state: state["inputs"].__setitem__(1, {"kind": "categories", "names": [["a"]]}),
        lambda state: state["inputs"].__setitem__(1, {"kind": "categories", "names": [None]}),
        lambda state: state["inputs"].__setitem__(1, "seconds"),
        lambda state: state.update(inputs=5),
        lambda state: state.update(complex_y="vector"),
        lambda state: state.update(complex_y=["matrix"]),
        lambda state: state.pop("complex_y"),
    ],
)
def test_a_file_with_other_encodings_is_refused(damage, tmp_path):
    header, arrays = model_of_times().description()
    header = json.loads(json.dumps(header))
    damage(header["encodings"])
    archive.write(tmp_path / "m.pml", header, arrays)
    with pytest.raises(ValueError, match=r"m\.pml: the model file is incomplete or of another version"):
        pml.load(tmp_path / "m.pml")


def test_all_encodings_are_in_files():
    inputs = (Times(-5, False), None, Durations(), Flags(), Categories(("a", 3, 2.5)))
    for found in (Encodings(inputs), Encodings(inputs, "matrix")):
        assert Encodings.from_state(json.loads(json.dumps(found.state())), 5, 2) == found


def test_a_column_that_a_model_ignores_is_missing_all_the_same():
    reduced = pml.models.Reduced(pml.fit_polynomial(U, U**2, degree=2), variables_of(["sum"], [[1.0, 0.0]], [0.0, 0.0]))
    X = np.array([[0.5, 1.0], [0.5, np.nan]])
    assert np.isnan(reduced(X)).tolist() == np.isnan(reduced.gradient(X)).any(axis=1).tolist() == [False, True]


# --- the command line


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A table of times, categories, truth values and numbers, as text and in Parquet."""
    folder = tmp_path_factory.mktemp("tables")
    kind = np.where(np.arange(N) % 2 == 0, "ice", "water")
    y = np.where(kind == "ice", U, 2.0 + SECONDS / 9e4)
    frame = pd.DataFrame({"t": pd.Series(T), "u": U, "kind": kind, "y": y})
    frame.to_csv(folder / "t.csv", index=False)
    frame.assign(y=np.where(SECONDS < 43200, U, U * SECONDS / 1e4)).drop(columns="kind").to_csv(
        folder / "broken.csv", index=False
    )
    return folder


ARGUMENTS = ["--method", "polynomial", "--effort", "1e-3", "--quiet"]


def test_a_table_of_times_and_categories_is_fitted_and_predicted(folder, capsys):
    model = str(folder / "m.pml")
    assert main(["fit", str(folder / "t.csv"), "--target", "y", "-o", model, *ARGUMENTS]) == 0
    assert main(["show", model]) == 0
    shown = capsys.readouterr().out
    assert "t: seconds from 2026-01-31T22:30:00 UTC" in shown
    assert "kind: 0 for ice, 1 for water" in shown
    frame = pd.read_csv(folder / "t.csv")
    tables = [folder / "t.csv"]
    if pytest.importorskip("pyarrow"):
        frame.assign(t=pd.to_datetime(frame.t)).to_parquet(folder / "t.parquet")
        tables.append(folder / "t.parquet")
    for table in tables:
        assert main(["predict", model, str(table), "-o", str(folder / "p.csv")]) == 0
        np.testing.assert_allclose(pd.read_csv(folder / "p.csv").y, frame.y, rtol=1e-12)


def test_breaks_regions_and_periods_can_be_given(folder, capsys):
    table, model = str(folder / "broken.csv"), str(folder / "b.pml")
    begin = ["fit", table, "--target", "y", "-o", model, *ARGUMENTS]
    assert main([*begin, "--breaks", "t=2026-02-01T10:30Z"]) == 0
    assert pml.load(model).breaks[1] == 43200.0
    assert main([*begin, "--periods", "t=86400", "--periods", "u=1"]) == 0
    assert main(["fit", str(folder / "t.csv"), "--target", "y", "--regions", "kind", "-o", model, *ARGUMENTS]) == 0
    assert pml.load(model).family == "regions"
    for options, message in (
        (["--breaks", "t"], "--breaks: expected COLUMN=VALUE, got 't'"),
        (["--breaks", "u=x"], "breaks: expected numbers above"),
        (["--breaks", "z=0.7"], "breaks: expected columns of X, by name or number below 2, got 'z'"),
        (["--periods", "u=x"], "periods: expected a number > 0 for 'u', got 'x'"),
        (["--regions", "z"], "regions: expected a column of X, by name or number below 2, got 'z'"),
    ):
        capsys.readouterr()
        assert main([*begin, *options]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("t,y\n2026-01-01,1\n,2\n", "got nothing in line 3, column 't'"),
        ("t,x,y\n2026-01-01,1,1\n2026-01-02,x,2\n", "got text 'x' in line 3, column 'x'"),
        ("t,y\n2026-01-01,1\n2026-01-02,1,2\n", "expected 2 cells in every row, got 3 in line 3"),
        (",y\n2026-01-01,1\n2026-01-02,2\n", "expected a name for every column, got none for column 1"),
        ("t,y\n2026-01-01,1\n01/02/2026,2\n", "X, column 't': expected dates as 2026-01-31T12:00:00 in every row"),
        ("t;y\n2026-01-01;1,5\n2026-01-02;2,5\n", "expected at least 10 rows"),
        ('t,y\n2026-01-01,1\n"2026-01-01,2\n', "expected 2 cells in every row, got 1 in line 3"),
        ("t,y\n2026-01-01,wet\n2026-01-02,dry\n", "y: expected numbers, got text 'wet' in row 0"),
    ],
)
def test_text_that_is_none_of_this_is_refused_by_its_line(text, message, tmp_path, capsys):
    (tmp_path / "t.csv").write_text(text)
    assert main(["fit", str(tmp_path / "t.csv"), "--target", "y", *ARGUMENTS]) == 2
    assert message in capsys.readouterr().err


def test_rows_of_text_with_a_value_missing_can_be_left_out(tmp_path):
    rows = [f"2026-01-01T{h:02}:00,{h**2 / 10},{h}" for h in range(24)]
    rows[3], rows[5] = rows[3].replace("2026-01-01T03:00", ""), "2026-01-01T05:00,,5"
    (tmp_path / "t.csv").write_text("t,u,y\n" + "\n".join(rows) + "\n")
    model = str(tmp_path / "m.pml")
    begin = ["fit", str(tmp_path / "t.csv"), "--target", "y", "-o", model]
    assert main([*begin, "--missing", "drop", *ARGUMENTS]) == 0
    assert "2 rows with missing values left out, as asked: 3, 5" in "".join(pml.load(model).report.path)


# --- scikit-learn


@pytest.mark.parametrize("kind", ["pandas", "polars"])
def test_the_regressor_takes_frames_of_times_and_categories(kind):
    pytest.importorskip("sklearn")
    regressor = pml.PrecisionRegressor(method="polynomial", effort=1e-3, n_threads=1)
    frame = FRAMES[kind](NAIVE, U)
    np.testing.assert_allclose(regressor.fit(frame, U * SECONDS).predict(frame), U * SECONDS, rtol=1e-12)
    np.testing.assert_allclose(regressor.gradient(frame)[:, 0], U, rtol=1e-10)
    assert regressor.feature_names_in_.tolist() == ["t", "u"]
    np.testing.assert_allclose(regressor.model_(frame), U * SECONDS, rtol=1e-12)
    kinds = pd.DataFrame({"u": U, "kind": np.where(np.arange(N) % 2, "ice", "water")})
    y = np.where(np.arange(N) % 2, U**2, 3.0 - U)
    np.testing.assert_allclose(regressor.fit(kinds, y).predict(kinds), y, rtol=1e-12)


def test_the_regressor_takes_breaks_regions_and_periods():
    pytest.importorskip("sklearn")
    options = {"method": "polynomial", "effort": 1e-3, "n_threads": 1}
    broken = np.where(SECONDS < 43200, U, U * SECONDS / 1e4)
    half = [NAIVE[0] + dt.timedelta(hours=12)]
    frame = pd.DataFrame({"t": NAIVE, "u": U})
    regressor = pml.PrecisionRegressor(breaks={"t": half}, **options).fit(frame, broken)
    assert regressor.model_.breaks[1] == 43200.0
    np.testing.assert_allclose(regressor.predict(frame), broken, rtol=1e-12)
    X = np.c_[np.arange(N) % 2, U]
    regressor = pml.PrecisionRegressor(regions=0, **options).fit(X, np.where(X[:, 0] > 0, U**2, 3.0 - U))
    assert regressor.model_.family == "regions"
    turns = pml.PrecisionRegressor(periods={0: 1.0}, **options).fit(U[:, None], np.cos(2 * np.pi * U))
    np.testing.assert_allclose(turns.predict(U[:, None] + 3.0), turns.predict(U[:, None]), atol=1e-12)
    with pytest.raises(ValueError, match="regions: expected a function or a column, got ndarray"):
        pml.PrecisionRegressor(regions=X[:, 0], **options).fit(X, U)
