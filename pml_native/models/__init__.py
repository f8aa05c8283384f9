"""Model families, one a file, and the one function that reads any of them back."""

from __future__ import annotations

import os

from ..networks import UnknownActivationError
from . import archive
from .algebraic import Algebraic
from .beyond import OUTSIDE, Beyond, ExtrapolationWarning, Outside
from .boosted import Boosted
from .bounded import Bounded
from .composed import Composed
from .continued import Continued
from .ends import Ends
from .exchanged import Exchanged
from .families import FAMILIES
from .function import Function
from .hermite import HermiteRBF
from .hermite_spline import HermiteSpline
from .inverse import Inverse
from .mixed import Mixed
from .model import ErrorEstimate, Model, Signature
from .modular import ModularPolynomial, Module
from .nested import restored
from .network import NetworkModel
from .normalization import Normalization
from .outputs import Outputs
from .partition import PartitionOfUnity
from .piecewise import Piecewise
from .polynomial import Polynomial
from .random_features import RandomFeatures
from .rational import Rational
from .rbf import RBF
from .reduced import Reduced
from .regions import Regions
from .separable import Separable
from .simplex import SimplexInterpolator
from .spline import SplineInterpolator
from .transformed import Transformed
from .tricubic import TricubicInterpolator
from .waves import Waves

__all__ = [
    "FAMILIES",
    "OUTSIDE",
    "RBF",
    "Algebraic",
    "Beyond",
    "Boosted",
    "Bounded",
    "Composed",
    "Continued",
    "Ends",
    "ErrorEstimate",
    "Exchanged",
    "ExtrapolationWarning",
    "Function",
    "HermiteRBF",
    "HermiteSpline",
    "Inverse",
    "Mixed",
    "Model",
    "ModularPolynomial",
    "Module",
    "NetworkModel",
    "Normalization",
    "Outputs",
    "Outside",
    "PartitionOfUnity",
    "Piecewise",
    "Polynomial",
    "RandomFeatures",
    "Rational",
    "Reduced",
    "Regions",
    "Separable",
    "Signature",
    "SimplexInterpolator",
    "SplineInterpolator",
    "Transformed",
    "TricubicInterpolator",
    "Waves",
    "load",
]


def load(path: str | os.PathLike[str]) -> Model:
    """The model that `save` wrote to `path`; ValueError for a file that is damaged or foreign.

    A model with an activation of your own needs `register_activation` first.
    """
    header, arrays = archive.read(path)
    try:
        return restored(header, arrays)
    except UnknownActivationError as error:
        raise ValueError(f"{path}: {error}") from None
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"{path}: the model file is incomplete or of another version ({type(error).__name__}: {error})"
        ) from None
