"""What every model keeps, whatever its family: shapes, derivatives, files, copies, other languages.

`models_of_all_families` has the models. A family that is not among them fails here, and says where its line belongs.
"""

import copy
import functools
import pickle
import platform
import re
import warnings
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from unit import models_of_all_families
from unit.compiled import compiled, needs_compiler
from unit.models_of_all_families import (
    MODELS,
    exported,
    inside,
    model_of,
    models_with_every_family_of_steps,
    of_outputs,
    points,
    refusal,
    ulps,
)

import pml_native as pml
from pml_native import _core
from pml_native.models import FAMILIES, archive

EPS = np.finfo(np.float64).eps
# Of 5-point differences, in units of the range of the inputs: rounding, eps / step, and what a smooth function's fifth
# derivative leaves, step^4 times some hundred, are both some 1e-12 there.
STEP = 5e-4
# ... and the largest of which is 7e-9 of the largest derivative, of a polynomial of degree 11 at the end of its box.
DIFFERENCES = 3e-8
# Inputs of all rows together: more than the 2^13 values or 2^14 products below which one thread does all.
MANY = 10_000


@pytest.fixture(params=MODELS)
def name(request):
    return request.param


@pytest.fixture
def case(name):
    return MODELS[name]


@pytest.fixture
def model(name):
    return model_of(name)


@pytest.fixture(name="X")
def points_of_all_kinds(case, model):
    return points(case, model)


@pytest.fixture(autouse=True)
def infinite_values_without_a_warning():
    with np.errstate(all="ignore"):
        yield


def on_threads(model, n_threads):
    """A copy that computes on so many threads, as do all models that it consists of."""
    copied = copy.deepcopy(model)
    copied.use_threads(n_threads)
    return copied


def everything(model, X):
    """Values, derivatives, and values in double-double as high and low."""
    return model(X), model.gradient(X), *model.extended(X)


