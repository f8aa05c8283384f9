"""What is known of y beforehand: kept by construction, proved, or looked at; and contradictions with rows."""

import numpy as np
import pytest
from unit.compiled import compiled, needs_compiler

import pml_native as pml
from pml_native import known
from pml_native.arrays import as_samples
from pml_native.exchanges import Exchanges
from pml_native.fitting.knowledge import resolved

QUICK = {"effort": 0.01, "time_limit": None, "progress": False, "n_threads": 1}


def rows(f, n=150, low=(-1.0, -1.0), high=(1.5, 1.5), seed=0):
    X = np.random.default_rng(seed).uniform(low, high, (n, len(low)))
    return X, f(X)


def error(model, f, **options):
    X, y = rows(f, 500, seed=1, **options)
    return np.sqrt(np.mean((model(X) - y) ** 2)) / np.std(y)


def even(X):
    return np.exp(-(X[:, 0] ** 2)) * (1.0 + X[:, 1])


def odd(X, about=0.3):
    return np.sin(X[:, 0] - about) * np.exp(X[:, 1])


def tail(X):
    return (4.0 * X[:, 0] ** -12 - 4.0 * X[:, 0] ** -6) * (1.0 + 0.1 * X[:, 1])


def three(X):
    """The same for x0, x1 and x2 in any order."""
    r = X[:, :3]
    return np.exp(-r).sum(axis=1) + r.prod(axis=1) * X[:, 3] + np.sqrt(1.0 + (r**2).sum(axis=1))


# Symmetries


def test_a_symmetric_column_is_kept_to_the_last_bit():
    X, y = rows(even)
    model = pml.fit(X, y, known=[known.symmetric("x0")], method="polynomial", **QUICK)
    assert error(model, even) < 1e-6
    np.testing.assert_array_equal(model(X * [-1.0, 1.0]), model(X))
    np.testing.assert_array_equal(model.gradient(X * [-1.0, 1.0])[:, 0], -model.gradient(X)[:, 0])
    assert model.report.known == ("y is symmetric in x0 about 0: kept by construction",)
    assert "known: y is symmetric in x0" in str(model.report)


def test_a_symmetric_model_is_so_outside_of_its_rows():
    X, y = rows(even, low=(0.1, -1.0))
    model = pml.fit(X, y, known=[known.symmetric(0)], outside="linear", **QUICK)
    points = np.array([[0.5, 0.0], [1.4, 0.2], [3.0, 2.0], [0.01, 0.5]])
    np.testing.assert_allclose(model(points * [-1.0, 1.0]), model(points), rtol=1e-14)
    assert model.inside(np.array([[-1.0, 0.0]])).all()
    assert abs(model(np.array([[0.0, 0.0]]))[0] - 1.0) < 1e-5


def test_an_antisymmetric_column_is_kept_and_has_its_slope_where_it_is_zero():
    X, y = rows(odd)
    model = pml.fit(X, y, known=[known.antisymmetric("x0", about=0.3)], **QUICK)
    assert error(model, odd) < 1e-9
    mirrored = np.column_stack([0.6 - X[:, 0], X[:, 1]])
    np.testing.assert_allclose(model(mirrored), -model(X), atol=1e-14)
    at_zero = np.array([[0.3, 0.2]])
    assert model(at_zero) == 0.0
    np.testing.assert_allclose(model.gradient(at_zero), [[np.exp(0.2), 0.0]], atol=1e-8)


def test_exchanged_columns_give_the_same_bits():
    X, y = rows(three, 120, (0.5,) * 4, (2.0,) * 4)
    model = pml.fit(X, y, known=[known.exchange(["x0", "x1", "x2"])], **QUICK)
    assert error(model, three, low=(0.5,) * 4, high=(2.0,) * 4) < 1e-3
    for image in ([1, 0, 2, 3], [2, 0, 1, 3], [2, 1, 0, 3]):
        np.testing.assert_array_equal(model(X[:, image]), model(X))
        np.testing.assert_array_equal(model.gradient(X[:, image])[:, np.argsort(image)], model.gradient(X))


