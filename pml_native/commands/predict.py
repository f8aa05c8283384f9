"""`pml-native predict`: a saved model at the rows of a table."""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np

from ..models import load
from ..tables import Table, csv_lines, write_csv


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model")
    command.add_argument("data", help="file with the model's input columns")
    command.add_argument("-o", "--output", metavar="CSV", help="where to write; standard output if not given")
    command.add_argument("--gradient", action="store_true", help="add the derivatives with respect to the inputs")


def run(options: argparse.Namespace) -> None:
    model = load(options.model)
    signature = model.signature
    table = Table.open(options.data)
    names = signature.input_names
    if names is None:
        if len(table.columns) != signature.n_inputs:
            raise ValueError(f"{table.path}: expected {signature.n_inputs} columns, got {len(table.columns)}")
        names = table.columns
    table.require(names, "the model's input")
    given: Any = table.read_any(names)
    X = model.as_inputs(given)
    outputs = list(signature.output_names or [f"y{k}" for k in range(signature.n_outputs)])
    values = model.evaluate(X)
    if options.gradient:
        gradient = model.evaluate_gradient(X)
        values = np.hstack([values, gradient.reshape(len(X), -1)])
        outputs += [f"d({output})/d({name})" for output in list(outputs) for name in names]
    if options.output in (None, "-"):
        sys.stdout.writelines(csv_lines(outputs, values))
    else:
        write_csv(options.output, outputs, values)
