"""Runs of searches: the same events as those of a slow, obvious interpreter, whatever the threads do meanwhile."""

import math
import sys
import threading
import time

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from pml_native.search.scheduler import SWITCH_SECONDS, Crew, Event, Next, Run, Start, State, Step, drop, held_blas


class Toy:
    """A search given by a function that makes its generator."""

    def __init__(self, steps):
        self._steps = steps
        self.prospect = 0.0

    def steps(self):
        return self._steps(self)


def run_toy(steps, n_threads=1, deadline=math.inf, **options):
    crew = Crew(n_threads, deadline, **options)
    crew.run(Toy(steps))
    return crew


def step(function=lambda: None, work=1.0):
    return Step(work, lambda worker: function())


def until_it_waits(run, seen):
    """Asks for events until the run has ended or may do no more."""
    while True:
        event = yield Next(run)
        seen.append(event)
        if event.state is not State.RUNNING:
            return


# --- the oracle: one thing after the other, each only when it is asked for


class SlowRun:
    def __init__(self, search):
        self.search, self.allowance, self.work, self.told, self.known = search, 0.0, 0.0, 0.0, 0.0
        self.events, self.dropped = self._events(), False

    def allow(self, work):
        self.allowance += work

    def next(self):
        event = None if self.dropped else next(self.events, None)
        if event is None:
            event = Event(None, self.known if self.dropped else self.work, self.search.prospect, State.ENDED)
        self.told = self.known = event.work
        return event

    def _events(self):
        steps, value = self.search.steps(), None
        while True:
            try:
                command = steps.throw(value) if isinstance(value, Exception) else steps.send(value)
            except StopIteration:
                return
            value = None
            if isinstance(command, Start):
                value = [SlowRun(search) for search in command.searches]
            elif isinstance(command, (list, Next)):
                while not self.work < self.allowance:
                    yield Event(None, self.work, self.search.prospect, State.PAUSED)
                if self.work > self.told:
                    yield Event(None, self.work, self.search.prospect)
                value, work = slow_results(command) if isinstance(command, list) else slow_event(command.run)
                self.work += work
            else:
                yield Event(command, self.work, self.search.prospect)


def slow_results(steps):
    """What the steps give, or the first that fails; and their work."""
    results, failures = [], []
    for one in steps:
        try:
            results.append(one.function(None))
        except ValueError as failure:
            failures.append(failure)
    return failures[0] if failures else results, sum(one.work for one in steps)


def slow_event(run):
    """The next event of a run, or what it fails with; and the work that it tells of."""
    before = run.known
    try:
        event = run.next()
    except ValueError as failure:
        event, run.known = failure, run.work
    return event, run.known - before


# --- random searches, each of which finds all that it has seen so far


def random_program(rng, depth):
    """Actions of a search, and whether it goes on after a failure."""
    n_runs, actions = 0, []
    for _ in range(rng.integers(2, 9)):
        kind = rng.choice(["steps", "steps", "found", "start", "start", "allow", "next", "until", "drop"])
        if kind == "steps":
            fails = rng.random(rng.integers(0, 4)) < 0.05
            actions.append((kind, [(float(rng.integers(0, 5)), bool(fail), rng.random() * 1e-3) for fail in fails]))
        elif kind == "found":
            actions.append((kind, float(rng.integers(9))))
        elif kind == "start" and depth > 0:
            inner = [random_program(rng, depth - 1) for _ in range(rng.integers(1, 4))]
            n_runs += len(inner)
            actions.append((kind, inner))
            actions += [("allow", n_runs - 1 - i, float(rng.choice([2, 7, np.inf]))) for i in range(len(inner))]
            actions += [("until", n_runs - 1 - i) for i in range(len(inner)) if rng.random() < 0.7]
        elif kind == "allow" and n_runs:
            actions.append((kind, rng.integers(n_runs), float(rng.integers(1, 9))))
        elif n_runs:
            actions.append((kind, rng.integers(n_runs)))
    return actions, rng.random() < 0.7


