"""Trains one network on one table: Levenberg-Marquardt on few rows first, then on more.

A network of P parameters is first fitted to some ROWS_PER_PARAMETER P values: the cost of a step grows with the rows,
and the way down is long. Where these rows are fitted to rounding, or so much better than the held-out ones that
they no longer tell the function, their number doubles; the last descents on all rows are short. Above
MAX_LEVENBERG_MARQUARDT_PARAMS the P x P systems cost too much, and quasi-Newton methods take over.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from ..arrays import Array
from ..networks import MLP
from ..networks.slopes import Slopes, ValuesAndSlopes
from ..optimize import LBFGS, LeastSquares, LevenbergMarquardt, OptimizeResult, SSBroyden, Status, minimize
from ..optimize.levenberg_marquardt import Graded, LevenbergMarquardtState
from ..optimize.loop import Optimizer
from ..optimize.objective import Network
from .scheduler import Worker
from .search import CALL

# Of 11 trainings of 2e10 multiply-adds, 2.5 is some 30 times better where networks come to 1e-9 and below, and 5 where
# they do not, since fewer rows lead some of them where no more rows help; in the mean they are equal.
ROWS_PER_PARAMETER = 5.0
MAX_LEVENBERG_MARQUARDT_PARAMS = 1500
MAX_QUASI_NEWTON_PARAMS = 4000
# Numbers in the largest Jacobian: 64 MiB, and steps of half a second. More rows than that add little to so smooth a
# function, and they are there among those that models are compared on.
MOST_JACOBIAN_NUMBERS = 2**23
# Multiply-adds between two looks at the held-out rows, where steps are not longer; and steps, where they are short.
LOOK_WORK = 2e8
LOOK_STEPS = 20
# Held-out rows this many times worse than those trained on, for so much work on end, ask for more rows.
OVERFIT = 3.0
OVERFIT_WORK = 2e9
# No more progress of a quasi-Newton method: this share of the work since its start brought less than a tenth of the
# error. Levenberg-Marquardt, which walks along valleys for long before it falls, says itself when it has ended.
PATIENCE_WORK = 1e10
PATIENCE_SHARE = 0.6
PATIENCE_GAIN = 0.9
# Multiply-adds that an activation with its derivatives costs.
ACTIVATION = 20.0
# ... and the derivatives by a parameter of a slope, and all calls of NumPy that a step makes for slopes.
SLOPE, SLOPE_CALLS = 50.0, 60


@dataclass(frozen=True)
class Table:
    """Normalized rows, X (n, d) and y (n, m), in an order without meaning, their weights or None, and slopes, of one
    output, or None."""

    X: Array
    y: Array
    sample_weight: Array | None = None
    slopes: Slopes | None = None

    def first(self, n: int) -> Table:
        weight = None if self.sample_weight is None else self.sample_weight[:n]
        slopes = None if self.slopes is None else self.slopes.first(n)
        return Table(self.X[:n], self.y[:n], weight, slopes)

    @property
    def n_equations(self) -> int:
        """Rows and slopes."""
        return len(self.X) + (0 if self.slopes is None else len(self.slopes))

    def objective(self, network: Network, n_threads: int | None) -> LeastSquares | ValuesAndSlopes:
        """What `network` leaves of the table."""
        values = LeastSquares(network, self.X, self.y, sample_weight=self.sample_weight, n_threads=n_threads)
        if self.slopes is None:
            return values
        assert isinstance(network, MLP)
        return ValuesAndSlopes(network, values, self.slopes)


class Descent:
    """A training on its way: `advance` does the next steps, some `work` multiply-adds of them.

    `params` have the smallest `loss` on the `n_rows` rows trained on so far. `status` says why it has ended, None while
    it goes on; `overfits` whether the last look found the held-out rows OVERFIT times worse.
    """

    def __init__(self, network: Network, params: Array, table: Table, held_out: Table) -> None:
        self.network, self.params, self.table, self.held_out = network, params, table, held_out
        self.second_order = network.n_params <= MAX_LEVENBERG_MARQUARDT_PARAMS
        self.most_rows = self.n_rows = len(table.X)
        if self.second_order:
            P, m = network.n_params, network.n_outputs * table.n_equations / len(table.X)
            self.most_rows = min(len(table.X), max(1, int(MOST_JACOBIAN_NUMBERS / (P * m))))
            self.n_rows = min(self.most_rows, max(50, round(ROWS_PER_PARAMETER * P / m)))
        self.loss = math.inf
        self.n_steps = 0
        self.status: Status | None = None
        self._damping = LevenbergMarquardt.first_damping
        self._result: OptimizeResult | None = None  # on these rows
        self._overfit_work = 0.0
        self._fall: list[tuple[float, float]] = []  # of the loss on these rows: work, smallest so far

    @property
    def ended(self) -> bool:
        return self.status is not None

    @property
    def ended_at_floor(self) -> bool:
        """Whether it has ended because rounding hides what there is to gain on all rows."""
        return self.status is Status.AT_FLOOR and self.n_rows == self.most_rows

    @property
    def work(self) -> float:
        """Multiply-adds of the next `advance`."""
        return self._next_steps * self._step_work + self.pass_work(len(self.held_out.X))

    def advance(self, worker: Worker) -> None:
        """The next steps, and a look at the held-out rows: more rows, or the end, follow from it."""
        work, objective = self.work, self._part.objective(self.network, worker.n_threads)
        result = minimize(
            objective,
            self.params,
            self._method(worker.n_threads),
            max_steps=self._next_steps,
            callback=lambda progress: worker.should_stop(),
            resume=self._result,
        )
        self._result = result
        self.params, self.loss = result.params, result.loss
        self.n_steps += result.n_steps
        error = root_mean_square(self.network, self.params, self.held_out, worker.n_threads)
        overfits = self.n_rows < self.most_rows and error > OVERFIT * math.sqrt(max(self.loss, 0.0))
        self._overfit_work = self._overfit_work + work if overfits else 0.0
        self._fall.append((work + (self._fall[-1][0] if self._fall else 0.0), self.loss))
        if result.status in (Status.AT_FLOOR, Status.STALLED, Status.CONVERGED, Status.NONFINITE):
            self._ends(result.status)
        elif self._overfit_work >= OVERFIT_WORK or self._stagnates():
            self._ends(Status.STALLED)

    def pass_work(self, n: int) -> float:
        """Multiply-adds of the network's values at `n` rows."""
        return n * self._values_work + CALL

    @cached_property
    def _values_work(self) -> float:
        # A network has about as many units as the root of its parameters, times a layer or two.
        return self.network.n_params + 2.0 * ACTIVATION * math.sqrt(self.network.n_params)

    @property
    def _step_work(self) -> float:
        """A step: J'J, its factor, and passes for the loss, the bend and the gradient; near the floor also J, factored
        once more, by solutions and small factors at half the speed of products. Some steps are tried twice.
        """
        n, P, m = float(self._part.n_equations), float(self.network.n_params), self.network.n_outputs
        values = n * self._values_work
        if not self.second_order:
            return 4.0 * values + (4.0 * P * P if P <= MAX_QUASI_NEWTON_PARAMS else 80.0 * P) + 5 * CALL
        work = n * m * P * P / 2.0 + P**3 / 4.0 + 8.0 * m * values + 10 * CALL
        if self.table.slopes is not None:  # in NumPy, of which the squares are not halved
            work += (n - self.n_rows) * P * (0.5 * P + SLOPE) + SLOPE_CALLS * CALL
        if self._result is not None and isinstance(self._result.state.system, Graded):
            work += 1.5 * n * m * P * P + 2.0 * P**3 + 10.0 * n * m * P + 30 * CALL
        return work

    @property
    def _next_steps(self) -> int:
        return int(min(max(1.0, LOOK_WORK // self._step_work), LOOK_STEPS))

    @property
    def _part(self) -> Table:
        """What is trained on."""
        return self.table.first(self.n_rows)

    def _method(self, n_threads: int) -> Optimizer:
        if self.second_order:
            return LevenbergMarquardt(first_damping=self._damping)
        return SSBroyden(n_threads=n_threads) if self.network.n_params <= MAX_QUASI_NEWTON_PARAMS else LBFGS()

    def _ends(self, status: Status) -> None:
        """The end on these rows: goes on with twice as many, if there are."""
        assert self._result is not None
        if self.n_rows == self.most_rows or status is Status.NONFINITE:
            self.status = status
            return
        self.n_rows = min(self.most_rows, 2 * self.n_rows)
        state = self._result.state
        if isinstance(state, LevenbergMarquardtState):
            # The last step that was good had about the damping that the next ones need.
            self._damping = min(LevenbergMarquardt.first_damping, state.best_damping)
        self._result, self._overfit_work, self._fall = None, 0.0, []

    def _stagnates(self) -> bool:
        work, loss = self._fall[-1]
        if self.second_order or work < PATIENCE_WORK:
            return False
        earlier = next((best for at, best in reversed(self._fall) if at <= (1 - PATIENCE_SHARE) * work), math.inf)
        return loss > PATIENCE_GAIN**2 * earlier


def root_mean_square(network: Network, params: Array, table: Table, n_threads: int) -> float:
    """The root of the loss on a table."""
    return math.sqrt(table.objective(network, n_threads).loss(params))
