"""The spectrum of a Hessian: all eigenpairs against known ones, and Lanczos' method against all eigenpairs."""

import numpy as np
import pytest

import pml_native as pml
from pml_native.spectrum import SpectralMeasure, quadrature, tridiagonalize


class Quadratic:
    """g'p + p'Hp/2: at p = 0 its gradient is g."""

    def __init__(self, H, gradient):
        self.H, self.g = np.asarray(H, float), np.asarray(gradient, float)
        self.n_products = 0

    def loss_and_gradient(self, params):
        return float(self.g @ params + 0.5 * params @ self.H @ params), self.g + self.H @ params

    def hessian(self, params):
        return self.H

    def hessian_vector_product(self, params, v):
        self.n_products += 1
        return self.H @ v


def random_symmetric(n, seed=0):
    A = np.random.default_rng(seed).normal(size=(n, n))
    return 0.5 * (A + A.T)


def with_eigenvalues(eigenvalues, seed=0):
    """A symmetric matrix with these eigenvalues, and its eigenvectors as columns."""
    n = len(eigenvalues)
    Q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))
    H = (Q * eigenvalues) @ Q.T
    return 0.5 * (H + H.T), Q


def random_quadratic(n=40, seed=0):
    return Quadratic(random_symmetric(n, seed), np.random.default_rng(seed + 1).normal(size=n)), np.zeros(n)


def test_known_eigenpairs_are_found_in_descending_order():
    eigenvalues = np.array([-3.0, 1e-3, 7.0, 0.5])
    H, Q = with_eigenvalues(eigenvalues)
    gradient = Q @ np.array([1.0, -2.0, 3.0, -4.0])
    result = pml.spectrum(Quadratic(H, gradient), np.zeros(4), vectors=True)
    np.testing.assert_allclose(result.eigenvalues, [7.0, 0.5, 1e-3, -3.0], atol=1e-14)
    np.testing.assert_allclose(result.gradient_projections, [3.0, 4.0, 2.0, 1.0], rtol=1e-12)
    np.testing.assert_allclose(result.eigenvectors, Q[:, [2, 3, 1, 0]] * [1, -1, -1, 1], atol=1e-12)
    assert result.gradient_norm == pytest.approx(np.sqrt(30.0))
    assert (result.largest, result.smallest) == (result.eigenvalues[0], result.eigenvalues[-1])
    assert result.trace == pytest.approx(4.501)
    assert result.gradient_distribution.within(0.0, 1.0) == pytest.approx(20.0)


def test_the_gradient_is_the_sum_of_its_projections_by_either_method():
    objective, params = random_quadratic()
    for method in ("dense", "lanczos"):
        result = pml.spectrum(objective, params, vectors=True, method=method)
        assert result.method == method
        assert (result.gradient_projections >= 0).all()
        np.testing.assert_allclose(result.eigenvectors @ result.gradient_projections, objective.g, rtol=1e-11)
        np.testing.assert_allclose(
            objective.H @ result.eigenvectors, result.eigenvectors * result.eigenvalues, atol=1e-10
        )
        assert pml.spectrum(objective, params, method=method).eigenvectors is None


def test_lanczos_with_as_many_steps_as_parameters_agrees_with_all_eigenpairs():
    objective, params = random_quadratic()
    dense, lanczos = (pml.spectrum(objective, params, method=method) for method in ("dense", "lanczos"))
    np.testing.assert_allclose(lanczos.eigenvalues, dense.eigenvalues, atol=1e-12)
    np.testing.assert_allclose(lanczos.gradient_projections, dense.gradient_projections, atol=1e-11)
    assert lanczos.gradient_norm == dense.gradient_norm
    assert lanczos.distribution.moment(0) == pytest.approx(40.0, rel=1e-13)
    assert lanczos.largest == pytest.approx(dense.largest, rel=1e-12)
    assert lanczos.smallest == pytest.approx(dense.smallest, rel=1e-12)


