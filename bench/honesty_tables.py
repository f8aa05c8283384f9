"""How true the error in the report of `fit` is on functions that people have tables of: steam, potentials, spectra.

    python bench/honesty_tables.py                      # every table, a minute or two of one core
    python bench/honesty_tables.py --seed 2 --only steam

Rows are drawn afresh for each seed; the truth is the RMS error at fresh points of the bounding box of the rows, against
the function itself, as in bench/honesty.py.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from honesty import claim_of, fitted, local_estimates, over_truth, print_goals, print_problems, true_errors
from numpy.typing import NDArray
from scipy import special
from scipy.stats import norm

Array = NDArray[np.float64]
N_TEST, N_LOCAL = 20_000, 5000


@dataclass(frozen=True)
class Table:
    """`n` rows of `value`, of columns x (k,) between the bounds; `logarithmic` columns are so spread, `digits` of y."""

    value: Callable[..., Array]
    n: int
    bounds: tuple[tuple[float, float], ...]
    logarithmic: tuple[int, ...] = ()
    digits: int | None = None
    noise: float = 0.0
    is_even: bool = False  # of one column, evenly spaced, as tables are printed


def saturation_pressure(T: Array) -> Array:
    """Of water, MPa, T in K: IAPWS-IF97, region 4."""
    n = (1167.0521452767, -724213.16703206, -17.073846940092, 12020.82470247, -3232555.0322333, 14.91510861353,
         -4823.2657361591, 405113.40542057, -0.23855557567849, 650.17534844798)  # fmt: skip
    t = T + n[8] / (T - n[9])
    a, b, c = t**2 + n[0] * t + n[1], n[2] * t**2 + n[3] * t + n[4], n[5] * t**2 + n[6] * t + n[7]
    return (2.0 * c / (-b + np.sqrt(b**2 - 4.0 * a * c))) ** 4


def saturated_vapour(T: Array) -> Array:
    """Its density, kg/m3: Wagner and Pruss (1993)."""
    t = 1.0 - T / 647.096
    powers = ((-2.0315024, 2 / 6), (-2.6830294, 4 / 6), (-5.38626492, 8 / 6), (-17.2991605, 18 / 6),
              (-44.7586581, 37 / 6), (-63.9201063, 71 / 6))  # fmt: skip
    return 322.0 * np.exp(sum(c * t**p for c, p in powers))


def kepler(M: Array, e: Array) -> Array:
    """The eccentric anomaly."""
    E = M + e * np.sin(M)
    for _ in range(60):
        E = E - (E - e * np.sin(E) - M) / (1.0 - e * np.cos(E))
    return E


def colebrook(Re: Array, rough: Array) -> Array:
    x = np.full_like(Re, 7.0)
    for _ in range(60):
        x = -2.0 * np.log10(rough / 3.7 + 2.51 * x / Re)
    return x**-2


def call_price(S: Array, K: Array, r: Array, sigma: Array, T: Array) -> Array:
    d = (np.log(S / K) + (r + 0.5 * sigma**2) * T) / (sigma * np.sqrt(T))
    return S * norm.cdf(d) - K * np.exp(-r * T) * norm.cdf(d - sigma * np.sqrt(T))


def borehole(rw: Array, r: Array, Tu: Array, Hu: Array, Tl: Array, Hl: Array, L: Array, Kw: Array) -> Array:
    log = np.log(r / rw)
    return 2.0 * np.pi * Tu * (Hu - Hl) / (log * (1.0 + 2.0 * L * Tu / (log * rw**2 * Kw) + Tu / Tl))


BOREHOLE = ((0.05, 0.15), (100.0, 50000.0), (63070.0, 115600.0), (990.0, 1110.0), (63.1, 116.0), (700.0, 820.0),
            (1120.0, 1680.0), (9855.0, 12045.0))  # fmt: skip


def shock_pressure(mach: Array, gamma: Array) -> Array:
    """The ratio of stagnation pressures across a normal shock."""
    a = ((gamma + 1.0) * mach**2 / ((gamma - 1.0) * mach**2 + 2.0)) ** (gamma / (gamma - 1.0))
    return a * ((gamma + 1.0) / (2.0 * gamma * mach**2 - gamma + 1.0)) ** (1.0 / (gamma - 1.0))


def rosenbrock(a: Array, b: Array, c: Array) -> Array:
    return 100.0 * ((b - a**2) ** 2 + (c - b**2) ** 2) + (1.0 - a) ** 2 + (1.0 - b) ** 2


def income_tax(x: Array) -> Array:
    """With brackets, as in many countries."""
    return sum(rate * np.maximum(0.0, x - start) for start, rate in ((11.0, 0.1), (44.7, 0.12), (95.4, 0.1)))


def breit_wigner(E: Array, gamma: Array) -> Array:
    return gamma**2 / ((E - 1.0) ** 2 + 0.25 * gamma**2) + 0.1 * np.exp(-E)


def dose(x: Array, k: Array, h: Array) -> Array:
    """Hill's law of doses x."""
    return x**h / (k**h + x**h)


