"""What a fit tried, how exact the result is, what limits it, and what would help."""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np

from .arrays import Array
from .figures import fit_page, notebook
from .files import replacing
from .slices import Slice

# Its square is still finite. An error this large is no worse than an infinite one.
MAX_ERROR = 1e150
# Candidates that the printed table has, and outputs of which it has the errors.
SHOWN, SHOWN_OUTPUTS = 12, 8
# Parts of a model that the printed sentence names.
SHOWN_PARTS = 8


def counted(number: int, noun: str) -> str:
    """A number of things in words."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _finite(value: Any) -> Any:
    """The same values, with None for numbers that are not finite."""
    if isinstance(value, dict):
        return {key: _finite(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


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

        An output that is 0 everywhere keeps its absolute error. `sample_weight`, (n,) or (n, m), weighs the squares of
        the RMSE.
        Where it has a factor 1 / y^2, `is_relative`, all errors are those of each value relative to it.
        """
        error = _over_rms(prediction, y, sample_weight)
        with np.errstate(all="ignore"):
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


def _over_rms(prediction: Array, y: Array, sample_weight: Array | None) -> Array:
    """|prediction - y| over the RMS of each output, (n, m)."""
    exponent = np.frexp(np.max(np.abs(y), axis=0))[1]
    scaled = np.ldexp(y, -exponent)
    mean_square = np.average(scaled**2, axis=0, weights=sample_weight)
    rms = np.sqrt(np.where(mean_square > 0, mean_square, 1.0))
    with np.errstate(all="ignore"):
        error: Array = np.abs(np.ldexp(prediction, -exponent) - scaled) / rms
    return error


def rmse_of(blocks: Iterable[tuple[Array, Array, Array | None]], largest: Array) -> float:
    """`Errors.rmse` of rows that come in blocks, each of predictions (k, m), y (k, m) and their weights, or None.

    largest : (m,), about the largest |y| of each output, which keeps squares in the range of float64.
    """
    exponent = np.frexp(largest)[1]
    missed, size, total = np.zeros(len(largest)), np.zeros(len(largest)), np.zeros(len(largest))
    with np.errstate(all="ignore"):
        for prediction, y, weight in blocks:
            own = 1.0 if weight is None else weight.reshape(len(y), -1)
            scaled = np.ldexp(y, -exponent)
            missed += np.sum(own * (np.ldexp(prediction, -exponent) - scaled) ** 2, axis=0)
            size += np.sum(own * scaled**2, axis=0)
            total += len(y) if weight is None else np.sum(own, axis=0)
        rmse = float(np.sqrt(np.mean(missed / np.where(size > 0.0, size, np.ldexp(total, -2 * exponent)))))
    return rmse if rmse < MAX_ERROR else math.inf


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
    """The errors of one output on held-out rows, relative to its RMS, or each to its value."""

    name: str
    rmse: float
    p95: float
    max: float

    @classmethod
    def of_each(
        cls, prediction: Array, y: Array, names: Sequence[str] | None, sample_weight: Array | None, is_relative: bool
    ) -> tuple[OutputErrors, ...]:
        """Of `prediction` (n, m) against `y` (n, m), of outputs called `names`, y0, y1, ... if None.

        `sample_weight` is (n,), or (n, m) with the factors that errors which are relative bring.
        """
        error = _over_rms(prediction, y, sample_weight)
        is_known = np.all(error < MAX_ERROR, axis=0)
        error = np.where(is_known, error, 0.0)
        rmse = np.sqrt(np.average(error**2, axis=0, weights=sample_weight))
        if is_relative:
            error = np.where(is_known, np.abs(prediction - y) / np.abs(y), 0.0)
        each = np.where(is_known, [rmse, np.percentile(error, 95, axis=0), np.max(error, axis=0)], math.inf)
        called = names or [f"y{j}" for j in range(y.shape[1])]
        return tuple(cls(name, *errors) for name, errors in zip(called, each.T.tolist(), strict=True))


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
class Update:
    """Rows that a model has met since its fit: `n_rows`, and RMSEs, relative as those of the report.

    `before` is that of the model that had not seen them, `after` of models like the new one that have not either, each
    at those left out of it, and `at_rows` of the new one itself. `at_old_rows` is that of the new one at rows before,
    measured there if it `is_measured`, else the most that it can be. `suffices` says whether errors are still what the
    report said before; `n_beyond` of the rows are outside of the box that there was.
    """

    n_rows: int
    n_beyond: int
    before: float
    after: float
    at_rows: float
    at_old_rows: float
    is_measured: bool
    suffices: bool

    def __str__(self) -> str:
        beyond = f", {self.n_beyond:,} outside of the box" if self.n_beyond else ""
        old = f"{'' if self.is_measured else 'at most '}{self.at_old_rows:.1e} at the rows before"
        enough = "" if self.suffices else ": its form no longer suffices"
        return (
            f"{counted(self.n_rows, 'new row')}{beyond}, RMSE {self.before:.1e} before it saw them, {self.after:.1e} "
            f"for models without them now; {old}{enough}"
        )