def test_what_is_exchanged_is_more_exact_than_without():
    X, y = rows(three, 120, (0.5,) * 4, (2.0,) * 4)
    box = {"low": (0.5,) * 4, "high": (2.0,) * 4}
    with_it, without = (
        pml.fit(X, y, known=one, method="polynomial", **QUICK) for one in ([known.exchange([0, 1, 2])], [])
    )
    assert error(with_it, three, **box) < 0.1 * error(without, three, **box)


def test_groups_of_columns_are_exchanged_as_a_whole():
    def pairs(X):
        distance = (X[:, 0] - X[:, 2]) ** 2 + (X[:, 1] - X[:, 3]) ** 2
        return X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3] + distance

    box = {"low": (-1.0,) * 4, "high": (1.0,) * 4}
    X, y = rows(pairs, 100, **box)
    model = pml.fit(X, y, known=[known.exchange([[0, 1], [2, 3]])], method="polynomial", **QUICK)
    assert error(model, pairs, **box) < 1e-13
    np.testing.assert_array_equal(model(X[:, [2, 3, 0, 1]]), model(X))
    assert not np.allclose(model(X[:, [1, 0, 2, 3]]), model(X))


def test_identical_atoms_permute_their_distances():
    pairs = {"r12": (1, 2), "r13": (1, 3), "r23": (2, 3)}
    one = known.identical([1, 2], pairs)
    samples = as_samples(np.arange(12.0).reshape(4, 3), np.zeros(4), input_names=["r12", "r13", "r23"])
    assert {tuple(image) for image in resolved([one], samples).exchanges.images} == {(0, 1, 2), (0, 2, 1)}
    assert len(resolved([known.identical([1, 2, 3], pairs)], samples).exchanges) == 6
    swap = known.permutations([{"r12": "r23", "r23": "r12"}])
    assert {tuple(image) for image in resolved([swap], samples).exchanges.images} == {(0, 1, 2), (2, 1, 0)}


def test_a_group_has_all_that_its_permutations_make():
    four = Exchanges.of_groups([[0], [1], [2], [3]], 5)
    assert len(four) == 24
    X = np.random.default_rng(0).normal(size=(50, 5))
    np.testing.assert_array_equal(four.first(X)[:, :4], np.sort(X[:, :4]))
    np.testing.assert_array_equal(four.first(X)[:, 4], X[:, 4])
    with pytest.raises(ValueError, match="up to 720 images"):
        Exchanges.of_groups([[j] for j in range(7)], 7)


# Limits, values, bounds, a base


def test_a_limit_far_out_is_kept():
    box = {"low": (0.9, 0.0), "high": (4.0, 1.0)}
    X, y = rows(tail, **box)
    model = pml.fit(X, y, known=[known.limit("x0", power=-6)], **QUICK)
    assert error(model, tail, **box) < 1e-8
    far = np.array([[50.0, 0.5], [1e4, 0.5]])
    np.testing.assert_allclose(model(far) * far[:, 0] ** 6, -4.2, rtol=1e-6)
    assert "kept by construction, c from -4." in model.report.known[0]


@pytest.mark.filterwarnings("ignore::pml_native.FitWarning")
def test_a_model_that_is_wild_far_out_goes_on_by_its_slope():
    X, y = rows(lambda X: np.exp(-X[:, 0]) * 50.0 - X[:, 0] ** -6 * (1.0 + X[:, 0] ** -2), 40, (2.0,), (6.0,))
    model = pml.fit(X, y, known=[known.limit(0, -6, step=2)], method="polynomial", **QUICK)
    far = np.geomspace(6.0, 600.0, 50)[:, None]
    c = model(far) * far[:, 0] ** 6
    assert np.all(np.abs(c / c[0] - 1.0) < 0.1)
    np.testing.assert_allclose(c[-1], c[-5], rtol=1e-2)
    end = X.max()
    slopes = model.gradient([[end * (1.0 - 1e-9)], [end * (1.0 + 1e-9)]])[:, 0]
    assert slopes[1] == pytest.approx(slopes[0], rel=1e-3)


