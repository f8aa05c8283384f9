"""The run of a sweep that the library brings along: one family fitted to one problem, and its errors.

Families are compared at equal size as in the paper: simplex interpolation of n points in d dimensions stores n (d + 1)
numbers, and a network of P parameters is trained on n = P // (d + 1) points.
Source: Michaud, Liu, Tegmark, "Precision Machine Learning" (2022), sections 2 and 3.
"""

from __future__ import annotations

import inspect
import math
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..arrays import Array
from ..models import Model, NetworkModel, Normalization, SimplexInterpolator, SplineInterpolator, TricubicInterpolator
from ..networks import MLP, ModularMLP
from ..networks.formula import formula_graph
from ..optimize import BFGS, Adam, LeastSquares, LevenbergMarquardt, Status, minimize
from ..problems import Equation, Problem, get, grid_axes
from ..report import Errors
from .settings import Setting

N_TEST = 30_000


@dataclass(frozen=True)
class Task:
    """What a family is to fit: about `size` points of a problem, all random numbers from `seed`."""

    problem: Problem
    size: int
    seed: int = 0
    sampler: str = "uniform"
    n_threads: int = 1

    def sample(self, n: int) -> tuple[Array, Array]:
        return self.problem.sample(n, np.random.default_rng([self.seed, 0]), self.sampler)


@dataclass(frozen=True)
class Fitted:
    """A model, the points it was fitted to, and what else is worth a column."""

    model: Model
    X: Array
    y: Array
    details: dict[str, float | int | str] = field(default_factory=dict)


def simplex(task: Task) -> Fitted:
    """Linear interpolation on simplices."""
    X, y = task.sample(task.size)
    return Fitted(SimplexInterpolator(X, y, n_threads=task.n_threads), X, y)


def spline(task: Task, *, degree: int = 3) -> Fitted:
    """A spline on an equidistant grid of about `size` points, whatever the sampler."""
    axes, values, X, y = _on_grid(task)
    return Fitted(SplineInterpolator(axes, values, degree=degree, n_threads=task.n_threads), X, y)


def tricubic(task: Task) -> Fitted:
    """Tricubic interpolation on such a grid, of three inputs."""
    axes, values, X, y = _on_grid(task)
    return Fitted(TricubicInterpolator(axes, values, n_threads=task.n_threads), X, y)


def _on_grid(task: Task) -> tuple[list[Array], Array, Array, Array]:
    axes = grid_axes(task.size, task.problem.bounds)
    X, y = task.problem.sample(task.size, sampler="grid")
    return axes, y.reshape([len(axis) for axis in axes]), X, y


# How a network is trained, and for how many steps if not told: the paper's numbers, and what Levenberg-Marquardt needs.
OPTIMIZERS: dict[str, tuple[Callable[..., Any], int]] = {
    "adam": (Adam, 20_000),
    "bfgs": (BFGS, 25_000),
    "lm": (LevenbergMarquardt, 500),
}


def network(
    task: Task,
    *,
    depth: int = 3,
    width: int | None = None,
    activation: str = "tanh",
    optimizer: str = "adam",
    steps: int | None = None,
    normalize: str = "inputs",
    learning_rate: float | None = None,
) -> Fitted:
    """A network of `depth` affine maps, trained on as many points as it has parameters, divided by d + 1.

    width : units in each hidden layer; by default as many as let `size` points be enough.
    normalize : what gets zero mean and unit variance first: "none", "inputs" (the paper's), or "both".
    learning_rate : Adam's.
    """
    d = task.problem.n_inputs
    mlp = _shaped(d, depth, width or _widest(d, depth, task.size), activation)
    return _trained(task, mlp, mlp.widths[1], optimizer, steps, normalize, learning_rate)


