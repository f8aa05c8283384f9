"""A network taken away, as C and as a function for numba, against the core, NumPy and torch on one core.

    python bench/bench_export.py    # the same as pytest --benchmark bench/bench_export.py

For each network and way to compile: evaluations a second, what the compiler warned of, and how far the values are from
those of the core.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peers
import pytest
from networks import case, check_arrays, make

from pml_native import Model, NetworkModel

ROWS = """
void rows(const double *x, double *y, long n) {
  for (long i = 0; i < n; ++i) model(x + i * INPUTS, y + i);
}
void gradient_rows(const double *x, double *dy, long n) {
  for (long i = 0; i < n; ++i) model_gradient(x + i * INPUTS, dy + i * INPUTS);
}
"""
OPTIONS = {"-O2": ["-std=c99", "-O2"], "-O3 -march=native": ["-O3", "-march=native"]}
WARNINGS = ["-Wall", "-Wextra", "-pedantic"]


def library_of(model: Model, folder: Path, options: list[str]) -> tuple[Any, int]:
    """The library, and how many warnings its compiler had."""
    source, library = folder / "model.c", folder / f"model{''.join(options)}.so"
    source.write_text(model.to_c() + ROWS.replace("INPUTS", str(model.signature.n_inputs)))
    command = ["cc", *options, *WARNINGS, "-shared", "-fPIC", "-o", str(library), str(source), "-lm"]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    return ctypes.CDLL(str(library)), said.count("warning:")


def _in_words(options: str, n_warnings: int, values: np.ndarray, wanted: np.ndarray) -> str:
    """How C was compiled, and the largest difference from the core's, in ulp of the largest of its values."""
    flags = " ".join([*OPTIONS[options], *WARNINGS])
    difference = np.max(np.abs(values - wanted.reshape(values.shape))) / np.spacing(np.max(np.abs(wanted)))
    return f"{'':18} cc {flags}: {n_warnings} warnings, {difference:.1f} ulp from the core"


def in_c(function: Any, X: np.ndarray, shape: tuple[int, ...]) -> Callable[[], np.ndarray]:
    pointer = ctypes.POINTER(ctypes.c_double)
    out = np.empty((len(X), *shape))
    arguments = X.ctypes.data_as(pointer), out.ctypes.data_as(pointer), ctypes.c_long(len(X))

    def call() -> np.ndarray:
        function(*arguments)
        return out

    return call


def in_numba(model: Model, X: np.ndarray) -> Callable[[], np.ndarray] | None:
    try:
        from numba import njit
    except ImportError:
        return None
    f, out = model.to_numba(), np.empty((len(X), 1))

    @njit
    def rows(X, out):
        for i in range(len(X)):
            out[i, 0] = f(X[i])

    def call() -> np.ndarray:
        rows(X, out)
        return out

    return call


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("W", [10, 20, 50])
def bench_value_in_c(compare, summary_line, tmp_path, W, options):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    n = 10_000
    mlp, params, X, _ = case(3, W, n)
    model = NetworkModel(mlp, params, n_threads=1)
    library, n_warnings = library_of(model, tmp_path, OPTIONS[options])
    ours = in_c(library.rows, X, (1,))
    made = {
        "core": lambda: model(X)[:, None],
        "numba": in_numba(model, X),
        **make({name: peers.FORWARD[name] for name in ("NumPy", "torch")}, mlp.widths, params, X),
    }
    check_arrays(ours(), made, 1e-13)
    assert n_warnings == 0
    compare(f"C {options}", f"3-{W}-{W}-1 n={n:,}", ours, made, n_elements=n, rates=True)
    summary_line(_in_words(options, n_warnings, ours(), model(X)))


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("W", [20, 50])
def bench_gradient_in_c(compare, summary_line, tmp_path, W, options):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    n = 10_000
    mlp, params, X, _ = case(3, W, n)
    model = NetworkModel(mlp, params, n_threads=1)
    library, n_warnings = library_of(model, tmp_path, OPTIONS[options])
    ours = in_c(library.gradient_rows, X, (3,))
    made = {
        "core": lambda: model.gradient(X),
        **make({"torch": peers.INPUT_GRADIENT["torch"]}, mlp.widths, params, X),
    }
    check_arrays(ours(), made, 1e-12)
    assert n_warnings == 0
    compare(f"C {options} gradient", f"3-{W}-{W}-1 n={n:,}", ours, made, n_elements=n, rates=True)
    summary_line(_in_words(options, n_warnings, ours(), model.gradient(X)))


def bench_one_point(compare, tmp_path):
    """A call for a single point, as a simulation makes them."""
    mlp, params, X, _ = case(3, 20, 1)
    model = NetworkModel(mlp, params, n_threads=1)
    pytest.importorskip("numba")
    f, x = model.to_numba(), X[0].copy()
    made = {
        "core": lambda: model(X),
        **make({name: peers.FORWARD[name] for name in ("NumPy", "torch")}, mlp.widths, params, X),
    }
    check_arrays(np.array(f(x)), made, 1e-13)
    compare("numba, called from Python", "3-20-20-1 n=1", lambda: f(x), made)


if __name__ == "__main__":
    sys.exit(pytest.main(["--benchmark", "-q", __file__]))