def test_first_images_are_of_all_families():
    def langevin(X):
        z = 4.0 * X[:, 0] / X[:, 1]
        return 1.0 / np.tanh(z) - 1.0 / z

    X, y = rows(langevin, 60, (0.5, 0.5), (2.0, 2.0))
    model = pml.fit(X, y, known=[known.antisymmetric(0)], **QUICK)
    assert any("first images: " in line for line in model.report.path)
    np.testing.assert_allclose(model(X * [-1.0, 1.0]), -y, atol=1e-3)


def test_values_and_slopes_at_points_are_met_to_rounding():
    X, y = rows(even)
    points = [known.value({"x0": 0.0, "x1": 0.0}, 1.0, slope={"x0": 0.0}), known.value([2.0, 0.0], np.exp(-4.0))]
    model = pml.fit(X, y, known=points, method="polynomial", **QUICK)
    assert model(np.zeros((1, 2)))[0] == pytest.approx(1.0, abs=1e-15)
    assert model.gradient(np.zeros((1, 2)))[0, 0] == pytest.approx(0.0, abs=1e-15)
    model.outside = "extrapolate"
    assert model(np.array([[2.0, 0.0]]))[0] == pytest.approx(np.exp(-4.0), abs=1e-15)
    assert "3 values and derivatives at points are met" in model.report.known[0]


def test_values_are_met_beside_symmetries():
    X, y = rows(three, 120, (0.5,) * 4, (2.0,) * 4)
    at = np.array([[0.6, 0.8, 1.0, 1.0]])
    model = pml.fit(
        X, y, known=[known.exchange([0, 1, 2]), known.value(at[0], three(at)[0])], method="polynomial", **QUICK
    )
    assert model(at[:, [2, 0, 1, 3]])[0] == pytest.approx(three(at)[0], abs=2e-15)
    np.testing.assert_array_equal(model(X[:, [1, 0, 2, 3]]), model(X))


def test_what_is_bounded_is_proved_or_cut_off():
    X, y = rows(lambda X: 1.0 + X[:, 0] ** 2 + X[:, 1] ** 2)
    proved = pml.fit(X, y, known=[known.nonnegative()], method="polynomial", **QUICK)
    assert proved.report.known == ("0 <= y: proved over the box",)
    X, y = rows(lambda X: 1.0 - 5.0 * np.abs(X[:, 0] * (X[:, 1] - 0.2) ** 2))
    cut = pml.fit(X, y, known=[known.bounds(high=1.0)], method="polynomial", **QUICK)
    assert cut.family == "bounded"
    assert "kept by construction, values beyond are cut off, at" in cut.report.known[0]
    points = np.random.default_rng(2).uniform(-1.0, 1.5, (2000, 2))
    assert cut(points).max() == 1.0
    assert np.all(cut.gradient(points)[cut.model(points) > 1.0] == 0.0)
    assert cut.enclosure().high <= 1.0 + 1e-12


def test_what_is_monotone_is_proved_or_said_where_not():
    X, y = rows(lambda X: X[:, 0] ** 3 + 3.0 * X[:, 0] + np.sin(6.0 * X[:, 1]))
    model = pml.fit(X, y, known=[known.monotone("x0")], method="polynomial", **QUICK)
    assert model.report.known == ("y rises with x0: proved over the box",)
    with pytest.warns(pml.FitWarning, match="y falls with x1: not so at"):
        model = pml.fit(X, y, known=[known.monotone("x1", increasing=False)], method="polynomial", **QUICK)
    assert "the slope is" in model.report.known[0]


def test_a_period_is_as_that_of_periods():
    X, y = rows(lambda X: X[:, 1] / (1.5 + np.sin(X[:, 0])), low=(0.0, 1.0), high=(6.0, 2.0))
    one = pml.fit(X, y, known=[known.periodic("x0", 2.0 * np.pi)], **QUICK)
    other = pml.fit(X, y, periods={0: 2.0 * np.pi}, **QUICK)
    np.testing.assert_array_equal(one(X), other(X))
    both = pml.fit(X, y, known=[known.periodic(0, 2.0 * np.pi), known.symmetric(1)], method="polynomial", **QUICK)
    np.testing.assert_allclose(both(X + np.array([2.0 * np.pi, 0.0])), both(X), rtol=1e-11)
    np.testing.assert_array_equal(both(X * [1.0, -1.0]), both(X))


