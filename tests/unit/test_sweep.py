"""Sweeps: the same table from everywhere and after every interruption, and nothing done twice."""

import csv
import functools
import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import threading
import time
import types
import warnings
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from unit.sweep_runs import counted, deadly_at_three, dies_once, fails_at_three, quick

import pml_native as pml
from pml_native.problems import equations
from pml_native.scaling import SweepWarning, measure, sweep
from pml_native.scaling.fingerprint import fingerprint
from pml_native.scaling.store import Run, Store

PACKAGE = str(Path(pml.__file__).parents[1])
TESTS = str(Path(__file__).parents[1])
PATHS = {**os.environ, "PYTHONPATH": os.pathsep.join([PACKAGE, TESTS])}


@pytest.fixture
def threads():
    with ThreadPoolExecutor(2) as executor:
        yield executor


def test_a_table_has_a_row_for_each_combination_in_order(threads):
    table = sweep(quick, size=[7, 64], family="any", seed=range(2), executor=threads)
    assert table.columns == ("size", "family", "seed", "error", "odd", "word", "status")
    assert [(row["size"], row["seed"]) for row in table] == [(7, 0), (7, 1), (64, 0), (64, 1)]
    assert table.rows[1] == {**{"size": 7, "family": "any", "seed": 1}, **quick(7, 1), "status": "done"}
    assert table.column("size").dtype == np.int64
    assert table.column("error").dtype == np.float64
    assert len(table.where(size=64)) == len(table.where(seed=[1, 5])) == 2
    assert table.seconds.shape == (4,)
    assert table.errors == (None,) * 4


def test_settings_can_be_given_one_by_one_and_doubles_are_done_once(threads, tmp_path):
    settings = [{"size": np.int64(k), "folder": str(tmp_path)} for k in (4, 2, 4)]
    table = sweep(counted, settings=settings, executor=threads)
    assert table.column("size").tolist() == [4, 2]
    assert (tmp_path / "4").read_text() == "x"


def test_files_hold_the_numbers_exactly(threads, tmp_path):
    table = sweep(quick, size=range(5), executor=threads)
    text = table.to_csv(tmp_path / "table.csv")
    assert (tmp_path / "table.csv").read_text() == text
    with (tmp_path / "table.csv").open() as file:
        assert [float(row["error"]) for row in csv.DictReader(file)] == table.column("error").tolist()
    np.testing.assert_array_equal(table.to_pandas()["error"], table.column("error"))


def test_what_is_stored_is_not_done_again(threads, tmp_path):
    for sizes in (range(3), range(6)):
        table = sweep(counted, folder=str(tmp_path), size=sizes, store=tmp_path / "runs.db", executor=threads)
    assert [(tmp_path / str(k)).read_text() for k in range(6)] == ["x"] * 6
    assert table.column("value").tolist() == [0.1 * k for k in range(6)]


def test_runs_of_another_function_are_others(threads, tmp_path):
    sweep(quick, size=[1, 2], store=tmp_path / "runs.db", executor=threads)
    assert "value" in sweep(fails_at_three, size=[1, 2], store=tmp_path / "runs.db", executor=threads).columns


def times(factor):
    """A function whose factor only its closure knows."""
    return lambda n: {"v": factor * n}


def compiled(source, name="run", module="study"):
    """What a script or a module of this source has under `name`."""
    module = types.ModuleType(module)
    exec(compile(textwrap.dedent(source), "study.py", "exec"), vars(module))
    return getattr(module, name)


class Times:
    """A function with state, and a method with an object."""

    def __init__(self, factor):
        self.factor = factor

    def __call__(self, n):
        return {"v": self.factor * n}

    def run(self, n):
        return {"v": self.factor * n}


def weighted(n, weights=(1.0,)):
    return {"v": n * float(np.sum(weights))}


def with_helper(factor):
    return compiled(f"def helper(n): return {factor} * n\ndef run(n): return {{'v': helper(n)}}")


def with_helper_in_a_module(factor):
    run = compiled("def run(n): return {'v': helpers.scale.times(n)}")
    helpers, scale = types.ModuleType("helpers"), types.ModuleType("helpers.scale")
    scale.times = compiled(f"def times(n): return {factor} * n", "times", "helpers.scale")
    helpers.scale = scale
    run.__globals__["helpers"] = helpers
    return run


