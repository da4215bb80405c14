"""Members that only fill up the devices are neither trained nor heard of."""

from __future__ import annotations

from tests.training.test_sharding import same

# Three members on two devices: the fourth is a copy of the first. A loss that never
# falls stops the three after two epochs, and with them all.
SCRIPT = """
import jax
import numpy as np
from jaxtsad.training import fit, fleet, plan
from tests.training.test_fit import DETECTOR, views

assert jax.device_count() == 2
keys = jax.random.split(jax.random.key(3), 3)
pairs = [views(300, seed) for seed in range(3)]
sources = fleet.stack([source for source, _ in pairs])
checks = fleet.stack([held_out for _, held_out in pairs])
records, statuses = [], []
callbacks = fit.Callbacks(epoch=records.extend, status=statuses.append)
plan_ = plan.Plan(epochs=40, patience=1)
frozen = DETECTOR._replace(
    validate=lambda key, model, source: {"loss": jax.numpy.float32(1)}
)
result = fit.fit(
    keys, frozen, sources, validations=checks, plan=plan_, callbacks=callbacks
)
assert {record["member"] for record in records} == {0, 1, 2}
assert {(status.active, status.members) for status in statuses} == {(3, 3)}
assert {record["epoch"] for record in records} == {0, 1}
assert result.trained == 2 * sum(source.size for source, _ in pairs)
print("same")
"""


def test_padding_of_members_is_not_trained() -> None:
    same(SCRIPT, devices=2)
