"""What an error is made of: optimization, luck with the sample, generalization, architecture.

With l^D the loss on the rows D that a model is fitted to, l^P that on the distribution P that they come from, f the
model, and f_D, f_P the best of its family for either:
    l^D(f) = [l^D(f) - l^D(f_D)]        optimization error
           + [l^D(f_D) - l^P(f_D)]      sampling luck
           + [l^P(f_D) - l^P(f_P)]      generalization gap
           + l^P(f_P)                   architecture error.
Source: Michaud, Liu, Tegmark, "Precision Machine Learning" (2022), Eq. 6. The identity holds for any loss; here it is
the relative RMSE, as in all of this library.

f_D, f_P and l^P can only be estimated: f_D by the best of several fits to D, f_P by the best of several fits to far
more rows, l^P on rows that no fit has seen. What is found is never better than what there is, so the optimization error
is a lower bound and the architecture error an upper one, up to the sampling of l^P.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Array, as_samples
from ..models import Model
from ..options import generator
from ..problems import Problem
from ..report import Errors
from .best_fit import MOST_NUMBERS, Effort, Family, Rows, family_of

# Rows that l^P is measured on, where they can be drawn.
N_MEASURED = 10_000
# Rows for f_P: so many times those of D, and so many times the parameters, at least.
MORE_ROWS, ROWS_PER_PARAMETER = 4, 10
# Of a table, this part of the further rows joins D for f_P; the others measure l^P.
POOL_PART = 0.5
FEWEST_MEASURED = 20
TERMS = ("optimization_error", "sampling_luck", "generalization_gap", "architecture_error")

Train = Callable[[Array, Array], Model]


@dataclass(frozen=True)
class ErrorDecomposition:
    """The four terms of a model's loss on its own rows, relative RMSEs whose sum it is up to the rounding of a sum.

    `sample_loss_of_best_on_sample` is l^D(f_D), `loss_of_best_on_sample` l^P(f_D). `how` says for each term how it was
    estimated, and in which direction it can be wrong. `best_on_sample` and `best` are the models f_D and f_P.
    """

    loss: float
    sample_loss_of_best_on_sample: float
    loss_of_best_on_sample: float
    architecture_error: float
    how: dict[str, str]
    best_on_sample: Model
    best: Model

    @property
    def optimization_error(self) -> float:
        """l^D(f) - l^D(f_D) >= 0: what training left."""
        return self.loss - self.sample_loss_of_best_on_sample

    @property
    def sampling_luck(self) -> float:
        """l^D(f_D) - l^P(f_D): negative where rows were learned by heart."""
        return self.sample_loss_of_best_on_sample - self.loss_of_best_on_sample

    @property
    def generalization_gap(self) -> float:
        """l^P(f_D) - l^P(f_P) >= 0: what more rows would gain."""
        return self.loss_of_best_on_sample - self.architecture_error

    @property
    def terms(self) -> dict[str, float]:
        """The four terms by name, in the order of Eq. 6."""
        return {name: getattr(self, name) for name in TERMS}

    @property
    def dominant(self) -> str:
        """The name of the largest term."""
        return max(self.terms, key=self.terms.__getitem__)

    def __str__(self) -> str:
        lines = [f"loss on the rows fitted: {self.loss:.3e} (relative RMSE), the sum of"]
        lines += [f"  {name.replace('_', ' '):20} {value: .3e}  {self.how[name]}" for name, value in self.terms.items()]
        return "\n".join(lines)


def decompose(
    model: Model,
    X: ArrayLike,
    y: ArrayLike,
    more: Problem | tuple[ArrayLike, ArrayLike],
    *,
    train: Train | None = None,
    restarts: int = 3,
    max_steps: int = 1000,
    time_limit: float = 120.0,
    random_state: int | np.random.Generator | None = 0,
    n_threads: int | None = None,
) -> ErrorDecomposition:
    """The terms of Eq. 6 for `model`, which was fitted to `X` (n, d), `y` (n,) or (n, m): D.

    more : where further rows come from. A problem is sampled as often as needed. Of a table, further rows (X, y) of
        the same kind, as those held out of a fit, half joins D to find f_P and half measures l^P: the estimates are
        then as coarse as these rows are few.
    train : a function of X (n, d) and y (n, m) that fits a model of the same family, for families other than networks
        (also boosted and transformed ones) and those linear in their parameters.
    restarts : random starts of a network for f_D, and as many again for f_P, besides the parameters it has.
    max_steps, time_limit : of each start, and of all together in seconds. Where the time doesn't end a start, the
        result is the same on every run.

    Raises ValueError for rows that don't fit the model, TypeError for a family that needs `train`.
    """
    samples = as_samples(X, y)
    sample = Rows(samples.X, samples.y)
    rng = generator(random_state)
    wanted = model.signature.n_inputs, model.signature.n_outputs
    got = sample.X.shape[1], sample.y.shape[1]
    if got != wanted:
        raise ValueError(
            f"X and y: expected {wanted[0]} and {wanted[1]} columns, as the model has, got {got[0]} and {got[1]}"
        )
    if restarts < 0 or max_steps < 0 or not time_limit >= 0:
        raise ValueError(
            f"restarts, max_steps, time_limit: expected numbers >= 0, got {restarts}, {max_steps}, {time_limit}"
        )
    family = family_of(model) if train is None else _given(train, model)
    n_fits = 4 + 2 * restarts  # of a network: to D from the model and from f_P, to more rows from the model and f_D
    effort = Effort(restarts, max_steps, time_limit / n_fits, rng, n_threads)
    larger, measured, source = _population(more, sample, family, rng)

    to_sample = family.train(sample, [model], effort)
    best_on_sample = _best([model, *to_sample], sample)
    to_larger = family.train(larger, [best_on_sample, model], effort)
    if not family.exact:  # where f_P leads to: l^D(f_D) <= l^D(f_P) by what f_D is
        alone = replace(effort, restarts=0)
        to_sample += family.train(sample, [_best([best_on_sample, *to_larger], measured)], alone)
        best_on_sample = _best([best_on_sample, to_sample[-1]], sample)
    best = _best([best_on_sample, *to_larger], measured)
    how = _sentences(
        family,
        (len(sample.X), len(larger.X), len(measured.X)),
        (len(to_sample), len(to_larger)),
        source,
        _spread(best, measured),
    )
    losses = _loss(model, sample), _loss(best_on_sample, sample), _loss(best_on_sample, measured), _loss(best, measured)
    return ErrorDecomposition(*losses, how, best_on_sample, best)


def _given(train: Train, model: Model) -> Family:
    def fits(rows: Rows, starts: Sequence[Model], effort: Effort) -> list[Model]:
        return [train(rows.X, rows.y)]

    return Family(fits, "the training given", False, model.n_params)


def _population(
    more: Problem | tuple[ArrayLike, ArrayLike], sample: Rows, family: Family, rng: np.random.Generator
) -> tuple[Rows, Rows, str]:
    """Rows to find f_P with, rows to measure l^P on, and what they are."""
    if isinstance(more, Problem):
        n = max(MORE_ROWS * len(sample.X), ROWS_PER_PARAMETER * family.n_params)
        n = max(1, min(n, MOST_NUMBERS // family.n_params))
        larger, measured = (_drawn(more, count, rng) for count in (n, N_MEASURED))
        return larger, measured, f"other rows drawn from {more.name}"
    further = as_samples(*more)
    for name, got, known in (("X", further.X, sample.X), ("y", further.y, sample.y)):
        if got.shape[1] != known.shape[1]:
            raise ValueError(f"more, {name}: expected {known.shape[1]} columns, got {got.shape[1]}")
    if len(further.X) < 2 * FEWEST_MEASURED:
        raise ValueError(f"more: expected a problem or at least {2 * FEWEST_MEASURED} rows, got {len(further.X)}")
    order = rng.permutation(len(further.X))
    n_joined = int(POOL_PART * len(order))
    joined, rest = further.take(order[:n_joined]), further.take(order[n_joined:])
    larger = Rows(np.concatenate([sample.X, joined.X]), np.concatenate([sample.y, joined.y]))
    return larger, Rows(rest.X, rest.y), "rows, D and half of those given"


def _drawn(problem: Problem, n: int, rng: np.random.Generator) -> Rows:
    X, y = problem.sample(n, rng)
    return Rows(X, y[:, None])


def _loss(model: Model, rows: Rows) -> float:
    """The relative RMSE; rows where an interpolator has no value are left out."""
    prediction = model.evaluate(rows.X)
    inside = ~np.isnan(prediction).any(axis=1)
    return Errors.of(prediction[inside], rows.y[inside]).rmse if inside.any() else math.inf


def _spread(model: Model, rows: Rows) -> float:
    """The standard error of `_loss`, relative to it: that of a mean of squares, halved by the root."""
    squares = np.sum((model.evaluate(rows.X) - rows.y) ** 2, axis=1)
    squares = squares[np.isfinite(squares)]
    mean = float(np.mean(squares)) if len(squares) else 0.0
    return 0.5 * float(np.std(squares)) / mean / math.sqrt(len(squares)) if mean > 0 else 0.0


def _best(models: list[Model], rows: Rows) -> Model:
    """The one with the smallest loss, the first of equals."""
    return min(models, key=lambda model: _loss(model, rows))


def _sentences(
    family: Family, rows: tuple[int, int, int], fits: tuple[int, int], source: str, spread: float
) -> dict[str, str]:
    n, n_larger, n_measured = rows
    of_sample, of_larger = (f"{count} fit{'s' if count > 1 else ''}" for count in fits)
    if family.exact:
        optimization = f"0 but for rounding where {family.method}, and all these rows, gave the model"
    else:
        optimization = (
            f"a lower bound: the best of {of_sample} to the {n:,} rows by {family.method} and the model itself "
            "may not be the best there is"
        )
    return {
        "optimization_error": optimization,
        "sampling_luck": (
            f"of that best fit, at the {n:,} rows and at {n_measured:,} that no fit has seen: below 0 where rows were "
            "learned by heart"
        ),
        "generalization_gap": (
            f"a lower bound for that best fit, against the best of {of_larger} to {n_larger:,} {source}"
        ),
        "architecture_error": (
            f"an upper bound: a better fit to these {n_larger:,} may exist; measured on the {n_measured:,}, which tell "
            f"it to {100 * spread:.2g} %"
        ),
    }