def test_the_quadrature_is_exact_up_to_degree_2k_minus_1_and_not_beyond():
    objective, params = random_quadratic()
    H, v = objective.H / np.linalg.norm(objective.H, 2), objective.g
    for k in (1, 2, 5, 8):
        measure = quadrature(tridiagonalize(Quadratic(H, v), params, v, k))
        for degree in range(2 * k):
            exact = v @ np.linalg.matrix_power(H, degree) @ v
            assert measure.moment(degree) == pytest.approx(exact, rel=1e-12, abs=1e-13 * (v @ v)), (k, degree)
        beyond = v @ np.linalg.matrix_power(H, 2 * k) @ v
        assert abs(measure.moment(2 * k) - beyond) > 1e-8 * beyond


def test_the_basis_stays_orthogonal_where_lanczos_without_reorthogonalization_would_lose_it():
    eigenvalues = np.concatenate(([1e3, 1e2, 1e2, 10.0], np.logspace(-12, 0, 96)))
    H, _ = with_eigenvalues(eigenvalues)
    start = np.random.default_rng(1).normal(size=100)
    basis = tridiagonalize(Quadratic(H, start), np.zeros(100), start, 60).basis
    np.testing.assert_allclose(basis.T @ basis, np.eye(basis.shape[1]), atol=1e-14)


@pytest.mark.parametrize("rank", [0, 1, 3])
def test_a_hessian_of_low_rank_ends_lanczos_early(rank):
    eigenvalues = np.zeros(50)
    eigenvalues[:rank] = [5.0, 2.0, -1.0][:rank]
    H, Q = with_eigenvalues(eigenvalues)
    objective = Quadratic(H, Q.sum(axis=1))
    result = pml.spectrum(objective, np.zeros(50), method="lanczos", n_probes=3)
    assert len(result.eigenvalues) == rank + 1  # and 0, once
    np.testing.assert_allclose(np.sort(result.eigenvalues), np.sort(eigenvalues[: rank + 1]), atol=1e-13)
    assert objective.n_products == 4 * (rank + 1)
    assert result.gradient_distribution.within(-1e-12, 1e-12) == pytest.approx(50 - rank)
    assert result.distribution.moment(0) == pytest.approx(50)


def test_probes_estimate_the_trace_and_the_number_of_small_eigenvalues():
    eigenvalues = np.concatenate((np.linspace(1, 2, 30), np.zeros(170)))
    H, _ = with_eigenvalues(eigenvalues)
    result = pml.spectrum(Quadratic(H, np.ones(200)), np.zeros(200), method="lanczos", n_steps=40, n_probes=30)
    # A probe's estimate of the trace has a variance of twice the sum of squares off the diagonal, at most 2 |H|_F^2.
    assert abs(result.trace - eigenvalues.sum()) < 4 * np.sqrt(2 * (eigenvalues @ eigenvalues) / 30)
    assert abs(result.distribution.within(-0.1, 0.1) - 170) < 4 * np.sqrt(2 * 30 / 30)
    assert result.largest == pytest.approx(2.0, rel=1e-6)


def test_signs_as_probes_give_the_trace_of_a_diagonal_matrix_exactly():
    H = np.diag(np.linspace(-1, 3, 30))
    result = pml.spectrum(Quadratic(H, np.ones(30)), np.zeros(30), method="lanczos", n_steps=2, n_probes=1)
    assert result.trace == pytest.approx(30.0, rel=1e-13)
    assert result.distribution.moment(3) == pytest.approx(np.sum(np.diag(H) ** 3), rel=1e-13)


def test_the_same_seed_gives_the_same_spectrum():
    objective, params = random_quadratic()
    nodes = [
        pml.spectrum(objective, params, method="lanczos", n_steps=5, random_state=seed).distribution.nodes
        for seed in (0, 0, 1, np.random.default_rng(1))
    ]
    np.testing.assert_array_equal(nodes[0], nodes[1])
    np.testing.assert_array_equal(nodes[2], nodes[3])
    assert not np.array_equal(nodes[0], nodes[2])


