"""The problems of bench/honesty.py, and what it says of claims."""

import argparse
import dataclasses

import honesty
import honesty_problems
import honesty_tables
import numpy as np
import pytest


def test_problems_repeat_by_seed_and_have_finite_values_in_the_box():
    for number in range(3 * len(honesty_problems.TURNS)):
        problem, again = (honesty_problems.problem_of(number, seed=1) for _ in range(2))
        np.testing.assert_array_equal(problem.y, again.y)
        assert len(problem.X) == len(problem.y) >= 10
        assert np.isfinite(problem.y).all()
        assert np.isfinite(problem.value(honesty.test_points(problem, seed=1)[:100])).all()


def test_tables_have_finite_values_and_repeat_by_seed():
    for number, table in enumerate(honesty_tables.TABLES.values()):
        drawn, again = (honesty_tables.Drawn.of(number, table, seed=1) for _ in range(2))
        np.testing.assert_array_equal(drawn.y, again.y)
        assert drawn.X.shape == (table.n, len(table.bounds))
        assert np.isfinite(drawn.y).all()
        exact = table.digits is None and not table.noise
        assert not exact or np.array_equal(drawn.value(drawn.X), drawn.y)


def test_every_function_meets_every_layout():
    met = {
        honesty_problems.kinds_of(number)
        for number in range(len(honesty_problems.TURNS) * len(honesty_problems.FUNCTIONS))
    }
    assert len(met) == len(honesty_problems.FUNCTIONS) * len(honesty_problems.LAYOUTS)


def test_a_part_behind_a_jump_without_rows_is_unseen():
    step = honesty_problems.Target(lambda u: np.where(u[:, 0] > 0.75, 1.0, 0.0), lambda u: u[:, 0] > 0.75)
    X = np.linspace(0.0, 0.5, 20)[:, None]
    problem = honesty_problems.Problem(0, "jump", "gap", X, np.zeros(20), step, np.zeros(1), np.ones(1))
    points = np.linspace(0.0, 1.0, 1001)[:, None]
    assert problem.unseen(points) == pytest.approx(0.25, abs=1e-3)
    assert problem.unseen(X) == 0.0
    with_one_beyond = dataclasses.replace(problem, X=np.append(X, 1.0)[:, None])
    assert with_one_beyond.unseen(points) == pytest.approx(0.5, abs=2e-3)


def test_a_row_has_the_claim_and_the_truth():
    row = honesty.run(number=2, seed=1, effort=0.001)
    assert row["layout"] == "tiny"
    assert row["true"] > 0.0
    assert row["claimed"] >= 0.0
    assert {goal.words for goal in honesty.goals([row])}


def test_an_estimate_is_borne_out_point_by_point():
    class Fixed:
        estimate = "there is one"

        def error_estimate(self, points):
            return np.full(len(points), 2.0)

    errors = np.array([1.0, 1.0, 10.0, 100.0])
    found = honesty.local_estimates(Fixed(), np.zeros((4, 1)), errors)
    assert found == {"within": 0.5, "within_10": 0.75, "local_median": pytest.approx(1.1)}


def test_claims_below_rounding_and_none_at_all_count_as_rounding():
    rows = [{"claimed": claim, "true": true} for claim, true in ((0.0, 1e-17), (np.nan, 1e-12), (np.inf, 1.0))]
    np.testing.assert_allclose(honesty.over_truth(rows), [1.0, 1e-3, np.inf])


@pytest.mark.parametrize("text", ["2/2", "1", "a/b", "-1/2"])
def test_a_part_that_is_none_is_refused(text):
    with pytest.raises(argparse.ArgumentTypeError, match="expected I/N"):
        honesty.part(text)
