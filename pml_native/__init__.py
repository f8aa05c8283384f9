"""pml_native fits smooth, noise-free data as exactly as float64 allows.

model = pml_native.fit(X, y)        # then model(X_new), model.report, model.save("model.pml")
"""

try:
    from . import _core as _core
except ImportError as error:
    from pathlib import Path

    if (Path(__file__).parent.parent / "csrc").is_dir():
        raise ImportError(
            f"Python has found the sources of pml_native in {Path(__file__).parent.parent}, but no compiled core for "
            f"this Python beside them ({error}). Run `pip install .` there, or start Python in another folder."
        ) from error
    raise

from . import optimize, problems
from ._version import __version__
from .arrays import PrecisionWarning
from .fit import FitWarning, fit
from .info import info
from .models import MLP, Model, NetworkModel, Normalization, load
from .optimize import LeastSquares
from .report import FitReport

__all__ = [
    "MLP",
    "FitReport",
    "FitWarning",
    "LeastSquares",
    "Model",
    "NetworkModel",
    "Normalization",
    "PrecisionWarning",
    "__version__",
    "fit",
    "info",
    "load",
    "optimize",
    "problems",
]
