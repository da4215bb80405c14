"""The host step of members over devices: each on its own, all as if alone."""

from __future__ import annotations

from tests.training.test_sharding import same

# Three members on two devices: the fourth is a copy of the first and keeps its state.
SCRIPT = """
import jax
import numpy as np
from jaxtsad.detectors import dplan, iforest

from jaxtsad.training import fit, fleet, plan, programs
from tests.training.test_fit import views

assert jax.device_count() == 2
keys = jax.random.split(jax.random.key(3), 3)
sources = fleet.stack([views(300, seed)[0] for seed in range(3)])
dplan_config = dplan.Config(10, 3, subset=20, trees=5, max_samples=16, block=10)
for detector in (
    dplan.build(dplan_config),
    iforest.build(iforest.Config(10, 3, trees=5, max_samples=16)),
):
    devices = fleet.devices_for(3)
    placed_keys, placed = fleet.place((keys, sources), devices)
    state = programs.compiled(detector, 4, "map", devices).init(placed_keys, placed)
    active = np.array([True, True, True, False])
    found = fleet.refreshed(detector, placed_keys, state, placed, active, 2)
    for before, after in zip(*map(jax.tree.leaves, (state, found)), strict=True):
        assert before.sharding == after.sharding and before.dtype == after.dtype
        np.testing.assert_array_equal(before[3], after[3])
    for index in range(3):
        alone = detector.refresh(
            jax.random.fold_in(keys[index], 2),
            jax.tree.map(lambda leaf: jax.device_get(leaf)[index], state),
            fleet.member(sources, index),
        )
        for ours, theirs in zip(
            jax.tree.leaves(fleet.member(found, index)),
            jax.tree.leaves(alone),
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)
    changed = [
        not np.array_equal(before, after)
        for before, after in zip(*map(jax.tree.leaves, (state, found)), strict=True)
    ]
    assert any(changed)
print("same")
"""


def test_members_are_refreshed_on_their_devices_as_alone() -> None:
    same(SCRIPT, devices=2)
