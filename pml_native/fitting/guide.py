"""The user's guide to precision, as a table: which searches run on which rows, in which order, with which work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ..models import ModularPolynomial, Piecewise, Reduced
from ..models.reduced import Variables
from ..search.algebraic import AlgebraicSearch
from ..search.angle_columns import has_angles
from ..search.cells import ROWS_A_TERM
from ..search.ends import EndsSearch
from ..search.exponentials import ExponentialsSearch
from ..search.hermite import has_slopes, radial_search
from ..search.laws import LawsSearch
from ..search.modular import ModularSearch
from ..search.one_polynomial import MOST_TOGETHER
from ..search.polynomial import is_simple
from ..search.rational import RationalSearch
from ..search.regions import may_be_cut
from ..search.search import own_rng
from ..search.waves import WavesSearch
from . import broken_sums, differential, inverse, one_polynomial, periodic, pieces, regions, summands
from .broken_sums import BrokenSumsSearch
from .inverse import InverseSearch, may_be_an_inverse
from .nested import NestedRace
from .one_polynomial import OnePolynomialRace, may_be_of_one_polynomial
from .parts import variables_of_parts
from .periodic import SEEMING_SHARE, PeriodicSearch, seeming_periods
from .pieces import PiecesSearch
from .race import ROUNDS, Race, Row
from .reduced import COARSE, ReducedSearch, same
from .summands import SummandsSearch, may_have_summands

# Searches whose terms may be sums over all images of a point, where columns may be exchanged.
SYMMETRIC = ("polynomial", "rational")
# A relative error of the best model below which no variables are learned and networks have no turn, unless they are to
# bear out a large quotient. On I.30.3 networks took 36 of 60 s and ended nine orders above what was known; other values
# of this have not been tried.
NETWORKS_ABOVE = 1e-8
# A relative error of the best model below which mirrored points show something: they tell less than other symmetries,
# which are to be found first. With less exact models the density of a gas in a field of gravity (I.40.1) was taken for
# a function of m + x and m x, and no longer of m g x / (k T).
MIRRORS_BELOW = 1e-4
# A relative error of the best model below which no relation that y is a root of is looked for: searches come to 1e-13.
RELATIONS_ABOVE = 1e-12
# A quotient of more terms than this may be right at all rows and wild between them, in a tail where rows are scarce
# (sigmoids of x0 - x1 from 400 rows: 75 over 75 terms, 1e-13 at the rows and 4e-3 beyond).
LARGE_QUOTIENT = 100
# Symmetries are looked for again when the best model is so many times more exact than at the last look, or so many
# while it is coarse; terms that stand by themselves, of which few terms tell at once that they lead nowhere, when it is
# so many times.
CLEARER, CLEARER_IF_COARSE, CLEARER_FOR_TERMS = 10.0, 5.0, 3.0
# Parts of a function of so many inputs are looked for, where the best error is above this one; and again when it is so
# many times smaller, and its gradient tells more.
PARTS_FROM, PARTS_ABOVE, MUCH_CLEARER = 3, 1e-12, 100.0
# A relative error of the best model below which no regions are looked for: a change of law that costs less is none that
# rows would show.
REGIONS_ABOVE = 1e-9
# A relative error of the best model below which the rows of one column are not looked at for breaks, nor for powers at
# its ends. A break of the 4th derivative in 200 rows leaves some 1e-11.
ONE_LAW_ABOVE = 1e-13
# Error of a graph below which its parts are tried as variables, whatever else is more exact.
LIKELY_PARTS = 0.02
# A round that never comes: a search has its first turn when all others had theirs, unless one of them shows a symmetry.
# Each move of a graph costs as much as the first turns of the others, which settle most functions.
LATER = len(ROUNDS)
# Above this error a model's gradient says nothing, nor is a polynomial a start for Newton's method.
USELESS = 0.2
# A relative error of the best model below which no polynomials of cosines and sines, no inverses, and no terms that
# stand by themselves are looked for.
ANGLES_ABOVE = INVERSES_ABOVE = SUMMANDS_ABOVE = 1e-12
# Quotients that are so many times worse than the best after their first turn, of 20 terms, have no second one. With 1e6
# the roots of quotients of 28 over 28 terms in two variables of I.15.3t, 6e-16 at the rows, were never tried beside
# polynomials of 2e-13, on two tables of three; from 1e10 on the first turn ends nothing on them.
QUOTIENTS_FAR = 1e10
# Polynomials of cosines and sines that are so many times worse than the best after a turn are of columns that are no
# angles: on exp(-x0 x1) sin(x0 + ... + x3) / (1 + x2^2) they stood at 5e-2 for 7 of 20 s, beside 1.5e-4. Where they are
# right they lead, or are not much worse as long as their degrees are too low.
ANGLES_FAR = 100.0
# Sums of products have come to single ones in their first turn, which tell little: a sum of two that was exact stood at
# 0.4 after it, beside roots of relations of 7e-8.
PRODUCTS_FAR = 1e9
# A relative error of the best model above which radial functions of scaled columns are tried, of so many rows at most:
# where nothing else came below, a Gaussian process may, and its system of 3,000 rows takes a second.
PROCESSES_ABOVE, PROCESS_ROWS = 1e-4, 3000
# The same where slopes are known, which radial functions meet: errors fall far below those of y alone.
SLOPED_PROCESSES_ABOVE = 1e-9
# A relative error of the best model above which the box is cut into cells, where so many of degree 3 could be made.
# Other values have not been tried.
CELLS_ABOVE, FEWEST_CELLS = 1e-10, 32
# A quotient of fewer terms than an exact model has is of no use where it hopes for no less than this.
NEARLY = 1e-13
# A relative error of the best graph of modules below which its series of one variable may be told from laws.
LAWS_BELOW = 1e-11
# Terms that it may have in the variables of a symmetry, over those of the exact model. Where new rows lie beyond the
# last ones, as they do there, it goes further even if it is larger (30 over 30 terms, beside 51, win a digit).
SIMPLER_TERMS, MOST_SIMPLER = 2.0, 150


def _has_products(race: Race) -> bool:
    y = race.rows.train.y
    return race.rows.n_inputs > 1 and y.shape[1] == 1 and bool(np.ptp(y) > 0)


def _may_be_a_root(race: Race) -> bool:
    """Whether a relation between x and y may do better than all models before, and Newton's method has a start."""
    y = race.rows.train.y
    return RELATIONS_ABOVE < race.error < USELESS and y.shape[1] == 1 and bool(np.ptp(y) > 0)


