"""The phase of waves by Gauss and Newton, and their amplitudes by least squares: shapes, tables of rows, descents."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from scipy.linalg import lapack, qr

from ..arrays import Array, contiguous
from ..lapack import solve_triangular
from ..models import Normalization
from ..models.chebyshev import ChebyshevTerms, Indices, chebyshev_table
from ..models.chebyshev_series import ChebyshevSeries
from ..singular_values import svd
from .least_squares import ridged_factor
from .scheduler import Step, Worker
from .search import CALL, EPS

# Steps of Gauss and Newton in a descent, at most; the fall of the error below which it ends; tries of the damping.
STEPS, STALLED, TRIES = 20, 0.6, 4
ROUNDED = 4.0  # roundings of y in the root of the mean square: a descent ends there
FIRST_DAMPING, LATER_DAMPING, LEAST_DAMPING, HARDER, EASIER = 1e-3, 1e-8, 1e-24, 100.0, 1e-2
CHUNK = 3  # steps after which a descent is looked at
# Sizes of degrees: 0, 1, 2, 3, 4, 6, 9 and so on.
GROWTH = 1.5
# The index set: the degrees over their largest, and the harmonic over the highest, add up to this at most.
BREADTH = 1.3
# In the order in which they are needed most.
ODD_COSINES, EVEN_COSINES, ODD_SINES, EVEN_SINES = CLASSES = (0, 1, 2, 3)


class Shape(NamedTuple):
    """Which terms a sum of waves has.

    time : the input that the waves run along; origin : its z where the phase is 0.
    harmonics : the highest m; classes : which of CLASSES of harmonics are there.
    amplitude, phase : the highest degrees in each input.
    parities : of each input None, or that of the amplitudes in it (0 even, 1 odd), which is then mirrored.
    """

    time: int
    origin: float
    harmonics: int
    classes: tuple[int, ...]
    amplitude: tuple[int, ...]
    phase: tuple[int, ...]
    parities: tuple[int | None, ...]

    def amplitude_terms(self) -> Indices:
        """Rows (m, s, a_1 ... a_d) of the terms T_m(cos phi) sin^s(phi) T_a(z)."""
        degrees = [self._degrees(j, top, self.parities[j]) for j, top in enumerate(self.amplitude)]
        tops = [own[-1] + 1 for own in degrees]
        heads = []
        for m in range(self.harmonics + 1):
            odd = m % 2 == 1
            if (ODD_COSINES if odd else EVEN_COSINES) in self.classes:
                heads.append((m, m, 0))
            if m and (ODD_SINES if odd else EVEN_SINES) in self.classes:
                heads.append((m, m - 1, 1))  # T_(m-1)(cos phi) sin phi: the sine of m phi, and of lower ones
        rows = np.array([head[1:] for head in heads], dtype=np.intp).reshape(-1, 2)
        sizes = np.array([max(0, head[0] - 1) for head in heads]) / self.harmonics
        for own, top in zip(degrees, tops, strict=True):
            rows = np.column_stack([np.repeat(rows, len(own), axis=0), np.tile(own, len(rows))])
            sizes = np.repeat(sizes, len(own)) + np.tile(np.array(own) / top, len(sizes))
            rows, sizes = rows[sizes <= BREADTH], sizes[sizes <= BREADTH]
        return rows

    def phase_terms(self) -> Indices:
        """Rows (a_1 ... a_d) of the terms of the phase, a_t > 0."""
        rows, sizes = np.zeros((1, 0), dtype=np.intp), np.zeros(1)
        for j, top in enumerate(self.phase):
            own = self._degrees(j, top, None if self.parities[j] is None else 0)
            part = np.array(own) / (own[-1] + 1)
            if j == self.time:
                own, part = own[1:], (np.array(own[1:]) - 1) / own[-1]
            rows = np.column_stack([np.repeat(rows, len(own), axis=0), np.tile(own, len(rows))])
            sizes = np.repeat(sizes, len(own)) + np.tile(part, len(sizes))
            rows, sizes = rows[sizes <= 1.0], sizes[sizes <= 1.0]
        return rows

    @staticmethod
    def _degrees(j: int, top: int, parity: int | None) -> list[int]:
        """The degrees of an input of at most `top` + 1 terms."""
        return list(range(top + 1)) if parity is None else [parity + 2 * k for k in range(top + 1)]

    def moves(self, highest: tuple[int, ...], mirrored: tuple[bool, ...]) -> dict[str, Shape]:
        """Shapes of one thing more, by a name for what it is, and of all that is there already."""

        def larger(degrees: tuple[int, ...], j: int) -> int:
            return min(next_degree(degrees[j]), highest[j])

        more = max(self.harmonics + 2, next_degree(self.harmonics))  # often only odd ones are there
        found = {"harmonics": self._replace(harmonics=more)}
        amplitude = tuple(larger(self.amplitude, j) if own > 0 else 0 for j, own in enumerate(self.amplitude))
        phase = tuple(larger(self.phase, j) if own > self._least(j) else own for j, own in enumerate(self.phase))
        found["all"] = found["harmonics"]._replace(amplitude=amplitude, phase=phase)
        for j in range(len(self.phase)):
            found[f"amplitude {j}"] = self._replace(amplitude=replaced(self.amplitude, j, larger(self.amplitude, j)))
            found[f"phase {j}"] = self._replace(phase=replaced(self.phase, j, larger(self.phase, j)))
            if mirrored[j] and j != self.time and self.parities[j] is None and self.amplitude[j] > 1:
                for parity in (0, 1):
                    found[f"mirrored {j} {parity}"] = self._replace(parities=replaced(self.parities, j, parity))
        if len(self.classes) < len(CLASSES):
            found["classes"] = self._replace(classes=tuple(CLASSES))
        return {name: shape for name, shape in found.items() if shape != self}

    def reductions(self) -> dict[str, Shape]:
        """Shapes of one thing less, and of a little less of it."""
        found = {
            f"class {one}": self._replace(classes=tuple(other for other in self.classes if other != one))
            for one in reversed(CLASSES)
            if one in self.classes and len(self.classes) > 1
        }
        for name, least, now, changed in self._degrees_there():
            if now > least:
                found[name] = changed(least)
                less = max(least, math.floor(now / GROWTH))
                if less > least:
                    found[f"{name} of {now}"] = changed(less)
        return found

    def _degrees_there(self) -> list[tuple[str, int, int, Callable[[int], Shape]]]:
        """What has a degree: its name, the least and the present one, and the shape of another one."""
        there: list[tuple[str, int, int, Callable[[int], Shape]]] = [
            ("harmonics", 1, self.harmonics, lambda top: self._replace(harmonics=top))
        ]
        for j in range(len(self.phase)):
            amplitude = partial(lambda top, j: self._replace(amplitude=replaced(self.amplitude, j, top)), j=j)
            phase = partial(lambda top, j: self._replace(phase=replaced(self.phase, j, top)), j=j)
            there += [
                (f"amplitude {j}", 0, self.amplitude[j], amplitude),
                (f"phase {j}", self._least(j), self.phase[j], phase),
            ]
        return there

    def _least(self, j: int) -> int:
        """The least degree of the phase."""
        return int(j == self.time)


@dataclass(frozen=True)
class Table:
    """Rows that waves are fitted to: z (n, d) of the box, z of the mirrored box, y (n,) and the roots of weights."""

    plain: Array
    mirrored: Array
    y: Array
    root_weight: Array

    def first(self, n: int) -> Table:
        return Table(self.plain[:n], self.mirrored[:n], self.y[:n], self.root_weight[:n])

    def z(self, shape: Shape) -> Array:
        return np.where([parity is not None for parity in shape.parities], self.mirrored, self.plain)


@dataclass(frozen=True)
class Descent:
    """Steps of Gauss and Newton on the phase's coefficients p, on their way; c are those of the amplitudes."""

    shape: Shape
    table: Table
    p: Array
    c: Array | None = None
    loss: float = math.inf
    damping: float = FIRST_DAMPING
    n_steps: int = 0
    ended: bool = False

    @property
    def n_terms(self) -> int:
        return len(self.shape.amplitude_terms())

    @property
    def _work(self) -> float:
        """Of one step."""
        n, m, k = len(self.table.y), self.n_terms, len(self.p)
        return n * (float(m) ** 2 + 3.0 * m * k + float(k) ** 2) + 30.0 * CALL

    def step(self) -> Step:
        """The next steps of it, as one piece of work."""
        return Step(min(CHUNK, STEPS - self.n_steps) * self._work, self.gone_on)

    def gone_on(self, worker: Worker | None) -> Descent:
        most = min(CHUNK, STEPS - self.n_steps)
        problem = Problem(self.shape, self.table)
        now, p, damping = problem.at(self.p), self.p, self.damping
        floor = (ROUNDED * EPS) ** 2 * float(np.sum((self.table.root_weight * self.table.y) ** 2))
        for number in range(most):
            U, S, v = problem.linearized(now)
            for _ in range(TRIES):
                step = v.T @ (S / (S**2 + damping * S[0] ** 2) * U) if S[0] > 0 else np.zeros(len(p))
                trial = problem.at(p + step)
                if trial.loss < now.loss:
                    break
                damping = min(1.0, damping * HARDER)
            else:
                return replace(self, p=p, c=now.c, loss=now.loss, n_steps=STEPS, ended=True)
            stalled = trial.loss > STALLED**2 * now.loss or trial.loss < floor
            now, p, damping = trial, p + step, max(LEAST_DAMPING, damping * EASIER)
            if stalled or (worker is not None and worker.should_stop()):
                return replace(self, p=p, c=now.c, loss=now.loss, n_steps=self.n_steps + number + 1, ended=True)
        n_steps = self.n_steps + most
        return replace(self, p=p, c=now.c, loss=now.loss, damping=damping, n_steps=n_steps, ended=n_steps >= STEPS)