def with_import_inside(form):
    """Of functions that import a module, or one of a package, when they run; `form` has "the_module" in it."""

    def make(factor):
        for name in ("the_package", "the_package.the_module"):
            sys.modules[name] = types.ModuleType(name)
        inner = sys.modules["the_package.the_module"]
        sys.modules["the_package"].__path__, sys.modules["the_package"].the_module = [], inner
        inner.times = compiled(f"def times(n): return {factor} * n", "times", "the_package.the_module")
        imports, call = form.split("; ")
        return compiled(f"def run(n):\n {imports}\n return {{'v': {call}(n)}}")

    return make


def with_metaclass(factor):
    return compiled(f"""
        class Meta(type):
            def times(cls, n): return {factor} * n
        class Law(metaclass=Meta): pass
        def run(n): return {{'v': Law.times(n)}}
    """)


def recursive(factor):
    return compiled(f"def run(n): return {{'v': {factor} * n if n < 9 else run(n - 9)['v']}}")


FUNCTIONS_OF_A_FACTOR = {
    "closure": times,
    "closure over an array": lambda factor: times(np.float64(factor) * np.ones(1)[0]),
    "array": lambda factor: (lambda a: lambda n: {"v": float(a.mean()) * n})(np.full(2, float(factor))),
    "constant": lambda factor: compiled(f"run = lambda n: {{'v': {factor} * n}}"),
    "default": lambda factor: compiled(f"def run(n, factor={factor}): return {{'v': factor * n}}"),
    "global": lambda factor: compiled(f"FACTOR = {factor}\ndef run(n): return {{'v': FACTOR * n}}"),
    "nested": lambda factor: compiled(f"def run(n):\n def inner(): return {factor} * n\n return {{'v': inner()}}"),
    "helper": with_helper,
    "helper in a module": with_helper_in_a_module,
    "import inside": with_import_inside("import the_package.the_module; the_package.the_module.times"),
    "import inside under a name": with_import_inside("import the_package.the_module as m; m.times"),
    "import of a module inside": with_import_inside("from the_package import the_module as m; m.times"),
    "import of a function inside": with_import_inside("from the_package.the_module import times; times"),
    "recursive": recursive,
    "metaclass": with_metaclass,
    "ufunc": lambda factor: (lambda f: lambda n: {"v": f(n)})(np.frompyfunc(lambda n: factor * n, 1, 1)),
    "order of a dictionary": lambda factor: compiled(
        f"LAWS = {{'a': 1, 'b': 100}}\nLAWS = dict(sorted(LAWS.items(), reverse={factor == 100}))\n"
        "def run(n): return {'v': next(iter(LAWS.values())) * n}"
    ),
    "state": Times,
    "bound method": lambda factor: Times(factor).run,
    "partial": lambda factor: functools.partial(weighted, weights=np.full(3, float(factor))),
    "cached": lambda factor: functools.lru_cache(times(factor)),
    "wrapped": lambda factor: functools.wraps(weighted)(times(factor)),
    "lambdas": lambda factor: (lambda n: {"v": 1 * n}) if factor == 1 else (lambda n: {"v": 100 * n}),
}


@pytest.mark.parametrize("kind", FUNCTIONS_OF_A_FACTOR)
def test_a_function_that_does_something_else_under_the_same_name_is_another(kind, tmp_path, threads):
    make = FUNCTIONS_OF_A_FACTOR[kind]
    first, second = (
        sweep(make(factor), n=range(3), store=tmp_path / "runs.db", executor=threads).column("v").tolist()
        for factor in (1, 100)
    )
    assert [100 * v for v in first] == second
    assert first != second
    # The same made anew is the same: what is stored isn't done again.
    assert fingerprint(make(1)) == fingerprint(make(1)) != fingerprint(make(100))


