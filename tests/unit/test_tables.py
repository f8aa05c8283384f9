"""Tables of text as people have them: read to the last bit, or refused with the line and the reason."""

import warnings
from decimal import Decimal

import numpy as np
import pytest

from pml_native import tables
from pml_native.tables import Table, write_csv

VALUES = np.array([[1.5, 20.25, 0.1], [2.5, 30.0, 1e-300], [3.25, 40.75, 7.123456789012345e22]])


def lines(delimiter, values=VALUES, decimal="."):
    return "".join(delimiter.join(repr(v).replace(".", decimal) for v in row) + "\n" for row in values.tolist())


READ = {
    "commas": "T,p,rho\n" + lines(","),
    "semicolons": "T;p;rho\n" + lines(";"),
    "tabs": "T\tp\trho\n" + lines("\t"),
    "bars": "T|p|rho\n" + lines("|"),
    "blanks": "T p rho\n" + lines(" "),
    "many blanks": "  T    p      rho\n" + lines("   "),
    "blanks and tabs": "T \t p \t rho\n" + lines(" \t "),
    "decimal commas after semicolons": "T;p;rho\n" + lines(";", decimal=","),
    "decimal commas after tabs": "T\tp\trho\n" + lines("\t", decimal=","),
    "lines that end as on old Macs": ("T,p,rho\n" + lines(",")).replace("\n", "\r"),
    "decimal commas after blanks": "T p rho\n" + lines(" ", decimal=","),
    "a header after a hash": "# T p rho\n" + lines(" "),
    "a header after a percent sign": "% T,p,rho\n" + lines(","),
    "comments before the header": "# equation of state\n# 2025\nT,p,rho\n" + lines(","),
    "comments before a header in a comment": "# equation of state, made in 2025\n#T,p,rho\n" + lines(","),
    "comments among the rows": "T,p,rho\n" + lines(",", VALUES[:1]) + "# a pause\n" + lines(",", VALUES[1:]),
    "a byte order mark": "\ufeffT,p,rho\n" + lines(","),
    "lines of Windows": ("T,p,rho\n" + lines(",")).replace("\n", "\r\n"),
    "no line end at the end": ("T,p,rho\n" + lines(","))[:-1],
    "blank lines": "T,p,rho\n\n" + lines(",") + "\n\n",
    "quoted names": '"T","p","rho"\n' + lines(","),
    "quoted numbers": "T,p,rho\n" + "".join('"' + '","'.join(map(repr, row)) + '"\n' for row in VALUES.tolist()),
    "blanks after commas": "T, p, rho\n" + lines(", "),
    "a comma at the end of each line": "T,p,rho,\n" + lines(",").replace("\n", ",\n"),
    "the first line of a spreadsheet": "sep=;\nT;p;rho\n" + lines(";"),
}


# What is more than numbers, commas and lines, and is left to NumPy.
BEYOND_THE_CORE = ("quoted numbers", "lines that end as on old Macs")


@pytest.fixture(params=["core", "NumPy"])
def parser(request, monkeypatch):
    if request.param == "NumPy":
        monkeypatch.setattr(tables, "rows_of_text", lambda *_: None)
    return request.param


def written(tmp_path, text):
    path = tmp_path / "table.dat"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("kind", READ)
def test_a_table_is_read_to_the_last_bit(tmp_path, kind, parser, monkeypatch):
    if parser == "core" and kind not in BEYOND_THE_CORE:
        monkeypatch.delattr(Table, "_by_numpy")
    table = Table.open(written(tmp_path, READ[kind]))
    assert table.columns == ("T", "p", "rho")
    np.testing.assert_array_equal(table.read(["T", "p", "rho"]), VALUES)
    np.testing.assert_array_equal(table.read(["rho", "T"]), VALUES[:, [2, 0]])
    np.testing.assert_array_equal(table.read(["p", "T", "p"]), VALUES[:, [1, 0, 1]])


