"""Anomaly attention: the fast implementation against the readable one."""

from __future__ import annotations

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.ops.attention import association, xla
from jaxtsad.ops.attention import dispatch as attention
from jaxtsad.ops.attention import rows as attention_rows
from jaxtsad.ops.attention.definition import definition
from jaxtsad.ops.attention.rows import DivergenceSpec

B, L, H, K = 2, 12, 3, 4
PAIRS = [(way, attention_rows.SWAPPED[way]) for way in association.DIRECTIONS]
FAST = ("xla",)
SETTINGS = [
    (epsilon, *pair) for epsilon, pair in itertools.product(association.EPSILONS, PAIRS)
]


def inputs(seed: int = 0, sharpness: float = 2.0) -> tuple[jax.Array, ...]:
    rng = np.random.default_rng(seed)
    query, key, value = rng.normal(size=(3, B, L, H, K)).astype(np.float32)
    raw = rng.normal(size=(B, H, L)).astype(np.float32)
    sigma = association.dynamic_sigma(jnp.asarray(raw))
    return jnp.asarray(sharpness * query), jnp.asarray(key), jnp.asarray(value), sigma


def weights(seed: int = 9) -> attention.Attended:
    """A cotangent: every output counts, each entry differently."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(B, L, H, K)).astype(np.float32)
    series, prior = rng.normal(size=(2, B, H, L)).astype(np.float32)
    return attention.Attended(values, series, prior)


@functools.cache
def compiled(implementation: str, epsilon: str, series: str, prior: str):
    """Outputs and the gradient of their weighted sum."""

    def total(args, count):
        out = attention.anomaly_attention(
            *args,
            epsilon=epsilon,
            series_direction=series,
            prior_direction=prior,
            implementation=implementation,
        )
        parts = jax.tree.map(lambda x, w: (x * w).sum(), out, count)
        return sum(parts), out

    return jax.jit(jax.grad(total, has_aux=True))


def assert_same(found, expected, rtol=1e-5, atol=1e-5):
    jax.tree.map(
        functools.partial(np.testing.assert_allclose, rtol=rtol, atol=atol),
        found,
        expected,
    )


@pytest.mark.parametrize("fast", FAST)
@pytest.mark.parametrize(("epsilon", "series", "prior"), SETTINGS)
def test_fast_is_the_reference_and_so_is_its_gradient(epsilon, series, prior, fast):
    setting = (epsilon, series, prior)
    for args in (inputs(), inputs(1, sharpness=12.0)):
        grads, out = compiled(fast, *setting)(args, weights())
        expected_grads, expected = compiled("definition", *setting)(args, weights())
        assert_same(out, expected)
        scale = max(float(jnp.abs(g).max()) for g in expected_grads)
        assert_same(grads, expected_grads, rtol=1e-4, atol=1e-6 * max(scale, 10))


def test_auto_is_one_of_them():
    out = attention.anomaly_attention(*inputs())
    _, expected = compiled("xla", "additive", "symmetric", "symmetric")(
        inputs(), weights()
    )
    assert_same(out, expected)


@pytest.mark.parametrize("implementation", ["definition", *FAST])
def test_each_divergence_moves_its_own_side_only(implementation):
    zero = jax.tree.map(jnp.zeros_like, weights())
    run = compiled(implementation, "additive", "symmetric", "symmetric")
    ones = jnp.ones((B, H, L))
    by_series, out = run(inputs(), zero._replace(series=ones))
    by_prior, _ = run(inputs(), zero._replace(prior=ones))
    np.testing.assert_array_equal(out.series, out.prior)
    assert all(jnp.abs(grad).max() > 0 for grad in (*by_series[:2], by_prior[3]))
    for grad in (by_series[2], by_series[3], *by_prior[:3]):
        np.testing.assert_array_equal(grad, 0)


@pytest.mark.parametrize("implementation", ["definition", *FAST])
def test_both_slopes_are_of_one_function(implementation):
    """With S and P free, the two gradients are those of the same divergence."""
    zero = jax.tree.map(jnp.zeros_like, weights())
    run = compiled(implementation, "additive", "symmetric", "symmetric")
    ones = jnp.ones((B, H, L))
    query, key, value, sigma = inputs()

    def divergence(query, key, sigma):
        series = association.series(query, key)
        return association.divergence(series, association.prior(sigma)).sum()

    expected = jax.jit(jax.grad(divergence, argnums=(0, 1, 2)))(query, key, sigma)
    args = (query, key, value, sigma)
    by_series, _ = run(args, zero._replace(series=ones))
    by_prior, _ = run(args, zero._replace(prior=ones))
    found = (*by_series[:2], by_prior[3])
    assert_same(found, expected, rtol=1e-4, atol=1e-5)


def test_gradient_of_one_output_needs_no_other():
    args = inputs()
    for pick in range(3):

        def one(args, implementation, pick=pick):
            out = attention.anomaly_attention(*args, implementation=implementation)
            return out[pick].sum()

        grads = [
            jax.jit(jax.grad(functools.partial(one, implementation=name)))(args)
            for name in ("definition", *FAST)
        ]
        for found in grads[1:]:
            assert_same(found, grads[0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("fast", FAST)
def test_extreme_widths_and_scores_stay_finite(fast):
    query, key, value, _ = inputs(2, sharpness=200.0)
    for sigma in (1.1e-5, 2.00003, 33.0):
        args = (query, key, value, jnp.full((B, H, L), sigma))
        for epsilon in association.EPSILONS:
            run = compiled(fast, epsilon, "symmetric", "symmetric")
            found = run(args, weights())
            assert all(jnp.isfinite(x).all() for x in jax.tree.leaves(found))


@pytest.mark.parametrize("fast", FAST)
def test_members_under_vmap(fast):
    many = [jnp.stack(pair) for pair in zip(inputs(), inputs(1), strict=True)]

    def total(*args):
        out = attention.anomaly_attention(*args, implementation=fast)
        return out.values.sum() + out.series.sum() - out.prior.sum()

    grad = jax.grad(total, argnums=(0, 1, 2, 3))
    found = jax.jit(jax.vmap(grad))(*many)
    for member in range(2):
        alone = jax.jit(grad)(*(x[member] for x in many))
        assert_same([x[member] for x in found], list(alone))


@pytest.mark.parametrize("fast", FAST)
def test_divergences_are_float32_below_it_too(fast):
    args = [x.astype(jnp.bfloat16) for x in inputs()[:3]]
    out = attention.anomaly_attention(*args, inputs()[3], implementation=fast)
    assert out.values.dtype == jnp.bfloat16
    assert out.series.dtype == out.prior.dtype == jnp.float32
    exact = attention.anomaly_attention(*inputs(), implementation="definition")
    np.testing.assert_allclose(out.series, exact.series, rtol=0.1, atol=0.1)


@pytest.mark.parametrize("seen", [True, False])
def test_mask_drops_from_the_mixture_and_if_asked_from_the_divergence(seen):
    args = inputs()
    mask = jnp.zeros((B, H, L, L)).at[..., 0].set(2.0)
    out = attention.anomaly_attention(*args, mask=mask, mask_divergence=seen)
    plain = attention.anomaly_attention(*args, implementation="definition")
    series = association.series(*args[:2])
    first = 2 * series[..., 0].swapaxes(1, 2)[..., None] * args[2][:, :1]
    assert_same(out.values, first)
    assert np.allclose(out.series, plain.series) is not seen


@pytest.mark.parametrize(
    "option", ["epsilon", "series_direction", "prior_direction", "implementation"]
)
def test_unknown_choices_are_refused(option):
    with pytest.raises(
        ValueError, match=f"{option}='sideways' is unknown; the choices"
    ):
        attention.anomaly_attention(*inputs(), **{option: "sideways"})


CUTS = {
    "all at once, association kept": lambda length: xla.Blocks(4, length, True),
    "all at once": lambda length: xla.Blocks(4, length),
    "windows": lambda length: xla.Blocks(2, length),
    "queries": lambda length: xla.Blocks(4, min(4, length)),
}


@pytest.mark.parametrize("cut", CUTS)
@pytest.mark.parametrize("length", [1, 7, 33])
def test_blocks_of_any_length_are_the_whole(length, cut):
    """Blocks that do not divide the window included."""
    rng = np.random.default_rng(3)
    query, key, value = jnp.asarray(rng.normal(size=(3, 4, length, 1, 4)), jnp.float32)
    sigma = jnp.asarray(rng.uniform(1e-5, 3, size=(4, 1, length)), jnp.float32)
    spec = DivergenceSpec("additive", "symmetric", "symmetric", "default")
    blocks = CUTS[cut](length)

    def by_xla(*args):
        return xla.attend_in_blocks(*args, spec, blocks)

    def by_definition(*args):
        return definition(*args, spec)

    def gradient(attend, picks):
        def total(args):
            out = attend(*args)
            return sum(jnp.sin(out[pick]).sum() for pick in picks), out

        run = jax.jit(jax.grad(total, has_aux=True))
        return run((query, key, value, sigma))

    for picks in ((0, 1, 2), (0,), (1,), (2,)):
        grads, out = gradient(by_xla, picks)
        expected_grads, expected = gradient(by_definition, picks)
        assert_same(out, expected)
        scale = max(float(jnp.abs(g).max()) for g in expected_grads)
        assert_same(grads, expected_grads, rtol=1e-4, atol=1e-6 * max(scale, 10))


def test_a_gpu_takes_all_at_once_within_its_bound():
    assert xla.blocks_for(16, 8, 1024, "gpu") == xla.Blocks(16, 1024, True)
    assert xla.blocks_for(64, 8, 1024, "gpu") == xla.Blocks(64, 256)
    assert xla.blocks_for(1, 8, 8192, "gpu") == xla.Blocks(1, 2048)


def test_long_windows_keep_nothing_of_their_length_squared():
    length, wide = 2048, (1, 2048, 8, 16)
    shapes = [jax.ShapeDtypeStruct(wide, jnp.float32)] * 3
    shapes.append(jax.ShapeDtypeStruct((1, 8, length), jnp.float32))

    def used(implementation):
        def total(*args):
            out = attention.anomaly_attention(*args, implementation=implementation)
            return sum(x.sum() for x in out)

        gradient = jax.jit(jax.grad(total, argnums=(0, 1, 2, 3)))
        return gradient.lower(*shapes).compile().memory_analysis().temp_size_in_bytes

    assert 10 * used("auto") < used("definition")
