"""Figures 8 and 9: Adam, BFGS, and the paper's tricks (low-curvature steps, boosting) in 1, 2 and 6 dimensions.

The paper's tricks: a network f1 of width 20 by BFGS on the mean squared error, then low-curvature steps; the same for a
second network f2 on (y - f1)/c, c = mean |y - f1|; the model is f1 + c f2, one network of width 40. Beside it Adam and
BFGS on one network of width 40, and ours: one network of width 20 by Levenberg-Marquardt, on the first 2.5 P of the
same points for P parameters, and on four times as many wherever it fits those it hasn't seen worse than those it has.

All of it runs on the same kernels, on one thread, so that what differs is the method.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil, inf, nan
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array
from ..figures import training
from ..figures.style import COLOURS, OURS, PAPERS
from ..models import Normalization
from ..networks import MLP
from ..optimize import BFGS, Adam, LeastSquares, LevenbergMarquardt, LowCurvature, Progress, Status, minimize
from ..problems import get
from ..scaling import Table
from .figure import Claim, Figure, Setting

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

N_TEST = 10_000
LEARNING_RATES = (1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
WIDTH = 40
# An error is measured whenever the steps of a stage have grown by this factor, for curves on logarithmic axes.
BETWEEN_POINTS = 1.15
# The paper's threshold of the runs of Fig. 8.
TAU = 1e-15
POINTS_PER_PARAMETER = 2.5
MORE_POINTS = 4
# Fits at the rounding of y differ by such a factor between points seen and unseen; overfitting shows as far more.
OVERFITTED = 3.0
# How methods are named in pictures and claims.
ADAM, BFGS_ALONE, BOOSTED = "Adam", "BFGS", "BFGS + low curvature + boosting"
LM, SHALLOW = "Levenberg-Marquardt", "Levenberg-Marquardt, one hidden layer"
METHODS_IN_WORDS = (
    "tanh networks d-40-40-1 by Adam at five learning rates and by BFGS; two networks d-20-20-1 by the paper's tricks, "
    "the second on what the first leaves, scaled, each by BFGS and then by steps in the Hessian's subspace of low "
    "curvature; and one network d-20-20-1 (ours), in one dimension also 1-20-1, by Levenberg-Marquardt on few "
    "of the points."
)
METHODS = (ADAM, BFGS_ALONE, BOOSTED, LM, SHALLOW)
TEACHER, XY, DOT_PRODUCT = "teacher:1-3-3-1:0", "xy-symmetric", "I.11.19"
TITLES = {
    TEACHER: "teacher 1-3-3-1",
    "x^2": "x^2",
    XY: "x y on [-1, 1]^2",
    DOT_PRODUCT: "x1 y1 + x2 y2 + x3 y3",
}
# Bands of absolute errors of Adam, BFGS and the tricks: some orders about those that the paper shows. The tricks, whose
# BFGS here goes on for longer than SciPy's, may be better.
BANDS = {
    XY: ((1e-6, 1e-2), (1e-9, 1e-4), (-inf, 1e-5)),
    DOT_PRODUCT: ((1e-3, 1e0), (1e-7, 1e-2), (-inf, 3e-3)),
}


@dataclass
class Recorder:
    """Errors of the best model so far on fresh points, against steps and the seconds of a clock that can stand still.

    `curve` holds (stage, step, relative RMSE, seconds).
    """

    X: Array
    y: Array
    curve: list[tuple[int, int, float, float]] = field(default_factory=list)
    step: int = 0
    stage: int = 0
    start: float = field(default_factory=perf_counter)
    idle: float = 0.0

    def record(self, step: int, model: Callable[[Array], Array]) -> None:
        seconds = perf_counter() - self.start - self.idle
        error = float(np.sqrt(np.mean((model(self.X) - self.y) ** 2) / np.mean(self.y**2)))
        self.curve.append((self.stage, step, error, seconds))
        self.idle = perf_counter() - self.start - seconds

    def train(
        self,
        objective: LeastSquares,
        params: Array,
        optimizer: Any,
        max_steps: int,
        model_of: Callable[[Array], Callable[[Array], Array]],
    ) -> tuple[Array, float]:
        """The best parameters met and their loss; errors are those of `model_of(params)`."""
        best_loss, best, due = inf, params, 0.0

        def callback(progress: Progress) -> None:
            nonlocal best_loss, best, due
            if progress.loss < best_loss:
                best_loss, best = progress.loss, progress.params.copy()
            if progress.step >= due:
                self.record(self.step + progress.step, model_of(best))
                due = BETWEEN_POINTS * progress.step

        result = minimize(objective, params, optimizer, max_steps=max_steps, callback=callback)
        if result.status is Status.INTERRUPTED:
            raise KeyboardInterrupt
        self.step += result.n_steps
        self.record(self.step, model_of(result.params))
        self.stage += 1
        return result.params, result.loss


@dataclass(frozen=True)
class Rows:
    """Training points, inputs normalized (n, d) and y (n, 1), and where random numbers of parameters come from."""

    X: Array
    y: Array
    rng: np.random.Generator


def train(
    problem: str,
    method: str,
    n: int,
    steps: int,
    *,
    seed: int = 0,
    learning_rate: float = 1e-3,
    batch: int = 10_000,
    low_curvature_steps: int = 500,
) -> dict[str, Any]:
    """One network, or two, trained on `n` points of `problem` by `method` for up to `steps` steps each."""
    target = get(problem)
    X, y = target.sample(n, np.random.default_rng([seed, 0]))
    X_test, y_test = target.sample(N_TEST, np.random.default_rng([seed, 1]))
    # Inputs from [-1, 1] are taken as they are.
    inputs = Normalization.identity(target.n_inputs) if target.bounds[0][0] == -1.0 else Normalization.of(X)
    rows = Rows(inputs.apply(X), y[:, None], np.random.default_rng([seed, 2]))
    recorder = Recorder(inputs.apply(X_test), y_test[:, None])
    d = target.n_inputs
    if method == ADAM:
        n_params = alone(recorder, rows, MLP((d, WIDTH, WIDTH, 1)), Adam(learning_rate, batch), steps)
    elif method == BFGS_ALONE:
        n_params = alone(recorder, rows, MLP((d, WIDTH, WIDTH, 1)), BFGS(n_threads=1), steps)
    elif method == BOOSTED:
        n_params = boosted(recorder, rows, MLP((d, WIDTH // 2, WIDTH // 2, 1)), steps, low_curvature_steps)
    elif method in (LM, SHALLOW):
        hidden = [WIDTH // 2] * (2 if method == LM else 1)
        n_params = levenberg_marquardt(recorder, rows, MLP((d, *hidden, 1)), steps)
    else:
        raise ValueError(f"method: expected one of {', '.join(METHODS)}, got {method!r}")
    rmse = recorder.curve[-1][2]
    return {
        "n_params": n_params,
        "rmse": rmse,
        "rmse_absolute": rmse * float(np.sqrt(np.mean(y_test**2))),
        "stages": recorder.stage,
        "steps_taken": recorder.step,
        "curve": tuple(recorder.curve),
    }


def alone(recorder: Recorder, rows: Rows, network: MLP, optimizer: Any, steps: int) -> int:
    objective = LeastSquares(network, rows.X, rows.y, n_threads=1)
    recorder.train(objective, network.initialize(rows.rng), optimizer, steps, lambda p: _sum(network, [(1.0, p)]))
    return network.n_params


def boosted(recorder: Recorder, rows: Rows, network: MLP, steps: int, low_curvature_steps: int) -> int:
    """The paper's tricks. Residuals are taken in float64, as the paper takes them."""
    before: list[tuple[float, Array]] = []
    for _ in range(2):
        residuals = rows.y - _sum(network, before)(rows.X)
        scale = float(np.mean(np.abs(residuals))) if before else 1.0
        objective = LeastSquares(network, rows.X, residuals / scale, n_threads=1)

        def model_of(params: Array, scale: float = scale) -> Callable[[Array], Array]:
            return _sum(network, [*before, (scale, params)])

        params, _ = recorder.train(objective, network.initialize(rows.rng), BFGS(n_threads=1), steps, model_of)
        params, _ = recorder.train(objective, params, LowCurvature(TAU), low_curvature_steps, model_of)
        before.append((scale, params))
    return 2 * network.n_params


