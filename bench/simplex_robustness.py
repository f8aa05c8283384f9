"""Linear interpolation of points that are hard for a triangulation, beside SciPy's.

For each case: how many points are lost (the interpolant isn't their value there), how many queries well inside the
hull get NaN, and the error of the rest against the error on the same points before they were scaled or moved. The
function is not linear, since a linear one hides wrong simplices.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import LinearNDInterpolator

import pml_native as pml

N_QUERIES = 5_000
Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Case:
    """Points (n, d), well scaled, the map that makes them hard, and which queries are asked."""

    name: str
    points: np.ndarray
    hardened: Function
    queries: np.ndarray


@dataclass(frozen=True)
class Outcome:
    """Points whose own value is lost, queries that got NaN, and the relative RMSE at the others."""

    lost: int
    nan: int
    error: float


def target(points: np.ndarray) -> np.ndarray:
    """Curved everywhere, of the well-scaled points."""
    return np.cos(2.0 * points.sum(axis=1)) + np.prod(points, axis=1)


def grid(n: int, d: int) -> np.ndarray:
    """n^d points of the unit cube."""
    return np.stack(np.meshgrid(*[np.linspace(0, 1, n)] * d, indexing="ij"), axis=-1).reshape(-1, d)


def cases() -> list[Case]:
    """The table's rows."""
    rng = np.random.default_rng(0)

    def inside(points: np.ndarray) -> np.ndarray:
        """Well inside the hull of points that surround the middle of their box."""
        low, high = points.min(axis=0), points.max(axis=0)
        return 0.5 * (low + high) + 0.3 * (high - low) * rng.uniform(-1, 1, (N_QUERIES, points.shape[1]))

    plane, space = rng.uniform(size=(2000, 2)), rng.uniform(size=(2000, 3))
    angle = np.linspace(0, 2 * np.pi, 400, endpoint=False)
    circle = np.column_stack([np.cos(angle), np.sin(angle)])
    circles = np.concatenate([[[0.0, 0.0]], 0.4 * circle, 0.7 * circle, circle])
    lines = np.concatenate([np.column_stack([np.linspace(0, 1, 200), np.full(200, y)]) for y in (0.0, 0.3, 0.7, 1.0)])
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    found = [
        Case("2,000 points, offset 1e6", plane, lambda p: p + 1e6, inside(plane)),
        Case("2,000 points, offset 1e8", plane, lambda p: p + 1e8, inside(plane)),
        Case("2,000 points, one axis 1e-6", plane, lambda p: p * [1, 1e-6], inside(plane)),
        Case("2,000 points, one axis 1e-12", plane, lambda p: p * [1, 1e-12], inside(plane)),
        Case("2,000 points 3D, one axis 1e-12", space, lambda p: p * [1, 1e-12, 1], inside(space)),
        Case("2,000 points 3D, axes 1e-150, 1, 1e150", space, lambda p: p * [1e-150, 1, 1e150], inside(space)),
        Case("grid 60^2", grid(60, 2), lambda p: p, inside(grid(60, 2))),
        Case("grid 60^2, one axis 1e-6", grid(60, 2), lambda p: p * [1, 1e-6], inside(grid(60, 2))),
        Case("grid 60^2, one axis 1e-12", grid(60, 2), lambda p: p * [1, 1e-12], inside(grid(60, 2))),
        Case("grid 60^2, turned", grid(60, 2), lambda p: p @ [[0.8, 0.6], [-0.6, 0.8]], inside(grid(60, 2))),
        Case("grid 15^3", grid(15, 3), lambda p: p, inside(grid(15, 3))),
        Case("grid 15^3, turned", grid(15, 3), lambda p: p @ turn, inside(grid(15, 3))),
        Case("grid 15^3, turned, offset 1e6", grid(15, 3), lambda p: p @ turn + 1e6, inside(grid(15, 3))),
        Case("grid 7^4", grid(7, 4), lambda p: p, inside(grid(7, 4))),
        Case("grid 60^2 with a hole", np.delete(grid(60, 2), np.arange(700, 800), 0), lambda p: p, inside(plane)),
        Case("points on three circles", circles, lambda p: p, inside(circles)),
        Case("points on four lines", lines, lambda p: p, inside(lines)),
        Case("every point twice", np.repeat(plane, 2, axis=0), lambda p: p, inside(plane)),
        Case("2D points in a plane of 3D", plane, lambda p: p @ turn[:2] + 3.0, inside(plane)),
    ]
    return found


def outcome(build: Callable[[np.ndarray, np.ndarray], Function], case: Case, move: Function) -> Outcome:
    """What an interpolator makes of the case's points after `move`."""
    y, truth = target(case.points), target(case.queries)
    model = build(move(case.points), y)
    lost = int(np.sum(~(np.abs(np.ravel(model(move(case.points))) - y) <= 1e-13)))
    error = np.ravel(model(move(case.queries))) - truth
    known = np.isfinite(error)
    rmse = np.sqrt(np.mean(error[known] ** 2) / np.mean(truth**2)) if known.any() else np.nan
    return Outcome(lost, int(np.sum(~known)), float(rmse))


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    width = max(len(case.name) for case in cases())
    print(f"{N_QUERIES} queries inside; error: relative RMSE, and in brackets over that of the well-scaled points")
    print(f"{'':{width}}  pml_native: lost  NaN  error               SciPy: lost    NaN  error")
    for case in cases():
        reference = outcome(pml.SimplexInterpolator, case, lambda p: p)
        ours = outcome(pml.SimplexInterpolator, case, case.hardened)
        try:
            theirs = outcome(LinearNDInterpolator, case, case.hardened)
            text = f"{theirs.lost:4}  {theirs.nan:5}  {theirs.error:.3e} ({theirs.error / reference.error:.3g})"
        except Exception as error:  # Qhull's own
            text = f"refuses: {type(error).__name__}"
        print(
            f"{case.name:{width}}  {ours.lost:16}  {ours.nan:3}  {ours.error:.3e} ({ours.error / reference.error:.3f})"
            f"         {text}"
        )


if __name__ == "__main__":
    main()
