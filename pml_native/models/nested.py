"""Models as JSON values and arrays, and back: what `load` reads, and how a model keeps those it consists of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import NDArray

from ..coverage import Near
from ..encodings import Encodings
from ..report import FitReport
from .beyond import Beyond
from .families import FAMILIES
from .model import ErrorEstimate, Model, Signature


class Arrays(dict[str, NDArray[Any]]):
    """Arrays by their names, which knows those that nobody has asked for."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        super().__init__(arrays)
        self.strangers = set(arrays)

    def __getitem__(self, name: str) -> NDArray[Any]:
        self.strangers.discard(name)
        return super().__getitem__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.strangers.discard(name)
        return super().get(name, default)

    def below(self, prefix: str) -> Arrays:
        """Those whose names begin with `prefix`, by the rest of their names."""
        return Arrays({name.removeprefix(prefix): self[name] for name in self if name.startswith(prefix)})


def restored(description: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Model:
    """The model that gave this `description()`; any of the errors of missing or mistaken entries where none did."""
    if description["family"] not in tuple(FAMILIES):  # which compares, as a damaged family may have no hash
        raise ValueError(f"expected a model of {', '.join(FAMILIES)}, got {description['family']!r}")
    for name, array in arrays.items():
        if array.dtype.kind not in "iuf":
            raise ValueError(f"{name}: expected numbers, got {array.dtype}")
    own = Arrays(arrays)
    signature = _signature(description["signature"])
    rows, others, box = own.below("near/"), own.below("estimate/"), own.below("outside/")
    model: Model = FAMILIES[description["family"]].from_state(description["values"], own, signature)
    model.report = None if description["report"] is None else FitReport.from_dict(description["report"])
    estimate = description.get("estimate")  # models of earlier versions have none
    if estimate is not None:
        witnesses = parts_restored(estimate["others"], others)
        factor, least, away = (float(estimate[name]) for name in ("factor", "least", "away"))
        is_relative = bool(estimate["is_relative"])
        model.estimate = ErrorEstimate(tuple(witnesses), others["unit"], factor, least, away, is_relative)
    # Models of earlier versions, and those that fit hasn't made, don't have it.
    near = description.get("near")
    model.near = None if near is None else Near.from_state(near, rows, model.signature.n_inputs)
    encodings, d, m = description.get("encodings"), model.signature.n_inputs, model.signature.n_outputs
    model.encodings = None if encodings is None else Encodings.from_state(encodings, d, m)
    outside = description.get("outside")
    model.beyond = None if outside is None else Beyond.from_state(outside, box, model.signature.n_inputs)
    strangers = own.strangers | others.strangers | rows.strangers | box.strangers
    if strangers:
        raise ValueError(f"expected no arrays but those of the model, got {', '.join(map(repr, sorted(strangers)))}")
    return model


def _signature(description: dict[str, Any]) -> Signature:
    given = dict(description)
    for names, count in (("input_names", "n_inputs"), ("output_names", "n_outputs")):
        if given[names] is not None:
            given[names] = tuple(map(str, given[names]))
            if len(given[names]) != given[count]:
                raise ValueError(f"{names}: expected {given[count]}, got {len(given[names])}")
    return Signature(**given)


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
    held = arrays if isinstance(arrays, Arrays) else Arrays(arrays)
    return [restored(description, held.below(f"{k}/")) for k, description in enumerate(descriptions)]
