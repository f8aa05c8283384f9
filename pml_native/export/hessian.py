"""Second derivatives of a model as functions that languages can have: those of its operations, and what is outside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ..arrays import Array
from .definition import Definition
from .listing import Listing
from .program import Program
from .tangents import Tangents


class Named(NamedTuple):
    """A function that is translated, by its name without the prefix of the file."""

    name: str
    definition: Definition


@dataclass(frozen=True)
class WithHessian:
    """What second derivatives are made of: the `program` that holds in the box, and what does beyond it.

    `kind` is that of `Model.outside`; `low` and `high` (d,) are the box, None for a model that extrapolates. Of one
    that goes on linearly, changes of second derivatives are the differences `weights` of those `apart`, a part of the
    box.
    """

    program: Program
    kind: str
    low: Array | None
    high: Array | None
    apart: float
    weights: Array

    def listed(self, name: str, listing: Listing) -> list[Named]:
        """The functions, callees first, of which the last one is public; tables are entered in the listing."""
        tangents = Tangents(self.program)
        own = listing.hessian("own_hessian", tangents)
        parts = [Named(one, definition) for one, definition in tangents.definitions.items()]
        if self.kind == "extrapolate" or self.low is None or self.high is None:
            return [*parts, Named(name, own)]
        width = np.where(self.high > self.low, self.high - self.low, math.inf)
        tables = {"hbox": np.concatenate([self.low, self.high, width])}
        if self.kind == "linear" and self.program.n_inputs > 1:
            tables["hweights"] = np.append(self.weights, self.apart)
        listing.tables.update(tables)
        d, m = self.program.n_inputs, self.program.y.size
        known: dict[str, Any] = {
            **tables,
            "own_hessian": tangents.stub("own_hessian"),
            "nan": math.nan,
            "inf": math.inf,
        }
        text = "\n    ".join(["def hessian(x: Numbers, h: Results) -> None:", *self._lines(d, m)])
        return [*parts, Named("own_hessian", own), Named(name, Definition(text, known))]

    def _lines(self, d: int, m: int) -> Sequence[str]:
        if self.kind in ("nan", "error"):
            return [
                "own_hessian(x, h)",
                f"for j in range({d}):",
                f"    if x[j] < hbox[j] or x[j] > hbox[{d} + j]:",
                f"        for i in range({m * d * d}):",
                "            h[i] = nan",
            ]
        lines = [
            f"c: Results = empty({d})",
            f"beyond: Results = empty({d})",
            "n_beyond: int = 0",
            f"for j in range({d}):",
            "    c[j] = x[j]",
            "    beyond[j] = 0.0",
            "    if x[j] < hbox[j]:",
            "        c[j] = hbox[j]",
            "        beyond[j] = 1.0",
            "        n_beyond += 1",
            f"    if x[j] > hbox[{d} + j]:",
            f"        c[j] = hbox[{d} + j]",
            "        beyond[j] = 1.0",
            "        n_beyond += 1",
            f"for j in range({d}):",
            "    if x[j] != x[j]:",
            "        n_beyond = 0",
            "own_hessian(c, h)",
            "if n_beyond > 0:",
        ]
        every = [f"    for k in range({m}):", f"        for i in range({d}):", f"            for j in range({d}):"]
        place = f"h[{d * d} * k + {d} * i + j]"
        if self.kind == "linear" and d > 1:
            lines += [
                f"    turned: Results = empty({m * d * d})",
                f"    other: Results = empty({m * d * d})",
                f"    at: Results = empty({d})",
                "    most: float = 0.0",
                f"    for j in range({d}):",
                f"        if hbox[{2 * d} + j] < inf and fabs(x[j] - c[j]) / hbox[{2 * d} + j] > most:",
                f"            most = fabs(x[j] - c[j]) / hbox[{2 * d} + j]",
                f"    step: float = hweights[{len(self.weights)}] / most",
                f"    for i in range({m * d * d}):",
                "        turned[i] = 0.0",
                f"    for w in range({len(self.weights)}):",
                f"        for j in range({d}):",
                "            at[j] = c[j]",
                f"            if hbox[{2 * d} + j] < inf:",
                "                at[j] -= w * step * (x[j] - c[j])",
                "        own_hessian(at, other)",
                f"        for i in range({m * d * d}):",
                "            turned[i] -= hweights[w] * other[i] / step",
                *every,
                "                if beyond[i] + beyond[j] == 0.0 and most > 0.0:",
                f"                    {place} += turned[{d * d} * k + {d} * i + j]",
            ]
        within = "beyond[i] + beyond[j] == 2.0" if self.kind == "linear" else "beyond[i] + beyond[j] > 0.0"
        return [*lines, *every, f"                if {within}:", f"                    {place} = 0.0"]
