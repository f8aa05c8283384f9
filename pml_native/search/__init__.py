"""How a model is found in rows, one family a file; models evaluate, and know nothing of this."""

from .boosting import boost
from .polynomial import fit_polynomial
from .products import fit_separable
from .radial import fit_rbf
from .random_features import fit_random_features
from .rational import fit_rational

__all__ = ["boost", "fit_polynomial", "fit_random_features", "fit_rational", "fit_rbf", "fit_separable"]
