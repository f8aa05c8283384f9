"""Networks whose hidden layer is drawn at random and stays: only the output layer is fitted, by least squares.

Superb for one or two inputs, where some hundred features reach 1e-13; from three inputs on other families are better.
The features are nearly dependent, so that output weights would explode, and evaluation in float64 costs eps times their
1-norm. The singular values of the features are therefore cut off, where held-out rows say (Rahimi and Recht 2008).
"""

from __future__ import annotations

from ..networks.mlp import MLP
from .network import NetworkModel


class RandomFeatures(NetworkModel):
    """A network with one frozen hidden layer; `fit_random_features` makes it."""

    family = "random_features"
    is_linear = True
    mlp: MLP

    def __repr__(self) -> str:
        d, width, _ = self.mlp.widths
        return f"RandomFeatures({d} inputs, {width} frozen {self.mlp.activation} features)"

    @property
    def n_params(self) -> int:
        """Those that are fitted: the output layer."""
        return (self.mlp.widths[1] + 1) * self.mlp.n_outputs

    @property
    def _first_free(self) -> int:  # type: ignore[override]
        return self.mlp.n_params - self.n_params
