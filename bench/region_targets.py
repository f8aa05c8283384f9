"""Functions whose law changes somewhere, or that are simple in other coordinates only; with what an expert would do.

Twenty-four of thermodynamics, X-rays, optics, options, robots and the sky, written from formulas. Each carries what one
who knows the formula gives to `fit` instead: the table cut where the law changes, or in other columns. Values are exact
to some 1e-14 of the RMS over the box.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import j1, ndtr

from pml_native.problems import FunctionProblem

Array = np.ndarray
Function = Callable[[Array], Array]
Fit = Callable[[Array, Array], Function]
Expert = Callable[[Array, Array, Fit], Function]
Labels = Callable[[Array], Array]

EDGE = 7.112  # keV, of the absorption edge
MEET = 1000.0  # K, where two heat capacities meet
CRITICAL = 1.03  # of the reduced temperature: the table ends before it
CUSP = 0.137
STEPS = (-0.52, 0.11, 0.48)  # of three laws: a jump, a kink, a break in the second derivative
LAMINAR = 2300.0  # of Reynolds' number
TURN = 2.0 * np.pi


class Target(NamedTuple):
    """A function over a box, how many rows are drawn, what an expert does, and which law holds where, if several do."""

    problem: FunctionProblem
    n: int
    expert: Expert
    labels: Labels | None = None


class Jump(NamedTuple):
    """y leaps: `value` is that of the rows on these sides, `side` the true one (0 or 1), and in `columns` the boundary
    between them is a plane."""

    value: Callable[[Array, Array], Array]
    side: Labels
    columns: Function


def cut(labels: Labels, columns: Function | None = None) -> Expert:
    """The table cut where the law changes, each part in other columns if they are given."""

    def expert(X: Array, y: Array, fit: Fit) -> Function:
        given = columns or (lambda X: X)
        kinds = labels(X)
        models = {kind: fit(given(X[kinds == kind]), y[kinds == kind]) for kind in np.unique(kinds)}

        def model(Q: Array) -> Array:
            values, of = np.full(len(Q), np.nan), labels(Q)
            for kind, part in models.items():
                values[of == kind] = part(given(Q[of == kind]))
            return values

        return model

    return expert


def given_as(
    columns: Function, forth: Callable[[Array, Array], Array], back: Callable[[Array, Array], Array]
) -> Expert:
    """The table in other columns, and another function of y and X fitted, which is turned back into y."""

    def expert(X: Array, y: Array, fit: Fit) -> Function:
        model = fit(columns(X), forth(X, y))
        return lambda Q: back(Q, np.asarray(model(columns(Q))))

    return expert


def in_columns(columns: Function) -> Expert:
    return given_as(columns, lambda X, y: y, lambda Q, values: values)


# --- one input


def heat_capacity(X: Array) -> Array:
    """Over the gas constant, of T in K: two polynomials of the fourth degree that meet at 1000 K, with a kink."""
    t = X[:, 0] / MEET
    low = 3.53 - 0.124 * t - 0.503 * t**2 + 2.435 * t**3 - 1.409 * t**4
    high = 2.953 + 1.397 * t - 0.493 * t**2 + 0.0786 * t**3 - 0.0066 * t**4
    return np.where(t < 1.0, low, high)


def absorption_edge(X: Array) -> Array:
    """Attenuation by a metal, of the energy in keV: it leaps at the edge of a shell."""
    return absorption(X, is_above_edge(X))


def absorption(X: Array, is_above: Array) -> Array:
    e = X[:, 0] / EDGE
    return np.where(is_above, 408.0 * e**-2.71, 53.0 * e**-2.92) + 0.4 / (1.0 + e)


def saturated_density(X: Array) -> Array:
    """Of a liquid, over the critical one, of T: with the power 0.325 of the distance from a point beyond the table."""
    tau = 1.0 - X[:, 0] / CRITICAL
    return 1.0 + 1.99 * tau**0.325 + 1.1 * tau - 0.51 * tau**2


def cusp(X: Array) -> Array:
    """A cusp of power 2/3 inside the table."""
    x = X[:, 0]
    return np.abs(x - CUSP) ** (2.0 / 3.0) * (1.0 + 0.3 * x) + np.cos(2.0 * x)


def narrow_peak(X: Array) -> Array:
    """A Gaussian a hundred times narrower than the box, on a wave."""
    x = X[:, 0]
    return np.exp(-0.5 * ((x - 0.31) / 0.01) ** 2) + 0.3 * np.sin(5.0 * x)


def three_laws(X: Array) -> Array:
    """A jump, a kink and a break in the second derivative."""
    return stepped(X, is_after_jump(X))


def stepped(X: Array, has_jumped: Array) -> Array:
    x = X[:, 0]
    kink, bend = (np.where(x > at, x - at, 0.0) for at in STEPS[1:])
    jump = np.where(has_jumped, 0.7 + 0.2 * (x - STEPS[0]), 0.0)
    return np.exp(0.5 * x) * np.cos(3.0 * x) + jump + kink * np.exp(kink) + bend**2


# --- two to five inputs, of several laws


def abs_plane(X: Array) -> Array:
    """|x + 2 y - 0.3| exp x + cos 2 y."""
    x, y = X.T
    return np.abs(x + 2.0 * y - 0.3) * np.exp(x) + np.cos(2.0 * y)


def clipped(X: Array) -> Array:
    """A smooth bump that a detector cuts off at 0.8."""
    x, y = X.T
    return np.minimum(1.3 * np.exp(-((x - 0.2) ** 2) - 2.0 * (y + 0.1) ** 2) + 0.1 * x * y, 0.8)


def boiling(X: Array) -> Array:
    """Pressure in MPa at which a liquid boils, of its temperature in C."""
    return np.exp(8.74 - 3092.0 / (X[:, 0] + 230.0))


def saturation_enthalpy(X: Array) -> Array:
    """Of T in C and p in MPa: a liquid above the pressure at which it boils, a vapour below."""
    return enthalpy(X, is_liquid(X))


def enthalpy(X: Array, is_liquid: Array) -> Array:
    t, p = X.T
    liquid = 4.19 * t + 3.0e-4 * t**2 + 1.02 * p
    vapour = 2500.0 + 1.86 * t - 95.0 * p / (1.0 + t / 300.0) ** 3
    return np.where(is_liquid, liquid, vapour)


def friction(X: Array) -> Array:
    """Friction factor of a pipe, of Re and roughness: laminar up to 2300, Haaland's formula above."""
    return friction_factor(X, is_turbulent(X))