class Fitted(NamedTuple):
    """Amplitudes of least squares at a phase: coefficients c, the loss, variables u, and the factor QR."""

    c: Array
    loss: float
    u: Array
    factor: Array
    tau: Array


class Problem:
    """Least squares for the amplitudes of a shape, and the residuals' derivatives by the phase's coefficients."""

    def __init__(self, shape: Shape, table: Table) -> None:
        self.table = table
        self.z = table.z(shape)
        self.indices = shape.amplitude_terms()
        self.terms = ChebyshevTerms(self.indices)
        self.weights = 1.0 + self.indices.sum(axis=1) ** 2.0
        self.phase = phase_design(shape, self.z)

    def at(self, p: Array) -> Fitted:
        phi, n, m = self.phase @ p, len(self.z), len(self.indices)
        u = contiguous(np.column_stack([np.cos(phi), np.sin(phi), self.z]))
        A = self.terms.design(u) * self.table.root_weight[:, None]
        y = self.table.root_weight * self.table.y
        factor, tau = ridged_factor(A, 0.5 * EPS * float(np.sqrt(np.sum(y**2))) * self.weights)
        rotated = _rotated(factor, tau, np.concatenate([y, np.zeros(m)])[:, None])[:, 0]
        R = factor[:m, :m]
        c = solve_triangular(R, rotated[:m]) if np.diag(R).all() else np.zeros(m)
        # What rotated[m:] says, without the ridge.
        loss = float(np.sum((y - A @ c) ** 2)) if n else 0.0
        return Fitted(c, loss if math.isfinite(loss) else math.inf, u, factor, tau)

    def linearized(self, now: Fitted) -> tuple[Array, Array, Array]:
        """(U'r, S, V') of the residuals' derivative U S V', both without what the amplitudes take up (Kaufman)."""
        n, m, k = len(self.z), len(self.indices), self.phase.shape[1]
        d = self.z.shape[1]
        nothing = Normalization.identity(d + 2)
        series = ChebyshevSeries(self.indices, now.c[:, None], nothing, np.zeros(1, dtype=np.intc))
        slopes = series.gradient(now.u, 1)[:, 0, :2]
        by_phase = self.table.root_weight * (now.u[:, 0] * slopes[:, 1] - now.u[:, 1] * slopes[:, 0])
        both = np.zeros((n + m, k + 1))
        both[:n, :k] = by_phase[:, None] * self.phase
        both[:n, k] = self.table.root_weight * self.table.y
        rest = _rotated(now.factor, now.tau, both)[m:]
        Q, R = qr(rest[:, :k], mode="economic", check_finite=False)
        U, S, V = svd(R)
        return U.T @ (Q.T @ rest[:, k]), S, V


