"""The Hessian of a network's loss: its eigenvalues, and the gradient's part along each eigenvector."""

from pathlib import Path

import numpy as np

import pml_native as pml
from pml_native.figures import save
from pml_native.figures.landscape import draw
from pml_native.optimize import Adam, LevenbergMarquardt, minimize

x = np.random.default_rng(0).uniform(-1.0, 1.0, size=(1000, 1))
mlp = pml.MLP((1, 20, 20, 1))
objective = pml.LeastSquares(mlp, x, np.sin(3.0 * x))
spectra = {}
params = mlp.initialize(0)
for name, optimizer, steps in (
    ("after 2,000 steps of Adam", Adam(), 2000),
    ("and 100 of Levenberg-Marquardt", LevenbergMarquardt(), 100),
):
    params = minimize(objective, params, optimizer, max_steps=steps).params
    found = pml.spectrum(objective, params)
    spectra[name] = found.eigenvalues, found.gradient_projections
save(draw(spectra), Path("landscape.png"))
