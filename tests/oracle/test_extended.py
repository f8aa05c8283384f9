"""Holds double-double evaluation, on every instruction set, to 60-digit arithmetic: activations, networks, models."""

from __future__ import annotations

import functools
import math
from fractions import Fraction

import numpy as np
import pytest
from oracle import slow_network

from pml_native import MLP, NetworkModel, Normalization, _core

NAMES = list(slow_network.ACTIVATIONS)
mpf = slow_network.mp.mpf
TINY = np.finfo(np.float64).smallest_subnormal
N_POINTS = 150  # a family of points; mpmath takes about 50 us for each
# 2^-103.3 is the largest relative error seen, for the sigmoid, at 10 000 points an activation on avx512, avx2 and SSE2.
RELATIVE = 2.0**-102
# What the end of the exponent range takes: high and low parts of every step end at TINY. silu multiplies by |z| < 750.
ABSOLUTE = {name: 1000 * TINY if name == "silu" else 8 * TINY for name in NAMES}
# Squares and cubes of these are finite.
LARGEST = {"square": 1e150, "polyrelu": 1e100}
FAR = 2.0**20  # beyond, the sine is that of float64


def normalised(high, low):
    """high + low as the nearest double and the rest, for |low| < |high|."""
    total = high + low
    return total, low - (total - high)


def points(name):
    """Normalised numbers high + low, with low 0 in every third."""
    rng = np.random.default_rng(20250101)
    signs = rng.choice([-1.0, 1.0], N_POINTS)
    patterns = rng.integers(0, 2**64, N_POINTS, dtype=np.uint64).view(np.float64)
    families = [
        rng.uniform(-1, 1, N_POINTS),
        rng.uniform(-45, 45, N_POINTS),  # where tanh saturates
        rng.integers(-60, 60, N_POINTS) * (math.log(2) / 2),  # where the argument of exp reduces to about 0
        signs * 10.0 ** rng.uniform(-323, 0, N_POINTS),
        rng.uniform(-760, 760, N_POINTS),  # exp(-746) rounds to 0
        patterns[np.isfinite(patterns)],
        np.array([0.0, -0.0, TINY, -TINY, 2.2e-308, -2.2e-308, 1.0, -1.0, 40.0, -40.0, 745.0, -745.0, FAR, -FAR]),
    ]
    if name == "sin":
        families += [
            rng.uniform(-FAR, FAR, N_POINTS),
            rng.integers(-667544, 667544, N_POINTS) * (np.pi / 2),  # the doubles nearest to the zeros, roughly
            signs * 10.0 ** rng.uniform(6, 300, N_POINTS),
        ]
    z = np.concatenate(families)
    z = z[np.abs(z) < LARGEST.get(name, 1e290)]
    low = z * 2.0**-53 * rng.uniform(-0.5, 0.5, len(z))
    low[::3] = 0.0
    return normalised(z, low)


def worst_multiple_of_bound(got_high, got_low, exact, allowed):
    errors = [abs(mpf(h) + mpf(low) - e) for h, low, e in zip(got_high.tolist(), got_low.tolist(), exact, strict=True)]
    ratios = [float(e / a) if e else 0.0 for e, a in zip(errors, allowed, strict=True)]
    return max(enumerate(ratios), key=lambda pair: pair[1], default=(0, 0.0))


@functools.cache
def exact_values(name):
    high, low = points(name)
    return [
        slow_network.activation_at(name, mpf(h) + mpf(rest))[0]
        for h, rest in zip(high.tolist(), low.tolist(), strict=True)
    ]


def assert_normalised(high, low):
    np.testing.assert_array_equal(high + low, high)


@pytest.mark.parametrize("name", NAMES)
def test_activations_are_right_to_about_31_digits(isa, name):
    z, z_low = points(name)
    exact = exact_values(name)
    high, low = _core.extended_activation_value(name, z, z_low)
    assert_normalised(high, low)
    allowed = [abs(e) * mpf(RELATIVE) + mpf(ABSOLUTE[name]) for e in exact]
    if name == "sin":
        far = (np.abs(z) > FAR).tolist()
        allowed = [mpf(2.0**-51) if beyond else a for beyond, a in zip(far, allowed, strict=True)]
    worst, ratio = worst_multiple_of_bound(high, low, exact, allowed)
    assert ratio <= 1, f"{z[worst]!r} + {z_low[worst]!r}: {high[worst]!r} + {low[worst]!r}, exact {exact[worst]}"