def _shows_more(race: Race, search: str, clearer: float) -> bool:
    """Whether `search`, which starts from the best model, goes on, or has a better one to start from anew."""
    if search in race.runs and not race.has_ended(search):
        return True
    if not race.error < race.looked_at.get(search, math.inf) / clearer:
        return False
    race.again(search)
    return True


def _shows_symmetries(race: Race) -> bool:
    """Whether the best model may show a symmetry that has not been looked for."""
    if race.rows.n_inputs < 2 or not race.error < USELESS or race.best is None:
        return False
    if race.best.maker.startswith("of ") and ("reduced" not in race.runs or race.has_ended("reduced")):
        return False
    return _shows_more(race, "reduced", CLEARER_IF_COARSE if race.error > COARSE else CLEARER)


def _reduced(race: Race) -> ReducedSearch:
    race.looked_at["reduced"] = race.error
    assert race.best is not None
    return ReducedSearch(race, race.best, SCATTERED)


def _may_have_parts(race: Race) -> bool:
    """Whether the function may be put together of others of fewer inputs."""
    if race.rows.n_inputs < PARTS_FROM or not _has_products(race) or race.best is None:
        return False
    model = race.best.model
    if isinstance(model, Reduced) and model.model.signature.n_inputs < PARTS_FROM:
        return False  # a symmetry has shown that it is of fewer variables
    return race.error > PARTS_ABOVE and _shows_more(race, "modular", MUCH_CLEARER)


def _modular(race: Race) -> ModularSearch:
    race.looked_at["modular"] = race.error
    return ModularSearch(race.rows, race.best)