def levenberg_marquardt(recorder: Recorder, rows: Rows, network: MLP, steps: int) -> int:
    params = network.initialize(rows.rng)
    everywhere = LeastSquares(network, rows.X, rows.y, n_threads=1)
    n = min(len(rows.X), ceil(POINTS_PER_PARAMETER * network.n_params))
    while True:
        part = LeastSquares(network, rows.X[:n], rows.y[:n], n_threads=1)
        params, loss = recorder.train(part, params, LevenbergMarquardt(), steps, lambda p: _sum(network, [(1.0, p)]))
        if n == len(rows.X) or everywhere.loss(params) <= OVERFITTED**2 * loss:
            return network.n_params
        n = min(len(rows.X), MORE_POINTS * n)


def _sum(network: MLP, terms: list[tuple[float, Array]]) -> Callable[[Array], Array]:
    """The sum of scaled networks, in float64 as in the paper."""
    return lambda X: sum((c * network.forward(p, X, n_threads=1) for c, p in terms), np.zeros((len(X), 1)))


def draw(table: Table) -> Picture:
    """A column for each problem: errors against steps and against seconds."""
    titles = {name: TITLES.get(name, name) for name in _problems(table)}
    return training.draw(
        {title: [_training(row) for row in table.where(problem=name)] for name, title in titles.items()},
        y=f"relative RMSE on {N_TEST:,} fresh points",
    )