def test_the_density_integrates_to_the_weights_and_lies_at_the_nodes():
    measure = SpectralMeasure(np.array([2.0, -1.0]), np.array([3.0, 0.5]))
    grid = np.linspace(-5, 5, 4001)
    density = measure.density(grid, 0.1)
    assert density.sum() * (grid[1] - grid[0]) == pytest.approx(3.5, rel=1e-12)
    assert measure.density(2.0, 0.1) == pytest.approx(3.0 / (0.1 * np.sqrt(2 * np.pi)))
    assert measure.within(-1.0, 1.9) == 0.5


def test_one_parameter_and_no_gradient_are_fine():
    for method in ("dense", "lanczos"):
        result = pml.spectrum(Quadratic([[-2.0]], [3.0]), np.zeros(1), method=method)
        np.testing.assert_allclose(result.eigenvalues, [-2.0])
        np.testing.assert_allclose(result.gradient_projections, [3.0])
        result = pml.spectrum(Quadratic(np.diag([1.0, 2.0]), [0.0, 0.0]), np.zeros(2), vectors=True, method=method)
        assert result.gradient_norm == 0.0
        assert (result.gradient_projections == 0).all()
        assert result.largest == pytest.approx(2.0)
        assert result.smallest == pytest.approx(1.0)
        assert result.eigenvectors.shape == (2, len(result.eigenvalues))


def test_auto_takes_all_eigenpairs_of_a_small_problem_only(monkeypatch):
    objective, params = random_quadratic()
    assert pml.spectrum(objective, params).method == "dense"
    monkeypatch.setitem(pml.spectrum.__globals__, "DENSE_PARAMS", 39)
    assert pml.spectrum(objective, params).method == "lanczos"


class Bare:
    def loss_and_gradient(self, params):
        return 0.0, params


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda o, p: pml.spectrum(o, p, method="power"), ValueError, "method: expected 'auto', 'dense' or 'lanczos'"),
        (lambda o, p: pml.spectrum(o, p, n_steps=0), ValueError, "n_steps: expected a positive integer, got 0"),
        (lambda o, p: pml.spectrum(o, p, n_probes=0), ValueError, "n_probes: expected a positive integer, got 0"),
        (lambda o, p: pml.spectrum(o, p[None]), ValueError, r"params: expected \(P,\), got \(1, 40\)"),
        (lambda o, p: pml.spectrum(o, p * np.nan), ValueError, "expected a finite gradient"),
        (lambda o, p: pml.spectrum(Quadratic(o.H * np.nan, o.g), p), ValueError, "finite gradient"),
        (lambda o, p: pml.spectrum(Bare(), p), TypeError, "objective: expected one with a method hessian, got Bare"),
        (lambda o, p: pml.spectrum(Bare(), p, method="lanczos"), TypeError, "a method hessian_vector_product"),
        (lambda o, p: SpectralMeasure(p, p).density(p, 0.0), ValueError, "width: expected a number > 0, got 0"),
    ],
)
def test_misuse_raises(call, error, message):
    with pytest.raises(error, match=message):
        call(*random_quadratic())


@pytest.mark.parametrize("method", ["dense", "lanczos"])
def test_second_derivatives_that_are_nan_or_of_the_wrong_shape_raise(method):
    objective, params = random_quadratic()
    objective.hessian = lambda p: objective.H * np.nan
    objective.hessian_vector_product = lambda p, v: v * np.nan
    with pytest.raises(ValueError, match="finite Hessian"):
        pml.spectrum(objective, params, method=method)
    objective.hessian = lambda p: objective.H[1:]
    objective.hessian_vector_product = lambda p, v: v[1:]
    with pytest.raises(ValueError, match=r"expected \(40, 40\), got \(39, 40\)|expected \(40,\), got \(39,\)"):
        pml.spectrum(objective, params, method=method)


def test_params_and_the_objectives_own_hessian_are_not_changed():
    objective, params = random_quadratic()
    H = objective.H.copy()
    pml.spectrum(objective, params, vectors=True)
    np.testing.assert_array_equal(objective.H, H)
    np.testing.assert_array_equal(params, 0.0)
