"""Networks, their normalization, and the model file."""

import io
import json
import re
import zipfile

import numpy as np
import pytest
from unit.models_of_all_families import MODELS

import pml_native as pml
from pml_native.models import Signature
from pml_native.models.nested import parts_described, restored

RNG = np.random.default_rng(0)
X = RNG.uniform(1.0, 5.0, size=(50, 3))
Y = RNG.normal(size=(50, 2)) * [1.0, 1e5] + [0.0, 3e5]


def network(names=None):
    mlp = pml.MLP((3, 7, 5, 2), activation="sin")
    return pml.NetworkModel(
        mlp,
        mlp.initialize(1),
        inputs=pml.Normalization.of(X),
        outputs=pml.Normalization.of(Y),
        signature=Signature(3, 2, False, names, None),
    )


@pytest.mark.parametrize(
    ("widths", "activation", "message"),
    [
        ((3,), "tanh", "widths: expected at least 2 positive integers, got (3,)"),
        ((3, 0, 1), "tanh", "widths: expected at least 2 positive integers"),
        ((3, 2.5, 1), "tanh", "widths: expected at least 2 positive integers"),
        ("ab", "tanh", "widths: expected at least 2 positive integers"),
        ((3, 4, 1), "gelu", "activation: expected one of relu, tanh"),
    ],
)
def test_an_impossible_architecture_is_refused(widths, activation, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        pml.MLP(widths, activation=activation)


def test_parameters_are_counted_as_the_paper_counts_them():
    # P = (d+1)W + (k-2)(W+1)W + (W+1), depth k
    assert pml.MLP((1, 40, 40, 1)).n_params == 1761
    assert pml.MLP((6, 20, 20, 1)).n_params == 7 * 20 + 21 * 20 + 21


def test_layers_are_views_in_the_documented_order():
    mlp = pml.MLP((2, 3, 1))
    params = np.arange(13.0)
    (w1, b1), (w2, b2) = mlp.layers(params)
    np.testing.assert_array_equal(w1, [[0, 1], [2, 3], [4, 5]])
    np.testing.assert_array_equal(b1, [6, 7, 8])
    np.testing.assert_array_equal(w2, [[9, 10, 11]])
    np.testing.assert_array_equal(b2, [12])
    w1[0, 0] = -1.0
    assert params[0] == -1.0


def test_initializers_have_their_ranges_and_are_reproducible():
    mlp = pml.MLP((100, 400, 1))
    params = mlp.initialize(5, scale=2.0)
    (w1, b1), (w2, _) = mlp.layers(params)
    assert 0.19 < np.max(np.abs(w1)) <= 0.2
    assert 0.15 < np.max(np.abs(b1)) <= 0.2
    assert 0.08 < np.max(np.abs(w2)) <= 0.1
    np.testing.assert_array_equal(params, mlp.initialize(np.random.default_rng(5), scale=2.0))
    (w1, b1), _ = mlp.layers(mlp.initialize(5, method="glorot"))
    assert 0.9 < np.max(np.abs(w1)) / np.sqrt(6 / 500) <= 1.0
    assert not b1.any()
    with pytest.raises(ValueError, match="method: expected 'uniform' or 'glorot'"):
        mlp.initialize(5, method="he")


def test_wrong_parameters_and_columns_are_refused_with_both_shapes():
    mlp = pml.MLP((3, 4, 1))
    with pytest.raises(ValueError, match=re.escape("params: expected (21,), got (20,)")):
        mlp.forward(np.zeros(20), X)
    with pytest.raises(ValueError, match=re.escape("X: expected (n, 3), got (50, 2)")):
        mlp.forward(np.zeros(21), X[:, :2])
    with pytest.raises(ValueError, match=re.escape("y: expected (50, 1), got (49, 1)")):
        mlp.loss_and_gradient(np.zeros(21), X, np.zeros(49))


def test_normalization_has_zero_mean_and_unit_variance_and_inverts():
    normalization = pml.Normalization.of(Y)
    z = normalization.apply(Y)
    np.testing.assert_allclose(z.mean(axis=0), 0.0, atol=1e-15)
    np.testing.assert_allclose(z.std(axis=0), 1.0, rtol=1e-14)
    np.testing.assert_allclose(normalization.invert(z), Y, rtol=4e-16)


@pytest.mark.parametrize("scale", [5e-324, 1e-308, 1e308])
def test_normalization_holds_at_the_ends_of_the_exponent_range(scale):
    column = (np.arange(1.0, 9.0) * (scale if scale < 1e-300 else scale / 8.0))[:, None]
    z = pml.Normalization.of(column).apply(column)
    plain = np.arange(1.0, 9.0)[:, None]
    np.testing.assert_allclose(z, pml.Normalization.of(plain).apply(plain))


def test_folding_gives_one_plain_network_that_equals_the_model_to_rounding():
    model = network()
    folded = model.folded()
    assert folded.inputs.is_identity
    assert folded.outputs.is_identity
    # W (x - shift)/scale as W/scale x - W shift/scale: a few more roundings of numbers some times larger.
    np.testing.assert_allclose(folded(X), model(X), rtol=1e-13)
    np.testing.assert_allclose(folded.gradient(X), model.gradient(X), rtol=1e-10, atol=1e-9)
    np.testing.assert_allclose(folded.mlp.forward(folded.params, X), model(X), rtol=1e-13)


def test_folding_refuses_weights_outside_the_float64_range():
    mlp = pml.MLP((1, 2, 1))
    column = np.linspace(1e-310, 2e-310, 9)[:, None]
    model = pml.NetworkModel(mlp, mlp.initialize(0), inputs=pml.Normalization.of(column))
    with pytest.raises(ValueError, match="too extreme for weights in float64"):
        model.folded()


def test_a_file_cut_anywhere_is_a_clear_error(tmp_path):
    path = tmp_path / "model.pml"
    network().save(path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(ValueError, match="expected a model file"):
            pml.load(path)


def test_a_file_with_a_wrong_byte_is_an_error_or_the_same_model(tmp_path):
    path = tmp_path / "model.pml"
    model = network()
    model.save(path)
    whole = path.read_bytes()
    for position in range(0, len(whole), 5):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x55]) + whole[position + 1 :])
        try:
            again = pml.load(path)
        except ValueError:
            continue
        np.testing.assert_array_equal(again(X), model(X))


