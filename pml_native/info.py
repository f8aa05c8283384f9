"""What this installation is made of."""

from __future__ import annotations

import os
from typing import Any

import scipy

from . import _core
from .fitting.account import versions
from .threads import available_cores, resolve_threads


def info() -> dict[str, Any]:
    """Versions, compiler, instruction sets (chosen and available), threads and BLAS, as a dictionary."""
    return {
        **versions(),
        "compiler": _core.compiler(),
        "isa": _core.isa_selected(),
        "isa_available": _core.isa_available(),
        "cores": available_cores(),
        "threads": resolve_threads(None),
        "blas": _blas(),
    }


def _blas() -> str:
    """The BLAS that SciPy, and so the optimizers, were built with."""
    blas = scipy.show_config(mode="dicts")["Build Dependencies"]["blas"]
    threads = os.environ.get("OPENBLAS_NUM_THREADS") or os.environ.get("OMP_NUM_THREADS") or "all"
    return f"{blas['name']} {blas['version']} ({threads} threads)"
