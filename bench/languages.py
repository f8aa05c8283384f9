"""One polynomial, one network and one reduced model in every language: ulp from the core, and nanoseconds a point.

    python bench/languages.py                    # some minutes, most of them to fit and to compile
    python bench/languages.py --points 100000 --rounds 25

Differences are the largest at the points, in units of the last place of the largest value. Times are the least of the
rounds, by the clock of each language, for points one after the other; JAX and the core take all of them at once.
Languages whose compiler is not there are left out; JAX and numba come from pip. One core throughout.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import argparse
import ctypes
import json
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from bench_export import OPTIONS, in_c, in_numba, library_of
from cores import on_core
from exported_families import FAMILIES, Family, fit, model_of, nanoseconds, ulps

import pml_native as pml

Array = np.ndarray
CARGO = str(Path.home() / ".cargo" / "bin")


def polynomial(X: Array) -> Array:
    return np.exp(X[:, 0] * X[:, 1]) + X[:, 2] ** 3


def smooth(X: Array) -> Array:
    return np.sin(3.0 * X[:, 0]) * np.exp(-X[:, 1]) + X[:, 2]


UNIT = ((0.0, 1.0),) * 3
MODELS = {
    "Polynomial": Family(polynomial, UNIT, pml.fit_polynomial),
    "Network": Family(smooth, UNIT, lambda X, y, **options: fit(X, y, method="network", **options)),
    "Reduced": FAMILIES["reduced, and a difference"],
}
FORTRAN_ROWS = """
subroutine rows(x, y, n) bind(c)
  use, intrinsic :: iso_c_binding
  use model_module, only: model
  integer(c_long), value :: n
  real(c_double), intent(in) :: x(DIMENSION, n)
  real(c_double), intent(out) :: y(1, n)
  integer(c_long) :: i
  do i = 1, n
    call model(x(:, i), y(:, i))
  end do
end subroutine
"""
RUST_ROWS = """
mod model;
#[no_mangle]
pub unsafe extern "C" fn rows(x: *const f64, y: *mut f64, n: std::os::raw::c_long) {
    let (x, y) = (std::slice::from_raw_parts(x as *const [f64; DIMENSION], n as usize),
                  std::slice::from_raw_parts_mut(y, n as usize));
    for (x, y) in x.iter().zip(y) { *y = model::model(x); }
}
"""
JAVASCRIPT_ROWS = """
import fs from "node:fs";
import {model} from "./model.mjs";
const [, , d, rounds] = process.argv.map(Number);
const X = new Float64Array(new Uint8Array(fs.readFileSync("points")).buffer);
const n = X.length / d, y = new Float64Array(n);
let best = Infinity;
for (let k = 0; k < rounds; ++k) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < n; ++i) y[i] = model(X.subarray(i * d, i * d + d));
  best = Math.min(best, Number(process.hrtime.bigint() - start) / n);
}
fs.writeFileSync("results", new Uint8Array(y.buffer));
console.log(JSON.stringify(best));
"""


def built(command: list[str], folder: Path, files: dict[str, str]) -> ctypes.CDLL | None:
    """The library that a compiler makes of files; None without the compiler."""
    tool = shutil.which(command[0], path=f"{os.environ['PATH']}:{CARGO}")
    if tool is None:
        return None
    for name, text in files.items():
        (folder / name).write_text(text)
    subprocess.run([tool, *command[1:]], cwd=folder, check=True)
    return ctypes.CDLL(str(folder / f"{command[0]}.so"))


def in_libraries(model: pml.Model, folder: Path) -> Iterator[tuple[str, ctypes.CDLL | None]]:
    d = str(model.signature.n_inputs)
    for options, flags in OPTIONS.items():
        yield f"C {options}", library_of(model, folder, flags)[0]
    fortran = {"model.f90": model.to_fortran(), "rows.f90": FORTRAN_ROWS.replace("DIMENSION", d)}
    yield (
        "Fortran -O2",
        built(["gfortran", "-O2", "-shared", "-fPIC", *fortran, "-o", "gfortran.so"], folder, fortran),
    )
    rust = {"model.rs": model.to_rust(), "rows.rs": RUST_ROWS.replace("DIMENSION", d)}
    yield "Rust -O", built(["rustc", "-O", "--crate-type=cdylib", "rows.rs", "-o", "rustc.so"], folder, rust)


def in_node(model: pml.Model, X: Array, rounds: int, folder: Path) -> tuple[Array, float] | None:
    """Values, and nanoseconds a point."""
    node = shutil.which("node")
    if node is None:
        return None
    (folder / "model.mjs").write_text(model.to_javascript())
    (folder / "rows.mjs").write_text(JAVASCRIPT_ROWS)
    (folder / "points").write_bytes(X.tobytes())
    command = [node, "rows.mjs", str(X.shape[1]), str(rounds)]
    shown = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout
    return np.frombuffer((folder / "results").read_bytes()), json.loads(shown)


def in_jax(model: pml.Model, X: Array) -> Callable[[], Array] | None:
    try:
        import jax
    except ImportError:
        return None
    jax.config.update("jax_enable_x64", True)
    f, points = jax.jit(jax.vmap(model.to_jax())), jax.numpy.asarray(X)
    return lambda: np.asarray(f(points))


def measured(model: pml.Model, X: Array, rounds: int, folder: Path) -> Iterator[tuple[str, float, float]]:
    """Language, ulp and nanoseconds."""
    wanted, n = model(X), len(X)
    calls: list[tuple[str, Callable[[], Array] | None]] = [
        (name, None if library is None else in_c(library.rows, X, (1,)))
        for name, library in in_libraries(model, folder)
    ]
    calls += [("numba", in_numba(model, X)), ("JAX", in_jax(model, X)), ("core", lambda: model(X))]
    for name, call in calls:
        if call is not None:
            yield name, ulps(call(), wanted), nanoseconds(call, n, rounds)
    node = in_node(model, X, rounds, folder)
    if node is not None:
        yield "JavaScript (node)", ulps(node[0], wanted), node[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--core", type=int, help="the core that all runs on")
    options = parser.parse_args()
    print(f"{'':12} {'':20} {'ulp':>7} {'ns a point':>11}")
    with on_core(options.core), tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, family in MODELS.items():
            model = model_of(name, family)
            low, high = np.array(family.bounds).T
            X = np.random.default_rng(1).uniform(low, high, (options.points, len(low)))
            own = Path(folder) / name  # a library that is loaded must not be written again
            own.mkdir()
            print(f"{name}: {model!r}")
            for language, away, took in measured(model, X, options.rounds, own):
                print(f"{'':12} {language:20} {away:7.2f} {took:11.0f}", flush=True)


if __name__ == "__main__":
    main()
