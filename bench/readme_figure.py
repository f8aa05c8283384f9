"""The figure of the README: error against the number of table rows, for pml_native and for SciPy's interpolators.

    python bench/readme_figure.py          # writes bench/readme_figure.csv and bench/readme_figure.png

Every method gets the same uniform points of the hypergeometric function 2F1(a, b; c; x), in the box of own_targets.py.
Errors are relative RMSEs on 10,000 fresh points of the box; the linear interpolator has no value outside the hull of
the data, and those points are left out for it.
"""

from __future__ import annotations

import argparse
import csv
import time
from pathlib import Path

import numpy as np
from own_targets import own_targets
from scipy.interpolate import LinearNDInterpolator, RBFInterpolator

import pml_native as pml

HERE = Path(__file__).parent
TARGET = own_targets["2F1"]
ROWS = [125, 250, 500, 1000, 2000, 4000]
SEEDS = 3
METHODS = {
    "LinearNDInterpolator (SciPy)": lambda X, y, seed: LinearNDInterpolator(X, y),
    "RBFInterpolator, cubic (SciPy)": lambda X, y, seed: RBFInterpolator(X, y, kernel="cubic"),
    "pml_native.fit": lambda X, y, seed: pml.fit(X, y, random_state=seed),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--plot-only", action="store_true", help="draw the table that is there")
    if not parser.parse_args().plot_only:
        measure()
    draw()


def measure() -> None:
    with (HERE / "readme_figure.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["method", "rows", "seed", "relative_rmse", "seconds"])
        for rows in ROWS:
            for seed in range(SEEDS):
                X, y = TARGET.sample(rows, seed)
                X_test, y_test = TARGET.sample(10_000, 1000 + seed)
                for name, build in METHODS.items():
                    start = time.perf_counter()
                    error = np.ravel(build(X, y, seed)(X_test)) - y_test
                    inside = ~np.isnan(error)
                    rmse = np.sqrt(np.mean(error[inside] ** 2) / np.mean(y_test[inside] ** 2))
                    writer.writerow([name, rows, seed, f"{rmse:.3e}", f"{time.perf_counter() - start:.1f}"])
                    file.flush()
                    print(name, rows, seed, f"{rmse:.2e}", flush=True)


def draw() -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    with (HERE / "readme_figure.csv").open() as file:
        table = list(csv.DictReader(file))
    figure, axes = plt.subplots(figsize=(7.0, 4.0), layout="constrained")
    # Colours of Okabe and Ito, told apart by the colour-blind; markers for those who print in grey.
    for name, colour, marker in zip(METHODS, ["#0072B2", "#D55E00", "#000000"], ["o", "s", "D"], strict=True):
        rows = sorted({int(r["rows"]) for r in table if r["method"] == name})
        errors = [
            [float(r["relative_rmse"]) for r in table if r["method"] == name and int(r["rows"]) == n] for n in rows
        ]
        median = [np.median(e) for e in errors]
        axes.loglog(rows, median, marker=marker, color=colour, linewidth=2 if name.startswith("pml") else 1.2)
        axes.fill_between(
            rows, [min(e) for e in errors], [max(e) for e in errors], color=colour, alpha=0.15, linewidth=0
        )
        axes.annotate(
            name, (rows[-1], median[-1]), xytext=(8, 0), textcoords="offset points", va="center", color=colour
        )
    axes.set_xlim(right=ROWS[-1] * 12)
    axes.set_xticks(ROWS, [f"{n:,}" for n in ROWS])
    axes.minorticks_off()
    axes.grid(which="major", color="0.9")
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel("rows of the table")
    axes.set_ylabel("relative RMSE between the points")
    axes.set_title(
        "Gauss' function ${}_2F_1(a, b; c; x)$ from scattered points (median and range of 3 seeds)",
        loc="left",
        fontsize=10,
    )
    figure.savefig(HERE / "readme_figure.png", dpi=160)


if __name__ == "__main__":
    main()
