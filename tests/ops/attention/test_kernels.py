"""Anomaly attention at every size, by every implementation, kernels included.

Kernels run in Pallas' interpreters, where JAX has one for their device, are lowered for
devices that are not there, and run compiled where one is (`-m gpu`).
"""

from __future__ import annotations

import functools
import types
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import export

from jaxtsad.ops.attention import association
from jaxtsad.ops.attention import dispatch as attention
from jaxtsad.ops.attention.kernels import launch as attention_kernels
from jaxtsad.ops.attention.kernels.launch import Run
from jaxtsad.ops.attention.rows import DivergenceSpec

LENGTHS = (1, 7, 100, 128, 257, 1000)
WIDTHS = (32, 64, 128)
SPECS = (
    DivergenceSpec("additive", "symmetric", "symmetric", "float32"),
    DivergenceSpec("clip", "forward", "reverse", "float32"),
    DivergenceSpec("none", "reverse", "forward", "float32"),
)
PLAIN = SPECS[0]
GPU, TPU = Run("gpu", True, 3), Run("tpu", True, 1)
# The narrowest and widest priors of each parameterisation, and scores that saturate.
EXTREMES = ((1.1e-5, 1.0), (2.00003, 1.0), (400.0, 1.0), (1.0, 60.0))


def needs_interpreter(run):
    if run.device == "gpu" and attention_kernels.interpreter() is None:
        pytest.skip("this JAX has no interpreter of GPU kernels (0.12 has)")


def inputs(length, width, sigma=None, sharpness=2.0, batch=1, heads=1):
    rng = np.random.default_rng(zlib.crc32(f"{length} {width}".encode()))
    shape = (batch, length, heads, width)
    query, key, value = rng.normal(size=(3, *shape)).astype(np.float32)
    if sigma is None:
        drawn = rng.normal(size=(batch, heads, length)).astype(np.float32)
        sigma = association.dynamic_sigma(jnp.asarray(drawn))
    else:
        sigma = jnp.full((batch, heads, length), sigma)
    count = [
        rng.normal(size=size).astype(np.float32)
        for size in (shape, sigma.shape, sigma.shape)
    ]
    # Scores about as sharp at every width: what is compared is not their rounding.
    scaled = sharpness * query / width**0.25, key / width**0.25
    return (*(jnp.asarray(x) for x in scaled), jnp.asarray(value), sigma), count


def by_name(name):
    def run(*args, spec):
        return attention.anomaly_attention(
            *args,
            epsilon=spec.epsilon,
            series_direction=spec.series_direction,
            prior_direction=spec.prior_direction,
            precision=spec.precision,
            implementation=name,
        )

    return run


def by_kernels(run):
    return lambda *args, spec: attention_kernels.kernels(*args, spec, run)


def results(implementation, args, count, spec=PLAIN, members=False):
    """Outputs and the gradients of their weighted sum."""

    def total(*args):
        out = tuple(implementation(*args, spec=spec))
        parts = [(x * w).sum() for x, w in zip(out, count, strict=True)]
        return sum(parts[1:], parts[0]), out

    run = jax.grad(total, argnums=(0, 1, 2, 3), has_aux=True)
    if members:
        run = jax.vmap(run)
    return jax.jit(run)(*args)


def assert_agree(found, expected):
    (grads, out), (expected_grads, expected_out) = found, expected
    for one, other in zip(out, expected_out, strict=True):
        assert jnp.isfinite(one).all()
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    scale = max(float(jnp.abs(grad).max()) for grad in expected_grads)
    for one, other in zip(grads, expected_grads, strict=True):
        assert jnp.isfinite(one).all()
        atol = 1e-6 * max(scale, 10)
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=atol)


def assert_same_as_definition(implementation, args, count, spec=PLAIN):
    expected = results(by_name("definition"), args, count, spec)
    assert_agree(results(implementation, args, count, spec), expected)


def assert_no_less_exact(implementation, args, count, spec):
    """As `assert_agree`, but where scores saturate the definition itself rounds.

    There truth is float64, and twice the definition's own error is allowed.
    """
    with jax.enable_x64(True):
        wide = [np.asarray(x, np.float64) for x in args]
        grads, _ = results(by_name("definition"), wide, count, spec)
    exact = [np.asarray(grad) for grad in grads]
    usual, usual_out = results(by_name("definition"), args, count, spec)
    grads, out = results(implementation, args, count, spec)
    for one, other in zip(out, usual_out, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
    least = 1e-6 * max(10, *(np.abs(grad).max() for grad in exact))
    for one, other, true in zip(grads, usual, exact, strict=True):
        atol = max(least, 2 * np.abs(np.asarray(other) - true).max())
        np.testing.assert_allclose(one, true, rtol=1e-4, atol=atol)


def test_an_interpreted_gpu_kernel_agrees():
    needs_interpreter(GPU)
    args, _ = inputs(7, 4)
    found = jax.jit(lambda *args: attention_kernels.kernels(*args, PLAIN, GPU))(*args)
    expected = by_name("definition")(*args, spec=PLAIN)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "run",
    [pytest.param(GPU, marks=pytest.mark.slow, id="gpu"), pytest.param(TPU, id="tpu")],
)
def test_interpreted_kernels_agree_member_by_member(run):
    """The gradient of a batch of members: `vmap`, `jit` and `grad` at once."""
    needs_interpreter(run)
    args, count = inputs(7, 4)
    other = [x + 0.1 for x in args]
    stacked = [jnp.stack(pair) for pair in zip(args, other, strict=True)]
    found = results(by_kernels(run), stacked, count, members=True)
    for number, alone in enumerate((args, other)):
        expected = results(by_name("definition"), alone, count)
        assert_agree(jax.tree.map(lambda x: x[number], found), expected)  # noqa: B023


