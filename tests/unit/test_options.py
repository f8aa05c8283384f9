"""Options of the doors: whatever is given for one, it is taken, or the error names it and says what was wanted."""

import inspect
import math
import re
from concurrent.futures import ThreadPoolExecutor
from functools import cache

import numpy as np
import pytest

import pml_native as pml
from pml_native.options import (
    columns_of,
    flag_or_none,
    generator,
    names_of,
    number,
    one_of,
    seconds_of,
    shown,
    whole_number,
)

X = np.random.default_rng(0).uniform(1.0, 2.0, (40, 2))
Y = X[:, 0] * X[:, 1]
FAMILIES = (
    *("fit_algebraic", "fit_modular", "fit_polynomial", "fit_random_features", "fit_rational", "fit_rbf"),
    *("fit_separable", "fit_waves"),
)


@cache
def model():
    return pml.fit(X, Y, effort=1e-3, progress=False)


def product(X):
    return X[:, 0] * X[:, 1]


def of_family(name):
    return getattr(pml, name), lambda **options: getattr(pml, name)(X, Y, **{"effort": 1e-4, **options})


def swept(**options):
    given = {"progress": False}
    if "settings" not in options:
        given |= {"problem": "Z.001", "family": "simplex", "size": 16, "n_test": 20}
    with ThreadPoolExecutor(1) as executor:
        if not {"scheduler", "jobs"} & set(options):
            given["executor"] = executor
        return pml.scaling.sweep(**{**given, **options})


# Of each door its options, and a call of it with some.
DOORS = {
    "fit": (pml.fit, lambda **options: pml.fit(X, Y, **{"effort": 1e-3, "progress": False, **options})),
    "approximate": (
        pml.approximate,
        lambda **options: pml.approximate(
            product, [(0.0, 1.0)] * 2, **{"max_evaluations": 100, "progress": False, **options}
        ),
    ),
    "boost": (pml.boost, lambda **options: pml.boost(X, Y, **{"effort": 1e-4, **options})),
    "sweep": (pml.scaling.sweep, swept),
    "compress": (pml.Model.compress, lambda **options: model().compress(**{"tolerance": 0.1, "effort": 0, **options})),
    "suggest": (pml.suggest, lambda k: pml.suggest(model(), k)),
    "forecast": (
        pml.scaling.forecast,
        lambda **options: pml.scaling.forecast(X, Y, **{"tolerance": 1e-3, **options}),
    ),
    **{name: of_family(name) for name in FAMILIES},
}
OPTIONS = [
    (door, name)
    for door, (function, _) in DOORS.items()
    for name, one in inspect.signature(function).parameters.items()
    if one.kind != one.VAR_KEYWORD and name not in ("X", "y", "f", "bounds", "model", "self")
]
JUNK = {
    "a text": "a",
    "bytes": b"a",
    "an empty list": [],
    "a list of nothing": [None],
    "a dictionary": {"a": 1},
    "an object": object(),
    "an array": np.ones((2, 2)),
    "no number": math.nan,
    "infinity": math.inf,
    "a negative number": -1.5,
    "an imaginary number": 1j,
    "a type": int,
}
# What is junk to most options, and something to these.
SOMETHING = {
    "checkpoint": ("a text",),
    "store": ("a text",),
    "random_state": ("an empty list",),
    "input_names": ("a list of nothing", "a dictionary", "an array"),
    "output_names": ("a list of nothing", "a dictionary", "an array"),
    "scheduler": ("a text",),
    "settings": ("an empty list",),
    "known": ("an empty list",),
    "trainer": ("a type",),
    "method": ("a type",),
    "run": ("a type",),
    "regions": ("a type",),
}


@pytest.mark.parametrize(("door", "name"), OPTIONS)
def test_what_an_option_can_not_be_is_said_with_its_name(door, name):
    call = DOORS[door][1]
    for kind, value in JUNK.items():
        if kind in SOMETHING.get(name, ()):
            continue
        with pytest.raises((ValueError, TypeError)) as caught:
            call(**{name: value})
        said = str(caught.value)
        assert re.search(rf"\b{name}\b.*expected", said, re.DOTALL), f"{kind}: {said}"


def test_numbers_are_what_python_and_numpy_call_so():
    for value in (2, 2.0, np.float32(2.0), np.int8(2)):
        assert number(value, "a", least=0.0) == 2.0
    assert whole_number(np.uint8(3), "a", 1) == 3
    for value in (True, "2", np.array(2.0), np.timedelta64(2, "s"), None, math.nan, math.inf, -1):
        with pytest.raises(ValueError, match="a: expected a number >= 0, got"):
            number(value, "a", least=0.0)
        with pytest.raises(ValueError, match="a: expected an integer >= 0, got"):
            whole_number(value, "a", 0)
    with pytest.raises(ValueError, match="a: expected a number, got 1000"):
        number(10**400, "a")
    with pytest.raises(ValueError, match="a: expected a number between 0 and 1, got 1"):
        number(1, "a", above=0.0, below=1.0)
    assert math.isinf(seconds_of(None))


def test_what_is_given_is_shown_on_one_line():
    assert shown(np.ones((2, 2))) == "array([[1., 1.], [1., 1.]])"
    assert len(shown(np.ones(1000))) == 80
    with pytest.raises(ValueError, match="a: expected one of b, c or None, got 'd'"):
        one_of("d", "a", ("b", "c"), or_none=True)


def test_seeds_names_flags_and_columns_are_taken():
    assert generator(np.random.default_rng(0)).integers(99) == generator(0).integers(99)
    assert names_of(["a", 5], "names") == ("a", "5")
    assert flag_or_none(np.True_, "flag") is True
    assert columns_of(None, "columns") == {}