def _training(row: Setting) -> training.Training:
    method = row["method"]
    if method == ADAM:
        shade = 0.1 + 0.15 * LEARNING_RATES.index(row["learning_rate"])
        return training.Training(f"Adam, rate {row['learning_rate']:g}", str(shade), row["curve"])
    colour = {BFGS_ALONE: COLOURS[2], BOOSTED: PAPERS, LM: OURS, SHALLOW: COLOURS[6]}[method]
    return training.Training(method, colour, row["curve"])


def _problems(table: Table) -> list[str]:
    """In the order of TITLES."""
    found = dict.fromkeys(row["problem"] for row in table)
    return sorted(found, key=lambda name: [*TITLES, name].index(name))


def _error(table: Table, problem: str, method: str, name: str = "rmse") -> float:
    """The lowest of this method; NaN where it wasn't run."""
    rows = [row for row in table if (row["problem"], row["method"]) == (problem, method)]
    return min((float(row[name]) for row in rows), default=nan)


def _quotient(a: float, b: float) -> float:
    return a / b if b > 0 else nan


def claims_in_one_dimension(table: Table) -> list[Claim]:
    found = []
    for problem in _problems(table):
        title = TITLES.get(problem, problem)
        adam, bfgs, boosted, lm, shallow = (_error(table, problem, method) for method in METHODS)
        found += [
            Claim(f"{title}: BFGS is better than the best Adam (errors over)", _quotient(adam, bfgs), low=10.0),
            Claim(f"{title}: the tricks are better than BFGS (errors over)", _quotient(bfgs, boosted), low=1e3),
            Claim(f"{title}: error of the best Adam", adam, 1e-7, 1e-2),
            Claim(f"{title}: error of BFGS", bfgs, 1e-11, 1e-5),
            Claim(f"{title}: error of the tricks", boosted, high=1e-10),
            Claim(f"{title}: error of Levenberg-Marquardt on half the width", lm, high=1e-14, ours=True),
            Claim(
                f"{title}: the same with one hidden layer of 20 units (61 parameters)", shallow, high=1e-13, ours=True
            ),
            Claim(
                f"{title}: seconds of the tricks over those until Levenberg-Marquardt is as good",
                _lead(table, problem),
                low=1.0,
                ours=True,
            ),
        ]
    return found


def _lead(table: Table, problem: str) -> float:
    """How many times sooner Levenberg-Marquardt has the error that the tricks end with."""
    ends = {row["method"]: row["curve"] for row in table if row["problem"] == problem and row["method"] != ADAM}
    if not {BOOSTED, LM} <= set(ends):
        return nan
    _, _, error, seconds = ends[BOOSTED][-1]
    reached = next((point[3] for point in ends[LM] if point[2] <= error), inf)
    return _quotient(seconds, reached)


