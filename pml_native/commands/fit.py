"""`pml-native fit`: a table, or an equation of the paper, to a model."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..arrays import ERRORS, MISSING, OUTLIERS, Array
from ..columns import Columns
from ..files import is_special, is_standard_output, require_writable
from ..fit import fit
from ..models import OUTSIDE, Model
from ..problems import equations
from ..report import Errors
from ..search import SEARCHES
from ..tables import Table

TEST_POINTS = 10_000


def add_arguments(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "data",
        nargs="?",
        help="file of text with a header line (CSV ...), Parquet, FITS, HDF5 or NetCDF, or a folder",
    )
    command.add_argument("--target", help="column(s) to predict, separated by commas")
    command.add_argument("--features", help="columns to predict from; all others if not given")
    command.add_argument(
        "--gradients",
        metavar="COLUMNS",
        help="of derivatives by each feature, in their order; empty for none",
    )
    command.add_argument(
        "--header",
        action=argparse.BooleanOptionalAction,
        help="whether the first line has the names of the columns; seen by itself if not given",
    )
    command.add_argument("--equation", metavar="NAME", help="fit this equation instead of a file")
    command.add_argument("--n", type=int, default=4000, metavar="ROWS", help="points to draw from the equation (4000)")
    command.add_argument("-o", "--output", metavar="MODEL", help="where to save the model; - is standard output")
    command.add_argument("--method", default="auto", choices=["auto", *SEARCHES])
    command.add_argument(
        "--effort", type=float, default=1.0, metavar="WORK", help="budget of work; repeats exactly (1)"
    )
    command.add_argument("--time-limit", type=float, default=60.0, metavar="SECONDS", help="ends it even so (60)")
    command.add_argument("--tolerance", type=float, metavar="ERROR", help="relative RMSE at which to stop early")
    command.add_argument("--error", default="absolute", choices=ERRORS, help="errors of y, or relative to each y")
    command.add_argument("--missing", default="raise", choices=MISSING, help="what is done with rows that have NaN")
    command.add_argument("--outliers", default="keep", choices=OUTLIERS, help="what with rows far from what others say")
    command.add_argument(
        "--breaks", action="append", metavar="COLUMN=VALUES", help="values, by commas, where the law of y changes"
    )
    command.add_argument("--regions", metavar="COLUMN", help="column whose few values say which law y follows")
    command.add_argument(
        "--periods", action="append", metavar="COLUMN=PERIOD", help="column that repeats itself, and after how much"
    )
    command.add_argument("--outside", choices=OUTSIDE, help="what the model answers outside of the box of the rows")
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--threads", type=int, metavar="N", help="threads to use; all cores if not given")
    command.add_argument("--quiet", action="store_true", help="no progress display")


def run(options: argparse.Namespace) -> None:
    if not is_standard_output(options.output):
        _run(options)
        return
    options.output = "/dev/stdout"
    with contextlib.redirect_stdout(sys.stderr):  # the report would stand in the middle of the model
        _run(options)


def _run(options: argparse.Namespace) -> None:
    if (options.data is None) == (options.equation is None):
        raise ValueError("fit: expected a data file or --equation NAME, and not both")
    if options.output is not None:
        require_writable(options.output)
    breaks, periods = _by_column(options.breaks, "--breaks"), _by_column(options.periods, "--periods")
    settings = {
        "breaks": {column: [*map(_number, values.split(","))] for column, values in breaks} or None,
        "regions": options.regions,
        "periods": {column: _number(period) for column, period in periods} or None,
        "method": options.method,
        "effort": options.effort,
        "time_limit": options.time_limit,
        "tolerance": options.tolerance,
        "error": options.error,
        "missing": options.missing,
        "outliers": options.outliers,
        "outside": options.outside,
        "random_state": options.seed,
        "n_threads": options.threads,
        "progress": False if options.quiet else None,
        # A pipe or a device takes the model once, at the end.
        "checkpoint": None if options.output is None or is_special(options.output) else options.output,
    }
    if options.equation is not None:
        equation = equations[options.equation]
        X, y = equation.sample(options.n, options.seed)
        model = fit(X, y, input_names=equation.variables, output_names=["y"], **settings)
        print(f"{equation.name}: y = {equation.formula}\n")
        print(model.report)
        X, y = equation.sample(TEST_POINTS, np.random.default_rng([options.seed, 1]))
        errors = Errors.of(model(X)[:, None], y[:, None])
        print(
            f"\non {TEST_POINTS} fresh points: RMSE {errors.rmse:.2e}   95th percentile {errors.p95:.2e}   "
            f"maximum {errors.max:.2e}"
        )
    else:
        make = _fit_folder if os.path.isdir(options.data) else _fit_table
        model = make(options, settings)
        print(model.report)
    if options.output is not None:
        _save(model, options.output)


def _fit_folder(options: argparse.Namespace, settings: dict[str, object]) -> Model:
    """A table in the files of a folder, which is read in chunks."""
    if options.target is None:
        raise ValueError(f"{options.data}: expected --target, the columns to predict of the tables in the folder")
    for name in ("features", "gradients", "header"):
        if getattr(options, name) is not None:
            raise ValueError(f"--{name}: expected none for a folder of tables, got {getattr(options, name)!r}")
    return fit(options.data, options.target.split(","), **settings)  # type: ignore[arg-type]


def _fit_table(options: argparse.Namespace, settings: dict[str, object]) -> Model:
    table = Table.open(options.data, options.header)
    if options.target is None:
        raise ValueError(f"{table.path}: expected --target, one of the columns {', '.join(map(repr, table.columns))}")
    targets = options.target.split(",")
    table.require(targets, "target")
    slopes = options.gradients.split(",") if options.gradients else []
    features = options.features.split(",") if options.features else table.features([*targets, *filter(None, slopes)])
    table.require(features, "feature")
    if slopes and (len(targets) != 1 or len(slopes) != len(features)):
        wanted = f"one target and {len(features)} columns, one for each of {', '.join(map(repr, features))}"
        raise ValueError(f"--gradients: expected {wanted}, got {len(targets)} and {len(slopes)}")
    table.require([name for name in slopes if name], "gradient")
    if set(features) & set(targets):
        raise ValueError(
            f"--features: expected columns other than the target, got {sorted(set(features) & set(targets))}"
        )
    if not features:
        raise ValueError(f"{table.path}: expected at least one column beside the target")
    if slopes:  # which may be missing, as y may where they are known: `fit` says where it may not
        derivatives = table.read([name for name in slopes if name], may_miss=True)
        settings["gradients"] = _in_places(derivatives, slopes)
    values = table.read_any([*features, *targets], may_miss=bool(slopes) or options.missing == "drop")
    X: Any
    y: Any
    if isinstance(values, Columns):
        X, y = (Columns((name, values[name]) for name in names) for names in (features, targets))
        y = y[targets[0]] if len(targets) == 1 else y
    else:
        X, y = values[:, : len(features)], values[:, len(features) :]
        y = y[:, 0] if len(targets) == 1 else y
    return fit(X, y, input_names=features, output_names=targets, **settings)  # type: ignore[arg-type]


def _in_places(values: Array, names: Sequence[str]) -> Array:
    """The columns of `values` at the places of `names` that are not empty, NaN at the others."""
    places = [j for j, name in enumerate(names) if name]
    found = np.full((len(values), len(names)), np.nan)
    found[:, places] = values
    return found


def _by_column(given: Sequence[str] | None, option: str) -> list[tuple[str, str]]:
    """Each text as a column and what follows its last =."""
    found = []
    for text in given or ():
        column, _, values = text.rpartition("=")
        if not (column and values):
            raise ValueError(f"{option}: expected COLUMN=VALUE, got {text!r}")
        found.append((column, values))
    return found


def _number(text: str) -> float | str:
    """Text as a number, or as it is, as dates are."""
    try:
        return float(text)
    except ValueError:
        return text


def _save(model: Model, path: str) -> None:
    try:
        model.save(path)
    except OSError as error:
        # A minute's work must not be lost to a full disk: what can't be saved here may be saved elsewhere.
        handle, other = tempfile.mkstemp(prefix="model-", suffix=".pml")
        os.close(handle)
        model.save(other)
        raise OSError(f"{path} could not be written ({error}); the model is in {other}") from None
    print(f"\nsaved to {path}")
