"""Splines on grids against SciPy on one core; each case first checks that all which should compute the same do.

A million random points, or as many as need 3e8 products, some seconds for a peer. `map_coordinates` has other
conditions at the ends, and is handed its filtered coefficients and points in its own order and unit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.interpolate import CubicSpline, NdBSpline, PPoly, RectBivariateSpline, RegularGridInterpolator
from scipy.interpolate import make_interp_spline as make_spline
from scipy.ndimage import map_coordinates, spline_filter

import pml_native as pml

POINTS_AN_AXIS = {1: 1000, 2: 300, 3: 60, 4: 20, 5: 12, 6: 8}
N_POINTS = 1_000_000
PRODUCTS = 300_000_000
MAX_ORDER = 5  # of map_coordinates and RectBivariateSpline


def smooth(axes: list[np.ndarray]) -> np.ndarray:
    return np.sin(sum((j + 1) * grid for j, grid in enumerate(np.meshgrid(*axes, indexing="ij", sparse=True))))


def scipy_spline(axes: list[np.ndarray], values: np.ndarray, k: int) -> NdBSpline:
    knots = []
    for j, axis in enumerate(axes):
        one = make_spline(axis, values, k, axis=j)
        knots.append(one.t)
        values = np.moveaxis(one.c, 0, j)
    return NdBSpline(tuple(knots), np.ascontiguousarray(values), k)


def peers_of(axes: list[np.ndarray], values: np.ndarray, k: int, X: np.ndarray) -> dict[str, Callable[[], Any]]:
    d, n = len(axes), len(axes[0])
    x = np.ascontiguousarray(X[:, 0])
    peers: dict[str, Callable[[], Any]] = {}
    if d == 1:
        spline = make_spline(axes[0], values, k)
        pieces = PPoly.from_spline(spline)
        peers |= {"BSpline": lambda: spline(x), "PPoly": lambda: pieces(x)}
        if k == 1:
            peers["np.interp"] = lambda: np.interp(x, axes[0], values)
        if k == 3:
            cubic = CubicSpline(axes[0], values)
            peers["CubicSpline"] = lambda: cubic(x)
    else:
        tensor = scipy_spline(axes, values, k)
        peers["NdBSpline"] = lambda: tensor(X)
    if d == 2 and k <= MAX_ORDER:
        rect, y = RectBivariateSpline(*axes, values, kx=k, ky=k), np.ascontiguousarray(X[:, 1])
        peers["RectBivariateSpline"] = lambda: rect.ev(x, y)
    if k == 1:  # its cubic is NdBSpline with coefficients from an iterative solver
        regular = RegularGridInterpolator(axes, values)
        peers["RegularGrid"] = lambda: regular(X)
    if k <= MAX_ORDER:
        filtered = spline_filter(values, k, mode="mirror") if k > 1 else values
        places = np.ascontiguousarray(X.T) * (n - 1)
        peers["map_coordinates"] = lambda: map_coordinates(filtered, places, order=k, mode="mirror", prefilter=False)
    return peers


@pytest.mark.parametrize("k", [1, 3, 5, 7])
@pytest.mark.parametrize("d", list(POINTS_AN_AXIS))
def bench_evaluation(compare, d, k):
    axes = [np.linspace(0.0, 1.0, POINTS_AN_AXIS[d])] * d
    values = smooth(axes)
    n = min(N_POINTS, PRODUCTS // (k + 1) ** d)
    X = np.random.default_rng(0).uniform(size=(n, d))
    model = pml.SplineInterpolator(axes, values, degree=k, n_threads=1)
    peers = peers_of(axes, values, k, X)

    def ours():
        return model(X)

    for name, peer in peers.items():
        if name != "map_coordinates":
            # Rounding of sums of up to (k+1)^d terms; coefficients on 8 points of degree 7 are 1e3 times the values.
            difference = np.max(np.abs(peer() - ours()))
            assert difference < 1e-9, f"{name} differs by {difference:.1e}"
    compare("spline", f"d={d} degree {k} n={n:,}", ours, peers, n_elements=n, min_rounds=3)


@pytest.mark.parametrize("k", [1, 3, 5, 7])
@pytest.mark.parametrize("d", [1, 2, 3])
def bench_uneven_axes(compare, d, k):
    rng = np.random.default_rng(1)
    axes = [np.linspace(0, 1, POINTS_AN_AXIS[d]) ** 1.5] * d
    values = smooth(axes)
    n = min(N_POINTS, PRODUCTS // (k + 1) ** d)
    X = rng.uniform(size=(n, d))
    model = pml.SplineInterpolator(axes, values, degree=k, n_threads=1)
    peers = peers_of(axes, values, k, X)
    peers.pop("map_coordinates", None)  # has no uneven axes
    compare("spline, uneven", f"d={d} degree {k} n={n:,}", lambda: model(X), peers, n_elements=n, min_rounds=3)


@pytest.mark.parametrize("d", list(POINTS_AN_AXIS))
def bench_one_point(compare, d):
    """A batch of one row, through Python: what a loop that calls the model pays."""
    axes = [np.linspace(0.0, 1.0, POINTS_AN_AXIS[d])] * d
    values = smooth(axes)
    x = np.full((1, d), 0.3)
    model = pml.SplineInterpolator(axes, values)
    peers = peers_of(axes, values, 3, x)

    def hundred(call: Callable[[], Any]) -> Callable[[], None]:
        def run() -> None:
            for _ in range(100):
                call()

        return run

    compare(
        "one point, cubic",
        f"d={d}, 100 calls",
        hundred(lambda: model(x)),
        {name: hundred(peer) for name, peer in peers.items()},
        n_elements=100,
    )
