"""Made-up recordings of the size a case asks for: sines with noise."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad import types
from jaxtsad.ops import windows
from jaxtsad.training import fleet

PERIOD = 25


def recordings(config: Any, count: int, members: int = 1) -> Any:
    """Views of `count` windows per member, stacked `[M, ...]`.

    Args:
        config: Config of a detector, which has a window and channels.
        count: Windows N of each member.
        members: Number of members M.
    """
    steps = count + config.window - 1
    views = []
    for seed in range(members):
        values = sines(steps, config.channels, seed)
        part, _ = types.cut_train(values, window=config.window, validation=0)
        views.append(windows.view(part, config.window, 1))
    return fleet.stack(views)


def sines(steps: int, channels: int, seed: int) -> np.ndarray:
    """A series `[T, C]` of unit variance or so, float32."""
    generator = np.random.default_rng(seed)
    phase = generator.uniform(0, 2 * np.pi, channels)
    angle = np.arange(steps)[:, None] * (2 * np.pi / PERIOD) + phase[None]
    noise = generator.normal(size=(steps, channels))
    return (np.sin(angle) + 0.3 * noise).astype(np.float32)


def batches(stacked: Any, batch_size: int) -> list[list[np.ndarray]]:
    """All windows gathered beforehand: per member, batches `[B, L, C]`."""
    found = []
    for index in range(fleet.members_of(stacked)):
        view = fleet.member(stacked, index)
        taken = view.take(jnp.arange(view.size, dtype=jnp.int32)).values
        values = np.asarray(jax.block_until_ready(taken))
        cuts = range(0, view.size, batch_size)
        found.append([values[cut : cut + batch_size].copy() for cut in cuts])
    return found
