"""The numbers of a formula: fitted to values by Gauss and Newton's method, then recognised where they are short ones.

In a formula that is being made, what is a `Float` is a number to be found, integers and fractions are its form.
"""

from __future__ import annotations

import copy
import math
import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import sympy
from numpy.typing import NDArray

from ..arrays import Array
from ..singular_values import lstsq, pinv
from .constants import recognized

# What no formula contains.
IMPOSSIBLE = (sympy.zoo, sympy.nan, sympy.oo, sympy.I)
# A formula is as good as the model that it is made of if its error is within so many times that of the model.
AS_GOOD = 5.0
# The least relative error that a model of float64 values is taken to have.
LEAST_ERROR = 5e-16
# What is off by more than so many times the median is a place where the model is worse than elsewhere.
OUTLYING = 5.0
# The share of the points that may be such.
CORNERS = 0.05
# Numbers may follow errors so far that so many times what they miss would be left without them.
FOLLOWED = 10.0
# A number of which not even one digit is known is tried as 0.
UNSURE = 10.0
# Steps of Gauss and Newton's method, at most: from good values two or three are enough.
STEPS = 12
# Where a model is wrong most, it is by a few times the RMS.
SAFETY = 4.0
# Relative; its square vanishes beside 1, and nothing is subtracted.
COMPLEX_STEP = 1e-30
# More than any long double has.
LONG_DIGITS = 40


def root_mean_square(values: Array) -> float:
    """Of values of any size: their squares may be beyond float64."""
    largest = float(np.max(np.abs(values), initial=0.0))
    return largest * float(np.sqrt(np.mean((values / largest) ** 2))) if 0.0 < largest < math.inf else largest


class Samples(NamedTuple):
    """Values y (n,) at points X (n, d), and what they are exact to, relative to their RMS."""

    X: Array
    y: Array
    error: float

    @property
    def unit(self) -> float:
        return root_mean_square(self.y) or 1.0

    @property
    def allowed(self) -> float:
        """The largest RMS of what a formula may differ by."""
        return AS_GOOD * max(self.error, LEAST_ERROR) * self.unit


def compiled(expression: Any, variables: Sequence[Any]) -> Callable[[NDArray[Any]], NDArray[Any]]:
    """f(X) (n,) of the points X (n, d), in the precision that X has; NaN or infinity where there is no real value."""
    # Numbers are arguments: written into a function they would have 15 digits. Columns get other names there, as
    # one that is called exp would hide the function.
    numbers = sorted(expression.atoms(sympy.Float), key=float)
    arguments = [sympy.Dummy() for _ in (*variables, *numbers)]
    named = expression.xreplace(dict(zip((*variables, *numbers), arguments, strict=True)))
    function = sympy.lambdify(arguments, named, "numpy", cse=True)
    given = [float(number) for number in numbers]

    def values(X: NDArray[Any]) -> NDArray[Any]:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return np.array(np.broadcast_to(function(*X.T, *given), len(X)))

    return values


def difference(expression: Any, variables: Sequence[Any], samples: Samples) -> float:
    """The RMS of what the formula and the samples differ by, the formula in long double; infinite without values.

    It is that of all samples but the worst few: a model is worst in corners, and worse than it knows.
    """
    values = compiled(expression, variables)(samples.X.astype(np.longdouble))
    if np.iscomplexobj(values) or not np.isfinite(values).all():
        return math.inf
    errors = np.sort(np.abs(values - samples.y))
    return root_mean_square(errors[: math.ceil((1.0 - CORNERS) * len(errors))])


def fitted(expression: Any, variables: Sequence[Any], samples: Samples) -> Any:
    """The formula with its numbers fitted to `samples`, short where they are known; None if it isn't as good as these.

    A number that could as well be 0 becomes 0. Each guess is kept only if the formula stays as good. A formula with a
    number of which less than half of the digits are known is a series that was ended somewhere, and none.
    """
    found, known = adjusted(expression, variables, samples), samples
    while found is not None and found.has(sympy.Float):
        system = _System.of(found, variables)
        known = _trusted(system, samples)
        if not system.adjust(known):
            return None
        system = _recognised(system, known)
        if not system.is_known(known):
            return None
        before, found = found, system.result()
        if found.has(*IMPOSSIBLE):
            return None
        # With short numbers in place terms may cancel, and what is left may have fewer numbers to be found.
        if len(gathered(found).atoms(sympy.Float)) >= len(before.atoms(sympy.Float)):
            break
    return found if found is not None and difference(found, variables, known) <= known.allowed else None


def _trusted(system: _System, samples: Samples) -> Samples:
    """The samples that the formula is close to, and their error.

    A few numbers don't follow the errors of a model, which are large in few places: it is better without these. But
    they follow a part, so that the error may be larger than what is left.
    """
    close = _close(system, samples)
    missed = max(root_mean_square(system.residuals(samples)[close].astype(np.float64)) / samples.unit, LEAST_ERROR)
    error = min(max(samples.error / AS_GOOD, missed), FOLLOWED * missed)
    return Samples(samples.X[close], samples.y[close], error)


