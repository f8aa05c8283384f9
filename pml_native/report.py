"""What a fit tried, how exact the result is, what limits it, and what would help."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .arrays import Array
from .figures import fit_page
from .files import replacing

# Its square is still finite. An error this large is no worse than an infinite one.
MAX_ERROR = 1e150
# Candidates that the printed table has, and outputs of which it has the errors.
SHOWN, SHOWN_OUTPUTS = 12, 8


def counted(number: int, noun: str) -> str:
    """A number of things in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def two_digits(number: float) -> int:
    """A number rounded to two digits: an estimate has no more."""
    return int(float(f"{number:.2g}"))


@dataclass(frozen=True)
class Errors:
    """Relative errors of a model on some samples: all divided by the RMS of y, output by output.

    `rmse` is the root mean square, `p95` the 95th percentile and `max` the maximum of the absolute error. `relative`
    are the median, the 95th percentile and the maximum of errors relative to each value, None where these have no sign
    that they keep.
    """

    rmse: float
    p95: float
    max: float
    relative: tuple[float, float, float] | None = None

    @classmethod
    def of(
        cls, prediction: Array, y: Array, sample_weight: Array | None = None, *, is_relative: bool = False
    ) -> Errors:
        """Errors of `prediction` (n, m) against `y` (n, m); infinite where a prediction is not finite.

        An output that is 0 everywhere keeps its absolute error. `sample_weight` (n,) weighs the squares of the RMSE.
        Where it has a factor 1 / y^2, `is_relative`, all errors are those of each value relative to it.
        """
        largest = np.max(np.abs(y), axis=0)
        exponent = np.frexp(largest)[1]
        scaled = np.ldexp(y, -exponent)
        mean_square = np.average(scaled**2, axis=0, weights=sample_weight)
        rms = np.sqrt(np.where(mean_square > 0, mean_square, 1.0))
        with np.errstate(all="ignore"):
            error = np.abs(np.ldexp(prediction, -exponent) - scaled) / rms
            has_relative = is_relative or bool(np.all((y > 0).all(axis=0) | (y < 0).all(axis=0)))
            relative = np.abs(prediction - y) / np.abs(y) if has_relative else error
        if not np.all(error < MAX_ERROR):
            return cls(math.inf, math.inf, math.inf, (math.inf,) * 3 if has_relative else None)
        rmse = float(np.sqrt(np.mean(np.average(error**2, axis=0, weights=sample_weight))))
        p95, largest_error = _p95_and_max(error)
        if not has_relative:
            return cls(rmse, p95, largest_error)
        p95_relative, max_relative = _p95_and_max(relative)
        pointwise = float(np.median(relative)), p95_relative, max_relative
        return cls(rmse, *(pointwise[1:] if is_relative else (p95, largest_error)), pointwise)


def _p95_and_max(error: Array) -> tuple[float, float]:
    return float(np.percentile(error, 95)), float(np.max(error))


@dataclass(frozen=True)
class Candidate:
    """One model that a fit tried, with its relative errors on the validation rows."""

    family: str
    description: str
    n_params: int
    train_rmse: float
    validation_rmse: float
    validation_p95: float
    validation_max: float
    seconds: float
    status: str


@dataclass(frozen=True)
class OutputErrors:
    """The errors of one output on held-out rows, relative to its RMS."""

    name: str
    rmse: float
    p95: float
    max: float

    @classmethod
    def of_each(
        cls, prediction: Array, y: Array, names: Sequence[str] | None, sample_weight: Array | None = None
    ) -> tuple[OutputErrors, ...]:
        """Of `prediction` (n, m) against `y` (n, m), of outputs called `names`, y0, y1, ... if None."""
        found = []
        for j in range(y.shape[1]):
            errors = Errors.of(prediction[:, j : j + 1], y[:, j : j + 1], sample_weight)
            found.append(cls(f"y{j}" if names is None else names[j], errors.rmse, errors.p95, errors.max))
        return tuple(found)