def modular(
    task: Task,
    *,
    depth: int = 4,
    width: int | None = None,
    activation: str = "tanh",
    optimizer: str = "adam",
    steps: int | None = None,
    normalize: str = "inputs",
    learning_rate: float | None = None,
) -> Fitted:
    """An MLP at each node of an equation's graph, `depth` affine maps from inputs to output on its longest way.

    The nodes share the depth evenly: one whose longest way has L nodes takes a multiple of L, 2 L at least. `width` is
    that of each node; all else is as for `network`. Needs SymPy.
    """
    if not isinstance(task.problem, Equation):
        raise ValueError(f"problem: expected an equation, whose graph is known, got {task.problem.name!r}")
    graph = formula_graph(task.problem)
    if depth % graph.depth or depth < 2 * graph.depth:
        raise ValueError(f"depth: expected 2 or more times {graph.depth}, the nodes on the longest way, got {depth}")

    def shaped(units: int) -> ModularMLP:
        return ModularMLP(graph, units, depth // graph.depth, activation)

    d = task.problem.n_inputs
    most = task.size * (d + 1) + d
    if width is None:
        if shaped(1).n_params > most:
            raise ValueError(f"size: expected at least {shaped(1).n_params // (d + 1)} for this graph, got {task.size}")
        width = bisect_right(range(most), most, lo=1, key=lambda units: shaped(units).n_params) - 1
    return _trained(task, shaped(width), width, optimizer, steps, normalize, learning_rate)


def _trained(
    task: Task,
    mlp: MLP | ModularMLP,
    units: int,
    optimizer: str,
    steps: int | None,
    normalize: str,
    learning_rate: float | None,
) -> Fitted:
    """A network after training on as many points as it has parameters, divided by d + 1."""
    d = task.problem.n_inputs
    if normalize not in ("none", "inputs", "both"):
        raise ValueError(f"normalize: expected none, inputs or both, got {normalize!r}")
    if optimizer not in OPTIMIZERS:
        raise ValueError(f"optimizer: expected one of {', '.join(OPTIMIZERS)}, got {optimizer!r}")
    X, y = task.sample(mlp.n_params // (d + 1))
    Y = y[:, None]
    inputs = Normalization.identity(d) if normalize == "none" else Normalization.of(X)
    outputs = Normalization.of(Y) if normalize == "both" else Normalization.identity(1)
    objective = LeastSquares(mlp, inputs.apply(X), outputs.apply(Y), n_threads=task.n_threads)
    method, most_steps = OPTIMIZERS[optimizer]
    options: dict[str, Any] = {} if learning_rate is None else {"learning_rate": learning_rate}
    if "n_threads" in inspect.signature(method).parameters:
        options["n_threads"] = task.n_threads
    params = mlp.initialize(np.random.default_rng([task.seed, 2]))
    result = minimize(objective, params, method(**options), max_steps=most_steps if steps is None else steps)
    if result.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    model = NetworkModel(mlp, result.params, inputs=inputs, outputs=outputs, n_threads=task.n_threads)
    details: dict[str, float | int | str] = {
        "units": units,
        "steps_taken": result.n_steps,
        "ended": result.status.name,
    }
    return Fitted(model, X, y, details)


def _shaped(d: int, depth: int, width: int, activation: str) -> MLP:
    if depth < 2 or width < 1:
        raise ValueError(f"expected depth >= 2 and width >= 1, got {depth} and {width}")
    return MLP((d, *[width] * (depth - 1), 1), activation)


def _widest(d: int, depth: int, size: int) -> int:
    """The largest width W with P // (d + 1) <= size, P = (d+1) W + (depth-2)(W+1) W + W + 1."""
    n_params = size * (d + 1) + d
    linear, square = d + depth, depth - 2
    if n_params < linear + square + 1:
        raise ValueError(f"size: expected at least {(linear + square + 1) // (d + 1)} for depth {depth}, got {size}")
    if square <= 0:
        return (n_params - 1) // linear
    width = int((math.sqrt(linear**2 + 4 * square * (n_params - 1)) - linear) / (2 * square))
    while square * (width + 1) ** 2 + linear * (width + 1) + 1 <= n_params:  # where the root was rounded down
        width += 1
    return width


# A new family adds its line here: Task -> Fitted, and the keywords after the task are its own settings in a sweep.
FAMILIES: dict[str, Callable[..., Fitted]] = {
    "simplex": simplex,
    "spline": spline,
    "tricubic": tricubic,
    "network": network,
    "modular": modular,
}


def measure(
    problem: str | Problem,
    family: str,
    size: int,
    *,
    seed: int = 0,
    sampler: str = "uniform",
    n_test: int = N_TEST,
    test: str = "box",
    n_threads: int = 1,
    **options: Any,
) -> dict[str, float | int | str]:
    """Fits `family` to about `size` points of `problem` and measures it on `n_test` other points.

    problem : a name that `problems.get` knows, or a problem.
    test : how these are drawn: from "box", the paper's middle 80 % of each width, or everywhere by a sampler's name.
    family : one of FAMILIES; `options` are its own (`depth`, `activation`, `optimizer`, `degree` ...).

    Returns n_points, n_params, train_rmse, and rmse, p95 and max: relative errors, divided by the RMS of y; absolute
    ones are named so. Test points where an interpolator has no value (outside the hull) are left out and counted in
    n_outside.
    """
    fit = _family(family)
    target = get(problem) if isinstance(problem, str) else problem
    task = Task(target, size, seed, sampler, n_threads)
    return errors(task, fit(task, **options), n_test=n_test, test=test)


def errors(task: Task, fitted: Fitted, *, n_test: int = N_TEST, test: str = "box") -> dict[str, float | int | str]:
    """What `measure` returns of a fitted family."""
    rng = np.random.default_rng([task.seed, 1])
    X, y = task.problem.test_box(n_test, rng) if test == "box" else task.problem.sample(n_test, rng, test)
    prediction = fitted.model.evaluate(X)
    inside = ~np.isnan(prediction[:, 0])
    found = Errors.of(prediction[inside], y[inside, None]) if inside.any() else Errors(math.nan, math.nan, math.nan)
    scale = float(np.sqrt(np.mean(y[inside] ** 2))) if inside.any() else math.nan
    return {
        "n_points": len(fitted.X),
        "n_params": fitted.model.n_params,
        "train_rmse": Errors.of(fitted.model.evaluate(fitted.X), fitted.y[:, None]).rmse,
        "rmse": found.rmse,
        "p95": found.p95,
        "max": found.max,
        "rmse_absolute": found.rmse * scale,
        "p95_absolute": found.p95 * scale,
        "max_absolute": found.max * scale,
        "n_outside": n_test - int(np.count_nonzero(inside)),
        **fitted.details,
    }


def _family(name: object) -> Callable[..., Fitted]:
    if name not in FAMILIES:
        raise ValueError(f"family: expected one of {', '.join(FAMILIES)}, got {name!r}")
    return FAMILIES[str(name)]


def applicable(setting: Setting) -> Setting:
    """`setting` without what belongs to other families, so that an axis of depths doesn't multiply interpolators.

    Raises ValueError or KeyError where its family or problem isn't known, which no run need find out.
    """
    if isinstance(setting.get("problem"), str):
        get(setting["problem"])
    own = {*inspect.signature(measure).parameters, *inspect.signature(_family(setting.get("family"))).parameters}
    others = {name for family in FAMILIES.values() for name in inspect.signature(family).parameters}
    return {name: value for name, value in setting.items() if name in own or name not in others}
