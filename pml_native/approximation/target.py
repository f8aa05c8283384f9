"""A function that can be asked: how it wants to be called, what it has cost, and where it gave nothing.

`f` may take many points or one, may fail at some, and may be slow. `Target` finds out which, keeps every point that f
was asked at, and leaves out those without an answer, which it counts and describes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..arrays import Array, Samples
from ..optimize.interrupt import InterruptGuard

Form = Literal["batch", "vector", "row", "number"]
# Answers to the same points in a batch and one by one are the same apart from rounding, which vectorized code may have
# in another order, and which float32 has more of: a function that takes a batch for something else is off by far more.
SAME, SAME_IN_EPS = 1e-6, 1e3
# Points that f may fail at before it is known how to call it: a function that has values in part of its box only.
MOST_PROBES = 64
# Calls are made for so many seconds at a time, so that Ctrl-C and the clock are asked in between.
CHUNK_SECONDS = 0.5
FIRST_CHUNK = 64
# Batches that fail before points are asked one by one from the start.
MOST_FAILED_BATCHES = 2


class Answer(NamedTuple):
    """What f returned for k points: `rows` (k, m), and whether that was (k,), or a number for one point."""

    rows: Array
    is_vector: bool


class NoValueError(Exception):
    """f gave something else than finite real numbers; the text says what."""


@dataclass
class Target:
    """`f` on the box from `low` to `high` (d,), and all that is known of it: `X` (n, d) and `y` (n, m) grow.

    `vectorized` None finds out whether f takes a batch (k, d), one point (d,), or a number where d = 1; where `flat`
    says that the box was given as one pair, a batch is (k,) first.
    """

    f: Callable[..., Any]
    low: Array
    high: Array
    flat: bool
    vectorized: bool | None
    max_evaluations: int
    time_limit: float
    guard: InterruptGuard
    X: Array = field(init=False)
    y: Array = field(init=False)
    n_evaluations: int = 0
    n_failed: int = 0
    n_infinite: int = 0  # of these, where f was infinite or divided by 0
    reserved: int = 0  # points that are to be left for a check
    kept: int = 0  # evaluations, not time, that are to be left for the last check
    y_is_vector: bool = True
    eps: float = float(np.finfo(np.float64).eps)  # of the numbers that f returns: more where they are float32
    _form: Form | None = None
    _n_outputs: int | None = None
    failed: list[Array] = field(default_factory=list)  # points (d,) without a value
    _failure: tuple[Array, str] | None = None
    _batches_failed: int = 0
    seconds_calling: float = 0.0
    _start: float = field(default_factory=time.perf_counter)

    def __post_init__(self) -> None:
        self.X, self.y = np.empty((0, len(self.low))), np.empty((0, 0))

    # --- budgets

    @property
    def elapsed(self) -> float:
        return time.perf_counter() - self._start

    @property
    def remaining(self) -> float:
        return max(0.0, self.time_limit - self.elapsed)

    @property
    def should_stop(self) -> bool:
        return self.guard.requested or self.remaining <= 0.0

    @property
    def seconds_per_point(self) -> float:
        """What a call costs for each of its points, so far."""
        return self.seconds_calling / self.n_evaluations if self.n_evaluations else 0.0

    @property
    def takes(self) -> str:
        """What f is called with."""
        if self._form in ("batch", "vector") and self._batches_failed < MOST_FAILED_BATCHES:
            return "many points at once" if self._form == "batch" else "many numbers at once"
        return "one number" if self._form in ("number", "vector") else "one point"

    def affordable(self) -> int:
        """How many more points the evaluations and the time allow, besides those `reserved`."""
        left = self.max_evaluations - self.n_evaluations - self.kept
        if self.seconds_per_point * left > self.remaining:
            left = int(self.remaining / self.seconds_per_point)
        return max(0, left - self.reserved)

    # --- asking

    def ask(self, X: Array, least: int = 1) -> Array:
        """y (k, m) at `X` (k, d), NaN where f has none or where time ended; all that was answered is kept.

        The first `least` points are asked even if the time has ended, none beyond `max_evaluations`.

        Raises ValueError where f has not given a value anywhere yet.
        """
        if self._form is None:
            self._probe()
        m = self._n_outputs
        assert m is not None
        answers = np.full((len(X), m), np.nan)
        begin, size = 0, FIRST_CHUNK
        while begin < len(X) and not self._ends(begin, least):
            end = min(begin + size, len(X), begin + max(0, self.max_evaluations - self.n_evaluations))
            if end == begin:
                break
            answers[begin:end] = self._answers(X[begin:end], least - begin)
            begin = end
            if self.seconds_per_point > 0:
                size = int(np.clip(CHUNK_SECONDS / self.seconds_per_point, 1, 16 * size))
        self._keep(X[:begin], answers[:begin])
        return answers

    def samples(self) -> Samples:
        """All points with a value."""
        return Samples(self.X, self.y, None, self.y_is_vector, None, None)

    def failures(self) -> str | None:
        """How many points have no value, where they lie, and what f said at one of them; None if there are none."""
        if not self.failed or self._failure is None:
            return None
        where = np.array(self.failed)
        box = " x ".join(f"[{a:.6g}, {b:.6g}]" for a, b in zip(where.min(axis=0), where.max(axis=0), strict=True))
        point, text = self._failure
        return (
            f"f has no value at {self.n_failed} of {self.n_evaluations} points, which were left out; they lie in "
            f"{box}; at x = {_point(point)}: {text}"
        )

    def _keep(self, X: Array, y: Array) -> None:
        good = np.isfinite(y).all(axis=1)
        self.X = np.concatenate([self.X, X[good]])
        self.y = np.concatenate([self.y.reshape(-1, y.shape[1]), y[good]])

    def _fails(self, x: Array, text: str, is_infinite: bool | np.bool_ = False) -> None:
        self.n_failed += 1
        self.n_infinite += bool(is_infinite)
        self.failed.append(x)
        if self._failure is None:
            self._failure = x, text

    def _ends(self, done: int, least: int) -> bool:
        """Whether no more points are to be asked when so many have been."""
        if self.n_evaluations >= self.max_evaluations or (done and self.guard.requested):
            return True
        return done >= least and self.remaining <= 0.0

    def _answers(self, X: Array, least: int) -> Array:
        """`ask` for a few points."""
        if self._form in ("batch", "vector") and self._batches_failed < MOST_FAILED_BATCHES:
            try:
                answers = self._call(X, len(X), self._form).rows
            except Exception:
                # What can't be told from a batch, points one by one can.
                self._batches_failed += 1
            else:
                for x, y in zip(X, answers, strict=True):
                    if not np.isfinite(y).all():
                        self._fails(x, f"got {_values(y)}", np.isinf(y).any())
                return answers
        assert self._n_outputs is not None
        answers = np.full((len(X), self._n_outputs), np.nan)
        for i, x in enumerate(X):
            if self._ends(i, least):
                break
            try:
                answers[i] = self._call(x[None, :], 1, self._form).rows[0]
            except Exception as error:
                self._fails(x, _said(error), isinstance(error, (ZeroDivisionError, OverflowError)))
                continue
            if not np.isfinite(answers[i]).all():
                self._fails(x, f"got {_values(answers[i])}", np.isinf(answers[i]).any())
        return answers

    def _call(self, X: Array, k: int, form: Form | None) -> Answer:
        """f at k points, counted and timed; f gets a copy that it may change."""
        argument: Any
        if form == "batch":
            argument = X.copy()
        elif form == "vector":
            argument = X[:, 0].copy()
        elif form == "row":
            argument = X[0].copy()
        else:
            argument = float(X[0, 0])
        self.n_evaluations += k
        start = time.perf_counter()
        try:
            answer = self.f(argument)
        finally:
            self.seconds_calling += time.perf_counter() - start
        return self._as_rows(answer, k, form)

    def _as_rows(self, returned: Any, k: int, form: Form | None) -> Answer:
        values = _real(returned)
        if form in ("batch", "vector"):
            fits = values.ndim in (1, 2) and len(values) == k
            is_vector = values.ndim == 1
        else:
            fits = values.ndim <= 1
            is_vector = values.ndim == 0 or (len(values) == 1 and len(self.low) == 1)
        if not fits or values.size == 0:
            wanted = f"({k},) or ({k}, m)" if form in ("batch", "vector") else "a number or (m,)"
            raise NoValueError(f"expected {wanted}, got an array of shape {values.shape}")
        if values.dtype.kind == "f":
            self.eps = max(self.eps, float(np.finfo(values.dtype).eps))
        rows = values.astype(np.float64).reshape(k, -1)
        if self._n_outputs is not None and rows.shape[1] != self._n_outputs:
            raise NoValueError(f"expected {self._n_outputs} outputs, as at the points before, got {rows.shape[1]}")
        return Answer(rows, is_vector)

    # --- how to call it

    def _probe(self) -> None:
        """Finds the form in which f answers, at points within the box; their values are kept."""
        d = len(self.low)
        batches: tuple[Form, ...] = ("batch",) if d > 1 else (("vector", "batch") if self.flat else ("batch", "vector"))
        singles: tuple[Form, ...] = ("row",) if d > 1 else (("number", "row") if self.flat else ("row", "number"))
        # Fixed and without pattern: values that agree must do so because f takes the batch as meant.
        rng = np.random.default_rng(0)
        said: str | None = None
        for _ in range(0, MOST_PROBES, d + 2):
            if self.guard.requested:
                raise KeyboardInterrupt
            ended = self.remaining <= 0.0 or self.n_evaluations + 3 * (d + 2) > self.max_evaluations
            if said is not None and ended:
                break
            X = inside(2.0 * rng.random((d + 2, d)) - 1.0, self.low, self.high)
            found = self._forms_that_answer(X, batches if self.vectorized is not False else (), singles)
            if isinstance(found, str):
                said = said or f"at x = {_point(X[0])}: {found}"
                for x in X:
                    self._fails(x, found)
                continue
            self._form, (answers, self.y_is_vector) = found
            self._n_outputs = answers.shape[1]
            for x, y in zip(X, answers, strict=False):
                if not np.isfinite(y).all():
                    self._fails(x, said or f"got {_values(y)}")
            self._keep(X[: len(answers)], answers)
            return
        raise ValueError(
            f"f: expected finite real numbers somewhere in the box, got none at {self.n_evaluations} calls; {said}"
        )

    def _forms_that_answer(
        self, X: Array, batches: tuple[Form, ...], singles: tuple[Form, ...]
    ) -> tuple[Form, Answer] | str:
        """The first form that answers, and its answers to the first points; or what f said."""
        said = ""
        for form in batches:
            together = self._try(X, form)
            if isinstance(together, str):
                said = said or together
                continue
            # A function of one point may take a batch for a point, or mix its rows: one by one it would say otherwise.
            if self.vectorized or self._agrees(X, together.rows, singles, form):
                return form, together._replace(is_vector=together.is_vector or self._is_elementwise(X, together, form))
        for i in range(len(X)):
            for form in batches if self.vectorized else (*singles, *batches):
                alone = self._try(X[i : i + 1], form)
                if isinstance(alone, str):
                    said = said or alone
                else:
                    self._batches_failed = MOST_FAILED_BATCHES  # or answered something else
                    before = np.full((i, alone.rows.shape[1]), np.nan)
                    return form, alone._replace(rows=np.concatenate([before, alone.rows]))
        return said or "no value"

    def _agrees(self, X: Array, together: Array, singles: tuple[Form, ...], batch: Form) -> bool:
        """Whether f gives the same for a point of the batch alone, in the first of the forms that answers.

        A function of batches may take one point for several: its answer then has another size, and that to a batch of
        one point decides.
        """
        finite = np.flatnonzero(np.isfinite(together).all(axis=1))[-1:]
        same = max(SAME, SAME_IN_EPS * self.eps)
        for form in (*singles, batch):
            alone = self._try(X[finite], form)
            if not isinstance(alone, str) and (form == batch or alone.rows.shape == together[finite].shape):
                return alone.rows.shape == together[finite].shape and _agree(alone.rows, together[finite], same)
        return False

    def _is_elementwise(self, X: Array, together: Answer, form: Form) -> bool:
        """Whether f gave (k, 1) as it was asked with (k, 1), and would give (k,) if asked with (k,), as np.sin does."""
        if form != "batch" or together.rows.shape[1] != 1 or len(self.low) > 1:
            return False
        flat = self._try(X[-2:], "vector")
        return not isinstance(flat, str) and flat.is_vector

    def _try(self, X: Array, form: Form) -> Answer | str:
        """f's answer in this form, or what it said; a batch may lack values, not all of them."""
        try:
            answer = self._call(X, len(X), form)
        except Exception as error:
            return _said(error)
        if not np.isfinite(answer.rows).all(axis=1).any():
            return f"got {_values(answer.rows[0])}"
        return answer