@pytest.mark.parametrize("how", ["add", "multiply"])
def test_a_base_is_a_function_or_a_model(how, tmp_path):
    X, y = rows(even)

    def wave(X):
        return 2.0 + np.sin(20.0 * X[:, 0])

    y = y + wave(X) if how == "add" else y * wave(X)
    model = pml.fit(X, y, known=[known.base(wave, how)], method="polynomial", **QUICK)
    fresh, _ = rows(even, 300, seed=3)
    wanted = even(fresh) + wave(fresh) if how == "add" else even(fresh) * wave(fresh)
    np.testing.assert_allclose(model(fresh), wanted, atol=1e-3)
    step = np.array([1e-6, 0.0])
    np.testing.assert_allclose(
        model.gradient(fresh)[:, 0], (model(fresh + step) - model(fresh - step)) / 2e-6, atol=1e-5
    )
    with pytest.raises(ValueError, match="expected a model, to be saved, got a function"):
        model.save(tmp_path / "model.pml")
    with pytest.raises(ValueError, match="expected a model, for other languages"):
        model.program()
    base = pml.fit_polynomial(X, 2.0 + X[:, 0], degree=1)
    y = base(X) + even(X) if how == "add" else base(X) * even(X)
    model = pml.fit(X, y, known=[known.base(base, how)], method="polynomial", **QUICK)
    model.save(tmp_path / "model.pml")
    np.testing.assert_array_equal(pml.load(tmp_path / "model.pml")(X), model(X))


# Files, other languages, options


def models():
    X, y = rows(three, 120, (0.5,) * 4, (2.0,) * 4)
    yield pml.fit(X, y, known=[known.exchange([0, 1, 2])], method="polynomial", **QUICK), X
    X, y = rows(lambda X: odd(X) * X[:, 0] * X[:, 1], low=(0.5, 0.5))
    everything = [known.antisymmetric(1, about=0.1), known.limit(0, 2.0), known.bounds(-50.0, 50.0)]
    everything.append(known.value([1.0, 1.0], 0.5))
    yield pml.fit(X, y - 0.1, known=everything, method="polynomial", **QUICK), X


