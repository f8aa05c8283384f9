"""The command `pml-native`: arguments -> one call."""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from ._version import __version__

# Each command is the module of this name in `commands`, and this is what `pml-native --help` says of it.
COMMANDS = {
    "fit": "fit a table, or an equation of the paper",
    "predict": "evaluate a saved model on a table",
    "show": "describe a saved model",
    "equations": "list the equations of the paper",
    "sweep": "measure families on problems over sizes and seeds",
    "reproduce": "run figures of the paper again",
    "info": "versions, instruction sets, threads",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit code: 0, 1 where runs of a sweep failed, 2 for input that can't be used."""
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = lambda message, *_, **__: print(f"pml-native: warning: {message}", file=sys.stderr)
        try:
            options = parser().parse_args(arguments)
            code: int | None = options.run(options)
            sys.stdout.flush()
            return code or 0
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except KeyboardInterrupt:
            print("pml-native: interrupted", file=sys.stderr)
            return 130
        except (ValueError, OSError, KeyError, ImportError) as error:
            text = error.args[0] if isinstance(error, KeyError) else error
            print(f"pml-native: error: {text}", file=sys.stderr)
            return 2
        except MemoryError:
            print("pml-native: error: not enough memory for this table", file=sys.stderr)
            return 2
    return 0


def parser() -> argparse.ArgumentParser:
    """That of all commands."""
    every = argparse.ArgumentParser(
        prog="pml-native", description="Fit smooth, noise-free data as exactly as float64 allows."
    )
    every.add_argument("--version", action="version", version=f"pml_native {__version__}")
    commands = every.add_subparsers(required=True, metavar="COMMAND", parser_class=Command)
    for name, what_it_does in COMMANDS.items():
        commands.add_parser(name, help=what_it_does)
    return every


class Command(argparse.ArgumentParser):
    """The parser of one command, which has options only once it is used: they name what the package can do, and to
    import all of that takes ten times as long as to print `pml-native --help`."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self.get_default("run") is None:
            self.take_options()
        return super().parse_known_args(args, namespace)

    def take_options(self) -> None:
        module = import_module(f".commands.{self.prog.split()[-1]}", __package__)
        module.add_arguments(self)
        self.set_defaults(run=module.run)
