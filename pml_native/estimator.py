"""`fit` as an estimator of scikit-learn. Imported only where it is asked for, as scikit-learn need not be there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .arrays import Array, as_encoded, as_gradients, as_weight, warn_about_precision
from .encodings import Encoding, Encodings
from .fit import fit
from .fitting.account import least_rows
from .fitting.given_regions import RegionsGiven, column_of_regions
from .known import Known
from .models import Model, NetworkModel, Normalization, Outside, Signature
from .networks import MLP
from .singular_values import lstsq

try:
    from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(f'this needs scikit-learn, pip install "pml_native[sklearn]" ({error})') from error


class PrecisionRegressor(MultiOutputMixin, RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """The most exact model of y = f(X) that the data, float64 and the time allow, for pipelines and searches.

    Parameters are those of `pml_native.fit`; data frames may have columns of dates and categories, y is of real
    numbers, and `regions` no labels of rows. A weight counts as that many equal rows, so rows that are equal in X and y
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
        validation: float | tuple[ArrayLike, ...] | None = None,
        error: Literal["absolute", "relative"] = "absolute",
        periods: Mapping[int | str, Any] | None = None,
        regions: Callable[[NDArray[np.float64]], ArrayLike] | int | str | None = None,
        breaks: Mapping[int | str, Sequence[Any]] | None = None,
        known: Sequence[Known] = (),
        random_state: int | np.random.Generator | None = 0,
        n_threads: int | None = None,
        progress: bool | None = False,
        checkpoint: str | os.PathLike[str] | None = None,
        outside: Outside | None = None,
    ) -> None:
        self.method = method
        self.tolerance = tolerance
        self.effort = effort
        self.time_limit = time_limit
        self.validation = validation
        self.error = error
        self.periods = periods
        self.regions = regions
        self.breaks = breaks
        self.known = known
        self.random_state = random_state
        self.n_threads = n_threads
        self.progress = progress
        self.checkpoint = checkpoint
        self.outside = outside

    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        gradients: ArrayLike | None = None,
    ) -> PrecisionRegressor:
        """Fits y (n,) or (n, m) at `X` (n, d); `sample_weight` (n,) weighs the squares of the errors.

        `gradients` (n, d), or (n, m, d), are derivatives of y by the columns of X as given, NaN where unknown. In
        pipelines and searches they come by scikit-learn's metadata routing, `set_fit_request(gradients=True)`; what
        changes the columns of X before changes no gradient.
        """
        if not (self.regions is None or callable(self.regions) or isinstance(self.regions, (int, str))):
            raise ValueError(f"regions: expected a function or a column, got {type(self.regions).__name__}")
        for name, values in (("X", X), ("y", y)):
            warn_about_precision(values, name)
        table, used = _in_numbers(X, None)
        encodings = None if used is None else Encodings(used)
        inputs, outputs = validate_data(
            self, table, y, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=2
        )
        outputs = np.asarray(outputs, dtype=np.float64)
        weight = None if sample_weight is None else as_weight(sample_weight, len(inputs))
        names = getattr(self, "feature_names_in_", None)
        slopes = None
        if gradients is not None:
            called = None if names is None else tuple(map(str, names))
            slopes = as_gradients(gradients, inputs, outputs.reshape(len(outputs), -1), called, encodings)
            warn_about_precision(gradients, "gradients")
        inputs, outputs, weight, slopes = _distinct(inputs, outputs, weight, slopes)
        columns = getattr(y, "columns", None)
        regions: RegionsGiven | None = self.regions
        breaks = self.breaks
        if encodings is not None:
            regions = column_of_regions(inputs, encodings, names, regions)
            breaks = None if breaks is None else encodings.breaks(breaks, None if names is None else list(names))
        if len(inputs) < least_rows(inputs.shape[1]):
            self.model_ = _affine(inputs, outputs, weight)
            self.model_.encodings = encodings
            return self
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
                periods=self.periods,
                regions=regions,
                breaks=breaks,
                known=self.known,
                random_state=self.random_state,
                n_threads=self.n_threads,
                progress=self.progress,
                checkpoint=self.checkpoint,
                outside=self.outside,
                gradients=slopes,
                input_names=None if names is None else list(names),
                output_names=None if columns is None else [str(name) for name in columns],
            )
            if np.isfinite(self.model_(inputs)).all():
                break
        self.model_.encodings = encodings
        return self

    def predict(self, X: ArrayLike) -> Array:
        """The model's values at `X` (n, d): (n,), or (n, m), as y had."""
        inputs = self._inputs(X)  # before the model, which only a regressor that was fitted has
        return self.model_.as_outputs(self.model_.evaluate(inputs))

    def gradient(self, X: ArrayLike) -> Array:
        """The model's derivatives at `X` (n, d), analytic: (n, d), or (n, m, d)."""
        inputs = self._inputs(X)
        with np.errstate(over="ignore"):
            return self.model_.as_outputs(self.model_.evaluate_gradient(inputs))

    def _inputs(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        encodings = self.model_.encodings
        table, _ = (X, None) if encodings is None else _in_numbers(X, encodings.inputs)
        inputs: Array = validate_data(self, table, dtype=np.float64, reset=False)
        return inputs


def _in_numbers(X: Any, known: tuple[Encoding | None, ...] | None) -> tuple[Any, tuple[Encoding | None, ...] | None]:
    """A data frame with numbers for dates and the like, and how they became such; anything else as it is."""
    if not hasattr(X, "columns") or not (hasattr(X, "iloc") or hasattr(X, "get_columns")):
        return X, None
    if known is not None and len(known) != len(X.columns):  # of which scikit-learn says more
        return X, known
    numbers, used = as_encoded(X, "X", known)
    if used is None:
        return X, None
    frame = type(X)
    if hasattr(X, "iloc"):
        return frame(numbers, columns=X.columns, index=X.index), used
    return frame(numbers, schema=X.columns), used


def _distinct(
    X: Array, y: Array, weight: Array | None, slopes: Array | None
) -> tuple[Array, Array, Array | None, Array | None]:
    """The rows with weight, each once with the sum of its weights and the mean of its slopes, of those known; as they
    are where all differ and count alike."""
    n, d = X.shape
    kept = np.ones(n, dtype=bool) if weight is None else weight > 0
    if not kept.any():
        raise ValueError("sample_weight: expected weights that aren't all zero, got only zeros")
    rows = np.column_stack([X, y])[kept]
    distinct, group = np.unique(rows, axis=0, return_inverse=True)
    if weight is None and len(distinct) == n:
        return X, y, None, slopes
    total = np.bincount(group.reshape(-1), weights=None if weight is None else weight[kept]).astype(np.float64)
    return (
        np.ascontiguousarray(distinct[:, :d]),
        np.ascontiguousarray(distinct[:, d:]).reshape(len(distinct), *y.shape[1:]),
        None if np.all(total == total[0]) else total,
        None if slopes is None else _mean_of_groups(slopes[kept], group.reshape(-1), len(distinct)),
    )


def _mean_of_groups(values: Array, group: NDArray[np.intp], k: int) -> Array:
    """The means (k, ...) of the `values` (n, ...) of each group that are not NaN, which they are where all are."""
    total, count = np.zeros((2, k, *values.shape[1:]))
    is_known = np.isfinite(values)
    np.add.at(total, group, np.where(is_known, values, 0.0))
    np.add.at(count, group, is_known)
    mean: Array = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0.0)
    return mean


def _affine(X: Array, y: Array, weight: Array | None) -> Model:
    """The affine function of least squares and, among these, least weights in normalized coordinates."""
    is_vector = y.ndim == 1
    columns = y.reshape(len(y), -1)
    inputs, outputs = Normalization.of(X), Normalization.of(columns)
    design = np.column_stack([inputs.apply(X), np.ones(len(X))])
    targets = np.where(outputs.constant, 0.0, outputs.apply(columns))
    root = np.ones((len(X), 1)) if weight is None else np.sqrt(weight / weight.mean())[:, None]
    solution = lstsq(design * root, targets * root, rcond=None)[0]
    d, m = X.shape[1], columns.shape[1]
    mlp = MLP((d, m))
    params = np.concatenate([solution[:d].T.reshape(-1), solution[d]])
    return NetworkModel(mlp, params, inputs=inputs, outputs=outputs, signature=Signature(d, m, is_vector))
