"""Where `fit` looks for equations between derivatives: in the variables that symmetries have left, if there are any."""

from __future__ import annotations

from functools import partial
from typing import Any

from ..arrays import Samples
from ..models import Model, Reduced
from ..models.reduced import Variables
from ..search.differential import BY_EQUATION, MOST_INPUTS, DifferentialSearch
from ..search.polynomial import is_simple
from ..search.scheduler import Steps
from ..search.search import Found, Rows, own_rng
from .race import Race
from .reduced import reduced, whole_of, within

SEARCH = "differential"
# A relative error of the best model below which its second derivatives may show an equation. The halves of Voigt's
# profile show theirs at 1e-9; without, quotients took all of the work to come to 4e-13, and to 2e-8 in the corners.
SHOWN_BELOW = 1e-8
# Models of one law, analytic, whose second derivatives cost little.
OF_ONE_LAW = ("polynomial", "rational", "algebraic", "separable", "modular", "waves", "trigonometric")
# A model of fewer parameters is hardly wrong in corners.
LEAST_PARAMETERS = 100


def may_have_an_equation(race: Race) -> bool:
    """Whether the best model is exact enough to show an equation, and has so many terms that corners may need one."""
    best, rows = race.best, race.rows
    if race.depth > 0 or best is None or not best.error <= SHOWN_BELOW or is_simple(best.model):
        return False
    if best.family not in OF_ONE_LAW or best.maker.endswith(BY_EQUATION):
        return False
    if rows.n_outputs > 1 or rows.exchanges is not None or rows.train.derivatives is not None:
        return False
    inner = innermost(best.model)
    return inner.n_params >= LEAST_PARAMETERS and 1 < inner.signature.n_inputs <= MOST_INPUTS


def innermost(model: Model) -> Model:
    """The model of the variables that symmetries have left."""
    while isinstance(model, Reduced):
        model = model.model
    return model


class EquationSearch:
    """Offers what `DifferentialSearch` finds in the variables of the best model of `race`, as models of the inputs."""

    prospect = 0.0

    def __init__(self, race: Race) -> None:
        assert race.best is not None
        model = race.best.model
        self.changes: list[tuple[Rows, Variables]] = []
        rows: Rows | None = race.rows
        while isinstance(model, Reduced) and rows is not None:
            self.changes.append((rows, model.variables))
            rows, model = within(rows, model.variables), model.model
        self.inner = None if rows is None else DifferentialSearch(rows, model, race.best.error, own_rng(race.rng))

    def steps(self) -> Steps:
        """The whole search."""
        if self.inner is None:
            return
        steps = self.inner.steps()
        command = next(steps, None)
        while command is not None:
            is_found = isinstance(command, Found)
            result = yield (self._whole(command) if is_found else command)
            command, self.prospect = _sent(steps, result), self.inner.prospect

    def _whole(self, found: Found) -> Found:
        for rows, variables in reversed(self.changes):
            names = rows.train.input_names or tuple(f"x{j}" for j in range(rows.n_inputs))
            found = whole_of(
                rows,
                found,
                f"of {variables.described(names)}: ",
                partial(_of_inputs, variables, rows),
                partial(_in_variables, variables),
            )
        return found


def _sent(steps: Steps, result: Any) -> Any:
    """What a search asks for next; None where it has ended."""
    try:
        return steps.send(result)
    except StopIteration:
        return None


def _of_inputs(variables: Variables, rows: Rows, model: Model) -> Model:
    return Reduced(model, variables, rows.signature)


def _in_variables(variables: Variables, samples: Samples) -> Samples | None:
    return reduced(samples, variables)
