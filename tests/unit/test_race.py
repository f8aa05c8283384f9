"""The race of `fit`: what it keeps of what is found, which searches it drops, and what it says of them."""

import math
import random
import time
from dataclasses import replace

import numpy as np
import pytest

import pml_native as pml
from pml_native.arrays import as_samples
from pml_native.fitting import guide
from pml_native.fitting.race import HOPELESS, ROUNDS, Race, Row
from pml_native.report import Errors
from pml_native.search import scheduler
from pml_native.search.scheduler import Crew, Step
from pml_native.search.search import CALL, FLOOR, Found, Rows, score


def rows_of(X, y, n_held_out=15, **options):
    samples = as_samples(X, y)
    n = len(samples.X)
    train, held_out = samples.take(np.arange(n - n_held_out)), samples.take(np.arange(n - n_held_out, n))
    return Rows.of(train, held_out, np.random.default_rng(0), **options)


@pytest.fixture
def rows():
    x = np.linspace(0.0, 1.0, 60)
    return rows_of(x, x)


def found_of(n_terms, error, maker="a", rounding=0.0):
    """A polynomial that fits nothing: it stands for a model of so many parameters and this error."""
    model = pml.Polynomial(np.arange(n_terms)[:, None], np.ones(n_terms))
    errors = Errors(error, error, error)
    return Found(model, errors, error, "polynomial", f"{n_terms} terms", maker, "told so", rounding)


class Toy:
    """A search that finds one thing after each step of `work`, and hopes for what it is told to."""

    def __init__(self, found, work=1.0, prospects=()):
        self.found, self.work, self.prospects = found, work, prospects
        self.prospect = 0.0
        self.done = 0

    def steps(self):
        for i, one in enumerate(self.found):
            if i < len(self.prospects):
                self.prospect = self.prospects[i]
            yield [Step(self.work, lambda worker: None)]
            self.done += 1
            if one is not None:
                yield one


def raced(rows, searches, work=1e3, n_threads=1, **options):
    """A race of toys, by name, each of share 1."""
    table = [Row(name, make=lambda race, toy=toy: toy) for name, toy in searches.items()]
    race = Race(rows, table, np.random.default_rng(0), work, **options)
    Crew(n_threads, math.inf).run(race)
    return race


# --- what is best


def test_far_from_rounding_the_error_alone_counts():
    assert score(1e-9, 1000) < score(1.001e-9, 1)


def test_near_rounding_twice_the_parameters_must_bring_half_the_error():
    assert score(5e-15, 2) < score(3e-15, 4)
    assert score(1e-15, 4) < score(3e-15, 2)
    assert score(0.0, 4) > score(0.0, 2)  # an error of 0 is not infinitely better


def test_the_score_rises_with_the_error_and_never_jumps():
    errors = np.logspace(-17, 0, 2000)
    scores = np.array([score(error, 500) for error in errors])
    steps = np.diff(np.log(scores[errors > FLOOR]))
    assert (steps > 0).all()
    assert steps.max() < 3 * np.log(errors[1] / errors[0])


@pytest.mark.parametrize("error", [math.inf, math.nan])
def test_a_model_without_a_finite_error_is_worst(error):
    assert score(1e300, 1) < score(error, 1)


def test_the_best_by_the_score_is_kept_whoever_finds_it_and_in_which_order(rows):
    models = [found_of(9, 3e-16, "a"), found_of(2, 5e-16, "b"), found_of(3, 1e-9, "c"), found_of(1, math.inf, "d")]
    for order in ((0, 1, 2, 3), (3, 2, 1, 0), (1, 0, 3, 2)):
        race = Race(rows, (), np.random.default_rng(0), 1.0)
        for i in order:
            race.consider(models[i])
        assert race.best.model is models[1].model
        assert {maker: one.model for maker, one in race.found.items()} == {one.maker: one.model for one in models}


def test_of_two_errors_of_zero_the_report_names_the_object_that_was_kept(rows):
    simple, other = found_of(2, 0.0, "a"), found_of(2, 0.0, "b")
    race = Race(rows, (), np.random.default_rng(0), 1.0)
    race.consider(found_of(5, 0.0, "c"))
    race.consider(simple)
    race.consider(other)
    assert race.best.model is simple.model
    assert race.best.candidate().description == "2 terms"
    assert race.found["a"] is race.best


def test_errors_at_rows_trained_on_count_as_those_held_out(rows):
    wild = replace(found_of(2, 1e-9), train_rmse=0.1)
    assert wild.error == 0.1
    assert wild.score > found_of(2, 1e-2).score


def test_rows_have_weight_even_if_every_second_has_none():
    x = np.linspace(0.0, 1.0, 4000)
    samples = as_samples(x, x, np.arange(4000) % 2)
    rows = Rows.of(samples, samples.take(np.arange(10)), np.random.default_rng(0))
    found = rows.found(pml.Polynomial([[0]], [1.0]), "polynomial", "a constant")
    assert found.train_rmse == pytest.approx(1.0, rel=0.05)  # the RMS of 1 - x is that of x
    assert found.error == max(found.train_rmse, found.errors.rmse)