@dataclass(frozen=True)
class Join:
    """Where two pieces of a model meet along the input `name`: at `place`, between `low` and `high`.

    `order` is that of the first derivative of y that jumps there, 0 for y itself, None where the place was given, and
    -2 where y has a power of the distance from it, as at a cusp. Of a
    jump of y, no row tells where between `low` and `high` it is; other places are known to lie between these. `jump` is
    that of the model, over the RMS of y.
    """

    name: str
    place: float
    low: float
    high: float
    order: int | None
    jump: float

    def __str__(self) -> str:
        if self.order is None:
            return f"{self.name} = {self.place:.8g}, as given: y jumps by {self.jump:.1e} there"
        if self.order == 0:
            between = f"{self.name} = {self.low:.8g} and {self.high:.8g}"
            return f"y jumps by {self.jump:.2g} between {between}: where in between, no row tells"
        what = {
            -2: "y has a power of the distance, as at a cusp,",
            1: "y has a kink",
            2: "the 2nd derivative of y jumps",
            3: "the 3rd derivative of y jumps",
        }
        said = what.get(self.order, f"the {self.order}th derivative of y jumps")
        known = max(self.high - self.place, self.place - self.low, 2.3e-16 * abs(self.place))
        return f"{said} at {self.name} = {self.place:.15g}, known to {known:.0e}"


@dataclass(frozen=True)
class PieceErrors:
    """A piece of a model, low <= `name` < high: its family and parameters, and its RMSE at the rows that lie in it."""

    name: str
    low: float
    high: float
    family: str
    n_params: int
    n_rows: int
    rmse: float

    def __str__(self) -> str:
        return (
            f"{self.low:.6g} <= {self.name} < {self.high:.6g}: {self.family}, {counted(self.n_params, 'parameter')}, "
            f"RMSE {self.rmse:.1e} at {counted(self.n_rows, 'row')}"
        )


@dataclass(frozen=True)
class ErrorTerms:
    """What the RMSE between the rows is made of: RMSEs whose squares add up to its square, relative as it is.

    `rounding` is what evaluating the model in float64 costs, `at_rows` what the family and its training leave at the
    rows trained on beyond that, and `between_rows` what comes on top at rows held out: what too few rows leave open.
    """

    rounding: float
    at_rows: float
    between_rows: float

    @classmethod
    def of(cls, rounding: float, train_rmse: float, validation_rmse: float) -> ErrorTerms:
        """From the RMSE of rounding, at the rows trained on, and at those held out."""
        rounding = min(rounding, validation_rmse)
        train = min(max(train_rmse, rounding), validation_rmse)

        def beyond(total: float, part: float) -> float:
            return math.inf if math.isinf(total) else math.sqrt((total - part) * (total + part))

        return cls(rounding, beyond(train, rounding), beyond(validation_rmse, train))

    @property
    def largest(self) -> str:
        """The name of the largest term, in words."""
        terms = asdict(self)
        return max(terms, key=lambda name: terms[name]).replace("_", " ")