def _close(system: _System, samples: Samples) -> NDArray[np.bool_]:
    """Which of the samples are no outlying ones, (n,)."""
    residuals = np.abs(system.residuals(samples)).astype(np.float64)
    return residuals <= OUTLYING * max(float(np.median(residuals)), LEAST_ERROR * samples.unit)


def _recognised(system: _System, samples: Samples) -> _System:
    """The same with short numbers, as far as it stays as good as the samples."""
    while system.values:
        errors = system.errors(samples)
        guesses = {}
        for parameter, value in system.values.items():
            guess = (
                sympy.Integer(0) if abs(value) <= UNSURE * errors[parameter] else recognized(value, errors[parameter])
            )
            if guess is not None:
                guesses[parameter] = guess
        # Those that are known best come first: others are known better once these are given.
        order = sorted(guesses, key=lambda parameter: errors[parameter] / max(abs(system.values[parameter]), 1e-300))
        for some in dict.fromkeys((tuple(order), *((one,) for one in order))) if guesses else ():
            simpler = system.given({parameter: guesses[parameter] for parameter in some})
            if simpler.adjust(samples):
                system = simpler
                break
        else:
            break
    return system


class _System:
    """An expression with parameters: `values` of those to be found, `numbers` for the others."""

    def __init__(self, expression: Any, variables: Sequence[Any], values: dict[Any, float]) -> None:
        self.expression, self.variables, self.values = expression, variables, values
        self.numbers: dict[Any, Any] = {}
        self._parameters = list(values)
        self._value = compiled(expression, [*variables, *values])

    @classmethod
    def of(cls, expression: Any, variables: Sequence[Any]) -> _System:
        expression = gathered(expression)
        floats = sorted(expression.atoms(sympy.Float), key=float)
        names = {number: sympy.Dummy("c", real=True, nonzero=True) for number in floats}
        return cls(expression.xreplace(names), variables, {names[number]: float(number) for number in floats})

    def given(self, numbers: dict[Any, Any]) -> _System:
        """The same with numbers for these parameters, in long double as exact as that is."""
        given = copy.copy(self)
        given.numbers = {**self.numbers, **numbers}
        given.values = {parameter: value for parameter, value in self.values.items() if parameter not in numbers}
        return given

    def result(self) -> Any:
        values = {parameter: sympy.Float(value) for parameter, value in self.values.items()}
        return self.expression.subs({**self.numbers, **values})

    def adjust(self, samples: Samples) -> bool:
        """Fits the values; whether the formula then is as good as the samples."""
        best = self.rms(samples)
        for _ in range(STEPS if self.values else 0):
            jacobian = self._jacobian(samples)
            if jacobian is None or not math.isfinite(best):
                return False
            scale = np.linalg.norm(jacobian, axis=0)
            scale[scale == 0.0] = 1.0
            step = lstsq(jacobian / scale, self.residuals(samples).astype(np.float64), rcond=1e-13)[0] / scale
            old = self.values
            for shorter in (1.0, 0.25, 0.05):
                self.values = {p: v - shorter * float(s) for (p, v), s in zip(old.items(), step, strict=True)}
                rms = self.rms(samples)
                if rms < best:
                    break
            if not rms < best:
                self.values = old
                break
            improved, best = rms < 0.7 * best, rms
            if not improved:
                break
        return best <= samples.allowed

    def errors(self, samples: Samples) -> dict[Any, float]:
        """What each value may be wrong by, where all that the samples are wrong by has the worst direction for it."""
        jacobian = self._jacobian(samples)
        if jacobian is None:
            return dict.fromkeys(self.values, math.inf)
        scale = np.linalg.norm(jacobian, axis=0)
        scale[scale == 0.0] = 1e-300
        inverse = pinv(jacobian / scale, rcond=1e-14)
        wrong = SAFETY * samples.error * samples.unit * math.sqrt(len(samples.y))
        bounds = np.linalg.norm(inverse, axis=1) / scale * wrong
        return dict(zip(self.values, bounds.tolist(), strict=True))

    def is_known(self, samples: Samples) -> bool:
        """Whether half of the digits of each value are known, as far as errors have no bad direction."""
        most = math.sqrt(samples.error) * SAFETY * math.sqrt(len(samples.y))
        return all(error <= most * abs(self.values[one]) for one, error in self.errors(samples).items())

    def _arguments(self, X: Array) -> Array:
        numbers = {p: np.longdouble(str(number.n(LONG_DIGITS))) for p, number in self.numbers.items()}
        known = {**self.values, **numbers}
        return np.column_stack([X, *(np.full(len(X), known[p], dtype=X.dtype) for p in self._parameters)])

    def residuals(self, samples: Samples) -> Array:
        """What the formula has more than the samples, (n,)."""
        return self._value(self._arguments(samples.X.astype(np.longdouble))) - samples.y

    def rms(self, samples: Samples) -> float:
        residuals = self.residuals(samples)
        if np.iscomplexobj(residuals) or not np.isfinite(residuals).all():
            return math.inf
        return root_mean_square(residuals)

    def _jacobian(self, samples: Samples) -> Array | None:
        """By complex steps, which are as exact as derivatives written down, and need no such."""
        arguments = self._arguments(samples.X).astype(np.complex128)
        jacobian = np.empty((len(samples.y), len(self.values)))
        for k, parameter in enumerate(self.values):
            j = len(self.variables) + self._parameters.index(parameter)
            step = COMPLEX_STEP * max(1e-3, abs(arguments[0, j].real))
            arguments[:, j] += 1j * step
            jacobian[:, k] = self._value(arguments).imag / step
            arguments[:, j] = arguments[:, j].real
        return jacobian if np.isfinite(jacobian).all() else None


