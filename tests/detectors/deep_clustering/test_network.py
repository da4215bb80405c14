from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.deep_clustering.network import SmallAutoencoder


@pytest.mark.parametrize("side", [28, 32])
def test_shapes_and_the_published_widths(side: int) -> None:
    module, x = SmallAutoencoder(1), jnp.zeros((2, side, side, 1))
    variables = jax.eval_shape(module.init, jax.random.key(0), x)
    assert variables["params"]["encode"].shape == (64 * (side // 4) ** 2, 32)
    out = jax.eval_shape(module.apply, variables, x)
    assert out.latent.shape == (2, 32) and out.reconstruction.shape == x.shape


@pytest.mark.parametrize("unpool", ["repeat", "argmax"])
def test_rows_do_not_see_each_other(unpool: str) -> None:
    module = SmallAutoencoder(1, 2, 3, unpool)
    x = jax.random.uniform(jax.random.key(0), (3, 8, 8, 1))
    variables = module.init(jax.random.key(1), x)
    run = jax.jit(module.apply)
    both, other = run(variables, x), run(variables, x.at[1:].set(0.0))
    np.testing.assert_allclose(both.latent[0], other.latent[0], atol=1e-6)
    np.testing.assert_allclose(
        both.reconstruction[0], other.reconstruction[0], atol=1e-6
    )
    assert not np.allclose(both.latent[1], other.latent[1])
