"""Where more rows would help a model most: where its error is expected to be large and no row is near.

A model's own estimate of its error says where it is least exact, but the k largest are all at one place. Times the
distance to the nearest row, or point chosen before, they spread: what a greedy design with a weighted distance does
(Pronzato and Muller 2012, Stat. Comput. 22, on maximin distances).
"""

from __future__ import annotations

import itertools

import numpy as np
from scipy.spatial import KDTree

from .arrays import Array
from .coverage import units_of
from .models import Model
from .options import whole_number

# Points that are looked at, besides corners, in all and for each one chosen; of more columns than MOST_CORNERS no
# corner is.
N_CANDIDATES, FOR_EACH, MOST_CORNERS = 4000, 20, 10


def suggest(model: Model, k: int) -> Array:
    """`k` points (k, d) of the box of a model's rows where more rows would help it most, the first one most.

    Of some thousand points of the box and its corners, each is the one with the largest product of `error_estimate` and
    the distance to the nearest row, or to a point chosen before, in units of the box. The same model gives the same
    points. Columns of whole numbers get others, too: round them. Of a model that keeps no rows, as those of full grids,
    only distances to points chosen before count.

    Raises ValueError for a k below 1, a model that `fit` has not made, and one of dates or categories.
    """
    k = whole_number(k, "k", 1)
    if model.encodings is not None and any(model.encodings.inputs):
        raise ValueError("suggest: expected a model whose inputs are numbers, got one of dates or categories")
    low, high = model.known_box()
    d = len(low)
    candidates = np.random.default_rng(0).uniform(low, high, (max(N_CANDIDATES, FOR_EACH * k), d))
    if d <= MOST_CORNERS:
        corners = list(itertools.product(*zip(low.tolist(), high.tolist(), strict=True)))
        candidates = np.concatenate([corners, candidates])
    error = model.error_estimate(candidates)
    finite = np.isfinite(error)
    # No value there is the largest error: twice the largest that is known.
    error = np.where(finite, error, 2.0 * np.max(error[finite], initial=0.5))
    places = units_of(candidates, low, high)
    near = model.near
    if near is not None and len(near.rows):
        distance, _ = KDTree(near.rows).query(places)
    else:
        distance = np.ones(len(places))
    chosen = np.empty(k, dtype=np.intp)
    for i in range(len(chosen)):
        chosen[i] = np.argmax(error * distance)
        distance = np.minimum(distance, np.linalg.norm(places - places[chosen[i]], axis=1))
    return np.ascontiguousarray(candidates[chosen])
