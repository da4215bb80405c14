"""The sweep: a mask is a narrower code, and members together are members alone."""

from __future__ import annotations

import contextlib
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from benchmarks.studies import study
from benchmarks.studies.ganomaly import images as ganomaly_images
from benchmarks.studies.ganomaly import sweep as ganomaly_sweep
from benchmarks.studies.ganomaly.sweep import Run, Variant
from jaxtsad.detectors.ganomaly.losses import Weights
from jaxtsad.training.checkpoints import Checkpoints
from jaxtsad.types import PyTree

GAME = ganomaly_sweep.game_of(width=4, latent=5, rate=1e-2, side=8)


@pytest.mark.slow
def test_a_masked_code_is_a_narrower_one() -> None:
    """Loss and gradient of 3 of 5 are those of a network of 3."""
    narrow = ganomaly_sweep.game_of(width=4, latent=3, rate=1e-2, side=8)
    keep = jnp.asarray([1.0, 1, 1, 0, 0])
    x = jax.random.uniform(jax.random.key(1), (6, 8, 8, 1), minval=-1, maxval=1)
    wide = jax.jit(GAME.start)(jax.random.key(0), x[:1])
    wide = wide._replace(generator=ganomaly_sweep.narrowed(wide.generator, keep))
    params = jax.tree.map(lambda leaf: leaf, wide.generator.params)
    for name in ganomaly_sweep.READERS:
        kernel = params[name]["Conv_0"]["kernel"]
        params[name]["Conv_0"]["kernel"] = kernel[..., :3]
    first = params["decoder"]["Conv_0"]["kernel"]
    params["decoder"]["Conv_0"]["kernel"] = first[..., :3, :]
    small = wide._replace(generator=wide.generator._replace(params=params))
    weights = Weights(0.5, 20.0, 2.0)
    masked = ganomaly_sweep.variant_of(GAME, weights, keep)
    plain = narrow._replace(weights=weights)
    ones = jnp.ones(6)
    found = jax.jit(masked.learn)(wide, x, ones)
    expected = jax.jit(plain.learn)(small, x, ones)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-5)
    np.testing.assert_allclose(found.judge_loss, expected.judge_loss, rtol=1e-5)
    for name in (*ganomaly_sweep.READERS, "decoder"):
        ours = found.grads[name]["Conv_0"]["kernel"]
        theirs = expected.grads[name]["Conv_0"]["kernel"]
        ours = ours[..., :3, :] if name == "decoder" else ours[..., :3]
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-7)


@pytest.mark.slow
def test_members_together_are_members_alone() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (60, 8, 8, 1)).astype(np.uint8)
    labels = np.arange(60) % 3
    cuts = [
        ganomaly_images.cut(values, labels, 2, seed, train=20, test=10)
        for seed in (0, 1)
    ]
    run = Run(epochs=2, batch_size=8)
    variants = [Variant(5, 1, 50, 1), Variant(2, 1, 1, 1)]
    rows = ganomaly_sweep.sweep(GAME, run, cuts, variants)
    assert [(row.seed, row.detector) for row in rows] == [
        (seed, one.label) for seed in (0, 1) for one in variants
    ]
    alone = ganomaly_sweep.sweep(GAME, run, cuts[1:], variants[1:])
    np.testing.assert_allclose(alone[0].value, rows[3].value, atol=0.02)
    x = jnp.stack([jnp.asarray(one.train, jnp.float32) / 127.5 - 1 for one in cuts])
    keep = jnp.asarray([1.0, 1, 0, 0, 0])
    key = jax.random.key(0)
    players = ganomaly_sweep.begun(GAME, key, x[0, :1], keep)
    own = players, key, jnp.int32(0), Weights(1, 1, 1), keep
    generator = ganomaly_sweep.trained(GAME, run, jnp.int32(0), x, *own).generator
    for name in ganomaly_sweep.READERS:
        kernel = np.asarray(generator.params[name]["Conv_0"]["kernel"])
        assert kernel[..., :2].any() and not kernel[..., 2:].any()


@pytest.mark.slow
def test_a_sweep_goes_on_from_its_last_epoch(tmp_path: pathlib.Path) -> None:
    """After two of four epochs, by the same steps: the same areas."""
    rng = np.random.default_rng(0)
    values = rng.integers(0, 256, (60, 8, 8, 1)).astype(np.uint8)
    cuts = [ganomaly_images.cut(values, np.arange(60) % 3, 2, 0, train=20, test=10)]
    own = cuts, [Variant(5, 1, 50, 1)]
    whole = ganomaly_sweep.sweep(GAME, Run(4, 8), *own)
    saved: list[int] = []

    class Watched(Checkpoints):
        def save(self, step: int, tree: PyTree) -> None:
            saved.append(step)
            super().save(step, tree)

    for epochs in (2, 4):
        with contextlib.closing(Watched(tmp_path, {})) as kept:
            found = ganomaly_sweep.sweep(GAME, Run(epochs, 8), *own, kept)
    assert saved == [1, 2, 3, 4]
    assert found == whole


def test_bad_sizes_are_refused() -> None:
    values = np.zeros((9, 8, 8, 1), np.uint8)
    cuts = [ganomaly_images.cut(values, np.arange(9) % 3, 2, 0)]
    with pytest.raises(ValueError, match="latent=6 must be between 1 and 5"):
        ganomaly_sweep.sweep(GAME, Run(1, 2), cuts, [Variant(6, 1, 50, 1)])
    with pytest.raises(ValueError, match="batch_size=64 is more than the 4"):
        ganomaly_sweep.sweep(GAME, Run(1, 64), cuts, [Variant(5, 1, 50, 1)])


def test_missing_data_is_one_line(
    tmp_path: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert study.main(ganomaly_sweep.STUDY, ["--data-root", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