@pytest.mark.parametrize(("device", "platform"), [("gpu", "cuda"), ("tpu", "tpu")])
def test_kernels_lower_for_their_device_without_it(device, platform):
    args, count = inputs(100, 64, heads=2)
    gradient = functools.partial(results, by_kernels(Run(device, False, 1)))
    allowed = [
        export.DisabledSafetyCheck.custom_call(name)
        for name in ("mosaic_gpu_v2", "tpu_custom_call")
    ]
    made = export.export(
        jax.jit(lambda *args: gradient(args, count)),
        platforms=[platform],
        disabled_checks=allowed,
    )(*args)
    called = {"gpu": "@mosaic_gpu", "tpu": "@tpu_custom_call"}[device]
    assert made.mlir_module().count(called) == 3


@pytest.mark.parametrize(
    ("precision", "pieces"), [("float32", 3), ("default", 2), ("bfloat16", 1)]
)
def test_precision_says_how_many_pieces(precision, pieces):
    assert attention_kernels.how_to_run("gpu", precision) == Run("gpu", False, pieces)
    assert attention_kernels.how_to_run("tpu", precision).device == "tpu"


def test_kernels_where_they_cannot_run_are_refused(monkeypatch):
    monkeypatch.setattr(attention_kernels, "interpreter", lambda: None)
    with pytest.raises(ValueError, match="'mosaic' needs a GPU or TPU"):
        by_name("mosaic")(*inputs(3, 4)[0], spec=PLAIN)


def test_gpus_of_another_kind_are_refused(monkeypatch):
    device = types.SimpleNamespace(compute_capability="8.0")
    monkeypatch.setattr(jax, "devices", lambda: [device])
    with pytest.raises(ValueError, match=r"9.0 \(Hopper\); this one has 8.0"):
        attention_kernels.how_to_run("gpu", "float32")


def test_the_kernels_are_not_chosen_by_themselves(monkeypatch):
    monkeypatch.setattr(attention_kernels, "kernels", None)
    assert jnp.isfinite(by_name("auto")(*inputs(3, 4)[0], spec=PLAIN).values).all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["xla"])
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("length", LENGTHS)
def test_every_size_agrees(name, length, width):
    assert_same_as_definition(by_name(name), *inputs(length, width, heads=2))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["xla"])
@pytest.mark.parametrize(("sigma", "sharpness"), EXTREMES)
def test_extremes_agree(name, sigma, sharpness):
    given = inputs(100, 32, sigma, sharpness)
    for spec in SPECS:
        assert_no_less_exact(by_name(name), *given, spec)


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("length", LENGTHS)
def test_every_size_agrees_in_the_tpu_kernels(length, width):
    assert_same_as_definition(by_kernels(TPU), *inputs(length, width))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("length", "width"),
    [(1, 32), (7, 128), (100, 64), (128, 32), (257, 32), (1000, 32), (100, 128)],
)
def test_every_size_agrees_in_the_gpu_kernels(length, width):
    needs_interpreter(GPU)
    assert_same_as_definition(by_kernels(GPU), *inputs(length, width))


@pytest.mark.slow
@pytest.mark.parametrize("run", [GPU, TPU], ids=["gpu", "tpu"])
@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(("sigma", "sharpness"), EXTREMES)
def test_extremes_agree_in_the_kernels(run, spec, sigma, sharpness):
    needs_interpreter(run)
    given = inputs(70, 32, sigma, sharpness)
    assert_no_less_exact(by_kernels(run), *given, spec)


@pytest.mark.slow
@pytest.mark.parametrize("pieces", [1, 2])
def test_fewer_pieces_are_less_exact_and_no_worse_than_promised(pieces):
    needs_interpreter(GPU)
    args, count = inputs(70, 32)
    expected = results(by_name("definition"), args, count)[1]
    found = results(by_kernels(GPU._replace(pieces=pieces)), args, count)[1]
    error = max(
        float(jnp.abs(a - b).max()) for a, b in zip(found, expected, strict=True)
    )
    assert 1e-7 < error < {1: 5e-2, 2: 3e-4}[pieces]


@pytest.mark.gpu
@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("length", LENGTHS)
def test_compiled_gpu_kernels_agree(length, width, spec):
    given = inputs(length, width, batch=2, heads=2)
    assert_same_as_definition(by_name("mosaic"), *given, spec)


@pytest.mark.gpu
@pytest.mark.parametrize(("sigma", "sharpness"), EXTREMES)
def test_compiled_gpu_kernels_agree_at_extremes(sigma, sharpness):
    given = inputs(100, 64, sigma, sharpness, batch=2, heads=2)
    for spec in SPECS:
        assert_same_as_definition(by_name("mosaic"), *given, spec)


@pytest.mark.gpu
def test_compiled_gpu_kernels_agree_member_by_member():
    args, count = inputs(100, 64)
    other = [x + 0.1 for x in args]
    stacked = [jnp.stack(pair) for pair in zip(args, other, strict=True)]
    found = results(by_name("mosaic"), stacked, count, members=True)
    for number, alone in enumerate((args, other)):
        expected = results(by_name("definition"), alone, count)
        assert_agree(jax.tree.map(lambda x: x[number], found), expected)  # noqa: B023
