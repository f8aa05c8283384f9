"""How `fit` cuts a table where its law changes: each piece is a race of its own, and their models are joined.

Of one column the cuts are found in the rows (cuts.py); of any column they may be given. The models of the pieces meet
where both have the same value, if y has a kink there; where a higher derivative jumps, the place is that of the rows,
and the values of both differ by rounding. A jump lies between two rows, and about where in between no row tells. As
laws mostly change where somebody has said so, at 1000 K or 9.6 m, the model takes the number of fewest decimals; it
knows the gap (`Piecewise.undecided`), which the error over the box contains.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from ..arrays import Array, Samples, rms_of_columns
from ..hold_out import split
from ..models import Composed, Model, Outputs, Piecewise, Polynomial, Signature
from ..models.piecewise import CUSP, UNKNOWN
from ..report import Join, PieceErrors, counted
from ..search.ends import DEVIATIONS, cusp_of
from ..search.scheduler import Next, Part, Start, State, Step, Steps, Worker
from ..search.search import CALL, WORK_A_SECOND, Found, Rows, own_rng
from .agreement import Box, chosen_by_agreement
from .cuts import Cut, cuts_of, work_of
from .limits import rounding_of_outputs
from .race import ROUNDS, Race, Row, line_of
from .reduced import with_prefix

SEARCH = "pieces"
# Of the work of the race, what is there for all the pieces together.
PIECES_SHARE = 0.9
# Races side by side take turns of this much.
TURN_WORK = 0.2 * WORK_A_SECOND
# Rows of a piece at least, and rows held out of one.
FEWEST_ROWS, FEWEST_HELD_OUT = 8, 3
# Rows among which a cusp is looked for.
MOST_ROWS_OF_A_CUSP = 4000
# Decimals of the place of a jump.
MOST_DECIMALS = 17
# Cuts that the record names.
MOST_NAMED = 6


@dataclass(eq=False)
class _Piece:
    """The rows of a piece, the race on them, and the best that was found there."""

    rows: Rows
    race: Race | None
    best: Found | None = None
    done: float = 0.0


class PiecesSearch:
    """The search for models of the pieces between cuts, each by `table`.

    The cuts are those that the rows show, a cusp if the function `has_cusp`, or in a column and at places that are
    `given`.
    """

    def __init__(
        self,
        race: Race,
        table: Sequence[Row],
        given: tuple[int, Sequence[float]] | None = None,
        *,
        has_cusp: bool = False,
    ) -> None:
        self.has_cusp = has_cusp
        # Nothing is drawn of the race's generator: without cuts others draw what they do without this search.
        self.race, self.rows, self.table, self.rng = race, race.rows, table, own_rng(copy.deepcopy(race.rng))
        self.column = 0 if given is None else given[0]
        self.given = None if given is None else [Cut(place, place, place, UNKNOWN, math.inf) for place in given[1]]
        self.cuts: list[Cut] = []
        self.between: list[Samples] = []  # of each cut, all rows in the gap that it is known to lie in
        self.prospect = 0.0

    def steps(self) -> Steps:
        name = (self.rows.train.input_names or tuple(f"x{j}" for j in range(self.rows.n_inputs)))[self.column]
        if self.given is None:
            X = np.concatenate([self.rows.train.X, self.rows.held_out.X])
            y = np.concatenate([self.rows.train.y, self.rows.held_out.y])
            if not self.has_cusp:
                [self.cuts] = yield [Step(work_of(len(X)), lambda worker: cuts_of(X[:, 0], y[:, 0]))]
            elif len(X) <= MOST_ROWS_OF_A_CUSP:
                cusp = yield from cusp_of(X[:, 0], y[:, 0])
                if cusp is not None:
                    place, width = cusp[0], DEVIATIONS * cusp[1]
                    self.cuts = [Cut(place, place - width, place + width, CUSP, math.inf)]
        else:
            self.cuts = self.given
        pieces = self._pieces()
        if not self.cuts:
            return
        table = self.rows.table or self.rows.train
        x = table.X[:, self.column]
        self.between = [table.take(np.flatnonzero((cut.low < x) & (x < cut.high))) for cut in self.cuts]
        places = ", ".join(f"{cut.place:.6g}" for cut in self.cuts[:MOST_NAMED])
        more = f" and {len(self.cuts) - MOST_NAMED} more places" if len(self.cuts) > MOST_NAMED else ""
        why = "the law of y changes" if self.given is None else "the table is cut, as asked,"
        yield line_of(f"{why} at {name} = {places}{more}: each piece has a race of its own", self.race.start)
        yield from self._raced(pieces)

    # --- pieces

    def _pieces(self) -> list[_Piece]:
        """The pieces between the cuts; of cuts that leave a piece too few rows, one is given up."""
        while True:
            sides = [self._sides(samples) for samples in (self.rows.train, self.rows.held_out)]
            counts = np.bincount(np.concatenate(sides), minlength=len(self.cuts) + 1)
            few = int(np.argmin(counts))
            if counts[few] >= FEWEST_ROWS or self.given is not None or not self.cuts:
                break
            near = [k for k in (few - 1, few) if 0 <= k < len(self.cuts)]
            del self.cuts[min(near, key=lambda k: self.cuts[k].contrast)]
        if not self.cuts:
            return []
        return [self._piece(k, *(np.flatnonzero(side == k) for side in sides)) for k in range(len(self.cuts) + 1)]

    def _sides(self, samples: Samples) -> NDArray[np.intp]:
        """Which piece each row belongs to."""
        places = [cut.place for cut in self.cuts]
        return np.searchsorted(places, samples.X[:, self.column], side="right")

    def _piece(self, number: int, train: NDArray[np.intp], held_out: NDArray[np.intp]) -> _Piece:
        outer = self.race
        of_train = self.rows.train.take(train, apart=False)
        of_held_out = self.rows.held_out.take(held_out, apart=False)
        if len(held_out) < FEWEST_HELD_OUT and len(train) >= FEWEST_HELD_OUT:
            some, of_held_out = split(of_train, None, self.rng)
            of_train = some.all()
        # A model may be asked up to the ends of its piece, where no row need be.
        table = self.rows.train if self.rows.table is None else self.rows.table
        corners = np.stack([of_train.X.min(axis=0), of_train.X.max(axis=0)])
        places = [-math.inf, *(cut.place for cut in self.cuts), math.inf]
        ends = np.min(table.X[:, self.column]), np.max(table.X[:, self.column])
        corners[:, self.column] = np.clip(places[number : number + 2], *ends)
        rows = Rows(of_train, of_held_out, corners, degrees=self.rows.degrees)
        if not np.ptp(of_train.y, axis=0).any() and not np.ptp(of_held_out.y, axis=0).any():
            return _Piece(rows, None, _constant(rows))
        n_pieces = len(self.cuts) + 1
        times = float(np.max(rms_of_columns(self.rows.train.y) / rms_of_columns(of_train.y)))
        race = Race(
            rows,
            self.table,
            own_rng(self.rng),
            PIECES_SHARE * outer.work / n_pieces,
            outer.enough * times,
            rounding_of_outputs(of_train.y).known,
            depth=outer.depth + 1,
            start=outer.start,
            is_over=outer.is_over,
        )
        return _Piece(rows, race)

    def _raced(self, pieces: list[_Piece]) -> Steps:
        """The races in turns; after each round the models that are best by now, joined."""
        races = {k: piece.race for k, piece in enumerate(pieces) if piece.race is not None}
        runs = dict(zip(races, (yield Start(list(races.values()))), strict=True))
        for run in runs.values():
            run.allow(math.inf)
        going, target = list(races), 0.0
        offered: list[Found] = []
        while True:
            target += TURN_WORK
            for k in list(going):
                piece = pieces[k]
                while piece.done < target or piece.best is None:
                    event = yield Next(runs[k])
                    piece.done = event.work
                    if isinstance(event.found, str):
                        yield with_prefix(event.found, f"piece {k + 1} of {len(pieces)}: ")
                    elif event.found is not None and (piece.best is None or event.found.score < piece.best.score):
                        piece.best = event.found
                    if event.state is State.ENDED:
                        going.remove(k)
                        break
            best = [piece.best for piece in pieces if piece.best is not None]
            if len(best) < len(pieces):
                return  # a race that ends without a model has met the deadline
            if not going:
                best = yield from self._settled(pieces)
            if not offered or any(one is not other for one, other in zip(best, offered, strict=True)):
                offered = best
                work = sum(self.rows.n * one.model.n_params for one in best) + 30.0 * CALL
                [found] = yield [Step(work, partial(self._whole, best))]
                yield found
            if not going:
                return

    def _settled(self, pieces: list[_Piece]) -> Part[list[Found]]:
        """The models of the pieces that others agree with over all of each piece, and not only at its rows."""

        def settled(piece: _Piece, seed: int, worker: Worker) -> Found:
            assert piece.best is not None
            if piece.race is None:
                return piece.best
            found = list(piece.race.found.values())
            box = Box(piece.rows.train, np.random.default_rng(seed), max(one.model.n_params for one in found))
            return chosen_by_agreement(piece.best, found, box, is_settled=False)[0]

        seeds = self.rng.integers(2**63, size=len(pieces)).tolist()
        each = zip(pieces, seeds, strict=True)
        best: list[Found] = yield [Step(100.0 * CALL, partial(settled, piece, seed)) for piece, seed in each]
        return best

    # --- models

    def _whole(self, best: Sequence[Found], worker: Worker) -> Found:
        """The models of the pieces as one."""

        def refit(samples: Samples) -> Model:
            models = [_again(one, one.refit, part) or one.model for one, part in self._shares(best, samples)]
            return self._joined(models, samples)

        def nearby(samples: Samples) -> Model | None:
            again = [_again(one, one.nearby, part) for one, part in self._shares(best, samples)]
            models = [model for model in again if model is not None]
            # A jump stays where all rows say: that it may be elsewhere in its gap, `Piecewise.undecided` tells.
            return self._joined(models, None) if len(models) == len(again) else None

        cost = None
        if any(one.nearby_work is not None for one in best):
            cost = sum(one.nearby_work or self.rows.n * float(one.model.n_params) ** 2 for one in best)
        families = ", ".join(f"{one.description}" for one in best[:MOST_NAMED])
        more = ", ..." if len(best) > MOST_NAMED else ""
        return self.rows.found(
            self._joined([one.model for one in best], None),
            Piecewise.family,
            f"{counted(len(best), 'piece')}: {families}{more}",
            status="joined",
            refit=refit,
            nearby=nearby,
            nearby_work=cost,
            uses_derivatives=all(one.uses_derivatives for one in best),
        )

    def _shares(self, best: Sequence[Found], samples: Samples) -> Iterator[tuple[Found, Samples]]:
        sides = self._sides(samples)
        for k, one in enumerate(best):
            yield one, samples.take(np.flatnonzero(sides == k), apart=False)

    def _joined(self, models: Sequence[Model], samples: Samples | None) -> Piecewise:
        """The models side by side, joined where they meet; `samples`, if given, are the rows that jumps lie between."""
        cuts = [
            self._met(cut, models[k], models[k + 1], between, samples)
            for k, (cut, between) in enumerate(zip(self.cuts, self.between, strict=True))
        ]
        x = self.rows.train.X[:, self.column] if self.rows.table is None else self.rows.table.X[:, self.column]
        ends = min(float(np.min(x)), cuts[0].low), max(float(np.max(x)), cuts[-1].high)
        breaks = [float(np.nextafter(ends[0], -np.inf)) if ends[0] >= cuts[0].place else ends[0]]
        breaks += [cut.place for cut in cuts]
        breaks.append(float(np.nextafter(ends[1], np.inf)) if ends[1] <= cuts[-1].place else ends[1])
        gaps = [[min(cut.low, cut.place), max(cut.high, cut.place)] for cut in cuts]
        model = Piecewise(
            breaks,
            models,
            Signature.of(self.rows.train),
            column=self.column,
            gaps=np.reshape(gaps, (-1, 2)),
            orders=[cut.order for cut in cuts],
        )
        return flattened(model)

    def _met(self, cut: Cut, lower: Model, upper: Model, between: Samples, samples: Samples | None) -> Cut:
        """The cut where these two models meet, for a kink; for a jump the gap between the rows of the two."""

        def difference(X: Array) -> Array:
            return (upper.evaluate(X) - lower.evaluate(X))[:, 0]

        if cut.order == 1:
            width = max(cut.high - cut.low, 8.0 * float(np.spacing(abs(cut.place))))
            ends = np.array([[cut.low - width], [cut.high + width]])
            at = difference(ends)
            if at[0] * at[1] < 0.0:
                place = float(brentq(lambda x: difference(np.array([[x]]))[0], *ends[:, 0], xtol=1e-300, rtol=8.9e-16))
                return replace(cut, place=place)
        if cut.order != 0:
            return cut
        low, high = cut.low, cut.high
        if samples is not None:
            x = samples.X[:, self.column]
            low, high = np.max(x[x <= low], initial=-np.inf), np.min(x[x >= high], initial=np.inf)
            between = samples.take(np.flatnonzero((low < x) & (x < high)))
        if len(between.X):
            inside = between.X[:, self.column]
            misses = [np.max(np.abs(model.evaluate(between.X) - between.y), axis=1) for model in (lower, upper)]
            is_lower = misses[0] <= misses[1]
            low, high = np.max(inside[is_lower], initial=low), np.min(inside[~is_lower], initial=high)
        if not (math.isfinite(low) and math.isfinite(high) and low < high):
            return cut
        return replace(cut, place=roundest(float(low), float(high)), low=float(low), high=float(high))


def roundest(low: float, high: float) -> float:
    """The number of fewest decimals between two others, next to their middle; the middle where no decimal is."""
    middle = 0.5 * low + 0.5 * high
    first = math.floor(math.log10(max(abs(low), abs(high)))) + 1
    for digits in range(-first, MOST_DECIMALS - first):
        rounded = round(middle, digits)
        if low < rounded < high:
            return rounded
    return middle


def _again(found: Found, make: Callable[[Samples], Model | None] | None, samples: Samples) -> Model | None:
    """The model made anew of these rows, or as it is where they are too few for that."""
    if make is None or len(samples.X) < max(FEWEST_ROWS - 2, found.model.n_params):
        return found.model
    return make(samples)


def _constant(rows: Rows) -> Found:
    indices = np.zeros((1, rows.n_inputs), dtype=np.intp)

    def refit(samples: Samples) -> Model:
        return Polynomial(indices, samples.y[:1], signature=rows.signature, n_threads=1)

    return rows.found(refit(rows.train), Polynomial.family, "constant", status="exact", refit=refit)


def flattened(model: Piecewise) -> Piecewise:
    """The same pieces in one model, where pieces are cut again along the same column."""
    if not any(isinstance(part, Piecewise) and part.column == model.column for part in model.parts):
        return model
    breaks = [float(model.breaks[0])]
    orders: list[int] = []
    parts: list[Model] = []
    gaps: list[Array] = []
    for k, part in enumerate(model.parts):
        if isinstance(part, Piecewise) and part.column == model.column:
            breaks += part.breaks[1:-1].tolist()
            parts, gaps, orders = [*parts, *part.parts], [*gaps, *part.gaps], [*orders, *part.orders]
        else:
            parts.append(part)
        breaks.append(model.breaks[k + 1])
        if k < len(model.orders):
            gaps.append(model.gaps[k])
            orders.append(model.orders[k])
    return Piecewise(breaks, parts, model.signature, column=model.column, gaps=np.stack(gaps), orders=orders)


def table_of(table: Sequence[Row], given: Mapping[int, Sequence[float]]) -> tuple[Row, ...]:
    """The table where cuts of some columns are given: `table`, in each piece of all of them."""
    rows = tuple(table)
    for column, places in given.items():
        rows = (
            Row(
                SEARCH,
                1.0 / ROUNDS[0],
                make=lambda race, inner=rows, cut=(column, places): PiecesSearch(race, inner, cut),  # type: ignore[misc]
                sentence="models of the pieces come to {error:.1e}",
            ),
        )
    return rows


# --- what a report says of it


def joins_of(model: Model, samples: Samples) -> tuple[tuple[Join, ...], tuple[PieceErrors, ...]]:
    """Of a model in pieces, where these meet, and their errors at their rows; of a sum of functions in pieces, where
    these meet; nothing of another model."""
    if isinstance(model, Composed) and isinstance(model.variables, Outputs):
        functions = [part for part in model.variables.parts if isinstance(part, Piecewise)]
        return tuple(join for part in functions for join in joins_of(part, samples)[0]), ()
    if not isinstance(model, Piecewise):
        return (), ()
    names = samples.input_names or tuple(f"x{j}" for j in range(samples.X.shape[1]))
    unit = rms_of_columns(samples.y)
    x, joins, pieces = samples.X[:, model.column], [], []
    for k, (place, gap, order) in enumerate(zip(model.breaks[1:-1], model.gaps, model.orders, strict=True)):
        # What is known of the jump of y along the break: at rows of both sides that are next to it.
        near = samples.X[np.argsort(np.abs(x - place), kind="stable")[:20]].copy()
        near[:, model.column] = place
        with np.errstate(all="ignore"):
            apart = (model.parts[k + 1].evaluate(near) - model.parts[k].evaluate(near)) / unit
            jump = float(np.sqrt(np.mean(apart**2)))
        order_known = None if order == UNKNOWN else order
        joins.append(Join(names[model.column], float(place), float(gap[0]), float(gap[1]), order_known, jump))
    sides = np.searchsorted(model.breaks[1:-1], x, side="right")
    for k, piece in enumerate(model.pieces):
        rows = samples.take(np.flatnonzero(sides == k))
        rmse = math.nan
        if len(rows.X):
            with np.errstate(all="ignore"):
                rmse = float(np.sqrt(np.mean(((piece.model.evaluate(rows.X) - rows.y) / unit) ** 2)))
        pieces.append(
            PieceErrors(
                names[model.column], piece.low, piece.high, piece.model.family, piece.model.n_params, len(rows.X), rmse
            )
        )
    return tuple(joins), tuple(pieces)
