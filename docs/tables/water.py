"""Makes water.csv and water_test.csv: densities of liquid water by IAPWS-95, at scattered temperatures and pressures.

Source: IAPWS R6-95(2018), the formulation by W. Wagner and A. Pruss, J. Phys. Chem. Ref. Data 31, 387 (2002), as
CoolProp 8.0.0 evaluates it (`pip install CoolProp`; MIT licence). CoolProp solves p(density, T) = p by iteration; what
that leaves of rounding is measured here, too.

    python water.py            # writes both files beside this one, and prints the rounding of CoolProp's densities
"""

from pathlib import Path

import numpy as np
from CoolProp.CoolProp import PropsSI

HERE = Path(__file__).parent
LOWEST_T, HIGHEST_T = 275.0, 500.0  # K
LOWEST_P, HIGHEST_P = 0.1, 100.0  # MPa
ABOVE_SATURATION = 1.02  # times the pressure at which water boils, so that all points are liquid


def density(T, p):
    """kg/m3 at T in K, p in MPa."""
    return PropsSI("Dmass", "T", T, "P", 1e6 * p, "Water")


def rows(n, seed):
    """`n` points, uniform in the liquid region, with T to 1 mK and p to 0.1 kPa, so that the file has them exactly."""
    rng = np.random.default_rng(seed)
    T = np.round(rng.uniform(LOWEST_T, HIGHEST_T, 2 * n), 3)
    p = np.round(rng.uniform(LOWEST_P, HIGHEST_P, 2 * n), 4)
    boiling = PropsSI("P", "T", T, "Q", 0, "Water") / 1e6
    liquid = np.flatnonzero(p > ABOVE_SATURATION * boiling)[:n]
    return np.column_stack([T[liquid], p[liquid], density(T[liquid], p[liquid])])


def rounding(seed):
    """Relative RMS deviation of densities from a parabola through 200 of them within 1 uK, where nothing but rounding
    is left, in the middle of 50 points."""
    found = []
    for T, p, _ in rows(50, seed):
        u = np.linspace(-1.0, 1.0, 200)
        y = density(T + 1e-6 * u, np.full(200, p))
        y = (y - y[0]) / y[0]
        found.append(np.mean((y - np.polyval(np.polyfit(u, y, 2), u)) ** 2))
    return np.sqrt(np.mean(found))


if __name__ == "__main__":
    for name, n, seed in (("water.csv", 1500, 0), ("water_test.csv", 1500, 1)):
        lines = ["temperature,pressure,density", *(f"{T:.3f},{p:.4f},{y!r}" for T, p, y in rows(n, seed).tolist())]
        (HERE / name).write_text("\n".join(lines) + "\n")
    print(f"relative RMS rounding of the densities: {rounding(2):.1e}")
