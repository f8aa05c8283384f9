"""Whether a model keeps what is known of y: what is proved, what holds where it is looked at, what is cut off."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from ..arrays import Array, Samples, contiguous, named_rows, rms_of_columns
from ..models import Bounded, Model, enclosures
from ..models.families import KeptModel
from ..search.polynomial import PolynomialSearch
from ..search.search import Found, Rows, run_alone
from .knowledge import Knowledge

# Where a limit is looked at, in units of the largest value of the column, and at how many rows.
FAR_OUT, MOST_ROWS = 1e4, 200
# Rows at which it is looked at whether a model keeps what is known.
MOST_LOOKED_AT = 10_000
# Models made without some rows differ by no more than this part of what is left of y far out where rows tell of it.
TELLS = 0.1
# Parameters times columns of models of which bounds are proved: beyond, a proof takes seconds.
MOST_PROVED = 5000
# A model without what is known that is so many times more exact says that rows contradict it, if that error is no less
# than the second number.
FAR, DOUBTED_ABOVE = 10.0, 1e-8


class Kept(NamedTuple):
    """The model, which may be one that is cut off at bounds; what is said of all that is known, warnings, and columns
    in which the model goes on as far as one likes."""

    model: Model
    sentences: tuple[str, ...]
    warnings: list[str]
    endless: list[int]


def kept(model: Model, knowledge: Knowledge, samples: Samples, points: Array, others: Sequence[KeptModel]) -> Kept:
    """What `model` keeps of the `knowledge`, at rows and `points` (k, d) of their box, and proved over it.

    `others` are models like it, made without some of the rows.
    """
    sentences, warnings = list(knowledge.by_construction), []
    endless = []
    for j in np.flatnonzero(knowledge.powers).tolist():
        sentence, tells = _limit(model, j, knowledge, samples, others)
        sentences.append(sentence)
        if tells:
            endless.append(j)
        else:
            warnings.append(sentence)
    if knowledge.points:
        sentences.append(_at_points(model, knowledge, samples))
    if not (knowledge.is_bounded or knowledge.monotone):
        return Kept(model, tuple(sentences), warnings, endless)
    rows = samples.X[np.linspace(0, samples.n - 1, min(samples.n, MOST_LOOKED_AT)).astype(np.intp)]
    X = np.concatenate([rows, points])
    proved = _range(model, samples.X.min(axis=0), samples.X.max(axis=0))
    if knowledge.is_bounded:
        named = _bounds_in_words(knowledge)
        if proved is not None and np.all(proved.low >= knowledge.low) and np.all(proved.high <= knowledge.high):
            sentences.append(f"{named}: proved over the box")
        else:
            with np.errstate(all="ignore"):
                y = model.evaluate(contiguous(X))
            below = np.where(np.isnan(y), -np.inf, np.maximum(knowledge.low - y, y - knowledge.high))
            n_beyond, most = int(np.sum((below > 0.0).any(axis=1))), float(np.max(below / rms_of_columns(samples.y)))
            model = Bounded(model, knowledge.low, knowledge.high, model.signature)
            where = (
                f"at {n_beyond} of {len(X):,} points, by up to {most:.0e} of the RMS of y"
                if n_beyond
                else (f"at none of {len(X):,} points")
            )
            sentences.append(f"{named}: kept by construction, values beyond are cut off, {where}")
    for j, k, rises in knowledge.monotone:
        sentence, holds = _monotone(model, j, k, rises, knowledge, X, proved, samples)
        sentences.append(sentence)
        if not holds:
            warnings.append(sentence)
    return Kept(model, tuple(sentences), warnings, endless)


def _range(model: Model, low: Array, high: Array) -> enclosures.Range | None:
    """What values and derivatives are proved to be between in the box; None where nothing proves it."""
    if model.n_params * len(low) > MOST_PROVED:
        return None
    try:
        return enclosures.range_of(model, low, high, 0.02)
    except ValueError:
        return None


def _limit(
    model: Model, j: int, knowledge: Knowledge, samples: Samples, others: Sequence[KeptModel]
) -> tuple[str, bool]:
    """What becomes of y over the power of a column far out, and whether rows tell of it."""
    power, name = knowledge.powers[j], knowledge.names[j]
    rows = samples.X[np.linspace(0, samples.n - 1, min(samples.n, MOST_ROWS)).astype(np.intp)]
    rows = contiguous(rows)
    far = FAR_OUT * samples.X[:, j].max()
    rows[:, j] = far
    with np.errstate(all="ignore"):
        c, *rest = (one.evaluate(rows) * far**-power for one in (model, *others))
        apart = max((float(np.sqrt(np.mean((one - c) ** 2))) for one in rest), default=math.nan)
        size = float(np.sqrt(np.mean(c**2)))
    law = f"y ~ c {name}^{power:g} far out"
    low, high = float(np.min(c)), float(np.max(c))
    is_one = high - low <= 1e-6 * size or knowledge.d == 1
    value = f"c = {np.mean(c):.6g}" if is_one else f"c from {low:.4g} to {high:.4g}"
    known = f", which models without some rows bear out to {apart / size:.0e}" if math.isfinite(apart) and size else ""
    if not math.isfinite(size) or (math.isfinite(apart) and apart > TELLS * size):
        return f"{law}: kept by construction, but the rows don't tell c ({value}{known}); rows farther out would", False
    return f"{law}: kept by construction, {value}{known}", True


def _at_points(model: Model, knowledge: Knowledge, samples: Samples) -> str:
    """How well values at points are met."""
    off, n = 0.0, 0
    size, width = rms_of_columns(samples.y), np.ptp(samples.X, axis=0)
    for point in knowledge.points:
        x = contiguous(point.x[None])
        misses = [(model.evaluate(x)[0] - point.y) / size]
        if np.isfinite(point.slope).any():
            misses.append(((model.evaluate_gradient(x)[0] - point.slope) * width / size[:, None]).ravel())
        own = np.concatenate(misses)
        n += int(np.isfinite(own).sum())
        off = max(off, float(np.nanmax(np.abs(own))))
    what = "value or derivative at a point is" if n == 1 else "values and derivatives at points are"
    return f"{n} {what} met, to {off:.0e} of the RMS of y"


def _bounds_in_words(knowledge: Knowledge) -> str:
    if np.all(knowledge.low == knowledge.low[0]) and np.all(knowledge.high == knowledge.high[0]):
        low, high = float(knowledge.low[0]), float(knowledge.high[0])
        return f"{f'{low:g} <= ' if math.isfinite(low) else ''}y{f' <= {high:g}' if math.isfinite(high) else ''}"
    return "bounds of outputs"


def _monotone(
    model: Model,
    j: int,
    k: int,
    rises: bool,
    knowledge: Knowledge,
    X: Array,
    proved: enclosures.Range | None,
    samples: Samples,
) -> tuple[str, bool]:
    names = samples.output_names
    y = ("y" if knowledge.m == 1 else f"y{k}") if names is None else names[k]
    law = f"{y} {'rises' if rises else 'falls'} with {knowledge.names[j]}"
    if proved is not None and (proved.gradient_low[k, j] >= 0.0 if rises else proved.gradient_high[k, j] <= 0.0):
        return f"{law}: proved over the box", True
    with np.errstate(all="ignore"):
        slope = model.evaluate_gradient(contiguous(X))[:, k, j] * (1.0 if rises else -1.0)
    bad = np.flatnonzero(slope < 0.0)
    if not len(bad):
        return f"{law}: holds at {len(X):,} points, rows among them", True
    worst = int(np.argmin(np.where(np.isnan(slope), np.inf, slope)))
    place = ", ".join(f"{name} = {v:.6g}" for name, v in zip(knowledge.names, X[worst], strict=True))
    size = float(np.sqrt(np.nanmean(slope**2)))
    return (
        f"{law}: not so at {len(bad)} of {len(X):,} points; at the worst, {place}, the slope is "
        f"{slope[worst] * (1.0 if rises else -1.0):.2g}, {-slope[worst] / size:.0e} of its RMS",
        False,
    )


def doubts(
    rows: Rows, found: Found, knowledge: Knowledge, samples: Samples, effort: float, seconds: float
) -> list[str]:
    """Sentences on rows that may contradict what is known: a model without it is far more exact."""
    if not knowledge.changes_anything or not found.error > DOUBTED_ABOVE or not seconds > 0.0:
        return []
    limit = seconds if math.isfinite(seconds) else None
    alone = replace(rows, exchanges=None)
    free = run_alone(PolynomialSearch(alone), effort=effort, time_limit=limit, n_threads=1)
    if not FAR * free.error < found.error:
        return []
    with np.errstate(all="ignore"):
        off = np.max(np.abs(found.model.evaluate(samples.X) - samples.y), axis=1)
    worst = np.argsort(-np.where(np.isnan(off), np.inf, off))[:5]
    named = named_rows(worst if samples.numbers is None else samples.numbers[worst])
    return [
        f"what is known makes models worse, and rows may contradict it: a polynomial without it comes to "
        f"{free.error:.0e}, models that keep it to {found.error:.0e}; farthest off are rows {named}"
    ]
