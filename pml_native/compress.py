"""The smallest model that is as good as another one to a tolerance: `model.compress`.

Terms are left out one by one, each time the one that the least squares for the others can best do without (the optimal
brain surgeon; Hassibi and Stork 1993, NIPS 5). With G = J'J, J the derivatives by the coefficients c at points, that is

    min_j c_j^2 / (G^-1)_jj,     c <- c - c_j (G^-1)_.j / (G^-1)_jj,

by which the sum of squares grows exactly where values are linear in c. How many of them may go is then measured, after
all parameters have been moved to where they do best.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Array, rms_of_columns
from .fit import fit, formulas_listed
from .fitting.account import of_parts
from .models import Boosted, Model, Polynomial, SplineInterpolator
from .models.adjusting import is_linear, jacobian_of, kept_terms, known_as, parameters_of, terms_of
from .options import effort_of, number
from .report import Compression, FitReport, Formulas
from .search.search import EPS
from .update import Rows, adjusted

# Points at which terms are chosen, so many for each parameter, and points at which the result is measured. Of so many
# the RMS is known to a percent or so, and MARGIN is what it may be off by: three standard deviations of a normal error.
LEAST_POINTS, POINTS_A_PARAMETER, N_MEASURED, MARGIN = 2000, 3, 10_000, 0.03
# Nodes of a rule that integrates the squares of polynomials exactly, up to which it is taken instead.
MOST_NODES = 20_000
# Terms that are left out one by one; of more, the smallest are left out before, all together.
MOST_TERMS = 1000
# Rows that a new fit is made to.
N_FITTED = 2000
# The ridge under the Gram matrix where directions change no value, as a factor that goes from one function to the next:
# with 1e-13 quotients, products and relations keep up to twice the terms that they do with 1e-8 or 1e-6.
RIDGE = 1e-7


@dataclass(frozen=True)
class Measure:
    """Points `X` (n, d) with `weights` (n,), and what the model is there, (n, m): an error is the root of the weighed
    mean of squares, over that of `y`, output by output. `is_exact` says that the mean is the integral over the box."""

    X: Array
    y: Array
    weights: Array
    is_exact: bool
    is_given: bool

    @property
    def unit(self) -> Array:
        square = np.average(self.y**2, axis=0, weights=self.weights)
        return np.sqrt(np.where(square > 0.0, square, 1.0))

    def error(self, model: Model) -> tuple[float, float]:
        """The relative RMSE of `model` and its largest error; infinite where it has no value."""
        with np.errstate(all="ignore"):
            off = np.abs(model.evaluate(self.X) - self.y) / self.unit
            rmse = math.sqrt(float(np.mean(np.average(off**2, axis=0, weights=self.weights))))
        return (rmse, float(np.max(off))) if math.isfinite(rmse) else (math.inf, math.inf)


def compressed(model: Model, tolerance: float, X: ArrayLike | None, effort: float) -> Model:
    """See `Model.compress`."""
    start = time.perf_counter()
    tolerance, effort = number(tolerance, "tolerance", above=0.0, below=1.0), effort_of(effort)
    rows = None if X is None else model.as_inputs(X)
    if rows is not None and not (len(rows) and np.isfinite(rows).all()):
        raise ValueError(f"X: expected rows of finite numbers, got {len(rows)} rows, {int(np.isnan(rows).sum())} NaN")
    measure = _measure(model, rows)
    to = tolerance if measure.is_exact or measure.is_given else tolerance * (1.0 - MARGIN)
    chosen = _points(model, rows)
    best, error = model, (0.0, 0.0)
    for one in _smaller(model, chosen, to, effort):
        less = _fewer_terms(one, chosen, measure, to)
        found = measure.error(less)
        if found[0] <= to and (less.n_params, found[0]) < (best.n_params, error[0]):
            best, error = less, found
    made = best if best is not model else model.copied()
    known_as(made, model)
    made.signature = model.signature
    made.use_threads(model.n_threads)
    if best is not model:
        made.estimate = None  # the others that tell of it are as large as the model was
    told = Compression(
        model.family,
        model.n_params,
        made.n_params,
        tolerance,
        error[0],
        error[1],
        len(measure.X),
        measure.is_exact,
        measure.is_given,
    )
    made.report = None if model.report is None else _report(made, model.report, told, start)
    return made


def _measure(model: Model, rows: Array | None) -> Measure:
    """Where errors are measured: at the rows that are given, or over the box of the model."""
    if rows is not None:
        points, weights, is_exact = rows, np.ones(len(rows)), False
    else:
        low, high = model.known_box()
        nodes = _nodes(model, low, high)
        is_exact = nodes is not None
        if nodes is None:
            points = np.random.default_rng(1).uniform(low, high, (N_MEASURED, len(low)))
            weights = np.ones(N_MEASURED)
        else:
            points, weights = nodes
    with np.errstate(all="ignore"):
        y = model.evaluate(points)
    known = np.atleast_1d(np.isfinite(y).all(axis=1))
    if not known.any():
        raise ValueError("compress: expected a model that has values in its box, got NaN everywhere")
    return Measure(np.ascontiguousarray(points[known]), y[known], weights[known], is_exact, rows is not None)


def _nodes(model: Model, low: Array, high: Array) -> tuple[Array, Array] | None:
    """Gauss's rule that integrates the square of a polynomial over the box; None for others, and where it is large."""
    if not isinstance(model, Polynomial):
        return None
    counts = [int(degree) + 1 for degree in model.indices.max(axis=0)]
    if math.prod(counts) > MOST_NODES:
        return None
    rules = [np.polynomial.legendre.leggauss(count) for count in counts]
    middle, half = 0.5 * (low + high), 0.5 * (high - low)
    axes = [m + h * z for m, h, (z, _) in zip(middle, half, rules, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(low))
    return points, reduce(np.multiply.outer, [w for _, w in rules]).ravel()


def _points(model: Model, rows: Array | None) -> Rows:
    """Where terms are chosen, and parameters are moved."""
    n = max(LEAST_POINTS, POINTS_A_PARAMETER * len(parameters_of(model)))
    if rows is None:
        low, high = model.known_box()
        rows = np.random.default_rng(2).uniform(low, high, (n, len(low)))
    elif len(rows) > n:
        rows = rows[np.random.default_rng(2).permutation(len(rows))[:n]]
    with np.errstate(all="ignore"):
        y = model.evaluate(rows)
    known = np.atleast_1d(np.isfinite(y).all(axis=1))
    rows, y = np.ascontiguousarray(rows[known]), y[known]
    return Rows(rows, y, np.broadcast_to(1.0 / rms_of_columns(y), y.shape))


def _smaller(model: Model, chosen: Rows, tolerance: float, effort: float) -> Iterator[Model]:
    """Models that may do: itself, what it is with less of its own, and one of another form."""
    yield model
    if isinstance(model, Boosted):
        for k in range(1, len(model.stages)):
            yield model.truncated(k)
    if isinstance(model, SplineInterpolator):
        yield from _coarser(model)
    if effort > 0.0 and len(chosen.X) >= LEAST_POINTS // 10:
        names, m = model.signature.input_names, model.signature.n_outputs
        y = chosen.y[:N_FITTED, 0] if m == 1 else chosen.y[:N_FITTED]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other: Any = None
            try:
                other = fit(
                    chosen.X[:N_FITTED],
                    y,
                    tolerance=0.5 * tolerance,
                    effort=effort,
                    time_limit=None,  # no clock decides which model is the smaller one
                    random_state=0,
                    n_threads=model.n_threads,
                    progress=False,
                    input_names=names,
                )
            except ValueError:  # too few points where the model has a value, or nothing varies
                return
        yield other


def _coarser(model: SplineInterpolator) -> Iterator[Model]:
    """Splines through its values at every second line, and every second of those, in one axis or in all."""
    axes = list(model.axes)
    while True:
        halved = [axis[np.unique([*range(0, len(axis), 2), len(axis) - 1])] for axis in axes]
        halved = [
            half if len(half) > degree else axis for half, axis, degree in zip(halved, axes, model.degrees, strict=True)
        ]
        if all(len(half) == len(axis) for half, axis in zip(halved, axes, strict=True)):
            return
        for j in range(len(axes)):
            if len(axes) > 1 and len(halved[j]) < len(axes[j]):
                yield _on(model, [*axes[:j], halved[j], *axes[j + 1 :]])
        axes = halved
        yield _on(model, axes)


def _on(model: SplineInterpolator, axes: list[Array]) -> Model:
    nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    values = model.evaluate(nodes.reshape(-1, len(axes))).reshape(*nodes.shape[:-1], -1)
    made = SplineInterpolator(axes, values, degree=model.degrees, outside="extrapolate", n_threads=model.n_threads)
    made.signature = model.signature
    return made


def _fewer_terms(model: Model, chosen: Rows, measure: Measure, tolerance: float) -> Model:
    """`model` with as few terms as errors up to the tolerance allow."""
    order = _order(model, chosen, tolerance)

    def without(k: int) -> Model | None:
        kept = np.ones(len(parameters_of(model)), dtype=bool)
        kept[order[:k]] = False
        try:
            less = kept_terms(model, kept)
        except ValueError:  # none is left
            return None
        return adjusted(less, chosen, 1 if is_linear(less) else 3) if k else less

    # The most terms that may go: errors grow with their number, if not always, and what is taken has been measured.
    low, high, best = 0, len(order), model
    while low < high:
        k = (low + high + 1) // 2
        one = without(k)
        if one is not None and measure.error(one)[0] <= tolerance:
            low, best = k, one
        else:
            high = k - 1
    return best


def _order(model: Model, chosen: Rows, tolerance: float) -> NDArray[np.intp]:
    """The parameters that may be left out, the first to go first."""
    free = np.flatnonzero(terms_of(model))
    c = parameters_of(model)[free]
    if not len(free):
        return free
    gram = np.zeros((len(free), len(free)))
    for i in range(0, len(chosen.X), 512):
        some = slice(i, i + 512)
        J = jacobian_of(model, chosen.X[some])[:, :, free] * chosen.weight[some, :, None]
        J = np.where(np.isfinite(J), J, 0.0).reshape(-1, len(free))
        gram += J.T @ J
    size = np.sqrt(np.diag(gram))
    seen = np.flatnonzero(size > 0.0)  # not where Newton's method starts, which only tells it which root is meant
    free, c, gram, size = free[seen], c[seen], gram[np.ix_(seen, seen)], size[seen]
    if not len(free):
        return free
    smallest = np.argsort(np.abs(c) * size, kind="stable")
    # Zeros, and what is nothing beside the tolerance, go together.
    n_at_once = max(
        int(np.sum(np.abs(c) * size <= 1e-3 * tolerance * math.sqrt(chosen.y.size) / len(c))), len(c) - MOST_TERMS
    )
    first, left = smallest[:n_at_once], smallest[n_at_once:]
    if not len(left):
        return free[first]
    scale = size[left]
    inner = gram[np.ix_(left, left)] / np.outer(scale, scale)
    inner[np.diag_indices_from(inner)] += EPS * len(left) if is_linear(model) else RIDGE
    inverse, rest, order = np.linalg.inv(inner), c[left] * scale, []
    is_left = np.ones(len(left), dtype=bool)
    # What has been left out grows without end where terms are few: then the order no longer matters.
    while is_left.any():
        with np.errstate(all="ignore"):
            cost = np.where(is_left, rest**2 / np.abs(np.diag(inverse)), np.inf)
        j = int(np.argmin(cost))
        order.append(j)
        is_left[j] = False
        column = inverse[:, j] / inverse[j, j]
        rest = np.where(is_left, rest - rest[j] * column, 0.0)
        inverse = inverse - np.outer(column, inverse[j])
    places: NDArray[np.intp] = free[np.concatenate([first, left[order]])]
    return places


def _report(model: Model, report: FitReport, told: Compression, start: float) -> FitReport:
    """That of the compressed model: what it is off by comes on top of what the model before was."""
    low, high = report.error_range
    made = replace(
        report,
        family=model.family,
        description=repr(model),
        n_params=model.n_params,
        error=report.error + told.error,
        error_range=(low, high + told.error),
        train_rmse=report.train_rmse + told.error,
        validation_rmse=report.validation_rmse + told.error,
        validation_p95=report.validation_p95 + told.largest,
        validation_max=report.validation_max + told.largest,
        output_errors=(),
        path=(*report.path, str(told)),
        formulas=Formulas(partial(formulas_listed, model)),
        compression=told,
        parts=(),
        largest_arity=None,
    )
    model.report = made  # which what follows asks the model for
    return replace(made, **of_parts(model), seconds=time.perf_counter() - start)