def inside(z: Array, low: Array, high: Array) -> Array:
    """Points of [-1, 1]^d in the box; halves first, as the width may be beyond float64."""
    points: Array = np.clip(0.5 * low + 0.5 * high + z * (0.5 * high - 0.5 * low), low, high)
    return points


def _agree(a: Array, b: Array, same: float) -> bool:
    size = max(float(np.max(np.abs(a))), float(np.max(np.abs(b))))
    return bool(np.all(np.abs(a - b) <= same * size))


def _real(returned: Any) -> NDArray[Any]:
    """What f returned as an array of real numbers, of float64 where it is of no numbers of NumPy."""
    values = np.asarray(returned)
    if values.dtype.kind == "c":
        raise NoValueError("expected real numbers, got complex ones")
    if values.dtype.kind not in "fiubO":
        raise NoValueError(f"expected numbers, got {values.dtype}")
    return values.astype(np.float64) if values.dtype == object else values


def _said(error: Exception) -> str:
    text = str(error) or "no message"
    return text if isinstance(error, NoValueError) else f"{type(error).__name__}: {text}"


def _values(y: ArrayLike) -> str:
    numbers = np.ravel(y)
    return f"{numbers[0]:g}" if len(numbers) == 1 else f"({', '.join(f'{v:g}' for v in numbers)})"


