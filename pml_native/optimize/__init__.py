"""Optimizers, one method a file, and the one loop they share."""

from .adam import Adam
from .bfgs import BFGS
from .lbfgs import LBFGS
from .loop import Progress, minimize
from .objective import LeastSquares, LogLoss
from .result import OptimizeResult, Status

__all__ = [
    "BFGS",
    "LBFGS",
    "Adam",
    "LeastSquares",
    "LogLoss",
    "OptimizeResult",
    "Progress",
    "Status",
    "minimize",
]