def archive_with(tmp_path, header, arrays=()):
    path = tmp_path / "made.pml"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model.json", header if isinstance(header, str) else json.dumps(header))
        for name, array in arrays:
            buffer = io.BytesIO()
            np.save(buffer, array, allow_pickle=True)
            archive.writestr(f"{name}.npy", buffer.getvalue())
    return path


GOOD = {"format": "pml_native model", "format_version": 1, "family": "network"}


@pytest.mark.parametrize(
    ("header", "arrays", "message"),
    [
        ("[1", (), "damaged or foreign"),
        ({"format": "other"}, (), "a zip archive of something else"),
        ({**GOOD, "format_version": 99}, (), "expected format version 1, got 99"),
        ({**GOOD, "family": "wavelet"}, (), "expected a model of .*network, .*got 'wavelet'"),
        (GOOD, (), "the model file is incomplete"),
        (GOOD, [("params", np.array([{}], dtype=object))], "damaged or foreign"),
        (GOOD, [("params", np.array([1.0, np.nan]))], "params.npy holds NaN"),
    ],
)
def test_a_foreign_file_is_a_clear_error(tmp_path, header, arrays, message):
    with pytest.raises(ValueError, match=message):
        pml.load(archive_with(tmp_path, header, arrays))


def test_twins_in_a_file_are_refused(tmp_path):
    path = archive_with(tmp_path, GOOD)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate name"):
        archive.writestr("model.json", json.dumps(GOOD))
    with pytest.raises(ValueError, match="two of its members have the same name"):
        pml.load(path)


