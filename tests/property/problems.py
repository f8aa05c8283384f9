"""Random networks with data for them, layouts of the same numbers in memory, and equality to rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from pml_native import MLP, _core

# At collection, before any test has registered one of its own.
ACTIVATIONS = _core.activation_names()

EPS = np.finfo(np.float64).eps
QUICK = settings(max_examples=25, deadline=None)

# Around the blocks of the instruction sets (6, 12, 40 rows) and around one and two tiles (480 rows).
BATCHES = (0, 1, 2, 5, 6, 7, 11, 13, 39, 40, 41, 121, 479, 480, 481, 961, 1500)


@dataclass(frozen=True)
class Problem:
    """A network with parameters, and data of size 1 for it."""

    mlp: MLP
    params: np.ndarray
    X: np.ndarray
    Y: np.ndarray
    weight: np.ndarray

    def loss_and_gradient(self, rows=slice(None), *, weight=None, n_threads=1):
        return self.mlp.loss_and_gradient(
            self.params, self.X[rows], self.Y[rows], sample_weight=weight, n_threads=n_threads
        )

    def everything(self, n_threads=1):
        """All results as bytes: forward, loss and gradient with weights, input gradient."""
        loss, gradient = self.loss_and_gradient(weight=self.weight, n_threads=n_threads)
        forward = self.mlp.forward(self.params, self.X, n_threads=n_threads)
        input_gradient = self.mlp.input_gradient(self.params, self.X, n_threads=n_threads)
        return b"".join(np.asarray(a).tobytes() for a in (forward, loss, gradient, input_gradient))


def make_problem(widths, activation, n, seed=0):
    rng = np.random.default_rng(seed)
    mlp = MLP(widths, activation)
    X, Y = rng.uniform(-1, 1, (n, widths[0])), rng.normal(size=(n, widths[-1]))
    return Problem(mlp, mlp.initialize(rng), X, Y, rng.uniform(0.1, 2, n))


@st.composite
def problems(draw, batches=BATCHES, *, max_width=24):
    """`batches`: the numbers of rows to choose from. Up to three hidden layers."""
    widths = draw(st.lists(st.integers(1, max_width), min_size=2, max_size=5))
    activation = draw(st.sampled_from(ACTIVATIONS))
    return make_problem(tuple(widths), activation, draw(st.sampled_from(batches)), draw(st.integers(0, 2**32 - 1)))


def assert_same_to_rounding(got, wanted, n_terms):
    """Two orders of summing n terms of size 1 differ by at most n eps, counted beside 1 where the sum cancels."""
    scale = 1 + np.max(np.abs(wanted), initial=0)
    assert np.max(np.abs(np.asarray(got) - wanted), initial=0) <= (n_terms + 10) * EPS * scale


def every_other(array):
    """The same values with gaps between them, along every axis."""
    wide = np.full([2 * length for length in array.shape], np.nan)
    view = wide[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def reversed_view(array):
    """The same values with negative strides."""
    backwards = tuple(slice(None, None, -1) for _ in array.shape)
    return array[backwards].copy()[backwards]


def read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def swapped_bytes(array):
    return array.astype(array.dtype.newbyteorder())


def off_alignment(array):
    """The same values, contiguous, one byte off the alignment of float64, as in a file mapped at an odd offset."""
    memory = np.empty(array.nbytes + 1, dtype=np.uint8)
    view = memory[1:].view(np.float64).reshape(array.shape)
    view[...] = array
    return view


LAYOUTS = {
    "a list": lambda array: array.tolist(),
    "Fortran order": np.asfortranarray,
    "gaps": every_other,
    "negative strides": reversed_view,
    "read-only": read_only,
    "other byte order": swapped_bytes,
    "off alignment": off_alignment,
    "long double": lambda array: array.astype(np.longdouble),
}
