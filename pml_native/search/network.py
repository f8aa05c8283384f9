"""How `fit` trains networks.

Small networks race in several coordinates (as given; logarithms of what is positive), because coordinates decide more
than width. The winner goes on; then wider networks are trained in its coordinates, as long as a wider one may gain;
then a second network on what the best one left over. Everything is chosen on the held-out rows.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ..arrays import Array
from ..fitting.coordinates import Coordinates, candidate_coordinates
from ..fitting.session import Session
from ..models import Boosted, Model, NetworkModel, Signature, Transformed
from ..networks import MLP
from ..optimize import Status
from ..report import Errors
from .boosting import StageData, boost, stage_network, widest
from .descent import Descent, descend, shuffled

# Shares of the time limit: of each racer, of the winner alone, and what is left for a second stage.
RACE_SHARE = 0.05
WINNER_SHARE = 0.25
BOOST_SHARE = 0.2
# Widths of two hidden layers that are tried one after the other.
WIDTHS = (12, 20, 28)
ONE_INPUT_WIDTHS = (20, 40)


def train_networks(session: Session, random_state: np.random.Generator) -> None:
    """Trains networks on the session's data and offers it every improvement."""
    training = _Training(session, random_state)
    narrowest, *wider = training.shapes()
    runs = [_Run(training, choice, narrowest) for choice in candidate_coordinates(session)]
    try:
        if len(runs) > 1:
            for run in runs:
                run.train(RACE_SHARE * session.time_limit)
        winner = min(runs, key=lambda run: run.error)
        winner.train(WINNER_SHARE * session.time_limit)
        for hidden in wider:
            # A network that meets all rows to rounding has no use for more parameters.
            if session.finished or runs[-1].fits_all_rows or winner.fits_all_rows:
                break
            seconds = (1.0 - BOOST_SHARE) * session.time_limit - session.elapsed
            if seconds < RACE_SHARE * session.time_limit:
                break
            runs.append(_Run(training, winner.coordinates, hidden))
            runs[-1].train(seconds)
    finally:
        for run in runs:
            run.record()
    if not session.should_stop:
        training.boost()


class _Training:
    """The session, the models trained so far, and how they are shown to it."""

    def __init__(self, session: Session, rng: np.random.Generator) -> None:
        self.session, self.rng = session, rng
        train = session.train
        self.n_inputs, self.n_outputs = train.X.shape[1], train.y.shape[1]
        self.signature = Signature.of(train)
        self.best: tuple[float, Coordinates, NetworkModel] | None = None

    def shapes(self) -> list[tuple[int, ...]]:
        """Hidden widths to try, the smallest first, as wide as the rows can determine."""
        n_values = len(self.session.train.X) * self.n_outputs

        def n_params(hidden: tuple[int, ...]) -> int:
            return MLP((self.n_inputs, *hidden, self.n_outputs)).n_params

        wanted = [(w,) for w in ONE_INPUT_WIDTHS if self.n_inputs == 1] + [(w, w) for w in WIDTHS]
        narrow = widest(lambda w: n_params((w, w)), n_values, WIDTHS[0])
        return [hidden for hidden in wanted if 2 * n_params(hidden) <= n_values] or [(narrow, narrow)]

    def boost(self) -> None:
        """A second network on what the best one leaves over; kept where the held-out error falls."""
        session = self.session
        if self.best is None or session.should_stop:
            return
        _, coordinates, first = self.best
        descents = []

        def second(data: StageData) -> NetworkModel:
            network, descent = stage_network(data)
            descents.append(descent)
            return network

        total = boost(
            coordinates.X,
            coordinates.y,
            first=first,
            trainer=second,
            sample_weight=session.train.sample_weight,
            validation=(coordinates.held_out_X, coordinates.held_out_y),
            time_limit=min(session.remaining, BOOST_SHARE * session.time_limit)
            if session.finished
            else session.remaining,
            random_state=self.rng,
            n_threads=session.n_threads,
        )
        if len(total.stages) == 1:
            return
        # boost was given y as (n, m) without names: the sum answers in the shape the user's y had.
        model = self.wrapped(Boosted(total.stages, total.scales, self.signature), coordinates)
        found = session.validation_errors(model)
        session.offer(lambda: model, found)
        description = described("sum of 2 networks", coordinates)
        self.record(model, description, found, descents[0])

    def network(self, mlp: MLP, params: Array, coordinates: Coordinates) -> NetworkModel:
        return NetworkModel(
            mlp,
            params,
            inputs=coordinates.input_normalization,
            outputs=coordinates.output_normalization,
            signature=self.signature,
            n_threads=self.session.n_threads,
        )

    def wrapped(self, model: Model, coordinates: Coordinates) -> Model:
        if coordinates.are_given:
            return model
        return Transformed(model, coordinates.inputs, coordinates.outputs, self.signature)

    def unit(self, coordinates: Coordinates) -> float:
        """What a relative error of 1 is in units of the root of the loss; near enough where y is transformed."""
        outputs = coordinates.output_normalization
        spread = np.where(outputs.scale > 0, outputs.scale, 1.0)
        if "log" in coordinates.outputs:  # relative errors are differences of logarithms
            return float(np.sqrt(np.mean(np.ldexp(1.0 / spread, -outputs.exponent) ** 2)))
        scaled = np.ldexp(self.session.train.y, -outputs.exponent)
        return float(np.sqrt(np.mean(np.mean(scaled**2, axis=0) / spread**2)))

    def record(self, model: Model, description: str, errors: Errors, descent: Descent) -> None:
        status = _ENDED.get(descent.status, "stopped")
        self.session.record("network", model, description, errors, descent.seconds, status)


