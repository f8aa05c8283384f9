"""Axes and marks of the pictures that pages have."""

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pml_native.figures.svg import HEIGHT, WIDTH, Axis, Plot

NUMBERS = st.floats(-1e300, 1e300)


@given(NUMBERS, NUMBERS)
def test_ticks_lie_on_the_axis_and_read_as_their_values(one, other):
    low, high = sorted((one, other))
    if not high - low > 1e-9 * max(abs(low), abs(high), 1e-300):
        return
    axis = Axis("x", low, high)
    ticks = axis.ticks()
    step = (high / 2 - low / 2) / 5 * 2
    assert 2 <= len(ticks) <= 12
    assert len({text for _, text in ticks}) == len(ticks)
    for value, text in ticks:
        assert low - 1e-9 * step <= value <= high + 1e-9 * step
        assert abs(float(text) - value) <= 0.1 * step
    assert axis.share([low, high]).tolist() == [0.0, 1.0]


@given(st.integers(-300, 300), st.integers(1, 100))
def test_ticks_of_logarithms_are_powers_of_ten(first, length):
    axis = Axis("x", 10.0**first, 10.0 ** min(first + length, 300), is_log=True) if first < 300 else None
    if axis is not None:
        for value, text in axis.ticks():
            assert float(text) == pytest.approx(value, rel=1e-12)
            assert 0.0 <= float(axis.share(value)) + 1e-9 <= 1.0 + 2e-9


@pytest.mark.parametrize("values", [[], [np.nan], [np.inf, np.nan], [0.0], [3.0, 3.0], [-1e308, 1e308], [5e-324, 1.0]])
@pytest.mark.parametrize("is_log", [False, True])
def test_an_axis_is_made_of_any_values(values, is_log):
    axis = Axis.of("x", values, is_log=is_log)
    assert axis.low < axis.high
    assert axis.low > 0 or not is_log
    picture = Plot(axis, axis)
    picture.dots(values, values, "row")
    picture.line(values, values, "model")
    assert "nan" not in picture.svg("nothing")


def test_marks_stand_where_their_values_say():
    picture = Plot(Axis("a <b>", 0.0, 1.0), Axis("y", 1e-4, 1.0, is_log=True))
    picture.dots([0.0, 1.0, 0.5], [1e-4, 1.0, 0.0], "row")
    picture.line([0.0, np.nan, 1.0], [1.0, 1.0, 1.0], "model")
    root = ElementTree.fromstring(picture.svg("title & more"))
    [dots] = [one.get("d") for one in root.iter("path") if "dots" in one.get("class")]
    (x0, y0), (x1, y1) = (tuple(map(float, pair)) for pair in re.findall(r"M([\d.]+),([\d.]+)h0", dots))
    assert 0 < x0 < x1 < WIDTH
    assert 0 < y1 < y0 < HEIGHT
    [line] = [one.get("d") for one in root.iter("path") if "line" in one.get("class")]
    assert line.count("M") == 2  # a value that is not known breaks it
    assert "a <b>" in [text.text for text in root.iter("text")]


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (250.0, 1500.0, ["500", "1000", "1500"]),
        (-0.02, 0.1, ["0.00", "0.05", "0.10"]),
        (1e5, 5e5, ["1e+05", "2e+05", "3e+05", "4e+05", "5e+05"]),
        (0.0, 5e-6, ["0", "1e-06", "2e-06", "3e-06", "4e-06", "5e-06"]),
    ],
)
def test_numbers_of_a_usual_size_are_written_in_full(low, high, texts):
    assert [text for _, text in Axis("x", low, high).ticks()] == texts
