"""What searches for graphs of polynomial modules share: coordinates, fits on their way, and the models made of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
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

# Rows for each parameter that a fit takes at most, and rows that it takes at least and at most. None of these numbers
# has been varied by itself, nor those of refits.
ROWS_TAKEN, FEWEST_ROWS, MOST_ROWS = 4, 1000, 8000
# A column whose logarithm is its coordinate: its ends are this far apart. Series of log r are short where those of r
# over (100, 50000) stall at degree 60.
LOG_RATIO = 2.0
# A refit goes on from where the model is, as more powers do.
REFIT_STEPS, REFIT_DAMPING = 12, 1e-10
# By this part parameters are changed before a model like it is made.
PERTURBED = 1e-3


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


class GraphSearch:
    """Of a search in `rows` of one output that varies; the gradient of `known` may propose what to try.

    `family`, `status` and `link_names` are those of the search. With `as_given` no column is taken in logarithms.
    """

    family = "modular"
    status = "best graph of modules"
    link_names: Sequence[str] = ()

    def __init__(self, rows: Rows, known: Found | None = None, *, as_given: bool = False) -> None:
        train, held_out = rows.train, rows.held_out
        rows.require_one_output()
        self.rows, self.known = rows, known
        frames = InputFrames(train.X, held_out.X, rows.corners, None)
        self.frame = frames(
            tuple(
                "log" if not as_given and "log" in choice and self._spans(np.abs(column)) else "identity"
                for column, choice in zip(train.X.T, frames.alternatives(None), strict=True)
            )
        )
        self.columns = [j for j, top in enumerate(self.frame.highest) if top > 0] or [0]
        self.links = [link for link in links(train.y, held_out.y, None) if link.name in self.link_names]
        self._wanted = {link.name: self._wanted_by(link) for link in self.links}
        self._work = 0.0
        self.best: Found | None = None
        self.prospect = 0.0

    @property
    def names(self) -> Sequence[str]:
        """Of the inputs."""
        return self.rows.train.input_names or tuple(f"x{j}" for j in range(self.rows.n_inputs))

    def _spans(self, column: Array) -> bool:
        """Whether a column of one sign spans enough for its logarithm to be another coordinate."""
        return bool(column.max() > LOG_RATIO * column.min())

    def _described(self, fit: AnyFit) -> str:
        """What a report says of it."""
        raise NotImplementedError

    # --- fits

    def _n_rows(self, layout: Layout) -> int:
        size = ROWS_TAKEN * (layout.n_params + len(layout.core))
        return min(self.rows.n, MOST_ROWS, max(FEWEST_ROWS, size))

    def _wanted_by(self, link: Link) -> Wanted:
        n = min(self.rows.n, MOST_ROWS)
        weight = link.root_weight(self.rows.train, link.t, steep=True)
        t = link.t[:n, 0]
        root_weight = np.ones(n) if weight is None else weight[:n, 0]
        return Wanted(self.frame.Z[:n], t, root_weight / np.max(root_weight))

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

    def _error(self, fit: Fit) -> float:
        descent = fit.descent
        if descent.core is None:
            return math.inf
        with np.errstate(all="ignore"):
            t = descent.problem.layout.value(self.frame.held_out_Z, descent.params, descent.core)
        return self.rows.held_out_rmse(fit.link.values(t[:, None], clipped=True))

    # --- models

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
        layout = fit.descent.problem.layout
        coordinates = in_words(self.frame, fit.link)
        return self.rows.found(
            self._model(fit),
            self.family,
            f"{self._described(fit)} {coordinates}".rstrip(),
            coordinates=coordinates,
            status=self.status,
            refit=partial(self._refit, fit),
            nearby=partial(self._nearby, fit),
            nearby_work=REFIT_STEPS * layout.work(self._n_rows(layout)),
        )

    def _nearby(self, fit: Fit, samples: Samples) -> Model:
        """The same from other parameters: what rows leave open would stay as it is where a descent begins."""
        drawn = np.random.default_rng(0).standard_normal(len(fit.descent.params))
        params = fit.descent.params * (1.0 + PERTURBED * drawn)
        return self._refit(replace(fit, descent=replace(fit.descent, params=params)), samples)

    def _refit(self, fit: Fit, samples: Samples) -> Model:
        """The same, gone on from there with `samples`, or as many as are of use."""
        chosen = samples.take(np.linspace(0, len(samples.X) - 1, min(len(samples.X), MOST_ROWS)).astype(np.intp))
        frame, link = self.frame, fit.link
        Z = frame.normalization.apply(Transformed.transform_inputs(chosen.X, frame.names, frame.scales))
        t = np.ldexp(Transformed.transform_outputs(chosen.y, (link.name,), link.scales), -link.inner_exponents)
        weight = link.root_weight(chosen, t, steep=True)
        root_weight = np.ones(len(t)) if weight is None else weight[:, 0] / np.max(weight)
        problem = Problem(fit.descent.problem.layout, Wanted(Z, t[:, 0], root_weight))
        descent = replace(fit.descent, problem=problem, damping=REFIT_DAMPING, losses=(), ended=False, most=REFIT_STEPS)
        while not descent.ended:
            descent = descent.gone_on(None)
        return self._model(replace(fit, descent=descent))

    def _model(self, fit: Fit) -> Model:
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
