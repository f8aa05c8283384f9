"""How exact networks get: the paper's tasks and budgets, median and worst over seeds, measured on fresh points.

python bench/precision.py [--seeds 5] [--tasks NAME ...] [--jobs 1]

Each task is solved by `boost`, or by one network, in a budget of parameters and seconds on one core; all choices are
made on rows held out from the 10,000 training points. `--jobs` runs as many of them at once, each on a core of its own.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import multiprocessing
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import numpy as np

import pml_native
from pml_native import MLP, Boosted, Model, Transformed
from pml_native.problems import equations
from pml_native.search.boosting import Trainer, stage_network, train_stage

N_TRAIN = 10_000
N_TEST = 10_000
FIRST_TEST_SEED = 1_000_000
Sampler = Callable[[int, int], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Task:
    """`sample(n, seed)` gives X (n, d) and y (n,); `arcsine` draws half of the training points towards the edges."""

    name: str
    sample: Sampler
    goal: float
    max_params: int | None
    seconds: float
    stages: int = 2
    trainer: Trainer = train_stage
    input_transform: str = "identity"
    output_transform: str = "identity"
    arcsine: bool = False


def of_one_input(f: Callable[[np.ndarray], np.ndarray], low: float, high: float) -> Sampler:
    def sample(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        X = np.random.default_rng(seed).uniform(low, high, (n, 1))
        return X, f(X[:, 0])

    return sample


def teacher_student(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A teacher 1-3-3-1 tanh, another one for each seed, on [-1, 1]."""
    teacher = MLP((1, 3, 3, 1))
    params = teacher.initialize(seed % FIRST_TEST_SEED)
    X = np.random.default_rng(seed).uniform(-1.0, 1.0, (n, 1))
    return X, teacher.forward(params, X)[:, 0]


def of_equation(name: str) -> Sampler:
    return lambda n, seed: equations[name].sample(n, seed)


def hidden_layers(*hidden: int, activation: str = "tanh") -> Trainer:
    """All stages of one shape."""
    return lambda data: stage_network(data, hidden, activation)


ONE_INPUT = {
    "teacher": teacher_student,
    "x^2": of_one_input(np.square, -1.0, 1.0),
    "sin x": of_one_input(np.sin, 0.0, 6.0),
}
TASKS = [
    *(Task(f"{k}, 12-12 + 12-12", f, 1e-14, 962, 10, trainer=hidden_layers(12, 12)) for k, f in ONE_INPUT.items()),
    *(Task(f"{k}, 20 + 60", f, 3e-16, 250, 5) for k, f in ONE_INPUT.items()),
    Task("xy", of_equation("Z.008"), 1e-12, 1002, 60),
    Task("xy, arcsine", of_equation("Z.008"), 5e-14, 1002, 60, arcsine=True),
    Task("I.6.2, logs", of_equation("I.6.2"), 5e-14, 1002, 60, input_transform="log", output_transform="log"),
    Task("I.10.7, logs", of_equation("I.10.7"), 1e-11, 1042, 60, input_transform="log", output_transform="log"),
    Task("I.11.19, tanh", of_equation("I.11.19"), 1e-9, 1162, 60, trainer=hidden_layers(20, 20)),
    Task("I.11.19, square", of_equation("I.11.19"), 5e-16, None, 10, trainer=hidden_layers(6, activation="square")),
    Task("I.40.1, logs", of_equation("I.40.1"), 1e-9, None, 60, input_transform="log", output_transform="log"),
    Task("I.44.4, log x", of_equation("I.44.4"), 1e-8, None, 60, input_transform="log"),
]


def training_points(task: Task, seed: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = task.sample(N_TRAIN, seed)
    if not task.arcsine:
        return X, y
    equation = equations["Z.008"]
    low, high = np.array(equation.bounds, dtype=float).reshape(-1, 2).T
    half = N_TRAIN // 2
    X = X.copy()
    phase = np.random.default_rng(seed + 1).uniform(0.0, np.pi, (half, X.shape[1]))
    X[:half] = low + (high - low) * 0.5 * (1.0 - np.cos(phase))
    return X, np.asarray(equation(X))


def measure(job: tuple[Task, int]) -> dict[str, float]:
    """Errors are relative to the RMS of y."""
    task, seed = job
    X, y = training_points(task, seed)
    inputs, outputs = (task.input_transform,) * X.shape[1], (task.output_transform,)
    start = time.perf_counter()
    model: Model = pml_native.boost(
        Transformed.transform_inputs(X, inputs),
        Transformed.transform_outputs(y, outputs)[:, 0],
        stages=task.stages,
        trainer=task.trainer,
        time_limit=task.seconds,
        random_state=seed,
        n_threads=1,
    )
    seconds = time.perf_counter() - start
    assert isinstance(model, Boosted)
    stages = len(model.stages)
    if {*inputs, *outputs} != {"identity"}:
        model = Transformed(model, inputs, outputs)
    X_test, y_test = task.sample(N_TEST, FIRST_TEST_SEED + seed)
    error = np.abs(model(X_test) - y_test) / np.sqrt(np.mean(y_test**2))
    return {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "p95": float(np.percentile(error, 95)),
        "max": float(np.max(error)),
        "seconds": seconds,
        "params": model.n_params,
        "stages": stages,
    }


def pin(cores: multiprocessing.Queue[int]) -> None:
    """Gives each process a core of its own, where the system can."""
    core = cores.get()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", nargs="+", help="parts of names; all tasks if left out")
    parser.add_argument("--jobs", type=int, default=1)
    options = parser.parse_args()
    tasks = [task for task in TASKS if not options.tasks or any(part in task.name for part in options.tasks)]
    print(
        f"relative errors on {N_TEST:,} fresh points, median (worst) of {options.seeds} seeds; {N_TRAIN:,} training "
        f"points, 15 % of them held out; one core each"
    )
    columns = ("RMSE", "95th percentile", "maximum", "seconds", "parameters")
    print(f"{'task':26}" + "".join(f"{c:>20}" for c in columns) + f"{'goal':>9}", flush=True)
    available = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(options.jobs))
    cores: multiprocessing.Queue[int] = multiprocessing.Queue()
    for i in range(options.jobs):
        cores.put(available[i % len(available)])
    context = multiprocessing.get_context("fork")
    with context.Pool(options.jobs, initializer=pin, initargs=(cores,)) as pool:
        jobs = ((i, seed) for i in range(len(tasks)) for seed in range(options.seeds))
        results = pool.imap(_run, ((tasks[i].name, seed) for i, seed in jobs))
        for task in tasks:
            runs = [next(results) for _ in range(options.seeds)]
            cells = []
            for key, form in (("rmse", ".1e"), ("p95", ".1e"), ("max", ".1e"), ("seconds", ".1f"), ("params", ".0f")):
                values = [run[key] for run in runs]
                cells.append(f"{median(values):{form}} ({max(values):{form}})")
            met = "met" if median(run["rmse"] for run in runs) <= task.goal else "not met"
            print(f"{task.name:26}" + "".join(f"{c:>20}" for c in cells) + f"{task.goal:>9.0e} {met}", flush=True)


def _run(job: tuple[str, int]) -> dict[str, float]:
    name, seed = job
    return measure((next(task for task in TASKS if task.name == name), seed))


if __name__ == "__main__":
    main()