# --- turns


def test_after_two_turns_for_all_the_search_that_promises_most_goes_on(rows):
    """Of 1,024 steps of work, each does 4 and then 16; the rest is for the one whose error falls."""
    falling = [found_of(1, 1.0 / (k + 1) ** 2, "b") for k in range(2000)]
    toys = {"a": Toy([found_of(1, 1.0, "a")] * 2000), "b": Toy(falling), "c": Toy([found_of(1, 0.5, "c")] * 2000)}
    race = raced(rows, toys, work=1024.0)
    assert toys["a"].done == toys["c"].done == 20
    assert toys["b"].done == 1024 - 40
    assert race.spent == 1024
    assert race.was_cut_short


def test_a_race_ends_where_no_search_promises_to_be_better(rows):
    toys = {name: Toy([found_of(1, error, name)] * 2000) for name, error in (("a", 1.0), ("b", 0.1))}
    race = raced(rows, toys, work=1024.0)
    assert race.spent < 200
    assert not race.was_cut_short


def test_what_is_slow_at_first_is_not_given_up_for_what_was_fast(rows):
    """By as much work as the fast one has done, the slow one would be better; so it goes on, and is."""
    fast = Toy([found_of(1, max(0.1 / (k + 1), 2e-3), "fast") for k in range(2000)])
    slow = Toy([found_of(1, 1.0 / (k + 1) ** 2, "slow") for k in range(2000)])
    race = raced(rows, {"fast": fast, "slow": slow}, work=1024.0)
    assert race.best.maker == "slow"


def test_a_race_in_other_variables_that_has_gained_much_goes_on_before_others_have_their_first_turn(rows):
    """The one that comes late brings 0.5 to 0.01 in its third turn, of 32 steps, and to 1e-3 by going on for as many
    after that, and in the next one, of 97, to nothing more; another one waits for its first turn that long."""
    errors = [1.0] * 40 + [0.01] * 24 + [1e-3] * 2000
    gaining = Toy([found_of(1, error, "gaining") for error in errors])
    before: list[int] = []

    def waiting(race):
        before.append(gaining.done)
        return Toy([found_of(1, 0.2, "waiting")] * 2000)

    late = len(ROUNDS)
    table = [
        Row("first", make=lambda race: Toy([found_of(1, 0.5, "first")] * 2000)),
        Row("gaining", first_round=late, make=lambda race: gaining, changes_variables=True),
        Row("waiting", first_round=late, make=waiting),
    ]
    Crew(1, math.inf).run(Race(rows, table, np.random.default_rng(0), 1024.0))
    assert before == [2 * 97]


def test_a_search_whose_error_falls_tenfold_goes_on_beyond_its_turn_until_it_does_not(rows):
    """A turn of 4 steps goes on for as many after each fall."""
    falling = Toy([found_of(1, error, "falling") for error in [1.0] * 3 + [0.1, 1e-2, 1e-3] + [1e-3] * 50])
    seen: list[tuple[int, float]] = []

    def other(race):
        seen.append((falling.done, race.error))
        return Toy([found_of(1, 0.5, "other")] * 50)

    table = [Row("falling", make=lambda race: falling), Row("other", make=other)]
    Crew(1, math.inf).run(Race(rows, table, np.random.default_rng(0), 1024.0))
    assert seen == [(10, 1e-3)]


def test_the_race_ends_when_the_work_is_used_up_but_not_before_there_is_a_model(rows):
    toy = Toy([None] * 30 + [found_of(1, 1.0)] + [None] * 30)
    race = raced(rows, {"a": toy}, work=2.0, rounds=(1.0,) * 40)
    assert (race.spent, race.error) == (31.0, 1.0)


def test_no_work_at_all_still_gives_a_model(rows):
    race = raced(rows, {"a": Toy([None, found_of(3, 1.0), found_of(3, 0.1)])}, work=0.0)
    assert race.error == 1.0
    assert race.was_cut_short


def test_a_search_without_hope_is_dropped(rows):
    good = Toy([found_of(2, 1e-6, "a")])
    hopeless = Toy([found_of(2, 1e-3, "b")] * 50, prospects=[0.0, 0.0, 1.1 * HOPELESS * 1e-6])
    hopeful = Toy([found_of(2, 1e-3, "c")] * 50, prospects=[0.0, 0.0, 0.9 * HOPELESS * 1e-6])
    race = raced(rows, {"a": good, "b": hopeless, "c": hopeful})
    assert hopeless.done <= 4 < hopeful.done
    assert race.has_ended("b")
    assert not race.has_ended("c")
    assert not race.was_cut_short


def test_a_search_far_behind_has_no_second_turn(rows):
    good, far = Toy([found_of(2, 1e-9, "a")] * 50), Toy([found_of(2, 0.1, "b")] * 50)
    raced(rows, {"a": good, "b": far}, work=1024.0)
    assert far.done == 4


