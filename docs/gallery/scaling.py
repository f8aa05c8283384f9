"""Errors against the number of points, for linear interpolation on simplices and for splines on grids."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pml_native as pml
from pml_native.figures import save
from pml_native.figures.scaling import Curve, draw

sizes = [2**k for k in range(4, 15, 2)]
curves = []
with ThreadPoolExecutor(max_workers=1) as executor:  # without one, worker processes do the runs
    simplex = pml.scaling.sweep(
        problem="exp(xy)", family="simplex", size=[*sizes, 2**16], seed=range(3), executor=executor, progress=False
    )
    curves.append(Curve("linear on simplices", simplex.column("n_points"), simplex.column("rmse"), expected=-2 / 2))
    for degree in (1, 3, 5, 7):
        spline = pml.scaling.sweep(
            problem="exp(xy)", family="spline", degree=degree, size=sizes[2:], executor=executor, progress=False
        )
        label = f"spline of degree {degree}"
        curves.append(Curve(label, spline.column("n_points"), spline.column("rmse"), expected=-(degree + 1) / 2))

picture = draw({"exp(x y) in the unit square": curves}, x="points", y="relative RMSE", width=7.0, height=4.5)
save(picture, Path("scaling.png"))