def planck(wavelength: Array, T: Array) -> Array:
    """In micrometres and 1,000 K."""
    return 1.0 / (wavelength**5 * np.expm1(14.388 / (wavelength * T)))


def sellmeier(w: Array) -> Array:
    """The refractive index of BK7, w in micrometres."""
    s = w**2
    return np.sqrt(
        1 + 1.03961212 * s / (s - 0.00600069867) + 0.231792344 * s / (s - 0.0200179144) + 1.01046945 * s / (s - 103.56)
    )


def lennard_jones(r: Array) -> Array:
    return 4.0 * (r**-12.0 - r**-6.0)


def morse(r: Array, a: Array) -> Array:
    return (1.0 - np.exp(-a * (r - 1.0))) ** 2


TABLES: dict[str, Table] = {
    "steam pressure": Table(saturation_pressure, 300, ((273.15, 647.0),)),
    "steam pressure, printed": Table(saturation_pressure, 75, ((275.0, 645.0),), digits=5, is_even=True),
    "steam density": Table(saturated_vapour, 400, ((300.0, 647.09),)),
    "steam density, even": Table(saturated_vapour, 120, ((300.0, 647.0),), is_even=True),
    "lennard-jones": Table(lennard_jones, 80, ((0.9, 3.0),)),
    "morse": Table(morse, 300, ((0.5, 4.0), (0.8, 2.5))),
    "bessel": Table(special.j0, 150, ((0.0, 60.0),)),
    "airy": Table(lambda x: special.airy(x)[0], 120, ((-15.0, 5.0),)),
    "gamma": Table(special.gamma, 60, ((0.05, 5.0),)),
    "gamma over poles": Table(special.gamma, 200, ((-3.5, 3.0),)),
    "zeta": Table(special.zeta, 50, ((1.02, 12.0),)),
    "elliptic": Table(special.ellipk, 100, ((0.0, 0.9999),)),
    "lambert": Table(lambda x: special.lambertw(x).real, 100, ((-0.3678, 5.0),)),
    "tangent": Table(np.tan, 150, ((-5.0, 5.0),)),
    "dawson": Table(special.dawsn, 60, ((-6.0, 6.0),)),
    "fresnel": Table(lambda x: special.fresnel(x)[0], 200, ((0.0, 8.0),)),
    "sellmeier": Table(sellmeier, 40, ((0.3, 2.4),), digits=7),
    "planck": Table(planck, 400, ((0.3, 5.0), (2.0, 8.0))),
    "voigt": Table(special.voigt_profile, 800, ((-5.0, 5.0), (0.1, 1.5), (0.1, 1.5))),
    "fermi": Table(lambda E, mu, T: special.expit((mu - E) / T), 600, ((0.0, 2.0), (0.5, 1.5), (0.01, 0.3))),
    "van der waals": Table(lambda V, T: 8.0 * T / (3.0 * V - 1.0) - 3.0 / V**2, 150, ((0.4, 5.0), (0.7, 1.5))),
    "kepler": Table(kepler, 400, ((0.0, 6.2), (0.0, 0.95))),
    "colebrook": Table(colebrook, 300, ((4e3, 1e8), (1e-6, 0.05)), logarithmic=(0, 1)),
    "call price": Table(call_price, 1500, ((50.0, 150.0), (80.0, 120.0), (0.0, 0.1), (0.05, 0.6), (0.05, 2.0))),
    "borehole, 60 rows": Table(borehole, 60, BOREHOLE),
    "borehole, 400 rows": Table(borehole, 400, BOREHOLE),
    "shock": Table(shock_pressure, 120, ((1.0, 6.0), (1.1, 1.67))),
    "tax": Table(income_tax, 200, ((0.0, 150.0),)),
    "resonance": Table(
        lambda w, z: 1.0 / np.sqrt((1.0 - w**2) ** 2 + (2.0 * z * w) ** 2), 400, ((0.1, 2.5), (0.02, 0.8))
    ),
    "breit-wigner": Table(breit_wigner, 300, ((0.5, 1.6), (0.02, 0.2))),
    "dose": Table(dose, 200, ((1e-3, 1e3), (0.1, 10.0), (0.5, 4.0)), logarithmic=(0, 1)),
    "dose, noisy": Table(dose, 300, ((1e-3, 1e3), (0.1, 10.0), (0.5, 4.0)), logarithmic=(0, 1), noise=0.01),
    "two slits": Table(lambda x: (np.sinc(x / 3.0) * np.cos(4.0 * x)) ** 2, 250, ((-8.0, 8.0),)),
    "hydrogen": Table(lambda r, t: r**2 * np.exp(-r / 1.5) * (6.0 - r) ** 2 * np.cos(t) ** 2, 200, ((0, 25), (0, 3.1))),
    "relativity": Table(lambda u, v: (u + v) / (1.0 + u * v), 80, ((-0.99, 0.99), (-0.99, 0.99))),
    "rosenbrock": Table(rosenbrock, 40, ((-2.0, 2.0),) * 3),
}  # fmt: skip


