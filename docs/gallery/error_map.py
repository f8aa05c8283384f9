"""Where a model is wrong: the error over the box, of four families fitted to the same 2,000 points."""

from pathlib import Path

import numpy as np

import pml_native as pml
from pml_native.figures import save
from pml_native.figures.style import panels


def f(X):
    return np.sin(4.0 * X[:, 0] + X[:, 1]) / (1.0 + X[:, 0] ** 2 + 2.0 * X[:, 1] ** 2)


rng = np.random.default_rng(0)
X = rng.uniform(-1.0, 1.0, size=(2000, 2))
y = f(X)
models = {
    "linear on simplices": pml.SimplexInterpolator(X, y, outside="linear"),
    "radial basis functions": pml.fit_rbf(X, y, effort=0.1),
    "networks": pml.fit(X, y, method="network", effort=0.1, progress=False),
    "polynomial": pml.fit_polynomial(X, y, effort=0.1),
}

axis = np.linspace(-1.0, 1.0, 240)
grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
truth = f(grid)
picture, axes = panels(len(models), columns=2, width=4.3, height=3.7, sharex=True, sharey=True)
for one, (title, model) in zip(axes, models.items(), strict=True):
    error = np.maximum(np.abs(model(grid) - truth), 1e-17).reshape(len(axis), -1)
    shown = one.imshow(
        np.log10(error.T), origin="lower", extent=(-1, 1, -1, 1), vmin=-10, vmax=-2, cmap="viridis", aspect="equal"
    )
    one.grid(visible=False)
    one.set_title(f"{title}: RMSE {np.sqrt(np.mean(error**2)):.0e}", loc="left", fontsize=9)
bar = picture.colorbar(shown, ax=axes, shrink=0.7)
bar.set_label("log10 of the absolute error", fontsize=8)
bar.ax.tick_params(labelsize=8)
save(picture, Path("error_map.png"))
