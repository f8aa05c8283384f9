"""Gauss-Newton matrices and Hessians against BLAS, torch and JAX on one core, and the memory a Hessian takes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import peers
import pytest
from networks import case, check_arrays, make
from scipy.linalg import eigh
from timing import interleaved

import pml_native
from pml_native import MLP

# Sums of n terms in another order: about sqrt(n) eps, and the entries cancel further.
TOLERANCE = 1e-10


@pytest.mark.parametrize("W", [20, 40])
def bench_gauss_newton(compare, W):
    n = 10_000
    mlp, params, X, y = case(1, W, n)
    syrk = peers.blas_syrk(mlp.jacobian(params, X))
    made = make(peers.GAUSS_NEWTON, mlp.widths, params, X)

    def ours():
        return mlp.gauss_newton(params, X, y, n_threads=1)

    products = ours()[2]
    check_arrays(products, made, TOLERANCE)
    check_arrays(np.triu(products), {"dsyrk": lambda: np.triu(syrk())}, TOLERANCE)
    # One triangle of the matrix, without what the Jacobian takes.
    flops = n * mlp.n_params * (mlp.n_params + 1)
    contestants = {"dsyrk alone": syrk, **made}
    compare("gauss_newton", f"1-{W}-{W}-1 n={n:,}", ours, contestants, flops=flops, min_rounds=3)


@pytest.mark.parametrize(("n", "W"), [(1_000, 20), (10_000, 20), (1_000, 40), (10_000, 40)])
def bench_hessian(compare, n, W):
    mlp, params, X, y = case(1, W, n)
    made = make(peers.HESSIAN, mlp.widths, params, X, y)

    def ours():
        return mlp.hessian(params, X, y, n_threads=1)

    check_arrays(ours(), made, TOLERANCE)
    compare("hessian", f"1-{W}-{W}-1 n={n:,}", ours, made, min_rounds=2)


def bench_hessian_of_figure_7(summary_line):
    """The student of the paper's Fig. 7: 1,761 parameters at 100,000 points, and LAPACK's eigenvectors beside it.

    Each of the 1,761 rows takes the peers a pass over all points. They are timed on a fiftieth of the points, in time
    proportional to these; that their results agree is checked above.
    """
    n, share = 100_000, 0.02
    mlp, params, X, y = case(1, 40, n)
    few = round(share * n)
    made = make(peers.HESSIAN, mlp.widths, params, X[:few], y[:few])
    H = mlp.hessian(params, X[:few], y[:few], n_threads=1)
    seconds = interleaved(
        {
            "ours": lambda: mlp.hessian(params, X, y, n_threads=1),
            "eigenvectors": lambda: eigh(H, check_finite=False, driver="evd"),
            **{name: peer for name, peer in made.items() if peer is not None},
        },
        min_rounds=1,
    )
    own, vectors = seconds.pop("ours"), seconds.pop("eigenvectors")
    ratios = "  ".join(f"{name} {theirs / share / own:.1f}x" for name, theirs in seconds.items())
    case_name = f"1-40-40-1 n={n:,}"
    summary_line(
        f"{'hessian':18} {case_name:24} {1e3 * own:9.3f} ms  {ratios}  (peers timed on {100 * share:g} % of it)"
    )
    summary_line(f"{'eigenvectors':18} {case_name:24} {1e3 * vectors:9.3f} ms  LAPACK's dsyevd of it")


@pytest.mark.parametrize("W", [20, 40])
def bench_hessian_over_gauss_newton(summary_line, W):
    n = 10_000
    mlp, params, X, y = case(1, W, n)
    contestants = {
        "gauss_newton": lambda: mlp.gauss_newton(params, X, y, n_threads=1),
        "hessian": lambda: mlp.hessian(params, X, y, n_threads=1),
    }
    seconds = interleaved(contestants)
    ratio = seconds["hessian"] / seconds["gauss_newton"]
    case_name = f"1-{W}-{W}-1 n={n:,}"
    summary_line(f"{'hessian':18} {case_name:24} {1e3 * seconds['hessian']:9.3f} ms  {ratio:.2f} of our gauss_newton")


# In a process of its own, whose peak is that of this call: VmHWM begins anew with each process, which ru_maxrss, handed
# on from the process that starts it, doesn't. Growth counts from the memory held at the time, not from an earlier peak.
MEASURE_GROWTH = """
import sys
from networks import case

def kilobytes(name):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(name))

W, n, n_threads = map(int, sys.argv[1:])
mlp, params, X, y = case(1, W, n)
small = case(1, 2, 100)
small[0].hessian(*small[1:], n_threads=n_threads)  # what is loaded and kept for good
before = kilobytes("VmRSS")
hessian = mlp.hessian(params, X, y, n_threads=n_threads)
print(1024 * (kilobytes("VmHWM") - before))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="peak memory is read from Linux's /proc")
@pytest.mark.parametrize("n_threads", [1, 2])
def bench_memory_of_hessian(summary_line, n_threads):
    W, n = 40, 100_000
    n_params = MLP((1, W, W, 1)).n_params
    command = [sys.executable, "-c", MEASURE_GROWTH, str(W), str(n), str(n_threads)]
    folders = Path(__file__).parent, Path(pml_native.__file__).parents[1]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, folders))}
    result = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    growth = int(result.stdout)
    multiple = growth / (8 * n_params**2)
    threads = "1 thread" if n_threads == 1 else f"{n_threads} threads"
    summary_line(
        f"{'memory of hessian':18} {f'1-{W}-{W}-1 n={n:,}':24} {growth / 1e6:9.1f} MB  "
        f"{multiple:.2f} times its {n_params:,}^2 doubles, {threads}"
    )
    assert multiple < 4
