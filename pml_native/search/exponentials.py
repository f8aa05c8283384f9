"""Finds quotients of few exponentials, or waves, of one column: y = p / q with p and q sums of x^j E^k, E = exp(-s x).

So are tanh, 1 / cosh, Planck's and Fermi's law, and, with cosines and sines of k s x instead of powers of E, sin^2 and
tan; x may be the reciprocal of the column, as in Arrhenius' law. Polynomials come to rounding of them where rows are;
where the last rows are far apart, as those of a product of columns, and beyond, only the law itself does.

For a given s, p - y q = 0 is linear in all coefficients: what comes nearest is the last right singular vector, with
rows weighed by 1 / q of the round before (rational.py). So s is looked for on few rows over a grid, for a short list of
forms; from the least of these errors, steps of Gauss and Newton move s and all coefficients to rounding. Terms that are
not needed are left out.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

from ..arrays import Array, Samples
from ..models import Composed, Model, Normalization, Polynomial, Rational, Transformed, Waves
from ..singular_values import lstsq, svd
from .coordinates import InputFrames
from .scheduler import Step, Steps, Worker
from .search import CALL, EPS, ROUNDED, Found, Rows, score

# Rows by which s is looked for, and rounds of weighing.
FEW_ROWS, WEIGHINGS = 120, 2
# Values of s, in units of one over half the range of x: exponentials that fall so much are powers of 10^-0.4 to 10^-50,
# and waves have up to 20 periods. A wave is seen from one step away, an exponential from a factor of 1.13.
RATES = np.geomspace(0.2, 60.0, 40)
FREQUENCIES = np.arange(0.75, 63.0, 0.75)
MOST_HARMONICS = 2
# Least errors along a grid from which steps go on, their number, and how often each is halved.
MOST_STARTS, MOST_STEPS, MOST_HALVINGS, FALLS = 3, 15, 4, 0.7
# Forms that are fitted to all rows, and the error on few rows above which no form shows; not even forms of eight
# coefficients come below for functions that have none. Of exact ones 1 / (exp(x) - 1) loses most digits, to 1e-13.
MOST_FINISHED, SHOWN = 2, 1e-10
# What is left out may cost this factor, or stay at so many roundings of y.
NO_WORSE, ROUNDINGS = 1.5, 4.0
# Points at which denominators are looked at.
N_POINTS = 2000


Term = tuple[int, int]


@dataclass(frozen=True)
class Form:
    """Terms x^j E^k, with j of `above` in the numerator and of `below` in the denominator, k up to `harmonics`; a wave
    has its cosine and its sine of each k."""

    is_wave: bool
    harmonics: int
    above: tuple[int, ...] = (0,)
    below: tuple[int, ...] = (0,)

    @property
    def n_functions(self) -> int:
        return 1 + self.harmonics * (2 if self.is_wave else 1)

    @property
    def n_terms(self) -> int:
        return self.n_functions * (len(self.above) + len(self.below))

    def terms(self) -> tuple[tuple[Term, ...], tuple[Term, ...]]:
        """Those of numerator and denominator: the power of x, and the number of the function."""
        functions = range(self.n_functions)
        return tuple(itertools.product(self.above, functions)), tuple(itertools.product(self.below, functions))


# A quotient by itself, of squares too, times a power of x, or beside x itself as in Langevin's function.
FORMS = [
    [Form(is_wave, harmonics, above, below) for is_wave in (False, True)]
    for harmonics, above, below in (
        (1, (0,), (0,)),
        (2, (0,), (0,)),
        (1, (1,), (0,)),
        (1, (2,), (0,)),
        (1, (3,), (0,)),
        (2, (1,), (0,)),
        (2, (2,), (0,)),
        (1, (0,), (1,)),
        (1, (0,), (2,)),
        (1, (0, 1), (0,)),
        (1, (0, 1), (0, 1)),
    )
]


@dataclass(frozen=True)
class Law:
    """A quotient with its coefficients: `above` and `below` of the terms, 1 for the term `fixed` of the denominator.

    Exponentials are 1, and phases 0, at the `origin`, x and s being in units of powers of two.
    """

    form: Form
    rate: float
    origin: float
    terms: tuple[tuple[Term, ...], tuple[Term, ...]]
    above: Array
    below: Array
    fixed: int
    error: float = math.inf

    @property
    def n_params(self) -> int:
        return len(self.above) + len(self.below)


def functions(is_wave: bool, harmonics: int, rates: Array, away: Array) -> tuple[Array, Array]:
    """1, E, E^2, ... or 1, cos, sin, ... for each of the `rates` (g,), so far from the origin (n,), and their
    derivatives by the rate: (g, n, k)."""
    k, away = np.arange(1, harmonics + 1), away[:, None]
    with np.errstate(all="ignore"):
        phase = rates[:, None, None] * (k * away)
        if is_wave:
            cosines, sines = np.cos(phase), np.sin(phase)
            shape = (*phase.shape[:2], 2 * harmonics)
            values = np.stack([cosines, sines], axis=3).reshape(shape)
            slopes = np.stack([-k * away * sines, k * away * cosines], axis=3).reshape(shape)
        else:
            values = np.exp(-phase)
            slopes = -k * away * values
    one = np.ones((len(rates), len(away), 1))
    return np.concatenate([one, values], axis=2), np.concatenate([0.0 * one, slopes], axis=2)


@dataclass(frozen=True, eq=False)
class Table:
    """Rows x and y (n,), in units of powers of two, and the roots of their weights."""

    x: Array
    y: Array
    root_weight: Array

    def values(self, law: Law) -> tuple[Array, Array, Array, Array]:
        """All terms of numerator and denominator (n, p), (n, q), and their derivatives by s."""
        form, rates = law.form, np.array([law.rate])
        own = functions(form.is_wave, form.harmonics, rates, self.x - law.origin)
        P, Q, P_slopes, Q_slopes = (self.products(terms, part)[0] for part in own for terms in law.terms)
        return P, Q, P_slopes, Q_slopes

    def products(self, terms: Sequence[Term], functions: Array) -> Array:
        """The terms of `functions` (g, n, k) and powers of x, (g, n, p)."""
        products: Array = functions[:, :, [k for _, k in terms]]
        powers = np.array([j for j, _ in terms])
        return products * self.x[:, None] ** powers if powers.any() else products

    def fitted_at(self, law: Law, bottom: Array | None = None) -> Law:
        """The best coefficients for its rate, from rows weighed by 1 / `bottom` on."""
        P, Q, _, _ = self.values(law)
        A = np.concatenate([P, -self.y[:, None] * Q], axis=1) * self.root_weight[:, None]
        size = np.sqrt(np.sum(A**2, axis=0))
        if not (np.isfinite(size).all() and size.all()):
            return replace(law, error=math.inf)
        A, best = A / size, replace(law, error=math.inf)
        weight = np.ones(len(self.x)) if bottom is None else 1.0 / np.abs(bottom)
        for _ in range(WEIGHINGS):
            c = svd(A * weight[:, None], full_matrices=False)[2][-1] / size
            above, below = c[: P.shape[1]], c[P.shape[1] :]
            bottom = Q @ below
            if not (np.all(bottom > 0.0) or np.all(bottom < 0.0)):
                break
            error = self.error(P @ above / bottom)
            if error < best.error:
                fixed = int(np.argmax(np.abs(below) * size[P.shape[1] :]))
                best = replace(law, above=above / below[fixed], below=below / below[fixed], fixed=fixed, error=error)
            weight = 1.0 / np.abs(bottom)
        return best

    def errors_at(self, terms: tuple[Sequence[Term], Sequence[Term]], functions: Array) -> Array:
        """The errors (g,) that the best coefficients leave for `functions` (g, n, k) of other rates, to some 1e-7."""
        P, Q = (self.products(own, functions) for own in terms)
        A = np.concatenate([P, -self.y[:, None] * Q], axis=2) * self.root_weight[:, None]
        size = np.sqrt(np.sum(A**2, axis=1, keepdims=True))
        A /= np.where(size > 0.0, size, 1.0)
        errors, weight = np.full(len(A), math.inf), np.ones(A.shape[:2])
        for _ in range(WEIGHINGS):
            weighed = A * weight[:, :, None]
            c = np.linalg.eigh(weighed.transpose(0, 2, 1) @ weighed)[1][:, :, 0] / np.where(size > 0.0, size, 1.0)[:, 0]
            top, bottom = (
                (part @ own[:, :, None])[:, :, 0] for part, own in ((P, c[:, : P.shape[2]]), (Q, c[:, P.shape[2] :]))
            )
            keeps_sign = np.all(bottom > 0.0, axis=1) | np.all(bottom < 0.0, axis=1)
            bottom = np.where(keeps_sign[:, None], bottom, 1.0)
            left = np.mean((self.root_weight * (top / bottom - self.y)) ** 2, axis=1)
            errors = np.where(keeps_sign, np.minimum(errors, left), errors)
            weight = 1.0 / np.abs(bottom)
            weight /= weight.max(axis=1, keepdims=True)
        root: Array = np.sqrt(errors)
        return root

    def error(self, values: Array) -> float:
        """The RMS of what is left over, relative to y."""
        left = float(np.mean((self.root_weight * (values - self.y)) ** 2))
        return math.sqrt(left / float(np.mean((self.root_weight * self.y) ** 2))) if math.isfinite(left) else math.inf

    def settled(self, law: Law) -> Law:
        """After steps of Gauss and Newton for the rate and all coefficients."""
        if not math.isfinite(law.error):
            law = replace(law, error=self.error(self._value(law)))
        for _ in range(MOST_STEPS):
            P, Q, P_slopes, Q_slopes = self.values(law)
            bottom = Q @ law.below
            value = P @ law.above / bottom
            free = np.delete(np.arange(len(law.below)), law.fixed)
            by_rate = P_slopes @ law.above - value * (Q_slopes @ law.below)
            J = np.concatenate([P, -value[:, None] * Q[:, free], by_rate[:, None]], axis=1)
            J *= (self.root_weight / bottom)[:, None]
            size = np.sqrt(np.sum(J**2, axis=0))
            if not (np.isfinite(size).all() and size.all()):
                break
            step = lstsq(J / size, self.root_weight * (self.y - value), rcond=EPS)[0] / size
            moved = self._moved(law, step, free)
            # Steps that are not small change the denominator too much: the best coefficients for another rate.
            for halving in range(MOST_HALVINGS):
                if moved.error < FALLS * law.error:
                    break
                other = self.fitted_at(replace(law, rate=law.rate + 0.5**halving * float(step[-1])), bottom)
                moved = min(moved, other, key=lambda one: one.error)
            gains, law = moved.error < FALLS * law.error, min(law, moved, key=lambda one: one.error)
            if not gains:
                break
        return law

    def _moved(self, law: Law, step: Array, free: NDArray[np.intp]) -> Law:
        p, below = len(law.above), law.below.copy()
        below[free] += step[p:-1]
        moved = replace(law, rate=law.rate + float(step[-1]), above=law.above + step[:p], below=below)
        return replace(moved, error=self.error(self._value(moved)))

    def _value(self, law: Law) -> Array:
        P, Q, _, _ = self.values(law)
        with np.errstate(all="ignore"):
            value: Array = P @ law.above / (Q @ law.below)
        return value

    def without(self, law: Law) -> Law:
        """Less all terms that are not needed, the smallest first."""
        most = max(NO_WORSE * law.error, ROUNDINGS * EPS)
        needed: set[tuple[int, Term]] = set()
        while True:
            P, Q, _, _ = self.values(law)
            sizes = [
                (float(np.max(np.abs(table[:, i] * c[i]))), side, term)
                for side, (table, c) in enumerate(((P, law.above), (Q, law.below)))
                for i, term in enumerate(law.terms[side])
                if not (side == 1 and i == law.fixed) and (side, term) not in needed
            ]
            if not sizes or len(law.above) + len(law.below) <= 2:
                return law
            _, side, term = min(sizes)
            fewer = _less(law, side, term)
            tried = law if fewer is None else self.settled(fewer)
            if fewer is not None and tried.error <= most:
                law = tried
            else:
                needed.add((side, term))


class ExponentialsSearch:
    """Offers such quotients in `rows` of one column and one output; with `only_if_shown` only those that are exact."""

    def __init__(self, rows: Rows, *, only_if_shown: bool = False) -> None:
        if rows.n_inputs != 1:
            raise ValueError(f"X: method 'exponentials' takes one column, got {rows.n_inputs}")
        rows.require_one_output()
        self.rows, self.only_if_shown, self.prospect = rows, only_if_shown, 0.0
        [names] = InputFrames(rows.train.X, rows.held_out.X, rows.corners, None).alternatives(None)
        self.coordinates = [Coordinate(rows, name) for name in ("identity", "reciprocal") if name in names]

    def steps(self) -> Steps:
        """The whole search."""
        laws: list[tuple[float, Coordinate, Law]] = []
        for forms in FORMS:
            looks = [(one, form) for one in self.coordinates for form in forms if one.takes(form)]
            steps = [Step(_work(form), partial(one.looked, form)) for one, form in looks]
            for (one, _), found in zip(looks, (yield steps), strict=True):
                laws += [(score(law.error, law.n_params), one, law) for law in found]
            laws = sorted(laws, key=lambda scored: scored[0])
            if laws and laws[0][2].error <= ROUNDED:
                break
        shown = [one for one in laws if one[2].error <= SHOWN] if self.only_if_shown else laws
        best: Found | None = None
        for _, coordinate, law in shown[:MOST_FINISHED]:
            work = 2.0 * MOST_STEPS * self.rows.n * law.n_params**2 + 200.0 * CALL
            [found] = yield [Step(work, partial(coordinate.finished, law))]
            if found is not None and (best is None or found.score < best.score):
                best = found
                yield found
        if best is None and not self.only_if_shown:
            [found] = yield [Step(50.0 * CALL, self.coordinates[0].plain)]
            yield found


class Coordinate:
    """Laws in one coordinate of the column of `rows`: as it is, or its reciprocal, as in Arrhenius' law."""

    def __init__(self, rows: Rows, name: str) -> None:
        self.rows, self.name = rows, name
        everywhere = rows.train.X if rows.corners is None else np.concatenate([rows.train.X, rows.corners])
        t = Transformed.transform_inputs(everywhere, (name,), np.ones(1))
        self.exponents = tuple(int(np.frexp(np.max(np.abs(v)))[1]) for v in (t, rows.train.y))
        self.low, self.high = (float(np.ldexp(f(t), -self.exponents[0])) for f in (np.min, np.max))
        # Where rows are near to 0 in units of their range, as they are for most laws, exp(-s x) is the shortest.
        self.origin = 0.0 if abs(self.low) <= self.high - self.low else self.low
        self._few = self._table(rows.train.first(FEW_ROWS))
        self._grids: dict[bool, tuple[Array, Array]] = {}

    def takes(self, form: Form) -> bool:
        """Whether laws of this form are looked for: waves of a reciprocal are none that rows near 0 would show."""
        return not (form.is_wave and self.name == "reciprocal")

    def looked(self, form: Form, worker: Worker) -> list[Law]:
        """The best laws of this form on few rows."""
        few, terms = self._few, form.terms()
        p, q = map(len, terms)
        if p + q + 1 > len(few.x) / 2:
            return []
        plain = Law(form, 1.0, self.origin, terms, np.zeros(p), np.ones(q), 0)
        rates, values = self._along_grid(form.is_wave)
        errors = np.concatenate([[math.inf], few.errors_at(terms, values), [math.inf]])
        least = (errors[1:-1] < errors[:-2]) & (errors[1:-1] <= errors[2:]) & np.isfinite(errors[1:-1])
        starts = sorted(np.flatnonzero(least).tolist(), key=lambda i: float(errors[1 + i]))[:MOST_STARTS]
        laws = [few.fitted_at(replace(plain, rate=float(rates[i]))) for i in starts]
        return [few.settled(law) for law in laws if math.isfinite(law.error)]

    def plain(self, worker: Worker) -> Found:
        """A constant and one exponential, which have a value everywhere."""
        terms = ((0, 0), (0, 1)), ((0, 0),)
        rate = 1.0 / (self.high - self.low)
        law = Law(Form(False, 1), rate, self.origin, terms, np.zeros(2), np.ones(1), 0)
        found = self.finished(law, worker)
        assert found is not None
        return found

    def finished(self, law: Law, worker: Worker) -> Found | None:
        """The law fitted to all rows, without what it doesn't need; None for one with a pole."""
        table = self._table(self.rows.train)
        law = table.without(table.settled(replace(law, error=math.inf)))
        if not self._has_no_pole(law):
            return None
        name = "waves" if law.form.is_wave else "exponentials"
        size = math.ldexp(law.rate, -self.exponents[0])
        p, q = len(law.above), len(law.below)
        column = "x" if self.name == "identity" else "/ x"
        words = f"waves of frequency {size:.6g}" if law.form.is_wave else f"exp({-size:.6g} {column})"
        found = self.rows.found(
            self._model(law),
            name,
            f"{p} over {q} terms of {words}",
            status="best quotient of exponentials",
            refit=partial(self._refit, law),
        )
        return found if math.isfinite(found.error) else None

    def _table(self, samples: Samples) -> Table:
        weight = samples.sample_weight
        t = Transformed.transform_inputs(samples.X, (self.name,), np.ones(1))[:, 0]
        x, y = np.ldexp(t, -self.exponents[0]), np.ldexp(samples.y[:, 0], -self.exponents[1])
        return Table(x, y, np.ones(len(x)) if weight is None else np.sqrt(weight))

    def _along_grid(self, is_wave: bool) -> tuple[Array, Array]:
        """The rates that are tried (g,), and the values of all functions at few rows: (g, n, k)."""
        if is_wave not in self._grids:
            rates = (FREQUENCIES if is_wave else RATES) / (0.5 * (self.high - self.low))
            self._grids[is_wave] = rates, functions(is_wave, MOST_HARMONICS, rates, self._few.x - self.origin)[0]
        return self._grids[is_wave]

    def _refit(self, law: Law, samples: Samples) -> Model:
        """The same terms, gone on from there with all `samples`."""
        again = self._table(samples).settled(replace(law, error=math.inf))
        return self._model(again if self._has_no_pole(again) else law)

    def _has_no_pole(self, law: Law) -> bool:
        x = np.linspace(self.low, self.high, N_POINTS)
        _, Q, _, _ = Table(x, x, x).values(law)
        bottom = Q @ law.below
        return bool(np.all(bottom > 0.0) or np.all(bottom < 0.0))

    def _model(self, law: Law) -> Model:
        exponent, signature = self.exponents[0], self.rows.signature
        rate = math.ldexp(law.rate, -exponent)
        form = law.form
        sign = 1.0 if form.is_wave else -1.0
        line = Polynomial([[1]], [sign * rate], n_threads=1)
        if law.origin:
            line = Polynomial([[0], [1]], [-sign * rate * math.ldexp(law.origin, exponent), sign * rate], n_threads=1)
        n_own = 2 if form.is_wave else 1
        has_x = any(j for terms in law.terms for j, _ in terms)
        terms: dict[tuple[int, ...], Array] = {}
        for side, c in enumerate((law.above, law.below)):
            for (j, k), value in zip(law.terms[side], c.tolist(), strict=True):
                for index, part in _as_chebyshev(form, j, k):
                    terms.setdefault(index[: n_own + has_x], np.zeros(2))[side] += part * value
        indices = sorted(terms)
        inputs = Normalization(
            np.array([0] * n_own + [exponent] * has_x, dtype=np.intc), np.zeros(n_own + has_x), np.ones(n_own + has_x)
        )
        both = np.array([terms[index] for index in indices])
        shifts = np.array([self.exponents[1], 0])
        if len(law.terms[1]) == 1 and law.terms[1][0] == (0, 0):
            inner: Model = Polynomial(indices, both[:, :1], inputs=inputs, output_exponents=shifts[:1], n_threads=1)
        else:
            inner = Rational(Polynomial(indices, both, inputs=inputs, output_exponents=shifts, n_threads=1))
        columns = [0] if has_x else []
        if form.is_wave:
            model: Model = Waves(inner, line, columns, signature=signature)
        else:
            model = Composed(inner, Transformed(line, ("identity",), ("log",)), columns, signature)
        if self.name != "identity":
            model = Transformed(model, (self.name,), ("identity",), signature)
        model.use_threads(1)
        return model


