"""How `fit` trains networks: a race of random starts by BFGS on the logarithm of the loss.

A few starts run for a slice of the time each; then they go on, the smallest validation error first, each until it makes
no more progress; what time is left goes to further starts. The logarithm of the loss lets BFGS reach errors some four
orders lower than the loss itself does.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from .models import MLP, NetworkModel, Normalization, Signature
from .optimize import BFGS, LBFGS, LeastSquares, LogLoss, OptimizeResult, Progress, Status, minimize
from .report import Candidate, Errors
from .session import Session

N_RACERS = 3
MAX_STARTS = 8
RACE_SHARE = 0.1  # of the time limit, for each racer
# Values a parameter needs. Without noise, wide networks do best down to about here, and the held-out rows watch.
VALUES_PER_PARAMETER = 2
MAX_WIDTH_ONE_LAYER = 40
MAX_WIDTH_TWO_LAYERS = 20
# Above this many parameters the P x P matrix of BFGS costs more than it brings.
MAX_BFGS_PARAMS = 4000
# Steps between two looks at the held-out rows, and seconds where steps are slow.
LOOK_STEPS = 100
LOOK_SECONDS = 0.5
# No more progress: the last 40 % of the steps brought less than a tenth of the error.
PATIENCE_STEPS = 2000
PATIENCE_FRACTION = 0.4
PATIENCE_GAIN = 0.9


@dataclass
class Start:
    """One random start: its network, and what training has made of it so far."""

    number: int
    mlp: MLP
    seed: int
    result: OptimizeResult | None = None
    best_params: np.ndarray | None = None
    best_errors: Errors = field(default_factory=lambda: Errors(math.inf, math.inf, math.inf))
    train_rmse: float = math.inf
    seconds: float = 0.0
    ended: str = ""
    losses: list[tuple[int, float]] = field(default_factory=list)
    n_steps: int = 0

    @property
    def description(self) -> str:
        return f"{'-'.join(map(str, self.mlp.widths))} {self.mlp.activation}"

    @property
    def finished(self) -> bool:
        """Whether more time would bring nothing."""
        return self.ended in ("no more progress", "at floor", "stalled", "converged", "nonfinite")


def train_networks(session: Session, random_state: np.random.Generator) -> None:
    """Trains networks on the session's data and offers it every improvement."""
    training = _Training(session)
    seeds = [int(s) for s in random_state.integers(2**31, size=MAX_STARTS)]
    shapes = architectures(training.signature.n_inputs, training.signature.n_outputs, len(session.train.X))
    starts = [Start(i + 1, MLP(shapes[i % len(shapes)]), seed) for i, seed in enumerate(seeds)]
    try:
        for start in starts[:N_RACERS]:
            training.run(start, RACE_SHARE * session.time_limit)
        by_error = sorted(starts[:N_RACERS], key=lambda start: start.best_errors.rmse)
        for start in [*by_error, *starts[N_RACERS:]]:
            training.run(start, session.remaining)
    finally:
        session.candidates += [training.candidate(start) for start in starts if start.result is not None]


def architectures(n_inputs: int, n_outputs: int, n_rows: int) -> list[tuple[int, ...]]:
    """Layer widths worth trying, as wide as the rows can determine: two hidden layers, and one."""
    two = _widest(lambda w: MLP((n_inputs, w, w, n_outputs)).n_params, n_rows * n_outputs, MAX_WIDTH_TWO_LAYERS)
    one = _widest(lambda w: MLP((n_inputs, w, n_outputs)).n_params, n_rows * n_outputs, MAX_WIDTH_ONE_LAYER)
    return [(n_inputs, two, two, n_outputs), (n_inputs, one, n_outputs)]


def _widest(n_params: Callable[[int], int], n_values: int, most: int) -> int:
    return max((w for w in range(2, most + 1) if VALUES_PER_PARAMETER * n_params(w) <= n_values), default=2)


