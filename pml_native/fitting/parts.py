"""What the parts of a graph of modules say of the inputs: products of powers and sums, as variables of a new table.

A group whose variable is linear is a product of powers of inputs, if they are in logarithms, or a sum. In the graph it
is the logarithm of the product, in which functions may need long series, and beyond the last rows these are anything;
the product itself is a better column. So it is given to all searches as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..arrays import Array
from ..models import Model, ModularPolynomial, Module, Transformed
from ..models.reduced import Variables

# Exponents are taken for quotients of numbers up to the first if they differ by no more than the second, which is what
# a graph of an error of 1e-3 or so knows them to; all that comes of it is a trial.
LARGEST_DENOMINATOR, NEAR = 6, 0.02


def variables_of_parts(model: Model) -> Variables | None:
    """One variable for each group of a graph of modules; None where one is no product or sum, or all are inputs."""
    names: Sequence[str] = ("identity",) * model.signature.n_inputs
    if isinstance(model, Transformed):
        names, model = model.input_transforms, model.model
    if not isinstance(model, ModularPolynomial):
        return None
    d, kinds, rows = model.signature.n_inputs, [], []
    place, is_new = d, False
    merged: dict[int, Module] = {}  # by the place of its value
    for module in model.modules[:-1]:
        if len(module.sources) > 1:
            merged[place] = module
            place += module.polynomial.signature.n_outputs
            continue
        place += module.polynomial.signature.n_outputs
        [source] = module.sources
        coefficients = np.zeros(d)
        if source < d:
            kind = "sum"
            coefficients[source] = 1.0
        else:
            found = _linear(merged[source], model, names)
            if found is None:
                return None
            kind, coefficients = found
            is_new = True
        kinds.append(kind)
        rows.append(coefficients)
    return Variables(tuple(kinds), np.array(rows), np.zeros(d)) if is_new else None


def _linear(module: Module, model: ModularPolynomial, names: Sequence[str]) -> tuple[str, Array] | None:
    """The kind and the coefficients (d,) of a variable of degree 1, the largest of them 1; None for another."""
    indices = module.polynomial.indices
    own = {names[source] for source in module.sources}
    if indices.sum(axis=1).max() > 1 or len(own) > 1 or not own <= {"identity", "log"}:
        return None
    inputs, coefficients = model.inputs, np.zeros(model.signature.n_inputs)
    for position, source in enumerate(module.sources):
        [term] = np.flatnonzero(indices[:, position] == 1)
        coefficients[source] = module.polynomial.coefficients[term, 0] / np.ldexp(
            inputs.scale[source], inputs.exponent[source]
        )
    coefficients = coefficients / coefficients[np.argmax(np.abs(coefficients))]
    is_product = own == {"log"}
    for j in np.flatnonzero(coefficients):
        simple = float(Fraction(float(coefficients[j])).limit_denominator(LARGEST_DENOMINATOR))
        if abs(simple - coefficients[j]) < NEAR and simple != 0.0:
            coefficients[j] = simple
        elif is_product:
            return None
    return ("product" if is_product else "sum"), coefficients
