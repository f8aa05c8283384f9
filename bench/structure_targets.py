"""Functions with parts of few inputs: nested, added and implicit ones of engineering, finance and physics.

What a fit has to find in their rows is which inputs belong together. Formulas and boxes of the UQ test functions are
those of Surjanovic and Bingham's library (sfu.ca/~ssurjano); uqtestfuns, which has them too, agrees to rounding
(`python bench/structure_targets.py` compares). Values are exact to some 1e-15 of the RMS over the box: no difference of
near numbers is left in a formula. Water's tables need CoolProp, and "uq:NAME" needs uqtestfuns; neither is imported
before a value is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from own_targets import TURN, Array, orbit_position, own_targets

from pml_native.problems import FunctionProblem, Problem

UQ_DIMENSION = 2  # of the functions of uqtestfuns that are defined for any number of inputs
BISECTIONS = 60  # halve an interval of width 1 to below one unit of the last digit


def toy(X: Array) -> Array:
    """sin(2 x0 x1) / (1 + x2^2) + exp(-x0)."""
    a, b, c = X.T
    return np.sin(2.0 * a * b) / (1.0 + c**2) + np.exp(-a)


def borehole(X: Array) -> Array:
    """Flow of water through a borehole: r_w, r, T_u, H_u, T_l, H_l, L, K_w."""
    well, influence, upper, upper_head, lower, lower_head, length, conductivity = X.T
    logarithm = np.log(influence / well)
    leak = 2.0 * length * upper / (logarithm * well**2 * conductivity)
    return 2.0 * np.pi * upper * (upper_head - lower_head) / (logarithm * (1.0 + leak + upper / lower))


def otl_circuit(X: Array) -> Array:
    """Midpoint voltage of a push-pull circuit: R_b1, R_b2, R_f, R_c1, R_c2, beta."""
    rb1, rb2, rf, rc1, rc2, beta = X.T
    base = 12.0 * rb2 / (rb1 + rb2)
    gain = beta * (rc2 + 9.0)
    return ((base + 0.74) * gain + 11.35 * rf + 0.74 * rf * gain / rc1) / (gain + rf)


def piston(X: Array) -> Array:
    """Seconds of a piston's cycle: M, S, V_0, k, P_0, T_a, T_0."""
    mass, surface, volume_0, spring, pressure_0, ambient, temperature_0 = X.T
    force = pressure_0 * surface + 19.62 * mass - spring * volume_0 / surface
    energy = pressure_0 * volume_0 * ambient / temperature_0
    # The root of k V^2 / S^2 + A V / S - energy = 0, written for either sign of A without a difference.
    root = np.sqrt(force**2 + 4.0 * spring * energy)
    volume = np.where(force > 0, 2.0 * surface * energy / (root + np.abs(force)), surface * (root - force) / 2 / spring)
    return 2.0 * np.pi * np.sqrt(mass / (spring + surface**2 * energy / volume**2))


def robot_arm(X: Array) -> Array:
    """Distance of a hand from the shoulder: L_1 to L_4, then theta_1 to theta_4."""
    lengths, angles = X[:, :4], np.cumsum(X[:, 4:], axis=1)
    return np.hypot(np.sum(lengths * np.cos(angles), axis=1), np.sum(lengths * np.sin(angles), axis=1))


def wing_weight(X: Array) -> Array:
    """Weight of a light aircraft's wing: S_w, W_fw, A, sweep in degrees, q, taper, t_c, N_z, W_dg, W_p."""
    area, fuel, aspect, sweep, pressure, taper, thickness, load, gross, paint = X.T
    cosine = np.cos(np.deg2rad(sweep))
    structure = 0.036 * area**0.758 * fuel**0.0035 * (aspect / cosine**2) ** 0.6 * pressure**0.006 * taper**0.04
    return structure * (100.0 * thickness / cosine) ** -0.3 * (load * gross) ** 0.49 + area * paint


def ishigami(X: Array) -> Array:
    """sin x1 + 7 sin^2 x2 + 0.1 x3^4 sin x1."""
    a, b, c = X.T
    return np.sin(a) * (1.0 + 0.1 * c**4) + 7.0 * np.sin(b) ** 2


def friedman(X: Array) -> Array:
    """10 sin(pi x1 x2) + 20 (x3 - 0.5)^2 + 10 x4 + 5 x5."""
    a, b, c, d, e = X.T
    return 10.0 * np.sin(np.pi * a * b) + 20.0 * (c - 0.5) ** 2 + 10.0 * d + 5.0 * e


def kepler(X: Array) -> Array:
    """x of a body in the plane of its orbit, periapsis on the axis: mean anomaly, eccentricity, semi-major axis."""
    mean, e, a = X.T
    zero = np.zeros(len(X))
    return orbit_position(np.column_stack([a, e, zero, zero, zero, mean]))


