"""Splines on grids: error against number of points, the paper's Fig. 4.

    python bench/spline_scaling.py            # prints a table; some seconds
    python bench/spline_scaling.py --plot     # also draws bench/spline_scaling.png

e^x on [0, 1] by splines of degree 1 to 7, e^(xy) on [0, 1]^2 by degree 1, 3 and 5, and equation I.30.5 of the paper by
tricubic interpolation. Degree n in d dimensions should err by N^-(n+1)/d. Errors are relative to the RMS of y, at
30,000 random points of the domain. For splines the maximum is also over as many points that crowd towards the edges,
down to 1e-5 of a side: the first and last cells have the largest errors, and a random point seldom lies in a corner.
The gradient of I.30.5 is infinite in a corner: there points are of the middle 80 % of each side.

Slopes are by least squares on the logarithms of the error and of the number of cells, (N^(1/d) - 1)^d, which the law is
about, for all sizes whose error is below 1e-5 and above 30 times its floor: the median of those whose RMSE is below
1e-15. The error is the maximum for splines, and the RMSE for I.30.5. The RMSE of a spline falls faster while the first
and last cells dominate it, by up to half a power of the step in one dimension, as their part of the domain shrinks.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import pml_native as pml

HERE = Path(__file__).parent
N_TEST = 30_000
NEAREST = 2e-5  # of half a side
EPS = float(np.finfo(np.float64).eps)
ASYMPTOTIC = 1e-5
ABOVE_FLOOR = 30.0
# Errors that no longer fall are at the floor: below this, no truncation error is left to fall.
FLOOR = 1e-15
TOLERANCE = 0.05  # of the slope
Function = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Curve:
    """One method on one function: `sizes` are points along an axis."""

    label: str
    target: str
    bounds: tuple[tuple[float, float], ...]
    function: Function
    degree: int
    sizes: tuple[int, ...]
    build: Callable[[list[np.ndarray], np.ndarray], pml.Model]
    whole: bool = True  # whether the whole domain counts, or the middle 80 % of each side

    @property
    def error(self) -> int:
        """Which error the slope is of: 2, the maximum, or 0, the RMSE."""
        return 2 if self.whole else 0

    @property
    def expected(self) -> float:
        return -(self.degree + 1) / len(self.bounds)


@dataclass(frozen=True)
class Result:
    """RMSE, 95th percentile and maximum (one row a size) at N points, and their slopes over the sizes in `used`."""

    curve: Curve
    N: np.ndarray
    errors: np.ndarray
    used: np.ndarray
    slopes: np.ndarray

    @property
    def slope(self) -> float:
        return float(self.slopes[self.curve.error])

    @property
    def floor(self) -> np.ndarray | None:
        """The medians of RMSE, 95th percentile and maximum at the sizes past the floor."""
        past = self.errors[:, 0] <= FLOOR
        return np.median(self.errors[past], axis=0) if past.any() else None


def spline(degree: int) -> Callable[[list[np.ndarray], np.ndarray], pml.Model]:
    return lambda axes, values: pml.SplineInterpolator(axes, values, degree=degree)


def sizes(first: int, last: float, ratio: float) -> tuple[int, ...]:
    """Rounded powers of `ratio`, each once."""
    steps = int(np.log(last / first) / np.log(ratio)) + 1
    return tuple(sorted({round(first * ratio**i) for i in range(steps)}))


def curves() -> list[Curve]:
    unit, equation = (0.0, 1.0), pml.problems.equations["I.30.5"]
    last = {1: 2e5, 2: 1e5, 3: 1e4, 4: 4e3, 5: 1e3, 6: 600, 7: 400}
    one = [
        Curve(f"degree {k}", "e^x", (unit,), lambda X: np.exp(X[:, 0]), k, sizes(k + 1, last[k], 1.15), spline(k))
        for k in range(1, 8)
    ]
    two = [
        Curve(
            f"degree {k}",
            "e^(xy)",
            (unit, unit),
            lambda X: np.exp(X[:, 0] * X[:, 1]),
            k,
            sizes(k + 1, {1: 1100, 3: 1500, 5: 300}[k], 1.15),
            spline(k),
        )
        for k in (1, 3, 5)
    ]
    three = Curve(
        "tricubic", "I.30.5", equation.bounds, equation, 3, sizes(4, 130, 1.15), pml.TricubicInterpolator, False
    )
    return [*one, *two, three]


def measure(curve: Curve) -> Result:
    low, high = np.array(curve.bounds).T
    inset = (0.0 if curve.whole else 0.1) * (high - low)
    rng = np.random.default_rng(0)
    fractions = rng.uniform(size=(2 * N_TEST, len(low)))
    edge = 0.5 * NEAREST ** rng.uniform(size=(N_TEST, len(low)))
    if curve.whole:
        fractions[N_TEST:] = np.where(fractions[N_TEST:] < 0.5, edge, 1.0 - edge)
    X = low + inset + (high - low - 2 * inset) * fractions
    y = curve.function(X)
    rms = np.sqrt(np.mean(y[:N_TEST] ** 2))
    errors = []
    for n in curve.sizes:
        axes = [np.linspace(a, b, n) for a, b in curve.bounds]
        nodes = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
        values = curve.function(nodes.reshape(-1, len(axes))).reshape(nodes.shape[:-1])
        error = np.abs(curve.build(axes, values)(X) - y) / rms
        uniform = error[:N_TEST]
        errors.append([np.sqrt(np.mean(uniform**2)), np.percentile(uniform, 95), np.max(error)])
    table, N = np.array(errors), np.array(curve.sizes, dtype=float) ** len(axes)
    past = table[:, 0] <= FLOOR
    error = table[:, curve.error]
    floor = np.median(error[past]) if past.any() else EPS
    used = (error < ASYMPTOTIC) & (error > ABOVE_FLOOR * floor)
    cells = (np.array(curve.sizes) - 1.0) ** len(axes)
    return Result(curve, N, table, used, np.polyfit(np.log(cells[used]), np.log(table[used]), 1)[0])


def draw(results: list[Result], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    titles = {
        "e^x": r"$e^x$ on $[0, 1]$, splines",
        "e^(xy)": r"$e^{xy}$ on $[0, 1]^2$, splines",
        "I.30.5": r"$\arcsin(\lambda / (n d))$, tricubic: RMSE",
    }
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.6), sharey=True, layout="constrained")
    colours = plt.get_cmap("viridis")(np.linspace(0.0, 0.9, 7))
    for (target, title), axis in zip(titles.items(), axes, strict=True):
        for result in (r for r in results if r.curve.target == target):
            curve, colour = result.curve, colours[result.curve.degree - 1]
            label = f"{curve.label}: {result.slope:.2f} ({curve.expected:.2f})"
            measured = result.errors[:, curve.error]
            axis.loglog(result.N, measured, "o-", markersize=3, linewidth=1.2, color=colour, label=label)
            if curve.whole:
                axis.loglog(result.N, result.errors[:, 0], "-", linewidth=0.7, color=colour, alpha=0.6)
            N, used = result.N[result.used], measured[result.used]
            offset = np.exp(np.mean(np.log(used) - curve.expected * np.log(N)))
            ends = np.array([N[0], N[-1]])
            axis.loglog(ends, 5 * offset * ends**curve.expected, "--", linewidth=1, color=colour)
        axis.axhline(EPS, color="0.4", linestyle=":", linewidth=1)
        axis.text(0.02, EPS * 0.6, r"$\epsilon = 2^{-52}$", transform=axis.get_yaxis_transform(), va="top", color="0.4")
        axis.set(title=title, xlabel="number of points N", ylim=(2e-17, 3))
        axis.grid(alpha=0.25)
        axis.legend(title="slope (expected: dashed)", fontsize=8, title_fontsize=8, loc="upper right")
    axes[0].set_ylabel("relative error: maximum (dots) and RMSE (thin)")
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot", action="store_true", help="draw bench/spline_scaling.png")
    results = []
    arguments = parser.parse_args()
    print(f"{'target':8} {'method':9} {'slope':>8} {'expected':>8} {'off':>6} {'RMSE':>7}   floor: RMSE, 95 %, max")
    for curve in curves():
        result = measure(curve)
        results.append(result)
        off = result.slope / curve.expected - 1
        floor = result.floor
        tail = "not reached" if floor is None else "  ".join(f"{e:.1e}" for e in floor)
        wrong = "" if abs(off) <= TOLERANCE else "  SLOPE OFF"
        slopes = f"{result.slope:8.3f} {curve.expected:8.3f} {off:6.1%} {result.slopes[0]:7.3f}"
        print(f"{curve.target:8} {curve.label:9} {slopes}   {tail}{wrong}")
    if arguments.plot:
        draw(results, HERE / "spline_scaling.png")


if __name__ == "__main__":
    main()