def test_a_function_is_known_after_a_restart_and_comments_do_not_count(tmp_path):
    source = """
        import runpy
        from pathlib import Path
        import numpy as np
        NAMES = {"a", "b", "c", "d"}  # the order of which changes from start to start
        OPTIONS = {"folder": Path("."), "weights": np.arange(3.0), "kind": np.float32}

        def helper(n):
            return len(NAMES) * n + OPTIONS["weights"].sum()

        def run(n):
            return {"v": float(helper(n))}
    """
    ask = f"print(runpy.run_path({str(Path(pml.scaling.__file__).with_name('fingerprint.py'))!r})['fingerprint'](run))"
    script, answers = tmp_path / "study.py", []
    for comment in ("", "# This changes nothing.\n\n"):
        script.write_text(comment + textwrap.dedent(source) + ask)
        done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
        answers.append(done.stdout)
    assert answers[0] == answers[1]
    assert answers[0].startswith("__main__.run#")


def test_functions_of_this_package_are_known_by_their_name_in_stores_of_any_version():
    assert fingerprint(measure) == "pml_native.scaling.measure.measure"


def test_processes_and_threads_give_the_same_table(threads):
    axes = {"problem": ["Z.001", "legendre:5"], "family": ["simplex", "network"], "size": [16, 40], "seed": range(2)}
    settings = {"optimizer": "lm", "steps": 10, "n_test": 500}
    by_threads = sweep(**axes, **settings, executor=threads)
    assert sweep(**axes, **settings, jobs=2).to_csv() == by_threads.to_csv()
    assert set(by_threads.column("status")) == {"done"}


def test_an_option_of_one_family_does_not_multiply_the_others(threads):
    table = sweep(
        problem="Z.001", family=["simplex", "network"], size=16, depth=[2, 3], steps=1, n_test=10, executor=threads
    )
    assert [(row["family"], row.get("depth")) for row in table] == [("simplex", None), ("network", 2), ("network", 3)]
    assert list(table.column("depth")[1:]) == [2, 3]
    assert np.isnan(table.column("depth")[0])


@pytest.mark.parametrize(("depth", "maps"), [(4, 2), (6, 3)])
def test_a_modular_network_is_as_wide_as_the_size_allows(depth, maps):
    found = measure("I.8.14", "modular", 64, depth=depth, steps=1, n_test=10)

    def n_params(width):
        return pml.ModularMLP.from_formula(equations["I.8.14"], width=width, depth=maps).n_params

    assert found["n_params"] == n_params(found["units"]) <= 64 * 5 + 4 < n_params(found["units"] + 1)
    assert found["n_points"] == found["n_params"] // 5


@pytest.mark.parametrize(
    ("problem", "size", "depth", "message"),
    [
        ("I.8.14", 64, 5, "2 or more times 2"),
        ("I.8.14", 64, 2, "2 or more times 2"),
        ("I.8.14", 2, 4, "expected at least 3"),
        ("legendre:5", 64, 4, "an equation"),
    ],
)
def test_what_no_modular_network_can_be_is_refused(problem, size, depth, message):
    with pytest.raises(ValueError, match=message):
        measure(problem, "modular", size, depth=depth)


def test_a_failed_run_is_a_row_and_can_be_tried_again(threads, tmp_path):
    options = {"size": range(5), "store": tmp_path / "runs.db", "executor": threads}
    with pytest.warns(SweepWarning, match=r"1 of 5 runs failed, the first with {'size': 3}: ValueError: three is too"):
        table = sweep(fails_at_three, **options)
    assert table.column("status").tolist() == ["done"] * 3 + ["failed", "done"]
    assert np.isnan(table.column("value")[3])
    assert "fails_at_three" in table.failed.errors[0]
    assert len(table.done) == 4
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        stored = "SELECT seconds, settings FROM runs WHERE status = 'failed'"
        before = connection.execute(stored).fetchall()
        with pytest.warns(SweepWarning):
            sweep(fails_at_three, **options)
        assert connection.execute(stored).fetchall() == before
        with pytest.warns(SweepWarning):
            sweep(fails_at_three, **options, retry_failed=True)
        assert connection.execute(stored).fetchall() != before
    connection.close()


