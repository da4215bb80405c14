"""Members over several host devices, a number that does not divide them included."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = """
import sys
import jax
import numpy as np
from jaxtsad.training import fit, fleet, plan, scoring
import dataclasses
from jaxtsad.detectors import lstm_vae
from tests.training.test_fit import DETECTOR, views

TINY = dataclasses.replace(lstm_vae.TINY, window=10, batch_size=64)
VAE = lstm_vae.build(TINY)._replace(rows=0)
assert jax.device_count() == 4
CASES = {
    "lines": (
        (DETECTOR, "vmap", [600, 300, 600, 300, 300]),
        (DETECTOR, "map", [600, 300]),
    ),
    "lstm_vae": ((VAE, "map", [3300, 450, 450, 450, 450]),),
}
for detector, members, lengths in CASES[sys.argv[1]]:
    plan_ = plan.Plan(epochs=5, patience=1, members=members)
    keys = jax.random.split(jax.random.key(3), len(lengths))
    pairs = [views(steps, seed) for seed, steps in enumerate(lengths)]
    sources = fleet.stack([source for source, _ in pairs])
    checks = fleet.stack([held_out for _, held_out in pairs])
    together = fit.fit(keys, detector, sources, validations=checks, plan=plan_)
    assert fleet.members_of(together.model) == len(lengths)
    for index, (source, held_out) in enumerate(pairs):
        alone = fit.fit(
            keys[index : index + 1],
            detector,
            fleet.stack([source]),
            validations=fleet.stack([held_out]),
            plan=plan_,
        )
        for ours, theirs in zip(
            jax.tree.leaves(fleet.member(together.model, index)),
            jax.tree.leaves(fleet.member(alone.model, 0)),
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, atol=1e-5)
        assert together.progress.best_epoch[index] == alone.progress.best_epoch[0]
    if detector is VAE:
        assert pairs[0][0].size > 2048
        assert len(set(together.progress.best_epoch.tolist())) > 1
    one = fleet.member(together.model, slice(0, 1))
    scores = scoring.run(keys, detector, together.model, sources, members=members)
    first = scoring.run(
        keys[:1], detector, one, fleet.member(sources, slice(0, 1)), members=members
    )
    np.testing.assert_allclose(scores[:1], first, rtol=1e-5, atol=1e-6)
    assert len(scores) == len(lengths)
print("same")
"""
ROWS = """
import dataclasses
import tempfile
import jax
import numpy as np
from jaxtsad.detectors import anomaly_transformer, lstm_vae
from jaxtsad.training import checkpoints, fit, fleet, plan, scoring
from tests.training.test_fit import Stopper, views

keys = jax.random.split(jax.random.key(3), 1)
pair = views(350, 0)
source, held_out = (fleet.stack([view]) for view in pair)
plan_ = plan.Plan(epochs=3)
config = dataclasses.replace(lstm_vae.TINY, window=10, batch_size=32)
shared = lstm_vae.build(config)
assert len(fleet.devices_for(1, shared.rows)) == 2
results = []
for detector in (shared, shared._replace(rows=0)):
    result = fit.fit(keys, detector, source, validations=held_out, plan=plan_)
    assert result.trained == 3 * pair[0].size  # the last batch is not whole
    scores = scoring.run(keys, detector, result.model, source)
    explained = scoring.run(
        keys, detector, result.model, source, output="explain", batch_size=7
    )
    results.append((result.model, scores, explained))
for ours, theirs in zip(*map(jax.tree.leaves, results), strict=True):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)

# Rows that two devices do not divide, of another network.
config = dataclasses.replace(anomaly_transformer.TINY, window=10, batch_size=33)
whole = anomaly_transformer.build(config)
assert len(fleet.devices_for(1, whole.rows)) == 1
both = whole._replace(rows=32)
assert len(fleet.devices_for(1, both.rows)) == 2
for ours, theirs in zip(
    *(
        jax.tree.leaves(fit.fit(keys, one, source, plan=plan.Plan(epochs=1)).model)
        for one in (both, whole)
    ),
    strict=True,
):
    np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)

# Interrupted after the second stretch and resumed, it ends the same, bit for bit.
plan_ = plan.Plan(epochs=3, checkpoint_seconds=0.0)
with tempfile.TemporaryDirectory() as folder:
    for stop in (Stopper(2), Stopper(1000)):
        kept = checkpoints.Checkpoints(folder, {"name": "rows"})
        callbacks = fit.Callbacks(stop=stop)
        try:
            resumed = fit.fit(
                keys,
                shared,
                source,
                validations=held_out,
                plan=plan_,
                checkpoints=kept,
                callbacks=callbacks,
            )
        except fit.Interrupted:
            assert stop.left < 0
        finally:
            kept.close()
pairs = zip(*map(jax.tree.leaves, (results[0][0], resumed.model)), strict=True)
for ours, theirs in pairs:
    np.testing.assert_array_equal(ours, theirs)
print("same")
"""

IN_TURN = """
import jax
import numpy as np
from jaxtsad import types
from jaxtsad.detectors import deep_clustering
from jaxtsad.ops import samples
from jaxtsad.training import fit, fleet, plan, scoring

values = np.random.default_rng(0).uniform(-1, 1, (75, 28, 28, 1)).astype(np.float32)
source = fleet.stack([samples.view(types.cut_train(values, window=1, validation=0)[0])])
config = deep_clustering.Config(
    28, 1, layout="image", arch="small", width=4, latent=4, batch_size=16
)
detector = deep_clustering.build(config)
assert detector.in_turn and len(jax.devices()) == 2
keys = jax.random.split(jax.random.key(3), 1)
model = fit.fit(keys, detector, source, plan=plan.Plan(epochs=1)).model
ours, theirs = (
    scoring.run(keys, each, model, source, batch_size=16)
    for each in (detector, detector._replace(in_turn=False))
)
assert ours.shape == (1, 75) and ours.std() > 0
np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
print("same")
"""


@pytest.mark.parametrize(
    "case", ["lines", pytest.param("lstm_vae", marks=pytest.mark.slow)]
)
def test_members_over_four_devices_equal_members_alone(case: str) -> None:
    same(SCRIPT, case, devices=4)


def test_a_batch_shared_by_two_devices_trains_scores_and_resumes_as_on_one() -> None:
    same(ROWS, devices=2)


def test_devices_take_turns_with_the_batches_of_images() -> None:
    same(IN_TURN, devices=2)


def same(script: str, *arguments: str, devices: int) -> None:
    """Runs a script on several host devices; it must end by saying "same"."""
    root = pathlib.Path(__file__).parents[2]
    environment = dict(os.environ)
    environment["XLA_FLAGS"] += f" --xla_force_host_platform_device_count={devices}"
    environment["PYTHONPATH"] = str(root)
    environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(root / ".jax_cache"))
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    done = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        timeout=500,
    )
    if "force_host_platform" in done.stderr and "Unknown flag" in done.stderr:
        pytest.skip("this XLA cannot pretend to have several host devices")
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.strip() == "same"