@dataclass(frozen=True)
class AllRows:
    """Errors at all `n_rows` rows of a table in chunks, relative as those of the report.

    The model was found in `n_sample` of them. `worst_row` is the number, from 0, of the row of the largest error, at
    the inputs `worst`; the percentile is that of 50,000 rows. Reading took `seconds_reading`, and measuring `seconds`.
    Of a pass that was interrupted it is the first `n_measured` rows.
    """

    n_rows: int
    n_measured: int
    n_sample: int
    rmse: float
    p95: float
    max: float
    worst_row: int
    worst: tuple[float, ...]
    seconds_reading: float
    seconds: float

    def __str__(self) -> str:
        of = "" if self.n_measured == self.n_rows else f" of {self.n_rows:,}"
        return (
            f"at {self.n_measured:,}{of} rows, {self.n_sample:,} of which the model was found in: RMSE {self.rmse:.2e}"
            f"   95th percentile {self.p95:.2e}   maximum {self.max:.2e} (row {self.worst_row})"
        )


@dataclass(frozen=True)
class Compression:
    """What `model.compress` has made of a model of the `family` with `n_before` parameters.

    `error` is the RMSE between the two, relative to the model before, and `largest` the largest error, at `n_points`:
    those of a rule of Gauss, by which `error` is that over the whole box if it `is_exact`, else points drawn in the
    box, or, if they were `given`, those of the caller.
    """

    family: str
    n_before: int
    n_after: int
    tolerance: float
    error: float
    largest: float
    n_points: int
    is_exact: bool
    given: bool

    def __str__(self) -> str:
        if self.n_after == self.n_before:
            return f"not compressed: nothing smaller was found to be within {self.tolerance:.1e}"
        where = "over the box, exactly" if self.is_exact else f"at {self.n_points:,} points of the box"
        where = f"at the {counted(self.n_points, 'row')} given" if self.given else where
        return (
            f"compressed from {counted(self.n_before, 'parameter')} ({self.family}) to {self.n_after:,}: RMSE "
            f"{self.error:.1e} between the two {where}, at most {self.largest:.1e} there ({self.tolerance:.1e} asked)"
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
class Part:
    """One node of the graph that a model is made of: what it is computed from, inputs or parts before it, and how."""

    name: str
    inputs: tuple[str, ...]
    formula: str


@dataclass(frozen=True)
class Formula:
    """What y is, as text, with its relative RMSE on held-out rows and the number of its terms. `is_model` says whether
    it is as exact as the model, or a simpler one."""

    text: str
    error: float
    n_terms: int
    is_model: bool


class Formulas(Sequence[Formula]):
    """Formulas for y, that of the model first, looked for when they are first asked for: that may take half a second.

    Empty where there are none, and without SymPy; `missing` then says what to install.
    """

    def __init__(self, make: Callable[[], Sequence[Formula]] = tuple) -> None:
        self._make = make

    @cached_property
    def _found(self) -> tuple[tuple[Formula, ...], str]:
        try:
            return tuple(self._make()), ""
        except ImportError as error:
            return (), str(error)

    @property
    def missing(self) -> str:
        return self._found[1]

    @overload
    def __getitem__(self, index: int) -> Formula: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Formula]: ...

    def __getitem__(self, index: int | slice) -> Formula | Sequence[Formula]:
        return self._found[0][index]

    def __len__(self) -> int:
        return len(self._found[0])

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(self._found[0])

    def __repr__(self) -> str:
        return repr(self._found[0])

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy that nobody has asked for formulas looks for them itself, if it is asked.
        return Formulas, (_Given(self._found[0]) if "_found" in self.__dict__ else self._make,)


@dataclass(frozen=True)
class _Given:
    """Makes what is known already."""

    found: tuple[Formula, ...]

    def __call__(self) -> tuple[Formula, ...]:
        return self.found


