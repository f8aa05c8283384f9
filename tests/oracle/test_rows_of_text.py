"""Decimal numbers in text against Python's, which are rounded correctly: the same bits, or left open."""

import math
from decimal import Decimal, localcontext

import numpy as np
import pytest

from pml_native._core import rows_of_text
from pml_native.tables import _powers_of_five

RNG = np.random.default_rng(0)
ANY = [x for x in RNG.integers(0, 2**64, 20_000, dtype=np.uint64).view(float).tolist() if math.isfinite(x)]


def read(text, slots=(0,), delimiter=",", *, comma=False, comments=False, empty=False, n_threads=2):
    """Rows, with what was left open as Python reads it, and how much that was; None for a text not understood."""
    found = rows_of_text(text, delimiter, comma, comments, empty, np.array(slots), _powers_of_five(), n_threads)
    if found is None:
        return None
    rows, n_rows, left_open = found
    for row, column, begin, end in left_open.tolist():
        rows[row, column] = float(text[begin:end].replace(b",", b"."))
    return rows[:n_rows], len(left_open)


def between(x):
    """The middle between x and the next number, to all its digits."""
    with localcontext() as context:
        context.prec = 1200
        return (Decimal(x) + Decimal(math.nextafter(x, math.inf))) / 2


DECIMALS = {
    "as repr writes them": map(repr, ANY),
    "of 19 digits": (f"{x:.18e}" for x in ANY),
    "of 30 digits": (f"{x:.29e}" for x in ANY),
    "of 6 digits": (f"{x:.6g}" for x in ANY),
    "with a point": (f"{x:.12f}" for x in RNG.normal(size=2000) * 10.0 ** RNG.integers(-12, 12, 2000)),
    "of any digits on both sides of the point": (
        "".join(map(str, RNG.integers(0, 10, i))) + "." + "".join(map(str, RNG.integers(0, 10, j)))
        for i in range(1, 25)
        for j in range(25)
    ),
    "whole": (str(RNG.integers(0, 2**63) >> RNG.integers(0, 62)) for _ in range(5000)),
    "between two numbers": (str(between(x)) for x in ANY[:1000]),
    "near the middle between two": (f"{between(x):.{k}e}" for x in ANY[:1000] for k in (16, 17, 18, 19, 25)),
    "with any power": (f"{RNG.integers(0, 2**63)}e{RNG.integers(-365, 311)}" for _ in range(5000)),
}


@pytest.mark.parametrize("kind", DECIMALS)
def test_decimals_are_the_numbers_nearest_to_them(kind):
    cells = list(DECIMALS[kind])
    rows, n_open = read("\n".join(cells).encode())
    np.testing.assert_array_equal(rows[:, 0].view(np.int64), np.array(list(map(float, cells))).view(np.int64))
    # What is left open costs time. Of numbers as people write them there is none but below the normal range.
    assert n_open <= len(cells) * (1.0 if "between" in kind or "power" in kind else 0.02)


SPECIAL = (
    "0 -0 0.0 -0.0 00012 +5 .5 5. -.5e1 1E+5 1e-5 nan -nan NaN inf -Infinity 1e400 1e-400 5e-324 "
    "2.2250738585072011e-308 1.7976931348623157e308 1.7976931348623159e308 0e99999999 "
    "9007199254740993 9007199254740992.99999999999999999 "
    f"0.{'0' * 400}1e401 1{'0' * 400}e-400 0.{'0' * 20000}1e1000000000"
).split()


@pytest.mark.parametrize("text", SPECIAL)
def test_numbers_at_the_ends_are_read_as_python_does(text):
    rows, _ = read(text.encode())
    assert rows.tobytes() == np.array([[float(text)]]).tobytes()


@pytest.mark.parametrize(
    "text",
    ["", ".", "+", "-", "e5", "1e", "1e+", "1.2.3", "1_0", "0x1", "1d3", "--1", ".nan", "infin", '"1"', "1 2", "\0"],
)
def test_what_is_no_number_is_left_to_others(text):
    assert read(f"1,\n{text},\n2,\n".encode(), (0, -1)) is None


LAYOUTS = {
    "commas": (b"1,2,3\n4,5,6\n", {}),
    "no end of the last line": (b"1,2,3\n4,5,6", {}),
    "lines of Windows and blank lines": (b"\r\n1,2,3\r\n\r\n4,5,6\r\n", {}),
    "blanks around cells": (b" 1 ,\t2, 3 \n4,5,  6\n", {}),
    "blanks": (b"  1 2\t 3\n\n \n4   5 6  \n", {"delimiter": ""}),
    "tabs": (b"1\t2\t3\n4\t 5\t6\n", {"delimiter": "\t"}),
    "decimal commas": (b"1,0;2.0;3\n4;5,;60,0e-1\n", {"delimiter": ";", "comma": True}),
    "comments": (b"# of steam, 2025\n1,2,3\n  % a pause\n4,5,6\n", {"comments": True}),
    "no numbers in columns that nobody asks for": (b"1,2,3,steam\n4,5,6,\n", {"slots": (0, 1, 2, -1)}),
}


@pytest.mark.parametrize("kind", LAYOUTS)
def test_cells_are_parted_as_the_layout_says(kind):
    text, layout = LAYOUTS[kind]
    rows, _ = read(text, **{"slots": (0, 1, 2), **layout})
    np.testing.assert_array_equal(rows, [[1, 2, 3], [4, 5, 6]])


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (b"1,2\n1\n", {}),
        (b"1,2\n1,2,3\n", {}),
        (b"1,2\n \n", {}),
        (b"1,2\r3,4\n", {}),
        (b"1,\n", {}),
        (b"1 2\n1\n", {"delimiter": ""}),
        (b"1 2\n1 2 3\n", {"delimiter": ""}),
        (b"1,2 # of steam\n", {"comments": True}),
        (b'1,"2,3"\n', {"slots": (0, -1)}),
    ],
)
def test_lines_of_other_cells_are_left_to_others(text, layout):
    assert read(text, **{"slots": (0, 1), **layout}) is None


def test_empty_cells_may_be_nan():
    rows, _ = read(b",1\n2, \n", (0, 1), empty=True)
    np.testing.assert_array_equal(rows, [[np.nan, 1.0], [2.0, np.nan]])


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_a_long_text_is_the_same_for_any_number_of_threads(n_threads):
    values = RNG.normal(size=(30_000, 3))
    lines = [",".join(map(repr, row)) for row in values.tolist()]
    lines[100] += "\n\n# blank lines and comments, which are no rows\n"
    rows, _ = read("\n".join(lines).encode(), (2, 0, 1), comments=True, n_threads=n_threads)
    np.testing.assert_array_equal(rows[:, [2, 0, 1]], values)
    lines[20_000] = "1,2"
    assert read("\n".join(lines).encode(), (2, 0, 1), comments=True, n_threads=n_threads) is None


def test_arguments_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"powers: expected \(651, 2\), got \(1, 2\)"):
        rows_of_text(b"1", ",", False, False, False, np.array([0]), np.zeros((1, 2), np.uint64), 1)
    with pytest.raises(ValueError, match="slots: expected one of 1 columns, got 3"):
        read(b"1", (3,))
    with pytest.raises(ValueError, match="delimiter: expected one character"):
        read(b"1", delimiter="::")
