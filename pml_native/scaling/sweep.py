"""Many runs of one function over all combinations of settings: a table that can be left and gone on with."""

from __future__ import annotations

import os
import time
import warnings
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future, wait
from typing import Any

import numpy as np

from .._version import __version__
from ..optimize.interrupt import InterruptGuard
from ..options import flag_or_none, shown, whole_number
from .display import SweepDisplay
from .fingerprint import fingerprint
from .measure import applicable, measure
from .settings import Setting, combinations, decoded, key_of, plain
from .store import Run, Store
from .table import Table
from .workers import GivenWorkers, RunFunction, workers_of

# Between two looks for Ctrl-C and for what other sweeps have finished.
LOOK_SECONDS = 0.1
# Runs that take less than this are done several at a time, as many as take so long, but no more than MOST_AT_A_TIME.
BATCH_SECONDS = 0.02
MOST_AT_A_TIME = 50
# A run that was under way when its worker process died, this many times, is at fault.
DEATHS = 2


class SweepWarning(UserWarning):
    """Some runs of a sweep failed."""


def sweep(
    run: RunFunction | None = None,
    *,
    settings: Iterable[Mapping[str, Any]] | None = None,
    store: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    scheduler: str | None = None,
    jobs: int | None = None,
    progress: bool | None = None,
    retry_failed: bool = False,
    version_matters: bool = False,
    **axes: Any,
) -> Table:
    """Calls `run(**setting)` for every combination of the `axes`, or for each of `settings`: one row a run.

    run : a function at the top level of a module that returns a dict of numbers and texts; `measure` if not given.
    axes : lists, ranges, arrays, or one value for all runs, e.g. problem=["Z.001", "I.8.14"], size=[64, 256],
        seed=range(4).
    store : an SQLite file. Each run is in it as soon as it has finished, and what is in it isn't done again: a sweep
        that was killed goes on where it ended. Several sweeps may share it at the same time. None keeps runs in memory.
        A run is known by the settings and the function: its name, its code, what its closure and its defaults hold, and
        the functions and values of your own modules that it uses. Where any of these is another, it is done again.
    executor : any of `concurrent.futures`; single-threaded worker processes, `jobs` of them or as many as cores, if
        not given.
    scheduler : the address of a Dask scheduler, whose workers then do the runs (needs pml_native[dask] here and there).
    progress : shows runs done, failed, and the time left; None where standard error is a terminal.
    retry_failed : does runs again that are in the store as failed.
    version_matters : also does runs again that another version of this library has stored.

    A run that raises, or whose worker process dies twice, is a row with status "failed"; the sweep goes on, and warns
    at its end. Ctrl-C stores what has finished, ends worker processes and raises KeyboardInterrupt. The rows are the
    same from any executor and after any interruption, bit for bit where the runs themselves don't depend on the number
    of threads: BLAS does in Cholesky factors (Levenberg-Marquardt), so for an executor of threads set
    OPENBLAS_NUM_THREADS=1 before NumPy is imported, as worker processes have it. `measure`'s settings that a family
    doesn't have are left out. Raises OSError where the store can't be written; what is in it by then is safe.
    """
    if (settings is None) == (not axes):
        raise ValueError("expected axes, as in size=[64, 256], or settings=, and not both")
    if run is None:
        run = measure
    _check_options(run, store, executor, scheduler, jobs)
    for flag, name in ((retry_failed, "retry_failed"), (version_matters, "version_matters")):
        if flag_or_none(flag, name) is None:
            raise ValueError(f"{name}: expected True or False, got None")
    wanted = combinations(axes) if settings is None else _listed(settings)
    wanted = [plain(setting) for setting in wanted]
    if run is measure:
        wanted = [applicable(setting) for setting in wanted]
    by_key = {key_of(setting): setting for setting in wanted}
    name = fingerprint(run) + (f"@{__version__}" if version_matters else "")
    with Store(store, name) as book:
        if retry_failed:
            book.forget_failed(by_key)
        known = book.load(by_key)
        missing = [key for key in by_key if key not in known]
        if missing:
            with (
                InterruptGuard() as guard,
                workers_of(run, len(missing), executor, scheduler, jobs) as workers,
                SweepDisplay(progress, len(by_key), len(known)) as display,
            ):
                _Sweep(run, by_key, known, book, workers, display, lambda: guard.requested).carry_out(missing)
    table = table_of(by_key, known)
    failed = table.failed
    if len(failed):
        setting = next(by_key[key] for key in by_key if known[key].status == "failed")
        last = (failed.errors[0] or "").strip().splitlines()[-1]
        warnings.warn(
            f"{len(failed)} of {len(table)} runs failed, the first with {setting}: {last}", SweepWarning, stacklevel=2
        )
    return table


def _check_options(run: Any, store: Any, executor: Any, scheduler: Any, jobs: Any) -> None:
    if not callable(run):
        raise ValueError(f"run: expected a function, got {shown(run)}")
    if store is not None and not isinstance(store, (str, os.PathLike)):
        raise ValueError(f"store: expected a path or None, got {shown(store)}")
    if executor is not None and not hasattr(executor, "submit"):
        raise ValueError(f"executor: expected one of concurrent.futures or None, got {shown(executor)}")
    if scheduler is not None and not isinstance(scheduler, str):
        raise ValueError(f"scheduler: expected the address of a Dask scheduler or None, got {shown(scheduler)}")
    if jobs is not None:
        whole_number(jobs, "jobs", 1)


def _listed(settings: Any) -> list[Setting]:
    every = list(settings) if isinstance(settings, Iterable) else [settings]
    if not all(isinstance(setting, Mapping) for setting in every):
        raise ValueError(f"settings: expected dictionaries, one for each run, got {shown(settings)}")
    return every


