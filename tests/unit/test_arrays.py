"""The door: what is accepted, what is refused, and what the message says."""

import re

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from pml_native.arrays import Distinct, PrecisionWarning, Subset, as_matrix, as_samples

X = np.linspace(0.0, 1.0, 24).reshape(12, 2)
Y = X.sum(axis=1)


def with_value(array, index, value):
    changed = array.copy()
    changed[index] = value
    return changed


@pytest.mark.parametrize(
    ("bad_x", "bad_y", "message"),
    [
        (
            with_value(X, (3, 1), np.nan),
            Y,
            "X: expected finite numbers, got 1 NaN and 0 infinite, the first in row 3",
        ),
        (with_value(X, (3, 1), -np.inf), Y, "got 0 NaN and 1 infinite, the first in row 3, column 1"),
        (X, with_value(Y, 5, np.nan), "y: expected finite numbers, got 1 NaN and 0 infinite, the first in row 5"),
        (X, Y[:-1], "y: expected 12 rows, as many as X, got 11"),
        (X.reshape(3, 4, 2), Y, "X: expected an array of 1 or 2 dimensions, got 3"),
        (np.empty((0, 2)), np.empty(0), "X: expected at least 1 row, got 0"),
        (np.empty((12, 0)), Y, "X: expected at least 1 column, got 0"),
        (X + 0j, Y, "X: expected real numbers, got complex128"),
        (X, Y.astype(str), "y: expected numbers, got text '"),
        (
            pd.DataFrame({"a": X[:, 0], "b": ["wet"] * 12}),
            Y,
            "X: expected numbers, got text 'wet' in row 0, column 'b'",
        ),
        (pd.DataFrame({"a": [None, *X[1:, 0]], "b": X[:, 1]}, dtype=object), Y, "a missing value in row 0, column 'a'"),
        ([[1.0, 2.0], [3.0]], Y[:2], "X: expected rows of equal length, got a ragged sequence"),
        (np.array(["2020-01-01"] * 12, dtype="datetime64[D]"), Y, "X: expected numbers, got datetime64[D]"),
        (sparse.csr_array(X), Y, "X: expected a dense array, got a sparse csr_array"),
        (np.ma.masked_greater(X, 0.5), Y, "X: expected every value present, got"),
    ],
)
def test_bad_data_are_refused_with_what_was_wanted_and_got(bad_x, bad_y, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        as_samples(bad_x, bad_y)


@pytest.mark.parametrize(
    ("weight", "message"),
    [
        (np.ones(5), "sample_weight: expected (12,), got (5,)"),
        (with_value(np.ones(12), 2, -1.0), "sample_weight: expected values >= 0"),
        (np.zeros(12), "sample_weight: expected values >= 0, not all 0"),
        (with_value(np.ones(12), 2, np.nan), "sample_weight: expected finite numbers"),
    ],
)
def test_bad_weights_are_refused(weight, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        as_samples(X, Y, weight)


def test_vectors_lists_integers_and_views_become_contiguous_float64():
    samples = as_samples(list(range(12)), np.arange(24)[::2])
    assert samples.X.shape == (12, 1)
    assert samples.X.dtype == np.float64
    assert samples.y.flags.c_contiguous
    assert samples.y_is_vector


def test_the_callers_arrays_are_neither_changed_nor_kept_as_views_that_could_change():
    given = X.copy()
    weight = np.arange(1.0, 13.0)
    as_samples(given, Y, weight)
    np.testing.assert_array_equal(given, X)
    np.testing.assert_array_equal(weight, np.arange(1.0, 13.0))


def test_a_data_frame_gives_its_column_names():
    samples = as_samples(pd.DataFrame(X, columns=["rho", "T"]), pd.Series(Y, name="p"))
    assert samples.input_names == ("rho", "T")
    assert samples.output_names == ("p",)


def test_weights_are_scaled_to_mean_one():
    samples = as_samples(X, Y, np.full(12, 1e300))
    np.testing.assert_array_equal(samples.sample_weight, np.ones(12))


@pytest.mark.parametrize("convert", [lambda a: a.astype(np.float32), lambda a: pd.DataFrame(a.astype(np.float32))])
def test_float32_is_accepted_with_a_warning_that_names_its_precision(convert):
    with pytest.warns(PrecisionWarning, match=r"float32, which carries 6 digits \(relative rounding 6e-08\)"):
        samples = as_samples(convert(X), Y)
    assert samples.X.dtype == np.float64


def test_integers_beyond_two_to_the_53_get_a_warning():
    with pytest.warns(PrecisionWarning, match=r"above 2\*\*53"):
        as_samples(X, np.full(12, 2**60))


def test_an_unsuitable_number_of_columns_is_refused_at_prediction():
    with pytest.raises(ValueError, match=re.escape("X: expected (n, 3), got (12, 2)")):
        as_matrix(X, "X", n_columns=3)


def test_huge_values_whose_sum_overflows_are_finite():
    huge = np.full((12, 2), 1e308)
    huge[::2] *= -1.0
    assert np.array_equal(as_samples(huge, np.full(12, 1e308)).X, huge)
    huge[7, 1] = np.nan
    with pytest.raises(ValueError, match="got 1 NaN and 0 infinite, the first in row 7, column 1"):
        as_samples(huge, Y)


def test_infinities_that_cancel_are_found():
    bad = X.copy()
    bad[2, 0], bad[3, 0] = np.inf, -np.inf
    with pytest.raises(ValueError, match="got 0 NaN and 2 infinite, the first in row 2, column 0"):
        as_samples(bad, Y)


def test_the_least_int64_is_beyond_two_to_the_53():
    with pytest.warns(PrecisionWarning, match=r"above 2\*\*53"):
        as_samples(X, np.full(12, np.iinfo(np.int64).min))


@pytest.mark.parametrize(
    ("bad_y", "options", "message"),
    [
        (Y, {"error": "squared"}, "error: expected one of absolute, relative, got 'squared'"),
        (Y - Y[3], {"error": "relative"}, 'y: expected values other than 0 for error="relative", got 0 in the rows 3'),
        (10.0 ** np.linspace(-99, 99, 12), {"error": "relative"}, "within a factor of 1e.100 .* fit their logarithm"),
    ],
)
def test_errors_are_relative_where_they_can_be(bad_y, options, message):
    with pytest.raises(ValueError, match=message):
        as_samples(X, bad_y, **options)


def test_rows_of_no_weight_keep_the_numbers_of_others_in_messages():
    with pytest.raises(ValueError, match="got 0 in the rows 3"):
        as_samples(X, Y - Y[3], np.arange(12.0) + 0.0 * Y, error="relative")


def test_outputs_with_weights_of_their_own_are_taken_with_them():
    samples = as_samples(X, np.stack([Y + 1.0, Y + 2.0, Y + 3.0], axis=1), error="relative")
    assert samples.of_outputs([1]).sample_weight.shape == (12,)
    np.testing.assert_array_equal(samples.of_outputs([2, 0]).sample_weight, samples.sample_weight[:, [2, 0]])


def test_relative_errors_in_other_coordinates_have_the_weights_of_these():
    y = (Y + 1.0)[:, None]
    samples = as_samples(X, y, error="relative")
    logarithm = samples.in_coordinates(X, np.log(y), y[:, 0])
    assert not logarithm.is_relative
    np.testing.assert_allclose(logarithm.sample_weight, 1.0)


def test_points_that_repeat_are_taken_once():
    distinct = Distinct.of(np.array([[1.0], [0.0], [1.0], [1.0]]), np.array([[2.0], [5.0], [2.0], [3.5]]))
    assert distinct.rows.tolist() == [0, 1]
    assert distinct.y.tolist() == [[2.5], [5.0]]
    assert distinct.contradicting.tolist() == [3]


class Unreal:
    def __float__(self):
        raise TypeError("no number")


@pytest.mark.parametrize(
    ("value", "message"), [(1j, r"expected real numbers, got 1j in row 0"), (Unreal(), r"got objects \(no number\)")]
)
def test_objects_are_numbers_or_refused(value, message):
    with pytest.raises(ValueError, match=message):
        as_samples(np.array([value, *Y[1:]], dtype=object), Y)


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (Y, {"missing": "skip"}, "missing: expected one of raise, drop, got 'skip'"),
        (np.full(12, np.nan), {"missing": "drop"}, "expected a row of weight above 0 without missing values, got none"),
        (np.zeros((12, 2, 2)) + 1j, {"encode": True}, "y: expected an array of 1 or 2 dimensions, got 3"),
        ([*Y[:11].astype(complex), object()], {"encode": True}, "y: expected numbers, got objects"),
        ([[1.0, 2.0], [3.0]], {"encode": True}, "y: expected rows of equal length"),
        (sparse.csr_array(Y[:, None]), {"encode": True}, "y: expected a dense array, got a sparse csr_array"),
    ],
)
def test_outputs_that_can_not_be_are_refused(y, options, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        as_samples(X, y, **options)


def test_names_of_more_columns_than_there_are_are_refused():
    with pytest.raises(ValueError, match="input_names: expected 2 names, got 3"):
        as_samples(X, Y, input_names=["a", "b", "c"])


def test_where_no_value_is_missing_all_rows_are_kept():
    weight = np.arange(12) % 3
    for given in (None, weight):
        some, every = (as_samples(X, Y, given, missing=missing) for missing in ("drop", "raise"))
        np.testing.assert_array_equal(some.X, every.X)
        assert (some.numbers is None) == (given is None)


def test_a_subset_copies_no_more_than_is_asked_for():
    samples = as_samples(X, Y)
    chosen = np.arange(12) >= 8
    some, every = Subset(samples, chosen), Subset(samples, np.ones(12, dtype=bool))
    assert every.all() is samples
    assert [len(block.X) for block in some.blocks(5)] == [2, 2]  # no block of the first five
    for found in (some.all(), some.take(np.arange(4))):
        np.testing.assert_array_equal(found.X, X[8:])


def test_weights_of_relative_errors_are_there_in_coordinates_of_errors_that_are_not():
    samples = as_samples(X, Y)
    same = samples.in_coordinates(2.0 * X, 3.0 * Y[:, None], np.ones(12))
    assert same.sample_weight is None
    np.testing.assert_array_equal(same.X, 2.0 * X)