@pytest.mark.parametrize("kind", ["algebraic", "rational", "modular polynomial"])
def test_parts_of_another_family_are_refused(kind):
    model = MODELS[kind].make()
    values, arrays = model.state()
    without_parts = {name: array for name, array in arrays.items() if "/" not in name}
    are_many = isinstance(values["polynomials"], list)
    parts, own = parts_described([network()] * (len(values["polynomials"]) if are_many else 1))
    values["polynomials"] = parts if are_many else parts[0]
    with pytest.raises(ValueError, match=r"expected (the )?polynomials.*, got network|expected 3 sources"):
        type(model).from_state(values, {**without_parts, **own}, model.signature)


def changed(kind, key, value):
    """The description of a model of this kind with another value, and its arrays."""
    description, arrays = MODELS[kind].make().description()
    if key in arrays:
        arrays[key] = value
    else:
        part = description["signature"] if key in description["signature"] else description["values"]
        part[key] = value
    return description, arrays


@pytest.mark.parametrize(
    ("kind", "key", "value", "message"),
    [
        ("polynomial", "indices", np.array([[-1, 0, 0]]), "indices: expected integers >= 0"),
        ("polynomial", "indices", np.array([[10**9, 0, 0]]), "indices: expected degrees up to"),
        ("polynomial", "input_names", ["a"], "input_names: expected 3, got 1"),
        ("network tanh", "inputs_shift", np.zeros(7), "differ in their numbers of columns|expected"),
        ("simplices in a plane", "outside", "moon", "outside: expected one of"),
        ("simplices in a plane", "points", np.zeros((1, 1)), "points: expected"),
        ("reduced to products", "coefficients", np.zeros((1, 9)), "coefficients: expected"),
        ("reduced to products", "kinds", ["moons"] * 9, "expected"),
        ("spline in other coordinates", "input_transforms", ["moon"], "expected"),
    ],
)
def test_a_description_with_another_value_is_refused(kind, key, value, message):
    with pytest.raises(ValueError, match=message):
        restored(*changed(kind, key, value))


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("coefficients", np.ones((1, 1), dtype=complex), "coefficients: expected numbers, got complex128"),
        ("coefficients", np.array(["a"]), "coefficients: expected numbers, got <U1"),
        ("weights", np.ones(3), "expected no arrays but those of the model, got 'weights'"),
    ],
)
def test_arrays_that_are_no_model_s_are_refused(name, array, message):
    description, arrays = MODELS["polynomial"].make().description()
    with pytest.raises(ValueError, match=message):
        restored(description, {**arrays, name: array})


def test_an_activation_that_is_not_registered_is_named_with_the_file(tmp_path):
    path = tmp_path / "model.pml"
    network().save(path)
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data.replace(b'"sin"', b'"moon"'))
    with pytest.raises(ValueError, match=r"model.pml: .*moon"):
        pml.load(path)


def test_a_failed_save_leaves_the_old_file_whole(tmp_path, monkeypatch):
    path = tmp_path / "model.pml"
    model = network()
    model.save(path)
    before = path.read_bytes()

    def full_disk(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        model.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("family", ["Polynomial", "RBF", "RandomFeatures", "Rational", "Separable"])
def test_doors_answer_to_the_names_that_they_had(family):
    cls = getattr(pml, family)
    with pytest.warns(DeprecationWarning, match=f"{family}.fit has been renamed: pml_native.fit_{cls.family}"):
        assert cls.fit is getattr(pml, f"fit_{cls.family}")


def test_what_has_no_door_has_none_by_another_name():
    assert not hasattr(pml.NetworkModel, "fit")
    assert not hasattr(network(), "fit")
    assert not hasattr(pml.Polynomial([[1]], [2.0]), "fit")
