"""`pml-native show`: what a saved model is, and its report."""

from __future__ import annotations

import argparse

from ..models import load


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument("model")
    command.add_argument("--json", action="store_true", help="its report as JSON")
    command.add_argument("--html", metavar="FILE", help="write its report there, as a page with pictures")


def run(options: argparse.Namespace) -> None:
    model = load(options.model)
    if (options.json or options.html) and model.report is None:
        raise ValueError(f"{options.model}: expected a model with a report, got one that was not fitted")
    if options.html:
        assert model.report is not None
        model.report.to_html(options.html)
    if options.json:
        assert model.report is not None
        print(model.report.to_json())
        return
    print(model)
    signature = model.signature
    print(f"inputs:  {', '.join(signature.input_names or [f'x{j}' for j in range(signature.n_inputs)])}")
    print(f"outputs: {', '.join(signature.output_names or [f'y{k}' for k in range(signature.n_outputs)])}")
    if model.encodings is not None:
        print("\n".join(model.encodings.sentences(signature.input_names)))
    if model.report is not None:
        print()
        print(model.report)
