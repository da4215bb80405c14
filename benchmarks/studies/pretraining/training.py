"""Training of one gate: crops of columns, cross-entropy and a running average.

Every step draws from the seed and its own number, so a training that goes on from a
checkpoint is the one that was not stopped.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import pathlib
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.studies.pretraining.material import Material
from jaxtsad import files
from jaxtsad.detectors.pretrained_tcn import features, tuning
from jaxtsad.detectors.pretrained_tcn.network import Gate
from jaxtsad.training import optimizers
from jaxtsad.types import Array, PyTree


@dataclasses.dataclass(frozen=True)
class Plan:
    """How a gate is trained.

    Attributes:
        steps: Optimizer steps.
        crops: Crops B of a step, each of another column.
        length: Steps L of a crop.
        learning_rate: Largest step size; it rises for `warm_up` steps and falls to 0
            along a cosine.
        warm_up: Steps.
        clip_gradients: Largest global norm of the gradient.
        positive: Weight of the steps within a fault.
        average: Decay of the running average of the parameters, which is what is kept.
        checkpoint: Steps between checkpoints.
    """

    steps: int = 1500
    crops: int = 16
    length: int = 1024
    learning_rate: float = 2e-3
    warm_up: int = 100
    clip_gradients: float = 1.0
    positive: float = 2.0
    average: float = 0.998
    checkpoint: int = 100


class Progress(NamedTuple):
    """A training after some steps.

    Attributes:
        step: Steps done.
        params: Parameters.
        opt_state: State of the optimizer.
        average: Running average of the parameters.
    """

    step: int
    params: PyTree
    opt_state: PyTree
    average: PyTree


def train(
    material: Material,
    plan: Plan,
    seed: int,
    checkpoint: pathlib.Path | None = None,
    *,
    key: str = "",
    say: Callable[[str], None] = lambda text: None,
) -> PyTree:
    """Trains a gate.

    Args:
        material: Columns.
        plan: How.
        seed: Of the first parameters and of the crops.
        checkpoint: File from which it goes on, if that was written with the same key.
        key: What the training is made of, beside its plan and seed.
        say: Told the loss at every checkpoint.

    Returns:
        Parameters, averaged over the last steps.
    """
    key = json.dumps([key, dataclasses.asdict(plan), seed])
    shape = (1, plan.length, features.COUNT)
    params = Gate().init(jax.random.key(seed), jnp.zeros(shape))["params"]
    progress = Progress(0, params, _optimizer(plan).init(params), params)
    progress = _resumed(checkpoint, key, progress)
    losses: list[Array] = []
    for step in range(int(progress.step), plan.steps):
        seen, labels = crops(material, plan, seed, step)
        progress, loss = advance(progress, _scale(plan, step), seen, labels, plan=plan)
        losses.append(loss)
        if (step + 1) % plan.checkpoint == 0 or step + 1 == plan.steps:
            say(f"seed {seed}, step {step + 1}: loss {np.mean(losses):.4f}")
            losses = []
            if checkpoint:
                _keep(checkpoint, key, progress)
    return jax.device_get(progress.average)


@functools.partial(jax.jit, static_argnames="plan")
def advance(
    progress: Progress, scale: Array, seen: Array, labels: Array, *, plan: Plan
) -> tuple[Progress, Array]:
    """One update by crops `[B, L, F]` and their labels `[B, L]`, and its loss.

    Args:
        progress: The training before.
        scale: What the step size is multiplied by.
        seen: Features.
        labels: True within a fault.
        plan: How.
    """

    def objective(params: PyTree) -> Array:
        logits: Array = Gate().apply({"params": params}, seen)  # type: ignore[assignment]
        return tuning.cross_entropy(logits, labels, plan.positive)

    step, params, opt_state, average = progress
    loss, gradient = jax.value_and_grad(objective)(params)
    params, opt_state = optimizers.apply(
        _optimizer(plan), gradient, opt_state, params, scale
    )
    average = jax.tree.map(
        lambda old, new: plan.average * old + (1 - plan.average) * new, average, params
    )
    return Progress(step + 1, params, opt_state, average), loss


def crops(
    material: Material, plan: Plan, seed: int, step: int
) -> tuple[np.ndarray, np.ndarray]:
    """Features `[B, L, F]` and labels `[B, L]` of a step; most lie after the training
    part of their column.
    """
    rng = np.random.default_rng([seed, step])
    columns, steps = material.labels.shape
    chosen = rng.integers(columns, size=plan.crops)
    last = steps - plan.length
    first = np.minimum(material.train_steps[chosen] // 2, last)
    starts = rng.integers(first, last + 1)
    within = starts[:, None] + np.arange(plan.length)
    seen = material.features[chosen[:, None], within].astype(np.float32)
    return seen, material.labels[chosen[:, None], within]


def _optimizer(plan: Plan) -> optimizers.Transform:
    return optimizers.adam(plan.learning_rate, clip_gradients=plan.clip_gradients)


def _scale(plan: Plan, step: int) -> np.float32:
    """What the step size is multiplied by."""
    if step < plan.warm_up:
        return np.float32(step / plan.warm_up)
    done = (step - plan.warm_up) / max(plan.steps - plan.warm_up, 1)
    return np.float32(0.5 * (1 + np.cos(np.pi * done)))


def _keep(path: pathlib.Path, key: str, progress: Progress) -> None:
    leaves = jax.tree.leaves(jax.device_get(progress))
    arrays = {f"leaf_{number}": np.asarray(leaf) for number, leaf in enumerate(leaves)}
    files.write_arrays(path, {"key": np.array(key), **arrays})


def _resumed(path: pathlib.Path | None, key: str, start: Progress) -> Progress:
    """What a checkpoint of the same training holds, else the start."""
    if path is None or not path.exists():
        return start
    with np.load(path, allow_pickle=False) as file:
        arrays: dict[str, Any] = {name: file[name] for name in file.files}
    if str(arrays.pop("key")) != key:
        return start
    leaves = [arrays[f"leaf_{number}"] for number in range(len(arrays))]
    restored: Progress = jax.tree.unflatten(jax.tree.structure(start), leaves)
    return restored._replace(step=int(restored.step))
