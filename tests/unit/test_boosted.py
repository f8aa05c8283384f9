"""Sums of models: values, residuals, one network of many, files of stages."""

import re

import numpy as np
import pytest

import pml_native as pml
from pml_native.models import Signature

EPS = np.finfo(np.float64).eps
RNG = np.random.default_rng(0)
X = RNG.uniform(1.0, 5.0, size=(40, 3))


def network(seed, widths=(3, 7, 5, 2), activation="tanh", rows=X, outputs=None):
    """A network with the normalizations that a fit to `rows` would give it."""
    mlp = pml.MLP(widths, activation=activation)
    y = np.random.default_rng(seed).normal(size=(20, widths[-1])) * 3.0 + 1.0
    return pml.NetworkModel(
        mlp,
        mlp.initialize(seed),
        inputs=pml.Normalization.of(rows),
        outputs=pml.Normalization.of(y) if outputs is None else outputs,
    )


def boosted(**options):
    return pml.Boosted([network(1), network(2, (3, 4, 9, 2)), network(3)], [1.0, 1e-3, 1e-9], **options)


def size_of_terms(model):
    """What the terms of the sum are below: normalised outputs below 1.5, times 3, plus 1."""
    return sum(float(np.max(scale)) for scale in model.scales) * 8.0


def test_the_sum_is_that_of_the_stages():
    model = boosted()
    wanted = sum(s * stage(X) for s, stage in zip([1.0, 1e-3, 1e-9], model.stages, strict=True))
    np.testing.assert_allclose(model(X), wanted, rtol=0, atol=size_of_terms(model) * EPS)
    assert model.n_params == sum(stage.n_params for stage in model.stages)
    assert model.scales.shape == (3, 2)
    assert model.stages[1].mlp.widths == (3, 4, 9, 2)


def test_each_output_has_its_scale():
    stages = [network(1), network(2)]
    scales = np.array([[1.0, 1e5], [1e-4, 1e-1]])
    wanted = scales[0] * stages[0](X) + scales[1] * stages[1](X)
    np.testing.assert_allclose(pml.Boosted(stages, scales)(X), wanted, rtol=1e-12)


def test_calling_is_extended_evaluation_rounded_once():
    model = boosted()
    high, low = model.extended(X)
    assert np.any(low)
    # The third stage's float64 errors are below 1e-9 of the last place.
    assert np.all(np.abs(model(X) - high) <= np.spacing(np.abs(high)))
    assert np.mean(model(X) == high) > 0.99
    np.testing.assert_array_equal(model.truncated(2)(X), model.truncated(2).extended(X)[0])


def test_stages_below_a_millionth_of_the_first_are_evaluated_in_float64_where_the_result_is():
    class Recorded(pml.NetworkModel):
        def evaluate(self, X):
            calls.append("float64")
            return super().evaluate(X)

        def evaluate_extended(self, X):
            calls.append("extended")
            return super().evaluate_extended(X)

    one = network(1)
    stage = Recorded(one.mlp, one.params)
    below, above = 3.0 * 2.0**-20, 3.0 * 2.0**-20 * (1 + EPS)
    model = pml.Boosted([stage] * 4, [[3.0, 3.0], [above, above], [below, above], [below, below]])
    calls = []
    model(X)
    assert calls == ["extended", "extended", "extended", "float64"]
    calls.clear()
    model.extended(X)
    model.residuals(X, np.zeros((40, 2)))
    assert calls == ["extended"] * 8


def test_residuals_of_what_the_model_gives_are_its_low_part():
    model = boosted()
    high, low = model.extended(X)
    np.testing.assert_array_equal(model.residuals(X, high), -low)


def test_a_stage_on_exact_residuals_restores_the_target():
    # y is the double nearest to the sum of two networks; the second is what the residuals of the first are.
    first, second = network(1), network(2)
    target = pml.Boosted([first, second], [1.0, 1e-12])
    rest = pml.Boosted([first], [1.0]).residuals(X, target(X))
    # What remains is the rounding of y to a double.
    assert np.all(np.abs(rest - 1e-12 * second(X)) <= 0.5001 * np.spacing(np.abs(target(X))))
    assert np.max(np.abs(rest)) > 1e-13


