"""What a fit tried, how exact the result is, and what stopped it."""

from __future__ import annotations

import io
import json
import math
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .arrays import Array

# Its square is still finite. An error this large is no worse than an infinite one.
MAX_ERROR = 1e150


@dataclass(frozen=True)
class Errors:
    """Relative errors of a model on some samples: all divided by the RMS of y, output by output.

    `rmse` is the root mean square, `p95` the 95th percentile and `max` the maximum of the absolute error.
    """

    rmse: float
    p95: float
    max: float

    @classmethod
    def of(cls, prediction: Array, y: Array, sample_weight: Array | None = None) -> Errors:
        """Errors of `prediction` (n, m) against `y` (n, m); infinite where a prediction is not finite.

        An output that is 0 everywhere keeps its absolute error. `sample_weight` (n,) weighs the squares of the RMSE.
        """
        largest = np.max(np.abs(y), axis=0)
        exponent = np.frexp(largest)[1]
        scaled = np.ldexp(y, -exponent)
        mean_square = np.average(scaled**2, axis=0, weights=sample_weight)
        rms = np.sqrt(np.where(mean_square > 0, mean_square, 1.0))
        error = np.abs(np.ldexp(prediction, -exponent) - scaled) / rms
        if not np.all(error < MAX_ERROR):
            return cls(math.inf, math.inf, math.inf)
        mean_error = np.mean(np.average(error**2, axis=0, weights=sample_weight))
        return cls(float(np.sqrt(mean_error)), float(np.percentile(error, 95)), float(np.max(error)))


@dataclass(frozen=True)
class Candidate:
    """One model that a fit tried, with its relative errors on the validation rows."""

    family: str
    description: str
    n_params: int
    train_rmse: float
    validation_rmse: float
    validation_p95: float
    validation_max: float
    seconds: float
    status: str


@dataclass(frozen=True)
class FitReport:
    """The record of a fit. Errors are relative: divided by the RMS of y.

    `method` is what was asked for and `family` what was chosen; `status` says in a sentence what ended the fit.
    """

    method: str
    family: str
    description: str
    train_rmse: float
    validation_rmse: float
    validation_p95: float
    validation_max: float
    status: str
    seconds: float
    n_params: int
    n_train: int
    n_validation: int
    n_inputs: int
    n_outputs: int
    candidates: tuple[Candidate, ...]
    warnings: tuple[str, ...]
    seed: int | None
    versions: dict[str, str]

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, as JSON has them."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> FitReport:
        """The report that gave `to_dict()`."""
        fields = dict(values)
        fields["candidates"] = tuple(Candidate(**candidate) for candidate in fields["candidates"])
        fields["warnings"] = tuple(fields["warnings"])
        return cls(**fields)

    def to_json(self) -> str:
        """The report as a JSON text."""
        return json.dumps(self.to_dict(), indent=1)

    def __str__(self) -> str:
        from rich.console import Console
        from rich.table import Table

        out = io.StringIO()
        console = Console(file=out, width=110, color_system=None)
        table = Table("tried", "parameters", "train RMSE", "valid. RMSE", "95 %", "max", "s", "ended by", box=None)
        for column in table.columns[1:7]:
            column.justify = "right"
        for c in self.candidates:
            table.add_row(
                c.description,
                str(c.n_params),
                *(f"{e:.1e}" for e in (c.train_rmse, c.validation_rmse, c.validation_p95, c.validation_max)),
                f"{c.seconds:.1f}",
                c.status,
            )
        console.print(
            f"{self.family}: {self.description}, {self.n_params} parameters, {self.n_inputs} inputs -> "
            f"{self.n_outputs} outputs, {self.seconds:.1f} s"
        )
        console.print(f"relative errors on {self.n_validation} held-out rows (of {self.n_train + self.n_validation}):")
        console.print(
            f"  RMSE {self.validation_rmse:.2e}   95th percentile {self.validation_p95:.2e}   "
            f"maximum {self.validation_max:.2e}   (training RMSE {self.train_rmse:.2e})"
        )
        console.print(f"stopped: {self.status}")
        for warning in self.warnings:
            console.print(f"warning: {warning}")
        console.print(table)
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines())
