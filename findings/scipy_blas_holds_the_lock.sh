#!/usr/bin/env bash
# SciPy 1.17.1 with NumPy 2.4.6, CPython 3.11, Linux x86-64: the functions of scipy.linalg.blas keep Python's lock (GIL)
# while they work, and so do most of scipy.linalg.lapack. Threads that call dgemm run one after the other, where NumPy's
# matmul, and dgeqrf of the same SciPy, run side by side. Which LAPACK functions let others run can't be told from their
# names or documentation: dgeqrf, dormqr and dgetrf do, dpotrf, dtrtrs, dgelsy, dgesdd and dsyevd don't. NumPy's
# `linalg.qr` keeps the lock for 4,000 rows of 300 columns, and lets go of it for 1,000 columns.
#
# Seen, by a second thread that counts while one call runs:
#   numpy matmul: lock released
#   lapack dgeqrf: lock released
#   numpy qr, 300 columns: lock held
#   numpy qr, 1,000 columns: lock released
#   lapack dpotrf: lock held
#   lapack dtrtrs: lock held
#   lapack dgelsy: lock held
#   lapack dgesdd: lock held
#   lapack dsyevd: lock held
#   blas dgemm: lock held
#   blas dsyrk: lock held
#   blas dtrsm: lock held
#
# It touches us: `fit(n_threads=2)` takes steps of several searches at once, of which these functions were 6 to 20 % of
# the time. pml_native/lapack.py calls them by the addresses that scipy.linalg.cython_lapack gives.
set -euo pipefail

place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cat > "$place/lock.py" <<'PYTHON'
import sys
import threading
import time

import numpy as np
from scipy.linalg import blas, lapack

sys.setswitchinterval(1e-3)
rng = np.random.default_rng(0)
tall = np.asfortranarray(rng.standard_normal((4000, 1000)))
square = np.asfortranarray(tall[:1000].T @ tall[:1000] + 1e4 * np.eye(1000))
large = np.asfortranarray(np.kron(np.eye(3), square))
triangle = np.asfortranarray(np.linalg.cholesky(square))
right = rng.standard_normal(4000)
calls = {
    "numpy matmul": lambda: tall.T @ tall,
    "lapack dgeqrf": lambda: lapack.dgeqrf(tall),
    "numpy qr, 300 columns": lambda: np.linalg.qr(tall[:, :300], mode="r"),
    "numpy qr, 1,000 columns": lambda: np.linalg.qr(tall, mode="r"),
    "lapack dpotrf": lambda: lapack.dpotrf(large),
    "lapack dtrtrs": lambda: lapack.dtrtrs(triangle, square, lower=1),
    "lapack dgelsy": lambda: lapack.dgelsy(tall, right, np.zeros(1000, dtype=np.int32), 1e-14, 10**6),
    "lapack dgesdd": lambda: lapack.dgesdd(square),
    "lapack dsyevd": lambda: lapack.dsyevd(square),
    "blas dgemm": lambda: blas.dgemm(1.0, tall, tall, trans_a=1),
    "blas dsyrk": lambda: blas.dsyrk(1.0, tall, trans=1),
    "blas dtrsm": lambda: blas.dtrsm(1.0, triangle, tall, side=1, lower=1),
}


def longest_pause(call):
    """Of a second thread, as a part of the seconds that the call takes; the least of three, for a busy machine."""
    parts = []
    for _ in range(3):
        pauses, stop = [], threading.Event()

        def count():
            last = time.perf_counter()
            while not stop.is_set():
                time.sleep(0.0)
                now = time.perf_counter()
                pauses.append(now - last)
                last = now

        thread = threading.Thread(target=count)
        thread.start()
        time.sleep(0.05)
        pauses.clear()
        begin = time.perf_counter()
        call()
        seconds = time.perf_counter() - begin
        stop.set()
        thread.join()
        parts.append(max(pauses, default=seconds) / seconds)
    return min(parts)


for name, call in calls.items():
    call()
    print(f"{name}: lock {'held' if longest_pause(call) > 0.7 else 'released'}")
PYTHON

python3 -m venv "$place/environment"
"$place/environment/bin/pip" install --quiet numpy==2.4.6 scipy==1.17.1
OPENBLAS_NUM_THREADS=1 "$place/environment/bin/python" "$place/lock.py" | tee "$place/seen"

diff "$place/seen" - <<'EXPECTED'
numpy matmul: lock released
lapack dgeqrf: lock released
numpy qr, 300 columns: lock held
numpy qr, 1,000 columns: lock released
lapack dpotrf: lock held
lapack dtrtrs: lock held
lapack dgelsy: lock held
lapack dgesdd: lock held
lapack dsyevd: lock held
blas dgemm: lock held
blas dsyrk: lock held
blas dtrsm: lock held
EXPECTED
echo "as it was seen"
