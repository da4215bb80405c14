"""Latent sizes and loss weights of GANomaly on MNIST, all in one vmapped program.

python -m benchmarks.studies.ganomaly.sweep --data-root DIR

Weights are numbers, which `vmap` takes as they are; latent sizes are shapes, which it
does not. So every variant has the largest size, and a mask keeps the columns of its
encoders' last kernels at zero beyond its own: the same function as of a narrower code.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.studies import study
from benchmarks.studies.ganomaly import images as ganomaly_images
from benchmarks.studies.ganomaly.images import SIDE, Cut
from benchmarks.studies.ganomaly.mnist import DIGITS
from benchmarks.studies.report import Report, Row
from benchmarks.studies.study import Session, Study
from jaxtsad.detectors.ganomaly import losses as objectives
from jaxtsad.detectors.ganomaly.config import Config
from jaxtsad.detectors.ganomaly.losses import Weights
from jaxtsad.detectors.ganomaly.training import GanTrainer, Networks
from jaxtsad.evaluation.metrics import point
from jaxtsad.models import network
from jaxtsad.models.network import Network
from jaxtsad.pipeline import members
from jaxtsad.training.checkpoints import Saved, opened
from jaxtsad.types import Array, Key

TITLE = "GANomaly on MNIST, latent sizes and weights of its losses"
READERS = ("encoder", "encoder_again")


class Variant(NamedTuple):
    """What one member of the sweep is.

    Attributes:
        latent: Latent width Z.
        adversarial: Weight of L_adv.
        contextual: Weight of L_con.
        encoder: Weight of L_enc.
    """

    latent: int
    adversarial: float
    contextual: float
    encoder: float

    @property
    def label(self) -> str:
        """Name of its column."""
        weights = f"{self.adversarial:g}/{self.contextual:g}/{self.encoder:g}"
        return f"Z {self.latent}, weights {weights}"


class Run(NamedTuple):
    """How long every member is trained.

    Attributes:
        epochs: Epochs; the last batch of one is left out where it is not full.
        batch_size: Pictures per step.
    """

    epochs: int
    batch_size: int


def game_of(width: int, latent: int, rate: float, side: int = SIDE) -> GanTrainer:
    """The networks that all variants share, of the largest latent size."""
    config = Config(
        side, 1, layout="image", latent=latent, width=width, learning_rate=rate
    )
    return config.trainer()


def narrowed(generator: Network, keep: Array) -> Network:
    """A generator whose codes are 0 where `keep [Z]` is."""
    params = dict(generator.params)
    for name in READERS:
        last = params[name]["Conv_0"]
        kernel = last["kernel"] * keep.reshape(*(1,) * (last["kernel"].ndim - 1), -1)
        params[name] = {**params[name], "Conv_0": {**last, "kernel": kernel}}
    return generator._replace(params=params)


def variant_of(game: GanTrainer, weights: Weights, keep: Array) -> GanTrainer:
    """The game with a variant's weights; means over Z are over what is kept of it."""
    share: Any = keep.size / keep.sum()
    return game._replace(weights=weights._replace(encoder=weights.encoder * share))


def begun(game: GanTrainer, key: Key, picture: Array, keep: Array) -> Networks:
    """The players of one variant before its first step.

    Args:
        game: The networks.
        key: Of the start.
        picture: `[1, S, S, C]`.
        keep: `[Z]` 1 for what its code has, 0 for the rest.
    """
    players = game.start(jax.random.split(key, 3)[0], picture)
    return players._replace(generator=narrowed(players.generator, keep))


def trained(
    game: GanTrainer,
    run: Run,
    epoch: Array,
    x: Array,
    players: Networks,
    key: Key,
    cut: Array,
    weights: Weights,
    keep: Array,
) -> Networks:
    """Trains one variant for an epoch; `vmap` over the last five trains all.

    Args:
        game: The networks.
        run: How long.
        epoch: Which one, counted from 0.
        x: Training pictures of all cuts `[K, N, S, S, C]` in [-1, 1].
        players: What the epoch before left, or `begun`.
        key: Of the start and the order.
        cut: Which of them this member learns, int32.
        weights: Of its losses.
        keep: As of `begun`.
    """
    own = variant_of(game, weights, keep)
    _, order_key, reset_key = jax.random.split(key, 3)
    steps = x.shape[1] // run.batch_size
    ones = jnp.ones(run.batch_size)
    order = jax.random.permutation(jax.random.fold_in(order_key, epoch), x.shape[1])
    batches = order[: steps * run.batch_size].reshape(steps, run.batch_size)

    def step(players: Networks, now: tuple[Array, Array]) -> tuple[Networks, None]:
        number, index = now
        lesson = own.learn(players, x[cut, index], ones)
        players = own.move(jax.random.fold_in(reset_key, number), players, lesson)
        return players._replace(generator=narrowed(players.generator, keep)), None

    numbers = epoch * steps + jnp.arange(steps)
    return jax.lax.scan(step, players, (numbers, batches))[0]