class _Run:
    """One random start of one network in some coordinates, which can be trained in several goes."""

    def __init__(self, training: _Training, coordinates: Coordinates, hidden: tuple[int, ...]) -> None:
        self.training, self.coordinates = training, coordinates
        self.mlp = MLP((training.n_inputs, *hidden, training.n_outputs))
        self.params = self.best_params = self.mlp.initialize(training.rng)
        self.errors, self.error = Errors(np.inf, np.inf, np.inf), np.inf
        self.descent: Descent | None = None
        self.description = described(str(self.mlp), coordinates)
        self.table = shuffled(
            coordinates.input_normalization.apply(coordinates.X),
            coordinates.output_normalization.apply(coordinates.y),
            training.session.train.sample_weight,
            training.rng,
        )
        self.unit = training.unit(coordinates)

    @property
    def model(self) -> Model:
        """With the parameters that were best on the held-out rows."""
        network = self.training.network(self.mlp, self.best_params, self.coordinates)
        return self.training.wrapped(network, self.coordinates)

    @property
    def ended(self) -> bool:
        return self.descent is not None and self.descent.status in (Status.AT_FLOOR, Status.STALLED, Status.NONFINITE)

    @property
    def fits_all_rows(self) -> bool:
        descent = self.descent
        return descent is not None and descent.status is Status.AT_FLOOR and descent.used_all_rows

    def record(self) -> None:
        """Reports it, if it has been trained."""
        if self.descent is not None:
            self.training.record(self.model, self.description, self.errors, self.descent)

    def train(self, seconds: float) -> None:
        """Goes on for up to `seconds`, and always for one look at the held-out rows."""
        session = self.training.session
        if self.ended or (session.should_stop and session.best is not None):
            return
        before = self.descent
        self.descent = descend(
            self.mlp,
            self.params,
            self.table,
            self._look,
            seconds=min(max(seconds, 0.0), session.remaining),
            should_stop=lambda: session.should_stop,
            n_threads=session.n_threads,
            resume=before,
        )
        if before is not None:
            self.descent = dataclasses.replace(self.descent, seconds=before.seconds + self.descent.seconds)

    def _look(self, params: Array, loss: float) -> float:
        training, session = self.training, self.training.session
        network = training.network(self.mlp, params, self.coordinates)
        model = training.wrapped(network, self.coordinates)
        errors = session.validation_errors(model)
        error = session.judged(model, errors)
        if error < self.error or (self.descent is None and not np.isfinite(self.error)):
            self.error, self.errors, self.best_params = error, errors, params.copy()
            kept = self.model
            session.offer(lambda: kept, errors)
            if training.best is None or error < training.best[0]:
                training.best = error, self.coordinates, training.network(self.mlp, self.best_params, self.coordinates)
        session.show(self.description, errors)
        return error * self.unit


def described(what: str, coordinates: Coordinates) -> str:
    return f"{what} {coordinates}".rstrip()


_ENDED = {
    Status.AT_FLOOR: "at floor",
    Status.STALLED: "no more progress",
    Status.CONVERGED: "converged",
    Status.NONFINITE: "nonfinite",
    Status.MAX_SECONDS: "time",
    Status.INTERRUPTED: "interrupted",
}