def test_sine_is_exact_at_the_double_doubles_nearest_to_its_zeros(isa):
    # There the sine is 2^-106 of the argument and less: 2^-160 |z| is what the reduction may leave out.
    with slow_network.mp.workdps(100):
        pi = +slow_network.mp.pi
        multiples = [1, 2, 3, 7, 1000, 12_345, 333_771, 333_772]
        z = np.array([float(k * pi) for k in multiples])
        z_low = np.array([float(k * pi - mpf(h)) for k, h in zip(multiples, z.tolist(), strict=True)])
        exact = [slow_network.mp.sin(mpf(h) + mpf(low)) for h, low in zip(z.tolist(), z_low.tolist(), strict=True)]
        high, low = _core.extended_activation_value("sin", z, z_low)
        allowed = [abs(e) * mpf(RELATIVE) + mpf(h) * mpf(2.0**-150) for e, h in zip(exact, z.tolist(), strict=True)]
        assert worst_multiple_of_bound(high, low, exact, allowed)[1] <= 1


@pytest.mark.parametrize("name", NAMES)
def test_beyond_the_range_activations_are_those_of_float64(isa, name):
    z = np.array([np.inf, -np.inf, np.nan, 1e200, -1e200, 1e308, -1e308])
    high, low = _core.extended_activation_value(name, z, np.zeros(len(z)))
    plain = _core.activation_value(name, z)
    lost = ~np.isfinite(plain)
    np.testing.assert_array_equal(high[lost], plain[lost])
    np.testing.assert_allclose(high, plain, rtol=1e-15)
    assert np.isfinite(low).all()
    assert not low[lost].any()


@pytest.mark.parametrize("name", ["tanh", "sin"])
def test_odd_activations_are_odd_bit_by_bit(isa, name):
    z, z_low = points(name)
    plus, minus = _core.extended_activation_value(name, z, z_low), _core.extended_activation_value(name, -z, -z_low)
    for a, b in zip(plus, minus, strict=True):
        np.testing.assert_array_equal(a, -b)
    assert np.signbit(_core.extended_activation_value(name, np.array([-0.0]), np.zeros(1))[0][0])


@pytest.mark.parametrize("name", NAMES)
def test_a_value_does_not_depend_on_its_neighbours(isa, name):
    z, z_low = (part[::7] for part in points(name))
    z, z_low = np.ascontiguousarray(z), np.ascontiguousarray(z_low)
    together = np.stack(_core.extended_activation_value(name, z, z_low), axis=1)
    alone = [
        np.stack(_core.extended_activation_value(name, z[i : i + 1], z_low[i : i + 1]), axis=1) for i in range(len(z))
    ]
    assert together.tobytes() == np.concatenate(alone).tobytes()


# Networks

NETWORKS = [
    ("tanh", (2, 5, 3)),
    ("tanh", (6, 20, 20, 1)),
    ("tanh", (1, 7, 4, 9, 2)),
    ("sin", (3, 11, 6, 1)),
    ("sigmoid", (2, 9, 2)),
    ("softplus", (3, 6, 5, 1)),
    ("silu", (4, 13, 1)),
    ("relu", (3, 10, 7, 2)),
    ("square", (2, 4, 3, 1)),
    ("polyrelu", (2, 6, 1)),
    ("tanh", (7, 3)),
]
N_ROWS = 43  # one block of every instruction set, and part of another


@functools.cache
def network_problem(activation, widths):
    """Parameters, inputs in two parts, exact values (n, m) as mpf, and the sizes of the sums they come from."""
    rng = np.random.default_rng([len(activation), *widths])
    params = MLP(widths).initialize(rng, scale=2.0)
    X = rng.uniform(-2, 2, (N_ROWS, widths[0]))
    X, X_low = normalised(X, X * 2.0**-53 * rng.uniform(-0.5, 0.5, X.shape))
    function = slow_network.ACTIVATIONS[activation]
    inputs = [
        [mpf(h) + mpf(low) for h, low in zip(*rows, strict=True)]
        for rows in zip(X.tolist(), X_low.tolist(), strict=True)
    ]
    exact_params = [mpf(p) for p in params.tolist()]
    layers = slow_network.split_params(widths, exact_params)
    values, sizes = [], []
    for x in inputs:
        layer_inputs, slopes, out = slow_network.sample_trace(layers, function, x)
        values.append(out)
        sizes.append(error_scale(layers, layer_inputs, slopes))
    return params, X, X_low, values, sizes


