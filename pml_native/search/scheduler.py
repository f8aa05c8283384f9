"""Runs searches: their steps side by side on threads, their results in the order of a plan.

A search is a generator. What it yields is one of

    [Step, ...]     pieces of work that know nothing of each other; it is sent the list of their results
    Found           a model, for whoever runs the search to see; it is sent None
    Start([...])    searches to run beside this one; it is sent a `Run` for each, which may do no work before `allow`
    Next(run)       the question what happened next in a run; it is sent an `Event`

A run does work up to its allowance, which its owner raises, and then waits; what its own runs did, as far as it has
asked for it, counts as its work. Threads take the steps of the run that is waited for first; where these are too few
for all threads, other runs go ahead within their allowances, the nearest relatives first. As a run knows nothing of the
others, and its owner sees its events one by one when it asks for them, all decisions are the same for any number of
threads and on any load: what was done ahead and is not asked for is dropped. So a search may neither draw from a
generator that others draw from, nor write to what they read: when it does so, and in which order, is not known.

Work is counted in multiply-adds, known from shapes before a step begins; nothing is decided by a clock. The deadline
is the one exception: from then on no step begins, runs end with what they have found, and `late` is set.
"""

from __future__ import annotations

import queue
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any, Protocol, TypeVar

import numpy as np
from threadpoolctl import LibController, ThreadpoolController

# Seconds after which a wait for a step is begun again: on Windows, signals are only seen between two waits.
WATCH_SECONDS = 0.05

Steps = Generator[Any, Any, None]
# Of a search, which has it by `yield from`: it returns what the search goes on with.
Returned = TypeVar("Returned")
Part = Generator[Any, Any, Returned]


@dataclass(frozen=True)
class Step:
    """A bounded piece of work: `function` of the worker that does it, and its multiply-adds."""

    work: float
    function: Callable[[Worker], Any]


class Search(Protocol):
    """What looks for a model. `prospect` is the least error that it still hopes for, 0 where it can't tell."""

    prospect: float

    def steps(self) -> Steps: ...


class State(Enum):
    """How a run stands: it goes on, it has used its allowance, or it has ended."""

    RUNNING = 0
    PAUSED = 1
    ENDED = 2


@dataclass(frozen=True)
class Event:
    """What happened in a run: a model was `found`, or some work is done, by it or by runs of its own.

    `work` is all that it has done by then.
    """

    found: Any
    work: float
    prospect: float
    state: State = State.RUNNING


@dataclass(frozen=True)
class Start:
    """Asks for runs of these searches."""

    searches: Sequence[Search]


@dataclass(frozen=True)
class Next:
    """Asks for the next event of a run."""

    run: Run


class DeadlineError(Exception):
    """Raised where a search asks for steps after the deadline."""


@dataclass(eq=False)
class Run:
    """A search on its way."""

    search: Search
    owner: Run | None
    allowance: float = 0.0
    work: float = 0.0
    runs: list[Run] = field(default_factory=list)  # those it started
    ended: bool = False
    _steps: Steps | None = None
    _events: deque[Event] = field(default_factory=deque)
    _awaits: Run | None = None
    _asked: list[Step] | Next | None = None  # beyond the allowance
    _told: float = 0.0  # of its work, what its events say
    _known: float = 0.0  # and what the owner has asked for
    _waiting: deque[tuple[int, Step]] = field(default_factory=deque)
    _results: list[Any] = field(default_factory=list)
    _n_left: int = 0
    _failures: dict[int, BaseException] = field(default_factory=dict)  # of its steps, by their places
    _failure: BaseException | None = None

    def allow(self, work: float) -> None:
        """Lets it do this much more."""
        self.allowance += work

    def allow_up_to(self, work: float) -> None:
        """Lets it go on until it has done this much in all."""
        self.allowance = max(self.allowance, work)


class Worker:
    """What a step may ask: how many threads a kernel may take, and whether to end early, its result not needed."""

    def __init__(self, crew: Crew, run: Run) -> None:
        self._crew, self._run = crew, run

    @property
    def n_threads(self) -> int:
        return self._crew.n_free

    def should_stop(self) -> bool:
        return self._run.ended or self._crew.is_over()


