"""Functions of one member over a fleet: own and shared models, and who begins anew."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from jaxtsad.ops import fleets


def test_shared_and_own_leaves_give_what_each_alone_gives() -> None:
    models = {"own": jnp.arange(1.0, 4.0), "shared": jnp.array([10.0])}
    given = jnp.array([1.0, 2.0, 3.0])
    made = fleets.each(lambda m, x: m["own"] * x + m["shared"], models, given)
    np.testing.assert_allclose(made, [11.0, 14.0, 19.0])


def test_only_leaves_that_all_have_alike_become_common() -> None:
    models = {"same": jnp.ones((3, 2)), "other": jnp.arange(6.0).reshape(3, 2)}
    models["missing"] = jnp.full((3, 1), jnp.nan)
    made = fleets.common(models)
    assert {name: len(leaf) for name, leaf in made.items()} == {
        "same": 1,
        "other": 3,
        "missing": 3,
    }


def test_chosen_entities_are_new_wherever_their_axis_is() -> None:
    which, new, old = jnp.array([True, False]), jnp.ones((3, 2)), jnp.zeros((3, 2))
    chosen = fleets.choose(which, new, old, axis=1)
    np.testing.assert_array_equal(chosen, [[1, 0]] * 3)
    chosen = fleets.choose(which, new.T, old.T)
    np.testing.assert_array_equal(chosen, [[1, 1, 1], [0, 0, 0]])
