"""The head-wise detector: its two groups move as told, its scores have a sign."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad import check
from jaxtsad.detectors.anomaly_transformer_headwise.config import TINY
from jaxtsad.detectors.anomaly_transformer_headwise.detector import build, groups
from jaxtsad.training import fit as training
from jaxtsad.training import fleet, plan
from tests.detectors import views

NAME = "anomaly_transformer_headwise"


@pytest.mark.slow
def test_both_groups_have_trained() -> None:
    case = check.prepare(NAME)
    key, stacked = jax.random.key(7)[None], fleet.stack([case.source])
    start = training.fit(key, case.detector, stacked, plan=plan.Plan(epochs=0))
    fresh = fleet.member(start.model, 0)
    labels = jax.tree.leaves(groups(fresh))
    paths = jax.tree_util.tree_leaves_with_path(fresh)
    after = jax.tree.leaves(case.model)
    for label, (path, before), now in zip(labels, paths, after, strict=True):
        name = jax.tree_util.keystr(path)
        assert (np.asarray(now) != before).any(), name
        assert (label == "prior") == name.endswith("['sigma']")


def test_the_sign_turns_the_score_and_channels_share_it() -> None:
    source = views.fit_view(check.make(TINY, "window"), TINY.window)
    plain = build(TINY)
    batch = source.take(jnp.arange(4, dtype=jnp.int32))
    keys = jax.random.split(jax.random.key(0), 4)
    published = dataclasses.replace(TINY, score="discrepancy")
    high = build(published)
    low = build(dataclasses.replace(published, score_sign=-1))

    @jax.jit
    def everything() -> tuple:
        model = plain.init(jax.random.key(1), source).model
        asked = (high.score, low.score, plain.score, high.explain, high.inspect)
        return tuple(function(keys, model, batch) for function in asked)

    score, opposite, error, shares, seen = everything()
    np.testing.assert_allclose(shares.sum(-1), score, rtol=1e-4)
    np.testing.assert_array_equal(opposite, -score)
    np.testing.assert_allclose(seen["discrepancy"].mean(1), score, rtol=1e-5)
    np.testing.assert_allclose(error, seen["error"], rtol=1e-5)
