"""Deep clustering: clusters found, what each loss moves, and scores by clusters."""

from __future__ import annotations

import dataclasses
import functools

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from jaxtsad.detectors.deep_clustering import clusters
from jaxtsad.detectors.deep_clustering import detector as deep_clustering
from jaxtsad.detectors.deep_clustering.config import TINY, Config
from jaxtsad.evaluation.metrics import clustering as measures
from jaxtsad.evaluation.metrics import point
from jaxtsad.pipeline import fitting, members, scoring
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan
from jaxtsad.types import Clock, State
from tests.detectors import views

SMALL = dataclasses.replace(TINY, pretrain=1, refine=3, weight_decay=0.0, settled=0.0)


def blobs(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(3), 40)
    centres = 10 * np.eye(3)
    return centres[labels] + rng.normal(size=(120, 3)), labels


def test_k_means_finds_what_is_well_apart_and_goes_on_from_centres() -> None:
    rows, labels = blobs()
    centres = clusters.kmeans(rows, 3, 0, 5, None)
    found = clusters.described(centres, rows, np.arange(120.0))
    _, nearest = clusters.distances(found, jnp.asarray(rows, jnp.float32))
    assert measures.accuracy(labels, np.asarray(nearest)) == 1.0
    np.testing.assert_allclose(found.share, 1 / 3, rtol=1e-5)
    turned = np.roll(centres, 1, axis=0)
    again = clusters.kmeans(rows, 3, 1, 5, turned)
    np.testing.assert_allclose(again, turned, atol=1e-4)


def test_scores_along_a_ray_that_leaves_a_cluster() -> None:
    rows, _ = blobs()
    centres = clusters.kmeans(rows, 3, 0, 5, None)
    found = clusters.described(centres, rows, np.arange(120.0))
    out = centres[0] - centres.mean(axis=0)
    steps = jnp.linspace(0, 1e4, 200)[:, None]
    ray = jnp.asarray(centres[0])[None] + steps * jnp.asarray(out)[None]
    apart, _ = clusters.distances(found, ray)
    assert (jnp.diff(apart) > 0).all()
    doubt = clusters.entropy(found, ray)
    assert doubt[1:].min() < doubt[-1] and doubt[-1] > 0.9
    middle = jnp.asarray(centres.mean(axis=0))[None]
    np.testing.assert_allclose(clusters.entropy(found, middle), 1, atol=0.02)


def test_ranks_stay_within_and_still_grow_beyond() -> None:
    at = jnp.linspace(2.0, 3.0, 50)
    found = clusters.rank(jnp.array([0.0, 2.5, 3.0, 4.0, 40.0]), at)
    assert found[0] == 0 and found.max() < 1 and (jnp.diff(found) > 0).all()


@pytest.mark.parametrize("count", [3, 80, 2000])
def test_rounding_moves_no_rank_where_samples_are_nearly_equal(count: int) -> None:
    values = np.linspace(1, 2, count)
    values[count // 2] = values[count // 2 - 1] + 1e-6
    codes = np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)
    known = clusters.described(codes[:2], codes, values).residual
    near = jnp.asarray(values, jnp.float32)
    ranks, moved = (clusters.rank(near * by, known) for by in (1, 1 + 1e-6))
    np.testing.assert_allclose(moved, ranks, atol=1e-5)
    assert bool((jnp.diff(ranks) > 0).all())


def test_far_beyond_the_fit_part_counts_more_than_just_beyond() -> None:
    at = jnp.linspace(2.0, 3.0, 50)
    found = clusters.excess(jnp.array([0.0, 3.0, 6.0, 600.0]), at)
    np.testing.assert_allclose(found, np.log([1, 1, 2, 200]), atol=1e-6)


def test_mahalanobis_measures_by_the_spread_of_the_members() -> None:
    rng = np.random.default_rng(0)
    own = rng.normal(size=(2000, 2)) * np.array([[3.0, 0.5]])
    rows = np.concatenate([own, own + np.array([[0.0, 40.0]])])
    centres = np.array([[0.0, 0.0], [0.0, 40.0]], np.float32)
    found = clusters.described(centres, rows, np.ones(len(rows)))
    points = jnp.array([[3.0, 0.0], [0.0, 0.5], [3.0, 40.5]])
    apart = clusters.mahalanobis(found, points)
    np.testing.assert_allclose(apart, [1, 1, 2**0.5], rtol=0.05)
    few = clusters.described(centres, rows[:3], np.ones(3))
    assert np.isfinite(clusters.mahalanobis(few, points)).all()


def test_collapse_is_told() -> None:
    usual = clusters.blank(3, 2)
    clusters.warn_if_collapsed(usual)
    lost = usual._replace(share=jnp.array([0.97, 0.02, 0.01]))
    with pytest.warns(RuntimeWarning, match="one of 3 clusters holds 97%"):
        clusters.warn_if_collapsed(lost)


@functools.cache
def started() -> tuple[State, object]:
    values = np.random.default_rng(0).normal(size=(60, 3)).astype(np.float32)
    source = views.fit_view(values, 8, 2)
    detector = deep_clustering.build(SMALL)
    state = jax.jit(detector.init)(jax.random.key(0), source)
    rows = jax.random.normal(jax.random.key(1), state.model.clusters.centres.shape)
    clusters = state.model.clusters._replace(centres=rows)
    return State(state.model._replace(clusters=clusters), state.train), source