def toy_of(program, naps):
    """The search of a program; its steps sleep where `naps`."""
    actions, goes_on = program

    def work_of(name, fails, seconds):
        def function(worker):
            if naps:
                time.sleep(seconds)
            if fails:
                raise ValueError(f"failure of {name}")
            return name

        return function

    def steps(search):
        seen, runs, dropped = [], [], set()
        for i, (kind, *rest) in enumerate(actions):
            try:
                if kind == "steps":
                    wanted = [Step(work, work_of((i, j), *how)) for j, (work, *how) in enumerate(rest[0])]
                    seen.append((yield wanted))
                elif kind == "found":
                    search.prospect = rest[0]
                    yield repr(seen)
                elif kind == "start":
                    runs += yield Start([toy_of(inner, naps) for inner in rest[0]])
                elif kind == "allow":
                    runs[rest[0]].allow(rest[1])
                elif kind == "drop":
                    drop_any(runs[rest[0]])
                    dropped.add(rest[0])
                elif rest[0] not in dropped:
                    if kind == "next":
                        seen.append((yield Next(runs[rest[0]])))
                    else:
                        yield from until_it_waits(runs[rest[0]], seen)
            except ValueError as failure:
                if not goes_on:
                    raise
                seen.append(str(failure))
        yield repr(seen)

    return Toy(steps)


def drop_any(run):
    if isinstance(run, Run):
        drop(run)
    else:
        run.dropped = True


def seen_by_the_owner(search, allowances, run_it):
    """All events of a search whose allowance is raised in parts."""
    seen = []

    def steps(owner):
        [run] = yield Start([search])
        for work in allowances:
            run.allow(work)
            try:
                yield from until_it_waits(run, seen)
            except ValueError as failure:
                seen.append(str(failure))

    run_it(steps)
    return seen


def slowly(steps):
    run = SlowRun(Toy(steps))
    run.allow(math.inf)
    while run.next().state is not State.ENDED:
        pass


@pytest.mark.parametrize("seed", range(60))
def test_an_owner_sees_the_events_of_the_oracle_with_any_number_of_threads(seed):
    rng = np.random.default_rng(seed)
    program = random_program(rng, 2)
    while len(program[0]) < 5:
        program = random_program(rng, 2)
    allowances = [3.0, 10.0, 0.0, math.inf]
    expected = seen_by_the_owner(toy_of(program, naps=False), allowances, slowly)
    for n_threads in (1, 2, 3):
        search = toy_of(program, naps=True)
        seen = seen_by_the_owner(search, allowances, lambda steps, n=n_threads: run_toy(steps, n))
        assert seen == expected


# --- work


def test_a_run_waits_at_its_allowance_and_goes_on_where_it_was():
    seen = []

    def inner(search):
        for i in range(3):
            yield [step(work=2.0)]
            yield f"model {i}"

    def outer(search):
        [run] = yield Start([Toy(inner)])
        for _ in range(3):
            yield from until_it_waits(run, seen)
            run.allow(3.0)
        yield from until_it_waits(run, seen)

    run_toy(outer, 2)
    assert [event.found for event in seen if event.found] == ["model 0", "model 1", "model 2"]
    assert [(event.work, event.state) for event in seen if event.state is not State.RUNNING] == [
        (0.0, State.PAUSED),
        (4.0, State.PAUSED),
        (6.0, State.ENDED),
        (6.0, State.ENDED),
    ]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_work_of_nested_runs_counts_even_for_one_that_finds_nothing(n_threads):
    """An owner that only asks for events of its own runs works, too: its budget is what they have done."""
    seen = []

    def innermost(search):
        for _ in range(10):
            yield [step(work=1.0)]

    def middle(search):
        [run] = yield Start([Toy(innermost)])
        run.allow(math.inf)
        for _ in range(4):
            yield Next(run)
        drop(run)

    def outer(search):
        [run] = yield Start([Toy(middle)])
        run.allow(2.0)
        yield from until_it_waits(run, seen)
        run.allow(math.inf)
        yield from until_it_waits(run, seen)

    run_toy(outer, n_threads)
    assert [(event.work, event.state) for event in seen] == [
        (1.0, State.RUNNING),
        (2.0, State.PAUSED),
        (3.0, State.RUNNING),
        (4.0, State.ENDED),
    ]


