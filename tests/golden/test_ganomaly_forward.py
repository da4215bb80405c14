"""GANomaly against the reference: both modes, losses, gradients, a step, scores."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from jaxtsad.detectors.ganomaly import losses as objectives
from jaxtsad.detectors.ganomaly import pytorch as interop
from jaxtsad.detectors.ganomaly import training as _ganomaly
from jaxtsad.detectors.ganomaly.network import Judgement, Output
from jaxtsad.models import convolutional, network
from tests.golden import ganomaly as golden
from tests.golden import loading

STEM = golden.STEM
CASES = [pytest.param(case, id=f"{STEM}-{case}") for case in loading.cases(STEM)]
each_case = pytest.mark.parametrize("case", CASES)


@functools.cache
def stepped(case: str) -> tuple:
    trainer, players = golden.trainer(case), golden.players(case)
    x = jnp.asarray(golden.images(golden.fixture(case)["x"]))
    weight = jnp.ones(len(x))

    def step(players: _ganomaly.Networks) -> tuple:
        lesson = trainer.learn(players, x, weight)
        after = trainer.move(jax.random.key(0), players, lesson)
        return lesson, after, trainer.metrics(lesson, weight)

    return jax.jit(step)(players)


@functools.cache
def evaluated(case: str) -> tuple[Output, Judgement, Judgement, Output]:
    trainer, players = golden.trainer(case), golden.players(case)
    arrays = golden.fixture(case)

    def everything(x: jax.Array, test: jax.Array) -> tuple:
        both = jnp.concatenate([x, test])
        output = network.run(trainer.generator, players.generator, both)
        judged = jnp.concatenate([x, output.reconstruction[: len(x)]])
        judge = network.run(trainer.discriminator, players.discriminator, judged)
        return output, judge

    inputs = (jnp.asarray(golden.images(arrays[name])) for name in ("x", "test/x"))
    output, judge = jax.jit(everything)(*inputs)
    rows = len(arrays["x"])
    return (
        jax.tree.map(lambda leaf: leaf[:rows], output),
        jax.tree.map(lambda leaf: leaf[:rows], judge),
        jax.tree.map(lambda leaf: leaf[rows:], judge),
        jax.tree.map(lambda leaf: leaf[rows:], output),
    )


def check_outputs(
    case: str, mode: str, output: Output, real: Judgement, fake: Judgement, atol: float
) -> None:
    arrays = golden.below(case, f"{mode}/")
    rows = len(arrays["fake"])
    found = {
        "fake": output.reconstruction.transpose(0, 3, 1, 2),
        "latent_i": output.latent,
        "latent_o": output.latent_again,
        "pred_real": jax.nn.sigmoid(real.logit),
        "pred_fake": jax.nn.sigmoid(fake.logit),
        "feat_real": real.features.transpose(0, 3, 1, 2),
        "feat_fake": fake.features.transpose(0, 3, 1, 2),
    }
    for name, value in found.items():
        expected = arrays[name].reshape(rows, -1)
        np.testing.assert_allclose(
            np.asarray(value).reshape(rows, -1), expected, rtol=0, atol=atol
        )


@each_case
def test_outputs_and_scores_in_evaluation_mode(case: str) -> None:
    output, real, fake, test = evaluated(case)
    check_outputs(case, "eval", output, real, fake, 1e-5)
    arrays = golden.fixture(case)
    for seen, name in ((output, "eval/score"), (test, "test/score_raw_eval_mode")):
        np.testing.assert_allclose(
            objectives.latent_score(seen), arrays[name], rtol=1e-4
        )


@each_case
def test_outputs_in_training_mode(case: str) -> None:
    seen = stepped(case)[0].seen
    check_outputs(case, "train", seen.output, seen.real, seen.fake, 5e-5)


@each_case
def test_losses(case: str) -> None:
    lesson, _, metrics = stepped(case)
    seen = lesson.seen
    expected = golden.below(case, "train/loss/")
    found = {
        "err_d": metrics["discriminator"],
        "err_g": metrics["loss"],
        "err_g_adv": seen.terms.adversarial,
        "err_g_con": seen.terms.contextual,
        "err_g_enc": seen.terms.encoder,
        "err_d_real": -jax.nn.log_sigmoid(seen.real.logit).mean(),
        "err_d_fake": -jax.nn.log_sigmoid(-seen.fake.logit).mean(),
    }
    assert set(expected) == set(found)
    for name, value in found.items():
        np.testing.assert_allclose(value, expected[name], rtol=1e-5)


@each_case
@pytest.mark.parametrize("player", ["netg", "netd"])
def test_gradients(case: str, player: str) -> None:
    lesson = stepped(case)[0]
    grads = lesson.grads if player == "netg" else lesson.judge_grads
    found = interop.named(golden.entries(case, player), grads, "params")
    expected = golden.below(case, f"train/grad_{player}/")
    assert set(found) == set(expected)
    for name, grad in found.items():
        np.testing.assert_allclose(grad, expected[name], rtol=1e-4, atol=2e-5)


@each_case
@pytest.mark.parametrize("player", ["netg", "netd"])
def test_one_step_of_both_players(case: str, player: str) -> None:
    """Parameters after both Adam steps; statistics: netg saw one pass, netd four."""
    after: _ganomaly.Networks = stepped(case)[1]
    moved = after.generator if player == "netg" else after.discriminator
    entries = golden.entries(case, player)
    expected = golden.below(case, f"{player}/param_after/")
    grads = golden.below(case, f"train/grad_{player}/")
    for name, value in interop.named(entries, moved.params, "params").items():
        # Adam's first step has the size lr whatever the gradient, so its sign counts.
        flat = np.abs(grads[name]) < 1e-5
        slack = np.where(flat, 2 * golden.setting(case, "lr"), 1e-6)
        assert (np.abs(value - expected[name]) <= slack).all(), name
    for name, value in interop.named(entries, moved.stats, "stats").items():
        np.testing.assert_allclose(value, expected[name], rtol=0, atol=1e-5)


@each_case
def test_scores_of_the_reference_depend_on_their_batch(case: str) -> None:
    trainer, players = golden.trainer(case), golden.players(case)
    arrays = golden.fixture(case)
    x, size = golden.images(arrays["test/x"]), golden.setting(case, "batch")
    generator, found = players.generator, []
    train = jax.jit(functools.partial(network.train, trainer.generator))
    for first in range(0, len(x), size):
        # The last batch is filled up with rows of weight 0, which must not matter.
        part = np.full((size, *x.shape[1:]), 7.0, np.float32)
        rows = len(x[first : first + size])
        part[:rows] = x[first : first + size]
        weight = jnp.asarray(np.arange(size) < rows, jnp.float32)
        output, moments = train(generator, jnp.asarray(part), weight)
        stats = convolutional.updated(generator.stats, moments)
        generator = generator._replace(stats=stats)
        found.append(jax.tree.map(lambda leaf, rows=rows: leaf[:rows], output))
    output = Output(*(jnp.concatenate(parts) for parts in zip(*found, strict=True)))
    for value, name in ((output.latent, "i"), (output.latent_again, "o")):
        expected = arrays[f"test/latent_{name}"].reshape(len(x), -1)
        np.testing.assert_allclose(value, expected, rtol=0, atol=5e-5)
    scores = objectives.latent_score(output)
    np.testing.assert_allclose(scores, arrays["test/score_raw"], rtol=1e-4)
    scaled = objectives.rescaled(scores)
    np.testing.assert_allclose(
        scaled, arrays["test/score_scaled"], rtol=1e-4, atol=1e-6
    )
    labels = arrays["test/labels"]
    for ranked in (scores, scaled):
        auc = roc_auc_score(labels, np.asarray(ranked))
        np.testing.assert_allclose(auc, arrays["test/auc_roc"], atol=1e-12)
    stats = interop.named(golden.entries(case, "netg"), generator.stats, "stats")
    expected_stats = golden.below(case, "netg/stats_after_test/")
    for name, value in stats.items():
        np.testing.assert_allclose(value, expected_stats[name], rtol=0, atol=1e-5)