def test_truncated_and_with_stage_take_stages_off_and_on():
    model = boosted()
    again = model.truncated(2).with_stage(model.stages[2], 1e-9)
    np.testing.assert_array_equal(again(X), model(X))
    np.testing.assert_array_equal(model.truncated(3)(X), model(X))
    assert len(model.truncated(1).stages) == 1
    per_output = model.truncated(1).with_stage(model.stages[1], [1e-2, 1e-3])
    np.testing.assert_array_equal(per_output.scales, [[1.0, 1.0], [1e-2, 1e-3]])
    for k in (0, 4, -1):
        with pytest.raises(ValueError, match=re.escape(f"k: expected 1 to 3 stages, got {k}")):
            model.truncated(k)


def test_any_model_is_a_stage():
    class Constant(pml.Model):
        family = "constant"
        n_params = 0

        def evaluate(self, X):
            return np.full((len(X), 2), 0.5)

        def evaluate_gradient(self, X):
            return np.zeros((len(X), 2, 3))

        def state(self):
            return {}, {}

        @classmethod
        def from_state(cls, values, arrays, signature):
            return cls(signature)

    first = network(1)
    model = pml.Boosted([first, Constant(first.signature), pml.Boosted([network(2)], [2.0])], [1.0, 2.0, 0.5])
    np.testing.assert_allclose(model(X), first(X) + 1.0 + network(2)(X), rtol=1e-13)
    with pytest.raises(ValueError, match="merge: expected stages that are networks, got constant in stage 1"):
        model.merge()


STAGES = [network(1), network(2)]


@pytest.mark.parametrize(
    ("stages", "scales", "message"),
    [
        ([], [], "stages: expected at least 1 model, got 0"),
        ([network(1), network(2, (3, 4, 1))], [1, 1], "stages[1]: expected 3 inputs and 2 outputs, got 3 and 1"),
        (STAGES, [1.0], "scales: expected (2,) or (2, 2), got (1,)"),
        (STAGES, [[1.0], [1.0]], "scales: expected (2,) or (2, 2), got (2, 1)"),
        (STAGES, [1.0, 0.0], "scales: expected positive finite numbers, got [1.0, 0.0]"),
        (STAGES, [1.0, np.nan], "scales: expected positive finite numbers"),
        (STAGES, [np.inf, 1.0], "scales: expected positive finite numbers"),
    ],
)
def test_stages_and_scales_that_do_not_fit_are_refused(stages, scales, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        pml.Boosted(stages, scales)


def test_residuals_refuse_what_does_not_fit():
    with pytest.raises(ValueError, match=re.escape("y: expected (n, 2), got (40, 1)")):
        boosted().residuals(X, np.zeros(40))
    with pytest.raises(ValueError, match=re.escape("y: expected 40 rows, as many as X, got 39")):
        boosted().residuals(X, np.zeros((39, 2)))


# Merging

OTHER_ROWS = RNG.uniform(-20.0, 50.0, size=(30, 3))
ONE_CONSTANT = np.column_stack([X[:, :2], np.full(40, 2.5)])


@pytest.mark.parametrize(
    "model",
    [
        boosted(),
        pml.Boosted([network(1, activation="sin"), network(2, activation="sin")], [[1.0, 1e4], [1e-2, 3.0]]),
        pml.Boosted([network(1), network(2, rows=OTHER_ROWS)], [1.0, 0.5]),
        pml.Boosted([network(1, rows=ONE_CONSTANT), network(2)], [1.0, 0.5]),
        pml.Boosted([network(1), network(2, rows=ONE_CONSTANT)], [1.0, 0.5]),
        pml.Boosted([network(1, (3, 2)), network(2, (3, 2))], [1.0, 0.5]),
        pml.Boosted([network(1, (3, 6, 2)), network(2, (3, 1, 2))], [1.0, 0.5]),
        pml.Boosted([pml.Boosted([network(1), network(2)], [2.0, 1.0]), network(3)], [1.0, 0.5]),
        pml.Boosted([network(1, outputs=pml.Normalization.of(np.ones((5, 2)))), network(2)], [1.0, 0.5]),
        pml.Boosted([network(1)], [0.3]),
    ],
    ids=[
        "three networks",
        "scales by output",
        "other normalization",
        "first constant in a column",
        "second constant in a column",
        "no hidden layer",
        "other widths",
        "nested",
        "first constant in its outputs",
        "one stage",
    ],
)
def test_merging_gives_one_network_that_equals_the_sum_to_rounding(model):
    merged = model.merge()
    assert isinstance(merged, pml.NetworkModel)
    # A few eps of the terms of the sums, which are below 8 in units of the scales here.
    bound = 4 * EPS * size_of_terms(model) / np.max(model.scales) * np.max(model.scales, axis=0)
    assert np.all(np.abs(merged(X) - model(X)) <= bound)
    np.testing.assert_allclose(merged.gradient(X), model.gradient(X), rtol=1e-9, atol=1e-11 * np.max(model.scales))


def test_merging_leaves_the_first_stage_as_it_is():
    model = boosted()
    merged, first = model.merge(), model.stages[0]
    assert merged.mlp.widths == (3, 7 + 4 + 7, 5 + 9 + 5, 2)
    for name in ("exponent", "shift", "scale"):
        np.testing.assert_array_equal(getattr(merged.inputs, name), getattr(first.inputs, name))
    for (weight, bias), (own, own_bias) in zip(
        merged.mlp.layers(merged.params)[:-1], first.mlp.layers(first.params)[:-1], strict=True
    ):
        np.testing.assert_array_equal(weight[: len(own), : own.shape[1]], own)
        np.testing.assert_array_equal(bias[: len(own)], own_bias)
    weight, _ = merged.mlp.layers(merged.params)[1]
    assert not weight[:5, 7:].any()
    np.testing.assert_array_equal(merged.mlp.layers(merged.params)[-1][0][:, :5], first.mlp.layers(first.params)[-1][0])


def test_scales_at_the_ends_of_the_range_merge():
    tiny = pml.Boosted([network(1), network(2)], [1e-300, 1e-308])
    np.testing.assert_allclose(tiny.merge()(X) * 1e300, tiny(X) * 1e300, rtol=1e-12)
    with pytest.raises(ValueError, match="merge: the scales of the stages are too far apart"):
        pml.Boosted([network(1), network(2)], [1e-300, 1e300]).merge()


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (network(2, (3, 4, 2)), "got 3 layers of tanh in stage 0 and 2 of tanh in stage 1"),
        (network(2, activation="sin"), "got 3 layers of tanh in stage 0 and 3 of sin in stage 1"),
    ],
)
def test_networks_of_other_depth_or_activation_do_not_merge(other, message):
    with pytest.raises(ValueError, match="merge: expected stages of one depth and activation, " + message):
        pml.Boosted([network(1), other], [1.0, 1.0]).merge()


