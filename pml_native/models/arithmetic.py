"""Models made of models: sums, products, quotients, one in the other, and an input as a function of y."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays import Array
from ..coverage import Near
from .beyond import Beyond, Outside
from .families import FAMILIES, AnyModel
from .signature import Signature

# Points at which it is seen whether a model rises or falls with an input in all of its box, besides corners.
N_PROBES, MOST_CORNERS = 4000, 10
# An inverse looks for x this part of the range beyond it, too: y at the end of the range is rounded.
BEYOND_END = 1e-9


def combined(a: AnyModel, b: AnyModel, how: str) -> Any:
    """a + b, a - b, a * b or a / b, as `how` says, output by output."""
    names = [model.signature.input_names for model in (a, b)]
    if None not in names and names[0] != names[1]:
        raise ValueError(f"a {how} b: expected models of the same inputs, got {names[0]} and {names[1]}")
    shapes = [(model.signature.n_inputs, model.signature.n_outputs) for model in (a, b)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"a {how} b: expected models of as many inputs and outputs, got {shapes[0]} and {shapes[1]}")
    signature = replace(a.signature, input_names=names[0] or names[1], output_names=None)
    return _with_box(together(a, b, how, signature), [a, b])


def together(a: AnyModel, b: AnyModel, how: str, signature: Signature | None = None) -> Any:
    """The same of models of as many inputs and outputs, without what these know of their box."""
    m = a.signature.n_outputs
    values = FAMILIES["outputs"]([a, b], range(2 * m))
    unit = np.eye(2 * m, dtype=int)
    both = np.eye(m)
    if how in "+-":
        rule = FAMILIES["polynomial"](unit, np.concatenate([both, both if how == "+" else -both]))
    elif how == "*":
        rule = FAMILIES["polynomial"](unit[:m] + unit[m:], both)
    else:
        quotients = [FAMILIES["rational"](FAMILIES["polynomial"](unit[[k, m + k]], np.eye(2))) for k in range(m)]
        rule = quotients[0] if m == 1 else FAMILIES["outputs"](quotients, range(m))
    whole: Any = FAMILIES["composed"](rule, values, signature=signature or replace(a.signature, output_names=None))
    return whole


def with_number(model: AnyModel, number: float, how: str) -> Any:
    """model + number, model * number, or number / model."""
    m = model.signature.n_outputs
    unit, both, none = np.eye(m, dtype=int), np.eye(m), np.zeros((1, m), dtype=int)
    if how == "+":
        rule = FAMILIES["polynomial"](np.concatenate([none, unit]), np.concatenate([np.full((1, m), number), both]))
    elif how == "*":
        rule = FAMILIES["polynomial"](unit, number * both)
    else:
        quotients = [
            FAMILIES["rational"](FAMILIES["polynomial"]([0 * unit[k], unit[k]], [[number, 0.0], [0.0, 1.0]]))
            for k in range(m)
        ]
        rule = quotients[0] if m == 1 else FAMILIES["outputs"](quotients, range(m))
    signature = replace(model.signature, output_names=None)
    whole: Any = FAMILIES["composed"](rule, model, signature=signature)
    return _with_box(whole, [model])


def composed(outer: AnyModel, inner: AnyModel) -> Any:
    """outer(inner(x)), the outputs of the one being the inputs of the other."""
    wanted, got = outer.signature.n_inputs, inner.signature.n_outputs
    if wanted != got:
        raise ValueError(f"model(other): expected another model of {wanted} outputs, the inputs of this one, got {got}")
    first, second = inner.signature, outer.signature
    signature = replace(second, n_inputs=first.n_inputs, input_names=first.input_names)
    whole: Any = FAMILIES["composed"](outer, inner, signature=signature)
    return _with_box(whole, [inner])


def sliced(model: AnyModel, held: dict[int, float]) -> Any:
    """The model of the inputs that are not `held`, which have these values, by number."""
    signature, d = model.signature, model.signature.n_inputs
    free = [j for j in range(d) if j not in held]
    if not held or not free:
        raise ValueError(f"slice: expected values for 1 to {d - 1} of the {d} inputs, got {len(held)}")
    where = np.zeros((len(free) + 1, d))
    where[0, list(held)] = list(held.values())
    where[range(1, len(free) + 1), free] = 1.0
    how = model.beyond
    if how is not None and how.kind != "extrapolate":
        beyond = [j for j, value in held.items() if not how.low[j] <= value <= how.high[j]]
        if beyond:
            j, named = beyond[0], signature.input_names
            raise ValueError(
                f"slice: expected values in the box, {how.low[j]:g} to {how.high[j]:g} for "
                f"{j if named is None else repr(named[j])}, got {held[j]:g}; outside = 'extrapolate' goes on beyond it"
            )
    names = None if signature.input_names is None else tuple(signature.input_names[j] for j in free)
    changed = replace(signature, n_inputs=len(free), input_names=names)
    terms = np.eye(len(free) + 1, len(free), -1, dtype=int)
    whole: Any = FAMILIES["composed"](model, FAMILIES["polynomial"](terms, where), signature=changed)
    if model.near is not None:
        whole.near = Near.all_of(model.near.low[free], model.near.high[free])
    if how is not None:
        whole.beyond = Beyond(how.kind, how.low[free], how.high[free], is_default=how.is_default)
    if model.encodings is not None:
        whole.encodings = replace(model.encodings, inputs=tuple(model.encodings.inputs[j] for j in free))
    return whole


def inverse(model: AnyModel, column: int | str) -> Any:
    """The input `column` as a function of y, which takes its place, and of the other inputs."""
    signature = model.signature
    names, d = signature.input_names, signature.n_inputs
    j = names.index(column) if names is not None and column in names else column
    if isinstance(j, bool) or not isinstance(j, (int, np.integer)) or not 0 <= j < d:
        raise ValueError(f"column: expected an input, by name or number below {d}, got {column!r}")
    if signature.n_outputs != 1:
        raise ValueError(f"inverse: expected a model of one output, got {signature.n_outputs}")
    low, high = model.known_box()
    X = _probes(low, high)
    slopes = model.evaluate_gradient(X)[:, 0, j]
    if not (np.all(slopes > 0.0) or np.all(slopes < 0.0)):
        rises = np.sum(slopes > 0.0) >= len(slopes) / 2
        place = X[int(np.argmin(slopes) if rises else np.argmax(slopes))].tolist()
        raise ValueError(f"inverse: expected a model that rises or falls with {column!r} everywhere, not so at {place}")
    end = BEYOND_END * (high[j] - low[j])
    y = model.evaluate(X)[:, 0]
    own = None
    if names is not None:
        y_name = (signature.output_names or ("y",))[0]
        own = tuple(y_name if k == j else name for k, name in enumerate(names))
    changed = replace(signature, y_is_vector=True, input_names=own, output_names=None if names is None else (names[j],))
    whole: Any = FAMILIES["inverse"](model, None, int(j), [low[j] - end, high[j] + end], slopes[0] > 0.0, changed)
    low, high = low.copy(), high.copy()
    low[j], high[j] = y.min(), y.max()
    whole.near = Near.all_of(low, high)
    return whole


def _probes(low: Array, high: Array) -> Array:
    """Points of a box (n, d), the corners among them where they are few."""
    d = len(low)
    X = np.random.default_rng(0).uniform(low, high, (N_PROBES, d))
    if d > MOST_CORNERS:
        return X
    corners = np.stack(np.meshgrid(*np.stack([low, high], axis=1), indexing="ij"), axis=-1).reshape(-1, d)
    return np.concatenate([corners, X])


def _with_box(whole: Any, models: list[Any]) -> Any:
    """`whole` with the box that all `models` know, and what they do outside of it: the same, or linearly."""
    if any(model.encodings != models[0].encodings for model in models):
        raise ValueError("expected models that take dates and categories alike, got others")
    if models[0].encodings is not None and models[0].encodings.complex_y is not None:
        raise ValueError("expected models of real y, got one of complex y")
    whole.encodings = models[0].encodings
    boxes = [(model.near.low, model.near.high) for model in models if model.near is not None]
    if len(boxes) == len(models):
        whole.near = Near.all_of(*_common(boxes))
    ways = [model.beyond for model in models]
    if None not in ways:
        kind: Outside = ways[0].kind if len({way.kind for way in ways}) == 1 else "linear"
        low, high = _common([(way.low, way.high) for way in ways])
        whole.beyond = Beyond(kind, low, high, is_default=all(way.is_default for way in ways))
    return whole


def _common(boxes: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """The box that lies in all boxes; ValueError where there is none."""
    low, high = np.max([box[0] for box in boxes], axis=0), np.min([box[1] for box in boxes], axis=0)
    if not np.all(low <= high):
        raise ValueError("expected models whose boxes have points in common, got none in common")
    return low, high
