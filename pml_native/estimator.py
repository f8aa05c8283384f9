"""`fit` as an estimator of scikit-learn. Imported only where it is asked for, as scikit-learn need not be there."""

from __future__ import annotations

import os
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from .arrays import Array, as_weight, warn_about_precision
from .fit import fit
from .fitting.account import least_rows
from .models import Model, NetworkModel, Normalization, Signature
from .networks import MLP

try:
    from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(f'this needs scikit-learn, pip install "pml_native[sklearn]" ({error})') from error


class PrecisionRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The most exact model of y = f(X) that the data, float64 and the time allow, for pipelines and searches.

    Parameters are those of `pml_native.fit`. A weight counts as that many equal rows, so rows that are equal in X and y
    are taken together, and those of weight 0 left out. Fewer rows than `fit` asks for (10, and 2 d + 2) get the affine
    function of the smallest weights that fits them best. Where the best model has no value at some of the rows, as the
    root of a polynomial has none where noise takes it below 0, networks are fitted instead.

    `effort` bounds the work, and a fit repeats bit for bit; there is no time limit unless one is given, as what a clock
    ends may not repeat.

    Attributes: `model_`, the model that `fit` returned (`model_.report`, `model_.save(path)`), `n_features_in_`, and
    `feature_names_in_` for data frames.
    """

    def __init__(
        self,
        *,
        method: str = "auto",
        tolerance: float | None = None,
        effort: float = 1.0,
        time_limit: float | None = None,
        validation: float | tuple[ArrayLike, ArrayLike] | None = None,
        error: Literal["absolute", "relative"] = "absolute",
        random_state: int | np.random.Generator | None = 0,
        n_threads: int | None = None,
        progress: bool | None = False,
        checkpoint: str | os.PathLike[str] | None = None,
    ) -> None:
        self.method = method
        self.tolerance = tolerance
        self.effort = effort
        self.time_limit = time_limit
        self.validation = validation
        self.error = error
        self.random_state = random_state
        self.n_threads = n_threads
        self.progress = progress
        self.checkpoint = checkpoint

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> PrecisionRegressor:
        """Fits y (n,) or (n, m) at `X` (n, d); `sample_weight` (n,) weighs the squares of the errors."""
        for name, values in (("X", X), ("y", y)):
            warn_about_precision(values, name)
        inputs, outputs = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=2
        )
        outputs = np.asarray(outputs, dtype=np.float64)
        weight = None if sample_weight is None else as_weight(sample_weight, len(inputs))
        inputs, outputs, weight = _distinct(inputs, outputs, weight)
        if len(inputs) < least_rows(inputs.shape[1]):
            self.model_ = _affine(inputs, outputs, weight)
            return self
        columns = getattr(y, "columns", None)
        names = getattr(self, "feature_names_in_", None)
        for method in dict.fromkeys((self.method, "network")):
            self.model_ = fit(
                inputs,
                outputs,
                method=method,
                tolerance=self.tolerance,
                effort=self.effort,
                time_limit=self.time_limit,
                validation=self.validation,
                sample_weight=weight,
                error=self.error,
                random_state=self.random_state,
                n_threads=self.n_threads,
                progress=self.progress,
                checkpoint=self.checkpoint,
                input_names=None if names is None else list(names),
                output_names=None if columns is None else [str(name) for name in columns],
            )
            if np.isfinite(self.model_(inputs)).all():
                break
        return self

    def predict(self, X: ArrayLike) -> Array:
        """The model's values at `X` (n, d): (n,), or (n, m), as y had."""
        inputs = self._inputs(X)
        return self.model_(inputs)

    def gradient(self, X: ArrayLike) -> Array:
        """The model's derivatives at `X` (n, d), analytic: (n, d), or (n, m, d)."""
        inputs = self._inputs(X)
        return self.model_.gradient(inputs)

    def _inputs(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        inputs: Array = validate_data(self, X, dtype=np.float64, reset=False)
        return inputs


def _distinct(X: Array, y: Array, weight: Array | None) -> tuple[Array, Array, Array | None]:
    """The rows with weight, each once with the sum of its weights; as they are where all differ and count alike."""
    n, d = X.shape
    kept = np.ones(n, dtype=bool) if weight is None else weight > 0
    if not kept.any():
        raise ValueError("sample_weight: expected weights that aren't all zero, got only zeros")
    rows = np.column_stack([X, y])[kept]
    distinct, group = np.unique(rows, axis=0, return_inverse=True)
    if weight is None and len(distinct) == n:
        return X, y, None
    total = np.bincount(group.reshape(-1), weights=None if weight is None else weight[kept]).astype(np.float64)
    return (
        np.ascontiguousarray(distinct[:, :d]),
        np.ascontiguousarray(distinct[:, d:]).reshape(len(distinct), *y.shape[1:]),
        None if np.all(total == total[0]) else total,
    )


def _affine(X: Array, y: Array, weight: Array | None) -> Model:
    """The affine function of least squares and, among these, least weights in normalized coordinates."""
    is_vector = y.ndim == 1
    columns = y.reshape(len(y), -1)
    inputs, outputs = Normalization.of(X), Normalization.of(columns)
    design = np.column_stack([inputs.apply(X), np.ones(len(X))])
    targets = np.where(outputs.constant, 0.0, outputs.apply(columns))
    root = np.ones((len(X), 1)) if weight is None else np.sqrt(weight / weight.mean())[:, None]
    solution = np.linalg.lstsq(design * root, targets * root, rcond=None)[0]
    d, m = X.shape[1], columns.shape[1]
    mlp = MLP((d, m))
    params = np.concatenate([solution[:d].T.reshape(-1), solution[d]])
    return NetworkModel(mlp, params, inputs=inputs, outputs=outputs, signature=Signature(d, m, is_vector))
