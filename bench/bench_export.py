"""A network taken away, as C and as a function for numba, against the core, NumPy and torch on one core."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import peers
import pytest
from networks import case, check_arrays, make

from pml_native import NetworkModel

ROWS = """
void rows(const double *x, double *y, long n) {
  for (long i = 0; i < n; ++i) model(x + i * INPUTS, y + i);
}
void gradient_rows(const double *x, double *dy, long n) {
  for (long i = 0; i < n; ++i) model_gradient(x + i * INPUTS, dy + i * INPUTS);
}
"""
OPTIONS = {"-O2": ["-std=c99", "-O2"], "-O3 -march=native": ["-O3", "-march=native"]}


def _compiled(model: NetworkModel, folder: Path, options: list[str]) -> Any:
    source, library = folder / "model.c", folder / f"model{''.join(options)}.so"
    source.write_text(model.to_c() + ROWS.replace("INPUTS", str(model.signature.n_inputs)))
    command = ["cc", *options, "-shared", "-fPIC", "-o", str(library), str(source), "-lm"]
    subprocess.run(command, check=True)
    return ctypes.CDLL(str(library))


def _in_c(function: Any, X: np.ndarray, shape: tuple[int, ...]) -> Callable[[], np.ndarray]:
    pointer = ctypes.POINTER(ctypes.c_double)
    out = np.empty((len(X), *shape))
    arguments = X.ctypes.data_as(pointer), out.ctypes.data_as(pointer), ctypes.c_long(len(X))

    def call() -> np.ndarray:
        function(*arguments)
        return out

    return call


def _in_numba(model: NetworkModel, X: np.ndarray) -> Callable[[], np.ndarray] | None:
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
def bench_value_in_c(compare, tmp_path, W, options):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    n = 10_000
    mlp, params, X, _ = case(3, W, n)
    model = NetworkModel(mlp, params, n_threads=1)
    ours = _in_c(_compiled(model, tmp_path, OPTIONS[options]).rows, X, (1,))
    made = {
        "core": lambda: model(X)[:, None],
        "numba": _in_numba(model, X),
        **make({name: peers.FORWARD[name] for name in ("NumPy", "torch")}, mlp.widths, params, X),
    }
    check_arrays(ours(), made, 1e-13)
    compare(f"C {options}", f"3-{W}-{W}-1 n={n:,}", ours, made, n_elements=n)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("W", [20, 50])
def bench_gradient_in_c(compare, tmp_path, W, options):
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    n = 10_000
    mlp, params, X, _ = case(3, W, n)
    model = NetworkModel(mlp, params, n_threads=1)
    ours = _in_c(_compiled(model, tmp_path, OPTIONS[options]).gradient_rows, X, (3,))
    made = {
        "core": lambda: model.gradient(X),
        **make({"torch": peers.INPUT_GRADIENT["torch"]}, mlp.widths, params, X),
    }
    check_arrays(ours(), made, 1e-12)
    compare(f"C {options} gradient", f"3-{W}-{W}-1 n={n:,}", ours, made, n_elements=n)


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
