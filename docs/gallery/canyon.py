"""The loss in the plane of a steep and a flat direction, both to one scale, and the way of gradient descent there."""

from pathlib import Path

import numpy as np

import pml_native as pml
from pml_native.figures import save
from pml_native.figures.style import PAPERS, panels
from pml_native.optimize import Adam, minimize

x = np.random.default_rng(0).uniform(-1.0, 1.0, size=(500, 1))
mlp = pml.MLP((1, 10, 10, 1))
objective = pml.LeastSquares(mlp, x, np.sin(3.0 * x))
bottom = minimize(objective, mlp.initialize(0), Adam(), max_steps=3000).params
values, vectors = np.linalg.eigh(objective.hessian(bottom))
directions = vectors[:, [-1, -5]]

u, v = np.linspace(-0.35, 0.35, 121), np.linspace(-0.6, 0.6, 121)
loss = np.array([[objective.loss(bottom + directions @ (a, b)) for a in u] for b in v])
point, way = np.array([0.06, 0.5]), []
for _ in range(60):
    way.append(point)
    _, gradient = objective.loss_and_gradient(bottom + directions @ point)
    point = point - 1.85 / values[-1] * (gradient @ directions)

picture, (axes,) = panels(1, width=5.2, height=5.6)
levels = np.linspace(np.log10(loss.min()), np.log10(loss.max()), 24)
shown = axes.contourf(u, v, np.log10(loss), levels=levels, cmap="viridis")
axes.plot(*np.array(way).T, ".-", color=PAPERS, linewidth=0.8, markersize=3, label="gradient descent")
axes.set_aspect("equal")
axes.legend(fontsize=8, loc="lower right")
axes.set_xlabel(f"along the steepest direction, curvature {values[-1]:.1g}", fontsize=8)
axes.set_ylabel(f"along the fifth, curvature {values[-5]:.1g}", fontsize=8)
bar = picture.colorbar(shown, ax=axes, format="%.1f", shrink=0.8)
bar.set_label("log10 of the loss", fontsize=8)
bar.ax.tick_params(labelsize=8)
save(picture, Path("canyon.png"))