def friction_factor(X: Array, is_turbulent: Array) -> Array:
    reynolds, roughness = X.T
    turbulent = (-1.8 * np.log10((roughness / 3.7) ** 1.11 + 6.9 / reynolds)) ** -2
    return np.where(is_turbulent, turbulent, 64.0 / reynolds)


def two_phases(X: Array) -> Array:
    """The lesser of two Gibbs energies, of T and p."""
    t, p = X.T
    return np.minimum(-t * np.log(1.0 + t) + 0.3 * p, 0.35 - 1.4 * t - 0.15 * t**2 + 0.9 * p - 0.05 * p**2)


def ridge(X: Array) -> Array:
    """A Gaussian ridge across the box, a fiftieth of it wide, with a height that changes along it."""
    x, y = X.T
    return np.exp(-0.5 * ((x - 0.1 - 0.25 * y) / 0.04) ** 2) * (1.0 + 0.5 * y) + np.sin(x + y)


def max_3d(X: Array) -> Array:
    """max(exp(x y) , 1 + sin 2 z + x / 2)."""
    x, y, z = X.T
    return np.maximum(np.exp(x * y), 1.0 + np.sin(2.0 * z) + 0.5 * x)


def max_5d(X: Array) -> Array:
    """The greater of two quadratic forms with a product of three."""
    a, b, c, d, e = X.T
    return np.maximum(a * b + c**2 - 0.5 * e, 0.3 + 0.6 * d * e - a * c + 0.4 * a * b * d)


def transition_3d(X: Array) -> Array:
    """A volume that leaps across an oblique plane, of three intensive variables."""
    return volume(X, is_dense(X))


def volume(X: Array, is_dense: Array) -> Array:
    x, y, z = X.T
    return np.where(is_dense, 1.0 + 0.1 * np.sin(2.0 * x + y), 2.2 / (1.5 + x + 0.3 * z))


