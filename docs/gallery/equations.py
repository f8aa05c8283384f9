"""Errors of `fit` and of single families on equations of physics, 1,000 points each."""

from pathlib import Path

import numpy as np

import pml_native as pml
from pml_native.figures import save
from pml_native.figures.dots import draw
from pml_native.report import Errors

rows = {}
for name in ("I.6.2", "I.8.14", "I.10.7", "I.26.2", "I.40.1", "II.6.15a"):
    equation = pml.problems.equations[name]
    X, y = equation.sample(1000, 0)
    points, values = equation.test_box(3000, np.random.default_rng(1))
    models = {
        "fit": pml.fit(X, y, effort=0.1, progress=False),
        "polynomial": pml.fit_polynomial(X, y, effort=0.01),
        "radial basis functions": pml.fit_rbf(X, y, effort=0.01),
        "linear on simplices": pml.SimplexInterpolator(X, y, outside="linear"),
    }
    formula = equation.formula if len(equation.formula) < 34 else equation.formula[:31] + "..."
    rows[f"{name}  {formula}"] = {
        method: Errors.of(model(points)[:, None], values[:, None]).rmse for method, model in models.items()
    }
picture = draw(rows, ring="fit", ring_label="fit", x="relative RMSE on 3,000 fresh points of the inner 80 %")
save(picture, Path("equations.png"))
