"""Symmetries found from gradients, and the variables that they leave."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from pml_native.fitting.symmetry import (
    Evidence,
    evidence_in,
    find_leading_pair,
    find_mirrored,
    find_scalings,
    find_variables,
    in_front,
    mirrored_changes,
)
from pml_native.fitting.terms_alone import find_summands
from pml_native.models.reduced import variables_of


def evidence(function, low, high, error=1e-8, n=300):
    """Values and central differences of `function` of columns, at random points of a box."""
    X = np.random.default_rng(0).uniform(low, high, (n, len(low)))
    steps = 1e-6 * np.eye(len(low))
    gradient = np.stack([(function(*(X + h).T) - function(*(X - h).T)) / 2e-6 for h in steps], axis=1)
    return Evidence(X, function(*X.T)[:, None], gradient[:, None, :], error)


def found(function, d, low=1.0, high=3.0, **options):
    variables = find_variables(evidence(function, [low] * d, [high] * d, **options))
    return None if variables is None else variables.described([f"x{i}" for i in range(d)])


def test_powers_go_in_front():
    assert found(lambda a, b, c: a**2 / np.sqrt(b) * np.exp(c * 0.1 + 0.05 * c**2), 3) == "x2; times x0^2/x1^0.5"


def test_a_pure_power_leaves_one_column_that_does_not_matter():
    variables = find_variables(evidence(lambda a, b: 3.0 * a / b**2, [1, 1], [3, 3]))
    np.testing.assert_array_equal(variables.factor, [1, -2])
    assert variables.coefficients.shape == (1, 2)


@pytest.mark.parametrize(
    ("function", "kind", "ratio"),
    [
        (lambda a, b: np.sin(a - b), "sum", -1),
        (lambda a, b: np.tanh(a + 2 * b), "sum", 2),
        (lambda a, b: np.exp(-a * b), "product", 1),
        (lambda a, b: np.log(2 + a / b**2), "product", -2),
        (lambda a, b: np.cos(a**2 + b**2), "squares", 1),
        (lambda a, b: np.exp(1 / a - 1 / b), "reciprocals", -1),
    ],
)
def test_two_columns_in_one_combination_become_one(function, kind, ratio):
    variables = find_variables(evidence(function, [1, 1], [3, 3]))
    [row] = variables.coefficients
    assert variables.kinds == (kind,)
    assert row[1] / row[0] == ratio  # any multiple or power of the variable serves as well


@pytest.mark.parametrize(
    ("function", "kinds"),
    [
        (lambda a, b: np.sqrt(a**2 + 2.0 * b), ("squares", "sum")),  # a speed, and a height that is fallen
        (lambda a, b: np.tanh(a - 3.0 / b), ("sum", "reciprocals")),
        (lambda a, b: np.exp(-(a**2) - 1.0 / b), ("squares", "reciprocals")),
        (lambda a, b: np.tanh(a * np.exp(b) / 10.0), ("logarithms", "sum")),  # a price today, at a rate
    ],
)
def test_a_sum_of_different_functions_of_two_columns_leaves_these(function, kinds):
    # Cosine and inverse of c are no factor of one power, and no unit is left.
    three = evidence(lambda a, b, c: function(a, b) * np.cos(c) + 1.0 / c, [1, 1, 1], [3, 3, 3], error=1e-6)
    variables = find_variables(three)
    assert variables.kinds == (*kinds, "sum")
    np.testing.assert_array_equal(variables.coefficients, np.eye(3))
    assert not variables.factor.any()


def test_a_power_in_front_hides_no_sum_of_a_logarithm_and_another():
    def price(a, b, c):
        return np.sqrt(a) * np.tanh((np.log(a) - b) * c) + np.sqrt(a) / c

    variables = find_variables(evidence(price, [1, 1, 1], [3, 3, 3], error=1e-6))
    assert variables.kinds == ("logarithms", "sum", "sum")
    np.testing.assert_array_equal(variables.factor, [0.5, 0, 0])


def test_units_of_rows_do_not_hide_sums_of_different_functions():
    small = evidence(lambda a, b, c: np.sqrt(1.0 + a**2 + 2.0 * b) * np.cos(c), [1, 1, 1], [3, 3, 3], error=1e-6)
    scaled = Evidence(small.X / 4.0, small.y, small.gradient * 4.0, small.error, exponent=2)
    assert find_variables(scaled).kinds == find_variables(small).kinds == ("squares", "sum", "sum")


def test_three_columns_join_through_pairs():
    variables = find_variables(evidence(lambda a, b, c, d: np.exp(-a * b / c) + d, [1] * 4, [3] * 4))
    assert sorted(variables.kinds) == ["product", "sum"]
    row = variables.coefficients[variables.kinds.index("product")]
    np.testing.assert_array_equal(row / row[0], [1, 1, -1, 0])


def test_units_leave_products_without_units():
    # Lengths a, b, c: y is a length, too.
    variables = find_variables(evidence(lambda a, b, c: (a + b) / (1 + a * b / c**2), [1, 1, 4], [3, 3, 9]))
    assert variables.kinds == ("product", "product")
    np.testing.assert_array_equal(variables.coefficients.sum(axis=1), 0)
    assert variables.factor.sum() == 1


def test_a_column_that_does_not_matter_is_left_out():
    variables = find_variables(evidence(lambda a, b, c: np.sin(a * b**2 + a) + 0 * c, [1] * 3, [3] * 3))
    assert not variables.coefficients[:, 2].any()
    assert variables.factor[2] == 0


def test_none_are_found_where_there_are_none():
    assert found(lambda a, b: np.sin(a) + np.exp(0.3 * b**2 * a), 2) is None


def test_what_a_coarse_gradient_shows_is_rounded_to_fractions():
    exact = evidence(lambda a, b, c: a * np.exp(-b / c), [1] * 3, [3] * 3)
    noisy = Evidence(
        exact.X, exact.y, exact.gradient * (1 + 3e-3 * np.random.default_rng(1).normal(size=exact.gradient.shape)), 1e-3
    )
    variables = find_variables(noisy)
    np.testing.assert_array_equal(variables.factor, [1, 0, 0])
    np.testing.assert_array_equal(np.abs(variables.coefficients), [[0, 1, 1]])


def test_changes_of_units_are_found_where_columns_count_for_little():
    """Both of them, though the gradient by the third column is wrong by its size, and no tolerance lets it pass."""
    exact = evidence(lambda a, b, c, d: a * np.exp(-a / b + 0.002 * c * d**2), [1] * 4, [3] * 4)
    wrong = 0.02 * np.random.default_rng(2).normal(size=len(exact.X)) * exact.gradient[:, 0, 2]
    gradient = exact.gradient + wrong[:, None, None] * np.array([0.0, 0.0, 1.0, 0.0])
    variables = find_scalings(Evidence(exact.X, exact.y, gradient, 1e-6), 2, np.arange(4))
    assert variables.described("abcd") == "a/b, c*d^2; times a"


def test_nothing_without_a_unit_is_over_a_column_whose_rows_go_down_to_zero():
    """The points are away from 0, but r / t in place of t / r would have no end at the rows."""
    seen = evidence(lambda r, v, t: np.tanh(r * t + v**2 * t) + v * t**0.5, [0.05, 1, 1], [1, 3, 3], 1e-6)
    orders = list(itertools.permutations(range(3)))
    over = [find_scalings(replace(seen, to_zero=(0,)), 1, np.array(order)).coefficients[:, 0].min() for order in orders]
    assert min(over) >= 0
    assert min(find_scalings(seen, 1, np.array(order)).coefficients[:, 0].min() for order in orders) < 0


def test_changes_of_units_are_rounded_where_their_coefficients_are_large():
    """By a gradient that is 3 % off, that of t over that of v, which comes first, is 2.1, and its inverse 0.48."""
    exact = evidence(lambda a, v, t: np.sin(a) * np.exp(-(v**2) * t), [1] * 3, [2] * 3, 1e-6)
    noise = 0.02 * np.random.default_rng(5).normal(size=(len(exact.X), 1, 1))
    gradient = exact.gradient * (1.0 + np.array([0.0, 1.0, 0.0]) * (0.03 + noise))
    variables = find_scalings(Evidence(exact.X, exact.y, gradient, 1e-2), 1, np.array([1, 2, 0]))
    assert variables.described("avt") == "v*t^0.5, a"


def price(a, b, c):
    """Times a, of log a + b and c."""
    return a * np.tanh((np.log(a) + b) / c)


def test_the_likeliest_sum_of_two_columns_is_found_by_a_model_that_is_wrong_at_few_points():
    exact = evidence(price, [0.5, 0.01, 0.3], [2.0, 0.3, 1.0])
    rng = np.random.default_rng(3)
    far = rng.uniform(size=len(exact.X)) < 0.05
    wrong = 0.5 * far[:, None, None] * rng.normal(size=exact.gradient.shape) * np.std(exact.gradient, axis=0)
    coarse = Evidence(exact.X, exact.y, exact.gradient + wrong, 1e-2)
    assert find_leading_pair(coarse).described("abc") == "log(a), b, c; times a"
    merged = evidence(lambda a, b, c: np.exp(a) * np.tanh((a + b) / c), [-0.7, 0.01, 0.3], [0.7, 0.3, 1.0])
    assert find_leading_pair(evidence(lambda a, b, c: np.tanh((a - 2 * b) / c), [-1, -1, 1], [1, 1, 2])).described(
        "abc"
    ) in ("-2*b+a, c", "a-2*b, c", "-0.5*a+b, c")
    assert find_leading_pair(merged) is None


def test_no_pair_leads_where_all_are_alike():
    assert find_leading_pair(evidence(lambda a, b, c: np.sin(a + b + c), [-1] * 3, [1] * 3)) is None
    assert find_leading_pair(evidence(lambda a, b: np.sin(a) + np.exp(0.3 * b**2 * a), [1] * 2, [3] * 2)) is None


def test_columns_of_both_signs_are_no_factors():
    variables = find_variables(evidence(lambda a, b: a * b, [-1, 1], [1, 3]))
    assert variables is None or variables.factor[0] == 0


def test_other_powers_in_front_are_the_same_symmetry():
    variables = variables_of(["product", "product", "sum"], [[1, 1, 0, 0], [0, -1, 1, 0], [0, 0, 0, 1]], [0, 2, 0, 0])
    others = [one.factor.tolist() for one in in_front(variables)]
    assert len(others) == 8
    assert [1, 3, 0, 0] in others
    assert [1, 2, 1, 0] in others
    far = variables_of(["product"], [[1, 5]], [0, 6])
    assert [one.factor.tolist() for one in in_front(far)] == [[-1, 1]]


def mirrored(function, low, high):
    """Evidence of `function` of columns with what mirrored points change it by, as a model of it would show."""
    X = np.random.default_rng(0).uniform(low, high, (300, len(low)))
    model = SimpleNamespace(evaluate=lambda X: function(*X.T)[:, None])
    changes = mirrored_changes(model, X, np.array(low, float), np.array(high, float))
    return Evidence(X, function(*X.T)[:, None], np.zeros((300, 1, len(low))), 1e-8, changes)


def test_an_even_column_is_given_as_its_modulus():
    variables = find_mirrored(mirrored(lambda a, b: np.cos(a * b) + b, [-2, 1], [2, 3]))
    assert variables.described("ab") == "abs(a), b"


def test_columns_that_may_be_exchanged_are_given_as_sum_and_product():
    variables = find_mirrored(mirrored(lambda a, b, c: np.exp(a * b) * np.sin(a + b + c), [1, 1, 1], [3, 3, 3]))
    assert variables.described("abc") == "a+b, a*b, c"


def test_mirrored_points_show_nothing_where_there_is_nothing_or_a_column_does_not_matter():
    assert find_mirrored(mirrored(lambda a, b: np.exp(a) + 0 * b, [-2, 1], [2, 3])) is None
    assert find_mirrored(mirrored(lambda a, b: a + 1.1 * b, [1, 1], [3, 3])) is None
    assert find_mirrored(mirrored(lambda a, b: a + b, [1, 4], [3, 6])) is None  # no mirrored point is in the box


def test_a_column_of_both_signs_is_in_the_numerator_of_a_product_without_units():
    variables = find_variables(evidence(lambda a, b, c: np.exp(-((a / b) ** 2)) / (c + b), [-3, 1, 1], [3, 3, 3]))
    assert variables.described("abc") == "a/c, b/c; times 1/b"


def summands(function, d, low=1.0, high=3.0, **options):
    names = [f"x{i}" for i in range(d)]
    choices = find_summands(evidence(function, [low] * d, [high] * d, **options))
    return [" ".join(one.described(names) for one in some) for some in choices]


def test_terms_that_stand_by_themselves_are_found_whatever_the_rest_is():
    assert summands(lambda a, b, c: a - b**2 / 2 + np.exp(c) * np.sqrt(1 + c), 3) == ["+x0 -0.5*x1^2"]
    assert summands(lambda a, b, c: 1 / a + np.sin(b * c), 3) == ["+1/x0"]


def test_a_term_of_one_of_two_columns_of_a_difference_may_be_of_either():
    choices = summands(lambda a, b, c: a + np.sqrt(c / (5 + b - a)), 3)
    assert sorted(choices) == ["+x0", "+x1"]


def test_a_product_may_stand_by_itself():
    assert summands(lambda a, b, c: a * np.sqrt(b) + np.sin(b * c), 3) == ["+x0*x1^0.5"]
    assert summands(lambda a, b, c: 2 * a / b + b**0.3 * c**1.7, 3) == ["+2*x0/x1"]


def test_no_term_stands_by_itself_in_a_product_nor_where_units_differ_nor_of_a_column_that_does_not_matter():
    assert summands(lambda a, b, c: a * b * np.exp(c), 3) == []
    assert summands(lambda a, b, c: 0.8731 * a + np.sin(b * c), 3) == []
    assert summands(lambda a, b, c: np.sin(b - c), 3) == []


def test_units_of_evidence_change_no_term():
    seen = evidence(lambda a, b: 2 * a + np.sin(a * b), [1, 1], [3, 3])
    assert find_summands(seen) == []
    seen = evidence(lambda a, b, c: c**2 / 2 + np.sin(a * b), [1, 1, 1], [3, 3, 3])
    other = Evidence(seen.X / 4, seen.y / 8, seen.gradient / 2, seen.error, {}, 2, 3)
    assert find_summands(other) == find_summands(seen) != []


def test_of_what_the_rest_does_not_have_the_coefficient_may_be_any_number():
    seen = evidence(lambda a, b, c, d: 0.8731 * a / d**2 + np.sin(b * c) * d, [1] * 4, [3] * 4)
    assert find_summands(seen) == []
    [[term]] = find_summands(seen, are_rough=True)
    assert (term.kind, term.row, term.private, term.is_rough) == ("product", (1.0, 0.0, 0.0, -2.0), (0,), True)
    assert term.coefficient == pytest.approx(0.8731, rel=1e-6)
    [[known]] = find_summands(evidence(lambda a, b, c: a / 2 + np.sin(b * c), [1] * 3, [3] * 3), are_rough=True)
    assert (known.coefficient, known.is_rough) == (0.5, False)


def test_evidence_in_the_variables_of_a_symmetry_is_that_of_the_function_of_these():
    seen = evidence(lambda a, b, c: a**2 * np.sin(a - b) * np.exp(c / 3.0), [1] * 3, [3] * 3)
    variables = variables_of(["sum", "sum"], [[1.0, -1.0, 0.0], [0.0, 0.0, 1.0]], [2.0, 0.0, 0.0])
    got = evidence_in(seen, variables)
    u, c = np.ldexp(got.X, got.exponent).T
    np.testing.assert_allclose(np.ldexp(got.y, got.y_exponent)[:, 0], np.sin(u) * np.exp(c / 3.0), rtol=1e-12)
    slopes = np.ldexp(got.gradient, got.y_exponent - got.exponent)[:, 0]
    np.testing.assert_allclose(slopes[:, 0], np.cos(u) * np.exp(c / 3.0), atol=1e-7)
    np.testing.assert_allclose(slopes[:, 1], np.sin(u) * np.exp(c / 3.0) / 3.0, atol=1e-7)