def _rotated(factor: Array, tau: Array, right: Array) -> Array:
    """Q' times `right`."""
    size = 64 * right.shape[1]
    return np.asarray(lapack.dormqr("L", "T", factor, tau, np.asfortranarray(right), size, overwrite_c=1)[0])


def phase_design(shape: Shape, z: Array) -> Array:
    """The terms of the phase at z (n, d): 0 where z_t is the origin."""
    n_terms = len(shape.phase_terms())
    indices, factors = as_polynomial(shape, np.ones(n_terms))
    design = ChebyshevTerms(indices).design(contiguous(z)) * factors
    return design[:, :n_terms] + design[:, n_terms:]


def next_degree(degree: int) -> int:
    return max(degree + 1, math.ceil(GROWTH * degree))


def replaced(values: tuple[Any, ...], j: int, value: Any) -> tuple[Any, ...]:
    """The values, with another one at place j."""
    return (*values[:j], value, *values[j + 1 :])


def phase_slopes(shape: Shape, z: Array) -> Array:
    """The derivatives of the terms of the phase by z (n, d): (n, p, d)."""
    nothing, n_terms = Normalization.identity(z.shape[1]), len(shape.phase_terms())
    indices, factors = as_polynomial(shape, np.eye(n_terms))
    return ChebyshevSeries(indices, factors, nothing, np.zeros(n_terms, np.intc)).gradient(contiguous(z))


def as_polynomial(shape: Shape, p: Array) -> tuple[Indices, Array]:
    """The phase as terms T_a(z) and their coefficients, of p (k,) or (k, m)."""
    indices = shape.phase_terms()
    others = indices.copy()
    others[:, shape.time] = 0
    at_origin = chebyshev_table(np.array([shape.origin]), int(indices[:, shape.time].max()))[:, 0]
    return np.concatenate([indices, others]), np.concatenate([p, (-p.T * at_origin[indices[:, shape.time]]).T])
