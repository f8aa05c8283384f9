"""Optimizers, one method a file, and the one loop they share."""

from .adam import Adam
from .bfgs import BFGS
from .conjugate_gradient import ConjugateGradient
from .lbfgs import LBFGS
from .levenberg_marquardt import LevenbergMarquardt
from .loop import Progress, minimize
from .low_curvature import LowCurvature
from .newton import Newton
from .objective import LeastSquares, LogLoss
from .result import OptimizeResult, Status
from .ss_broyden import SSBFGS, SSBroyden
from .variable_projection import VariableProjection

__all__ = [
    "BFGS",
    "LBFGS",
    "SSBFGS",
    "Adam",
    "ConjugateGradient",
    "LeastSquares",
    "LevenbergMarquardt",
    "LogLoss",
    "LowCurvature",
    "Newton",
    "OptimizeResult",
    "Progress",
    "SSBroyden",
    "Status",
    "VariableProjection",
    "minimize",
]
