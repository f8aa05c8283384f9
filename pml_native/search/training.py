"""One network trained on rows, in some coordinates: as given, or the logarithms of what is positive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from ..arrays import Array, Samples
from ..models import Boosted, Model, NetworkModel, Normalization, Transformed
from ..models.transformed import input_slopes
from ..networks import MLP
from ..networks.slopes import Slopes
from ..optimize import LevenbergMarquardt, Status, minimize
from .descent import Descent, Table
from .scheduler import Step, Worker
from .search import Found, Rows

# A column spans enough for its logarithm to be another coordinate.
LEAST_RATIO = 1.5
# What a slope by the unit of length, of columns of variance 1, is taken to be off by, over what y is, at least.
LEAST_SLOPE = 6.0
# An error, which is sorted, takes as long as so many multiply-adds; so many values of rows trained on are measured at.
MEASURING = 200.0
MOST_MEASURED = 1_000_000
# Steps of Levenberg-Marquardt that move a trained network to what it would be without some of the rows.
NEARBY_STEPS = 30
# The rounding of a network is some hundred eps; where a training ends with more than this, it is for other reasons.
MET = 1e-11

ENDED = {
    Status.AT_FLOOR: "at floor",
    Status.STALLED: "no more progress",
    Status.CONVERGED: "converged",
    Status.NONFINITE: "nonfinite",
}


@dataclass(frozen=True)
class Coordinates:
    """Transforms of the inputs and outputs by name; the rows in them; these normalized, to train on and held out."""

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    rows: Rows
    input_normalization: Normalization
    output_normalization: Normalization
    train: Table
    held_out: Table

    @classmethod
    def of(cls, rows: Rows, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Coordinates:
        train, held_out = (_in_coordinates(samples, inputs, outputs) for samples in (rows.train, rows.held_out))
        of_X, of_y = Normalization.of(train.X), Normalization.of(train.y)
        tables = (table_of(samples, of_X, of_y) for samples in (train, held_out))
        return cls(inputs, outputs, Rows(train, held_out), of_X, of_y, *tables)

    @classmethod
    def as_given(cls, rows: Rows) -> Coordinates:
        return cls.of(rows, ("identity",) * rows.n_inputs, ("identity",) * rows.n_outputs)

    @property
    def are_given(self) -> bool:
        return set(self.inputs) | set(self.outputs) == {"identity"}

    def __str__(self) -> str:
        return " ".join(["log X"] * ("log" in self.inputs) + ["log y"] * ("log" in self.outputs))

    def describe(self, what: str) -> str:
        """`what`, and the coordinates it is made in."""
        return f"{what} {self}".rstrip()


def table_of(samples: Samples, of_X: Normalization, of_y: Normalization) -> Table:
    """The rows normalized, and of one output its slopes by the unit of length there."""
    X, y, known, slopes = of_X.apply(samples.X), of_y.apply(samples.y), samples.derivatives, None
    first = None if known is None or y.shape[1] > 1 else known.some(known.order == 1)
    if first is not None:
        unit_x, unit_y = (np.ldexp(of.divisor, of.exponent) for of in (of_X, of_y))
        along = first.directions / unit_x
        length = np.linalg.norm(along, axis=1)
        first = first.some(length > 0.0)
    if first is not None:
        along, length = along[length > 0.0], length[length > 0.0]
        values = first.values[:, 0] / (unit_y[0] * length)
        _, at, place = np.unique(first.numbers, return_index=True, return_inverse=True)
        size = max(LEAST_SLOPE, float(np.sqrt(np.mean(values**2))))
        weight = samples.sample_weight
        factors = np.full(len(values), 1.0 / size)
        if weight is not None:
            factors *= np.sqrt(np.where(first.rows < 0, 1.0, weight[first.rows]))
        U = of_X.apply(np.ascontiguousarray(first.X[at]))
        slopes = Slopes(U, place, along / length[:, None], values, factors, first.rows)
    return Table(X, y, samples.sample_weight, slopes)


def _in_coordinates(samples: Samples, inputs: tuple[str, ...], outputs: tuple[str, ...]) -> Samples:
    X, y, known = Transformed.transform_inputs(samples.X, inputs), samples.y, samples.derivatives
    if "log" not in outputs:
        changed = samples.changed(X)
    else:
        # The logarithm of y changes as y relative to itself.
        changed = samples.in_coordinates(X, Transformed.transform_outputs(y, outputs), y[:, 0])
    is_log = np.array([name == "log" for name in inputs])
    known = None if known is None else known.some(np.all(known.X[:, is_log] > 0.0, axis=1))
    if known is None or y.shape[1] > 1:
        return changed
    by_x = input_slopes(known.X, inputs)[0][:, :, None] * np.eye(X.shape[1])
    values = known.values
    if "log" in outputs:
        with np.errstate(all="ignore"):
            values = np.where(known.rows[:, None] < 0, np.nan, values / y[known.rows])
    U = Transformed.transform_inputs(known.X, inputs)
    return replace(changed, derivatives=known.in_variables(U, by_x, values))


def without(samples: Samples, model: Model, factor: Array) -> Samples:
    """What a `factor` (m,) times the `model` leaves of the samples."""
    known = samples.derivatives
    if known is not None:
        known = replace(known, values=known.values - factor * known.of(model))
    return replace(samples.changed(y=samples.y - factor * model.evaluate(samples.X)), derivatives=known)


def candidate_coordinates(rows: Rows) -> list[Coordinates]:
    """As given, and with logarithms of the inputs, the outputs, or both that are positive and span enough."""
    as_given = ("identity",) * rows.n_inputs, ("identity",) * rows.n_outputs
    corners = [] if rows.corners is None else [rows.corners]
    inputs = _logarithms(np.concatenate([rows.train.X, rows.held_out.X, *corners]))
    outputs = _logarithms(np.concatenate([rows.train.y, rows.held_out.y]))
    if len(set(outputs)) > 1:  # one output in logarithms beside one that isn't would weigh them differently
        outputs = as_given[1]
    choices = [as_given, (inputs, as_given[1]), (inputs, outputs), (as_given[0], outputs)]
    return [Coordinates.of(rows, *choice) for choice in dict.fromkeys(choices)]


def _logarithms(values: Array) -> tuple[str, ...]:
    lowest, highest = np.min(values, axis=0), np.max(values, axis=0)
    positive = (lowest > 0) & (highest / LEAST_RATIO > np.maximum(lowest, 0.0))
    return tuple("log" if one else "identity" for one in positive)


class Training:
    """One random start of one network, trained step by step; `best` is what it has found, and None before a step."""

    def __init__(self, rows: Rows, coordinates: Coordinates, mlp: MLP, params: Array) -> None:
        self.coordinates, self.mlp = coordinates, mlp
        self.rows = rows.fewer(MOST_MEASURED // rows.n_outputs + 1, rows.n_held_out)
        self.descent = Descent(mlp, params, coordinates.train, coordinates.held_out)
        self.best: Found | None = None
        self.network: NetworkModel | None = None  # the best one, in its coordinates
        self.work = 0.0
        self.description = coordinates.describe(str(mlp))

    @property
    def ended(self) -> bool:
        return self.descent.ended

    @property
    def fits_all_rows(self) -> bool:
        """Whether it has ended because all rows are met to rounding, which a local minimum does not do."""
        return self.descent.ended_at_floor and self.best is not None and self.best.train_rmse <= MET

    @property
    def status(self) -> str:
        """What has ended it, for the report."""
        return "in training" if self.descent.status is None else ENDED[self.descent.status]

    @property
    def error(self) -> float:
        """The least so far."""
        return np.inf if self.best is None else self.best.error

    def step(self) -> Step:
        """Some steps of its descent; the result is a model that is better than those before, or None."""
        work = self.descent.work + self._measuring_work
        self.work += work
        return Step(work, self._advance)

    def _advance(self, worker: Worker) -> Found | None:
        with np.errstate(all="ignore"):
            self.descent.advance(worker)
            network = self._network(self.descent.params)
            found = self.rows.found(
                self.wrapped(network),
                "network",
                self.description,
                coordinates=self.description,
                status=self.status,
                uses_derivatives=self.coordinates.train.slopes is not None,
                nearby=partial(self.nearby, network) if self.descent.second_order else None,
                nearby_work=self.nearby_work,
            )
        if self.best is not None and not found.score < self.best.score:
            return None
        self.best, self.network = found, network
        return found

    def nearby(
        self, network: NetworkModel, samples: Samples, *, beside: tuple[NetworkModel, Array] | None = None
    ) -> Model:
        """What the network would be of these `samples`: some steps from where it is.

        With another one `beside` it, and its factor (m,), it is the sum that is to meet the samples.
        """
        of = self.coordinates
        samples = _in_coordinates(samples.first(self.descent.most_rows), of.inputs, of.outputs)
        if beside is not None:
            samples = without(samples, beside[0], beside[1])
        table = table_of(samples, of.input_normalization, of.output_normalization)
        objective = table.objective(self.mlp, 1)
        with np.errstate(all="ignore"):
            result = minimize(objective, network.params, LevenbergMarquardt(), max_steps=NEARBY_STEPS)
        again = self._network(result.params)
        if beside is None:
            return self.wrapped(again)
        second, scale = beside
        return self.wrapped(Boosted([again, second], np.stack([np.ones_like(scale), scale]), self.rows.signature))

    @property
    def nearby_work(self) -> float:
        """Of `nearby`."""
        return NEARBY_STEPS * self.rows.n * self.rows.n_outputs * self.mlp.n_params**2 / 2.0

    @cached_property
    def _measuring_work(self) -> float:
        n = self.rows.n + self.rows.n_held_out
        return self.descent.pass_work(n) + MEASURING * n * self.rows.n_outputs

    def _network(self, params: Array) -> NetworkModel:
        of = self.coordinates
        return NetworkModel(
            self.mlp,
            params,
            inputs=of.input_normalization,
            outputs=of.output_normalization,
            signature=self.rows.signature,
            n_threads=1,
        )

    def wrapped(self, model: Model) -> Model:
        """The `model` of these coordinates as one of x and y."""
        of = self.coordinates
        return model if of.are_given else Transformed(model, of.inputs, of.outputs, self.rows.signature)


def widest(n_params: Callable[[int], int], n_values: int, most: int, values_per_parameter: float = 2.0) -> int:
    """The largest width up to `most` whose parameters the values can determine; 2 at least."""
    return max((w for w in range(2, most + 1) if values_per_parameter * n_params(w) <= n_values), default=2)
