"""What a small network leaves over, and what a second one makes of it."""

from pathlib import Path

import numpy as np

import pml_native as pml
from pml_native.figures import save
from pml_native.figures.style import COLOURS, panels
from pml_native.search.boosting import stage_network, train_stage


def f(x):
    return np.sin(3.0 * x) / (1.0 + x)


def small(data):
    return stage_network(data, hidden=(8,))


x = np.random.default_rng(0).uniform(0.0, 6.0, size=(1000, 1))
total = pml.boost(x, f(x[:, 0]), stages=2, trainer=[small, train_stage], effort=0.1)

t = np.linspace(0.1, 5.9, 1501)
picture, axes = panels(len(total.stages), columns=1, width=7.0, height=2.3, sharex=True)
for one, k in zip(axes, range(1, 3), strict=False):
    left = total.truncated(k).residuals(t[:, None], f(t))[:, 0]
    size = np.sqrt(np.mean(left**2))
    one.plot(t, left / size, color=COLOURS[k - 1], linewidth=0.8)
    what = "a network of 8 units leaves over" if k == 1 else "the sum with another of 60 leaves over"
    one.set_title(f"what {what}, in units of its RMS, {size:.0e}", loc="left", fontsize=9)
axes[-1].set_xlabel("x", fontsize=8)
save(picture, Path("boosting.png"))
