"""What comes in at the doors, drawn at random: arrays, tables, files, models and command lines give what they should,
or an error that says why.

`pytest -m fuzz` draws PML_NATIVE_FUZZ examples a test (200). What fails is kept in .hypothesis, and tried first the
next time.
"""

import contextlib
import csv
import functools
import io
import json
import math
import os
import re
import shlex
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.database import DirectoryBasedExampleDatabase
from hypothesis.extra import numpy as arrays
from unit.models_of_all_families import MODELS

import pml_native as pml
from pml_native import tables
from pml_native.arrays import as_samples
from pml_native.cli import main
from pml_native.tables import Table

pytestmark = pytest.mark.fuzz

often = settings(
    max_examples=int(os.environ.get("PML_NATIVE_FUZZ", "200")),
    deadline=None,
    database=DirectoryBasedExampleDatabase(".hypothesis/examples"),
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("fuzz")


# Arrays.

values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(max_size=3),
    st.binary(max_size=3),
    st.decimals(),
    st.fractions(),
    st.dates(),
)
nested = st.recursive(values, lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner), max_leaves=12)
fields = st.sampled_from(["f8", "f4", "i8", "u1", "U2", "c16", "M8[s]", "f8,f8", "f8,(2,)f8", "O", "?", ">f8"])
numpy_arrays = fields.flatmap(
    lambda kind: (
        arrays.arrays(kind, arrays.array_shapes(max_dims=3, max_side=4))
        if kind != "O"
        else arrays.arrays("O", arrays.array_shapes(max_dims=2, max_side=3), elements=values)
    )
)
columns = st.dictionaries(st.text(max_size=2) | st.integers(), nested | numpy_arrays, max_size=3)
anything = nested | numpy_arrays | columns


@often
@given(anything, anything, st.sampled_from(["raise", "drop"]), st.none() | nested)
def test_data_are_float64_and_finite_or_a_value_error_says_why(X, y, missing, weight):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            samples = as_samples(X, y, weight, missing=missing)
        except ValueError:
            return
    for array in (samples.X, samples.y):
        assert array.dtype == np.float64
        assert array.ndim == 2
        assert array.flags.c_contiguous
        assert np.isfinite(array).all()
    assert len(samples.X) == len(samples.y) > 0


# Text.

cells = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False).map(repr),
    st.sampled_from(
        ["", " ", "1", "-1e5", "1,5", '"2"', '"', "nan", "inf", "x", "1_0", "0x1", "#", "%", "\t", "1d3", "\u0661"]
    ),
)
rows = st.lists(st.lists(cells, min_size=1, max_size=4), min_size=1, max_size=6)
texts = st.tuples(rows, st.sampled_from([",", ";", "\t", "|", " ", ", "]), st.sampled_from(["\n", "\r\n", "\r"])).map(
    lambda drawn: drawn[2].join(drawn[1].join(row) for row in drawn[0])
)
files = st.one_of(st.binary(max_size=80), texts.map(str.encode), st.text(max_size=60).map(lambda text: text.encode()))


