"""Model families, one a file, and the one function that reads any of them back."""

from __future__ import annotations

import os

from ..report import FitReport
from . import archive
from .mlp import MLP
from .model import Model, Signature
from .network import NetworkModel
from .normalization import Normalization

__all__ = ["FAMILIES", "MLP", "Model", "NetworkModel", "Normalization", "Signature", "load"]

FAMILIES: dict[str, type[Model]] = {
    NetworkModel.family: NetworkModel,
}


def load(path: str | os.PathLike[str]) -> Model:
    """The model that `save` wrote to `path`; ValueError for a file that is damaged or foreign."""
    header, arrays = archive.read(path)
    family = header.get("family")
    if family not in FAMILIES:
        raise ValueError(f"{path}: expected a model of {', '.join(FAMILIES)}, got {family!r}")
    try:
        described = dict(header["signature"])
        for names in ("input_names", "output_names"):
            described[names] = None if described[names] is None else tuple(described[names])
        model = FAMILIES[family].from_state(header["values"], arrays, Signature(**described))
        model.report = None if header["report"] is None else FitReport.from_dict(header["report"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ValueError(f"{path}: the model file is incomplete ({type(error).__name__}: {error})") from None
    return model
