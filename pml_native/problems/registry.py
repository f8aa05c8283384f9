"""Problems by a string, so that a sweep, a table or a command line can say which one is meant."""

from __future__ import annotations

from collections.abc import Callable

from .equations import equations
from .polynomials import legendre, random_polynomial
from .problem import Problem
from .simple import simple_functions
from .teacher import teacher_student


def _integers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("-"))


# What stands before the first colon -> the form of the whole, and how the parts after it make a problem. A new kind of
# problem adds its line here.
KINDS: dict[str, tuple[str, Callable[..., Problem]]] = {
    "teacher": (
        "teacher:WIDTHS:SEED[:ACTIVATION], as in teacher:1-3-3-1:0",
        lambda widths, seed, activation="tanh": teacher_student(_integers(widths), int(seed), activation=activation),
    ),
    "polynomial": (
        "polynomial:INPUTS:DEGREE:SEED, as in polynomial:3:5:0",
        lambda n_inputs, degree, seed: random_polynomial(int(n_inputs), int(degree), int(seed)),
    ),
    "legendre": (
        "legendre:DEGREES, as in legendre:12 or legendre:3-4",
        lambda degrees: legendre(_integers(degrees)),
    ),
}


def get(name: str) -> Problem:
    """The problem `name`: "I.10.7", "exp(x)", "teacher:1-3-3-1:0", "polynomial:3:5:0", "legendre:12".

    Raises KeyError for a name that isn't there, ValueError for one whose parts are wrong.
    """
    kind, *parts = name.split(":")
    if kind not in KINDS:
        return simple_functions[name] if name in simple_functions else equations[name]
    form, build = KINDS[kind]
    try:
        return build(*parts)
    except (TypeError, ValueError) as error:
        raise ValueError(f"problem: expected {form}, got {name!r} ({error})") from None
