"""Made-up data of the size a case asks for: sines with noise, or samples of noise."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad import types
from jaxtsad.ops import samples, windows
from jaxtsad.training import fleet

PERIOD = 25


def stacked(config: Any, count: int, members: int = 1) -> Any:
    """Views of `count` windows or samples per member, stacked `[M, ...]`.

    Args:
        config: Config of a detector: with `window` and `channels` it gets recordings,
            with `size` (or `side`) and `channels` images, with `features` rows.
        count: Windows or samples N of each member.
        members: Number of members M.

    Raises:
        ValueError: If the config has none of these.
    """
    views: list[Any] = []
    for seed in range(members):
        if hasattr(config, "window") and not getattr(config, "images", False):
            values = sines(count + config.window - 1, config.channels, seed)
            part, _ = types.cut_train(values, window=config.window, validation=0)
            views.append(windows.view(part, config.window, 1))
        else:
            generator = np.random.default_rng(seed)
            noise = generator.uniform(-1, 1, (count, *_sample(config)))
            part, _ = types.cut_train(noise.astype(np.float32), window=1, validation=0)
            views.append(samples.view(part))
    return jax.device_put(fleet.stack(views))


def _sample(config: Any) -> tuple[int, ...]:
    for name in ("window",) if getattr(config, "images", False) else ("size", "side"):
        if hasattr(config, name):
            side = int(getattr(config, name))
            return side, side, int(config.channels)
    if hasattr(config, "features"):
        return (int(config.features),)
    raise ValueError(
        f"{type(config).__module__} has neither window, size, side nor features in its "
        "config: benchmarks.throughput.sources does not know what data it takes"
    )


def sines(steps: int, channels: int, seed: int) -> np.ndarray:
    """A series `[T, C]` of unit variance or so, float32."""
    generator = np.random.default_rng(seed)
    phase = generator.uniform(0, 2 * np.pi, channels)
    angle = np.arange(steps)[:, None] * (2 * np.pi / PERIOD) + phase[None]
    noise = generator.normal(size=(steps, channels))
    return (np.sin(angle) + 0.3 * noise).astype(np.float32)


def batches(views: Any, batch_size: int) -> list[list[np.ndarray]]:
    """All windows gathered beforehand: per member, batches `[B, L, C]`."""
    found = []
    for index in range(fleet.members_of(views)):
        view = fleet.member(views, index)
        taken = view.take(jnp.arange(view.size, dtype=jnp.int32)).values
        values = np.asarray(jax.block_until_ready(taken))
        cuts = range(0, view.size, batch_size)
        found.append([values[cut : cut + batch_size].copy() for cut in cuts])
    return found
