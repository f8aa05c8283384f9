"""A model as a picture: along its inputs, over two of them, with rows beside."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, as_matrix
from ..figures import slices as pictures
from ..figures.slices import Line, Map, Points
from ..slices import LARGE_FACTOR, MOST_SLICES, SMALL_PART
from .evaluation import Evaluated

# Points of a curve, and of each side of a map.
ALONG, ACROSS = 400, 101
# Rows are drawn that lie within this part of the box from a slice, in each of the columns that it holds.
BESIDE = 0.15
# Digits of what is held.
DIGITS = 4
# A point is drawn as one that has no row near if it has none within this many times the reach of `inside`, which some
# 1 % of all points in the box are beyond by chance.
FARTHER = 1.5


@dataclass(frozen=True)
class View:
    """What is seen of a model: an `output` over the box from `low` to `high` (d,), other inputs held where `through`
    (d,) is; `rows` X and y to be drawn beside it, and the `names` of the inputs."""

    output: int
    low: Array
    high: Array
    through: Array
    rows: tuple[Array, Array] | None
    names: list[str]


class Pictured(Evaluated):
    """What draws a model."""

    def plot(
        self,
        *columns: int | str,
        at: Mapping[int | str, Any] | None = None,
        rows: tuple[ArrayLike, ArrayLike] | None = None,
        output: int | str = 0,
        axes: Any = None,
    ) -> Any:
        """Draws the model with matplotlib (`pip install "pml_native[plot]"`); returns the axes.

        columns : one input, by name or number, for a curve, or two for a map. Without any, a curve for a model of one
            input, a map for one of two, and else a curve along each input, those along which y changes most.
        at : the values of other inputs, by name or number. Others are held where a row near the middle of the box is,
            as in the page of the report, or in the middle.
        rows : (X, y), to be drawn beside it: those that lie near what is held, the fainter the farther. Without it, the
            rows held out that the report has. Beside a curve each is moved along the model to what is held, so that it
            is as far from the curve as it is from the model.
        output : the one that is drawn, by name or number.
        axes : those of matplotlib to draw into, of one curve or map; None makes a new figure.

        Curves are dashed, and maps pale, where no row is near; where the error to expect is wide enough to be seen, it
        is a band around the curve. Raises ValueError for columns that are none, and for a model that knows no box;
        ImportError without matplotlib.
        """
        low, high = self.known_box()
        signature = self.signature
        names = signature.input_names or tuple(f"x{j}" for j in range(signature.n_inputs))
        labels = self._labels_of_inputs(names)
        k = self._numbered([output], signature.output_names, signature.n_outputs, "output")[0]
        shown = self._numbered(columns, signature.input_names, signature.n_inputs, "columns")
        if len(shown) > 2 or len(set(shown)) < len(shown):
            raise ValueError(f"columns: expected up to 2 inputs that differ, got {columns}")
        given = self._held(at)
        through = self._middle(low, high)
        for j, value in given.items():
            through[j] = value
        varying = [j for j in np.flatnonzero(low < high).tolist() if j not in given]
        if not shown:
            shown = varying if len(varying) <= 2 else []
        view = View(k, low, high, through, self._rows(rows, k), labels)
        y_name = self._name_of_output(k)
        if len(shown) == 2:
            if axes is None:
                _, [axes] = pictures.pictured(1, is_map=True)
            one = self._map(shown, view)
            pictures.draw_map(axes, one, y_name)
            drawn: list[Any] = [axes]
        else:
            lines = [self._line(j, view) for j in (shown or varying)]
            if not lines:
                raise ValueError("plot: expected an input that varies in the box, got none")
            lines = sorted(lines, key=lambda line: -_range(line.y))[:MOST_SLICES]
            lines.sort(key=lambda line: labels.index(line.name))
            if axes is None:
                _, drawn = pictures.pictured(len(lines), is_map=False)
            elif len(lines) == 1:
                drawn = [axes]
            else:
                raise ValueError(f"axes: expected columns to draw into them, got none for {len(lines)} inputs")
            for place, (line, one_axes) in enumerate(zip(lines, drawn, strict=True)):
                pictures.draw_line(one_axes, line, y_name if place % pictures.COLUMNS == 0 else None)
            if len(lines) > 1:
                _alike(drawn, lines)
        held = [j for j in range(len(names)) if j not in (shown or []) and (len(shown) or j in given)]
        where = ", ".join(f"{names[j]} = {through[j]:.{DIGITS}g}" for j in held[:MOST_SLICES])
        if not shown and len(varying) > 1:
            where = "along each input through " + ", ".join(
                f"{names[j]} = {through[j]:.{DIGITS}g}" for j in range(len(names))[:MOST_SLICES]
            )
        what = "" if self.report is None else f"error to expect: {self.report.error:.1e} of the RMS of y"
        if self.report is not None and self.report.error_kind == "relative":
            what = f"error to expect: {self.report.error:.1e} of each y"
        pictures.title(drawn, what, where)
        return drawn[0] if len(drawn) == 1 else np.array(drawn, dtype=object)

    def _line(self, j: int, view: View) -> Line:
        """The output along the input j."""
        low, high, through, rows = view.low, view.high, view.through, view.rows
        is_log = bool(0.0 < low[j] < high[j] / LARGE_FACTOR)
        if is_log and rows is not None and len(rows[0]):
            is_log = bool(np.median(rows[0][:, j]) < SMALL_PART * high[j])
        places = np.geomspace(low[j], high[j], ALONG) if is_log else np.linspace(low[j], high[j], ALONG)
        X = np.tile(through, (ALONG, 1))
        X[:, j] = np.clip(places, low[j], high[j])
        y = self._drawn(X, view.output)
        error = None
        if self.estimate is not None:
            with np.errstate(all="ignore"):
                unit = np.abs(y) if self.estimate.is_relative else self.estimate.unit[view.output]
                error = self.estimate.at(self, X) * unit
        points = _beside(view, [j])
        if rows is not None and points is not None:
            on_line = np.tile(through, (len(points.x), 1))
            on_line[:, j] = points.x
            beside = np.ascontiguousarray(rows[0][points.rows])
            points = replace(
                points, y=points.y + (self._drawn(on_line, view.output) - self._drawn(beside, view.output))
            )
        return Line(view.names[j], X[:, j], y, error, self._is_near(X), points, is_log)

    def _map(self, shown: Sequence[int], view: View) -> Map:
        """The output over two inputs."""
        low, high = view.low, view.high
        i, j = shown
        x0, x1 = np.linspace(low[i], high[i], ACROSS), np.linspace(low[j], high[j], ACROSS)
        X = np.tile(view.through, (ACROSS * ACROSS, 1))
        X[:, i], X[:, j] = (part.ravel() for part in np.meshgrid(x0, x1, indexing="ij"))
        y = self._drawn(X, view.output).reshape(ACROSS, ACROSS)
        is_near = self._is_near(X)
        near = None if is_near is None else is_near.reshape(ACROSS, ACROSS)
        return Map((view.names[i], view.names[j]), x0, x1, y, near, _beside(view, [i, j]))

    def _is_near(self, X: Array) -> NDArray[np.bool_] | None:
        """Which points have rows near, None where that is not known."""
        return None if self.near is None else replace(self.near, reach=FARTHER * self.near.reach).contains(X)

    def _drawn(self, X: Array, k: int) -> Array:
        """The output k (n,) at points of the box."""
        with np.errstate(all="ignore"):
            values: Array = self.evaluate(X)[:, k]
        return values

    def _middle(self, low: Array, high: Array) -> Array:
        """Where inputs are held: a row near the middle of the box, if the report has one, or the middle."""
        has_row = self.report is not None and len(self.report.slices_through) == len(low)
        middle: Array = 0.5 * low + 0.5 * high
        if has_row and self.report is not None:
            middle = np.clip(np.array(self.report.slices_through), low, high)
        return middle

    def _held(self, at: Mapping[int | str, Any] | None) -> dict[int, float]:
        """Values by the numbers of their inputs, as the model takes them."""
        signature, held = self.signature, {}
        for column, value in (at or {}).items():
            [j] = self._numbered([column], signature.input_names, signature.n_inputs, "at")
            encoding = None if self.encodings is None else self.encodings.inputs[j]
            name = repr(column if signature.input_names is None else signature.input_names[j])
            if j in held:
                raise ValueError(f"{name}: expected one value to hold it at, got two")
            try:
                held[j] = float(value) if encoding is None else float(encoding.encode([value], name)[0])
            except (TypeError, ValueError) as error:
                if encoding is not None:
                    raise
                raise ValueError(f"{name}: expected a number to hold it at, got {value!r}") from error
            if not math.isfinite(held[j]):
                raise ValueError(f"{name}: expected a finite number to hold it at, got {value!r}")
        return held

    def _rows(self, rows: tuple[ArrayLike, ArrayLike] | None, k: int) -> tuple[Array, Array] | None:
        """Rows to be drawn: X (n, d) and the output k (n,)."""
        if rows is not None:
            X, y = self.as_inputs(rows[0]), as_matrix(rows[1], "y", n_columns=self.signature.n_outputs)
            if len(X) != len(y):
                raise ValueError(f"rows: expected as many y as X, {len(X)}, got {len(y)}")
            return X, y[:, k]
        if self.report is None or not self.report.residuals or k or self.estimate is None:
            return None
        kept = np.array(self.report.residuals)
        return np.ascontiguousarray(kept[:, :-2]), kept[:, -2] * self.estimate.unit[0]

    @staticmethod
    def _numbered(columns: Sequence[int | str], names: tuple[str, ...] | None, n: int, what: str) -> list[int]:
        """Columns by their numbers; ValueError for what is none."""
        numbers = []
        for column in columns:
            j = names.index(column) if names is not None and isinstance(column, str) and column in names else column
            if isinstance(j, bool) or not isinstance(j, (int, np.integer)) or not 0 <= j < n:
                raise ValueError(f"{what}: expected one by name or number below {n}, got {column!r}")
            numbers.append(int(j))
        return numbers

    def _labels_of_inputs(self, names: Sequence[str]) -> list[str]:
        """Names of inputs, with what their numbers are where they were dates or the like."""
        encodings = [None] * len(names) if self.encodings is None else self.encodings.inputs
        return [name if one is None else f"{name} ({one})" for name, one in zip(names, encodings, strict=True)]

    def _name_of_output(self, k: int) -> str:
        names = self.signature.output_names
        if names is not None:
            return names[k]
        return "y" if self.signature.n_outputs == 1 else f"y{k}"


def _range(y: Array) -> float:
    known = y[np.isfinite(y)]
    return float(np.ptp(known)) if len(known) else 0.0


def _alike(drawn: Sequence[Any], lines: Sequence[Line]) -> None:
    """One range of y for all curves, so that they can be compared."""
    ends = [axes.get_ylim() for axes in drawn]
    drawn[0].set_ylim(min(low for low, _ in ends), max(high for _, high in ends))


def _beside(view: View, shown: Sequence[int]) -> Points | None:
    """Of the rows those near what is held, with their distance, 0 to 1: the largest of all columns."""
    low, high, through = view.low, view.high, view.through
    if view.rows is None:
        return None
    X, y = view.rows
    others = [j for j in range(X.shape[1]) if j not in shown and high[j] > low[j]]
    away = np.zeros(len(X))
    if others:
        away = np.max(np.abs(X[:, others] - through[others]) / (high - low)[others], axis=1) / BESIDE
    near: NDArray[np.intp] = np.flatnonzero(away <= 1.0)
    x = X[near][:, shown[0]] if len(shown) == 1 else X[near][:, list(shown)]
    return Points(x, y[near], away[near], near)