def _shows_units(race: Race) -> bool:
    """Whether changes of units that are not sure may be tried, as all that is sure has led to nothing exact."""
    if not NETWORKS_ABOVE < race.error < USELESS or race.rows.n_inputs < 2:
        return False
    if not _is_as_given(race, "units"):
        return False
    is_led = race.best is not None and not race.best.maker.startswith("of ")
    if "units" in race.runs and is_led and race.error < race.looked_at["units"] / CLEARER_IF_COARSE:
        race.again("units")  # what goes on was read off a model that told much less
    return _shows_more(race, "units", CLEARER)


def _shows_units_early(race: Race) -> bool:
    """The same before most others have had their second turn, where what is known is coarse: what is left may be much
    simpler, and most others are not going to come much further."""
    return race.error > COARSE and _shows_units(race)


def _units(race: Race) -> ReducedSearch:
    race.looked_at["units"] = race.error
    assert race.best is not None
    search = ReducedSearch(race, race.best, SCATTERED, kind="units")
    # While it goes on, what it has tried depends on the threads.
    looked_for = race.runs["reduced"].search if race.has_ended("reduced") else None
    if isinstance(looked_for, ReducedSearch):
        search.tried += looked_for.tried
    return search


def _shows_mirrors(race: Race) -> bool:
    """Whether the best model, which is good but not exact, may show that y is even, or that inputs may be exchanged."""
    if not RELATIONS_ABOVE < race.error < MIRRORS_BELOW or race.rows.n_inputs < 2:
        return False
    return _is_as_given(race, "mirrors") and _shows_more(race, "mirrors", MUCH_CLEARER)


def _mirrors(race: Race) -> ReducedSearch:
    race.looked_at["mirrors"] = race.error
    assert race.best is not None
    return ReducedSearch(race, race.best, SCATTERED, kind="mirrors")


def _may_have_summands(race: Race) -> bool:
    """Whether the best model may show terms that stand by themselves, beside something that is not exact yet."""
    if not SUMMANDS_ABOVE < race.error < USELESS or not may_have_summands(race):
        return False
    run = race.runs.get(summands.SEARCH)
    if run is not None and isinstance(run.search, SummandsSearch) and run.search.is_outdone(race):
        race.again(summands.SEARCH)
    return _is_as_given(race, summands.SEARCH) and _shows_more(race, summands.SEARCH, CLEARER_FOR_TERMS)


def _summands(race: Race) -> SummandsSearch:
    race.looked_at[summands.SEARCH] = race.error
    assert race.best is not None
    return SummandsSearch(race, race.best, SCATTERED)


def _may_be_of_one_polynomial(race: Race) -> bool:
    """Whether y may be some function of one polynomial, as nothing exact is known."""
    if one_polynomial.SEARCH in race.runs:
        return True
    # Of more variables a race within another sees less than that: it has little work for other searches.
    is_wide = race.depth > 0 and race.rows.n_inputs > MOST_TOGETHER
    return SUMMANDS_ABOVE < race.error < USELESS and not is_wide and may_be_of_one_polynomial(race)


def _of_one_polynomial(race: Race) -> OnePolynomialRace:
    assert race.best is not None
    return OnePolynomialRace(race, race.best, SCATTERED)


def _may_be_nested(race: Race) -> bool:
    """Whether the best model may show variables of few inputs each, as nothing has led to an exact one."""
    if not NETWORKS_ABOVE < race.error < USELESS or not _has_products(race) or race.rows.n_inputs < PARTS_FROM:
        return False
    return _is_as_given(race, "nested") and _shows_more(race, "nested", CLEARER if race.depth else MUCH_CLEARER)


def _is_as_given(race: Race, search: str) -> bool:
    """Whether the best model is of the inputs as they are, or `search` goes on: what has led to one of other variables
    looks for more there itself."""
    goes_on = search in race.runs and not race.has_ended(search)
    return race.best is not None and (goes_on or not race.best.maker.startswith("of "))


def _nested(race: Race) -> NestedRace:
    race.looked_at["nested"] = race.error
    assert race.best is not None
    return NestedRace(race, race.best, SCATTERED)