@pytest.mark.parametrize("result", [5, {"size": 1}, {"x": object()}, {"status": 1}])
def test_a_result_that_is_no_row_is_a_failure(threads, result):
    def run(size):
        return result

    with pytest.warns(SweepWarning, match="TypeError"):
        assert sweep(run, size=1, executor=threads).column("status") == ["failed"]


@pytest.mark.slow  # starts processes several times
def test_a_run_that_kills_its_worker_is_found_out_and_the_rest_are_done(tmp_path):
    with pytest.warns(SweepWarning, match="its worker process died 2 times"):
        table = sweep(deadly_at_three, size=range(8), jobs=2)
    assert table.column("status").tolist() == ["done"] * 3 + ["failed"] + ["done"] * 4


@pytest.mark.slow  # starts processes several times
def test_a_worker_that_is_killed_once_costs_nothing(tmp_path):
    table = sweep(dies_once, folder=str(tmp_path), size=range(12), jobs=2, store=tmp_path / "runs.db")
    assert table.column("value").tolist() == list(range(12))
    assert (tmp_path / "died").exists()


def test_a_broken_executor_of_the_caller_is_named_and_what_is_done_is_kept(tmp_path):
    with ProcessPoolExecutor(1) as executor, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python's own about a fork with threads
        with pytest.raises(RuntimeError, match="finished runs are stored"):
            sweep(dies_once, folder=str(tmp_path), size=range(5), store=tmp_path / "runs.db", executor=executor)
    with ThreadPoolExecutor(1) as executor:
        table = sweep(dies_once, folder=str(tmp_path), size=range(5), store=tmp_path / "runs.db", executor=executor)
    assert table.column("value").tolist() == list(range(5))


SCRIPT = """
import sys
from concurrent.futures import ThreadPoolExecutor
from unit.sweep_runs import counted
from pml_native.scaling import sweep

if __name__ == "__main__":
    executor = ThreadPoolExecutor(2) if sys.argv[2] == "threads" else None
    sweep(counted, folder=sys.argv[1], size=range(120), store=sys.argv[1] + "/runs.db", executor=executor)
"""


def started(folder, executor):
    script = folder / "script.py"
    script.write_text(SCRIPT)
    return subprocess.Popen([sys.executable, str(script), str(folder), executor], env=PATHS)


def n_done(folder):
    return sum(path.name.isdecimal() for path in folder.iterdir())


def wait_until(condition, seconds=60.0):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)


@pytest.mark.slow  # starts processes several times
def test_a_sweep_killed_in_the_middle_goes_on_to_the_same_table(tmp_path, threads):
    for executor, enough in (("processes", 20), ("threads", 60)):
        process = started(tmp_path, executor)
        wait_until(lambda enough=enough: n_done(tmp_path) >= enough)
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert n_done(tmp_path) < 120
    table = sweep(counted, folder=str(tmp_path), size=range(120), store=tmp_path / "runs.db", executor=threads)
    other = tmp_path / "other"
    other.mkdir()
    undisturbed = sweep(counted, folder=str(other), size=range(120), executor=threads)
    assert table.column("value").tobytes() == undisturbed.column("value").tobytes()
    again = [(tmp_path / str(k)).read_text() for k in range(120)]
    # At most the runs in flight at the two deaths: 2 workers' and as many waiting in their queue, with two to spare.
    assert sum(len(marks) - 1 for marks in again) <= 12


def test_two_sweeps_on_one_store_share_the_work(tmp_path):
    tables = {}

    def one(name):
        with ThreadPoolExecutor(2) as executor:
            tables[name] = sweep(
                counted, folder=str(tmp_path), size=range(60), store=tmp_path / "runs.db", executor=executor
            )

    both = [threading.Thread(target=one, args=(name,)) for name in "ab"]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert tables["a"].to_csv() == tables["b"].to_csv()
    assert [(tmp_path / str(k)).read_text() for k in range(60)] == ["x"] * 60


