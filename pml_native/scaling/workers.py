"""Who does the runs of a sweep: worker processes of its own, an executor that is given, or a Dask cluster."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from .._version import __version__
from ..threads import available_cores
from .settings import Setting, encoded
from .store import Run

RunFunction = Callable[..., Mapping[str, Any]]
# One thread for each worker process: runs are parallel already. Read when libraries are loaded, hence at the start.
SINGLE_THREADED = {
    name: "1" for name in ("PML_NATIVE_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
}
SCHEDULER_SECONDS = 30.0


def perform(run: RunFunction, settings: list[Setting]) -> list[Run]:
    """Some runs, one after the other."""
    return [_performed(run, setting) for setting in settings]


def _performed(run: RunFunction, setting: Setting) -> Run:
    """One run, whatever becomes of it. The result crosses as text, so that it is the same from wherever it comes."""
    start = time.perf_counter()
    result, error = None, None
    try:
        result = encoded(run(**setting), setting)
    except (Exception, SystemExit):
        error = traceback.format_exc()
    return Run("failed" if error else "done", result, error, time.perf_counter() - start, __version__)


class GivenWorkers:
    """The workers of an executor of `concurrent.futures` that somebody else starts and ends."""

    def __init__(self, executor: Executor, n_workers: int | None = None) -> None:
        self.executor = executor
        # As many again wait in the executor's own queue, so that none of the workers has to wait for the next run.
        self.n_in_flight = 2 * (n_workers or getattr(executor, "_max_workers", None) or available_cores()) + 2

    def submit(self, run: RunFunction, settings: list[Setting]) -> Future[list[Run]]:
        return self.executor.submit(perform, run, settings)

    def restart(self) -> None:
        raise RuntimeError(
            "executor: it broke when a worker died; finished runs are stored, call sweep again with a new one"
        )


class OwnWorkers(GivenWorkers):
    """Single-threaded worker processes, started afresh when one of them has died.

    They are spawned, not forked: a fork would inherit the threads and locks of whatever library is loaded here.
    """

    def __init__(self, run: RunFunction, n_workers: int) -> None:
        self.run, self.n_workers = run, n_workers
        super().__init__(self._started(), n_workers)

    def _started(self) -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(self.n_workers, context, initializer=_settle)
        with _environment(SINGLE_THREADED):
            ready = [pool.submit(_know, self.run) for _ in range(self.n_workers)]
        try:
            ready[0].result()
        except BrokenExecutor:
            raise RuntimeError(
                "sweep: worker processes can't start, or can't import the function. A script that sweeps must do so "
                "under `if __name__ == '__main__':`; executor=ThreadPoolExecutor() does without processes"
            ) from None
        return pool

    def restart(self) -> None:
        self.executor.shutdown()
        self.executor = self._started()

    def end(self, at_once: bool) -> None:
        """Ends the processes; `at_once` in the middle of what they do."""
        # No public method does that before Python 3.14.
        processes = list((getattr(self.executor, "_processes", None) or {}).values())
        self.executor.shutdown(wait=not at_once, cancel_futures=True)
        if at_once:
            for process in processes:
                process.terminate()


@contextmanager
def workers_of(
    run: RunFunction, n_runs: int, executor: Executor | None, scheduler: str | None, jobs: int | None
) -> Iterator[GivenWorkers]:
    """The workers that `sweep` was asked to use."""
    if sum(choice is not None for choice in (executor, scheduler, jobs)) > 1:
        raise ValueError("expected one of executor, scheduler and jobs, got more")
    if executor is not None:
        yield GivenWorkers(executor)
    elif scheduler is not None:
        with _dask_client(scheduler) as client:
            yield GivenWorkers(client.get_executor(pure=False), sum(client.nthreads().values()))
    else:
        _require_importable(run)
        own = OwnWorkers(run, min(n_runs, jobs or available_cores()))
        try:
            yield own
        except BaseException:
            own.end(at_once=True)
            raise
        own.end(at_once=False)


@contextmanager
def _dask_client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError:
        raise ValueError('scheduler: needs Dask distributed: pip install "pml_native[dask]"') from None
    try:
        client: Any = Client(address, timeout=SCHEDULER_SECONDS)  # type: ignore[no-untyped-call,unused-ignore]
    except OSError as error:  # TimeoutError among them
        raise OSError(f"scheduler: expected a Dask scheduler at {address} ({error})") from None
    with client:
        try:
            client.wait_for_workers(1, timeout=SCHEDULER_SECONDS)
        except TimeoutError:
            raise OSError(f"scheduler: expected a Dask scheduler with workers at {address}, got none") from None
        yield client


def _require_importable(run: RunFunction) -> None:
    """ValueError where a new process couldn't get at `run`."""
    try:
        pickle.dumps(run)
        main = sys.modules["__main__"]
        reason = "it is in no file" if run.__module__ == "__main__" and not hasattr(main, "__file__") else ""
    except Exception as error:
        reason = str(error)
    if reason:
        raise ValueError(
            f"run: expected a function at the top level of a module, which worker processes can import ({reason}); "
            f"executor=ThreadPoolExecutor() does without processes"
        )


def _settle() -> None:
    """In a new worker process: leaves Ctrl-C to the sweep, and ends with it even if that was killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(SINGLE_THREADED)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _know(run: RunFunction) -> None:
    """Does nothing; that a worker comes to it shows that it has started and knows `run`."""


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
