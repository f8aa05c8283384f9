"""The scaling, symmetric rank-2 update and product against plain NumPy on the whole matrix."""

import numpy as np
import pytest

from pml_native import _core


def problem(n, seed=0):
    """h, scale, u, p, v, q, x with u p' + v q' = A u u' + B (u v' + v u') + C v v'."""
    rng = np.random.default_rng(seed)
    h = rng.normal(size=(n, n))
    scale, A, B, C = rng.normal(size=4)
    u, v, x = rng.normal(size=(3, n))
    return h + h.T, scale, u, A * u + B * v, v, B * u + C * v, x


# Around the four rows that go together, the vectors of 2, 4 and 8 numbers, and where the work is first shared out.
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 33, 100, 511, 512, 515, 700])
def test_the_upper_triangle_and_the_product_are_those_of_numpy(isa, n):
    h, scale, u, p, v, q, x = problem(n)
    expected = scale * h + np.outer(u, p) + np.outer(v, q)
    updated = h.copy()
    y = _core.symmetric_update(updated, scale, u, p, v, q, x, 2)
    # A few roundings an entry; n products of size up to 10 in y.
    np.testing.assert_allclose(np.triu(updated), np.triu(expected), rtol=0, atol=1e-14)
    np.testing.assert_allclose(y, expected @ x, rtol=0, atol=1e-14 * n)
    np.testing.assert_array_equal(np.tril(updated, -1), np.tril(h, -1))


@pytest.mark.parametrize("n", [300, 600, 1201])
def test_any_number_of_threads_gives_the_same_bits(n):
    h, *rest = problem(n)
    results = []
    for n_threads in (1, 2, 3, 17):
        updated = h.copy()
        results.append((_core.symmetric_update(updated, *rest, n_threads), updated))
    for y, updated in results[1:]:
        np.testing.assert_array_equal(y, results[0][0])
        np.testing.assert_array_equal(updated, results[0][1])


def test_wrong_shapes_and_read_only_matrices_are_refused():
    h, *rest = problem(6)
    for i, name in enumerate(("u", "p", "v", "q"), start=1):
        short = [*rest[:i], rest[i][:5].copy(), *rest[i + 1 :]]
        with pytest.raises(ValueError, match=rf"{name}: expected \(6,\), got \(5,\)"):
            _core.symmetric_update(h, *short, 1)
    with pytest.raises(ValueError, match=r"h: expected \(6, 6\), got \(5, 6\)"):
        _core.symmetric_update(h[:5].copy(), *rest, 1)
    h.flags.writeable = False
    with pytest.raises(ValueError, match="not writeable"):
        _core.symmetric_update(h, *rest, 1)
