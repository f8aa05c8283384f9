"""pml_native fits smooth, noise-free data as exactly as float64 allows.

model = pml_native.fit(X, y)        # then model(X_new), model.report, model.save("model.pml")
"""

try:
    from . import _core as _core
except ImportError as error:
    from importlib.machinery import EXTENSION_SUFFIXES
    from pathlib import Path

    here = Path(__file__).parent
    if any((here / f"_core{suffix}").exists() for suffix in EXTENSION_SUFFIXES) or not (here.parent / "csrc").is_dir():
        raise
    raise ImportError(
        f"Python has found the sources of pml_native in {here.parent}, but no compiled core for this Python beside "
        f"them. Run `pip install .` there, or start Python in another folder."
    ) from error

from typing import TYPE_CHECKING, Any

from . import optimize, problems, scaling
from ._version import __version__
from .approximate import approximate
from .arrays import PrecisionWarning
from .fit import FitWarning, fit
from .info import info
from .models import (
    RBF,
    Algebraic,
    Boosted,
    Ends,
    Model,
    ModularPolynomial,
    Module,
    NetworkModel,
    Normalization,
    Piecewise,
    Polynomial,
    RandomFeatures,
    Rational,
    Regions,
    Separable,
    SimplexInterpolator,
    SplineInterpolator,
    Transformed,
    TricubicInterpolator,
    Waves,
    load,
)
from .networks import MLP, Graph, ModularMLP, register_activation
from .optimize import LeastSquares
from .report import FitReport
from .search import (
    boost,
    fit_algebraic,
    fit_modular,
    fit_polynomial,
    fit_random_features,
    fit_rational,
    fit_rbf,
    fit_separable,
    fit_waves,
)
from .spectrum import Spectrum, spectrum

if TYPE_CHECKING:
    from .estimator import PrecisionRegressor as PrecisionRegressor

__all__ = [
    "MLP",
    "RBF",
    "Algebraic",
    "Boosted",
    "Ends",
    "FitReport",
    "FitWarning",
    "Graph",
    "LeastSquares",
    "Model",
    "ModularMLP",
    "ModularPolynomial",
    "Module",
    "NetworkModel",
    "Normalization",
    "Piecewise",
    "Polynomial",
    "PrecisionWarning",
    "RandomFeatures",
    "Rational",
    "Regions",
    "Separable",
    "SimplexInterpolator",
    "Spectrum",
    "SplineInterpolator",
    "Transformed",
    "TricubicInterpolator",
    "Waves",
    "__version__",
    "approximate",
    "boost",
    "fit",
    "fit_algebraic",
    "fit_modular",
    "fit_polynomial",
    "fit_random_features",
    "fit_rational",
    "fit_rbf",
    "fit_separable",
    "fit_waves",
    "info",
    "load",
    "optimize",
    "problems",
    "register_activation",
    "scaling",
    "spectrum",
]


def __getattr__(name: str) -> Any:
    """`PrecisionRegressor`, with which scikit-learn is imported."""
    if name == "PrecisionRegressor":
        from .estimator import PrecisionRegressor

        return PrecisionRegressor
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), "PrecisionRegressor"])