def test_the_error_that_is_asked_for_ends_the_race(rows):
    toys = {"a": Toy([found_of(1, 10.0**-k) for k in range(9)]), "b": Toy([found_of(1, 1e-9, "b")])}
    race = raced(rows, toys, enough=1e-3)
    assert race.error == 1e-3
    assert toys["b"].done == 0


def test_a_row_comes_in_its_round_and_only_when_it_should(rows):
    toys = {name: Toy([found_of(1, 1.0, name)] * 9) for name in ("late", "never", "last", "always")}
    table = [
        Row("late", first_round=2, make=lambda race: toys["late"]),
        Row("never", when=lambda race: False, make=lambda race: toys["never"]),
        Row("last", last=True, make=lambda race: toys["last"]),
        Row("always", make=lambda race: toys["always"], sentence="it is {error:.0e} by {search}"),
    ]
    race = Race(rows, table, np.random.default_rng(0), 1e3)
    Crew(1, math.inf).run(race)
    assert list(race.runs) == ["always", "late", "last"]
    assert toys["never"].done == 0
    assert race.path[0].split(" s: ")[1] == "it is 1e+00 by always"


def test_what_is_shown_has_the_best_and_the_share_of_the_work_that_is_done(rows):
    shown = []

    class Watch:
        def show(self, found, best, share):
            shown.append((found.error, best.error, share))

    raced(rows, {"a": Toy([found_of(1, e) for e in (0.5, 0.7, 0.2)], work=100.0)}, watch=Watch())
    assert shown == [(0.5, 0.5, 0.1), (0.7, 0.5, 0.2), (0.2, 0.2, pytest.approx(0.3))]


# --- races of real searches


def with_symmetry(n=500):
    """A function of x0 - x1 and x2, and what a reduced race finds of it."""
    X = np.random.default_rng(1).uniform(1.0, 3.0, (n, 3))
    return X, np.exp(X[:, 0] - X[:, 1]) / (1.0 + X[:, 2]) + np.tanh(X[:, 0] - X[:, 1])


@pytest.fixture(scope="module")
def real_races():
    """The same race with one thread, and with several whose steps take all kinds of times."""
    done, steps = scheduler._done, random.Random(0)

    def slowed(run, place, step, worker):
        result = done(run, place, step, worker)
        time.sleep(steps.random() ** 4 * 0.02)
        return result

    races = []
    with pytest.MonkeyPatch.context() as patch:
        for n_threads in (1, 2, 3):
            race = Race(rows_of(*with_symmetry(), 75), guide.SCATTERED, np.random.default_rng(0), 5e9)
            Crew(n_threads, math.inf).run(race)
            patch.setattr(scheduler, "_done", slowed)
            races.append((race, race.rng.random()))
    return races


def test_a_race_within_the_race_hands_its_models_and_its_record_on(real_races):
    race, _ = real_races[0]
    reduced = [one for maker, one in race.found.items() if maker.startswith("of ")]
    assert race.best in reduced
    assert "x0-x1" in race.best.description
    X, y = with_symmetry(50)
    np.testing.assert_allclose(race.best.model(X), y, rtol=0, atol=1e-2)
    assert any("it seems to be a function of" in line for line in race.path)
    assert any(": of " in line and "come to" in line for line in race.path)


def test_changes_of_units_that_are_not_sure_are_tried():
    """Columns that count for little, as polynomials know their slopes to few digits."""
    X = np.random.default_rng(0).uniform(1.0, 3.0, (400, 4))
    a, b, c, d = X.T
    table = tuple(row for row in guide.SCATTERED if row.search in ("polynomial", "units"))
    race = Race(rows_of(X, a * np.exp(-3.0 * a / b + 0.002 * c * d**2), 60), table, np.random.default_rng(0), 6e9)
    Crew(1, math.inf).run(race)
    assert race.best.maker.startswith("of x0/x1, x2*x3^2; times x0: ")
    assert race.error < 1e-13


def test_the_same_race_gives_the_same_record_and_models_with_any_number_of_threads(real_races, tmp_path):
    def record(race, drawn):
        files = {}
        for i, (maker, one) in enumerate(race.found.items()):
            one.model.save(tmp_path / "model.pml")
            files[maker] = i, one.errors, one.train_rmse, (tmp_path / "model.pml").read_bytes()
        path = [line.split(" s: ", 1)[1] for line in race.path]
        history = [(error, family) for _, error, family in race.history]
        return files, path, history, race.progress, race.spent, race.best.maker, drawn

    first, *others = [record(*one) for one in real_races]
    for other in others:
        for here, there in zip(first, other, strict=True):
            assert here == there


def test_work_is_counted_before_it_is_done_and_bounds_it(real_races):
    race, _ = real_races[0]
    assert 0.0 < race.spent < 1.2 * race.work
    assert race.progress[-1][0] <= race.spent / race.work
    assert race.spent > 50 * CALL


def test_a_search_that_finds_its_first_model_late_goes_on(rows):
    late = Toy([None] * 30 + [found_of(3, 0.1), found_of(3, 0.01)] + [None] * 60)
    race = raced(rows, {"early": Toy([found_of(2, 0.5)] * 3), "late": late})
    assert race.error == 0.01
