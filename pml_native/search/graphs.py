"""What searches for graphs of polynomial modules share: coordinates, fits on their way, and the models made of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import numpy as np

from ..arrays import Array, Samples
from ..models import Model
from ..models.transformed import Transformed
from .coordinates import InputCoordinates, InputFrames, Link, in_coordinates, in_words, links
from .modular_descent import Descent, Layout, Problem, Wanted, model_of
from .scheduler import Part, Step, Steps, Worker
from .search import CALL, Found, Rows

# Rows for each parameter that a fit takes at most, and rows that it takes at least and at most.
ROWS_TAKEN, FEWEST_ROWS, MOST_ROWS = 4, 1000, 8000
# A column whose logarithm is its coordinate: its ends are this far apart. Series of log r are short where those of r
# over (100, 50000) stall at degree 60.
LOG_RATIO = 2.0
# Rows that are spread evenly down to 0 have a least value below this over their number, with all but e^-5 certainty.
NEAR_ZERO = 5.0
# Damping of what goes on from another fit, and of what goes on from where the model is, as more powers do.
LATER_DAMPING, REFIT_DAMPING = 1e-7, 1e-10
# Steps of a refit, and from changed parameters, by these parts of a function's size.
REFIT_STEPS, NEARBY_STEPS, PERTURBED = 12, 25, 1e-5


@dataclass(frozen=True)
class Fit:
    """A graph on its way: its descent, what of y it is the value of, and its error at the rows held out."""

    link: Link
    descent: Descent
    error: float = math.inf

    @property
    def size(self) -> float:
        layout = self.descent.problem.layout
        return float(layout.n_params + len(layout.core))


# Of a search, which keeps with a fit what its modules stand for.
AnyFit = TypeVar("AnyFit", bound=Fit)


def spans(column: Array) -> bool:
    """Whether a column (n,) > 0 spans enough for its logarithm to be another coordinate."""
    return bool(column.max() > LOG_RATIO * column.min())


def reaches_zero(column: Array) -> bool:
    """Whether the rows of a column (n,) > 0 go down to 0 evenly: its logarithm, and what is over it, have no end."""
    return bool(column.min() < NEAR_ZERO / len(column) * column.max() and np.median(column) > 0.1 * column.max())


class Graphs:
    """Fits of graphs to `rows` of one output, or to a link of it that is named.

    Columns of one sign whose sizes pass `is_log` are taken in logarithms.
    """

    def __init__(self, rows: Rows, link_names: Sequence[str], is_log: Callable[[Array], bool] = spans) -> None:
        train, held_out = rows.train, rows.held_out
        self.rows = rows
        frames = InputFrames(train.X, held_out.X, rows.corners, None)
        self.frame = frames(
            tuple(
                "log" if "log" in choice and is_log(np.abs(column)) else "identity"
                for column, choice in zip(train.X.T, frames.alternatives(None), strict=True)
            )
        )
        self.columns = [j for j, top in enumerate(self.frame.highest) if top > 0] or [0]
        self.links = [link for link in links(train.y, held_out.y, None) if link.name in link_names]
        self.wanted = {link.name: self._wanted_by(link) for link in self.links}

    def n_rows(self, layout: Layout) -> int:
        size = ROWS_TAKEN * (layout.n_params + len(layout.core))
        return min(self.rows.n, MOST_ROWS, max(FEWEST_ROWS, size))

    def _wanted_by(self, link: Link) -> Wanted:
        n = min(self.rows.n, MOST_ROWS)
        weight = link.root_weight(self.rows.train, link.t, steep=True)
        t = link.t[:n, 0]
        root_weight = np.ones(n) if weight is None else weight[:n, 0]
        return Wanted(self.frame.Z[:n], t, root_weight / np.max(root_weight))

    def error(self, fit: Fit) -> float:
        descent = fit.descent
        if descent.core is None:
            return math.inf
        with np.errstate(all="ignore"):
            t = descent.problem.layout.value(self.frame.held_out_Z, descent.params, descent.core)
        return self.rows.held_out_rmse(fit.link.values(t[:, None], clipped=True))

    def model(self, fit: Fit) -> Model:
        descent, link = fit.descent, fit.link
        assert descent.core is not None
        model = model_of(
            descent.problem.layout,
            descent.params,
            descent.core,
            self.frame.normalization,
            link.inner_exponents,
            self.rows.signature,
        )
        return in_coordinates(model, self.frame, link)

    def refitted(self, fit: Fit, samples: Samples) -> Model:
        """The same, gone on from there with `samples`, or as many as are of use."""
        problem = self._problem(fit, samples)
        return self._at_end(fit, Descent(problem, fit.descent.params, damping=REFIT_DAMPING, most=REFIT_STEPS))

    def nearby(self, fit: Fit, samples: Samples) -> Model:
        """The same from other parameters, a part of a function's size away: what rows leave open stays where it begins,
        and all else comes back."""
        drawn = np.random.default_rng(0).standard_normal(len(fit.descent.params))
        problem = self._problem(fit, samples)
        params = fit.descent.params + PERTURBED * problem.layout.scales * drawn
        descent = Descent(problem, params, damping=LATER_DAMPING, most=NEARBY_STEPS, patience=NEARBY_STEPS)
        return self._at_end(fit, descent)

    def nearby_work(self, fit: Fit) -> float:
        return NEARBY_STEPS * fit.descent.problem.layout.work(min(self.rows.n, MOST_ROWS), by_qr=True)

    def _problem(self, fit: Fit, samples: Samples) -> Problem:
        """That of the fit on `samples`, or as many as are of use."""
        chosen = samples.take(np.linspace(0, len(samples.X) - 1, min(len(samples.X), MOST_ROWS)).astype(np.intp))
        frame, link = self.frame, fit.link
        Z = frame.normalization.apply(Transformed.transform_inputs(chosen.X, frame.names, frame.scales))
        t = np.ldexp(Transformed.transform_outputs(chosen.y, (link.name,), link.scales), -link.inner_exponents)
        weight = link.root_weight(chosen, t, steep=True)
        root_weight = np.ones(len(t)) if weight is None else weight[:, 0] / np.max(weight)
        return Problem(fit.descent.problem.layout, Wanted(Z, t[:, 0], root_weight))

    def _at_end(self, fit: Fit, descent: Descent) -> Model:
        while not descent.ended:
            descent = descent.gone_on(None)
        return self.model(replace(fit, descent=descent if descent.core is not None else fit.descent))


class GraphSearch:
    """Of a search of `family` for the best of `graphs`; the gradient of `known` may propose what to try."""

    family = "modular"
    status = "best graph of modules"

    def __init__(self, rows: Rows, known: Found | None, graphs: Graphs) -> None:
        self.rows, self.known, self.graphs = rows, known, graphs
        self.names = rows.train.input_names or tuple(f"x{j}" for j in range(rows.n_inputs))
        self._work = 0.0
        self.best: Found | None = None
        self.prospect = 0.0

    def _described(self, fit: AnyFit) -> str:
        """What a report says of it."""
        raise NotImplementedError

    def _error(self, fit: Fit) -> float:
        """What fits are compared by."""
        return self.graphs.error(fit)

    def _run(self, fits: Sequence[AnyFit | None], most: int) -> Part[list[AnyFit]]:
        """Each gone on by so many steps, or until it stands still, with its error."""
        going = [
            replace(fit, descent=replace(fit.descent, most=most, losses=(), ended=False))
            for fit in fits
            if fit is not None
        ]
        while active := [i for i, fit in enumerate(going) if not fit.descent.ended]:
            steps = [going[i].descent.step() for i in active]
            self._work += sum(step.work for step in steps)
            for i, descent in zip(active, (yield steps), strict=True):
                going[i] = replace(going[i], descent=descent)
        return [replace(fit, error=self._error(fit)) for fit in going]

    def _offered(self, fits: Sequence[AnyFit]) -> Steps:
        for fit in sorted(fits, key=error_of):
            if fit.descent.core is None or not math.isfinite(fit.error):
                continue
            n_params = fit.descent.problem.layout.n_params
            [found] = yield [Step(self.rows.n * n_params + 30.0 * CALL, partial(self._found, fit))]
            if self.best is None or found.score < self.best.score:
                self.best = found
                yield found

    def _found(self, fit: AnyFit, worker: Worker) -> Found:
        graphs = self.graphs
        coordinates = in_words(graphs.frame, fit.link)
        return self.rows.found(
            graphs.model(fit),
            self.family,
            f"{self._described(fit)} {coordinates}".rstrip(),
            coordinates=coordinates,
            status=self.status,
            refit=partial(graphs.refitted, fit),
            nearby=partial(graphs.nearby, fit),
            nearby_work=graphs.nearby_work(fit),
            refit_rows=MOST_ROWS,
        )


def error_of(fit: Fit) -> float:
    return fit.error


def gradient_in(frame: InputCoordinates, model: Model, Z: Array) -> Array:
    """The derivatives (n, d) of a model of x, of one output, by the coordinates of `frame` at `Z` (n, d)."""
    own = frame.normalization
    logs = np.array([name == "log" for name in frame.names])
    with np.errstate(all="ignore"):
        inner = own.invert(Z)
        X = np.where(logs, np.exp(inner) * frame.scales, inner)
        gradient: Array = model.evaluate_gradient(np.ascontiguousarray(X))[:, 0, :]
        return gradient * np.where(logs, X, 1.0) * np.ldexp(own.scale, own.exponent)