def sweep(
    game: GanTrainer,
    run: Run,
    cuts: Sequence[Cut],
    variants: Sequence[Variant],
    checkpoints: Saved | None = None,
) -> list[Row]:
    """Trains all variants on all cuts in one program, and scores each cut's test set.

    Args:
        game: The networks.
        run: How long.
        cuts: The digits left out.
        variants: What is trained on each.
        checkpoints: Where the players are after each epoch, to go on from there.

    Raises:
        ValueError: If a variant's latent size is not between 1 and the game's, or there
            are fewer pictures than in a batch.
    """
    width = game.generator.latent
    for one in variants:
        if not 1 <= one.latent <= width:
            raise ValueError(f"latent={one.latent} must be between 1 and {width}")
    if len(cuts[0].train) < run.batch_size:
        raise ValueError(
            f"batch_size={run.batch_size} is more than the {len(cuts[0].train)} "
            "training pictures"
        )
    x, tests = (
        jnp.stack([jnp.asarray(part, jnp.float32) / 127.5 - 1 for part in parts])
        for parts in ([one.train for one in cuts], [one.test for one in cuts])
    )
    pairs = list(itertools.product(range(len(cuts)), variants))
    seeds = [members.Member(None, cuts[number].seed) for number, _ in pairs]
    keys = members.keys_of(seeds)
    index = jnp.asarray([number for number, _ in pairs], jnp.int32)
    table = np.asarray([one[1:] for _, one in pairs], np.float32)
    weights = Weights(*jnp.asarray(table.T))
    sizes = jnp.asarray([one.latent for _, one in pairs])
    keeps = (jnp.arange(width)[None] < sizes[:, None]).astype(jnp.float32)

    def score(generator: Network, cut: Array) -> Array:
        output = network.run(game.generator, generator, tests[cut])
        return objectives.latent_score(output)

    begin = functools.partial(begun, game)
    players = jax.jit(jax.vmap(begin, (0, None, 0)))(keys, x[0, :1], keeps)
    learn = functools.partial(trained, game, run)
    axes = (None, None, *[0] * 5)
    program = jax.jit(jax.vmap(learn, axes), donate_argnums=2)
    done, players = _kept(checkpoints, players)
    for epoch in range(done, run.epochs):
        own = players, keys, index, weights, keeps
        players = program(jnp.int32(epoch), x, *own)
        if checkpoints:
            checkpoints.save(epoch + 1, _tree(np.int32(epoch + 1), players))
    scores = np.asarray(jax.jit(jax.vmap(score))(players.generator, index))
    return [
        Row(
            cuts[number].name,
            one.label,
            cuts[number].seed,
            point.auc_roc(cuts[number].labels, found),
        )
        for (number, one), found in zip(pairs, scores, strict=True)
    ]


def _kept(checkpoints: Saved | None, players: Networks) -> tuple[int, Networks]:
    """How many epochs were trained before, and what they left."""
    template = jax.eval_shape(_tree, np.int32(0), players)
    found = checkpoints.restore(template) if checkpoints else None
    if found is None:
        return 0, players
    shape = jax.tree.structure(players)
    return int(found["epochs"]), jax.tree.unflatten(shape, found["leaves"])


def _tree(epochs: Any, players: Networks) -> dict[str, Any]:
    """What a checkpoint holds."""
    return {"epochs": epochs, "leaves": jax.tree.leaves(players)}


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the axes of the sweep and its sizes."""
    add = parser.add_argument
    add("--classes", nargs="+", default=["2"], choices=DIGITS)
    add("--seeds", type=int, nargs="+", default=[0])
    add("--latents", type=int, nargs="+", default=[8, 32, 100])
    add("--adversarials", type=float, nargs="+", default=[1.0])
    add("--contextuals", type=float, nargs="+", default=[1.0, 50.0])
    add("--encoders", type=float, nargs="+", default=[1.0])
    add("--width", type=int, default=16)
    add("--train", type=int, default=2000, help="pictures to train on")
    add("--test", type=int, default=500, help="of each kind")
    add("--epochs", type=int, default=8)
    add("--batch-size", type=int, default=64)
    add("--learning-rate", type=float, default=1e-3)


def run(session: Session) -> Report:
    """Trains every variant in one program."""
    given = session.options
    axes = (given.latents, given.adversarials, given.contextuals, given.encoders)
    variants = [Variant(*values) for values in itertools.product(*axes)]
    game = game_of(given.width, max(given.latents), given.learning_rate)
    values, labels = ganomaly_images.load(session, "mnist")
    cut = functools.partial(ganomaly_images.cut, values, labels)
    cuts = [
        cut(DIGITS.index(one), seed, name=one, train=given.train, test=given.test)
        for one in given.classes
        for seed in given.seeds
    ]
    sizes = Run(given.epochs, given.batch_size)
    about = {"data": ganomaly_images.checksum(cuts), "axes": axes, "run": sizes}
    about |= {"classes": given.classes, "seeds": given.seeds, "width": given.width}
    about["learning_rate"] = given.learning_rate
    cache = session.cache(__name__)

    def make() -> list[Row]:
        place = cache.place("checkpoints", about)
        with opened(place, {"title": TITLE}) as kept:
            return sweep(game, sizes, cuts, variants, kept)

    kept = cache.tree("sweep", about, make)
    rows = [*(Row(*one) for one in kept), *ganomaly_images.baselines(session, cuts)]
    notes = [
        "AUC of single images; the digit is the anomaly, all others are normal",
        "weights of L_adv, L_con and L_enc; published: Z 100, weights 1/50/1",
        f"{len(variants) * len(cuts)} members in one program, {sizes}",
    ]
    return ganomaly_images.report(TITLE, rows, notes)


STUDY = Study(
    "ganomaly.sweep",
    __doc__,
    run,
    options,
    quick={
        "latents": [4, 8],
        "contextuals": [50.0],
        "width": 4,
        "train": 64,
        "test": 20,
        "epochs": 1,
    },
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
