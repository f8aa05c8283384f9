"""How a model is found in rows, one family a file; models evaluate, and know nothing of this."""

from collections.abc import Callable

import numpy as np

from .polynomial import PolynomialSearch, fit_polynomial
from .products import ProductSearch, fit_separable
from .rational import RationalSearch, fit_rational
from .scheduler import Search
from .search import Rows

# All searches by the family that they find. A new one adds its line here, and its row in fitting/guide.py.
SEARCHES: dict[str, Callable[[Rows, np.random.Generator], Search]] = {
    "polynomial": lambda rows, rng: PolynomialSearch(rows),
    "rational": lambda rows, rng: RationalSearch(rows, rng=rng),
    "separable": lambda rows, rng: ProductSearch(rows, rng=rng),
}

__all__ = ["SEARCHES", "fit_polynomial", "fit_rational", "fit_separable"]
