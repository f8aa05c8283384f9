"""What a fit of a table in Parquet files takes that need not fit into memory: seconds and memory beside the rows read.

    python bench/chunks.py --rows 1e7                # some minutes; 1e8 rows are 3.6 GB of files, and half an hour
    python bench/chunks.py --rows 1e8 --folder /data # files are kept there, and made once

y = exp(-x0 x1) sin(x2 + x3) / (1 + x0 x3) on [0, 1]^4. Reading is once through all files with the checks that each fit
makes; memory is the largest resident size of a process of its own, less what it has before `fit`. Errors are those of
`report.all_rows`, and of `fit` of 100,000 other rows in one array at as many fresh points.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow
from pyarrow import parquet

ROWS_A_FILE, ROWS_A_GROUP = 2_500_000, 1 << 19
N_IN_MEMORY = 100_000


def values(X: np.ndarray) -> np.ndarray:
    a, b, c, d = X.T
    return np.exp(-a * b) * np.sin(c + d) / (1.0 + a * d)


def write(folder: Path, n_rows: int) -> None:
    """The files that are not there yet."""
    for k, begin in enumerate(range(0, n_rows, ROWS_A_FILE)):
        path = folder / f"part-{k:04}.parquet"
        if not path.exists():
            X = np.random.default_rng([7, k]).uniform(size=(min(ROWS_A_FILE, n_rows - begin), 4))
            columns = {f"x{j}": X[:, j] for j in range(4)} | {"y": values(X)}
            parquet.write_table(pyarrow.table(columns), path, row_group_size=ROWS_A_GROUP, use_dictionary=False)


def memory() -> float:
    """The largest resident size so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def measure(what: str, folder: str, seconds: float) -> dict[str, float]:
    """One figure of each kind, in this process."""
    import pml_native as pml
    from pml_native.chunks import chunks_of

    before, start = memory(), time.perf_counter()
    if what == "read":
        for _ in chunks_of(folder, "y", {}).samples():
            pass
        return {"seconds": time.perf_counter() - start, "MB": memory() - before}
    if what == "fit":
        model = pml.fit(folder, "y", time_limit=seconds, n_threads=1, progress=False)
        took, largest, report = time.perf_counter() - start, memory(), model.report
        assert report is not None
        assert report.all_rows is not None
        one = report.all_rows
        return {"seconds": took, "MB": largest - before, "search": report.seconds, "rmse": one.rmse, "max": one.max}
    rng = np.random.default_rng(8)
    X, fresh = rng.uniform(size=(2, N_IN_MEMORY, 4))
    model = pml.fit(X, values(X), time_limit=seconds, n_threads=1, progress=False)
    took, largest = time.perf_counter() - start, memory()
    error, rms = model(fresh) - values(fresh), np.sqrt(np.mean(values(fresh) ** 2))
    found = {"rmse": float(np.sqrt(np.mean(error**2)) / rms), "max": float(np.max(np.abs(error)) / rms)}
    return {"seconds": took, "MB": largest - before, **found}


def in_a_process(what: str, folder: Path, seconds: float) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", what, "--folder", str(folder), "--seconds", str(seconds)]
    found: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=float, default=1e7)
    parser.add_argument("--seconds", type=float, default=60.0, help="time limit of the searches")
    parser.add_argument("--folder", help="where the files are, or will be; a temporary one if not given")
    parser.add_argument("--measure", choices=("read", "fit", "array"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(options.measure, options.folder, options.seconds)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(options.folder or temporary)
        folder.mkdir(exist_ok=True)
        write(folder, int(options.rows))
        size = sum(path.stat().st_size for path in folder.glob("*.parquet"))
        print(f"{int(options.rows):,} rows of 5 columns, {size / 1e9:.1f} GB of Parquet files")
        found = {what: in_a_process(what, folder, options.seconds) for what in ("read", "fit", "array")}
    read, fit, array = (found[what] for what in ("read", "fit", "array"))
    print(f"read once      {read['seconds']:7.1f} s {read['MB']:7.0f} MB")
    print(f"fit            {fit['seconds']:7.1f} s {fit['MB']:7.0f} MB   RMSE {fit['rmse']:.1e}   max {fit['max']:.1e}")
    print(f"  without the search, {fit['seconds'] - fit['search']:.1f} s")
    print(f"an array of {N_IN_MEMORY:,} rows", end=" ")
    print(f"{array['seconds']:.1f} s {array['MB']:.0f} MB   RMSE {array['rmse']:.1e}   max {array['max']:.1e}")
    print(f"fit over reading once: {fit['seconds'] / read['seconds']:.1f}")


if __name__ == "__main__":
    main()