class Crew:
    """The threads, the deadline, and whoever may end it all early.

    n_threads : steps at once.
    deadline : of time.perf_counter; infinite for none.
    interrupted : asked between steps; Ctrl-C for example.
    needed : while True, steps go on even so: there is no model yet.
    """

    def __init__(
        self,
        n_threads: int,
        deadline: float,
        interrupted: Callable[[], bool] = lambda: False,
        needed: Callable[[], bool] = lambda: False,
    ) -> None:
        self.n_threads, self.deadline = n_threads, deadline
        self.interrupted, self.needed = interrupted, needed
        self.late = False  # whether the deadline has ended anything
        self._n_busy = 0
        self._done: queue.SimpleQueue[tuple[Run, int, Any, BaseException | None]] = queue.SimpleQueue()
        self._ready: deque[tuple[Run, Any]] = deque()

    @property
    def n_free(self) -> int:
        """Threads for the kernels of one step: its own, and those that have nothing to do."""
        return max(1, self.n_threads - self._n_busy + 1)

    def is_over(self) -> bool:
        if time.perf_counter() >= self.deadline:
            self.late = True
            return True
        return self.interrupted()

    def run(self, search: Search) -> None:
        """Runs `search` to its end, with all that it starts."""
        root = Run(search, None, allowance=float("inf"))
        self._ready.append((root, None))
        with (
            held_blas(),
            quick_switches(self.n_threads),
            ThreadPoolExecutor(self.n_threads, initializer=_hold_blas_here) as pool,
        ):
            try:
                while True:
                    while self._ready:
                        self._advance(*self._ready.popleft())
                    if root.ended:
                        break
                    self._assign(root, pool)
            finally:
                _end(root)
        if root._failure is not None:
            raise root._failure

    def _assign(self, root: Run, pool: ThreadPoolExecutor) -> None:
        """Begins steps on free threads, and waits for one to end."""
        wanted = root
        while wanted._awaits is not None:
            wanted = wanted._awaits
        for run in [wanted] if self.n_threads == 1 else _in_order(wanted):
            while self._n_busy < self.n_threads and self._begins(run):
                place, step = run._waiting.popleft()
                self._n_busy += 1
                if self.n_threads == 1:
                    self._done.put(_done(run, place, step, Worker(self, run)))
                else:
                    pool.submit(lambda *a: self._done.put(_done(*a)), run, place, step, Worker(self, run))
            if self._ready:
                return
        while self._n_busy:
            try:
                ended = self._done.get(timeout=WATCH_SECONDS)
            except queue.Empty:
                continue
            self._n_busy -= 1
            self._finish(*ended)
            return

    def _begins(self, run: Run) -> bool:
        """Whether the run has a step to begin; one that was not started, or may go on, is made ready first."""
        if run.ended or run._awaits is not None:
            return False
        if run._steps is None:
            self._ready.append((run, None))
            return False
        if run._asked is not None and run.allowance > run.work:
            command, run._asked = run._asked, None
            self._does(run, command)
        if run._waiting and self._is_too_late():
            for place, _ in run._waiting:
                run._failures[place] = DeadlineError()
            run._n_left -= len(run._waiting)
            run._waiting.clear()
            self._go_on(run)
        return bool(run._waiting)

    def _is_too_late(self) -> bool:
        """Whether no step may begin any more."""
        return not self.needed() and self.is_over()

    def _finish(self, run: Run, place: int, result: Any, failure: BaseException | None) -> None:
        if run.ended:
            return
        run._results[place] = result
        run._n_left -= 1
        if failure is not None:
            run._failures[place] = failure
        self._go_on(run)

    def _go_on(self, run: Run) -> None:
        """Lets the search go on if all its steps are done; of those that failed, the first one tells why."""
        if run._n_left == 0:
            if run._failures:
                run._failure = run._failures[min(run._failures)]
                run._failures = {}
            self._ready.append((run, run._results))

    def _queue(self, run: Run, steps: list[Step]) -> None:
        """The steps, to be done; or the end of the run, where it is too late for any."""
        if self._is_too_late():
            run._failure = DeadlineError()
            self._ready.append((run, None))
            return
        run.work += sum(step.work for step in steps)
        run._results, run._n_left = [None] * len(steps), len(steps)
        run._waiting.extend(enumerate(steps))
        self._go_on(run)

    def _advance(self, run: Run, value: Any) -> None:
        """Sends `value` to the search, and does what it asks for until that takes time."""
        if run.ended:
            return
        if run._steps is None:
            run._steps = run.search.steps()
        while True:
            try:
                if run._failure is not None:
                    failure, run._failure = run._failure, None
                    command = run._steps.throw(failure)
                else:
                    command = run._steps.send(value)
            except (StopIteration, DeadlineError):
                self._ends(run, None)
                return
            except BaseException as failure:
                self._ends(run, failure)
                return
            value = None
            if isinstance(command, Start):
                value = [Run(search, run) for search in command.searches]
                run.runs += value
            elif isinstance(command, (list, Next)):
                if not run.work < run.allowance:
                    run._asked = command
                    self._tell(run, None, State.PAUSED)
                else:
                    if run.work > run._told:  # and nothing was found by it
                        self._tell(run, None)
                    self._does(run, command)
                return
            else:
                self._tell(run, command)
                self._ready.append((run, None))  # after whoever was told
                return

    def _does(self, run: Run, command: list[Step] | Next) -> None:
        if isinstance(command, list):
            self._queue(run, command)
        elif (event := _next_event(command.run)) is None:
            run._awaits = command.run
        else:
            self._hear(run, event)

    def _hear(self, owner: Run, event: Event | BaseException) -> None:
        if isinstance(event, BaseException):
            owner._failure = event
        # Before those that it waits for: where it has a model now, no step begins after the deadline.
        self._ready.appendleft((owner, event))

    def _tell(self, run: Run, found: Any, state: State = State.RUNNING) -> None:
        """Puts an event on record, for the owner to ask for."""
        run._told = run.work
        if run.owner is not None:
            run._events.append(Event(found, run.work, run.search.prospect, state))
            self._wake(run)

    def _wake(self, run: Run) -> None:
        owner = run.owner
        if owner is not None and owner._awaits is run:
            event = _next_event(run)
            if event is not None:
                owner._awaits = None
                self._hear(owner, event)

    def _ends(self, run: Run, failure: BaseException | None) -> None:
        run._failure = failure
        _end(run)
        self._wake(run)


