"""Bounds of models on boxes: whether all sampled values are in them, and how much wider they are than the true range.

    python bench/bounds.py            # some minutes on one core

Polynomials of two columns with random coefficients, of total degrees 1 to 12, a product, pieces, a sum of products; the
box is that of the rows, and a smaller one. `outside` counts, of 1,000,000 values and as many gradients, those that are
not in the enclosure: at uniform points, on faces, and around the least and the greatest value. `width` is that of the
enclosure over the difference of the greatest and the least of these values, so that it is above the true one.
"""

from __future__ import annotations

import itertools
import time

import numpy as np

import pml_native as pml

N_POINTS, N_NEAR, SEEDS = 1_000_000, 100_000, (1, 2, 3)


def polynomial(degree: int, seed: int) -> pml.Polynomial:
    rng = np.random.default_rng(seed)
    indices = np.array([a for a in itertools.product(range(degree + 1), repeat=2) if sum(a) <= degree])
    coefficients = rng.normal(size=len(indices)) / (1.0 + indices.sum(axis=1)) ** rng.uniform(0.0, 2.0)
    inputs = pml.Normalization.of_box(np.array([[-1.0, 10.0], [2.0, 10.5]]))
    return pml.Polynomial(indices, coefficients, inputs=inputs)


def models(seed: int) -> list[tuple[str, pml.Model]]:
    several = [(f"degree {degree}", polynomial(degree, seed)) for degree in (1, 2, 3, 4, 6, 8, 10, 12)]
    a, b = polynomial(4, seed + 10), polynomial(5, seed + 20)
    pieces = pml.Piecewise([-1.0, 0.3, 2.0], [a, b])
    return [*several, ("product", a * b), ("pieces", pieces), ("a * b - 2 a", a * b - 2.0 * a)]


def points(model: pml.Model, low: np.ndarray, high: np.ndarray, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    X = rng.uniform(low, high, (N_POINTS - 2 * N_NEAR, 2))
    faces = rng.random(X.shape) < 0.02
    X = np.where(faces, np.where(rng.random(X.shape) < 0.5, low, high), X)
    y = model.evaluate(X)[:, 0]
    near = []
    for place in (X[np.argmin(y)], X[np.argmax(y)]):
        steps = (high - low) * 10.0 ** rng.uniform(-9.0, -1.0, (N_NEAR, 1)) * rng.normal(size=(N_NEAR, 2))
        near.append(np.clip(place + steps, low, high))
    return np.concatenate([X, *near])


def main() -> None:
    print(f"{'model':12} {'seed':>4} {'box':>6} {'outside':>8} {'width':>7} {'gradients':>9} {'CPU s':>6}")
    worst, outside = 0.0, 0
    whole = np.array([-1.0, 10.0]), np.array([2.0, 10.5])
    for seed in SEEDS:
        for name, model in models(seed):
            for box, (begin, end) in (("whole", (0.0, 1.0)), ("part", (0.3, 0.7))):
                low, high = (whole[0] + t * (whole[1] - whole[0]) for t in (begin, end))
                start = time.process_time()
                found = model.enclosure(np.stack([low, high], axis=1))
                seconds = time.process_time() - start
                X = points(model, low, high, seed)
                y, g = model(X), model.gradient(X)
                n_out = int(np.sum((y < found.low) | (y > found.high)))
                n_out += int(np.sum((g < found.gradient_low) | (g > found.gradient_high)))
                width = (found.high - found.low) / np.ptp(y)
                with np.errstate(invalid="ignore", divide="ignore"):
                    ranges = np.ptp(g, axis=0)
                    wider = (found.gradient_high - found.gradient_low) / np.where(ranges > 1e-9, ranges, np.inf)
                worst, outside = max(worst, width), outside + n_out
                print(
                    f"{name:12} {seed:4} {box:>6} {n_out:8} {width:7.4f} {wider.max():9.4f} {seconds:6.2f}", flush=True
                )
    print(f"\nnot in the enclosure: {outside} (goal 0); largest width over the range: {worst:.4f} (goal 1.1)")


if __name__ == "__main__":
    main()
