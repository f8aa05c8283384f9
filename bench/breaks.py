"""Breaks of the law in tables of one column: how many are found, where, false alarms, and what cutting there gains.

    python bench/breaks.py                            # 200 rows, 100 tables of each kind: some ten minutes
    python bench/breaks.py --rows 2000 --tables 8
    python bench/breaks.py --rows 400 --decimals 6    # y rounded
    python bench/breaks.py --fits 20 --tables 20

First table: breaks found within three rows of the true place, places too many, errors of the places by median, 95th
percentile and the largest, the orders that were seen, and milliseconds of processor time. Second: relative errors of
`fit` on 4,000 fresh points of the box, over all and outside the gaps that hold a jump, about which no row tells; what
the report says; the same without cutting, and without powers at ends; and processor time of both. Third: exponents of
powers at ends, of y = A + (x - e)^b B with A and B smooth. Tables are drawn by seeds: break_tables.py.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
import warnings
from collections import Counter
from unittest.mock import patch

import numpy as np
from break_tables import BROKEN, SMOOTH, BrokenTable, table_of

import pml_native as pml
from pml_native.fitting import guide
from pml_native.fitting.cuts import cuts_of

# Points at which models are measured; and the effort of each fit, a tenth of a minute of one core.
N_TEST, EFFORT = 4000, 0.1
# Rows within which a break counts as found.
NEAR = 3
EXPONENTS = (0.5, 0.325, 1.0 / 3.0, 1.5, -0.5, 0.0)
# The rows of the guide without which `fit` is as it was before.
NEW = ("pieces", "cusps", "ends")


def detected(kind: str, n: int, n_tables: int, first: int, decimals: int | None) -> str:
    found, wanted, extra, orders, misses, spent = 0, 0, 0, Counter[int](), [], 0.0
    for seed in range(first, first + n_tables):
        table = table_of(kind, n, seed)
        y = table.y if decimals is None else np.round(table.y, decimals)
        start = time.process_time()
        cuts = cuts_of(table.x, y)
        spent += time.process_time() - start
        left = list(cuts)
        for place in table.places:
            wanted += 1
            row = np.searchsorted(table.x, place)
            near = [cut for cut in left if abs(np.searchsorted(table.x, cut.place) - row) <= NEAR]
            if near:
                best = min(near, key=lambda cut: abs(cut.place - place))
                left.remove(best)
                found += 1
                orders[best.order] += 1
                misses.append(abs(best.place - place))
        extra += len(left)
    places = " ".join(f"{e:8.0e}" for e in (*np.quantile(misses, [0.5, 0.95]), max(misses))) if misses else " " * 26
    seen = ", ".join(f"{order}: {count}" for order, count in sorted(orders.items()))
    return f"{kind:13} {found:4} of {wanted:4} {extra:6} {places} {1e3 * spent / n_tables:8.1f}  {seen}"


def fitted(table: BrokenTable, decimals: int | None) -> tuple[float, float, float, float, pml.Model]:
    """RMSE over the box, the same outside of gaps, what the report says, seconds, and the model."""
    y = table.y if decimals is None else np.round(table.y, decimals)
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = pml.fit(table.x, y, time_limit=None, effort=EFFORT, progress=False, n_threads=1)
    spent = time.process_time() - start
    x = np.random.default_rng(1_000_000).uniform(table.x[0], table.x[-1], N_TEST)
    error = (model(x) - table.value(x)) / np.sqrt(np.mean(table.y**2))
    outside = np.ones(N_TEST, dtype=bool)
    for place in table.places:
        k = int(np.searchsorted(table.x, place))
        outside &= (x <= table.x[k - 1]) | (x >= table.x[k])
    assert model.report is not None
    rmse = [float(np.sqrt(np.mean(one**2))) for one in (error, error[outside])]
    return rmse[0], rmse[1], model.report.error, spent, model


def before_and_after(kind: str, n: int, n_tables: int, first: int, decimals: int | None) -> str:
    after, before = [], []
    old = tuple(row for row in guide.SCATTERED if row.search not in NEW)
    for seed in range(first, first + n_tables):
        table = table_of(kind, n, seed)
        after.append(fitted(table, decimals)[:4])
        with patch.object(guide, "SCATTERED", old):
            before.append(fitted(table, decimals)[:4])
    columns = []
    for runs in (after, before):
        rmse, outside, said, spent = np.array(runs).T
        columns.append(f"{np.median(rmse):8.0e} {np.median(outside):8.0e} {np.max(outside):8.0e} ")
        columns.append(f"{np.median(said):8.0e} {np.mean(spent):6.2f}")
    return f"{kind:13} {''.join(columns[:2])}   {''.join(columns[2:])}"


def exponent_found(exponent: float, n: int, n_tables: int, first: int) -> str:
    """What is found of y = e^(0.7 x) cos x + (x + 1)^b (1 + 0.3 sin 2x), with a logarithm for b = 0."""

    def value(x: np.ndarray) -> np.ndarray:
        power = np.log(x + 1.0) if exponent == 0.0 else (x + 1.0) ** exponent
        return np.exp(0.7 * x) * np.cos(x) + power * (1.0 + 0.3 * np.sin(2.0 * x))

    errors, exponents, places, families = [], [], [], Counter[str]()
    for seed in range(first, first + n_tables):
        x = np.sort(np.random.default_rng(seed).uniform(-1.0, 1.0, n))
        error, _, _, _, model = fitted(BrokenTable(x, value), None)
        errors.append(error)
        families[model.family] += 1
        if isinstance(model, pml.Ends):
            exponents.append(abs(model.exponents[0] - exponent))
            places.append(abs(model.ends[0] + 1.0))
    found = " ".join(f"{np.max(v):8.0e}" if v else f"{'':8}" for v in (exponents, places))
    chosen = ", ".join(f"{family} {count}" for family, count in families.most_common())
    return f"{exponent:8.4f} {np.median(errors):8.0e} {np.max(errors):8.0e} {found}  {chosen}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--tables", type=int, default=100, help="of each kind, in which breaks are looked for")
    parser.add_argument("--fits", type=int, default=5, help="of each kind, fitted with cutting and without")
    parser.add_argument("--first", type=int, default=0, help="the seed of the first table")
    parser.add_argument("--decimals", type=int, help="y is rounded to so many")
    parser.add_argument("--kinds", nargs="+", choices=[*BROKEN, *SMOOTH], default=[*BROKEN, *SMOOTH])
    options = parser.parse_args()
    drawn = options.rows, options.tables, options.first, options.decimals
    print(f"{options.rows} rows, {options.tables} tables of each kind, from seed {options.first}")
    print(f"{'kind':13} {'found':>12} {'false':>6} {'place':>8} {'95 %':>8} {'largest':>8} {'ms':>8}  orders")
    for kind in options.kinds:
        print(detected(kind, *drawn), flush=True)
    if options.fits:
        headings = f"{'RMSE':>8} {'outside':>8} {'worst':>8} {'said':>8} {'s':>6}"
        print(f"\n{options.fits} fits of each kind, effort {EFFORT}: medians, the worst outside of gaps, and seconds")
        print(f"{'':13} {'cut':<42}   not cut")
        print(f"{'kind':13} {headings}   {headings}")
        for kind in options.kinds:
            print(before_and_after(kind, options.rows, options.fits, options.first, options.decimals), flush=True)
        print(f"\n{'exponent':>8} {'RMSE':>8} {'worst':>8} {'of b':>8} {'of e':>8}  families, of {options.fits}")
        for exponent in EXPONENTS:
            print(exponent_found(exponent, options.rows, options.fits, options.first), flush=True)


if __name__ == "__main__":
    main()
