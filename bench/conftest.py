"""The pytest option `--benchmark`: with it the benches run, alone and on one core; without it only the tests do."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from timing import MIN_ROUNDS, interleaved

HERE = Path(__file__).parent
ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1",
    "JAX_ENABLE_X64": "1",
    "JAX_PLATFORMS": "cpu",
}
LINES = pytest.StashKey[list[str]]()
SETTING = pytest.StashKey[str]()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--benchmark", action="store_true", dest="run_benchmarks", help="run bench/ on one core instead of tests/"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Runs the same command again with the thread limits set, in one process.

    BLAS libraries read them when they are loaded, and the conftest of the tests, which is read before this one, has
    loaded NumPy's. Two BLAS threads on the one core below would wait for each other.
    """
    is_alone = not config.getoption("numprocesses", None)
    if not config.getoption("run_benchmarks") or (is_alone and ONE_THREAD.items() <= os.environ.items()):
        return None
    return subprocess.call([sys.executable, *sys.orig_argv[1:], "-n0"], env={**os.environ, **ONE_THREAD})


def pytest_configure(config: pytest.Config) -> None:
    config.stash[LINES] = []
    if not config.getoption("run_benchmarks"):
        return
    setting = "one thread"
    if hasattr(os, "sched_setaffinity"):
        core = max(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {core})
        setting += f" on core {core}"
    config.stash[SETTING] = setting
    config.addinivalue_line("python_functions", "bench_*")
    # Without a path, the tests needn't even be imported.
    if config.args_source is pytest.Config.ArgsSource.TESTPATHS:
        config.args[:] = [str(HERE)]


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    return None if config.getoption("run_benchmarks") else True


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    wanted = config.getoption("run_benchmarks")
    kept, dropped = [], []
    for item in items:
        (kept if (HERE in item.path.parents) == wanted else dropped).append(item)
    if dropped:
        config.hook.pytest_deselected(items=dropped)
    items[:] = kept
    if wanted:
        for item in items:
            # The project turns warnings into errors, but those of the peers are theirs.
            item.add_marker(pytest.mark.filterwarnings("default"))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.stash[LINES]:
        return
    from pml_native import _core

    versions = [
        f"{name} {importlib.metadata.version(name)}"
        for name in ("numpy", "scipy", "torch", "jax")
        if importlib.util.find_spec(name)
    ]
    terminalreporter.section("pml_native against its peers: their time over ours (medians of interleaved calls)")
    terminalreporter.write_line(
        f"float64, {config.stash[SETTING]}; {_core.isa_selected()}, {_core.compiler()}; {', '.join(versions)}"
    )
    for line in config.stash[LINES]:
        terminalreporter.write_line(line)
    for name in ("torch", "jax"):
        if not importlib.util.find_spec(name):
            terminalreporter.write_line(f"{name} not installed: skipped")


@pytest.fixture
def summary_line(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Adds a line to what is printed at the end."""
    return request.config.stash[LINES].append


@pytest.fixture
def compare(benchmark: Any, summary_line: Callable[[str], None]) -> Callable[..., None]:
    """Times ours and the peers (None for one that isn't installed), then hands ours to pytest-benchmark's table.

    `flops` of one call adds the fraction of the multiply-add peak, `n_elements` the nanoseconds an element, and with
    `rates` the elements a second. Peers that take tens of seconds ask for fewer rounds than usual, `min_rounds`, or do
    only a part of the work, `share`.
    """

    def run(
        kernel: str,
        case: str,
        ours: Callable[[], Any],
        peers: Mapping[str, Callable[[], Any] | None],
        *,
        flops: float | None = None,
        n_elements: int | None = None,
        rates: bool = False,
        min_rounds: int = MIN_ROUNDS,
        share: float = 1.0,
    ) -> None:
        present = {name: peer for name, peer in peers.items() if peer is not None}
        seconds = interleaved({"pml_native": ours, **present}, min_rounds=min_rounds)
        own = seconds.pop("pml_native")
        seconds = {name: theirs / share for name, theirs in seconds.items()}
        ratios = {name: theirs / own for name, theirs in seconds.items()}
        parts = [f"{kernel:18} {case:24} {1e3 * own:9.3f} ms "]
        parts += [f"{name} {ratio:.1f}x" for name, ratio in ratios.items()]
        if n_elements is not None:
            each = {"ours": own, **seconds}
            parts.append("ns an element: " + ", ".join(f"{k} {1e9 * s / n_elements:.2f}" for k, s in each.items()))
            if rates:
                parts.append("a second: " + ", ".join(f"{k} {n_elements / s:.2e}" for k, s in each.items()))
        if share != 1.0:
            parts.append(f"(peers timed on {100 * share:g} % of it)")
        if flops is not None:
            from pml_native import _core

            fraction = flops / own / _core.multiply_add_peak()
            parts.append(f"{100 * fraction:.0f} % of the multiply-add peak")
            benchmark.extra_info["fraction_of_peak"] = fraction
        summary_line("  ".join(parts))
        benchmark.extra_info["peer_over_ours"] = ratios
        benchmark.pedantic(ours, rounds=5, iterations=1, warmup_rounds=1)

    return run
