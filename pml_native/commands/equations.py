"""`pml-native equations`: the equations of the paper, their formulas and ranges."""

from __future__ import annotations

import argparse

from ..problems import equations


def add_arguments(command: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace) -> None:
    width = max(len(equation.formula) for equation in equations.values())
    for equation in equations.values():
        ranges = ", ".join(
            f"{name} [{low:g}, {high:g}]" for name, (low, high) in zip(equation.variables, equation.bounds, strict=True)
        )
        print(f"{equation.name:9} {equation.formula:{width}}  {ranges}")
