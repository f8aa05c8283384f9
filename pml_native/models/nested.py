"""Models as JSON values and arrays, and back: what `load` reads, and how a model keeps those it consists of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from ..coverage import Near
from ..report import FitReport
from .model import FAMILIES, ErrorEstimate, Model, Signature


def restored(description: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Model:
    """The model that gave this `description()`; any of the errors of missing or mistaken entries where none did."""
    if description["family"] not in tuple(FAMILIES):  # which compares, as a damaged family may have no hash
        raise ValueError(f"expected a model of {', '.join(FAMILIES)}, got {description['family']!r}")
    for name, array in arrays.items():
        if array.dtype.kind not in "iuf":
            raise ValueError(f"{name}: expected numbers, got {array.dtype}")
    signature = dict(description["signature"])
    for names in ("input_names", "output_names"):
        signature[names] = None if signature[names] is None else tuple(signature[names])
    rows = {name.removeprefix("near/"): array for name, array in arrays.items() if name.startswith("near/")}
    own = {name: array for name, array in arrays.items() if not name.startswith("near/")}
    model = FAMILIES[description["family"]].from_state(description["values"], own, Signature(**signature))
    model.report = None if description["report"] is None else FitReport.from_dict(description["report"])
    estimate = description.get("estimate")  # models of earlier versions have none
    if estimate is not None:
        own = {name.removeprefix("estimate/"): array for name, array in arrays.items() if name.startswith("estimate/")}
        others = parts_restored(estimate["others"], own)
        factor, least, away = (float(estimate[name]) for name in ("factor", "least", "away"))
        is_relative = bool(estimate["is_relative"])
        model.estimate = ErrorEstimate(tuple(others), own["unit"], factor, least, away, is_relative)
    # Models of earlier versions, and those that fit hasn't made, don't have it.
    near = description.get("near")
    model.near = None if near is None else Near.from_state(near, rows, model.signature.n_inputs)
    return model


def parts_described(models: Sequence[Model]) -> tuple[list[dict[str, Any]], dict[str, NDArray[Any]]]:
    """The descriptions of `models`, and all their arrays: array `name` of model k is "k/name"."""
    descriptions, arrays = [], {}
    for k, model in enumerate(models):
        description, own = model.description()
        descriptions.append(description)
        arrays.update({f"{k}/{name}": array for name, array in own.items()})
    return descriptions, arrays


def parts_restored(descriptions: Sequence[dict[str, Any]], arrays: dict[str, NDArray[Any]]) -> list[Model]:
    """The models that gave these `parts_described()`."""
    models = []
    for k, description in enumerate(descriptions):
        own = {name.removeprefix(f"{k}/"): a for name, a in arrays.items() if name.startswith(f"{k}/")}
        models.append(restored(description, own))
    return models
