"""How `fit` uses what is known of y: what is left to be found is fitted in a race of its own, and becomes a model of y.

Beside the race of what is left (`knowledge`) goes one of all families on the first images of the rows, with |x| for a
mirrored column x. Its models may have kinks where two images meet, as large as their errors, but of |x| it finds other
laws: Langevin's function of x / T is one of (x / T)^2, which no search tries as a power of x^2 and T; that of |x| and T
has errors of 6e-14 and 8e-11 on two seeds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from ..arrays import Samples, Subset, contiguous
from ..coverage import Coverage
from ..facts import Facts
from ..hold_out import split
from ..models import Model
from ..search.scheduler import Steps, Worker
from ..search.search import Found, Rows, own_rng
from .changes import AtPoints, chained, whole_of_changes
from .knowledge import ALIKE, Knowledge
from .race import ROUNDS, Race, Row
from .reduced import Within, raced_within, whole_of

SEARCH = "known"


def split_by_images(
    knowledge: Knowledge,
    samples: Samples,
    validation: float | tuple[ArrayLike, ...] | None,
    rng: np.random.Generator,
    facts: Facts,
    coverage: Coverage,
) -> tuple[Subset, Samples]:
    """`hold_out.split`, with images of a point on one side: a model knows a row whose image it is trained on."""
    if isinstance(validation, tuple) or not knowledge.has_images:
        return split(samples, validation, rng, facts, coverage.copies)
    Z = samples.X - knowledge.about
    Z = np.where(knowledge.even | knowledge.odd, np.abs(Z), Z)
    width = np.ptp(Z, axis=0)
    step = ALIKE * np.where(width > 0.0, width, 1.0)  # images differ by rounding
    Z = contiguous(np.round(Z / step) * step)
    seen = replace(samples, X=Z if knowledge.exchanges is None else knowledge.exchanges.first(Z))
    of_seen = Facts.of(seen)
    train, _ = split(seen, validation, rng, of_seen, Coverage.of(seen.X, of_seen).copies)
    kept = Subset(samples, train.chosen, train.apart)
    return kept, samples.take(np.flatnonzero(~train.chosen), apart=~np.asarray(train.apart))


def require_possible(knowledge: Knowledge, method: str, has_regions: bool, has_breaks: bool) -> None:
    """ValueError where what is known of columns doesn't go together with other options."""
    if not (knowledge.changes_columns or knowledge.points):
        return
    for is_there, what in ((has_regions, "regions, or a column of categories"), (has_breaks, "breaks")):
        if is_there:
            raise ValueError(
                f"known: expected no {what} beside symmetries, limits and values at points, as each part has a law of "
                f"its own; fit the parts one by one"
            )
    if method == "spline":
        raise ValueError('known: expected a method other than "spline", whose grid symmetries and values do not leave')


def require_periods_apart(knowledge: Knowledge, periods: Mapping[int, float]) -> None:
    """ValueError for columns that repeat themselves and are changed in another way as well."""
    moved = [] if knowledge.exchanges is None else knowledge.exchanges.moved
    for j in periods:
        if knowledge.even[j] or knowledge.odd[j] or knowledge.powers[j] or j in moved:
            raise ValueError(
                f"known: expected no symmetry, exchange or limit of {knowledge.names[j]}, which repeats itself, got one"
            )
    if periods and knowledge.points:
        raise ValueError("known: expected no values at points beside columns that repeat themselves; give them as rows")


def table_of(table: Sequence[Row], of_images: Sequence[Row], knowledge: Knowledge) -> tuple[Row, ...]:
    """The table where something is known: `table`, of what is left to be fitted, and `of_images`, of first images."""
    return (
        Row(
            SEARCH,
            1.0 / ROUNDS[0],
            make=lambda race: KnownSearch(race, knowledge, table, of_images),
            sentence="with what is known, models come to {error:.1e}",
        ),
    )


class KnownSearch:
    """The search for models that keep what is known."""

    def __init__(self, race: Race, knowledge: Knowledge, table: Sequence[Row], of_images: Sequence[Row]) -> None:
        self.race, self.rows, self.knowledge = race, race.rows, knowledge
        self.table, self.of_images = table, of_images
        self.rng, self.prospect = own_rng(race.rng), 0.0

    def steps(self) -> Steps:
        knowledge, others = self.knowledge, []
        if self.table:
            sentence = "what is not known of y is fitted"
            if knowledge.exchanges is not None:
                sentence = "sums over all images are fitted, as columns may be exchanged"
            prefix = "symmetric: " if knowledge.has_images else ""
            others.append(self._within(sentence, prefix, self.table, moves=False))
        if self.of_images and knowledge.has_images:
            sentence = "the first image of each row is fitted"
            others.append(self._within(sentence, "first images: ", self.of_images, moves=True))
        yield from raced_within(self.race, others, self.table, self.rng, self.race.work)

    def _named(self, samples: Samples) -> Samples:
        return replace(samples, input_names=None) if self.knowledge.changes_columns else samples

    def _within(self, sentence: str, prefix: str, table: Sequence[Row], *, moves: bool) -> Within:
        rows, knowledge = self.rows, self.knowledge
        changes = knowledge.changes(rows.train if rows.table is None else rows.table, moves=moves)

        def changed(samples: Samples) -> Samples:
            return self._named(chained(changes, samples))

        def whole(inner: Found, worker: Worker) -> Found:
            def of_inputs(model: Model) -> Model:
                return whole_of_changes(changes, model, rows.signature)

            return whole_of(rows, inner, prefix, of_inputs, changed)

        corners = rows.corners
        exchanges = knowledge.exchanges if not moves else None
        if knowledge.changes_columns:
            corners = knowledge.ends(rows.train if rows.table is None else rows.table, moves)
        keeps_rows = not knowledge.changes_columns and not knowledge.points
        within = Rows(
            changed(rows.train),
            self._named(chained([one for one in changes if not isinstance(one, AtPoints)], rows.held_out)),
            corners,
            table=changed(rows.table) if keeps_rows and rows.table is not None else None,
            grid=rows.grid if keeps_rows else None,
            is_apart=rows.is_apart,
            degrees=rows.degrees,
            exchanges=exchanges,
        )
        return Within(within, sentence, prefix, whole, table)