def _parts(race: Race) -> Variables | None:
    """The products and sums of inputs that the best model is made of, or else the best graph of modules.

    A graph may have the right parts though others are more exact: the logarithm of a product takes longer series.
    """
    graphs = [found for found in race.found.values() if found.family == ModularPolynomial.family]
    likely = sorted((found for found in graphs if found.error < LIKELY_PARTS), key=lambda found: found.error)
    tried = [one for one in (race.best, *likely[:1]) if one is not None]
    return next((found for one in tried if (found := variables_of_parts(one.model, one.error)) is not None), None)


def _shows_parts(race: Race) -> bool:
    """Whether the parts of a model say which products and sums of inputs count."""
    found = _parts(race)
    if "parts" not in race.runs:
        return found is not None
    looked_for = race.runs["parts"].search
    assert isinstance(looked_for, ReducedSearch)
    if found is None or looked_for.given is None or same(found, looked_for.given):
        return not race.has_ended("parts")
    race.again("parts")
    return True


def _of_parts(race: Race) -> ReducedSearch:
    assert race.best is not None
    # Graphs come first there, of the products as they are: their logarithms are what the graph was made of.
    graphs = Row("modular", 16.0, make=lambda race: ModularSearch(race.rows, as_given=True))
    table = (graphs, *(row for row in SCATTERED if row.search not in ("modular", "parts")))
    return ReducedSearch(race, race.best, table, _parts(race))


def _seems_periodic(race: Race) -> bool:
    """Whether columns seem to be angles, of which nothing is exact yet."""
    if periodic.SEARCH in race.runs:
        return True
    return race.depth == 0 and race.best is not None and not race.best.is_exact and bool(seeming_periods(race))


def _periodic(race: Race) -> PeriodicSearch:
    return PeriodicSearch(race, seeming_periods(race), SCATTERED, SEEMING_SHARE)


def _may_have_regions(race: Race) -> bool:
    """Whether the law of y may change somewhere: the first models, with some 15 % of the work, are not exact."""
    rows = race.rows
    if regions.SEARCH in race.runs:
        return True
    return race.depth == 0 and race.error > REGIONS_ABOVE and _has_products(race) and may_be_cut(rows.n, rows.n_inputs)


def _regions(race: Race) -> regions.RegionsSearch:
    return regions.RegionsSearch(race, tuple(row for row in SCATTERED if row.search != regions.SEARCH))


def _may_be_a_broken_sum(race: Race) -> bool:
    """Whether the law may change along columns, of a function that is a sum over these."""
    if broken_sums.SEARCH in race.runs:
        return True
    return race.depth == 0 and race.error > REGIONS_ABOVE and _has_products(race) and not race.is_rounded


def _may_be_in_pieces(race: Race) -> bool:
    """Whether one law does not do for a table of one column, so that it may change along it."""
    return pieces.SEARCH in race.runs or (_is_of_one_column(race) and not race.is_rounded)


def _may_have_a_cusp(race: Race) -> bool:
    """Whether no break was found, and yet one law does not do."""
    if "cusps" in race.runs:
        return True
    return (
        _is_of_one_column(race)
        and not race.is_rounded
        and "piecewise" not in {one.family for one in race.found.values()}
    )


def _may_have_ends(race: Race) -> bool:
    """Whether a power of the distance from an end may do what nothing smooth does; the search ends where none shows."""
    return "ends" in race.runs or (_is_of_one_column(race) and bool(np.ptp(race.rows.train.y) > 0))


def _may_be_of_exponentials(race: Race) -> bool:
    """Whether few exponentials or waves may be the law of a table of one column; the search ends where none shows."""
    rows = race.rows
    return rows.n_inputs == 1 and rows.n_outputs == 1 and bool(np.ptp(rows.train.y) > 0)


def _wants_exponentials(race: Race) -> bool:
    """Whether an exact model of many terms may be few exponentials, which go further beyond the rows."""
    if "exponentials" in race.runs or race.best is None or not race.best.is_exact or is_simple(race.best.model):
        return False
    return _may_be_of_exponentials(race) and not isinstance(race.best.model, Piecewise)


