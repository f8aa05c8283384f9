"""What the parts of a graph of modules say of the inputs: products of powers and sums, as variables of a new table.

So do waves whose phase is a product: a series of its cosine and sine and of inputs is far longer than one of the
product and the few inputs that count beside it.

A group whose variable is linear is a product of powers of inputs, if they are in logarithms, or a sum. In the graph it
is the logarithm of the product, in which functions may need long series, and beyond the last rows these are anything;
the product itself is a better column. So it is given to all searches as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from ..arrays import Array
from ..models import Model, ModularPolynomial, Module, Polynomial, Transformed, Waves
from ..models.reduced import Variables
from ..monomials import monomials
from ..networks.parts import Parts

# Exponents are taken for quotients of numbers up to the first if they differ by no more than the second, which is what
# a graph of an error of 1e-3 or so knows them to; all that comes of it is a trial.
LARGEST_DENOMINATOR, NEAR = 6, 0.02
# Inputs of a smaller power than this, or so small a part of a sum, beside the largest, are none of its inputs.
NO_PART = 1e-6


def variables_of_parts(model: Model, error: float) -> Variables | None:
    """One variable for each group of a graph of modules, or each phase of waves; None where one is no product or sum,
    or all are inputs.

    error : of the model, relative.
    """
    if isinstance(model, Waves):
        return _variables_of_phases(model, error)
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


def _variables_of_phases(model: Waves, error: float) -> Variables | None:
    """The products that phases are, and the inputs that count beside them."""
    phase, d = model.phase, model.signature.n_inputs
    if not isinstance(phase, Polynomial):
        return None
    rows = []
    for c in phase.coefficients.T:
        powers = monomials(phase.indices, c, phase.inputs, error)
        products = [one for one in powers or {} if any(one)]
        if len(products) != 1 or np.count_nonzero(products[0]) < 2:
            return None
        rows.append(products[0])
    parts = Parts([f"x{j}" for j in range(d)], error)
    graph = parts.graph(model.made_of(parts, parts.inputs))
    if graph is None:
        return None
    # Which inputs each number of the graph is a product of, each of them once.
    made_of = {j: {j} for j in np.flatnonzero(np.any(rows, axis=0)).tolist()}
    beside: set[int] = set()
    for k, node in enumerate(graph.nodes):
        inputs = [j for i in node for j in made_of.get(i, (i, i))]
        if len(set(inputs)) == len(inputs):
            made_of[d + k] = set(inputs)
        else:
            beside |= {j for j in node if j < d}
    if len(beside) + len(rows) > d:  # too crude yet to tell which inputs count by their product alone
        return None
    kinds = ("sum",) * len(beside) + ("product",) * len(rows)
    coefficients = np.concatenate([np.eye(d)[sorted(beside)], np.array(rows, dtype=np.float64)])
    return Variables(kinds, coefficients, np.zeros(d))


def _linear(module: Module, model: ModularPolynomial, names: Sequence[str]) -> tuple[str, Array] | None:
    """The kind and the coefficients (d,) of a variable of degree 1, the largest of them 1; None for another."""
    polynomial = module.polynomial
    assert isinstance(polynomial, Polynomial)  # as are all of several variables
    indices = polynomial.indices
    own = {names[source] for source in module.sources}
    if indices.sum(axis=1).max() > 1 or len(own) > 1 or not own <= {"identity", "log"}:
        return None
    inputs, coefficients = model.inputs, np.zeros(model.signature.n_inputs)
    for position, source in enumerate(module.sources):
        [term] = np.flatnonzero(indices[:, position] == 1)
        coefficients[source] = polynomial.coefficients[term, 0] / np.ldexp(
            inputs.scale[source], inputs.exponent[source]
        )
    coefficients = coefficients / coefficients[np.argmax(np.abs(coefficients))]
    coefficients[np.abs(coefficients) < NO_PART] = 0.0
    is_product = own == {"log"} and np.count_nonzero(coefficients) > 1
    for j in np.flatnonzero(coefficients):
        simple = float(Fraction(float(coefficients[j])).limit_denominator(LARGEST_DENOMINATOR))
        if abs(simple - coefficients[j]) < NEAR and simple != 0.0:
            coefficients[j] = simple
        elif is_product:
            return None
    return ("product" if is_product else "sum"), coefficients