@pytest.mark.slow  # starts processes several times
def test_ctrl_c_keeps_what_is_done(tmp_path):
    process = started(tmp_path, "processes")
    wait_until(lambda: n_done(tmp_path) >= 10)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) != 0
    done = n_done(tmp_path)
    assert done < 120
    with sqlite3.connect(tmp_path / "runs.db") as connection:
        (stored,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        assert connection.execute("SELECT count(*) FROM claims").fetchone() == (0,)
    connection.close()
    assert done - 12 <= stored <= done


def test_claims_of_a_dead_sweep_do_not_count(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    with Store(tmp_path / "runs.db", "f") as dead, Store(tmp_path / "runs.db", "f") as living:
        assert dead.claim(["a", "b"])[0] == ["a", "b"]
        assert living.claim(["a"]) == ([], {})
        dead._connection.execute("UPDATE sweeps SET pid = ?", (process.pid,))
        assert living.claim(["a"]) == (["a"], {})
        living.record({"a": Run("done", "{}", None, 0.0, "1")})
        assert dead.claim(["a"]) == ([], {"a": Run("done", "{}", None, 0.0, "1")})


def test_a_store_that_cannot_be_used_says_why(tmp_path, threads, monkeypatch):
    (tmp_path / "text").write_text("no database, but long enough to be looked at" * 100)
    with pytest.raises(ValueError, match="expected a store of runs"):
        sweep(quick, size=1, store=tmp_path / "text", executor=threads)
    with sqlite3.connect(tmp_path / "foreign.db") as connection:
        connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(ValueError, match="another program's SQLite file"):
        sweep(quick, size=1, store=tmp_path / "foreign.db", executor=threads)
    with pytest.raises(OSError, match="could not be opened"):
        sweep(quick, size=1, store=tmp_path / "no" / "folder.db", executor=threads)
    sweep(quick, size=1, store=tmp_path / "runs.db", executor=threads)
    monkeypatch.setattr("pml_native.scaling.store.LOCK_SECONDS", 0.1)
    with sqlite3.connect(tmp_path / "runs.db", isolation_level=None) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(OSError, match=r"another program has kept it locked for 0.1 s"):
            sweep(quick, size=2, store=tmp_path / "runs.db", executor=threads)
        connection.execute("ROLLBACK")
    connection.close()


def test_a_full_disk_is_an_error_and_loses_nothing(tmp_path):
    with Store(tmp_path / "runs.db", "f") as store:
        store.record({"a": Run("done", "{}", None, 0.0, "1")})
        store._connection.execute("PRAGMA max_page_count = 1")
        with pytest.raises(OSError, match=r"could not be written .*full"):
            store.record({f"b{k}": Run("done", "x" * 5000, None, 0.0, "1") for k in range(10)})
        assert list(store.load(["a", "b0"])) == ["a"]


def test_wrong_calls_are_answered_with_what_is_wanted(threads):
    with pytest.raises(ValueError, match="expected axes"):
        sweep(quick)
    with pytest.raises(TypeError, match="setting 'size': expected a number, text"):
        sweep(quick, size=[object()])
    with pytest.raises(ValueError, match="one of executor, scheduler and jobs"):
        sweep(quick, size=1, executor=threads, jobs=2)
    with pytest.raises(ValueError, match=r"run: expected a function at the top level .* executor=ThreadPoolExecutor"):
        sweep(lambda size: {}, size=1)
    with pytest.raises(KeyError, match="column 'n' is not one of size"):
        sweep(quick, size=1, executor=threads).column("n")
    with pytest.raises(ValueError, match="family: expected one of simplex"):
        sweep(problem="Z.001", family="none", size=5, executor=threads)
    with pytest.raises(KeyError, match=r"did you mean Z\.001"):
        sweep(problem="Z.0011", family="simplex", size=5, executor=threads)


def test_a_script_without_a_main_guard_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from unit.sweep_runs import quick\nimport pml_native as pml\npml.scaling.sweep(quick, size=1)\n")
    done = subprocess.run([sys.executable, str(script)], env=PATHS, capture_output=True, text=True, check=False)
    assert "under `if __name__ == '__main__':`" in done.stderr


def test_the_display_counts(threads, capsys):
    with pytest.warns(SweepWarning):
        sweep(fails_at_three, size=range(5), executor=threads, progress=True)
    assert "5 of 5 runs done, 1 failed" in capsys.readouterr().err
