"""Figure 7: the eigenvalues of the loss's Hessian after training by Adam, and where among them the gradient lies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..arrays import Array
from ..figures import landscape
from ..networks import MLP
from ..optimize import Adam, LeastSquares, Status, minimize
from ..problems import teacher_student
from ..scaling import Table
from ..spectrum import spectrum
from .figure import Claim, Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

TEACHER, STUDENT = (1, 3, 3, 1), (1, 40, 40, 1)
# "Top" eigenvalues: this many of 1,761.
TOP = 20
# "Large" and "near 0", beside the largest eigenvalue.
LARGE, FLAT = 1e-3, 1e-6


def measure_landscape(teacher: int, n: int, steps: int, batch: int, seed: int = 0) -> dict[str, Any]:
    """The spectrum of a student of the teacher with this number, after `steps` steps on `n` points."""
    target = teacher_student(TEACHER, teacher)
    X, y = target.sample(n, np.random.default_rng([seed, 0]))
    student = MLP(STUDENT)
    objective = LeastSquares(student, X, y, n_threads=1)
    params = student.initialize(np.random.default_rng([seed, 2]))
    trained = minimize(objective, params, Adam(batch_size=batch), max_steps=steps)
    if trained.status is Status.INTERRUPTED:
        raise KeyboardInterrupt
    found = spectrum(objective, trained.params, method="dense")
    return {
        "n_params": student.n_params,
        "rmse": float(np.sqrt(trained.loss / np.mean(y**2))),
        "eigenvalues": tuple(found.eigenvalues.tolist()),
        "gradient_projections": tuple(found.gradient_projections.tolist()),
    }


def claims(table: Table) -> list[Claim]:
    found = []
    for row in table:
        name = f"teacher {row['teacher']}"
        values, projections = np.array(row["eigenvalues"]), np.array(row["gradient_projections"])
        largest = values[0]
        beyond = values[np.abs(values) > len(values) * float(np.finfo(float).eps) * largest]
        found += [
            Claim(
                f"{name}: few eigenvalues are large (share above {LARGE:g} of the largest)",
                float(np.mean(values > LARGE * largest)),
                high=0.03,
            ),
            Claim(
                f"{name}: the others are a bulk near 0 (share within {FLAT:g} of the largest)",
                float(np.mean(np.abs(values) < FLAT * largest)),
                low=0.8,
            ),
            Claim(
                f"{name}: the bulk has both signs (share of the rarer one among those beyond rounding)",
                float(min(np.mean(beyond > 0), np.mean(beyond < 0))),
                low=0.2,
            ),
            Claim(
                f"{name}: the gradient lies in the top {TOP} directions (share of its squared norm)",
                gradient_share(projections, values, TOP),
                low=0.9,
            ),
        ]
    return found


def gradient_share(projections: Array, eigenvalues: Array, n: int) -> float:
    """The share of the squared gradient norm along the eigenvectors of the `n` largest eigenvalues."""
    largest = np.argsort(-eigenvalues)[:n]
    return float(np.sum(projections[largest] ** 2) / np.sum(projections**2))


def draw(table: Table) -> Picture:
    """A spectrum for each teacher."""
    return landscape.draw(
        {f"teacher {row['teacher']}": (row["eigenvalues"], row["gradient_projections"]) for row in table}
    )


FIG7 = Figure(
    name="fig7",
    title="The loss landscape",
    caption=(
        "The exact Hessian of the mean squared error of a 1-40-40-1 tanh network (1,761 parameters) at 100,000 points "
        "of [-1, 1], after training by Adam to imitate a 1-3-3-1 network. Eigenvalues by modulus, and the gradient's "
        "part along each eigenvector: a few directions of high curvature hold nearly all of the gradient, and hundreds "
        "of eigenvalues of both signs lie near 0, many of them below the rounding of the largest. Walls and floor of a "
        "canyon: a step along the gradient goes from wall to wall."
    ),
    run=measure_landscape,
    quick=[{"teacher": k, "n": 100_000, "steps": 15_000, "batch": 2000} for k in range(2)],
    full=[{"teacher": k, "n": 100_000, "steps": 30_000, "batch": 10_000} for k in range(3)],
    draw=draw,
    claims=claims,
)