def _point(x: Array) -> str:
    return f"{x[0]:.17g}" if len(x) == 1 else f"({', '.join(f'{v:.6g}' for v in x)})"


def as_box(bounds: Any) -> tuple[Array, Array, bool]:
    """`low` and `high` (d,) of bounds, and whether they were one pair; ValueError for what is no box."""
    try:
        values = np.asarray(bounds, dtype=np.float64) if not _has_text(bounds) else None
    except (TypeError, ValueError):
        values = None
    if values is None:
        raise ValueError(f"bounds: expected pairs of numbers (low, high), got {bounds!r}")
    flat = values.shape == (2,)
    pairs = values[None, :] if flat else values
    if pairs.ndim != 2 or pairs.shape[1] != 2 or len(pairs) == 0:
        raise ValueError(f"bounds: expected (d, 2), a pair (low, high) for each input, got shape {values.shape}")
    for j, (low, high) in enumerate(pairs):
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            raise ValueError(f"bounds[{j}]: expected finite numbers low < high, got ({low:g}, {high:g})")
    return pairs[:, 0].copy(), pairs[:, 1].copy(), flat


def _has_text(bounds: Any) -> bool:
    return np.asarray(bounds, dtype=object).dtype.kind in "US" or any(
        isinstance(v, (str, bytes)) for v in np.ravel(np.array(bounds, dtype=object))
    )
