"""The training of "Precision Machine Learning" (Michaud, Liu and Tegmark 2022, Fig. 8) beside pml_native's: error
against seconds on the paper's two tasks in one dimension, y of a teacher network and y = x^2, both on [-1, 1].

    python bench/paper_pipeline.py             # some minutes: writes bench/paper_pipeline.csv and .png
    python bench/paper_pipeline.py --full      # the paper's own protocol: hours
    python bench/paper_pipeline.py --quick     # seconds: writes bench/paper_pipeline_quick.csv and .png

The paper's: a 1-20-20-1 tanh network f1, with PyTorch's initialization, by BFGS on the mean squared error; then
low-curvature steps; then the same for a second network f2 on (y - f1)/c, c = mean |y - f1|. The model is f1 + c f2.
Ours: one network by Levenberg-Marquardt, on the first 2.5 P of the same points for P parameters, and on four times as
many wherever it turns out to fit those it hasn't seen worse than those it has.

All of it runs on pml_native's kernels and optimizers, on one thread, so that what differs is the method. A curve shows
the error of the best parameters met so far, on 10,000 fresh points; the clock stands still while it is measured.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections.abc import Callable
from dataclasses import astuple, dataclass, field, fields
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from pml_native import MLP, LeastSquares
from pml_native.optimize import BFGS, LevenbergMarquardt, LowCurvature, OptimizeResult, minimize

HERE = Path(__file__).parent
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
Array = np.ndarray

N_TEST = 10_000
# Points, networks and teachers are drawn from streams of their own; training points from the seeds themselves.
FIRST_TEST_SEED = 1_000_000
FIRST_NETWORK_SEED = 2_000_000
FIRST_TEACHER_SEED = 3_000_000
POINTS_PER_PARAMETER = 2.5
MORE_POINTS = 4
# Fits at the rounding of y differ by such a factor between points seen and unseen; overfitting shows as far more.
OVERFITTED = 3.0
MAX_LM_STEPS = 2000
# Curves are drawn on logarithmic axes: an error is measured whenever the clock has gone on by this factor.
BETWEEN_POINTS = 1.08

TASKS: dict[str, Callable[[int], Callable[[Array], Array]]] = {
    "teacher": lambda seed: _teacher(seed),
    "x^2": lambda seed: np.square,
}
TITLES = {"teacher": "teacher, 1-3-3-1 tanh", "x^2": r"$y = x^2$"}
PAPER, OURS, OURS_SHALLOW = "paper: 2 x 1-20-20-1", "LM: 1-20-20-1", "LM: 1-20-1"
# Colours of Okabe and Ito, told apart by the colour-blind.
COLOURS = {PAPER: "#D55E00", OURS: "#0072B2", OURS_SHALLOW: "#000000"}


@dataclass(frozen=True)
class Protocol:
    """How much of the paper's protocol is run."""

    n: int
    bfgs_iterations: int
    low_curvature_steps: int

    def __str__(self) -> str:
        return (
            f"n = {self.n:,}, each network by up to {self.bfgs_iterations:,} BFGS iterations, then "
            f"{self.low_curvature_steps:,} low-curvature steps"
        )


PROTOCOL_COLUMNS = [column.name for column in fields(Protocol)]
PROTOCOLS = {
    "default": Protocol(10_000, 20_000, 100),
    "full": Protocol(100_000, 30_000, 500),
    "quick": Protocol(2_000, 1_000, 5),
}


@dataclass
class Curve:
    """Test errors against the seconds of a clock that can stand still."""

    error_of: Callable[[Callable[[Array], Array]], float]
    rows: list[tuple[str, float, float]] = field(default_factory=list)
    start: float = field(default_factory=perf_counter)
    idle: float = 0.0

    def seconds(self) -> float:
        return perf_counter() - self.start - self.idle

    def record(self, stage: str, model: Callable[[Array], Array]) -> None:
        seconds = self.seconds()
        self.rows.append((stage, seconds, self.error_of(model)))
        self.idle += self.seconds() - seconds

    def train(
        self, stage: str, objective: LeastSquares, params: Array, optimizer: Any, max_steps: int, model_of: Any
    ) -> OptimizeResult:
        """Minimizes, and records the errors of `model_of(params)` on the way and at the end."""
        best_loss, best, due = np.inf, params, 0.0

        def callback(progress: Any) -> None:
            nonlocal best_loss, best, due
            if progress.loss < best_loss:
                best_loss, best = progress.loss, progress.params.copy()
            if self.seconds() >= due:
                self.record(stage, model_of(best))
                due = BETWEEN_POINTS * self.seconds()

        result = minimize(objective, params, optimizer, max_steps=max_steps, callback=callback)
        self.record(stage, model_of(result.params))
        print(f"    {stage}: {result.n_steps:,} steps, {result.message}", flush=True)
        return result


