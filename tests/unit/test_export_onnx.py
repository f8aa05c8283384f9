"""Models as ONNX graphs: what a runtime makes of them agrees with the model."""

import numpy as np
import pytest
from unit.exported import MODELS, network, points, polynomial, ulps

import pml_native as pml

onnx = pytest.importorskip("onnx")

# ONNX Runtime has no inverse of sine, cosine or tangent in float64.
NOT_IN_RUNTIMES = ["transformed sine", "transformed cosine", "transformed tangent"]
NETWORKS = [
    name
    for name in MODELS
    if name.split()[0] in ("network", "modular", "random", "boosted", "transformed") and name not in NOT_IN_RUNTIMES
]


@pytest.mark.parametrize("name", NETWORKS)
def test_a_runtime_agrees_with_the_model(name, tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    make, value_ulps, _ = MODELS[name]
    model, path = make(), tmp_path / "model.onnx"
    model.to_onnx(path)
    X = points(model)
    (y,) = runtime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(["y"], {"x": X})
    assert y.dtype == np.float64
    with np.errstate(all="ignore"):
        assert ulps(y, model.evaluate(X)) <= value_ulps


def test_the_graph_says_what_it_is():
    made = network().to_onnx()
    assert made.producer_name == "pml_native"
    assert "NetworkModel(3-12-9-2 tanh" in made.graph.doc_string
    assert {t.data_type for t in made.graph.initializer} == {onnx.TensorProto.DOUBLE}


@pytest.mark.parametrize("name", NOT_IN_RUNTIMES)
def test_links_that_no_runtime_has_in_float64_are_refused(name):
    with pytest.raises(ValueError, match=f"operation 'inverse_{name.split()[1]}'"):
        MODELS[name][0]().to_onnx()


def test_families_that_are_no_networks_are_refused():
    with pytest.raises(ValueError, match="expected a model made of networks, got one with the operation 'chebyshev'"):
        polynomial().to_onnx()
    with pytest.raises(ValueError, match="expected a model that other languages can have"):
        pml.SimplexInterpolator(np.eye(3), np.arange(3.0)).to_onnx()