class _Training:
    """The session's data, normalized once for all starts."""

    def __init__(self, session: Session) -> None:
        self.session = session
        train = session.train
        self.inputs = Normalization.of(train.X)
        self.outputs = Normalization.of(train.y)
        self.X = self.inputs.apply(train.X)
        self.y = self.outputs.apply(train.y)
        self.validation_X = self.inputs.apply(session.validation.X)
        self.signature = Signature(
            train.X.shape[1], train.y.shape[1], train.y_is_vector, train.input_names, train.output_names
        )

    def run(self, start: Start, seconds: float) -> None:
        """Trains `start` for up to `seconds`, from where it stands."""
        session = self.session
        if start.finished or (session.should_stop and session.best is not None):
            return
        objective = LogLoss(
            LeastSquares(
                start.mlp, self.X, self.y, sample_weight=session.train.sample_weight, n_threads=session.n_threads
            )
        )
        method = BFGS(n_threads=session.n_threads) if start.mlp.n_params <= MAX_BFGS_PARAMS else LBFGS()
        before = start.seconds
        offset = start.n_steps
        ended = ""
        last_look = 0.0

        def watch(progress: Progress) -> bool:
            nonlocal ended, last_look
            step = offset + progress.step
            if progress.step % LOOK_STEPS and progress.seconds - last_look < LOOK_SECONDS:
                return session.guard.requested
            last_look = progress.seconds
            self._look(start, progress)
            start.losses.append((step, progress.loss))
            if _stagnates(start.losses):
                ended = "no more progress"
            return bool(ended) or session.should_stop

        result = minimize(
            objective,
            start.mlp.initialize(start.seed),
            method,
            max_steps=2**62,
            max_seconds=min(seconds, session.remaining),
            callback=watch,
            resume=start.result,
        )
        self._look(start, Progress(result.n_steps, result.params, result.loss, 0.0, result.seconds))
        start.result = result
        start.n_steps += result.n_steps
        start.seconds = before + result.seconds
        start.ended = ended or _ENDED.get(result.status, "stopped")

    def model(self, start: Start, params: np.ndarray) -> NetworkModel:
        return NetworkModel(
            start.mlp,
            params,
            inputs=self.inputs,
            outputs=self.outputs,
            signature=self.signature,
            n_threads=self.session.n_threads,
        )

    def candidate(self, start: Start) -> Candidate:
        return Candidate(
            "network",
            f"{start.description}, start {start.number}",
            start.mlp.n_params,
            start.train_rmse,
            start.best_errors.rmse,
            start.best_errors.p95,
            start.best_errors.max,
            start.seconds,
            start.ended,
        )

    def _look(self, start: Start, progress: Progress) -> None:
        """Errors on the validation rows now; the parameters are kept if these are the smallest yet."""
        session = self.session
        normalized = start.mlp.forward(progress.params, self.validation_X, n_threads=session.n_threads)
        errors = Errors.of(self.outputs.invert(normalized), session.validation.y)
        if errors.rmse < start.best_errors.rmse or start.best_params is None:
            start.best_params, start.best_errors = progress.params.copy(), errors
            params = start.best_params
            start.train_rmse = self._train_rmse(progress.loss)
            session.offer(lambda: self.model(start, params), errors)
        session.show(start.description, errors)

    def _train_rmse(self, log_loss: float) -> float:
        """Relative RMSE on the training rows, from the loss in units of the outputs' spread."""
        spread = self.outputs.scale
        rms = np.sqrt(spread**2 + self.outputs.shift**2)
        relative = np.divide(spread, rms, out=np.zeros_like(spread), where=rms > 0)
        return math.exp(0.5 * log_loss) * float(np.sqrt(np.mean(relative**2)))


_ENDED = {
    Status.AT_FLOOR: "at floor",
    Status.STALLED: "stalled",
    Status.CONVERGED: "converged",
    Status.NONFINITE: "nonfinite",
    Status.MAX_SECONDS: "time",
    Status.INTERRUPTED: "interrupted",
}


def _stagnates(losses: list[tuple[int, float]]) -> bool:
    """Whether the last part of these (step, log loss) brought too little."""
    step, loss = losses[-1]
    if step < PATIENCE_STEPS:
        return False
    earlier = next(value for at, value in reversed(losses) if at <= (1 - PATIENCE_FRACTION) * step)
    return loss > earlier + 2.0 * math.log(PATIENCE_GAIN)
