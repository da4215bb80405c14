"""Members over several host devices, a number that does not divide them included."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

SCRIPT = """
import jax
import numpy as np
from jaxtsad.training import fit, fleet, plan, scoring
from tests.training.test_fit import DETECTOR, run, views

assert jax.device_count() == 4
for members, lengths in (("vmap", [600, 300, 600, 300, 300]), ("map", [600, 300])):
    plan_ = plan.Plan(epochs=3, patience=2, members=members)
    keys = jax.random.split(jax.random.key(3), len(lengths))
    pairs = [views(steps, seed) for seed, steps in enumerate(lengths)]
    sources = fleet.stack([source for source, _ in pairs])
    checks = fleet.stack([held_out for _, held_out in pairs])
    together = fit.fit(keys, DETECTOR, sources, validations=checks, plan=plan_)
    assert fleet.members_of(together.model) == len(lengths)
    for index, (source, held_out) in enumerate(pairs):
        alone = fit.fit(
            keys[index : index + 1],
            DETECTOR,
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
    one = fleet.member(together.model, slice(0, 1))
    scores = scoring.run(keys, DETECTOR, together.model, sources, members=members)
    first = scoring.run(
        keys[:1], DETECTOR, one, fleet.member(sources, slice(0, 1)), members=members
    )
    np.testing.assert_allclose(scores[:1], first, rtol=1e-5, atol=1e-6)
    assert len(scores) == len(lengths)
print("same")
"""


def test_members_over_four_devices_equal_members_alone() -> None:
    root = pathlib.Path(__file__).parents[2]
    environment = dict(os.environ)
    environment["XLA_FLAGS"] += " --xla_force_host_platform_device_count=4"
    environment["PYTHONPATH"] = str(root)
    environment.setdefault("JAX_COMPILATION_CACHE_DIR", str(root / ".jax_cache"))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
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