@needs_compiler
@pytest.mark.filterwarnings("ignore::pml_native.FitWarning")
def test_models_have_files_c_and_derivatives(tmp_path):
    for model, X in models():
        (tmp_path / str(X.shape[1])).mkdir()
        path = tmp_path / "model.pml"
        model.save(path)
        again = pml.load(path)
        np.testing.assert_array_equal(again(X), model(X))
        assert again.report.known == model.report.known
        in_c = compiled(model, tmp_path / str(X.shape[1]))
        np.testing.assert_allclose(in_c(X)[:, 0], model(X), rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(in_c.gradient(X)[:, 0], model.gradient(X), rtol=1e-9, atol=1e-10)
        inner = X[np.argsort(-X[:, 0])[5:25]]  # not where a limit begins, and second derivatives may jump
        bend, step = model.hessian(inner), np.eye(X.shape[1])[0] * 1e-5
        slopes = (model.gradient(inner + step) - model.gradient(inner - step)) / 2e-5
        np.testing.assert_allclose(bend[:, 0], slopes, atol=1e-4 * np.abs(bend).max())


def test_the_formula_of_what_is_exchanged_is_that_of_the_model():
    pytest.importorskip("sympy")
    X, y = rows(lambda X: X[:, 0] * X[:, 1] + 2.0, low=(0.5, 0.5))
    model = pml.fit(X, y, known=[known.exchange([0, 1])], method="polynomial", **QUICK)
    assert str(model.formula()) == "x0*x1 + 2"


def test_an_estimator_takes_what_is_known():
    pytest.importorskip("sklearn")
    X, y = rows(even)
    one = pml.PrecisionRegressor(known=[known.symmetric(0)], method="polynomial", effort=0.01, n_threads=1)
    np.testing.assert_array_equal(one.fit(X, y).predict(X * [-1.0, 1.0]), one.predict(X))


def test_gradients_and_weights_go_along():
    X, y = rows(odd, 16)
    G = np.column_stack([np.cos(X[:, 0] - 0.3) * np.exp(X[:, 1]), y])
    weight = np.random.default_rng(3).uniform(0.5, 2.0, len(X))
    options = {**QUICK, "method": "polynomial", "sample_weight": weight}
    what = [known.antisymmetric(0, about=0.3), known.base(lambda X: 0.0 * X[:, 0])]
    model = pml.fit(X, y, known=what, gradients=G, **options)
    without = pml.fit(X, y, known=what, **options)
    assert model.report.gradient_rmse < 1e-3
    assert error(model, odd) < 0.1 * error(without, odd)
    X, y = rows(three, 40, (0.5,) * 4, (2.0,) * 4)
    step = 1e-6 * np.eye(4)
    G = np.stack([(three(X + one) - three(X - one)) / 2e-6 for one in step], axis=1)
    model = pml.fit(X, y, known=[known.exchange([0, 1, 2])], gradients=G, method="polynomial", **QUICK)
    assert model.report.gradient_rmse < 1e-3


@pytest.mark.filterwarnings("ignore::pml_native.FitWarning")
def test_second_derivatives_go_along_with_a_base_that_is_added():
    x = np.linspace(0.0, 1.0, 12)
    y, bend = np.exp(3.0 * x), 9.0 * np.exp(3.0 * x)
    base = pml.Polynomial([[1]], [2.0])
    for how in ("add", "multiply"):
        one = [known.base(base, how), known.bounds(low=0.0)] if how == "add" else [known.base(base * 0.1 + 1.0, how)]
        model = pml.fit(x, y, known=one, second_derivatives=bend, method="polynomial", **QUICK)
        assert np.abs(model(x) - y).max() < 1e-6


@pytest.mark.filterwarnings("ignore::pml_native.FitWarning")
def test_rows_are_held_out_with_their_images():
    lines = np.linspace(-1.0, 1.0, 15), np.linspace(0.0, 1.0, 12)
    X = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1).reshape(-1, 2)
    model = pml.fit(X, even(X), known=[known.symmetric(0)], method="polynomial", **QUICK)
    assert error(model, even, low=(-1.0, 0.0), high=(1.0, 1.0)) < 1e-5
    assert model.report.error < 1e-4


def test_rows_that_are_given_to_choose_by_are_changed_alike():
    X, y = rows(odd)
    model = pml.fit(
        X[:100],
        y[:100],
        validation=(X[100:], y[100:]),
        known=[known.antisymmetric(0, about=0.3), known.value([0.5, 0.0], odd(np.array([[0.5, 0.0]]))[0])],
        method="polynomial",
        **QUICK,
    )
    assert error(model, odd) < 1e-6


def test_several_outputs_keep_what_is_known():
    X, _ = rows(even)
    Y = np.column_stack([even(X), 2.0 + np.cos(X[:, 0])])
    model = pml.fit(
        X, Y, known=[known.symmetric(0), known.bounds(high=5.0), known.value([0.0, 0.0], [1.0, 3.0])], **QUICK
    )
    np.testing.assert_array_equal(model(X * [-1.0, 1.0]), model(X))
    np.testing.assert_allclose(model(np.zeros((1, 2))), [[1.0, 3.0]], atol=1e-14)
    assert np.abs(model(X) - Y).max() < 1e-6


def test_relative_errors_stay_relative():
    X, y = rows(lambda X: np.exp(8.0 * np.abs(X[:, 0]) ** 2) * (2.0 + X[:, 1]))
    model = pml.fit(X, y, known=[known.symmetric(0)], error="relative", method="polynomial", **QUICK)
    assert np.max(np.abs(model(X) / y - 1.0)) < 1e-6


