"""Runs figures of the paper: a table, a picture and the verdict on each claim, and one page with all of them."""

from __future__ import annotations

import csv
import importlib
import io
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from ..figures import page, save
from ..files import replacing
from ..info import info
from ..scaling import Table, sweep
from .figure import Claim, Figure
from .protocol import FIGURES

STORE = "runs.sqlite"
# Where what pictures and runs need comes from.
EXTRAS = {"matplotlib": "plot", "sympy": "formula"}


@dataclass(frozen=True)
class Reproduced:
    """A figure that has been run: its table, its claims with their values, and the files written."""

    figure: Figure
    table: Table
    claims: tuple[Claim, ...]
    files: tuple[Path, ...]
    seconds: float


def reproduce(
    names: Iterable[str] = ("all",),
    *,
    full: bool = False,
    output: str | os.PathLike[str] = "figures",
    jobs: int | None = None,
    scheduler: str | None = None,
    progress: bool | None = None,
    report: Callable[[Reproduced], None] | None = None,
) -> list[Reproduced]:
    """The figures `names` ("fig1" ... "fig10", or "all") of "Precision Machine Learning", as files in `output`.

    full : the paper's own protocol (hours to days); otherwise smaller sizes and fewer seeds, some minutes a figure.
    jobs, scheduler, progress : as in `scaling.sweep`.
    report : called with each figure as soon as its files are written.

    Each figure leaves NAME.png, NAME.csv (the table) and NAME-claims.csv; index.html, written anew after each, shows
    all that were asked for, and needs no other file. Finished runs are kept in `output`/runs.sqlite: after Ctrl-C or
    a crash, the same call goes on where it ended. Raises KeyError for a name that isn't there, ImportError without
    what a figure needs.
    """
    wanted = list(names)
    chosen = list(FIGURES.values()) if wanted == ["all"] else [_figure(name) for name in dict.fromkeys(wanted)]
    _require(["matplotlib", *(module for figure in chosen for module in figure.needs)])
    folder = Path(output)
    folder.mkdir(parents=True, exist_ok=True)
    done: list[Reproduced] = []
    for figure in chosen:
        start = perf_counter()
        table = sweep(
            figure.run,
            settings=figure.settings(full),
            store=folder / STORE,
            jobs=jobs,
            scheduler=scheduler,
            progress=progress,
            version_matters=True,
        )
        done.append(_written(figure, table, folder, start))
        with replacing(folder / "index.html") as file:
            file.write(_page(done, full).encode())
        if report is not None:
            report(done[-1])
    return done


def _require(modules: Iterable[str]) -> None:
    """Asked for before hours of runs, not after."""
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError:
            extra = EXTRAS[module]
            raise ImportError(f'these figures need {module}: pip install "pml_native[{extra}]"') from None


def _figure(name: str) -> Figure:
    if name not in FIGURES:
        raise KeyError(f"figure {name!r} is not one of {', '.join(FIGURES)}, or all")
    return FIGURES[name]


def _written(figure: Figure, table: Table, folder: Path, start: float) -> Reproduced:
    picture, rows, verdicts = (folder / f"{figure.name}{ending}" for ending in (".png", ".csv", "-claims.csv"))
    table.to_csv(rows)
    claims = tuple(figure.claims(table.done))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["claim", "value", "low", "high", "holds", "ours"])
    writer.writerows([c.text, float(c.value), c.low, c.high, c.holds, c.ours] for c in claims)
    with replacing(verdicts) as file:
        file.write(text.getvalue().encode())
    save(figure.draw(table.done), picture)
    return Reproduced(figure, table, claims, (picture, rows, verdicts), perf_counter() - start)


def _page(done: list[Reproduced], full: bool) -> str:
    sections = [
        page.Section(
            one.figure.name,
            one.figure.title,
            one.figure.caption,
            one.files[0].read_bytes(),
            [(c.text, f"{c.value:.3g}", c.band, c.holds, c.ours) for c in one.claims],
            [list(map(str, one.table.columns)), *([row.get(name) for name in one.table.columns] for row in one.table)],
            f"{len(one.table)} runs, {len(one.table.failed)} failed; {np.nansum(one.table.seconds):.0f} s of computing",
        )
        for one in done
    ]
    return page.render("Precision Machine Learning, reproduced", "full" if full else "quick", sections, _versions())


def _versions() -> dict[str, str]:
    return {name: ", ".join(value) if isinstance(value, list) else str(value) for name, value in info().items()}