@dataclass(frozen=True)
class FitReport:
    """The record of a fit. Errors are relative: divided by the RMS of y, or each by its own y.

    `error_kind` says which: "absolute" for errors that all count alike, over the RMS of y, or "relative" for those of
    each value relative to it. `relative_median`, `relative_p95` and `relative_max` are the latter in any case, at the
    rows held out; None where y is 0 somewhere or changes its sign.

    `method` is what was asked for and `family` what was chosen; `status` says in a sentence what ended the fit, `path`
    what was done and why, `warnings` what about the data limits any model, `advice` what would help most. `error` is
    the relative RMSE to expect over the whole box of X (fitting/expected.py); the true one is above `error_range` one
    time in thirty or so, and below it one in fifteen. Where nothing tells of the error away from the rows, it is that
    at the rows, and the range has no upper end, nor where y has poles; it `is_guess` where rows lie on a curve or a
    surface, beside which no row tells. `without_value` is the share of the box where the model gives NaN.
    `box_rmse` is about the RMSE over the whole box of X, corners without rows too, or less: how far the model is
    there from the next one made in another way (fitting/agreement.py), None where none comes near. `floor` is the
    RMSE that rounding brings, of y and of the model's own evaluation, and `terms` what the error is made of. `box`
    has the least and the largest value of each column of X: beyond them the model extrapolates. `history` has
    seconds, the larger of the RMSEs at rows held out and trained on, and the family, each time a better model was
    found; `residuals` some of the held-out rows: inputs, then y over its RMS and its error, of the first output;
    `expected_at` some points of the box: inputs, the error to expect there, and 1 where rows are near, else 0;
    these are given to 4 digits. `outliers` are the numbers, from 0, of the rows whose y is far from what all others
    say: those that `fit` was asked to leave out, and those that `advice` names. `formulas` say what y is, where the
    model is a formula that is found quickly, and simpler ones with their errors; they are looked for when they are
    first asked for. `parts` are what the model is made of, the last ones its outputs, and `largest_arity` is the
    most inputs that one of them has, the paper's d*; `model.graph()` is the same as a graph. `effort` is the work
    that the fit has done, in units of that of `fit(..., effort=1)` of as many outputs; None for `approximate`. `slices`
    are values of the model along single inputs, of the first output over its RMS, through a row near the middle of the
    box, `slices_through`. `gradient_rmse` and `gradient_max` are the errors of the model's derivatives on the rows held
    out, where those of y were given, over the RMS of these, all times the range of their column.
    `known` has a sentence for each thing that was known beforehand: whether the model keeps it by construction, or it
    is proved, or where it was looked at.
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
    outliers: tuple[int, ...] = ()
    parts: tuple[Part, ...] = ()
    largest_arity: int | None = None
    formulas: Formulas = field(default_factory=Formulas)
    joins: tuple[Join, ...] = ()  # of a model in pieces, where these meet, and their errors
    pieces: tuple[PieceErrors, ...] = ()
    slices_through: tuple[float, ...] = ()
    slices: tuple[Slice, ...] = ()
    updates: tuple[Update, ...] = ()  # by which `model.update` has changed it since the fit
    gradient_rmse: float | None = None
    gradient_max: float | None = None
    compression: Compression | None = None  # what `model.compress` has made of it
    known: tuple[str, ...] = ()  # what became of each thing that was known beforehand
    all_rows: AllRows | None = None  # of a table in chunks

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, as JSON has them."""
        plain = replace(self, formulas=Formulas())
        return {**asdict(plain), "formulas": [asdict(formula) for formula in self.formulas]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FitReport:
        """The report that gave `to_dict()`."""
        fields = dict(values)
        fields["formulas"] = Formulas(_Given(tuple(Formula(**one) for one in fields.get("formulas", ()))))
        parts = [{**part, "inputs": tuple(part["inputs"])} for part in fields.get("parts", ())]
        fields["parts"] = tuple(Part(**part) for part in parts)
        fields["candidates"] = tuple(Candidate(**candidate) for candidate in fields["candidates"])
        fields["terms"] = ErrorTerms(**fields["terms"])
        fields["output_errors"] = tuple(OutputErrors(**errors) for errors in fields.get("output_errors", ()))
        fields["joins"] = tuple(Join(**join) for join in fields.get("joins", ()))
        fields["pieces"] = tuple(PieceErrors(**piece) for piece in fields.get("pieces", ()))
        if fields.get("compression") is not None:
            fields["compression"] = Compression(**fields["compression"])
        if fields.get("all_rows") is not None:
            fields["all_rows"] = AllRows(**{**fields["all_rows"], "worst": tuple(fields["all_rows"]["worst"])})
        fields["updates"] = tuple(Update(**one) for one in fields.get("updates", ()))
        fields["slices"] = tuple(Slice(**{**one, "y": tuple(one["y"])}) for one in fields.get("slices", ()))
        fields.setdefault("slices_through", ())
        fields.setdefault("known", ())
        fields.setdefault("error", fields["validation_rmse"])  # reports of earlier versions know no more
        fields.setdefault("error_range", (0.0, math.inf))
        fields.setdefault("without_value", 0.0)
        fields.setdefault("is_guess", False)
        fields.setdefault("expected_at", ())
        fields.setdefault("outliers", ())
        for name in ("warnings", "path", "advice", "input_names", "error_range", "outliers", "slices_through", "known"):
            fields[name] = tuple(fields[name])
        for name in ("box", "history", "residuals", "expected_at"):
            fields[name] = tuple(map(tuple, fields[name]))
        return cls(**fields)

    def to_json(self) -> str:
        """The report as a JSON text; numbers that are not finite, which JSON has none of, are null."""
        return json.dumps(_finite(self.to_dict()), indent=1, allow_nan=False)

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """The report as one HTML page that needs no other file.

        path : a file that gets it as well. It has formulas, slices through the model, maps of its errors, what it is
        made of and what was tried; no script is in it, and it needs no package but NumPy.
        """
        page = fit_page.render(self.to_dict(), self._headline)
        if path is not None:
            with replacing(Path(path)) as file:
                file.write(page.encode())
        return page

    def _repr_html_(self) -> str:
        """What a notebook shows: the errors, what ended the fit, and, folded away, what was tried."""
        facts = [*self.facts(), ("stopped", self.status), *(("would help", one) for one in self.advice)]
        ordered = sorted(self.candidates, key=lambda candidate: candidate.validation_rmse)[:SHOWN]
        tried = [
            (one.description, f"{one.n_params:,}", f"{one.validation_rmse:.1e}", f"{one.seconds:.1f}")
            for one in ordered
        ]
        head = ("tried", "parameters", "RMSE held out", "s")
        return notebook.card(f"{self.family}: {self.description}", facts, ("what was tried", [head, *tried]))

    def facts(self) -> list[tuple[str, str]]:
        """The errors in words, each with its name."""
        errors = self.validation_rmse, self.validation_p95, self.validation_max
        slopes = (
            [] if self.gradient_rmse is None else [("derivatives", f"RMSE {self.gradient_rmse:.1e} of those given")]
        )
        return [
            ("error", self._headline),
            ("held out", "RMSE {:.1e}, 95th percentile {:.1e}, maximum {:.1e}".format(*errors)),
            *slopes,
            ("floor", f"{self.floor:.1e}, which rounding costs"),
        ]

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

    @property
    def _of_parts(self) -> str:
        """What the model is made of, in words; of one or two inputs there is nothing to tell."""
        if self.largest_arity is None or self.n_inputs < 3:
            return ""
        if len(self.parts) <= self.n_outputs:
            return f"made of one part of {counted(self.largest_arity, 'input')}"
        some = ", ".join(f"{part.name} = {part.formula}" for part in self.parts[:SHOWN_PARTS])
        more = len(self.parts) - SHOWN_PARTS
        rest = f", and {more} more" if more > 0 else ""
        return f"made of parts of at most {counted(self.largest_arity, 'input')}: {some}{rest}"

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
        for formula in self.formulas[:1]:
            if formula.is_model:
                console.print(f"y = {formula.text}", markup=False, highlight=False, soft_wrap=True)
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
        if self.gradient_rmse is not None:
            console.print(
                f"  derivatives, over the RMS of those given: RMSE {self.gradient_rmse:.2e}   "
                f"maximum {self.gradient_max:.2e}"
            )
        console.print(
            f"  made of: rounding {self.terms.rounding:.1e}, at the rows {self.terms.at_rows:.1e}, "
            f"between the rows {self.terms.between_rows:.1e}   (floor {self.floor:.1e})"
        )
        for one in sorted(self.output_errors, key=lambda one: -one.rmse)[:SHOWN_OUTPUTS]:
            errors = f"RMSE {one.rmse:.2e}   95th percentile {one.p95:.2e}   maximum {one.max:.2e}"
            console.print(f"  of {one.name}: {errors}", markup=False, highlight=False)
        for title, lines in (("break", self.joins), ("piece", self.pieces), ("update", self.updates)):
            for line in lines[:SHOWN]:
                console.print(f"  {title}: {line}", markup=False, highlight=False)
            if len(lines) > SHOWN:
                console.print(f"  and {len(lines) - SHOWN} more, which to_json has")
        if self.all_rows is not None:
            console.print(f"  {self.all_rows}", soft_wrap=True)
        if self.compression is not None:
            console.print(f"  {self.compression}")
        for sentence in self.known:
            console.print(f"  known: {sentence}", markup=False, highlight=False, soft_wrap=True)
        if len(self.output_errors) > SHOWN_OUTPUTS:
            console.print(f"  and {len(self.output_errors) - SHOWN_OUTPUTS} outputs of smaller errors")
        if self.box_rmse is not None:
            console.print(
                f"  over the whole box, also without rows: within {self.box_rmse:.1e} of the next model made otherwise"
            )
        if self._of_parts:
            console.print(self._of_parts, markup=False, highlight=False)
        for formula in self.formulas:
            if not formula.is_model:
                words = f"simpler, with an error of {formula.error:.0e}: y = {formula.text}"
                console.print(words, markup=False, highlight=False, soft_wrap=True)
        if self.formulas.missing:
            console.print(self.formulas.missing, markup=False, highlight=False)
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