def test_a_run_that_was_dropped_tells_nothing_more_however_far_ahead_it_was():
    begun = threading.Event()
    seen = []

    def inner(search):
        yield "found at once"
        yield [step(begun.set)]
        yield "found ahead"

    def outer(search):
        runs = yield Start([Toy(inner), Toy(inner)])
        runs[0].allow(math.inf)
        yield [step(begun.wait), step(lambda: time.sleep(0.02))]  # the first run goes ahead meanwhile
        drop(runs[0])
        seen.append((yield Next(runs[0])))

    run_toy(outer, 3)
    assert seen == [Event(None, 0.0, 0.0, State.ENDED)]


def test_one_thread_is_what_a_step_has_of_one_and_all_idle_ones_of_several():
    asked = []

    def steps(search):
        yield [Step(1.0, lambda worker: asked.append(worker.n_threads))]

    for n_threads in (1, 3):
        run_toy(steps, n_threads)
    assert asked == [1, 3]


# --- failures


@pytest.mark.parametrize("n_threads", [1, 2, 3])
def test_of_steps_that_fail_the_first_in_the_list_tells_why_not_the_first_in_time(n_threads):
    def fails(name, seconds):
        def function():
            time.sleep(seconds)
            raise ValueError(name)

        return function

    def steps(search):
        yield [step(), step(fails("early in the list", 0.02)), step(fails("early in time", 0.0))]

    with pytest.raises(ValueError, match="early in the list"):
        run_toy(steps, n_threads)


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_failure_reaches_the_search_then_its_owner_then_the_caller(n_threads):
    heard = []

    def broken(search):
        try:
            yield [step(lambda: 1 / 0)]
        except ZeroDivisionError:
            heard.append("search")
            raise

    def owner(search):
        [run] = yield Start([Toy(broken)])
        run.allow(1.0)
        try:
            yield Next(run)  # the work of the step
            yield Next(run)
        except ZeroDivisionError:
            heard.append("owner")
            raise

    with pytest.raises(ZeroDivisionError):
        run_toy(owner, n_threads)
    assert heard == ["search", "owner"]


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_run_that_waited_ahead_of_its_owner_tells_all_that_it_did(n_threads):
    """It has used its allowance and been given more before its owner asks: what is told then is what was done first."""
    told, ahead = [], threading.Event()

    def inner(search):
        for _ in range(3):
            yield [step()]
            ahead.set()

    def outer(search):
        [run] = yield Start([Toy(inner)])
        run.allow_up_to(1.0)
        yield [step(lambda: n_threads == 1 or ahead.wait(10.0))]
        run.allow_up_to(3.0)
        run.allow_up_to(2.0)  # no less than before
        while True:
            event = yield Next(run)
            told.append((event.work, event.state))
            if event.state is not State.RUNNING:
                return

    run_toy(outer, n_threads)
    assert told == [(1.0, State.RUNNING), (2.0, State.RUNNING), (3.0, State.ENDED)]


def test_python_switches_threads_often_only_while_several_work():
    usual, seen = sys.getswitchinterval(), []

    def outer(search):
        yield [step(lambda: seen.append(sys.getswitchinterval()))]

    for n_threads in (1, 2):
        run_toy(outer, n_threads)
    assert seen == [usual, min(usual, SWITCH_SECONDS)]
    assert sys.getswitchinterval() == usual


# --- the end of time


@pytest.mark.parametrize("n_threads", [1, 2])
@pytest.mark.parametrize("why", ["deadline", "interrupted"])
def test_what_was_found_before_the_end_is_kept_and_no_step_begins_after_it(why, n_threads):
    """Even one of a list that has begun before."""
    over, found, done = [], [], []

    def inner(search):
        yield [step()]
        yield "in time"
        yield [step(lambda: over.append(True)), *[step(lambda: done.append(True)) for _ in range(20)]]
        yield "too late"

    def outer(search):
        [run] = yield Start([Toy(inner)])
        run.allow(math.inf)
        yield from until_it_waits(run, found)
        yield "the last word"

    crew = Crew(n_threads, math.inf, interrupted=lambda: why == "interrupted" and bool(over))
    if why == "deadline":

        def end():
            crew.deadline = 0.0

        over = type("Ends", (), {"append": staticmethod(lambda _: end())})
    crew.run(Toy(outer))
    assert [event.found for event in found if event.found] == ["in time"]
    assert found[-1].state is State.ENDED
    assert len(done) <= n_threads - 1
    assert crew.late == (why == "deadline")


