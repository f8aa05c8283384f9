"""How a model is found in rows, one family a file; models evaluate, and know nothing of this."""

from collections.abc import Callable

import numpy as np

from .algebraic import AlgebraicSearch, fit_algebraic
from .boosting import boost
from .ends import EndsSearch
from .exponentials import ExponentialsSearch
from .hermite import radial_search
from .modular import ModularSearch, fit_modular
from .nested import NestedSearch
from .network import NetworkSearch
from .partition import PartitionSearch, fit_partition
from .polynomial import PolynomialSearch, fit_polynomial
from .products import ProductSearch, fit_separable
from .radial import fit_rbf
from .random_features import RandomFeaturesSearch, fit_random_features
from .rational import RationalSearch, fit_rational
from .scheduler import Search
from .search import Rows
from .simplex import SimplexSearch
from .spline import SplineSearch
from .trigonometric import TrigonometricSearch
from .waves import WavesSearch, fit_waves

# All searches by the family that they find. A new one adds its line here, and its row in fitting/guide.py.
SEARCHES: dict[str, Callable[[Rows, np.random.Generator], Search]] = {
    "algebraic": lambda rows, rng: AlgebraicSearch(rows),
    "ends": lambda rows, rng: EndsSearch(rows),
    "exponentials": lambda rows, rng: ExponentialsSearch(rows),
    "modular": lambda rows, rng: ModularSearch(rows),
    "nested": lambda rows, rng: NestedSearch(rows),
    "network": NetworkSearch,
    "partition": lambda rows, rng: PartitionSearch(rows),
    "polynomial": lambda rows, rng: PolynomialSearch(rows),
    "random_features": RandomFeaturesSearch,
    "rational": lambda rows, rng: RationalSearch(rows, rng=rng),
    "rbf": lambda rows, rng: radial_search(rows),
    "separable": lambda rows, rng: ProductSearch(rows, rng=rng),
    "simplex": lambda rows, rng: SimplexSearch(rows),
    "spline": SplineSearch,
    "trigonometric": lambda rows, rng: TrigonometricSearch(rows),
    "waves": lambda rows, rng: WavesSearch(rows),
}

__all__ = [
    "SEARCHES",
    "boost",
    "fit_algebraic",
    "fit_modular",
    "fit_partition",
    "fit_polynomial",
    "fit_random_features",
    "fit_rational",
    "fit_rbf",
    "fit_separable",
    "fit_waves",
]