def distillation(X: Array) -> Array:
    """Stages of a column for a binary mixture by Fenske, Underwood, Gilliland and Eduljee.

    From the relative volatility, the light part's share in distillate, bottoms and feed (a liquid at its boiling
    point), and the reflux over the least reflux.
    """
    alpha, top, bottom, feed, ratio = X.T
    least_stages = np.log(top / (1.0 - top) * (1.0 - bottom) / bottom) / np.log(alpha)
    least_reflux = (top / feed - alpha * (1.0 - top) / (1.0 - feed)) / (alpha - 1.0)
    excess = (ratio - 1.0) * least_reflux / (ratio * least_reflux + 1.0)
    gilliland = 0.75 * (1.0 - excess**0.5668)
    return (least_stages + gilliland) / (1.0 - gilliland)


def underwood(X: Array) -> Array:
    """Underwood's root between the volatilities of the keys of a ternary mixture.

    theta in (alpha_B, alpha_A) with sum alpha_i z_i / (alpha_i - theta) = 1 - q, alpha_C = 1: alpha_A, alpha_B, z_A,
    z_B, q.
    """
    light, heavy, z_light, z_heavy, quality = X.T
    share = np.zeros(len(X)), np.ones(len(X))  # of the way from alpha_B to alpha_A; the sum rises all along it
    width = light - heavy
    for _ in range(BISECTIONS):
        middle = 0.5 * (share[0] + share[1])
        theta = heavy + middle * width
        value = (
            light * z_light / (width * (1.0 - middle))
            - heavy * z_heavy / (width * middle)
            - (1.0 - z_light - z_heavy) / (theta - 1.0)
        )
        is_above = value > 1.0 - quality
        share = np.where(is_above, share[0], middle), np.where(is_above, middle, share[1])
    return heavy + 0.5 * (share[0] + share[1]) * width


def water_temperature(X: Array) -> Array:
    """Temperature of steam by IAPWS-95 from specific enthalpy (J/kg) and pressure (Pa)."""
    from CoolProp.CoolProp import PropsSI

    enthalpy, pressure = X.T
    temperature = np.asarray(PropsSI("T", "H", enthalpy, "P", pressure, "Water"))
    # It ends at 5e-10 of the enthalpy; one step of Newton's method leaves rounding.
    excess = PropsSI("H", "T", temperature, "P", pressure, "Water") - enthalpy
    return np.asarray(temperature - excess / PropsSI("C", "T", temperature, "P", pressure, "Water"))


def sparse_polynomial(X: Array, degree: int, n_terms: int) -> Array:
    """A sum of `n_terms` products of `degree` inputs at most, drawn once for these numbers."""
    rng = np.random.default_rng([X.shape[1], degree, n_terms])
    y = np.zeros(len(X))
    for _ in range(n_terms):
        columns = rng.integers(X.shape[1], size=rng.integers(1, degree + 1))
        y += rng.uniform(0.5, 2.0) * rng.choice([-1.0, 1.0]) * np.prod(X[:, columns], axis=1)
    return y


class UQFunction(Problem):
    """A function of uqtestfuns, its rows drawn from its own distribution of inputs."""

    def __init__(self, name: str) -> None:
        import uqtestfuns

        self.name = f"uq:{name}"
        of_any_dimension = uqtestfuns.list_functions(input_dimension="M", tabulate=False)
        more = {"input_dimension": UQ_DIMENSION} if name in of_any_dimension else {}
        self._function: Any = uqtestfuns.create(name, **more)
        self.formula = self._function.description or name
        self._marginals = self._function.prob_input.marginals
        self.bounds = tuple((float(marginal.lower), float(marginal.upper)) for marginal in self._marginals)

    def __call__(self, X: Any) -> Array:
        return np.ravel(np.asarray(self._function(np.asarray(X, dtype=float))))

    def sample(
        self, n: int, rng: int | np.random.Generator | None = None, sampler: str = "uniform"
    ) -> tuple[Array, Array]:
        draws = np.random.default_rng(rng).uniform(size=(n, self.n_inputs))
        X = np.column_stack([marginal.icdf(column) for marginal, column in zip(self._marginals, draws.T, strict=True)])
        return X, self(X)


def uq_names() -> list[str]:
    """The functions of uqtestfuns' metamodelling suite that have one output."""
    import uqtestfuns

    return list(uqtestfuns.list_functions(tag="metamodeling", output_dimension=1, tabulate=False))


class StructureTarget(NamedTuple):
    """`goal` is what the error named `measure` is to come to, relative to the RMS of y."""

    problem: Problem
    goal: float
    n: int = 4000
    measure: str = "rmse"


def of_function(
    name: str, function: Callable[[Array], Array], bounds: tuple[tuple[float, float], ...], goal: float, **more: Any
) -> StructureTarget:
    formula = (getattr(function, "__doc__", None) or "").strip()
    return StructureTarget(FunctionProblem(name, formula, bounds, function), goal, **more)