def papers_pipeline(curve: Curve, X: Array, y: Array, protocol: Protocol, seed: int) -> None:
    network = MLP((1, 20, 20, 1))
    rng = np.random.default_rng(FIRST_NETWORK_SEED + seed)
    before: list[tuple[float, Array]] = []
    scale, residuals = 1.0, y
    for number in (1, 2):
        if number == 2:
            residuals = y - _sum(network, before)(X)
            scale = float(np.mean(np.abs(residuals)))
        objective = LeastSquares(network, X, residuals / scale, n_threads=1)
        params = network.initialize(rng)

        def model_of(params: Array, scale: float = scale) -> Callable[[Array], Array]:
            return _sum(network, [*before, (scale, params)])

        for stage, optimizer, max_steps in (
            (f"net {number}: BFGS", BFGS(n_threads=1), protocol.bfgs_iterations),
            (f"net {number}: low curvature", LowCurvature(), protocol.low_curvature_steps),
        ):
            params = curve.train(stage, objective, params, optimizer, max_steps, model_of).params
        before.append((scale, params))


def levenberg_marquardt(curve: Curve, X: Array, y: Array, widths: tuple[int, ...], seed: int) -> None:
    network = MLP(widths)
    params = network.initialize(FIRST_NETWORK_SEED + seed)
    n = min(len(X), int(np.ceil(POINTS_PER_PARAMETER * network.n_params)))
    while True:
        objective = LeastSquares(network, X[:n], y[:n], n_threads=1)
        result = curve.train(
            f"{n:,} points", objective, params, LevenbergMarquardt(), MAX_LM_STEPS, lambda p: _sum(network, [(1.0, p)])
        )
        params = result.params
        everywhere = LeastSquares(network, X, y, n_threads=1).loss(params)
        if n == len(X) or everywhere <= OVERFITTED**2 * result.loss:
            return
        n = min(len(X), MORE_POINTS * n)


PIPELINES: dict[str, Callable[[Curve, Array, Array, Protocol, int], None]] = {
    PAPER: papers_pipeline,
    OURS: lambda curve, X, y, protocol, seed: levenberg_marquardt(curve, X, y, (1, 20, 20, 1), seed),
    OURS_SHALLOW: lambda curve, X, y, protocol, seed: levenberg_marquardt(curve, X, y, (1, 20, 1), seed),
}


def main() -> None:
    parser = argparse.ArgumentParser(description="The paper's training and pml_native's: error against seconds.")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--quick", action="store_const", const="quick", dest="name", help="seconds instead of minutes")
    chosen.add_argument("--full", action="store_const", const="full", dest="name", help="the paper's protocol: hours")
    parser.add_argument("--seeds", type=int, help="default 3; 1 with --quick")
    parser.add_argument("--n", type=int, help="training points")
    parser.add_argument("--bfgs-iterations", type=int, help="the most, for each network")
    parser.add_argument("--low-curvature-steps", type=int, help="the most, for each network")
    parser.add_argument("--plot-only", action="store_true", help="draw the table that is there")
    options = parser.parse_args()
    # BLAS reads these when it is loaded, which it has been: once more, from the start.
    if not ONE_THREAD.items() <= os.environ.items():
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **ONE_THREAD})
    preset = PROTOCOLS[options.name or "default"]
    protocol = Protocol(
        options.n or preset.n,
        preset.bfgs_iterations if options.bfgs_iterations is None else options.bfgs_iterations,
        preset.low_curvature_steps if options.low_curvature_steps is None else options.low_curvature_steps,
    )
    path = HERE / ("paper_pipeline_quick.csv" if options.name == "quick" else "paper_pipeline.csv")
    if not options.plot_only:
        measure(path, protocol, options.seeds or (1 if options.name == "quick" else 3))
    with path.open() as file:
        table = list(csv.DictReader(file))
    print_summary(table)
    draw(path.with_suffix(".png"), table)