REFUSED = {
    "a row of more cells": (
        "T,p\n1,2\n1,003.390,2\n",
        r"expected 2 cells in every row, got 3 in line 3: '1,003.390,2'",
    ),
    "a row of fewer cells": ("T,p,rho\n1,2,3\n1,2\n", "got 2 in line 3"),
    "a row of more cells between blanks": ("T p\n1 2\n1 2\n1 2 3\n", "3 cells in line 4, and 2 before"),
    "text behind the last cell, between blanks": (b"\0\n0\t\0\n\0", "2 cells in line 2, and columns for 1"),
    "names with blanks between blanks": ("T in K  p\n1 2\n3 4\n", "need another delimiter"),
    "text": ("T,p\n1,2\n3,four\n", "text 'four' in line 3, column 'p'"),
    "nothing in a cell": ("T,p\n1,2\n,4\n", "nothing in line 3, column 'T'"),
    "blanks alone in a line": ("T\n1\n  \n", "nothing in line 3, column 'T'"),
    "text after blank lines and comments": ("T,p\n1,2\n\n# a pause\n3,four\n", "text 'four' in line 5, column 'p'"),
    "units below the header": ("T,p\nK,MPa\n1,2\n", "text 'K' in line 2, column 'T'"),
    "exponents of Fortran": ("T,p\n1,2.0D+05\n", "write E for the D"),
    "a quoted row of more cells": ('T,p\n1,"2"\n3,"4",5\n', "expected 2 cells in every row, got 3 in line 3: '3,4,5'"),
    "a quoted number of many digits": (
        'T,p\n1,"2"\n' + "1,2\n" * 50 + f'1,"{"4" * 200_000}"\n',
        r"line 53: field larger than field limit",
    ),
    "a quote that does not end": ('T,p\n1,"2\n3,4\n', "expected numbers in every row, got text"),
    "names twice": ("T,T\n1,2\n", "'T' twice"),
    "a header of numbers": ("400,500\n1.5,2.5\n", "--header or --no-header"),
    "UTF-16": ("T,p\n1,2\n".encode("utf-16"), "got UTF-16"),
    "other bytes": (b"T,p\n1,\xff\xfe\n", "UTF-8"),
    "nothing": ("", "got no line of either"),
    "comments alone": ("# T,p\n# none\n", "got no line of either"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_table_that_could_be_misread_is_refused_with_the_reason(tmp_path, kind, parser):
    text, reason = REFUSED[kind]
    path = written(tmp_path, text)

    def read():
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            table = Table.open(path)
        table.read(table.columns)

    with pytest.raises(ValueError, match=reason):
        read()


@pytest.mark.parametrize("delimiter", [",", ";"])
def test_empty_cells_are_nan_where_values_may_be_missing(tmp_path, parser, delimiter):
    decimal = "," if delimiter == ";" else "."
    text = "T,p\n1.5,2.5\n,4.5\n5.5,\n".replace(",", delimiter).replace(".", decimal)
    table = Table.open(written(tmp_path, text))
    expected = [[1.5, 2.5], [np.nan, 4.5], [5.5, np.nan]]
    np.testing.assert_array_equal(table.read(["T", "p"], may_miss=True), expected)
    with pytest.raises(ValueError, match="nothing in line 3"):
        table.read(["T", "p"])


def test_nulls_of_parquet_are_nan_where_values_may_be_missing(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"a": [1.5, None, 2.5]}), tmp_path / "t.parquet")
    table = Table.open(tmp_path / "t.parquet")
    np.testing.assert_array_equal(table.read(["a"], may_miss=True), [[1.5], [np.nan], [2.5]])
    with pytest.raises(ValueError, match="column 'a': expected every value present, got 1 nulls"):
        table.read(["a"])


def test_a_long_line_with_a_quote_is_refused(tmp_path):
    with pytest.raises(ValueError, match="field larger than field limit"):
        Table.open(written(tmp_path, 'a,"' + "y" * 200_000 + "\n1,2\n"))


def test_rows_without_a_header_get_numbers_for_names_and_a_word(tmp_path):
    path = written(tmp_path, lines(","))
    with pytest.warns(UserWarning, match="no header line; the columns are called 0 to 2"):
        table = Table.open(path)
    np.testing.assert_array_equal(table.read(["0", "1", "2"]), VALUES)