def claims_in_more_dimensions(table: Table) -> list[Claim]:
    """Of absolute errors, as in the paper's figure."""
    found = []
    for problem in _problems(table):
        title = TITLES.get(problem, problem)
        adam, bfgs, boosted, lm, _ = (_error(table, problem, method, "rmse_absolute") for method in METHODS)
        bands = BANDS.get(problem, ((-inf, inf),) * 3)
        found += [
            Claim(f"{title}: BFGS is better than the best Adam (errors over)", _quotient(adam, bfgs), low=3.0),
            Claim(f"{title}: the tricks are better than BFGS (errors over)", _quotient(bfgs, boosted), low=1.0),
            Claim(f"{title}: absolute error of the best Adam", adam, *bands[0]),
            Claim(f"{title}: absolute error of BFGS", bfgs, *bands[1]),
            Claim(f"{title}: absolute error of the tricks", boosted, *bands[2]),
            Claim(
                f"{title}: Levenberg-Marquardt on half the width is better than the tricks (errors over)",
                _quotient(boosted, lm),
                low=10.0,
                ours=True,
            ),
        ]
    gains = [_quotient(_error(table, name, BFGS_ALONE), _error(table, name, BOOSTED)) for name in (XY, DOT_PRODUCT)]
    improvement = _quotient(_error(table, DOT_PRODUCT, ADAM), _error(table, DOT_PRODUCT, BOOSTED))
    found.append(
        Claim(f"{TITLES[DOT_PRODUCT]}: the tricks improve on the best Adam by about two orders", improvement, 10.0, 1e4)
    )
    found.append(
        Claim("what the tricks gain over BFGS shrinks with the dimension (2D over 6D)", _quotient(*gains), low=1.0)
    )
    return found


def _settings(
    problem: str, n: int, adam: tuple[int, int], bfgs: int, tricks: tuple[int, int], lm: int, seeds: int = 1
) -> list[Setting]:
    """The longest first, so that two workers end at about the same time.

    `adam` is steps and rows in a batch, `tricks` steps of BFGS and in the subspace of low curvature for each network.
    """
    found: list[Setting] = []
    for seed in range(seeds):
        own: Setting = {"problem": problem, "n": n, "seed": seed}
        found += [
            {**own, "method": BOOSTED, "steps": tricks[0], "low_curvature_steps": tricks[1]},
            {**own, "method": BFGS_ALONE, "steps": bfgs},
            {**own, "method": LM, "steps": lm},
        ]
        if get(problem).n_inputs == 1:
            found.append({**own, "method": SHALLOW, "steps": lm})
        found += [
            {**own, "method": ADAM, "learning_rate": rate, "steps": adam[0], "batch": adam[1]}
            for rate in LEARNING_RATES
        ]
    return found


def _full(problem: str) -> list[Setting]:
    return _settings(problem, 100_000, (30_000, 10_000), 30_000, (30_000, 500), 2000)


FIG8 = Figure(
    name="fig8",
    title="Tricks in one dimension",
    caption=(
        f"{METHODS_IN_WORDS} Targets are a 1-3-3-1 tanh network and x^2, both on [-1, 1]. Circles end a network's BFGS "
        "or low-curvature steps. The clock stands still while errors are measured."
    ),
    run=train,
    quick=[
        *_settings(TEACHER, 2000, (12_000, 2000), 10_000, (20_000, 30), 2000),
        *_settings("x^2", 2000, (12_000, 2000), 10_000, (20_000, 30), 2000),
    ],
    full=[*_full(TEACHER), *_full("x^2")],
    draw=draw,
    claims=claims_in_one_dimension,
)
FIG9 = Figure(
    name="fig9",
    title="Tricks in two and six dimensions",
    caption=(
        f"{METHODS_IN_WORDS} Targets are x y on [-1, 1]^2, and I.11.19 on [1, 5]^6 with inputs normalized, whose RMS "
        "of 29 lies between the relative errors here and the paper's absolute ones, which the claims are about. The "
        "tricks gain less the more inputs there are."
    ),
    run=train,
    quick=[
        *_settings(DOT_PRODUCT, 5000, (6000, 1000), 4000, (8000, 20), 200),
        *_settings(XY, 3000, (6000, 1000), 6000, (12_000, 20), 200),
    ],
    full=[*_full(XY), *_full(DOT_PRODUCT)],
    draw=draw,
    claims=claims_in_more_dimensions,
)