def error_scale(layers, inputs, slopes):
    """What errors of 1 relative to the sum of magnitudes in every neuron add up to in each output."""
    errors = [mpf(0)] * len(inputs[0])
    for number, ((weight, bias), a) in enumerate(zip(layers, inputs, strict=True)):
        after = []
        for row, b in zip(weight, bias, strict=True):
            terms = [abs(w * entry) for w, entry in zip(row, a, strict=True)]
            carried = [abs(w) * error for w, error in zip(row, errors, strict=True)]
            after.append(abs(b) + sum(terms) + sum(carried))
        if number < len(slopes):
            # The activation passes an error on by its slope, and adds one relative to its value.
            after = [
                error * abs(slope) + abs(entry)
                for error, slope, entry in zip(after, slopes[number], inputs[number + 1], strict=True)
            ]
        errors = after
    return errors


@pytest.mark.parametrize(("activation", "widths"), NETWORKS, ids=str)
def test_networks_are_right_to_about_31_digits_of_their_sums(isa, activation, widths):
    params, X, X_low, exact, sizes = network_problem(activation, widths)
    mlp = MLP(widths, activation)
    high, low = mlp.forward_extended(params, X, X_low=X_low, n_threads=1)
    assert_normalised(high, low)
    # n^2 u^2 of a sum of n terms at most, RELATIVE of an activation.
    unit = mpf(max(RELATIVE, (max(widths) + 1) ** 2 * 2.0**-106))
    flat_exact = [value for row in exact for value in row]
    allowed = [unit * size for row in sizes for size in row]
    assert worst_multiple_of_bound(high.ravel(), low.ravel(), flat_exact, allowed)[1] <= 1


@pytest.mark.parametrize(("activation", "widths"), NETWORKS, ids=str)
def test_forward_is_extended_forward_to_rounding(isa, activation, widths):
    params, X, _, _, sizes = network_problem(activation, widths)
    mlp = MLP(widths, activation)
    high, low = mlp.forward_extended(params, X)
    assert_normalised(high, low)
    bound = np.array(sizes, dtype=np.float64) * (max(widths) + 5) * np.finfo(np.float64).eps
    assert np.all(np.abs(mlp.forward(params, X) - high) <= bound)


@pytest.mark.parametrize("activation", NAMES)
def test_networks_pass_infinities_and_nan_on_as_in_float64(isa, activation):
    mlp = MLP((2, 3, 1), activation)
    params = np.abs(mlp.initialize(3)) + 0.1
    X = np.array([[np.inf, 1.0], [1.0, -np.inf], [np.nan, 1.0], [1e300, 1e300], [np.inf, -np.inf], [0.5, 0.25]])
    if activation == "sin":
        X[3] = 1e5  # the sine of 1e300 is any number, in float64
    high, low = mlp.forward_extended(params, X)
    np.testing.assert_allclose(high, mlp.forward(params, X), rtol=1e-10 if activation == "sin" else 1e-14)
    assert np.isfinite(low).all()
    assert low[-1, 0] != 0.0 or activation == "relu"


# Normalisations and models

COLUMNS = np.random.default_rng(5).uniform(-1.0, 1.0, (60, 4)) * [1e-300, 1.0, 1e12, 1e300] + [0.0, 1e6, 3.0, 0.0]
COLUMNS = np.column_stack([COLUMNS, np.full(60, 0.1)])  # and a constant


def fraction(high, low):
    return Fraction(high) + Fraction(low)


def test_normalising_is_right_to_31_digits():
    normalization = Normalization.of(COLUMNS)
    high, low = normalization.apply_extended(COLUMNS)
    assert_normalised(high, low)
    for j, (exponent, shift, scale) in enumerate(
        zip(normalization.exponent.tolist(), normalization.shift.tolist(), normalization.scale.tolist(), strict=True)
    ):
        for i, v in enumerate(COLUMNS[:, j].tolist()):
            got = fraction(high[i, j], low[i, j])
            if scale == 0.0:
                assert got == 0
                continue
            exact = (Fraction(v) / Fraction(2) ** exponent - Fraction(shift)) / Fraction(scale)
            assert abs(got - exact) <= abs(exact) * Fraction(RELATIVE)
    np.testing.assert_allclose(high, normalization.apply(COLUMNS), rtol=1e-15)


