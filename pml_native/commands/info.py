"""`pml-native info`: versions, instruction sets, threads."""

from __future__ import annotations

import argparse

from ..info import info


def add_arguments(command: argparse.ArgumentParser) -> None:
    """None."""


def run(options: argparse.Namespace) -> None:
    for name, value in info().items():
        print(f"{name:14} {', '.join(value) if isinstance(value, list) else value}")