# Files


def test_a_saved_sum_comes_back_with_the_reports_and_names_of_its_stages(tmp_path, report):
    first = network(1)
    first.report = report
    nested = pml.Boosted([first, network(2)], [1.0, 1e-3], Signature(3, 2, False, ("a", "b", "c"), None))
    model = pml.Boosted([nested, network(3)], [[1.0, 2.0], [1e-9, 1e-8]], report=report)
    model.save(tmp_path / "model.pml")
    again = pml.load(tmp_path / "model.pml")
    assert again.report == again.stages[0].stages[0].report == report
    assert again.stages[1].report is None
    assert again.stages[0].signature.input_names == ("a", "b", "c")


def test_a_file_of_stages_that_is_damaged_is_a_clear_error(tmp_path, monkeypatch):
    path = tmp_path / "model.pml"
    model = boosted()
    header, arrays = model.description()
    stage = header["values"]["stages"][1]

    def broken(values=header["values"], without=None, **changed):
        return {**header, "values": values}, {k: v for k, v in {**arrays, **changed}.items() if k != without}

    for description in (
        broken({}),
        broken({"stages": None}),
        broken({"stages": []}),
        broken({"stages": [stage, "network", stage]}),
        broken({"stages": [{**stage, "family": "wavelet"}]}),
        broken({"stages": [{**stage, "family": ["network"]}]}),
        broken({"stages": [stage, {**stage, "values": {}}, stage]}),
        broken(without="scales"),
        broken(without="1/params"),
        broken(**{"1/params": np.zeros(3)}),
        broken(scales=np.array(["a", "b", "c"])),
        broken(scales=-np.ones(3)),
    ):
        monkeypatch.setattr(model, "description", lambda description=description: description)
        model.save(path)
        with pytest.raises(ValueError, match="the model file is incomplete or of another version"):
            pml.load(path)