UNIT = (0.0, 1.0)
AROUND_0 = (-np.pi, np.pi)
OF_OWN = {
    "peng-robinson": 1e-11,
    "pendulum": 1e-10,
    "voigt": 1e-8,
    "2F1": 1e-10,
    "gamma-p": 1e-11,
    "black-scholes": 1e-8,
    "van-der-pol": 6e-2,  # this and the next are of no known structure: what a network reaches
    "orbit": 1e-1,
}
WIDE_OPTIONS = ((20.0, 200.0), (20.0, 200.0), (0.0, 0.1), (0.1, 0.6), (0.1, 3.0))
BOREHOLE = (
    *((0.05, 0.15), (100.0, 50000.0), (63070.0, 115600.0), (990.0, 1110.0)),
    *((63.1, 116.0), (700.0, 820.0), (1120.0, 1680.0), (9855.0, 12045.0)),
)
OTL_CIRCUIT = ((50.0, 150.0), (25.0, 70.0), (0.5, 3.0), (1.2, 2.5), (0.25, 1.2), (50.0, 300.0))
PISTON = (
    *((30.0, 60.0), (0.005, 0.02), (0.002, 0.01), (1000.0, 5000.0)),
    *((90000.0, 110000.0), (290.0, 296.0), (340.0, 360.0)),
)
WING = (
    *((150.0, 200.0), (220.0, 300.0), (6.0, 10.0), (-10.0, 10.0), (16.0, 45.0)),
    *((0.5, 1.0), (0.08, 0.18), (2.5, 6.0), (1700.0, 2500.0), (0.025, 0.08)),
)
COLUMN = ((1.5, 3.0), (0.92, 0.995), (0.005, 0.08), (0.3, 0.6), (1.1, 2.0))
KEYS = ((3.0, 6.0), (1.5, 2.5), (0.2, 0.45), (0.2, 0.45), (0.0, 1.0))
STEAM = ((2.85e6, 4.0e6), (1e5, 1e7))
POLYNOMIALS = list(product((10, 16, 20), ((2, 10), (2, 40), (3, 20), (3, 40)), (2000, 4000)))

structure_targets = {
    target.problem.name: target
    for target in (
        of_function("toy", toy, ((0.2, 3.0),) * 3, 1e-11, n=1500),
        of_function("borehole", borehole, BOREHOLE, 1e-13),
        of_function("otl-circuit", otl_circuit, OTL_CIRCUIT, 1e-11),
        *(StructureTarget(own_targets[name], goal) for name, goal in OF_OWN.items()),
        of_function("black-scholes-wide", own_targets["black-scholes"].function, WIDE_OPTIONS, 1e-8),
        of_function("piston", piston, PISTON, 1e-10),
        of_function("robot-arm", robot_arm, (UNIT,) * 4 + (TURN,) * 4, 1e-10),
        of_function("wing-weight", wing_weight, WING, 1e-10),
        of_function("ishigami", ishigami, (AROUND_0,) * 3, 1e-10),
        of_function("friedman", friedman, (UNIT,) * 5, 1e-10),
        of_function("kepler", kepler, (TURN, (0.0, 0.6), (0.5, 2.0)), 1e-10),
        of_function("distillation", distillation, COLUMN, 1e-10),
        of_function("underwood", underwood, KEYS, 1e-10),
        of_function("water", water_temperature, STEAM, 1e-9, measure="max"),
        *(
            of_function(
                f"polynomial-{d}-{degree}-{n_terms}-{n}",
                partial(sparse_polynomial, degree=degree, n_terms=n_terms),
                ((-1.0, 1.0),) * d,
                1e-15,
                n=n,
            )
            for d, (degree, n_terms), n in POLYNOMIALS
        ),
    )
}


def target_of(name: str) -> StructureTarget:
    """The target `name`, or that of uqtestfuns for "uq:NAME"."""
    if name.startswith("uq:"):
        return StructureTarget(UQFunction(name.removeprefix("uq:")), 1e-12, n=2000)
    return structure_targets[name]


# Names in uqtestfuns of the functions above that it has, in some boxes of its own.
SAME = {
    "borehole": "Borehole",
    "otl-circuit": "OTLCircuit",
    "piston": "Piston",
    "wing-weight": "WingWeight",
    "ishigami": "Ishigami",
    "robot-arm": "RobotArm",
}


def main() -> None:
    """Prints the largest difference from uqtestfuns over the largest value, on 10,000 points of its box."""
    for name, theirs in SAME.items():
        X, y = UQFunction(theirs).sample(10_000, 0)
        difference = np.max(np.abs(structure_targets[name].problem(X) - y)) / np.max(np.abs(y))
        print(f"{name:12} {difference:.1e}")


if __name__ == "__main__":
    main()
