"""pml_native fits smooth, noise-free data as exactly as float64 allows.

model = pml_native.fit(X, y)        # then model(X_new), model.report, model.save("model.pml")

Only the compiled core comes in at once, since SciPy alone takes three times as long as NumPy: a public name brings the
module that it is from when it is first asked for.
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

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._version import __version__

if TYPE_CHECKING:  # what _NAMES says, for whoever reads the sources only
    from . import known, optimize, problems, scaling
    from .approximate import approximate
    from .arrays import PrecisionWarning
    from .estimator import PrecisionRegressor as PrecisionRegressor
    from .fit import ExtrapolationWarning, FitWarning, fit
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
        PartitionOfUnity,
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
    from .new_rows import suggest
    from .optimize import LeastSquares
    from .report import FitReport
    from .search import (
        boost,
        fit_algebraic,
        fit_modular,
        fit_partition,
        fit_polynomial,
        fit_random_features,
        fit_rational,
        fit_rbf,
        fit_separable,
        fit_waves,
    )
    from .spectrum import Spectrum, spectrum

__all__ = [
    "MLP",
    "RBF",
    "Algebraic",
    "Boosted",
    "Ends",
    "ExtrapolationWarning",
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
    "PartitionOfUnity",
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
    "fit_partition",
    "fit_polynomial",
    "fit_random_features",
    "fit_rational",
    "fit_rbf",
    "fit_separable",
    "fit_waves",
    "info",
    "known",
    "load",
    "optimize",
    "problems",
    "register_activation",
    "scaling",
    "spectrum",
    "suggest",
]

# The public names by the modules that they are from; `known`, `optimize`, `problems` and `scaling` are modules.
_NAMES = {
    "approximate": "approximate",
    "arrays": "PrecisionWarning",
    "estimator": "PrecisionRegressor",
    "fit": "ExtrapolationWarning FitWarning fit",
    "info": "info",
    "models": "RBF Algebraic Boosted Ends Model ModularPolynomial Module NetworkModel Normalization PartitionOfUnity "
    "Piecewise Polynomial RandomFeatures Rational Regions Separable SimplexInterpolator SplineInterpolator Transformed "
    "TricubicInterpolator Waves load",
    "new_rows": "suggest",
    "networks": "MLP Graph ModularMLP register_activation",
    "optimize": "LeastSquares",
    "report": "FitReport",
    "search": "boost fit_algebraic fit_modular fit_partition fit_polynomial fit_random_features fit_rational fit_rbf "
    "fit_separable fit_waves",
    "spectrum": "Spectrum spectrum",
}
_HOMES = {name: home for home, names in _NAMES.items() for name in names.split()}


class _Package(ModuleType):
    """This module's type, by which a function keeps its name where the module that it is from has the same one."""

    def __setattr__(self, name: str, value: Any) -> None:
        # What Python does once `pml_native/fit.py` has been imported, by whomever and in whichever thread, is
        # setattr(pml_native, "fit", <module 'pml_native.fit'>). `pml_native.fit` stays the function.
        if _HOMES.get(name) == name and isinstance(value, ModuleType):
            value = getattr(value, name)
        super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        """By its name: cloudpickle, which sends functions with their globals, knows only the plain type of modules."""
        return import_module, (self.__name__,)


sys.modules[__name__].__class__ = _Package


def __dir__() -> list[str]:
    # Whoever goes through all of them meets no error.
    hidden = set() if find_spec("sklearn") else {"PrecisionRegressor"}
    return sorted({*globals(), *_HOMES, *__all__} - hidden)


if not TYPE_CHECKING:  # where it would make every name that is misspelt one of type Any

    def __getattr__(name: str) -> Any:
        """A public name, or a module of this package, that nobody has asked for yet."""
        home = f"{__name__}.{_HOMES.get(name, name)}"
        if not name.startswith("_"):
            try:
                module = import_module(home)
            except ModuleNotFoundError as error:
                if error.name != home:  # one that the module needs, as scikit-learn
                    raise
            else:
                # Set, so that this function is not called for it again.
                globals()[name] = getattr(module, name) if name in _HOMES else module
                return globals()[name]
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