# Contradictions


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ([known.symmetric("z")], "expected columns of X, by name or number below 2, got 'z'"),
        ([known.symmetric(0), known.antisymmetric(0)], "expected one symmetry or limit for 0, got two"),
        ([known.limit(0, -6)], "expected 0 > 0, as a limit needs it, got others in rows"),
        ([known.exchange([0, 1]), known.symmetric(0)], "expected the same of all columns that may be exchanged"),
        ([known.value([0.0], 1.0)], "expected the place of a value for 2 columns"),
        ([known.value([0.0, 0.0], -1.0), known.nonnegative()], "expected values within the bounds"),
        ([known.antisymmetric(0), known.value([0.0, 0.0], 1.0)], "y is 0 where x0 is, by antisymmetry"),
        ([known.bounds(high=0.5)], "expected y within its bounds, got others in rows"),
        ([known.monotone(0), known.monotone(0, increasing=False)], "expected y to rise or to fall with x0, got both"),
        ([known.monotone(0), known.symmetric(0)], "y is symmetric in x0, so that it can't rise or fall"),
        ([known.periodic(0, 3.0), known.symmetric(0)], "expected no symmetry, exchange or limit of x0"),
        (["even"], "expected what pml_native.known makes, got 'even'"),
        (known.symmetric(0), "expected a list of what pml_native.known makes"),
        ([known.base(lambda X: X)], r"expected a function that gives \(150,\), got \(150, 2\)"),
        ([known.base(np.cos), known.base(np.cos)], r"expected a function that gives"),
    ],
)
def test_what_contradicts_itself_is_refused(what, message):
    X, y = rows(even)
    with pytest.raises(ValueError, match=message):
        pml.fit(X, y, known=what, **QUICK)


@pytest.mark.parametrize(
    ("what", "change", "shift", "message"),
    [
        (known.symmetric(0), [-1.0, 1.0], 0.0, "rows that are images of each other .* have other y, .*: rows 150"),
        (known.value([0.25, 0.5], 7.0), None, 0.0, "a value at .* contradicts y in rows 150"),
        (known.monotone(1, increasing=False), [1.0, 1.0], [0.0, 0.1], "y rises with x1 before rows"),
        (
            known.antisymmetric(0, about=0.25),
            None,
            0.0,
            "y is 0 at x0 = 0.25, .* got another y in rows 150",
        ),
    ],
)
def test_rows_that_contradict_what_is_known_are_named(what, change, shift, message):
    X, y = rows(even)
    X = np.concatenate([X, [[0.25, 0.5]] if change is None else X[:1] * change + shift])
    y = np.append(y, 2.0 if change is None else y[0] + 1.0)
    with pytest.raises(ValueError, match=message):
        pml.fit(X, y, known=[what], **QUICK)


def test_rows_without_images_contradict_by_what_a_model_without_comes_to():
    X, y = rows(lambda X: np.exp(X[:, 0]) + X[:, 1])
    with pytest.warns(pml.FitWarning, match="rows may contradict it: a polynomial without it comes to"):
        pml.fit(X, y, known=[known.symmetric(0)], method="polynomial", **QUICK)


def test_what_does_not_go_together_is_said():
    X, y = rows(even)
    with pytest.raises(ValueError, match="expected no breaks beside symmetries"):
        pml.fit(X, y, known=[known.symmetric(0)], breaks={0: [0.0]}, **QUICK)
    with pytest.raises(ValueError, match="expected at least two columns"):
        known.exchange(["x0"])
    with pytest.raises(ValueError, match="expected low < high"):
        known.bounds()
    with pytest.raises(ValueError, match="expected mappings of columns to the same columns"):
        known.permutations([{"a": "b"}])
    with pytest.raises(ValueError, match="expected a column for the distance of"):
        known.identical([1, 2], {"r13": (1, 3)})
    with pytest.raises(ValueError, match="expected y, or derivatives of it"):
        known.value([0.0])
    with pytest.raises(ValueError, match="expected how to be add or multiply"):
        known.base(np.cos, "times")