def _work(form: Form) -> float:
    """Of a look at one form: small decompositions along its grid, and steps from the best."""
    n = len(FREQUENCIES if form.is_wave else RATES)
    return (n * WEIGHINGS + MOST_STARTS * MOST_STEPS) * (10.0 * FEW_ROWS * form.n_terms**2 + CALL)


def _less(law: Law, side: int, term: Term) -> Law | None:
    """Without a term; None where nothing would be left."""
    terms, c = list(law.terms[side]), (law.above, law.below)[side]
    i = terms.index(term)
    if len(terms) == 1:
        return None
    del terms[i]
    both = (tuple(terms), law.terms[1]) if side == 0 else (law.terms[0], tuple(terms))
    c = np.delete(c, i)
    if side == 0:
        return replace(law, terms=both, above=c, error=math.inf)
    return replace(law, terms=both, below=c, fixed=law.fixed - (i < law.fixed), error=math.inf)


def _as_chebyshev(form: Form, j: int, k: int) -> list[tuple[tuple[int, ...], float]]:
    """x^j times a function, as a sum of products of Chebyshev polynomials: of E, or of cosine and sine, and of x."""
    own: list[tuple[tuple[int, ...], float]]
    if not form.is_wave:
        own = [((i,), c) for i, c in enumerate(chebyshev.poly2cheb([0.0] * k + [1.0]).tolist())]
    elif k == 0:
        own = [((0, 0), 1.0)]
    elif k % 2:
        own = [(((k + 1) // 2, 0), 1.0)]  # cos m phi = T_m(cos phi)
    else:
        own = [((k // 2 - 1, 1), float(k // 2))]  # sin m phi = sin phi U_(m-1)(cos phi), U_0 = 1 and U_1 = 2 T_1
    of_x = chebyshev.poly2cheb([0.0] * j + [1.0]).tolist()
    return [((*index, i), c * a) for index, c in own if c for i, a in enumerate(of_x) if a]