def _is_of_one_column(race: Race) -> bool:
    return race.error > ONE_LAW_ABOVE and race.rows.n_inputs == 1 and race.rows.n_outputs == 1


def _may_have_angles(race: Race) -> bool:
    """Whether columns may be angles, of several, and nothing is exact yet."""
    return "trigonometric" in race.runs or (
        race.rows.n_inputs > 1 and race.error > ANGLES_ABOVE and has_angles(race.rows)
    )


def _inverse(race: Race) -> InverseSearch:
    assert race.best is not None
    return InverseSearch(race, race.best, SCATTERED)


def _may_be_waves(race: Race) -> bool:
    """Whether waves of a learned phase may be better; the search ends at once where rows show no waves."""
    y = race.rows.train.y
    return "waves" in race.runs or (race.error > NETWORKS_ABOVE and y.shape[1] == 1 and bool(np.ptp(y) > 0))


def _waves(race: Race) -> WavesSearch:
    return WavesSearch(race.rows, only_if_shown=True)


def _may_be_cut_into_cells(race: Race) -> bool:
    """Whether there are rows for cells that together may do what no one model has done."""
    if "partition" in race.runs:
        return True
    d = race.rows.n_inputs
    enough = race.rows.n_whole >= FEWEST_CELLS * ROWS_A_TERM * math.comb(d + 3, 3)
    return race.depth == 0 and d > 1 and enough and race.error > CELLS_ABOVE


def _may_be_a_process(race: Race) -> bool:
    """Whether the mean of a Gaussian process may be better, or bear out what is."""
    if "rbf" in race.runs:
        return True
    least = SLOPED_PROCESSES_ABOVE if has_slopes(race.rows.train) else PROCESSES_ABOVE
    return race.depth == 0 and race.rows.n_inputs > 1 and least < race.error < math.inf


def _needs_networks(race: Race) -> bool:
    """Whether networks may be better, or are to bear out a large quotient, which few others come near."""
    best = race.best
    is_large_quotient = best is not None and best.family == "rational" and best.model.n_params > LARGE_QUOTIENT
    return race.error > NETWORKS_ABOVE or is_large_quotient


def _wants_simpler(race: Race) -> bool:
    """Whether an exact model has so many terms that one of fewer would go further beyond the rows."""
    best = race.best
    if best is None or not best.is_exact or is_simple(best.model) or isinstance(best.model, Piecewise):
        return False
    if best.maker.startswith("of "):  # it has been looked for in these variables
        return False
    race.tell("a quotient of fewer terms, if there is one, goes further beyond the rows: it is looked for")
    return True


def _wants_variables(race: Race) -> bool:
    """Whether symmetries of an exact model of many terms, which shows them well, may lead to one of fewer."""
    best = race.best
    if best is None or not best.is_exact or best.maker.startswith("of "):
        return False
    return race.rows.n_inputs > 1 and not is_simple(best.model)


def _shows_an_equation(race: Race) -> bool:
    """Whether derivatives of the best model may show an equation that they haven't shown before."""
    return differential.may_have_an_equation(race) and _shows_more(race, differential.SEARCH, MUCH_CLEARER)


def _equation(race: Race) -> differential.EquationSearch:
    race.looked_at[differential.SEARCH] = race.error
    return differential.EquationSearch(race)


def _wants_laws(race: Race) -> bool:
    """Whether series of one variable in the best graph of modules, nearly exact, may be laws of few parameters."""
    best = race.best
    return race.depth == 0 and best is not None and best.error <= LAWS_BELOW and best.family == ModularPolynomial.family


def _laws(race: Race) -> LawsSearch:
    assert race.best is not None
    return LawsSearch(race.rows, race.best, own_rng(race.rng))


def _simpler(race: Race) -> RationalSearch:
    assert race.best is not None
    n_params = race.best.model.n_params
    most = n_params - 1 if race.depth == 0 else min(MOST_SIMPLER, math.ceil(SIMPLER_TERMS * n_params))
    return RationalSearch(race.rows, rng=own_rng(race.rng), max_terms=most)


