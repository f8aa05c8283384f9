"""What a sweep costs beyond its runs, and that nothing disturbs its table.

python bench/sweep_overhead.py [--runs 500] [--work 0.002]

A sweep of small runs is done undisturbed, then killed with SIGKILL at three random moments and resumed, then done by
threads, by processes and on a Dask cluster of two worker processes (where distributed is installed), one of them
killed on the way. All tables must be the same bit for bit. The overhead is measured with runs that do nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import math
import multiprocessing
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

from pml_native.scaling import Table, sweep

PROBLEMS = ["Z.001", "I.10.7", "teacher:1-3-3-1:0", "polynomial:3:5:0", "legendre:12"]


def small_run(problem: str, size: int, seed: int, work: float) -> dict[str, float]:
    """A number in which every digit depends on the settings, after about `work` seconds."""
    end = time.perf_counter() + work
    value = random.Random(f"{problem} {size} {seed}").random()
    while time.perf_counter() < end:
        pass
    return {"error": math.exp(-size * value) / 3.0, "undefined": math.nan}


def nothing(number: int) -> dict[str, float]:
    return {"value": number / 3.0}


def axes(n_runs: int, work: float) -> dict[str, object]:
    """Settings of `n_runs` runs."""
    return {"problem": PROBLEMS, "size": [16, 64, 256, 1024, 4096], "seed": range(n_runs // 25), "work": work}


def digest(table: Table) -> str:
    return hashlib.sha256(table.to_csv().encode()).hexdigest()[:16]


def killed_and_resumed(n_runs: int, work: float, folder: Path) -> Table:
    """The table of a sweep that SIGKILL ends at three random moments."""
    store = folder / "runs.db"
    command = [sys.executable, __file__, "--runs", str(n_runs), "--work", str(work), "--store", str(store)]
    target = 0
    for _ in range(3):
        target += random.randint(1, n_runs // 4)
        child = subprocess.Popen(command)
        while stored(store) < target:
            time.sleep(0.005)
        child.send_signal(signal.SIGKILL)
        child.wait()
        print(f"  killed after {stored(store)} of {n_runs} runs")
    return sweep(small_run, **axes(n_runs, work), store=store)


def stored(store: Path) -> int:
    """Runs that are in a store by now."""
    try:
        connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
        try:
            return int(connection.execute("SELECT count(*) FROM runs").fetchone()[0])
        finally:
            connection.close()
    except sqlite3.OperationalError:  # not there yet
        return 0


def on_dask(n_runs: int, work: float, folder: Path) -> Table:
    """The table from two worker processes of a Dask cluster, one of which is killed."""
    from distributed import Client, LocalCluster

    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)
    with LocalCluster(2, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50) as cluster:

        def kill_one() -> None:
            while stored(folder / "dask.db") < n_runs // 4:
                time.sleep(0.05)
            with Client(cluster.scheduler_address) as client:
                os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)

        threading.Thread(target=kill_one, daemon=True).start()
        start = time.perf_counter()
        table = sweep(small_run, **axes(n_runs, work), store=folder / "dask.db", scheduler=cluster.scheduler_address)
        print(f"  Dask: {time.perf_counter() - start:.1f} s, one of two workers killed")
        return table


def overhead(n_runs: int, folder: Path) -> None:
    """Prints the time of sweeps beyond that of their runs, which do nothing, and of starting worker processes."""
    start = time.perf_counter()
    sweep(nothing, number=range(2))
    print(f"  worker processes start, import the library and end in {time.perf_counter() - start:.2f} s")
    spawned = ProcessPoolExecutor(2, multiprocessing.get_context("spawn"))
    for name, executor in (("processes", spawned), ("threads", ThreadPoolExecutor(2))):
        sweep(nothing, number=range(200), executor=executor)  # all workers have started
        for kept in ("memory", "file"):
            store = None if kept == "memory" else folder / f"{name}.db"
            start = time.perf_counter()
            table = sweep(nothing, number=range(n_runs), store=store, executor=executor)
            beyond = time.perf_counter() - start - table.seconds.sum()
            print(f"  {name}, stored in {kept}: {1e3 * beyond / n_runs:.2f} ms a run")
        executor.shutdown()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--work", type=float, default=0.01, help="seconds a run takes")
    parser.add_argument("--store", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.store:  # the sweep that is to be killed
        sweep(small_run, **axes(arguments.runs, arguments.work), store=arguments.store)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = axes(arguments.runs, arguments.work)
        tables = {"processes": sweep(small_run, **settings, store=folder / "undisturbed.db")}
        tables["killed three times"] = killed_and_resumed(arguments.runs, arguments.work, folder)
        with ThreadPoolExecutor(2) as executor:
            tables["threads"] = sweep(small_run, **settings, executor=executor)
        if importlib.util.find_spec("distributed"):
            tables["Dask, a worker killed"] = on_dask(arguments.runs, arguments.work, folder)
        for kind, table in tables.items():
            print(f"{kind:24} {len(table)} rows, {len(table.failed)} failed, SHA-256 {digest(table)}")
        print("the same bit for bit" if len(set(map(digest, tables.values()))) == 1 else "DIFFERENT")
        print("overhead beyond the runs:")
        overhead(arguments.runs, folder)


if __name__ == "__main__":
    main()
