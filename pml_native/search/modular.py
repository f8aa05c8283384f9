"""Finds graphs of polynomial modules in scattered data: which columns belong together, by trial fits on few rows.

1. Each column is a group of one function, with all products of at most three of them, for y and some links of it.
2. Moves, of which the best by the rows held out is made, as long as that helps: two groups become one of a sum
   s(x_i) + t(x_j), proposed by the gradient; a group has one function more, proposed by what is left over; products of
   more groups; a column of a group stands by itself as well. Trials go through heats of a few steps each.
3. With all rows, and longer series, while that helps; then powers of the functions, by what is left over.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..models import Model
from .graphs import GraphSearch
from .modular_moves import GRADIENT_ROWS, grown, proposals, shortened, simpler, stretched
from .modular_trial import Trial, Trials
from .scheduler import Part, Step, Steps, Worker
from .search import FLOOR, Found, Rows, searched
from .structure import Group, Structure

# None of these numbers has been varied by itself: they were settled together on three functions (flow through a
# borehole, an OTL circuit, a sum of a product of two inputs and one of a third), of up to four tables each.
# Groups whose functions are multiplied, at first.
FIRST_ORDER = 3
# Steps of the trials' heats, and how many go on to the next.
HEATS = ((5, 3), (8, 1))
SETTLED_STEPS, POLISH_STEPS = 25, 40
# Structures are compared by their error times this power of the number of parameters: more functions nearly always
# lower the error a little, what is there really does so with few.
COMPLEXITY = 2.0
# A structure of fewer parameters is taken if its error is no more than this part of the one before.
AS_GOOD = 1.5
# Parts of the squares left over that longer series would explain: above the first, nothing else can be said of a
# structure; below the last they are long enough.
TOO_SHORT, RESOLVED = 0.3, 0.02
# A move must bring the error to this part; a link so many times worse than the best one is left.
USEFUL, FAR_BEHIND = 0.8, 300.0
# Longer series on all rows must bring the error to this part: they are wilder where rows are scarce.
WORTH_LONGER = 0.3
# Multiply-adds after which a graph that is no more exact than the model its search started beside is given up. On
# Voigt's profile, which has no such parts, 2e11 came to nothing.
TRIAL_WORK = 6e10
# Below this error no part of the structure is missing: series are too short, or rows too few.
SETTLED = 1e-9
# Rounds of more powers that may go by without a gain.
PATIENCE = 2


def fit_modular(
    X: ArrayLike,
    y: ArrayLike,
    *,
    sample_weight: ArrayLike | None = None,
    error: Literal["absolute", "relative"] = "absolute",
    validation: float | tuple[ArrayLike, ArrayLike] | None = None,
    effort: float = 1.0,
    time_limit: float | None = 60.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> Model:
    """The graph of polynomial modules with the smallest error on held-out rows.

    X : (n, d).
    y : (n,).
    sample_weight : (n,), weights of the squared errors.
    error : "absolute", or "relative" for errors that count relative to each y, of one output that is 0 nowhere.
    validation : the fraction of rows held out to choose by (0.15), or a pair (X, y) to use instead.
    effort : the budget of work, 1 for most of a minute of one core: the same rows, seed and effort give the same bits.
    time_limit : seconds, at which the search is ended even so, and may not repeat; None for no limit.
    n_threads : steps at once, and threads that evaluate the model; None for all cores.

    Raises ValueError for data or options that can't be fitted.
    """
    return searched(
        ModularSearch,
        X,
        y,
        sample_weight=sample_weight,
        error=error,
        validation=validation,
        effort=effort,
        time_limit=time_limit,
        random_state=random_state,
        n_threads=n_threads,
    )


class ModularSearch(GraphSearch):
    """One search in `rows` of one output that varies; the gradient of `known` may propose what to merge.

    With `as_given` no column is taken in logarithms.
    """

    def __init__(self, rows: Rows, known: Found | None = None, *, as_given: bool = False) -> None:
        rows.require_one_output()
        self.trials = Trials(rows, as_given=as_given)
        super().__init__(rows, known, self.trials)

    def steps(self) -> Steps:
        """The whole search."""
        columns, links = self.trials.columns, self.trials.links
        first = Structure(tuple(Group((j,)) for j in columns), min(FIRST_ORDER, len(columns)))
        beam = yield from self._run([self.trials.of(first, link, None, {}) for link in links[:1]], 1)
        yield from self._offered(beam)  # there is always one model
        others = [self.trials.of(first, link, None, {}) for link in links[1:]]
        beam = yield from self._run([*beam, *others], SETTLED_STEPS)
        beam = [one for one in beam if math.isfinite(one.error)]
        yield from self._offered(beam)
        spent = {one.link.name: 0.0 for one in beam}
        while beam and not self._is_exact and not self._is_hopeless(beam):
            # Links go on by turns of equal work: what a step of one costs is ten times that of another.
            one = min(beam, key=lambda one: spent[one.link.name])
            before = self._work
            moved = yield from self._moved(one)
            beam.remove(one)
            if moved is not one:
                beam.append(moved)
                yield from self._offered([moved])
            elif all(one.error <= other.error for other in beam):
                yield from self._polished(one)
            spent[one.link.name] += self._work - before
            least = min((one.error for one in beam), default=0.0)
            beam = [one for one in beam if one.error <= FAR_BEHIND * least]

    def _is_hopeless(self, beam: Sequence[Trial]) -> bool:
        """Whether nothing has come near the model known after so much work: the function has no such parts."""
        least = min(one.error for one in beam)
        return self.known is not None and self._work > TRIAL_WORK and not least < self.known.error

    @property
    def _is_exact(self) -> bool:
        return self.best is not None and self.best.is_exact

    # --- structures

    def _moved(self, one: Trial) -> Part[Trial]:
        """A structure that does better, or as well with fewer parameters; the same where none is found."""
        # Nothing can be said of a structure whose series are too short.
        longer = yield from self._longer(one, TOO_SHORT)
        if longer is not None:
            [tried] = yield from self._run([longer], SETTLED_STEPS)
            if tried.error < USEFUL * one.error:
                return tried
        fewer = yield from self._simplified(one, SETTLED_STEPS)
        if fewer is not None:
            return fewer
        if one.error < SETTLED:
            return one
        work = one.descent.problem.layout.work(GRADIENT_ROWS)
        [proposed] = yield [Step(work, lambda worker: proposals(self.trials, one, self.known))]
        trials = [self.trials.of(structure, one.link, one, starts) for structure, starts in proposed]

        def cost(trial: Trial) -> tuple[bool, float]:
            helps = trial.error < USEFUL * one.error
            return not helps, trial.error * trial.size ** (COMPLEXITY if helps else 0.0)

        heat: list[Trial] = yield from self._run(trials, HEATS[0][0])
        if not heat:
            return one
        for (_, survivors), (steps, _) in itertools.pairwise((*HEATS, (SETTLED_STEPS, 1))):
            best_first = sorted(heat, key=cost)[:survivors]
            # The same structure from a plain start is often better than what has grown.
            plain = self.trials.of(best_first[0].structure, one.link, None, {}) if steps == SETTLED_STEPS else None
            heat = yield from self._run([*best_first, plain], steps)
        best = min(heat, key=cost)
        return best if best.error < USEFUL * one.error else one

    def _longer(self, one: Trial, part: float, *, with_all_rows: bool = False) -> Part[Trial | None]:
        """With longer series where they are too short; None where they aren't, or the rows carry no longer ones."""
        work = 2.0 * one.descent.problem.layout.work(len(one.descent.problem.rows.t))
        [wanted] = yield [Step(work, lambda worker: stretched(one, part))]
        longer = self.trials.of(wanted, one.link, one, {}, with_all_rows=with_all_rows)
        return longer if longer is not None and wanted == longer.structure != one.structure else None

    def _simplified(self, one: Trial, most: int, *, with_all_rows: bool = False) -> Part[Trial | None]:
        """Of the simpler structures that are as good the simplest; None if there is none."""
        trials = [
            self.trials.of(structure, one.link, one, {}, with_all_rows=with_all_rows)
            for structure in simpler(one.structure)
        ]
        good = [trial for trial in (yield from self._run(trials, most)) if trial.error < AS_GOOD * one.error]
        return min(good, key=lambda trial: trial.error * trial.size**COMPLEXITY, default=None)

    # --- the best structure, with all that helps

    def _polished(self, one: Trial) -> Steps:
        """Longer series on more rows, as long as that helps, then powers of the functions."""
        best = yield from self._on_all_rows(one.structure, one)
        yield from self._offered([best])
        while (fewer := (yield from self._simplified(best, POLISH_STEPS, with_all_rows=True))) is not None:
            best = fewer
            yield from self._offered([best])
        while not (best.error <= FLOOR or self._is_exact):
            longer = yield from self._longer(best, RESOLVED, with_all_rows=True)
            if longer is None:
                break
            longer = yield from self._on_all_rows(longer.structure, best)
            if not longer.error < WORTH_LONGER * best.error:
                break
            best = longer
            yield from self._offered([best])
        shorter = yield from self._shortened(best)
        if shorter is not best:
            best = shorter
            yield from self._offered([best])
        waiting = 0
        while waiting < PATIENCE and not self._is_exact:
            work = best.descent.problem.layout.work(self.rows.n)
            [more] = yield [Step(work, partial(self._with_powers, best))]
            if more is None:
                break
            [more] = yield from self._run([more], SETTLED_STEPS)
            waiting = 0 if more.error < USEFUL * best.error else waiting + 1
            if more.error < best.error:
                best = more
                yield from self._offered([best])

    def _with_powers(self, one: Trial, worker: Worker) -> Trial | None:
        return grown(self.trials, one)

    def _on_all_rows(self, structure: Structure, one: Trial) -> Part[Trial]:
        """The structure from where `one` is, and anew: what goes on from shorter series may stand still at 1e-12 where
        a plain start comes to 5e-15."""
        old = self.trials.of(structure, one.link, one, {}, with_all_rows=True) or one
        plain = self.trials.of(structure, one.link, None, {}, with_all_rows=True)
        return min((yield from self._run([old, plain], POLISH_STEPS)), key=lambda trial: trial.error)

    def _shortened(self, best: Trial) -> Part[Trial]:
        """With series as short as they may be: where rows are scarce, at the ends of a variable, those of high degree
        are wildest."""
        least = best.error
        while best.error < SETTLED and not self._is_exact:
            structure = best.structure
            fewer = {g: shortened(structure, [g]) for g in range(len(structure.groups))}
            fewer = {g: one for g, one in fewer.items() if one != structure}
            trials = [self.trials.of(one, best.link, best, {}, with_all_rows=True) for one in fewer.values()]
            tried = yield from self._run(trials, POLISH_STEPS)
            least = min([least, *(trial.error for trial in tried)])
            good = [g for g, one in fewer.items() for t in tried if t.structure == one and t.error < AS_GOOD * least]
            if len(good) > 1:
                together = self.trials.of(shortened(structure, good), best.link, best, {}, with_all_rows=True)
                tried += yield from self._run([together], POLISH_STEPS)
            as_good = [trial for trial in tried if trial.error < AS_GOOD * least]
            if not as_good:
                break
            best = min(as_good, key=lambda trial: trial.size)
        return best

    def _described(self, trial: Trial) -> str:  # type: ignore[override]
        groups = ", ".join(
            "+".join(self.names[j] for j in group.columns) + (f" ({group.rank})" if group.rank > 1 else "")
            for group in trial.structure.groups
        )
        return f"{len(trial.descent.problem.layout.core)} products of functions of {groups}"