POLYNOMIALS = Row("polynomial", sentence="polynomials come to {error:.1e}")
SPLINES = Row("spline", sentence="splines come to {error:.1e}")
EQUATIONS = Row(
    differential.SEARCH,
    first_round=LATER,
    when=_shows_an_equation,
    make=_equation,
    is_bounded=True,
    sentence="with an equation between derivatives, polynomials come to {error:.1e}",
)
OF_ONE_LAW = (
    POLYNOMIALS,
    Row(
        "reduced",
        4.0,
        when=_shows_symmetries,
        make=_reduced,
        changes_variables=True,
        sentence="in the variables that a symmetry leaves, models come to {error:.1e}",
    ),
    Row(
        summands.SEARCH,
        4.0,
        when=_may_have_summands,
        make=_summands,
        changes_variables=True,
        sentence="with terms that stand by themselves, models come to {error:.1e}",
    ),
    Row(
        "units",
        4.0,
        1,
        when=_shows_units_early,
        make=_units,
        changes_variables=True,
        sentence="in variables that may be without units, models come to {error:.1e}",
    ),
    Row(
        one_polynomial.SEARCH,
        4.0,
        1,
        when=_may_be_of_one_polynomial,
        make=_of_one_polynomial,
        changes_variables=True,
        sentence="of one polynomial, models come to {error:.1e}",
    ),
    EQUATIONS,
    Row("rational", far_behind=QUOTIENTS_FAR, sentence="quotients of polynomials come to {error:.1e}"),
    Row(
        "exponentials",
        16.0,
        when=_may_be_of_exponentials,
        make=lambda race: ExponentialsSearch(race.rows, only_if_shown=True),
        sentence="quotients of exponentials, or of waves, come to {error:.1e}",
    ),
    Row(
        regions.SEARCH,
        16.0,
        1,
        when=_may_have_regions,
        make=_regions,
        sentence="with a law for each region, models come to {error:.1e}",
    ),
    Row(
        broken_sums.SEARCH,
        16.0,
        1,
        when=_may_be_a_broken_sum,
        make=lambda race: BrokenSumsSearch(race.rows, race.error),
        sentence="sums of functions of single columns, each cut where its law changes, come to {error:.1e}",
    ),
    Row(
        "ends",
        first_round=1,
        when=_may_have_ends,
        make=lambda race: EndsSearch(race.rows, only_if_shown=True),
        sentence="with powers of the distance from an end, polynomials come to {error:.1e}",
    ),
    Row(
        "algebraic",
        first_round=1,
        when=_may_be_a_root,
        make=lambda race: AlgebraicSearch(race.rows),  # no draw of the race's: others draw what they do without it
        sentence="roots of relations between x and y come to {error:.1e}",
    ),
    Row("separable", when=_has_products, far_behind=PRODUCTS_FAR, sentence="sums of products come to {error:.1e}"),
    Row(
        "mirrors",
        4.0,
        LATER,
        when=_shows_mirrors,
        make=_mirrors,
        changes_variables=True,
        sentence="of what is the same for mirrored points, models come to {error:.1e}",
    ),
    Row(
        "modular",
        8.0,
        LATER,
        when=_may_have_parts,
        make=_modular,
        sentence="sums of parts of fewer inputs come to {error:.1e}",
    ),
    Row(
        "units",
        first_round=LATER,
        when=_shows_units,
        make=_units,
        changes_variables=True,
        sentence="in variables that may be without units, models come to {error:.1e}",
    ),
    Row(
        "nested",
        first_round=LATER,
        when=_may_be_nested,
        make=_nested,
        changes_variables=True,
        sentence="of learned variables, models come to {error:.1e}",
    ),
    Row(
        "parts",
        4.0,
        1,
        when=_shows_parts,
        make=_of_parts,
        changes_variables=True,
        sentence="of these parts, models come to {error:.1e}",
    ),
    Row(
        "trigonometric",
        first_round=1,
        when=_may_have_angles,
        far_behind=ANGLES_FAR,
        sentence="polynomials of cosines and sines come to {error:.1e}",
    ),
    Row(
        periodic.SEARCH,
        first_round=1,
        when=_seems_periodic,
        make=_periodic,
        sentence="with columns that repeat themselves, models come to {error:.1e}",
    ),
    Row(
        "waves",
        first_round=1,
        when=_may_be_waves,
        make=_waves,
        sentence="waves of a learned phase come to {error:.1e}",
    ),
    Row(
        inverse.SEARCH,
        first_round=1,
        when=lambda race: race.error > INVERSES_ABOVE and may_be_an_inverse(race),
        make=_inverse,
        sentence="models of a column as a function of y, solved for y, come to {error:.1e}",
    ),
    Row(
        "partition",
        16.0,
        1,
        when=_may_be_cut_into_cells,
        sentence="polynomials on cells of the box come to {error:.1e}",
    ),
    Row("network", first_round=1, when=_needs_networks, sentence="networks come to {error:.1e}"),
    Row(
        "rbf",
        4.0,
        LATER,
        when=_may_be_a_process,
        make=lambda race: radial_search(race.rows, most_scaled=PROCESS_ROWS),
        sentence="radial functions of scaled columns, as of a Gaussian process, come to {error:.1e}",
    ),
    Row(
        "variables",
        4.0,
        when=_wants_variables,
        make=_reduced,
        last=True,
        sentence="in the variables that a symmetry of it leaves, fewer parameters come to {error:.1e}",
    ),
    Row(
        "parts",
        16.0,
        when=_shows_parts,
        make=_of_parts,
        last=True,
        sentence="of these parts, models come to {error:.1e}",
    ),
    replace(EQUATIONS, last=True),
    Row(
        "laws",
        16.0,
        when=_wants_laws,
        make=_laws,
        last=True,
        sentence="with laws of few parameters for series of one variable, it comes to {error:.1e}",
    ),
    Row(
        "exponentials",
        16.0,
        when=_wants_exponentials,
        make=lambda race: ExponentialsSearch(race.rows, only_if_shown=True),
        last=True,
        sentence="quotients of exponentials, or of waves, of fewer parameters come to {error:.1e}",
    ),
    Row(
        "simpler", 4.0, when=_wants_simpler, make=_simpler, last=True, hope=NEARLY, sentence="it is found: {error:.1e}"
    ),
)
# Of a table that one law does not do for, the pieces, each of one law. They come once polynomials and quotients had a
# turn: most tables are met by these, and are not looked at for breaks.
PIECES = Row(
    pieces.SEARCH,
    4.0,
    when=_may_be_in_pieces,
    make=lambda race: PiecesSearch(race, OF_ONE_LAW),
    sentence="cut where the law changes, models of the pieces come to {error:.1e}",
)
_after = 1 + next(i for i, row in enumerate(OF_ONE_LAW) if row.search == "rational")
# At a cusp both pieces end in a power: with it few terms do what large quotients do at the rows alone.
_ends = next(row for row in OF_ONE_LAW if row.search == "ends")
OF_AN_END = (replace(_ends, share=16.0, first_round=0), *(row for row in OF_ONE_LAW if row is not _ends))
CUSPS = Row(
    "cusps",
    4.0,
    1,
    when=_may_have_a_cusp,
    make=lambda race: PiecesSearch(race, OF_AN_END, has_cusp=True),
    sentence="cut at a cusp, models of the pieces come to {error:.1e}",
)
SCATTERED = (*OF_ONE_LAW[:_after], PIECES, CUSPS, *OF_ONE_LAW[_after:])


def table(method: str, is_grid: bool) -> tuple[Row, ...]:
    """The lines for `method`, "auto" or one of SEARCHES, in their order."""
    if method == "auto":
        return (POLYNOMIALS, SPLINES, *SCATTERED[1:]) if is_grid else SCATTERED
    return (Row(method, 1.0 / ROUNDS[0]),)  # all of the work


def symmetric(rows: Sequence[Row]) -> tuple[Row, ...]:
    """Those of the lines whose searches find what is the same under exchanges of columns."""
    return tuple(row for row in rows if row.search in SYMMETRIC)