def _done(run: Run, place: int, step: Step, worker: Worker) -> tuple[Run, int, Any, BaseException | None]:
    try:
        with np.errstate(all="ignore"):  # models are judged by their errors, and those that overflow have none
            return run, place, step.function(worker), None
    except BaseException as failure:
        return run, place, None, failure


def _next_event(run: Run) -> Event | BaseException | None:
    """The next event; what made the search fail, once all before it is known; None where nothing is known yet."""
    while run._events:
        event = run._events.popleft()
        if event.state is State.PAUSED and run.allowance > event.work:
            # It was given more since: what it did goes on record as if it had not waited.
            if not event.work > run._known:
                continue
            event = replace(event, state=State.RUNNING)
        _count(run, event.work)
        return event
    if run.ended:
        _count(run, run.work)
        failure, run._failure = run._failure, None
        return failure or Event(None, run.work, run.search.prospect, State.ENDED)
    if run._asked is not None and not run.allowance > run.work:
        return Event(None, run._known, run.search.prospect, State.PAUSED)
    return None


def _count(run: Run, work: float) -> None:
    """The owner knows now that the run has done so much, which counts as its own work."""
    if run.owner is not None:
        run.owner.work += work - run._known
    run._known = work


def drop(run: Run) -> None:
    """Ends a run, with all that it started: what it found and was not asked for is lost."""
    _end(run)
    run._events.clear()
    run.work, run._failure = run._known, None


def _end(run: Run) -> None:
    for other in run.runs:
        _end(other)
    run.ended = True
    run._awaits = None
    run._waiting.clear()
    if run._steps is not None:
        run._steps.close()


def _in_order(first: Run) -> Iterator[Run]:
    """The run that is waited for, then all others, the nearest relatives first: they are the likeliest to be next."""
    yield first
    below: Run | None = None
    above: Run | None = first
    while above is not None:
        waiting = [run for run in reversed(above.runs) if run is not below]
        while waiting:
            run = waiting.pop()
            if not run.ended:
                yield run
            waiting += reversed(run.runs)
        below, above = above, above.owner


# --- Python's lock

# Seconds after which a thread that runs Python is to let another one have its turn, where steps run side by side. Each
# return from NumPy may have to wait so long: of two fits on two threads of a busy machine each waited 1.7 to 2.3 s with
# Python's own 5 ms, beside 7.5 s of work, and 0.3 s with this. With 0.1 ms two fits side by side were slower again.
SWITCH_SECONDS = 5e-4

_switches = threading.Lock()
_n_quick = 0
_usual_seconds = 0.0


@contextmanager
def quick_switches(n_threads: int) -> Iterator[None]:
    """While entered with several threads, these take turns often.

    The setting is the process's own, so the first to enter makes it and the last to leave takes it back.
    """
    global _n_quick, _usual_seconds
    if n_threads == 1:
        yield
        return
    with _switches:
        if _n_quick == 0:
            _usual_seconds = sys.getswitchinterval()
            sys.setswitchinterval(min(_usual_seconds, SWITCH_SECONDS))
        _n_quick += 1
    try:
        yield
    finally:
        with _switches:
            _n_quick -= 1
            if _n_quick == 0:
                sys.setswitchinterval(_usual_seconds)


# --- BLAS on one thread

_blas = threading.Lock()
_n_holding = 0
_held: list[tuple[LibController, int]] = []  # BLAS libraries, and the threads that they had


@contextmanager
def held_blas() -> Iterator[None]:
    """While entered, BLAS takes one thread: what it adds up then does not depend on how many there are.

    The setting is the process's own, so the first to enter makes it and the last to leave takes it back.
    """
    global _n_holding
    with _blas:
        if _n_holding == 0:
            libraries = ThreadpoolController().select(user_api="blas").lib_controllers
            _held[:] = [(library, library.num_threads) for library in libraries]
            _hold_blas_here()
        _n_holding += 1
    try:
        yield
    finally:
        with _blas:
            _n_holding -= 1
            if _n_holding == 0:
                for library, n_threads in _held:
                    _set_threads(library, n_threads)


def _hold_blas_here() -> None:
    """Sets one thread: for the process, or where BLAS runs on OpenMP, for the thread that calls this."""
    for library, _ in _held:
        _set_threads(library, 1)


def _set_threads(library: LibController, n_threads: int) -> None:
    """threadpoolctl 3.7 and later let only one thread of Python change the setting of OpenBLAS, and do nothing in
    others. The lock here says whose turn it is, so that control is taken, and left to whoever comes next.
    """
    release = getattr(library, "clear_controlling_thread", None)
    if release is not None:
        release(force=True)
    library.set_num_threads(n_threads)
    if release is not None:
        release(force=True)
