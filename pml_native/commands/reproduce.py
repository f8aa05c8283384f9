"""`pml-native reproduce`: figures of the paper again, with a verdict on each claim."""

from __future__ import annotations

import argparse
from pathlib import Path

from ..paper import FIGURES, Reproduced, reproduce


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.description = (
        "Writes a picture, its table and the verdict on each of its claims, and one page with all of them. Finished "
        "runs are kept in the output folder: the same command goes on where it was ended."
    )
    command.add_argument(
        "figures", nargs="+", choices=[*FIGURES, "all"], metavar="FIGURE", help=f"{', '.join(FIGURES)}, all"
    )
    size = command.add_mutually_exclusive_group()
    size.add_argument(
        "--quick",
        action="store_false",
        dest="full",
        default=False,
        help="minutes: smaller sizes, fewer seeds (default)",
    )
    size.add_argument("--full", action="store_true", help="the paper's own protocol: hours to days")
    command.add_argument("-o", "--output", default="figures", metavar="FOLDER", help="where to write (figures)")
    command.add_argument("--jobs", type=int, metavar="N", help="worker processes; as many as cores if not given")
    command.add_argument("--scheduler", metavar="ADDRESS", help="do the runs on this Dask cluster")
    command.add_argument("--quiet", action="store_true", help="no progress display")


def run(options: argparse.Namespace) -> None:
    reproduce(
        options.figures,
        full=options.full,
        output=options.output,
        jobs=options.jobs,
        scheduler=options.scheduler,
        progress=False if options.quiet else None,
        report=_print_figure,
    )
    print(f"\nall on one page: {Path(options.output) / 'index.html'}")


def _print_figure(done: Reproduced) -> None:
    failed = f", {len(done.table.failed)} FAILED" if len(done.table.failed) else ""
    print(f"\n{done.figure.name}: {done.figure.title}; {len(done.table)} runs{failed}, {done.seconds:.0f} s")
    for claim in done.claims:
        print(f"  {claim}")
    print(f"  {'  '.join(map(str, done.files))}", flush=True)