def adjusted(expression: Any, variables: Sequence[Any], samples: Samples) -> Any:
    """The formula with its numbers fitted, none of them recognised; None if it isn't as good as the samples."""
    if expression.has(*IMPOSSIBLE):
        return None
    system = _System.of(expression, variables)
    if not system.adjust(samples):
        # A few samples in corners may be wrong by more than is said, and numbers must not follow these.
        close = _close(system, samples)
        if not (1.0 - CORNERS) * len(close) <= np.count_nonzero(close) < len(close):
            return None
        if not system.adjust(samples._replace(X=samples.X[close], y=samples.y[close])):
            return None
    return system.result()


def gathered(expression: Any) -> Any:
    """The same without numbers that say the same: a product has one number in front, its other factors none."""
    if expression.is_Add:
        expression = sympy.expand_mul(expression)
    if expression.is_Mul and sum(part.has(sympy.Float) for part in expression.args) > 1:
        scale, rest = monic(expression)
        return scale * rest
    if expression.is_Pow and expression.exp.is_Rational and expression.has(sympy.Float):
        scale, rest = monic(expression)
        return scale * rest
    if isinstance(expression, sympy.log) and expression.has(sympy.Float):
        scale, rest = monic(expression.args[0])
        return sympy.log(rest) + sympy.log(scale) if scale.is_positive else expression
    if expression.args:
        return expression.func(*(gathered(part) for part in expression.args))
    return expression


def monic(expression: Any) -> tuple[Any, Any]:
    """A number, and what it has to be multiplied with, which has a term or factor without a number in front."""
    if expression.is_Add:
        expression = sympy.expand_mul(expression)
    if expression.is_Mul:
        parts = [(part, sympy.Integer(1)) if part.is_number else monic(part) for part in expression.args]
        return sympy.Mul(*(scale for scale, _ in parts)), sympy.Mul(*(rest for _, rest in parts))
    if expression.is_Pow and expression.exp.is_Rational:
        scale, rest = monic(expression.base)
        if scale == 1:
            return scale, rest**expression.exp
        if scale.is_positive or expression.exp.is_Integer:
            return scale**expression.exp, rest**expression.exp
        return sympy.Integer(1), expression
    if isinstance(expression, sympy.exp):
        inside = gathered(expression.args[0])
        constant = sympy.Add(*(part for part in sympy.Add.make_args(inside) if part.is_number))
        return sympy.exp(constant), sympy.exp(inside - constant)
    if expression.is_Add:
        parts = [gathered(part).as_coeff_Mul() for part in expression.args]
        above = [(c, rest) for c, rest in parts if c > 0]  # so that a root can be taken of it
        unit = max([c for c, rest in above if rest != 1] or [c for c, _ in above or parts], key=abs)
        if unit.is_Float:
            return unit, sympy.Add(*(rest if c == unit else c / unit * rest for c, rest in parts))
    if expression.args and not expression.is_Pow:
        return sympy.Integer(1), expression.func(*(gathered(part) for part in expression.args))
    return sympy.Integer(1), expression


def without_constant(expression: Any) -> Any:
    return sympy.Add(*(part for part in sympy.Add.make_args(expression) if part.free_symbols))


def complexity(expression: Any) -> float:
    """How long a formula is, in bits: 50 for each number that is not a short one, 3 for each operation and symbol.

    Quotients in a sum below a line, which are hard to read, are 3 more.
    """
    bits = 3.0 * float(expression.count_ops())
    for part in sympy.preorder_traversal(expression):
        if part.is_Float:
            bits += 50.0
        elif part.is_Rational:
            bits += math.log2(max(abs(part.p), 1)) + math.log2(part.q)
        elif part.is_Symbol:
            bits += 3.0
        elif part.is_Pow and part.exp.is_negative and part.base.is_Add:
            bits += 3.0 if any(sympy.fraction(term)[1].free_symbols for term in part.base.args) else 0.0
    return bits