def moved(epoch: int, **options: float) -> State:
    detector = deep_clustering.build(dataclasses.replace(SMALL, **options))
    state, source = started()
    clock = Clock(jnp.int32(epoch), jnp.int32(0), jnp.int32(1), jnp.float32(1))
    return jax.jit(detector.advance)(jax.random.key(2), state, source, clock)[0]


def test_alpha_0_moves_no_centre() -> None:
    before, _ = started()
    after = moved(0)
    np.testing.assert_array_equal(
        after.model.clusters.centres, before.model.clusters.centres
    )
    assert not jnp.array_equal(
        after.model.network.params["encode"], before.model.network.params["encode"]
    )


def test_alpha_1_moves_no_decoder() -> None:
    before, _ = started()
    after = moved(3, alpha=1.0, alpha_start=1.0)
    assert not jnp.array_equal(
        after.model.clusters.centres, before.model.clusters.centres
    )
    np.testing.assert_array_equal(
        after.model.network.params["decode"], before.model.network.params["decode"]
    )


def test_the_rate_decays_with_the_epochs() -> None:
    state, source = started()
    config = dataclasses.replace(SMALL, rate_decay=0.5, alpha=0.0, alpha_start=0.0)
    advance = jax.jit(deep_clustering.build(config).advance)
    before = state.model.network.params["decode"]

    def shift(epoch: int) -> np.ndarray:
        clock = Clock(jnp.int32(epoch), jnp.int32(0), jnp.int32(1), jnp.float32(1))
        after, _ = advance(jax.random.key(2), state, source, clock)
        return np.abs(after.model.network.params["decode"] - before).max()

    np.testing.assert_allclose(shift(2), shift(0) / 4, rtol=1e-3)


def test_the_last_epoch_takes_no_step() -> None:
    before, _ = started()
    chex.assert_trees_all_equal(moved(4).model, before.model)


def test_the_k_means_loss_keeps_the_centre_of_before_the_epoch() -> None:
    """Whatever a sample is nearest to when it is trained on; `step` asks again."""
    state, source = started()
    model = state.model
    _, output = deep_clustering.reconstruct(
        SMALL, model, source.take(jnp.arange(source.size, dtype=jnp.int32))
    )
    _, nearest = clusters.distances(model.clusters, output.latent)
    for assigned, same in (("step", True), ("epoch", False)):
        config = dataclasses.replace(
            SMALL, loss="kmeans", assigned=assigned, alpha=1.0, alpha_start=1.0
        )
        advance = jax.jit(deep_clustering.build(config).advance)
        clock = Clock(jnp.int32(3), jnp.int32(0), jnp.int32(1), jnp.float32(1))
        near, far = (
            advance(
                jax.random.key(2),
                state._replace(train=state.train._replace(nearest=before)),
                source,
                clock,
            )[0].model.network.params["encode"]
            for before in (nearest, (nearest + 1) % SMALL.clusters)
        )
        assert jnp.array_equal(near, far) == same


def waves(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Windows of three kinds of waves."""
    rng = np.random.default_rng(seed)
    kinds = np.arange(count) % 3
    time = np.arange(16)[None]
    pure = np.sin(2 * np.pi * time / np.array([4, 8, 16])[kinds][:, None])
    return (pure + 0.1 * rng.normal(size=pure.shape))[..., None], kinds


@pytest.mark.slow
def test_kinds_of_windows_are_clusters_and_others_are_anomalous() -> None:
    train, kinds = waves(300, 0)
    test, _ = waves(60, 1)
    anomalous = np.random.default_rng(2).normal(size=(30, 16, 1))
    options = {"clusters": 3, "latent": 4, "width": 8, "batch_size": 32}
    setup = Setup(
        "deep_clustering",
        {**options, "pretrain": 10, "refine": 6, "restarts": 3},
        kind="samples",
        validation=0.1,
        plan=Plan(epochs=17, stop="none"),
    )
    fitted = fitting.fit(setup, [("waves", train)])
    part = members.test_part(fitted, 0, "train", train)
    found = scoring.outputs(fitted, [part], "inspect")[0]
    assert measures.accuracy(kinds, found["cluster"]) > 0.9
    both = np.concatenate([test, anomalous])
    scores = scoring.aggregated(fitted, [members.test_part(fitted, 0, "test", both)])[0]
    assert point.auc_roc(np.repeat([0, 1], [60, 30]), scores) > 0.8


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "none"}, "hardening, kmeans"),
        ({"score": "best"}, "combined, relative"),
        ({"alpha": 2.0}, "alpha=2.0 must be in"),
        ({"layout": "image"}, "the sides are 28, 32, 128"),
        ({"clusters": 0}, "clusters=0"),
        ({"shift": 1.0}, "windows have neither"),
        ({"turn": -1.0}, "turn=-1.0"),
    ],
)
def test_bad_options_are_named(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Config(**{"window": 8, "channels": 3, **options})