@pytest.mark.parametrize("header", [True, False])
def test_a_header_of_numbers_is_what_the_caller_says(tmp_path, header):
    table = Table.open(written(tmp_path, "400,500\n1.5,2.5\n"), header=header)
    assert table.columns == (("400", "500") if header else ("0", "1"))
    assert len(table.read(table.columns)) == (1 if header else 2)


def test_names_where_the_caller_says_there_are_none_are_refused(tmp_path):
    with pytest.raises(ValueError, match="expected numbers in the first line, got 'T,p'"):
        Table.open(written(tmp_path, "T,p\n1.5,2.5\n"), header=False)


def test_numbers_of_many_digits_are_rounded_once(tmp_path):
    digits = ["9007199254740993.0000000000000000000000001", "1" + "0" * 60 + "e-20", f"2.{'0' * 400}1"]
    table = Table.open(written(tmp_path, "T\n" + "\n".join(digits) + "\n"))
    assert table.read(["T"]).ravel().tolist() == list(map(float, digits))


def test_complaints_that_are_not_known_are_passed_on(tmp_path, monkeypatch):
    table = Table.open(written(tmp_path, 'T\n"1.5"\n'))

    def refuse(*_, **__):
        raise ValueError("the disk is warm")

    monkeypatch.setattr(np, "loadtxt", refuse)
    with pytest.raises(ValueError, match="expected numbers in every row, got the disk is warm"):
        table.read(["T"])


def test_row_numbers_without_a_name_are_left_out_with_a_word(tmp_path):
    table = Table.open(written(tmp_path, ",a,y\n0,1.5,2.5\n1,2.5,3.5\n"))
    with pytest.warns(UserWarning, match="column 1 has no name and holds the row numbers"):
        assert table.features(["y"]) == ["a"]


def test_another_column_without_a_name_is_refused(tmp_path):
    table = Table.open(written(tmp_path, "a,,y\n0,1.5,2.5\n1,2.5,3.5\n"))
    with pytest.raises(ValueError, match="got none for column 2"):
        table.features(["y"])


def test_a_row_of_other_cells_is_found_in_any_block(tmp_path, monkeypatch):
    monkeypatch.setattr(tables, "BLOCK", 7)
    with pytest.raises(ValueError, match="line 43"):
        Table.open(path := written(tmp_path, "a,b\n" + "1,2\n" * 41 + "1,2,3\n")).read(["a"])
    path.write_text("a,b\n" + "1,2\n" * 50)
    np.testing.assert_array_equal(Table.open(path).read(["b", "a"]), [[2.0, 1.0]] * 50)


def test_text_in_columns_that_nobody_asks_for_is_passed_over(tmp_path, parser):
    table = Table.open(written(tmp_path, "T,name,p\n1.5,steam,2.5\n3.5,,4.5\n"))
    np.testing.assert_array_equal(table.read(["p", "T"]), [[2.5, 1.5], [4.5, 3.5]])


def test_a_table_without_rows_has_none(tmp_path):
    assert Table.open(written(tmp_path, "T,p\n")).read(["p"]).shape == (0, 1)


def test_many_columns_are_opened_at_once(tmp_path):
    names = [f"c{i}" for i in range(50_000)]
    table = Table.open(written(tmp_path, ",".join(names) + "\n" + ",".join(["1"] * len(names)) + "\n"))
    table.require(names, "feature")
    assert table.read(names).shape == (1, 50_000)


def test_what_is_written_is_read_bit_for_bit(tmp_path, parser):
    values = np.random.default_rng(0).normal(size=(300, 4)) * 10.0 ** np.random.default_rng(1).integers(
        -300, 300, (300, 4)
    )
    write_csv(tmp_path / "t.csv", ["a", "b, c", 'd"e', "f"], values)
    table = Table.open(tmp_path / "t.csv")
    np.testing.assert_array_equal(table.read(table.columns), values)


def test_decimals_in_parquet_are_rounded_once(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    exact = [Decimal("0.10000000000000000555"), Decimal("12345678901234567.89")]
    column = pyarrow.array(exact, pyarrow.decimal128(38, 20))
    parquet.write_table(pyarrow.table({"a": column}), tmp_path / "t.parquet")
    values = Table.open(tmp_path / "t.parquet").read(["a"])
    assert values.ravel().tolist() == [float(column[0].as_py()), float(column[1].as_py())]
