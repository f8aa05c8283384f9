"""Structures of graphs as fits on their way: where their series start, on which rows, how exact they are, as models."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..arrays import Array, Samples
from ..models import Model
from ..models.chebyshev import index_set
from ..models.transformed import Transformed
from .angles import Pair
from .coordinates import InputFrames, Link, in_coordinates, links
from .modular_descent import FIRST_DAMPING, Descent, Layout, Problem, Terms, Wanted, model_of
from .search import Rows
from .structure import Structure

# Rows for each parameter, at least and at most, and rows of trials at least.
ROWS_PER_PARAMETER, ROWS_TAKEN, FEWEST_ROWS, MOST_ROWS = 2, 4, 1000, 8000
# Terms of the core, at most.
MOST_TERMS = 600
# Links of y that are tried, the cheapest first.
LINKS = ("identity", "log", "reciprocal")
# A column whose logarithm is its coordinate: its ends are this far apart. Series of log r are short where those of r
# over (100, 50000) stall at degree 60.
LOG_RATIO = 2.0
# Damping of what goes on from another fit, and of what goes on from where the model is, as more powers do.
LATER_DAMPING, REFIT_DAMPING = 1e-7, 1e-10
# Steps of a refit, and from changed parameters, by these parts of a function's size.
REFIT_STEPS, NEARBY_STEPS, PERTURBED = 12, 25, 1e-5

# Of a module: a variable "u" or a function "f", its group's columns, and its number there.
Name = tuple[str, tuple[int, ...], int]
Angles = Mapping[tuple[int, ...], Pair]


@dataclass(frozen=True)
class Trial:
    """A structure on its way: its descent, which module is which, and its error at the rows held out."""

    structure: Structure
    link: Link
    descent: Descent
    names: tuple[Name, ...]
    error: float = math.inf

    @property
    def size(self) -> float:
        layout = self.descent.problem.layout
        return float(layout.n_params + len(layout.core))


class Trials:
    """Makes trials on `rows` of one output. With `as_given` no column is taken in logarithms."""

    def __init__(self, rows: Rows, *, as_given: bool = False) -> None:
        train, held_out = rows.train, rows.held_out
        self.rows = rows
        frames = InputFrames(train.X, held_out.X, rows.corners, None)
        low, high = np.abs(train.X).min(axis=0), np.abs(train.X).max(axis=0)
        self.frame = frames(
            tuple(
                "log" if not as_given and "log" in choice and high[j] > LOG_RATIO * low[j] else "identity"
                for j, choice in enumerate(frames.alternatives(None))
            )
        )
        self.columns = [j for j, top in enumerate(self.frame.highest) if top > 0] or [0]
        self.links = [link for link in links(train.y, held_out.y, None) if link.name in LINKS]
        self._wanted = {link.name: self._wanted_by(link) for link in self.links}

    def of(
        self, structure: Structure, link: Link, old: Trial | None, angles: Angles, *, with_all_rows: bool = False
    ) -> Trial | None:
        """The structure, its series as those of `old` where it has them, as long as the rows carry them; else None."""
        d, highest = self.rows.n_inputs, self.frame.highest
        wanted = self._wanted[link.name]
        names: list[Name] = []
        modules, starts = [], []
        variables = [group for group in structure.groups if len(group.columns) > 1]
        for group in variables:
            tops = [min(group.variable_degree, highest[j]) for j in group.columns]
            found = index_set("axes", max(tops), tops, 1 + sum(tops))
            assert found is not None
            indices = found[0]
            c = np.zeros(len(indices))
            for position, j in enumerate(group.columns):
                start = self._start(group.columns, position, j, angles, wanted)
                for k, value in enumerate(start[1:], 1):
                    c[(indices[:, position] == k) & (indices.sum(axis=1) == k)] = value
            names.append(("u", group.columns, 0))
            modules.append(Terms(group.columns, indices))
            starts.append(c)
        functions: list[list[int]] = []
        for group in structure.groups:
            source, top = group.columns[0], group.degree
            if len(group.columns) == 1:
                top = min(top, highest[source])
            else:
                source = d + variables.index(group)
            if group.rank > top:
                return None
            functions.append([])
            for q in range(group.rank):
                c = np.zeros(top + 1)
                c[q + 1] = 1.0
                if q > 0:
                    c[1] = 0.2
                functions[-1].append(d + len(modules))
                names.append(("f", group.columns, q))
                modules.append(Terms((source,), np.arange(top + 1)[:, None]))
                starts.append(c)
        core = _core_terms(functions, structure.order)
        n_params = len(core) + sum(map(len, modules))
        if len(core) > MOST_TERMS or n_params > len(wanted.t) / ROWS_PER_PARAMETER:
            shorter = structure.shorter() if len(core) <= MOST_TERMS else None
            if shorter is None and structure.order > 1:
                shorter = replace(structure, order=structure.order - 1)
            if shorter is not None:
                return self.of(shorter, link, old, angles, with_all_rows=with_all_rows)
            if old is not None:
                return None
        if old is not None:
            layout = old.descent.problem.layout
            for name, module, c in zip(names, modules, starts, strict=True):
                if name in old.names:
                    k = old.names.index(name)
                    _carry(c, module, old.descent.params[layout.slices[k]], layout.modules[k])
        layout = Layout(d, modules, core)
        n = len(wanted.t) if with_all_rows else self._n_rows(layout)
        damping = FIRST_DAMPING if old is None else LATER_DAMPING
        descent = Descent(Problem(layout, wanted.first(n)), np.concatenate(starts), damping=damping)
        return Trial(structure, link, descent, tuple(names))

    def with_core(self, one: Trial, core: Terms) -> Trial:
        """The same modules with other terms of the core, to go on with, on all rows."""
        layout = one.descent.problem.layout
        problem = Problem(Layout(layout.n_inputs, layout.modules, core), self._wanted[one.link.name])
        return replace(one, descent=Descent(problem, one.descent.params, damping=REFIT_DAMPING))

    def error(self, trial: Trial) -> float:
        descent = trial.descent
        if descent.core is None:
            return math.inf
        with np.errstate(all="ignore"):
            t = descent.problem.layout.value(self.frame.held_out_Z, descent.params, descent.core)
        return self.rows.held_out_rmse(trial.link.values(t[:, None], clipped=True))

    def model(self, trial: Trial) -> Model:
        descent, link = trial.descent, trial.link
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

    def refitted(self, trial: Trial, samples: Samples) -> Model:
        """The same, gone on from there with `samples`, or as many as are of use."""
        problem = self._problem(trial, samples)
        return self._at_end(trial, Descent(problem, trial.descent.params, damping=REFIT_DAMPING, most=REFIT_STEPS))

    def nearby(self, trial: Trial, samples: Samples) -> Model:
        """The same from other parameters, a part of a function's size away: what rows leave open stays where it begins,
        and all else comes back."""
        drawn = np.random.default_rng(0).standard_normal(len(trial.descent.params))
        problem = self._problem(trial, samples)
        params = trial.descent.params + PERTURBED * problem.layout.scales * drawn
        descent = Descent(problem, params, damping=LATER_DAMPING, most=NEARBY_STEPS, patience=NEARBY_STEPS)
        return self._at_end(trial, descent)

    def nearby_work(self, trial: Trial) -> float:
        return NEARBY_STEPS * trial.descent.problem.layout.work(min(self.rows.n, MOST_ROWS), by_qr=True)

    def _problem(self, trial: Trial, samples: Samples) -> Problem:
        """That of the trial on `samples`, or as many as are of use."""
        chosen = samples.take(np.linspace(0, len(samples.X) - 1, min(len(samples.X), MOST_ROWS)).astype(np.intp))
        frame, link = self.frame, trial.link
        Z = frame.normalization.apply(Transformed.transform_inputs(chosen.X, frame.names, frame.scales))
        t = np.ldexp(Transformed.transform_outputs(chosen.y, (link.name,), link.scales), -link.inner_exponents)
        weight = link.root_weight(chosen, t, steep=True)
        root_weight = np.ones(len(t)) if weight is None else weight[:, 0] / np.max(weight)
        return Problem(trial.descent.problem.layout, Wanted(Z, t[:, 0], root_weight))

    def _at_end(self, trial: Trial, descent: Descent) -> Model:
        while not descent.ended:
            descent = descent.gone_on(None)
        return self.model(replace(trial, descent=descent if descent.core is not None else trial.descent))

    def _start(self, group: tuple[int, ...], position: int, j: int, angles: Angles, wanted: Wanted) -> Array:
        """The series of a column in a variable: by the angles of its pair, or a line, of the sign that y has."""
        if len(group) == 2 and group in angles:
            return angles[group].s if position == 0 else angles[group].t
        n = min(1000, len(wanted.t))
        return np.array([0.0, float(np.corrcoef(wanted.Z[:n, j], wanted.t[:n])[0, 1])])

    def _n_rows(self, layout: Layout) -> int:
        size = ROWS_TAKEN * (layout.n_params + len(layout.core))
        return min(self.rows.n, MOST_ROWS, max(FEWEST_ROWS, size))

    def _wanted_by(self, link: Link) -> Wanted:
        n = min(self.rows.n, MOST_ROWS)
        weight = link.root_weight(self.rows.train, link.t, steep=True)
        t = link.t[:n, 0]
        root_weight = np.ones(n) if weight is None else weight[:n, 0]
        return Wanted(self.frame.Z[:n], t, root_weight / np.max(root_weight))


def _core_terms(functions: Sequence[Sequence[int]], order: int) -> Terms:
    """All products of functions of at most so many groups, one function of each."""
    sources = [place for own in functions for place in own]
    terms = []
    for size in range(order + 1):
        for some in itertools.combinations(functions, size):
            terms += [[int(place in chosen) for place in sources] for chosen in itertools.product(*some)]
    return Terms(sources, np.array(terms, dtype=np.intp))


def _carry(c: Array, terms: Terms, old: Array, old_terms: Terms) -> None:
    """Writes the coefficients of the old series where the new one has the same terms."""
    place = {tuple(index): i for i, index in enumerate(terms.indices.tolist())}
    c[:] = 0.0
    for index, value in zip(old_terms.indices.tolist(), old, strict=True):
        if (i := place.get(tuple(index))) is not None:
            c[i] = value