def assert_same_bits(got, wanted):
    for one, other in zip(got, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def assert_same_model(got, wanted, X):
    assert_same_bits(everything(got, X), everything(wanted, X))
    assert type(got) is type(wanted)
    assert got.signature == wanted.signature
    assert got.report == wanted.report
    assert got.n_params == wanted.n_params
    assert repr(got) == repr(wanted)


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_model_here(family):
    known = {model_of(name).family for name in MODELS}
    place = Path(models_of_all_families.__file__).relative_to(Path(__file__).parents[2])
    assert family in known, f"no model of the family {family!r} is tested: add a line with one to MODELS in {place}"


# Values and derivatives


def test_shapes_are_those_of_the_signature(model, X):
    n, d, m = len(X), model.signature.n_inputs, model.signature.n_outputs
    value, gradient, high, low = everything(model, X)
    outputs = (n,) if model.signature.y_is_vector else (n, m)
    assert value.shape == high.shape == low.shape == outputs
    assert gradient.shape == (*outputs, d)
    assert value.dtype == gradient.dtype == high.dtype == low.dtype == np.float64
    np.testing.assert_array_equal(model.predict(X), value)
    assert isinstance(model.n_params, int)
    assert model.n_params > 0
    assert FAMILIES[model.family] is type(model)


def test_one_output_is_a_column_where_y_was_a_matrix(model, X):
    if model.signature.n_outputs > 1:
        return
    matrix, vector = copy.copy(model), copy.copy(model)
    matrix.signature = replace(model.signature, y_is_vector=False)
    vector.signature = replace(model.signature, y_is_vector=True)
    for got, wanted in zip(everything(matrix, X), everything(vector, X), strict=True):
        np.testing.assert_array_equal(got, wanted[:, None])


def test_the_gradient_is_the_derivative(case, model):
    d, (low, high) = model.signature.n_inputs, case.box
    step = STEP * (high - low)
    X = np.clip(inside(case, d), low + 2.0 * step, high - 2.0 * step)
    gradient = model.evaluate_gradient(X) * (high - low)
    size = np.nanmax(np.abs(model.evaluate(X))) + np.nanmax(np.abs(gradient))
    for j in range(d):
        h = step * np.eye(d)[j]
        near, far = (model.evaluate(X + k * h) - model.evaluate(X - k * h) for k in (1, 2))
        error = np.abs((8.0 * near - far) / (12.0 * STEP) - gradient[:, :, j]) / size
        error = error[~np.isnan(error)]
        assert np.quantile(error, 0.75 if case.has_kinks else 1.0) < DIFFERENCES
        assert len(error) > 0.75 * len(X)


def test_the_hessian_is_the_derivative_of_the_gradient(case, model):
    if refusal(case, model) is not None and not isinstance(model, pml.SimplexInterpolator):
        with pytest.raises(ValueError, match="expected"):
            model.hessian(inside(case, model.signature.n_inputs, 3))
        return
    d, (low, high) = model.signature.n_inputs, case.box
    if high > 1e150:
        return  # of y per x^2 float64 has nothing
    step = STEP * (high - low)
    X = np.clip(inside(case, d, 30), low + 2.0 * step, high - 2.0 * step)
    hessian = of_outputs(model, model.hessian(X)) * (high - low) * (high - low)
    known = ~np.isnan(hessian)
    assert np.all((hessian == np.swapaxes(hessian, 2, 3)) | ~known)
    size = np.nanmax(np.abs(model(X))) + np.nanmax(np.abs(hessian))

    def change(steps, h):
        after, before = (of_outputs(model, model.gradient(X + sign * steps * h)) for sign in (1.0, -1.0))
        return (after - before) * (high - low)

    for j in range(d):
        h = step * np.eye(d)[j]
        error = np.abs((8.0 * change(1, h) - change(2, h)) / (12.0 * STEP) - hessian[:, :, j]) / size
        assert np.nanquantile(error, 0.7 if case.has_kinks else 1.0) < 10.0 * DIFFERENCES
        assert np.mean(~np.isnan(error)) > 0.05


def test_the_hessian_is_missing_where_x_is_and_beyond_as_the_values_are(case, model, X):
    if refusal(case, model) is not None:
        return
    X = X[:30]
    values, hessian = of_outputs(model, model(X)), of_outputs(model, model.hessian(X))
    assert hessian.shape == (len(X), model.signature.n_outputs, X.shape[1], X.shape[1])
    np.testing.assert_array_equal(np.isnan(hessian).all(axis=(2, 3)) | ~np.isnan(values), True)
    few, all_ = model.hessian(X[5:7]), model.hessian(X)
    np.testing.assert_allclose(few, all_[5:7], rtol=1e-9, atol=1e-12 * np.nanmax(np.abs(all_)))


def test_extended_values_are_the_values_to_rounding(model, X):
    value, high, low = model(X), *model.extended(X)
    finite = np.isfinite(value)
    np.testing.assert_array_equal(np.isfinite(high), finite)
    np.testing.assert_array_equal(high[~finite], value[~finite])
    np.testing.assert_array_equal((high + low)[finite], high[finite])
    # What evaluation in float64 costs: sums some times larger than the value, a few roundings each.
    assert np.max(np.abs(value - high)[finite]) <= 100 * EPS * np.max(np.abs(high[finite]))


def test_the_box_holds_a_low_and_a_high_number_of_each_input(model):
    if model.box() is not None:
        low, high = model.box()
        assert low.shape == high.shape == (model.signature.n_inputs,)
        assert (low <= high).all()


# What may be given


def test_outputs_depend_only_on_the_inputs_that_the_graph_leads_them_to(case, model):
    graph, d = model.graph(), model.signature.n_inputs
    assert (graph.n_inputs, graph.n_outputs) == (d, model.signature.n_outputs)
    reached = [{j} for j in range(d)]
    for node in graph.nodes:
        reached.append(set().union(*(reached[i] for i in node)))
    gradient = model.evaluate_gradient(inside(case, d, 50))
    for k, leads_to in enumerate(reached[-graph.n_outputs :]):
        others = [j for j in range(d) if j not in leads_to]
        assert np.all(gradient[:, k, others] == 0.0)


def test_no_rows_give_no_values(model, X):
    for nothing, whole in zip(everything(model, X[:0]), everything(model, X), strict=True):
        assert nothing.shape == (0, *whole.shape[1:])
        assert nothing.dtype == np.float64


def test_nan_stays_in_its_row(case, model, X):
    X = X[~np.isnan(X).any(axis=1)]
    wanted = everything(model, X)
    for j in range(X.shape[1]):
        rows = X.copy()
        rows[[3, 77], j] = np.nan
        value, gradient, high, low = everything(model, rows)
        for got in (value, high) if case.has_slope_at_nan else (value, gradient, high):
            assert np.isnan(got[[3, 77]]).all()
        assert not low[[3, 77]].any()
        assert_same_bits(
            (np.delete(got, [3, 77], axis=0) for got in (value, gradient, high, low)),
            (np.delete(one, [3, 77], axis=0) for one in wanted),
        )


def test_a_row_has_one_value_in_any_batch(model, X):
    wanted = everything(model, X)
    for rows in (slice(0, 1), slice(9, 10), slice(5, 12), slice(13, 200), slice(None, None, -1)):
        assert_same_bits(everything(model, X[rows]), (one[rows] for one in wanted))


def test_arrays_of_any_layout_and_lists_are_taken_and_stay_as_they_are(model, X):
    X = X[:40]
    wanted, wide = everything(model, X), np.repeat(X, 2, axis=1)
    views = (np.asfortranarray(X), wide[:, ::2], np.repeat(X, 2, axis=0)[::2], X[::-1].copy()[::-1])
    others = (X.astype(">f8"), X.astype(np.longdouble), X.tolist(), X.astype(object))
    frozen = X.copy()
    frozen.flags.writeable = False
    for given in (*views, *others, frozen):
        before = copy.deepcopy(given)
        assert_same_bits(everything(model, given), wanted)
        np.testing.assert_array_equal(np.asarray(given, dtype=np.float64), np.asarray(before, dtype=np.float64))
    if X.shape[1] == 1:
        assert_same_bits(everything(model, X[:, 0]), wanted)


def test_float32_and_integers_are_taken_as_the_float64_they_are(model, case):
    X = np.round(inside(case, model.signature.n_inputs, 20))
    for given in (X.astype(np.float32), X.astype(np.int64)) if case.box[1] < 1e9 else ():
        assert_same_bits(everything(model, given), everything(model, X))


def test_other_numbers_of_columns_are_refused(model, X):
    d = X.shape[1]
    for call in (model, model.predict, model.gradient, model.extended):
        with pytest.raises(ValueError, match=re.escape(f"X: expected (n, {d}), got (200, {d + 1})")):
            call(np.column_stack([X, X[:, 0]]))
        with pytest.raises(ValueError, match="X: expected an array of 1 or 2 dimensions, got 3"):
            call(X[None])
        with pytest.raises(ValueError, match="X: expected numbers, got text"):
            call([["a"] * d])


def test_columns_of_a_data_frame_are_taken_by_name(model, X):
    pandas = pytest.importorskip("pandas")
    names = tuple(f"column {j}" for j in range(X.shape[1]))
    named = copy.copy(model)
    named.signature = replace(model.signature, input_names=names)
    frame = pandas.DataFrame({"other": 0.0, **dict(zip(names[::-1], X.T[::-1], strict=True))})
    assert_same_bits(everything(named, frame), everything(model, X))
    with pytest.raises(
        ValueError, match=re.escape(f"X: expected the columns {list(names)}, got none named ['column 0']")
    ):
        named(frame.drop(columns="column 0"))


def test_threads_change_no_bit(case, model):
    X = inside(case, model.signature.n_inputs, MANY // model.signature.n_inputs)
    assert_same_bits(everything(on_threads(model, 3), X), everything(on_threads(model, 1), X))


# Files and copies


def test_a_saved_model_comes_back_bit_for_bit(model, X, report, tmp_path):
    saved = copy.copy(model)
    saved.report = report
    saved.signature = replace(
        model.signature,
        input_names=tuple(f"x {j}" for j in range(model.signature.n_inputs)),
        output_names=tuple(f"y {k}" for k in range(model.signature.n_outputs)),
    )
    path = tmp_path / "model.pml"
    saved.save(path)
    assert_same_model(pml.load(path), saved, X)
    with zipfile.ZipFile(path) as archive:  # no pickle
        assert {Path(name).suffix for name in archive.namelist()} == {".json", ".npy"}


def test_a_copy_gives_the_same_bits(model, X):
    everything(model, X)  # before, so that what is kept for later is copied too
    for copied in (pickle.loads(pickle.dumps(model)), copy.deepcopy(model), copy.copy(model)):
        assert copied is not model
        assert_same_model(copied, model, X)


def one_of_each_name(arrays):
    """Names of arrays: of parts that have arrays of the same name, one."""
    return {name.rpartition("/")[2]: name for name in arrays}.values()


def damages(header, arrays):
    """Headers and arrays of model files that have something missing, or of another type."""
    for name in one_of_each_name(arrays):
        yield header, {other: a for other, a in arrays.items() if other != name}
        yield header, {**arrays, name: np.full(arrays[name].shape, "a")}
    for number in ("n_inputs", "n_outputs"):
        yield {**header, "signature": {**header["signature"], number: 7}}, arrays
    yield {**header, "signature": None}, arrays
    yield {name: entry for name, entry in header.items() if name != "values"}, arrays


def test_a_damaged_file_is_a_clear_error_or_the_same_model(model, X, tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)  # of many files that nobody needs after a crash
    wanted, refused, path = model(X), [], tmp_path / "model.pml"
    for header, arrays in damages(*model.description()):
        archive.write(path, header, arrays)
        try:
            loaded = pml.load(path)
        except ValueError as error:
            refused.append(str(error))
        else:
            # Simplices that are missing are found again, by a search whose weights are rounded in another way.
            np.testing.assert_allclose(loaded(X), wanted, rtol=1e-12)
    assert all(text.startswith(f"{path}: the model file is incomplete or of another version") for text in refused)


@pytest.mark.parametrize(
    "damaged",
    [lambda array: array[:-1], lambda array: np.full(array.shape, 1e300), lambda array: np.full(array.shape, -(2**63))],
    ids=["a shorter array", "huge numbers", "the least integer"],
)
def test_a_file_with_another_array_is_a_clear_error_or_another_model(damaged, model, X, tmp_path, monkeypatch):
    monkeypatch.setattr("os.fsync", lambda _: None)
    header, arrays = model.description()
    for name in one_of_each_name(arrays):
        archive.write(tmp_path / "model.pml", header, {**arrays, name: damaged(arrays[name])})
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                assert pml.load(tmp_path / "model.pml")(X).shape == model(X).shape
            except ValueError:  # of the file, or of a point outside of its box
                continue


# Other languages


@pytest.fixture(scope="module")
def compiled_once(tmp_path_factory):
    return functools.cache(lambda name: compiled(model_of(name), tmp_path_factory.mktemp("c")))


@pytest.fixture
def c(name, compiled_once):
    return compiled_once(name)


@pytest.mark.parametrize(
    ("language", "needs"), [("c", "math"), ("rust", "math"), ("numba", "numba"), ("onnx", "onnx"), ("jax", "jax")]
)
@pytest.mark.parametrize("name", [name for name in MODELS if name not in exported()])
def test_models_that_other_languages_cannot_have_are_refused(name, model, case, language, needs):
    pytest.importorskip(needs)
    with pytest.raises(ValueError, match=refusal(case, model)):
        getattr(model, f"to_{language}")()


@needs_compiler
@pytest.mark.parametrize("name", exported())
def test_c_agrees_with_the_model(model, case, X, c):
    assert ulps(c(X), of_outputs(model, model(X))) <= case.value_ulps
    assert ulps(c.gradient(X), of_outputs(model, model.gradient(X))) <= case.gradient_ulps


@needs_compiler
@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="the core fuses products on other machines")
@pytest.mark.parametrize("name", exported(lambda case: case.same_bits_in_c))
def test_without_fused_products_the_bits_of_c_are_those_of_the_core(model, X, c):
    before = _core.isa_selected()
    _core.isa_select("baseline")
    try:
        wanted = of_outputs(model, model(X))
    finally:
        _core.isa_select(before)
    np.testing.assert_array_equal(c(X), wanted)


@pytest.mark.parametrize("name", models_with_every_family_of_steps(exported()))
def test_a_loop_compiled_by_numba_agrees_with_the_model(name, model, case, X):
    numba = pytest.importorskip("numba")
    f = model.to_numba()

    @numba.njit
    def loop(X, out):
        for i in range(len(X)):
            out[i] = f(X[i])

    out = np.empty_like(model(X))
    loop(X, out)
    assert ulps(out, model(X)) <= case.value_ulps


@pytest.mark.parametrize("name", exported())
def test_onnx_agrees_with_the_model_or_says_what_it_cannot_have(name, model, case, X):
    pytest.importorskip("onnx")
    if not case.in_onnx:
        with pytest.raises(ValueError, match="expected a model made of networks, got one with the operation '"):
            model.to_onnx()
        return
    runtime = pytest.importorskip("onnxruntime")
    graph = model.to_onnx().SerializeToString()
    (y,) = runtime.InferenceSession(graph, providers=["CPUExecutionProvider"]).run(["y"], {"x": X})
    assert y.dtype == np.float64
    assert ulps(y, of_outputs(model, model(X))) <= case.value_ulps
