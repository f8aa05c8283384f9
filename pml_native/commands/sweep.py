"""`pml-native sweep`: a table of errors over families, problems, sizes and seeds."""

from __future__ import annotations

import argparse
import re
import sys

from ..files import require_writable
from ..scaling import FAMILIES, sweep
from ..scaling.settings import combinations


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Runs all combinations of the settings and writes a table with one row a run. Lists are separated by commas; "
        "0:4 is 0,1,2,3. Other settings of the families are given as NAME=LIST."
    )
    command.add_argument("--problem", type=_list, required=True, help="equations, teacher:1-3-3-1:0, legendre:12 ...")
    command.add_argument("--family", type=_list, required=True, help=f"some of {', '.join(FAMILIES)}")
    command.add_argument("--size", type=_list, required=True, help="numbers of points")
    command.add_argument("--seed", type=_list, default=[0], help="random seeds (0)")
    command.add_argument("settings", nargs="*", metavar="NAME=LIST", help="as in depth=2,3 optimizer=lm")
    command.add_argument("--store", metavar="FILE", help="keep every finished run here, and go on where it ended")
    command.add_argument("-o", "--output", metavar="CSV", help="where to write; standard output if not given")
    command.add_argument("--jobs", type=int, metavar="N", help="worker processes; as many as cores if not given")
    command.add_argument("--scheduler", metavar="ADDRESS", help="do the runs on this Dask cluster")
    command.add_argument("--retry-failed", action="store_true", help="do runs again that are stored as failed")
    command.add_argument("--quiet", action="store_true", help="no progress display")


def run(options: argparse.Namespace) -> int:
    axes = {name: getattr(options, name) for name in ("problem", "family", "size", "seed")}
    for setting in options.settings:
        name, equals, values = setting.partition("=")
        if not equals:
            raise ValueError(f"expected NAME=LIST, got {setting!r}")
        axes[name] = _list(values)
    options.output = None if options.output == "-" else options.output
    if options.output is not None:
        require_writable(options.output)
    table = sweep(
        settings=combinations(axes),
        store=options.store,
        scheduler=options.scheduler,
        jobs=options.jobs,
        progress=False if options.quiet else None,
        retry_failed=options.retry_failed,
    )
    text = table.to_csv(options.output)
    if options.output is None:
        sys.stdout.write(text)
    return 1 if len(table.failed) else 0


def _list(text: str) -> list[int | float | str]:
    """The values of "64,256", "0:4", "0.1,0.2" or "adam,lm"."""
    values: list[int | float | str] = []
    for part in text.split(","):
        if match := re.fullmatch(r"(\d+):(\d+)", part):
            values += range(int(match[1]), int(match[2]))
        else:
            values.append(_number(part))
    return values


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return text
