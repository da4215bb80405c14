"""The networks whose errors recipes are made of, trained once each and kept."""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.studies.at_ablation import scores
from benchmarks.studies.at_improved.recipes import INPUT, Evidence
from benchmarks.studies.cache import Cache
from jaxtsad import types
from jaxtsad.detectors.anomaly_transformer import detector as anomaly_transformer
from jaxtsad.detectors.anomaly_transformer import training as minimax
from jaxtsad.detectors.anomaly_transformer.config import Config
from jaxtsad.experiments import facts
from jaxtsad.models.anomaly_attention import forward
from jaxtsad.ops import windows
from jaxtsad.pipeline import parts as cutting
from jaxtsad.pipeline.members import Member, keys_of
from jaxtsad.pipeline.parts import Part
from jaxtsad.pipeline.setup import Setup, build, layout_of
from jaxtsad.training import checkpoints, fleet
from jaxtsad.training import fit as training
from jaxtsad.training.plan import Plan
from jaxtsad.types import Array, Batch, Detector, PyTree, Series, Split

SIZES: dict[str, Any] = {
    "width": 32,
    "heads": 2,
    "hidden": 32,
    "learning_rate": 1e-3,
    "batch_size": 32,
}
CLIP = 10.0
CONSTANT = 1e-6
COMMANDED = ("msl", "smap")
"""Data sets whose first column is measured and whose others are commands."""
PLAN: dict[str, Any] = {"stop": "loss", "schedule": "cosine", "patience": 10}
UNTRAINED = "untrained"


class Network(NamedTuple):
    """One network to take errors from.

    Attributes:
        name: Of its errors.
        words: What it is.
        options: Of the detector `anomaly_transformer`, besides the sizes.
        trained: Whether it is trained at all.
    """

    name: str
    words: str
    options: Mapping[str, Any]
    trained: bool = True


NETWORKS = (
    Network(
        UNTRAINED, "the repaired network at its start", {"mode": "modified"}, False
    ),
    Network("modified", "the repaired minimax", {"mode": "modified"}),
    Network(
        "plain",
        "the same without the minimax",
        {"mode": "modified", "minimax": "joint", "k": 0.0},
    ),
)


class Size(NamedTuple):
    """How large the experiment is.

    Attributes:
        window: Window length L in steps.
        score_stride: Gap between windows when scoring.
        windows: About so many training windows of all entities together.
        epochs: At most so many.
    """

    window: int = 50
    score_stride: int = 50
    windows: int = 1500
    epochs: int = 5


