"""Optimizers beside each other: in each column the same network, start and rows."""

from pathlib import Path

import numpy as np

import pml_native as pml
from pml_native.figures import save
from pml_native.figures.style import COLOURS
from pml_native.figures.training import Training, draw
from pml_native.optimize import BFGS, LBFGS, Adam, LevenbergMarquardt, LogLoss, SSBroyden, minimize

SECONDS = 2.0


def run(label, colour, optimizer, objective, start, in_logarithms=False):
    target = LogLoss(objective) if in_logarithms else objective
    history = minimize(target, start, optimizer, max_steps=100_000, max_seconds=SECONDS).history
    loss = np.exp(history.loss) if in_logarithms else np.array(history.loss)
    error = np.minimum.accumulate(np.sqrt(loss / np.mean(objective.y**2)))
    kept = np.unique(np.geomspace(1, len(error), 300).astype(int)) - 1
    return Training(label, colour, [(0, int(k), float(error[k]), history.seconds[k]) for k in kept])


rng = np.random.default_rng(0)
x, X = rng.uniform(-1.0, 1.0, size=(1000, 1)), rng.uniform(-1.0, 1.0, size=(1000, 2))
columns = {}
for title, mlp, inputs, y in (
    ("sin 3x, 1-20-1", pml.MLP((1, 20, 1)), x, np.sin(3.0 * x)),
    ("x y, 2-12-12-1", pml.MLP((2, 12, 12, 1)), X, X[:, :1] * X[:, 1:]),
):
    objective, start = pml.LeastSquares(mlp, inputs, y), mlp.initialize(0)
    columns[title] = [
        run("Adam", COLOURS[0], Adam(), objective, start),
        run("L-BFGS", COLOURS[1], LBFGS(), objective, start),
        run("BFGS, log of the loss", COLOURS[2], BFGS(), objective, start, in_logarithms=True),
        run("self-scaled Broyden", COLOURS[3], SSBroyden(), objective, start),
        run("Levenberg-Marquardt", COLOURS[4], LevenbergMarquardt(), objective, start),
    ]
save(draw(columns, y="relative RMSE at the rows"), Path("training.png"))
