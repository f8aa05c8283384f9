"""Puts laws of few parameters in the place of series of one variable inside a graph of modules.

A product x0 x1 of columns has its largest values in a corner that hardly a row is near: 4 % of its range may be beyond
the last row. A series of degree 40 that meets all rows to 1e-15 is off by 1e-9 there; sin(2 x0 x1), of three numbers,
is not. So each function of one variable in a graph that is nearly exact is a table of one column, in which polynomials
and quotients of few terms, exponentials and waves are looked for. Where some are found, all parameters of the graph go
on from there together, on all rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from ..arrays import Array, Samples
from ..models import Model, ModularPolynomial, Module, Outputs, Polynomial
from ..models.adjusting import jacobian_of, parameters_of, with_parameters
from ..singular_values import lstsq
from .exponentials import ExponentialsSearch
from .polynomial import SIMPLE_TERMS, PolynomialSearch
from .rational import RationalSearch
from .scheduler import Next, Part, Search, Start, State, Step, Steps, Worker
from .search import CALL, EPS, Found, Rows, own_rng

# An error of a law beside its series, over the RMS of that, above which it is none. Series in a graph of 1e-15 are
# known to some 1e-13, as errors cancel in the sum.
NOT_A_LAW = 1e-11
# Work of the searches in the table of one function.
WORK_A_FUNCTION = 4e9
# Steps of Gauss and Newton for all parameters: none that raises the error is made, and one that doesn't bring it to
# this part is the last. So what is made of other rows is never the same model, which would tell nothing of the error.
STEPS, FALL = 6, 0.9


class LawsSearch:
    """Offers the model of `known` with laws in the place of its series, if that is no worse on `rows`."""

    prospect = 0.0

    def __init__(self, rows: Rows, known: Found, rng: np.random.Generator) -> None:
        self.rows, self.known, self.rng = rows, known, rng

    def steps(self) -> Steps:
        """The whole search."""
        found = yield from self._with_laws(self.known.model, self.rows.train.X, self.rows.held_out.X)
        if found is None:
            return
        work = STEPS * self.rows.n * float(len(parameters_of(found))) ** 2 + 100.0 * CALL
        [offered] = yield [Step(work, partial(self._found, found))]
        yield offered

    def _with_laws(self, model: Model, X: Array, held_out: Array) -> Part[Model | None]:
        """`model` with laws in graphs of modules inside, asked for X (n, d) and so on; None where it has none."""
        if isinstance(model, ModularPolynomial):
            return (yield from self._graph(model, X, held_out))
        if len(model.adjustable_parts) != 1:
            return None
        [inner], [own], [other] = model.adjustable_parts, model.at_parts(X), model.at_parts(held_out)
        changed = yield from self._with_laws(inner, own.X, other.X)
        return None if changed is None else model.with_parts([changed])

    def _graph(self, model: ModularPolynomial, X: Array, held_out: Array) -> Part[ModularPolynomial | None]:
        modules, is_changed = list(model.modules), False
        at = [[one.X for one in model.at_parts(some)] for some in (X, held_out)]
        for k, module in enumerate(modules[:-1]):
            part = module.polynomial
            if len(module.sources) > 1 or part.n_params <= SIMPLE_TERMS:
                continue
            tables = [(own[k], part.evaluate(own[k])) for own in at]
            laws = []
            for q in range(part.signature.n_outputs):
                laws.append((yield from self._law(tables, q)))
            if any(law is not None for law in laws):
                series = [_output(part, q) if law is None else law for q, law in enumerate(laws)]
                own = series[0] if len(series) == 1 else Outputs(series, range(len(series)))
                modules[k], is_changed = Module(module.sources, own), True
        return ModularPolynomial(modules, model.inputs, model.signature) if is_changed else None

    def _law(self, tables: Sequence[tuple[Array, Array]], q: int) -> Part[Model | None]:
        """The shortest law for the values of one function, of those held out as well; None if there is none."""
        train, held_out = (Samples(U, V[:, [q]].copy(), None, True, None, None) for U, V in tables)
        rows = Rows(train, held_out)
        searches: list[Search] = [
            ExponentialsSearch(rows, only_if_shown=True),
            PolynomialSearch(rows, max_terms=SIMPLE_TERMS),
            RationalSearch(rows, rng=own_rng(self.rng), max_terms=SIMPLE_TERMS // 2),
            RationalSearch(rows, rng=own_rng(self.rng), max_terms=SIMPLE_TERMS),
        ]
        runs = yield Start(searches)
        laws: list[Found] = []
        for run in runs:
            run.allow(WORK_A_FUNCTION)
            while (event := (yield Next(run))).state is State.RUNNING:
                if event.found is not None and event.found.error <= NOT_A_LAW:
                    laws.append(event.found)
        return min(laws, key=lambda law: law.score).model if laws else None

    def _found(self, model: Model, worker: Worker) -> Found:
        known = self.known
        found = self.rows.found(
            adjusted(model, self.rows.train),
            known.family,
            f"{known.description}, some of them laws",
            status="best laws in the place of series",
            refit=partial(adjusted, model),
        )
        return replace(found, maker=f"{known.maker}, laws")


def _output(part: Model, q: int) -> Polynomial:
    """One of the functions of a module of several."""
    assert isinstance(part, Polynomial)
    return Polynomial(
        part.indices,
        part.coefficients[:, [q]],
        inputs=part.inputs,
        output_exponents=part.output_exponents[[q]],
        n_threads=1,
    )


def adjusted(model: Model, samples: Samples) -> Model:
    """All parameters of `model` after steps of Gauss and Newton on the `samples`, as far as these lower the error."""
    root_weight = np.ones_like(samples.y)
    if samples.sample_weight is not None:
        root_weight = root_weight * np.sqrt(samples.sample_weight.reshape(len(root_weight), -1))

    def left(one: Model) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray((samples.y - one.evaluate(samples.X)) * root_weight)

    residual = left(model)
    for _ in range(STEPS):
        J = jacobian_of(model, samples.X) * root_weight[:, :, None]
        J = J.reshape(-1, J.shape[2])
        size = np.sqrt(np.sum(J**2, axis=0))
        if not (np.isfinite(J).all() and np.isfinite(residual).all()):
            break
        size[size == 0.0] = 1.0
        # Functions may be scaled, and their products back: of such steps the least counts.
        step = lstsq(J / size, residual.ravel(), rcond=EPS)[0] / size
        moved = with_parameters(model, parameters_of(model) + step)
        after = left(moved)
        before = float(np.sum(residual**2))
        if not np.sum(after**2) <= before:
            break
        model, residual = moved, after
        if not np.sum(after**2) < FALL**2 * before:
            break
    return model