def prepared(series: Sequence[Series], size: Size) -> tuple[Setup, tuple[Part, ...]]:
    """Cuts and scales every entity by its own fit part."""
    fit = sum(max(0, int(0.8 * len(one.train)) - size.window) for one in series)
    setup = Setup(
        "anomaly_transformer",
        window=size.window,
        stride=int(np.clip(fit // size.windows, 1, size.window)),
        score_stride=size.score_stride,
        clip_values=CLIP,
    )
    return setup, cutting.prepare(setup, [(one.name, one.train) for one in series])


Errors = Mapping[str, np.ndarray]
"""Of entity i the mean squared error `held_i [C]` on the held-out part, and the squared
errors with exp(-discrepancy) behind them, `test_i [T, C + 1]`, on the test part."""


def errors(
    network: Network,
    series: Sequence[Series],
    setup: Setup,
    parts: Sequence[Part],
    size: Size,
    seed: int,
    folder: pathlib.Path,
) -> dict[str, np.ndarray]:
    """Trains one network on all entities together and takes its `Errors`.

    Args:
        network: The network.
        series: The entities.
        setup: How they are cut.
        parts: Their training parts.
        size: How large the experiment is.
        seed: Of the network.
        folder: Of checkpoints, from which an interrupted training goes on.
    """
    setup = dataclasses.replace(setup, options={**SIZES, **network.options})
    layout = layout_of(setup, parts[0].fit.values.shape[1:])
    held_out = [part.validation for part in parts if part.validation]
    checks = None
    if held_out:
        watched = windows.view(held_out, setup.window, size.score_stride)
        checks = fleet.stack([watched], bucketed=True)
    fit_view = windows.view([p.fit for p in parts], setup.window, setup.stride)
    who = (Member(None, seed),)
    identity = {"network": network.name, "seed": seed}
    with checkpoints.opened(folder if network.trained else None, identity) as kept:
        result = training.fit(
            keys_of(who),
            build(setup, layout),
            fleet.stack([fit_view], bucketed=True),
            validations=checks,
            plan=Plan(epochs=size.epochs if network.trained else 0, **PLAN),
            checkpoints=kept,
        )
    model = jax.tree.map(lambda leaf: leaf[:1], result.model)
    reader = scores.Reader(setup, layout, who, model, (), scorer=scorer)
    held = scores.steps(reader, [part.calibration for part in parts])
    tests = [tested(*pair) for pair in zip(series, parts, strict=True)]
    found = {f"held_{i}": one[0, :, :-1].mean(0) for i, one in enumerate(held)}
    each = enumerate(scores.steps(reader, tests))
    return found | {f"test_{i}": one[0] for i, one in each}


@functools.lru_cache(maxsize=32)
def scorer(config: Config) -> Detector:
    """The detector of a config whose score is `[B, L, C + 1]`, see `Errors`."""
    network = minimax.network(config)

    def score(keys: Array, model: PyTree, batch: Batch) -> Array:
        del keys
        output = forward(network, model, batch.values)
        error = jnp.square(output.reconstruction - batch.values)
        low = jnp.exp(-output.series.mean((1, 2)))
        return jnp.concatenate([error, low[..., None]], axis=-1)

    return anomaly_transformer.build(config)._replace(score=score)


def evidence(
    dataset: str,
    series: Sequence[Series],
    parts: Sequence[Part],
    errors: Mapping[str, Errors],
) -> list[Evidence]:
    """Gathers what recipes are made of, one record per entity.

    Args:
        dataset: Of the data set, which tells measured columns from commands.
        series: The entities, with labels.
        parts: Their training parts.
        errors: By name, the networks' errors.
    """
    found = []
    for index, (one, part) in enumerate(zip(series, parts, strict=True)):
        test = np.square(tested(one, part).values)
        held = {INPUT: np.square(part.calibration.values).mean(axis=0)}
        squared = {INPUT: test}
        low = {}
        for name, own in errors.items():
            held[name] = own[f"held_{index}"]
            squared[name] = own[f"test_{index}"][:, :-1]
            low[name] = own[f"test_{index}"][:, -1]
        varies = part.fit.values.std(axis=0) > CONSTANT
        commands = np.zeros(len(varies), bool)
        if dataset in COMMANDED:
            commands[1:] = True
        label = np.asarray(one.labels)
        found.append(Evidence(one.name, label, varies, commands, held, squared, low))
    return found


def tested(series: Series, part: Part) -> Split:
    """The scaled test part of an entity."""
    return part.scaler.apply(
        types.cut_test(np.asarray(series.test), entity=part.entity)
    )


def kept(
    cache: Cache,
    network: Network,
    series: Sequence[Series],
    setup: Setup,
    parts: Sequence[Part],
    size: Size,
    seed: int,
) -> Errors:
    """Errors from the cache, or trained and kept there."""
    about = {
        "network": network._asdict(),
        "size": size._asdict(),
        "seed": seed,
        "data": facts.data_checksums(series),
        "stride": setup.stride,
        "training": [SIZES, PLAN, CLIP],
    }

    name = f"{network.name}_{seed}"
    folder = cache.place(f"{name}_checkpoints", about)
    make = functools.partial(errors, network, series, setup, parts, size, seed, folder)
    return cache.arrays(name, about, make)