@dataclass(frozen=True)
class Drawn:
    """What bench/honesty.py asks of a problem: rows X (n, d), y (n,) and the function of points (k, d)."""

    number: int
    table: Table
    X: Array
    y: Array

    def value(self, X: Array) -> Array:
        return np.asarray(self.table.value(*X.T))

    @classmethod
    def of(cls, number: int, table: Table, seed: int) -> Drawn:
        rng = np.random.default_rng([seed, number])
        low, high = np.array(table.bounds, dtype=np.float64).T
        u = rng.random((table.n, len(low)))
        X = np.linspace(low, high, table.n) if table.is_even else low + (high - low) * u
        for j in table.logarithmic:
            X[:, j] = low[j] * (high[j] / low[j]) ** u[:, j]
        y = np.asarray(table.value(*X.T))
        if table.digits is not None:
            y = np.array([float(f"{value:.{table.digits}g}") for value in y])
        return cls(number, table, X, y + table.noise * float(np.std(y)) * rng.standard_normal(len(y)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1, help="of the rows")
    parser.add_argument("--effort", type=float, default=0.02)
    parser.add_argument("--only", default="", help="tables whose name has this in it, with their reports")
    options = parser.parse_args()
    rows = []
    for number, (name, table) in enumerate(TABLES.items()):
        if options.only not in name:
            continue
        drawn = Drawn.of(number, table, options.seed)
        model, seconds = fitted(drawn, options.effort)
        report = model.report
        points = np.random.default_rng([options.seed, number, N_TEST]).uniform(
            drawn.X.min(axis=0), drawn.X.max(axis=0), (N_TEST, drawn.X.shape[1])
        )
        errors, nan_share = true_errors(drawn, model, points)
        if options.only:
            print(report)
        rows.append(
            {
                "number": number,
                "function": name[:22],
                "layout": "",
                "n": len(drawn.X),
                "d": drawn.X.shape[1],
                "family": report.family,
                "description": report.description,
                "true": float(np.sqrt(np.mean(errors**2))),
                "claimed": claim_of(report),
                "least": report.error_range[0],
                "validation_rmse": report.validation_rmse,
                "box_rmse": report.box_rmse,
                "nan_share": nan_share,
                "not_checked": not report.is_checked,
                "warnings": report.warnings,
                "unseen": 0.0,
                "fit_seconds": seconds,
                **local_estimates(model, points[:N_LOCAL], errors[:N_LOCAL]),
            }
        )
        print_problems(rows[-1:])
        for line in (*report.warnings, *report.advice[:1]):
            print(f"{'':8}{line[:150]}")
    ratios = over_truth(rows)
    print(f"{len(rows)} tables; median of the claim over the truth {np.median(ratios):.1f}")
    print_goals(rows)


if __name__ == "__main__":
    main()
