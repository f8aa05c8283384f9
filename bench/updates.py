"""Updates by a tenth of new rows against new fits to all rows: seconds and errors.

    python bench/updates.py            # a quarter of an hour on one core
    python bench/updates.py 1 --effort 0.1

For each target and seed a model is fitted to n rows and then updated by n / 10 more; a new one is fitted to all.
Errors are relative RMSEs at fresh points of the box. `says` is the error that the updated model's report expects, over
the true one: below 1/3 it would promise too much. Without `X, y` the model has none of the old rows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import pml_native as pml

N_FRESH = 20_000


class Target(NamedTuple):
    name: str
    f: Callable[..., Any]
    low: tuple[float, ...]
    high: tuple[float, ...]
    n: int
    method: str = "auto"


def franke(x: Any, y: Any) -> Any:
    return (
        0.75 * np.exp(-((9 * x - 2) ** 2 + (9 * y - 2) ** 2) / 4)
        + 0.75 * np.exp(-((9 * x + 1) ** 2) / 49 - (9 * y + 1) / 10)
        + 0.5 * np.exp(-((9 * x - 7) ** 2 + (9 * y - 3) ** 2) / 4)
        - 0.2 * np.exp(-((9 * x - 4) ** 2) - (9 * y - 7) ** 2)
    )


def wavy(a: Any, b: Any, c: Any) -> Any:
    return np.exp(-a * b * c) * np.sin(3 * a + b) + np.log(1 + a + b * c * c)


def roots(a: Any, b: Any, c: Any) -> Any:
    return np.sqrt(a + b * c) / (1 + 0.5 * np.sin(a * c))


def six(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any) -> Any:
    return np.sin(a * b) * np.exp(-c) + np.log(1 + d * e) * f + np.sqrt(1 + a * f)


THREE = (0.2,) * 3, (2.0,) * 3
TARGETS = [
    Target("law of 2", lambda a, b: a * np.exp(-b) / (1 + a), (0.2,) * 2, (2.0,) * 2, 200),
    Target("chirp", lambda x: np.sin(20 * x * x) * np.exp(-x), (0.0,), (2.0,), 120),
    Target("Franke", franke, (0.0,) * 2, (1.0,) * 2, 500),
    Target("wavy", wavy, *THREE, 1000),
    Target("roots", roots, *THREE, 1000),
    Target("kink", lambda a, b, c: np.abs(a - b * c) * np.exp(-c), *THREE, 1000),
    Target("six", six, (0.2,) * 6, (1.5,) * 6, 3000),
    *(Target("wavy", wavy, *THREE, 1000, one) for one in ("polynomial", "rational", "network", "rbf", "separable")),
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seeds", nargs="*", type=int, default=[1, 2, 3])
    parser.add_argument("--effort", type=float, default=1.0)
    given = parser.parse_args()
    print(
        f"{'target':10}{'method':12}{'seed':>5}{'fitted':>10}{'updated':>10}{'with X, y':>10}{'new fit':>10}"
        f"{'times':>7}{'says':>7}{'s':>8}{'of fit':>8}"
    )
    every: list[tuple[float, float, float]] = []
    for target in TARGETS:
        for seed in given.seeds:
            rng = np.random.default_rng(seed)
            X, Z, T = (
                rng.uniform(target.low, target.high, (n, len(target.low))) for n in (target.n, target.n // 10, N_FRESH)
            )
            y, z, t = target.f(*X.T), target.f(*Z.T), target.f(*T.T)
            options: Any = {"method": target.method, "effort": given.effort, "n_threads": 1, "progress": False}

            def off(model: Any, T: Any = T, t: Any = t) -> float:
                return float(np.sqrt(np.nanmean((model(T) - t) ** 2) / np.mean(t**2)))

            model = pml.fit(X, y, **options)
            start = time.process_time()
            updated = model.update(Z, z)
            middle = time.process_time()
            anew = pml.fit(np.concatenate([X, Z]), np.concatenate([y, z]), **options)
            end = time.process_time()
            errors = [off(one) for one in (model, updated, model.update(Z, z, X, y), anew)]
            # Errors of rounding are equal, whichever is the smaller.
            times = max(errors[1], 1e-14) / max(errors[3], 1e-14)
            says, share = updated.report.error / errors[1], (middle - start) / (end - middle)
            every.append((times, says, share))
            print(
                f"{target.name:10}{target.method:12}{seed:5d}"
                + "".join(f"{error:10.1e}" for error in errors)
                + f"{times:7.2f}{says:7.1f}{middle - start:8.3f}{share:8.1%}",
                flush=True,
            )
    for name, values in zip(
        ("error over that of a new fit", "said over true", "time of it"), np.array(every).T, strict=True
    ):
        print(f"{name}: median {np.median(values):.2g}, {values.min():.2g} to {values.max():.2g}")


if __name__ == "__main__":
    main()