@dataclass(frozen=True)
class FitReport:
    """The record of a fit. Errors are relative: divided by the RMS of y, or each by its own y.

    `error_kind` says which: "absolute" for errors that all count alike, over the RMS of y, or "relative" for those of
    each value relative to it. `relative_median`, `relative_p95` and `relative_max` are the latter in any case, at the
    rows held out; None where y is 0 somewhere or changes its sign.

    `method` is what was asked for and `family` what was chosen; `status` says in a sentence what ended the fit, `path`
    what was done and why, `warnings` what about the data limits any model, `advice` what would help most. `error` is
    the relative RMSE to expect over the whole box of X (fitting/expected.py), the true one being in `error_range`, but
    for one time in thirty or so; where nothing tells of the error away from the rows, it is that at the rows, without
    an upper end; it `is_guess` where rows lie on a curve or a surface, beside which no row tells. `without_value` is
    the share of the box where the model gives NaN. `box_rmse` is
    about the RMSE over the whole box of X, corners without rows too, or less: how far the model is there from the next
    one made in another way (fitting/agreement.py), None where none comes near. `floor` is
    the RMSE that rounding brings, of y and of the model's own evaluation, and `terms` what the error is made of. `box`
    has the least and the largest value of each column of X: beyond them the model extrapolates. `history` has seconds,
    the larger of the RMSEs at rows held out and trained on, and the family, each time a better model was found;
    `residuals` some of the held-out rows: inputs, then y over its RMS and its error, of the first output;
    `expected_at` some points of the box: inputs, the error to expect there, and 1 where rows are near, else 0; these
    are given to 4 digits. `effort` is the work that the fit has done, in units of that of `fit(..., effort=1)`;
    None for `approximate`.
    """

    method: str
    family: str
    description: str
    error: float
    error_range: tuple[float, float]
    train_rmse: float
    validation_rmse: float
    validation_p95: float
    validation_max: float
    box_rmse: float | None
    without_value: float
    is_guess: bool
    status: str
    effort: float | None
    seconds: float
    n_params: int
    n_train: int
    n_validation: int
    n_inputs: int
    n_outputs: int
    candidates: tuple[Candidate, ...]
    warnings: tuple[str, ...]
    seed: int | None
    versions: dict[str, str]
    floor: float
    terms: ErrorTerms
    path: tuple[str, ...]
    advice: tuple[str, ...]
    box: tuple[tuple[float, float], ...]
    input_names: tuple[str, ...]
    history: tuple[tuple[float, float, str], ...]
    residuals: tuple[tuple[float, ...], ...]
    expected_at: tuple[tuple[float, ...], ...]
    output_errors: tuple[OutputErrors, ...] = ()  # on the rows held out, of each of several outputs
    evaluations: int | None = None  # points at which `approximate` has called the function
    error_kind: str = "absolute"
    relative_median: float | None = None
    relative_p95: float | None = None
    relative_max: float | None = None
    joins: tuple[Join, ...] = ()  # of a model in pieces, where these meet, and their errors
    pieces: tuple[PieceErrors, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, as JSON has them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FitReport:
        """The report that gave `to_dict()`."""
        fields = dict(values)
        fields["candidates"] = tuple(Candidate(**candidate) for candidate in fields["candidates"])
        fields["terms"] = ErrorTerms(**fields["terms"])
        fields["output_errors"] = tuple(OutputErrors(**errors) for errors in fields.get("output_errors", ()))
        fields["joins"] = tuple(Join(**join) for join in fields.get("joins", ()))
        fields["pieces"] = tuple(PieceErrors(**piece) for piece in fields.get("pieces", ()))
        fields.setdefault("error", fields["validation_rmse"])  # reports of earlier versions know no more
        fields.setdefault("error_range", (0.0, math.inf))
        fields.setdefault("without_value", 0.0)
        fields.setdefault("is_guess", False)
        fields.setdefault("expected_at", ())
        for name in ("warnings", "path", "advice", "input_names", "error_range"):
            fields[name] = tuple(fields[name])
        for name in ("box", "history", "residuals", "expected_at"):
            fields[name] = tuple(map(tuple, fields[name]))
        return cls(**fields)

    def to_json(self) -> str:
        """The report as a JSON text."""
        return json.dumps(self.to_dict(), indent=1)

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as one HTML page that needs no other file.

        path : a file that gets it as well. Pictures of residuals and progress are in it where matplotlib is installed,
        `pip install "pml_native[plot]"`.
        """
        page = fit_page.render(self.to_dict())
        if path is not None:
            with replacing(Path(path)) as file:
                file.write(page.encode())
        return page

    @property
    def is_checked(self) -> bool:
        """Whether anything tells of the error away from the rows."""
        return math.isfinite(self.error_range[1])

    @property
    def _headline(self) -> str:
        if not self.is_checked:
            return f"expected error: {self.error:.1e} where rows are; away from the rows: not checked"
        low, high = self.error_range
        guessed = "; a guess, as rows lie on a curve or a surface" if self.is_guess else ""
        kind = "RMS of errors relative to each y" if self.error_kind == "relative" else "relative RMSE"
        return f"expected error over the box: {self.error:.1e} ({kind}, from {low:.0e} to {high:.0e}{guessed})"

    @property
    def _relative_line(self) -> str | None:
        """Errors of each value relative to it, in words."""
        if self.relative_median is None:
            return None
        return (
            f"  relative to each y: median {self.relative_median:.1e}, 95th percentile {self.relative_p95:.1e}, "
            f"maximum {self.relative_max:.1e}"
        )

    def __str__(self) -> str:
        from rich.console import Console
        from rich.padding import Padding
        from rich.table import Table
        from rich.text import Text

        out = io.StringIO()
        console = Console(file=out, width=110, color_system=None)
        table = Table("tried", "parameters", "train RMSE", "valid. RMSE", "95 %", "max", "s", "ended by", box=None)
        for column in table.columns[1:7]:
            column.justify = "right"
        for c in sorted(self.candidates, key=lambda candidate: candidate.validation_rmse)[:SHOWN]:
            table.add_row(
                c.description,
                str(c.n_params),
                *(f"{e:.1e}" for e in (c.train_rmse, c.validation_rmse, c.validation_p95, c.validation_max)),
                f"{c.seconds:.1f}",
                c.status,
            )
        console.print(
            f"{self.family}: {self.description}, {counted(self.n_params, 'parameter')}, "
            f"{counted(self.n_inputs, 'input')} -> {counted(self.n_outputs, 'output')}, {self.seconds:.1f} s"
        )
        console.print(self._headline)
        kind = "errors relative to each y" if self.error_kind == "relative" else "relative errors"
        console.print(f"{kind} on {self.n_validation} held-out rows (of {self.n_train + self.n_validation}):")
        console.print(
            f"  RMSE {self.validation_rmse:.2e}   95th percentile {self.validation_p95:.2e}   "
            f"maximum {self.validation_max:.2e}   (training RMSE {self.train_rmse:.2e})"
        )
        if self._relative_line is not None:
            console.print(self._relative_line)
        console.print(
            f"  made of: rounding {self.terms.rounding:.1e}, at the rows {self.terms.at_rows:.1e}, "
            f"between the rows {self.terms.between_rows:.1e}   (floor {self.floor:.1e})"
        )
        for one in sorted(self.output_errors, key=lambda one: -one.rmse)[:SHOWN_OUTPUTS]:
            errors = f"RMSE {one.rmse:.2e}   95th percentile {one.p95:.2e}   maximum {one.max:.2e}"
            console.print(f"  of {one.name}: {errors}", markup=False, highlight=False)
        for title, lines in (("break", self.joins), ("piece", self.pieces)):
            for line in lines[:SHOWN]:
                console.print(f"  {title}: {line}", markup=False, highlight=False)
            if len(lines) > SHOWN:
                console.print(f"  and {len(lines) - SHOWN} more, which to_json has")
        if len(self.output_errors) > SHOWN_OUTPUTS:
            console.print(f"  and {len(self.output_errors) - SHOWN_OUTPUTS} outputs of smaller errors")
        if self.box_rmse is not None:
            console.print(
                f"  over the whole box, also without rows: within {self.box_rmse:.1e} of the next model made otherwise"
            )
        console.print(f"stopped: {self.status}")
        for title, sentences in (("would help", self.advice), ("warning", self.warnings)):
            for sentence in sentences:
                console.print(f"{title}: {sentence}", markup=False, highlight=False)
        console.print("what was done:")
        for sentence in self.path:
            console.print(Padding(Text(sentence), (0, 0, 0, 2)))
        console.print(table)
        if len(self.candidates) > SHOWN:
            console.print(f"and {len(self.candidates) - SHOWN} with larger errors, which to_json and to_html have")
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