def test_inverting_is_right_to_31_digits_of_its_terms():
    normalization = Normalization.of(COLUMNS)
    rng = np.random.default_rng(8)
    z = rng.normal(size=COLUMNS.shape)
    z, z_low = normalised(z, z * 2.0**-53 * rng.uniform(-0.5, 0.5, z.shape))
    high, low = normalization.invert_extended(z, z_low)
    assert_normalised(high, low)
    for (i, j), entry in np.ndenumerate(high):
        exponent, shift, scale = (
            a[j].item() for a in (normalization.exponent, normalization.shift, normalization.scale)
        )
        power = Fraction(2) ** exponent
        product = fraction(z[i, j], z_low[i, j]) * Fraction(scale)
        exact = (product + Fraction(shift)) * power
        size = (abs(product) + abs(Fraction(shift))) * power
        assert abs(fraction(entry, low[i, j]) - exact) <= size * Fraction(RELATIVE) + Fraction(TINY)
    np.testing.assert_array_equal(high[:, -1], 0.1)


def test_normalising_and_inverting_give_the_data_back():
    normalization = Normalization.of(COLUMNS)
    high, _ = normalization.invert_extended(*normalization.apply_extended(COLUMNS))
    np.testing.assert_array_equal(high, COLUMNS)


def test_the_identity_changes_nothing():
    identity = Normalization.identity(COLUMNS.shape[1])
    for high, low in (identity.apply_extended(COLUMNS), identity.invert_extended(COLUMNS, np.zeros_like(COLUMNS))):
        np.testing.assert_array_equal(high, COLUMNS)
        assert not low.any()


def test_values_beyond_the_range_are_normalised_as_in_float64():
    values = np.array([[np.inf, 1.0], [-np.inf, 2.0], [np.nan, 4.0], [1e308, np.nan]])
    normalization = Normalization(np.array([0, -1000], dtype=np.intc), np.array([1.0, 0.0]), np.array([1e-10, 1.0]))
    high, low = normalization.apply_extended(values)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(high, normalization.apply(values), rtol=1e-15)
    assert np.isfinite(low).all()
    high, low = normalization.invert_extended(values, np.zeros_like(values))
    np.testing.assert_allclose(high, normalization.invert(values), rtol=1e-15)
    assert np.isfinite(low).all()


def fitted_network(n_outputs):
    rng = np.random.default_rng(3)
    X = rng.uniform(1.0, 5.0, (30, 2))
    Y = rng.normal(size=(30, n_outputs)) * 1e3 + 7e3
    mlp = MLP((2, 6, n_outputs), "tanh")
    return NetworkModel(mlp, mlp.initialize(4), inputs=Normalization.of(X), outputs=Normalization.of(Y)), X


@pytest.mark.parametrize("n_outputs", [1, 2])
def test_a_model_is_right_to_about_31_digits(isa, n_outputs):
    model, X = fitted_network(n_outputs)
    high, low = model.extended(X)
    assert high.shape == low.shape == model(X).shape
    assert_normalised(high, low)
    inputs = [(mpf(shift), mpf(scale) * 2**e) for shift, scale, e in columns(model.inputs)]
    outputs = [(mpf(shift), mpf(scale), mpf(2) ** e) for shift, scale, e in columns(model.outputs)]
    exact_params = [mpf(p) for p in model.params.tolist()]
    for i, row in enumerate(X.tolist()):
        # (v 2^-e - shift) / scale = (v - shift 2^e) / (scale 2^e)
        x = [
            (mpf(v) - shift * 2**e) / divisor
            for v, (shift, divisor), e in zip(row, inputs, model.inputs.exponent.tolist(), strict=True)
        ]
        [out] = slow_network.forward(model.mlp.widths, slow_network.tanh, exact_params, [x])
        for k, (value, (shift, scale, power)) in enumerate(zip(out, outputs, strict=True)):
            exact = (value * scale + shift) * power
            got = mpf(high.reshape(30, -1)[i, k].item()) + mpf(low.reshape(30, -1)[i, k].item())
            assert abs(got - exact) <= abs(exact) * mpf(2.0**-98)
    np.testing.assert_allclose(model(X), high, rtol=1e-14)


def columns(normalization):
    return zip(normalization.shift.tolist(), normalization.scale.tolist(), normalization.exponent.tolist(), strict=True)


def test_what_float64_evaluation_costs_is_below_its_rounding():
    model, X = fitted_network(1)
    cost = np.abs(model(X) - model.extended(X)[0])
    assert 0 < np.max(cost) < 1e4 * 1e-14