@pytest.mark.parametrize("n_threads", [1, 2])
def test_a_deadline_in_the_past_ends_all_but_what_is_needed(n_threads):
    found, begun = [], []

    def inner(search):
        yield [step(lambda: begun.append("first")) for _ in range(3)]
        yield "the only model"
        yield [step(lambda: begun.append("second"))]

    def outer(search):
        runs = yield Start([Toy(inner) for _ in range(2)])
        for run in runs:
            run.allow(math.inf)
            while True:
                event = yield Next(run)
                if event.found:
                    found.append(event.found)
                if event.state is State.ENDED:
                    break

    crew = run_toy(outer, n_threads, -math.inf, needed=lambda: not found)
    assert found[0] == "the only model"
    assert len(found) <= n_threads  # the second may have gone ahead
    assert begun.count("second") == 0
    assert crew.late


@pytest.mark.parametrize("n_threads", [1, 2])
def test_what_ends_by_itself_is_not_late(n_threads):
    """Even if the deadline passes while the last step is done."""
    crew = Crew(n_threads, math.inf)

    def last():
        crew.deadline = -math.inf
        time.sleep(0.1)

    def steps(search):
        yield [step(last)]

    crew.run(Toy(steps))
    assert not crew.late


def test_a_step_that_asks_ends_early():
    def long(worker):
        while not worker.should_stop():
            time.sleep(0.001)

    def steps(search):
        yield [Step(1.0, long)]

    assert run_toy(steps, 2, time.perf_counter() + 0.02).late


def test_a_step_of_a_run_that_is_dropped_may_end_early():
    begun, ended = threading.Event(), threading.Event()

    def long(worker):
        begun.set()
        while not worker.should_stop():
            time.sleep(0.001)
        ended.set()

    def inner(search):
        yield [Step(1.0, long)]

    def outer(search):
        [run] = yield Start([Toy(inner)])
        run.allow(1.0)
        yield [step(begun.wait)]
        drop(run)
        yield [step(lambda: ended.wait(5.0) or pytest.fail("it went on"))]

    run_toy(outer, 2)


def test_no_thread_is_left_over():
    before = set(threading.enumerate())

    def steps(search):
        yield [step(lambda: time.sleep(0.002)) for _ in range(6)]
        raise ValueError("done")

    with pytest.raises(ValueError, match="done"):
        run_toy(steps, 3)
    assert set(threading.enumerate()) == before


# --- BLAS on one thread


def blas_threads():
    return [one["num_threads"] for one in ThreadpoolController().select(user_api="blas").info()]


def test_blas_is_held_to_one_thread_while_anyone_holds_it():
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        with held_blas():
            with held_blas():
                assert set(blas_threads()) == {1}
            assert set(blas_threads()) == {1}
        assert blas_threads() == before
        with pytest.raises(ValueError, match="inside"), held_blas():
            raise ValueError("inside")
        assert blas_threads() == before


def test_two_python_threads_that_hold_blas_one_beyond_the_other_leave_it_as_it_was():
    first_holds, second_holds = threading.Event(), threading.Event()
    inside = []

    def second():
        first_holds.wait()
        with held_blas():
            second_holds.set()
            thread_of_first.join()  # which has let go by then
            inside.append(blas_threads())

    def first():
        with held_blas():
            first_holds.set()
            second_holds.wait()

    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        thread_of_first, thread_of_second = threading.Thread(target=first), threading.Thread(target=second)
        thread_of_second.start()
        thread_of_first.start()
        thread_of_second.join()
        assert set(inside[0]) == {1}
        assert blas_threads() == before