def read_all(path, header):
    """All columns, or None for a table that is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            table = Table.open(path, header)
            return table, table.read(table.columns)
        except ValueError:
            return None


@often
@given(files, st.sampled_from([None, True, False]))
def test_text_is_read_as_the_slow_reader_does_or_refused_and_by_all_parsers_alike(folder, data, header):
    path = folder / "table.csv"
    path.write_bytes(data)
    by_core = read_all(path, header)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tables, "rows_of_text", lambda *_: None)
        by_numpy = read_all(path, header)
    assert (by_numpy is None) == (by_core is None)
    if by_numpy is None:
        return
    table, numbers = by_numpy
    assert numbers.shape[1] == len(table.columns)
    np.testing.assert_array_equal(numbers, by_core[1])
    layout = table.layout
    if layout.delimiter is not None and not layout.has_comments:
        lines = re.split("\r\n|\r|\n", data.decode("utf-8-sig"))[layout.n_skipped :]
        slow = list(csv.reader([line for line in lines if line.strip()], delimiter=layout.delimiter))
        point = "," if layout.decimal_comma else "."
        expected = [[float(cell.strip().replace(point, ".")) for cell in row[: layout.n_cells]] for row in slow]
        np.testing.assert_array_equal(numbers, np.array(expected).reshape(numbers.shape))


# Model files.


@functools.cache
def saved():
    """The files of models of all families, as bytes."""
    with tempfile.TemporaryDirectory() as place:
        for number, case in enumerate(MODELS.values()):
            case.make().save(Path(place) / f"{number:03}.pml")
        return [path.read_bytes() for path in sorted(Path(place).iterdir())]


replacements = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.sampled_from(
        [2**31, 2**63, -(2**63), 10**30, 1e308, math.inf, math.nan, "", "tanh", [], {}, [0], [[1]], "polynomial"]
    ),
)


def changed(value, draw):
    """A JSON value of which one part is another."""
    if isinstance(value, dict) and value and draw(st.integers(0, 9)):
        key = draw(st.sampled_from(sorted(value)))
        if not draw(st.integers(0, 9)):
            return {other: part for other, part in value.items() if other != key}
        return {**value, key: changed(value[key], draw)}
    if isinstance(value, list) and value and draw(st.integers(0, 9)):
        at = draw(st.integers(0, len(value) - 1))
        return [*value[:at], changed(value[at], draw), *value[at + 1 :]]
    return draw(replacements)


@st.composite
def model_files(draw):
    """A model's file with bytes, a part of its header, or one of its arrays exchanged."""
    data = draw(st.sampled_from(saved()))
    if draw(st.booleans()):
        at, new = draw(st.integers(0, len(data) - 1)), draw(st.binary(max_size=8))
        return data[:at] + new + data[at + draw(st.integers(0, 8)) :]
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        members = old.namelist()
        victim = draw(st.sampled_from(members))
        for name in members:
            content = old.read(name)
            if name == victim and name == "model.json":
                content = json.dumps(changed(json.loads(content), draw)).encode()
            elif name == victim:
                array = np.load(io.BytesIO(content))
                other = draw(arrays.arrays(st.sampled_from(["f8", "i8", "f4", "c16"]), arrays.array_shapes(max_side=5)))
                if array.size and draw(st.booleans()):
                    other = array.copy()
                    other.flat[draw(st.integers(0, array.size - 1))] = draw(st.sampled_from([0, 1, -1, 10**9, 7]))
                stream = io.BytesIO()
                np.save(stream, other)
                content = stream.getvalue()
            new.writestr(name, content)
    return buffer.getvalue()


@often
@given(model_files())
def test_a_model_file_that_was_changed_is_a_model_or_refused(folder, data):
    path = folder / "model.pml"
    path.write_bytes(data)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            model = pml.load(path)
        except ValueError:
            return
        try:
            values = model(np.full((3, model.signature.n_inputs), 2.5))
        except ValueError:  # a point outside of its box
            return
    assert len(values) == 3


# The command line.

WORDS = """
    fit predict show equations sweep reproduce info --help --version data.csv model.pml none.csv . '' --target y
    --features a,b a y,a --header --no-header --equation I.10.7 Z.001 -o out.pml /dev/null --gradient --json --html
    --method polynomial spline --effort 0 1e-4 nan -1 --time-limit 0.1 --tolerance --error relative --missing drop
    --outliers --seed 3 --threads 0 1 --quiet --n 20 --problem --family simplex --size 8,16 steps=1 n_test=5
"""
words = st.sampled_from(shlex.split(WORDS)) | st.text(max_size=4).filter(lambda word: "\0" not in word)
commands = st.lists(words, max_size=7) | st.lists(words, max_size=5).map(
    lambda more: ["fit", "data.csv", "--target", "y", "--effort", "1e-4", "--time-limit", "1", *more]
)


@often
@given(commands)
def test_a_command_line_ends_with_a_code_and_no_traceback(folder, arguments):
    if {"reproduce", "sweep"} & {*arguments}:  # minutes, where they work
        return
    with contextlib.ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).chdir(folder)
        with open("data.csv", "w") as file:
            file.write("a,b,y\n" + "".join(f"{i},{i * i % 7},{i + 0.5}\n" for i in range(20)))
        with open("model.pml", "wb") as file:
            file.write(saved()[0])
        stack.enter_context(contextlib.redirect_stdout(io.StringIO()))
        shown = stack.enter_context(contextlib.redirect_stderr(io.StringIO()))
        try:
            code = main(arguments)
        except SystemExit as ended:
            code = ended.code
    assert code in (0, 2)
    assert "Traceback" not in shown.getvalue()