def measure(path: Path, protocol: Protocol, seeds: int) -> None:
    print(protocol)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*PROTOCOL_COLUMNS, "task", "pipeline", "seed", "stage", "seconds", "relative_rmse"])
        for task, target_of in TASKS.items():
            for seed in range(seeds):
                target = target_of(seed)
                X = np.random.default_rng(seed).uniform(-1, 1, (protocol.n, 1))
                X_test = np.random.default_rng(FIRST_TEST_SEED + seed).uniform(-1, 1, (N_TEST, 1))
                y, y_test = target(X), target(X_test)

                def error_of(model: Callable[[Array], Array], X: Array = X_test, y: Array = y_test) -> float:
                    return float(np.sqrt(np.mean((model(X) - y) ** 2) / np.mean(y**2)))

                for name, run in PIPELINES.items():
                    print(f"{task}, seed {seed}, {name}", flush=True)
                    curve = Curve(error_of)
                    run(curve, X, y, protocol, seed)
                    for stage, seconds, error in curve.rows:
                        cells = [task, name, seed, stage, f"{seconds:.4g}", f"{error:.3e}"]
                        writer.writerow([*astuple(protocol), *cells])
                    file.flush()


def _protocol(table: list[dict[str, str]]) -> Protocol:
    return Protocol(*(int(table[0][column]) for column in PROTOCOL_COLUMNS))


def print_summary(table: list[dict[str, str]]) -> None:
    """What stood at the end of every stage. Where only some seeds needed a stage, the medians are of those."""
    ends: dict[tuple[str, str, str], dict[str, tuple[float, float]]] = {}
    for row in table:
        of_seeds = ends.setdefault((row["task"], row["pipeline"], row["stage"]), {})
        of_seeds[row["seed"]] = float(row["seconds"]), float(row["relative_rmse"])
    print(f"\n{_protocol(table)}; medians of seeds, errors with their range")
    print(f"{'task':10}{'pipeline':26}{'stage':24}{'seeds':>5}{'seconds':>10}{'error':>10}")
    for (task, pipeline, stage), of_seeds in ends.items():
        seconds, errors = zip(*of_seeds.values(), strict=True)
        print(
            f"{task:10}{pipeline:26}{stage:24}{len(errors):5}{median(seconds):10.2f}{median(errors):10.1e}"
            f"  ({min(errors):.1e} to {max(errors):.1e})"
        )


def draw(path: Path, table: list[dict[str, str]]) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, 2, figsize=(10.0, 4.4), sharey=True, layout="constrained")
    for axes, task in zip(panels, TASKS, strict=True):
        for pipeline, colour in COLOURS.items():
            runs: dict[str, list[tuple[str, float, float]]] = {}
            for row in table:
                if (row["task"], row["pipeline"]) == (task, pipeline):
                    point = row["stage"], float(row["seconds"]), float(row["relative_rmse"])
                    runs.setdefault(row["seed"], []).append(point)
            for points in runs.values():
                stages, seconds, errors = zip(*points, strict=True)
                axes.loglog(seconds, errors, color=colour, linewidth=1.0, alpha=0.8)
                for i, stage in enumerate(stages):
                    if stage not in stages[i + 1 :]:
                        face = "white" if stage.endswith("BFGS") else colour
                        axes.plot(seconds[i], errors[i], "o", color=colour, markerfacecolor=face, markersize=4.5)
            ends = [points[-1] for points in runs.values()]
            _name(axes, pipeline, median(end[1] for end in ends), min(end[2] for end in ends), colour)
        axes.set_xlim(right=8 * max(float(row["seconds"]) for row in table))
        axes.set_ylim(bottom=1e-17)
        axes.minorticks_off()
        axes.grid(which="major", color="0.9")
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("seconds, one thread")
        axes.set_title(TITLES[task], loc="left", fontsize=10)
    panels[0].set_ylabel(f"relative RMSE on {N_TEST:,} fresh points")
    n_seeds = len({row["seed"] for row in table})
    figure.supxlabel(
        f"Paper: {_protocol(table)}. LM: the first 2.5 points a parameter, more where it overfits.\n"
        f"{n_seeds} seed{'s' if n_seeds > 1 else ''}; a circle ends a network's BFGS, "
        "a dot its low-curvature steps or a Levenberg-Marquardt run.",
        fontsize=8,
        color="0.3",
    )
    figure.savefig(path, dpi=115)


def _name(axes: Any, name: str, seconds: float, error: float, colour: str) -> None:
    """Below the lowest end of its curves."""
    axes.annotate(
        name,
        (seconds, error),
        xytext=(0, -7),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=8,
        color=colour,
    )


def _teacher(seed: int) -> Callable[[Array], Array]:
    network = MLP((1, 3, 3, 1))
    params = network.initialize(FIRST_TEACHER_SEED + seed)
    return lambda X: network.forward(params, X, n_threads=1)


def _sum(network: MLP, terms: list[tuple[float, Array]]) -> Callable[[Array], Array]:
    """The sum of scaled networks, in float64 as in the paper."""
    return lambda X: sum(scale * network.forward(params, X, n_threads=1) for scale, params in terms)


if __name__ == "__main__":
    main()
