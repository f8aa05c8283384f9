"""Models as ONNX graphs: what a graph says. What a runtime makes of every model is in `test_model_contract`."""

import pytest
from unit.models_of_all_families import network

onnx = pytest.importorskip("onnx")


def test_the_graph_says_what_it_is():
    made = network().to_onnx()
    assert made.producer_name == "pml_native"
    assert "NetworkModel(3-12-9-2 tanh" in made.graph.doc_string
    assert {t.data_type for t in made.graph.initializer} == {onnx.TensorProto.DOUBLE}
