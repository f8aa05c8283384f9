"""Pickles and copies of models give the same bits, whatever the family."""

import copy
import pickle

import numpy as np
import pytest
from unit.exported import BOX, MODELS, Y, points

import pml_native as pml

OTHERS = {
    "rbf of neighbours": lambda: pml.RBF(BOX, Y, neighbors=20),
    "simplices": lambda: pml.SimplexInterpolator(BOX, Y, outside="nearest"),
    "simplices on demand": lambda: pml.SimplexInterpolator(BOX, Y, method="on_demand", outside="linear"),
    "simplices of a grid": lambda: pml.SimplexInterpolator([[0, 0], [0, 9], [9, 0], [9, 9.0]], [1.0, 2, 3, 4]),
    "fitted": lambda: pml.fit(BOX, Y[:, 0], time_limit=0.5),
}
EVERY = {**{name: row[0] for name, row in MODELS.items()}, **OTHERS}


@pytest.mark.parametrize(
    "how", [lambda m: pickle.loads(pickle.dumps(m)), copy.deepcopy, copy.copy], ids=["pickle", "deepcopy", "copy"]
)
@pytest.mark.parametrize("name", EVERY)
def test_a_copy_gives_the_same_bits(name, how):
    model = EVERY[name]()
    X = points(model)
    with np.errstate(all="ignore"):
        value, gradient = model(X), model.gradient(X)  # before, so that what is cached is copied too
        copied = how(model)
        assert copied is not model
        np.testing.assert_array_equal(copied(X), value)
        np.testing.assert_array_equal(copied.gradient(X), gradient)
    assert copied.signature == model.signature
    assert copied.report == model.report
    assert repr(copied) == repr(model)