def luminance(X: Array) -> Array:
    """Of a colour by its red, green and blue values: each is a power above 0.04045, and linear below."""
    linear = np.where(X <= 0.04045, X / 12.92, ((X + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def payoff(X: Array) -> Array:
    """What a spread of two calls pays, discounted: of the price, the lower strike, rate and time."""
    price, strike, rate, time = X.T
    return np.clip(price - strike, 0.0, 20.0) * np.exp(-rate * time)


# --- in other coordinates


def arm(X: Array) -> Array:
    """Distance of a hand from the shoulder: lengths, then the angle of each joint to the one before."""
    lengths, angles = np.split(X, 2, axis=1)
    turned = np.cumsum(angles, axis=1)
    return np.hypot(np.sum(lengths * np.cos(turned), axis=1), np.sum(lengths * np.sin(turned), axis=1))


def place_of_hand(X: Array) -> Array:
    lengths, angles = np.split(X, 2, axis=1)
    turned = np.cumsum(angles, axis=1)
    return np.column_stack((np.sum(lengths * np.cos(turned), axis=1), np.sum(lengths * np.sin(turned), axis=1)))


def great_circle(X: Array) -> Array:
    """Angle between two places on a sphere, of latitude and longitude of both in radians."""
    a, b = (
        np.column_stack((np.cos(p) * np.cos(q), np.cos(p) * np.sin(q), np.sin(p))) for p, q in (X[:, :2].T, X[:, 2:].T)
    )
    return np.arctan2(np.linalg.norm(np.cross(a, b), axis=1), np.sum(a * b, axis=1))


def cosines(X: Array) -> Array:
    """Products of cosines and sines whose sum is the cosine of the angle between two places."""
    p, q, r, s = X.T
    return np.column_stack((np.sin(p) * np.sin(r), np.cos(p) * np.cos(r) * np.cos(q - s)))


def solar_elevation(X: Array) -> Array:
    """In degrees, of latitude and hour angle in degrees and of the day of the year."""
    latitude, hour, day = X.T
    declination = 0.409 * np.sin(TURN * (day - 80.0) / 365.0)
    latitude, hour = np.deg2rad(latitude), np.deg2rad(hour)
    sine = np.sin(latitude) * np.sin(declination) + np.cos(latitude) * np.cos(declination) * np.cos(hour)
    return np.rad2deg(np.arcsin(sine))


def solar_columns(X: Array) -> Array:
    latitude, hour, day = X.T
    declination = 0.409 * np.sin(TURN * (day - 80.0) / 365.0)
    latitude, hour = np.deg2rad(latitude), np.deg2rad(hour)
    return np.column_stack(
        (np.sin(latitude) * np.sin(declination), np.cos(latitude) * np.cos(declination) * np.cos(hour))
    )


def call_price(money: Array, deviation: Array) -> Array:
    """A call's price over the strike, undiscounted: of the forward price over the strike, and of sigma sqrt(T)."""
    above = np.log(money) / deviation + 0.5 * deviation
    return money * ndtr(above) - ndtr(above - deviation)


def price_table(rng: np.random.Generator, n: int) -> tuple[Array, Array]:
    """Rows of spot, strike, rate, time and a call's price, and the volatility that makes this price."""
    bounds = (80.0, 90.0, 0.0, 0.2, 0.15), (120.0, 110.0, 0.06, 2.0, 0.6)
    spot, strike, rate, time, volatility = rng.uniform(*bounds, (n, 5)).T
    discounted = strike * np.exp(-rate * time)
    price = discounted * call_price(spot / discounted, volatility * np.sqrt(time))
    return np.column_stack((spot, strike, rate, time, price)), volatility


def reduced_prices(X: Array) -> tuple[Array, Array, Array]:
    """Spot and price over the discounted strike, and the time."""
    spot, strike, rate, time, price = X.T
    discounted = strike * np.exp(-rate * time)
    return spot / discounted, price / discounted, time


def volatility_of(X: Array) -> Array:
    """By bisection, halved to below the last digit."""
    money, price, time = reduced_prices(X)
    low, high = np.full(len(X), 1e-3), np.full(len(X), 3.0)
    for _ in range(60):
        middle = 0.5 * (low + high)
        is_low = call_price(money, middle * np.sqrt(time)) < price
        low, high = np.where(is_low, middle, low), np.where(is_low, high, middle)
    return 0.5 * (low + high)


class Prices(FunctionProblem):
    """Rows of implied volatility: the price, one of the inputs, is made from the volatility, so they fill no box."""

    def sample(
        self, n: int, rng: int | np.random.Generator | None = None, sampler: str = "uniform"
    ) -> tuple[Array, Array]:
        return price_table(np.random.default_rng(rng), n)


def inverted(X: Array, y: Array, fit: Fit) -> Function:
    """The price fitted as a function of sigma sqrt(T), and solved for it by Newton's method."""
    money, price, time = reduced_prices(X)
    deviation = y * np.sqrt(time)
    model = fit(np.column_stack((money, deviation)), price)
    low, high = float(np.min(deviation)), float(np.max(deviation))

    def solve(Q: Array) -> Array:
        money, price, time = reduced_prices(Q)
        found = np.full(len(Q), 0.5 * (low + high))
        for _ in range(40):
            at = np.column_stack((money, found))
            slope = np.maximum(model.gradient(at)[:, 1], 1e-3)  # type: ignore[attr-defined]
            found = np.clip(found - (np.asarray(model(at)) - price) / slope, low, high)
        return found / np.sqrt(time)

    return solve


def cylinder(X: Array) -> Array:
    """Light scattered by a cylinder, over five decades: of q, radius and length, seen under a fixed angle."""
    q, radius, length = X.T
    across, along = 0.8 * q * radius, 0.3 * q * length
    return (radius**2 * length * (2.0 * j1(across) / across) * (np.sin(along) / along)) ** 2


def magnetic(X: Array) -> Array:
    """Strength of a dipole and a quadrupole off the axis, of latitude, longitude in degrees and of height in km."""
    x = cartesian(X)
    r = np.linalg.norm(x, axis=1)
    dipole = np.array([-0.05, 0.17, 0.98])
    along = x @ dipole
    field = (3.0 * along[:, None] * x / r[:, None] ** 2 - dipole) / r[:, None] ** 3
    forms = np.array([[0.02, 0.01, 0.03], [0.01, -0.05, 0.02], [0.03, 0.02, 0.03]])
    second = np.einsum("ni,ij,nj->n", x, forms, x)
    field = field + (5.0 * second / r**2)[:, None] * x / r[:, None] ** 5 - 2.0 * (x @ forms) / r[:, None] ** 5
    return np.linalg.norm(field, axis=1)


def cartesian(X: Array) -> Array:
    latitude, longitude, radius = np.deg2rad(X[:, 0]), np.deg2rad(X[:, 1]), 1.0 + X[:, 2] / 6371.0
    flat = radius * np.cos(latitude)
    return np.column_stack((flat * np.cos(longitude), flat * np.sin(longitude), radius * np.sin(latitude)))


def is_hot(X: Array) -> Array:
    return X[:, 0] >= MEET


def is_above_edge(X: Array) -> Array:
    return X[:, 0] >= EDGE


def is_after_cusp(X: Array) -> Array:
    return X[:, 0] > CUSP


def parts_of_peak(X: Array) -> Array:
    return np.searchsorted([0.25, 0.37], X[:, 0])


def is_after_jump(X: Array) -> Array:
    return X[:, 0] > STEPS[0]


def number_of_law(X: Array) -> Array:
    return np.searchsorted(STEPS, X[:, 0])


def is_over_plane(X: Array) -> Array:
    return X[:, 0] + 2.0 * X[:, 1] > 0.3


def is_clipped(X: Array) -> Array:
    return clipped(X) >= 0.8


def is_liquid(X: Array) -> Array:
    return X[:, 1] > boiling(X)


def is_turbulent(X: Array) -> Array:
    return X[:, 0] >= LAMINAR


def is_first_phase(X: Array) -> Array:
    t, p = X.T
    return two_phases(X) == -t * np.log(1.0 + t) + 0.3 * p


def is_near_ridge(X: Array) -> Array:
    return np.abs(across_ridge(X)[:, 0]) < 0.35


def across_ridge(X: Array) -> Array:
    return np.column_stack((X[:, 0] - 0.1 - 0.25 * X[:, 1], X[:, 1]))


def is_exponential(X: Array) -> Array:
    return max_3d(X) == np.exp(X[:, 0] * X[:, 1])


def is_first_form(X: Array) -> Array:
    a, b, c, _, e = X.T
    return max_5d(X) == a * b + c**2 - 0.5 * e


def is_dense(X: Array) -> Array:
    x, y, z = X.T
    return x + 0.7 * y - 0.4 * z > 0.15


def linear_colours(X: Array) -> Array:
    return np.where(X <= 0.04045, X / 12.92, ((X + 0.055) / 1.055) ** 2.4)


def regime_of_payoff(X: Array) -> Array:
    return np.searchsorted([0.0, 20.0], X[:, 0] - X[:, 1])


def to_critical(X: Array) -> Array:
    tau = 1.0 - X[:, 0] / CRITICAL
    return np.column_stack((tau**0.325, tau))


def to_cusp(X: Array) -> Array:
    return np.abs(X - CUSP) ** (1.0 / 3.0)


def waves_of_cylinder(X: Array) -> Array:
    return np.column_stack((X[:, 0] * X[:, 1], X[:, 0] * X[:, 2]))


def strength_of_cylinder(X: Array) -> Array:
    return X[:, 1] ** 4 * X[:, 2] ** 2


def target(
    function: Function, bounds: list[tuple[float, float]], expert: Expert, labels: Labels | None = None
) -> Target:
    name = function.__name__.replace("_", "-")
    problem = FunctionProblem(name, function.__doc__ or "", tuple(bounds), function)
    return Target(problem, 2000 if len(bounds) == 1 else 3000 if len(bounds) == 2 else 4000, expert, labels)


def arm_of(n_joints: int) -> Target:
    bounds = ((0.2, 1.0),) * n_joints + ((0.0, TURN),) * n_joints
    name = f"arm-{n_joints}-joints"
    # The square of the distance is a polynomial of the place of the hand.
    expert = given_as(place_of_hand, lambda X, y: y**2, lambda Q, square: np.sqrt(np.maximum(square, 0.0)))
    return Target(FunctionProblem(name, arm.__doc__ or "", bounds, arm), 4000, expert)


SIDES = [(-1.0, 1.0)] * 5
_VOLATILITY = Prices(
    "implied-volatility",
    "of spot, strike, rate, time and price of a call",
    ((80.0, 120.0), (90.0, 110.0), (0.0, 0.06), (0.2, 2.0), (1.0, 60.0)),
    volatility_of,
)
_ALL = (
    target(heat_capacity, [(300.0, 3000.0)], cut(is_hot), is_hot),
    target(absorption_edge, [(2.0, 25.0)], cut(is_above_edge), is_above_edge),
    target(saturated_density, [(0.3, 1.02)], in_columns(to_critical)),
    target(cusp, SIDES[:1], cut(is_after_cusp, to_cusp), is_after_cusp),
    target(narrow_peak, SIDES[:1], cut(parts_of_peak)),
    target(three_laws, SIDES[:1], cut(number_of_law), number_of_law),
    target(abs_plane, SIDES[:2], cut(is_over_plane), is_over_plane),
    target(clipped, SIDES[:2], cut(is_clipped), is_clipped),
    target(saturation_enthalpy, [(100.0, 250.0), (0.05, 4.0)], cut(is_liquid), is_liquid),
    target(friction, [(500.0, 20000.0), (1e-4, 0.03)], cut(is_turbulent), is_turbulent),
    target(two_phases, [(0.1, 1.5), (0.0, 1.0)], cut(is_first_phase), is_first_phase),
    target(ridge, SIDES[:2], cut(is_near_ridge, across_ridge)),
    target(max_3d, SIDES[:3], cut(is_exponential), is_exponential),
    target(max_5d, SIDES, cut(is_first_form), is_first_form),
    target(transition_3d, SIDES[:3], cut(is_dense), is_dense),
    target(luminance, [(0.0, 1.0)] * 3, in_columns(linear_colours)),
    target(payoff, [(50.0, 150.0), (80.0, 120.0), (0.0, 0.1), (0.1, 2.0)], cut(regime_of_payoff), regime_of_payoff),
    arm_of(3),
    arm_of(4),
    target(
        great_circle,
        [(-1.4, 1.4), (-3.1, 3.1)] * 2,
        given_as(cosines, lambda X, y: np.cos(y), lambda Q, cosine: np.arccos(np.clip(cosine, -1.0, 1.0))),
    ),
    target(
        solar_elevation,
        [(-66.0, 66.0), (-180.0, 180.0), (1.0, 365.0)],
        given_as(
            solar_columns,
            lambda X, y: np.sin(np.deg2rad(y)),
            lambda Q, sine: np.rad2deg(np.arcsin(np.clip(sine, -1.0, 1.0))),
        ),
    ),
    Target(_VOLATILITY, 4000, inverted),
    target(
        cylinder,
        [(0.05, 3.0), (1.0, 3.0), (2.0, 6.0)],
        given_as(
            waves_of_cylinder,
            lambda X, y: y / strength_of_cylinder(X),
            lambda Q, values: values * strength_of_cylinder(Q),
        ),
    ),
    target(magnetic, [(-90.0, 90.0), (-180.0, 180.0), (0.0, 1500.0)], in_columns(cartesian)),
)
region_targets = {one.problem.name: one for one in _ALL}


def as_given(X: Array) -> Array:
    return X


jumps = {
    "absorption-edge": Jump(absorption, is_above_edge, as_given),
    "three-laws": Jump(stepped, is_after_jump, as_given),
    "saturation-enthalpy": Jump(
        enthalpy, is_liquid, lambda X: np.column_stack((1.0 / (X[:, 0] + 230.0), np.log(X[:, 1])))
    ),
    "transition-3d": Jump(volume, is_dense, as_given),
    "friction": Jump(friction_factor, is_turbulent, as_given),
}
