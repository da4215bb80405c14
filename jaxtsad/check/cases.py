"""Small detectors trained on made data, which the promises are checked on."""

from __future__ import annotations

import dataclasses
import functools
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from jaxtsad import detectors, types
from jaxtsad.ops import samples, windows
from jaxtsad.training import fit as training
from jaxtsad.training import fleet, scoring
from jaxtsad.training.plan import Members, Plan
from jaxtsad.types import Detector, PyTree

STEPS, SAMPLES, EPOCHS, BATCH, ROWS = 160, 80, 12, 16, 8
SIDES = (8, 16, 28, 32)


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A detector trained on made data of one kind.

    Attributes:
        name: Name of the detector's module.
        kind: `window`, `image` or `table`.
        config: The small config.
        detector: What was built of it.
        source: View of the fit part.
        model: The trained model.
    """

    name: str
    kind: str
    config: Any
    detector: Detector
    source: Any
    model: PyTree


def kinds(detector: str | ModuleType | Callable[..., Detector]) -> tuple[str, ...]:
    """The kinds of input that a detector declares: `window`, `image`, `table`."""
    return tuple(getattr(module_of(detector), "LAYOUTS", ("window",)))


def prepare(
    detector: str | ModuleType | Callable[..., Detector],
    kind: str = "window",
    config: Any = None,
) -> Case:
    """Builds a detector for a kind of input and trains it for some epochs.

    Args:
        detector: A name, a detector's module or its `build`.
        kind: One of `kinds(detector)`.
        config: A small config for windows; None for the module's `TINY`.

    Raises:
        ValueError: If there is no small config, or none of small images fits it.
    """
    module = module_of(detector)
    config = sized(module, kind, config)
    built = module.build(config)
    source = view(config, kind, make(config, kind))
    result = train(built, [source])
    model = fleet.member(result.model, 0)
    return Case(module.__name__, kind, config, built, source, model)


def make(config: Any, kind: str, seed: int = 0, extra: int = 0) -> np.ndarray:
    """Normal data of a kind: sines `[T, C]`, bars `[N, H, W, C]` or rows `[N, D]`.

    Args:
        config: Gives the sizes.
        kind: `window`, `image` or `table`.
        seed: Of the data.
        extra: Steps or samples more than usual.
    """
    rng = np.random.default_rng(seed)
    count = (STEPS if kind == "window" else SAMPLES) + extra
    if kind == "window":
        phase = rng.uniform(0, 6, config.channels)
        values = np.sin(np.arange(count)[:, None] * 2 * np.pi / 12 + phase[None])
    elif kind == "image":
        rows = np.arange(config.window)[None, :, None, None]
        places = rng.integers(2, config.window - 3, (count, 1, 1, 1))
        bar = np.where(abs(rows - places) <= 1, 0.8, -0.8)
        values = np.tile(bar, (1, 1, config.window, config.channels))
    else:
        mixing = np.random.default_rng(0).normal(size=(2, config.channels))
        values = rng.normal(size=(count, 2)) @ mixing
    return (values + 0.05 * rng.normal(size=values.shape)).astype(np.float32)


def scores(case: Case, values: np.ndarray) -> np.ndarray:
    """Scores `[N, L]` or `[N]` of all windows of a series, or of samples."""
    test = view(case.config, case.kind, values, test=True)
    scored = scoring.run(
        jax.random.key(1)[None],
        case.detector,
        jax.tree.map(lambda leaf: leaf[None], case.model),
        fleet.stack([test], bucketed=True),
        batch_size=BATCH,
        counts=np.array([test.size]),
    )
    return np.asarray(scored)[0, : test.size]


def module_of(detector: str | ModuleType | Callable[..., Detector]) -> ModuleType:
    """The module that holds `Config`, `TINY` and `build` of a detector."""
    if isinstance(detector, str):
        return detectors.module(detector)
    if isinstance(detector, ModuleType):
        return detector
    module = sys.modules[detector.__module__]
    # `build` of a folder of files: the folder offers the rest.
    folder = sys.modules.get(module.__name__.rpartition(".")[0])
    return folder if getattr(folder, "build", None) is detector and folder else module


def sized(module: ModuleType, kind: str, config: Any) -> Any:
    """The small config with the sizes of a kind of input."""
    config = getattr(module, "TINY", None) if config is None else config
    if config is None:
        raise ValueError(f"{module.__name__} has no TINY; hand over a small config")
    if kind == "window":
        return config
    refused = ""
    for size in SIDES if kind == "image" else (1,):
        sizes = {"window": size, "channels": 1 if kind == "image" else 5}
        try:
            return dataclasses.replace(config, layout=kind, **sizes)
        except ValueError as error:
            refused = str(error)
    raise ValueError(f"{module.__name__}: no small {kind} fits its config: {refused}")


def view(config: Any, kind: str, values: np.ndarray, test: bool = False) -> Any:
    """A view of data of a kind, of role fit or test."""
    if test:
        part = types.cut_test(values)
    else:
        part, _ = types.cut_train(values, window=config.window, validation=0)
    if kind == "window":
        return windows.view(part, config.window, 1)
    return samples.view(part)


def train(
    detector: Detector,
    sources: list[Any],
    keys: Any = None,
    epochs: int = EPOCHS,
    members: Members = "auto",
) -> training.Result:
    """Trains a fleet of detectors, one key and source each."""
    return training.fit(
        jax.random.key(7)[None] if keys is None else keys,
        detector,
        fleet.stack(sources),
        plan=Plan(epochs=epochs, stop="none", members=members),
    )


def first_batch(case: Case) -> tuple[Any, Any]:
    """The first samples of the fit part and a key for each."""
    batch = case.source.take(jnp.arange(ROWS, dtype=jnp.int32))
    fold = functools.partial(jax.random.fold_in, jax.random.key(0))
    return batch, jax.vmap(fold)(batch.index)