def table_of(settings: Mapping[str, Setting], runs: Mapping[str, Run]) -> Table:
    """The table of `settings` by key, whose `runs` have finished."""
    found = [runs[key] for key in settings]
    results = [{} if run.result is None else decoded(run.result) for run in found]
    rows = [
        setting | result | {"status": run.status}
        for setting, result, run in zip(settings.values(), results, found, strict=True)
    ]
    columns = dict.fromkeys(name for part in (settings.values(), results) for names in part for name in names)
    seconds = np.array([run.seconds for run in found], dtype=np.float64)
    return Table((*columns, "status"), tuple(rows), seconds, tuple(run.error for run in found))


class _Sweep:
    """A sweep under way: each run waits, is in flight, is with another sweep, or is known.

    Where a worker process dies, all runs in flight are lost and any of them may be the reason. Each of these suspects
    is then done alone, which shows who it was.
    """

    def __init__(
        self,
        run: RunFunction,
        settings: dict[str, Setting],
        known: dict[str, Run],
        book: Store,
        workers: GivenWorkers,
        display: SweepDisplay,
        interrupted: Callable[[], bool],
    ) -> None:
        self.run, self.settings, self.known = run, settings, known
        self.book, self.workers, self.display, self.interrupted = book, workers, display, interrupted
        self.in_flight: dict[Future[list[Run]], list[str]] = {}
        self.suspects: deque[str] = deque()
        self.elsewhere: deque[str] = deque()
        self.deaths: Counter[str] = Counter()
        self.broken = False  # the workers, since one of them died
        self.n_here, self.seconds_here = 0, 0.0  # runs finished by these workers, and what they took
        self.n_failed = sum(run.status == "failed" for run in known.values())

    def carry_out(self, keys: Iterable[str]) -> None:
        """Does the runs `keys`, or waits for who does them, until all are known."""
        self.waiting = deque(keys)
        try:
            while self.waiting or self.suspects or self.in_flight or self.elsewhere:
                if self.interrupted():
                    raise KeyboardInterrupt
                self._submit()
                self._collect(LOOK_SECONDS)
                self.display.update(len(self.known), self.n_failed, len(self.elsewhere))
        except KeyboardInterrupt:
            self._collect(0.0)
            raise
        finally:
            for future in self.in_flight:
                future.cancel()

    def _submit(self) -> None:
        """Gives the workers as much to do as they can take."""
        if self.broken:
            if self.in_flight:
                return  # these are lost as well, and will say so
            self.workers.restart()
            self.broken = False
        if self.suspects:
            if not self.in_flight:
                self._start([self.suspects.popleft()], self.suspects)
            return
        size = self._batch_size()
        room = size * (self.workers.n_in_flight - len(self.in_flight))
        queue = self.waiting or self.elsewhere
        candidates = [queue.popleft() for _ in range(min(room, len(queue)))]
        if not candidates:
            return
        mine, finished = self.book.claim(candidates)
        self._know(finished)
        taken = {*mine, *finished}
        self.elsewhere.extend(key for key in candidates if key not in taken)
        for begin in range(0, len(mine), size):
            self._start(mine[begin : begin + size], self.waiting)

    def _batch_size(self) -> int:
        """How many runs to do at a time: one, unless they have turned out to be short; fewer towards the end."""
        if self.n_here == 0:
            return 1
        short = BATCH_SECONDS * self.n_here / max(self.seconds_here, BATCH_SECONDS / MOST_AT_A_TIME)
        fair = len(self.waiting) // self.workers.n_in_flight
        return max(1, min(int(short), fair, MOST_AT_A_TIME))

    def _start(self, keys: list[str], queue: deque[str]) -> None:
        try:
            self.in_flight[self.workers.submit(self.run, [self.settings[key] for key in keys])] = keys
        except BrokenExecutor:  # a worker died since the last look; these runs had not begun
            self.broken = True
            queue.extendleft(reversed(keys))

    def _collect(self, seconds: float) -> None:
        """Stores what has finished, waiting at most so long for something to finish."""
        if not self.in_flight:
            self.book.record({})
            if not (self.waiting or self.suspects):
                time.sleep(seconds)
            return
        done, _ = wait(self.in_flight, seconds, FIRST_COMPLETED)
        finished: dict[str, Run] = {}
        try:
            for future in done:
                finished |= self._outcomes(future, self.in_flight.pop(future))
        finally:
            self.book.record(finished)
            self._know(finished)

    def _outcomes(self, future: Future[list[Run]], keys: list[str]) -> dict[str, Run]:
        """How these runs ended, without those that were lost with their worker and are now suspects."""
        try:
            runs = future.result()
        except BrokenExecutor:
            self.broken = True
            self.deaths.update(keys)
            guilty = [key for key in keys if self.deaths[key] >= DEATHS]
            self.suspects.extend(key for key in keys if self.deaths[key] < DEATHS)
            return dict.fromkeys(guilty, _failed(f"its worker process died {DEATHS} times (out of memory, or a crash)"))
        except CancelledError:
            raise RuntimeError("executor: it has cancelled a run; finished runs are stored") from None
        except Exception as error:
            if len(keys) == 1:  # what a cluster gave up on
                return {keys[0]: _failed(f"{type(error).__name__}: {error}")}
            self.suspects.extend(keys)
            return {}
        self.n_here += len(runs)
        self.seconds_here += sum(run.seconds for run in runs)
        return dict(zip(keys, runs, strict=True))

    def _know(self, finished: dict[str, Run]) -> None:
        self.known.update(finished)
        self.n_failed += sum(run.status == "failed" for run in finished.values())


def _failed(why: str) -> Run:
    return Run("failed", None, why, float("nan"), __version__)
