"""Facts about a run: versions, device, revision, memory, checksums."""

from __future__ import annotations

import hashlib
import importlib.metadata
import pathlib
import platform
import resource
import subprocess
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import numpy as np

from jaxtsad import blocks
from jaxtsad.experiments.recordings import channel_names, is_on_disk
from jaxtsad.pipeline.members import Fitted
from jaxtsad.training import fleet
from jaxtsad.types import PyTree, Series

PLOTTED = 4
PACKAGES = ("jaxtsad", "jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy")


def versions() -> dict[str, str]:
    """Versions of Python and of the packages a result depends on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def device() -> str:
    """The device in words, such as `cpu x 1, 2 cores`."""
    devices = jax.local_devices()
    return f"{devices[0].device_kind} x {len(devices)}, {fleet.cores()} cores"


def revision() -> str | None:
    """Git revision of the checkout the package runs from, None outside one."""
    folder = pathlib.Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None


def peak_memory() -> int:
    """Largest memory so far in bytes: the device's, or the process's on a CPU."""
    stats = jax.local_devices()[0].memory_stats() or {}
    if "peak_bytes_in_use" in stats:
        return int(stats["peak_bytes_in_use"])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def checksum(arrays: Iterable[np.ndarray]) -> str:
    """SHA-256 over the bytes of arrays in order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(str((array.shape, array.dtype.str)).encode())
        for rows in blocks.blocks(array) if array.ndim else [array]:
            digest.update(np.ascontiguousarray(rows).tobytes())
    return digest.hexdigest()


def data_checksums(series: Iterable[Series]) -> dict[str, str]:
    """By entity, the checksum of what was loaded."""
    return {
        one.name: checksum(
            a for a in (one.train, one.test, one.labels) if a is not None
        )
        for one in series
    }


def state_checksum(model: PyTree) -> str:
    """SHA-256 over all parameters of all members."""
    return checksum(np.asarray(leaf) for leaf in jax.tree.leaves(model))


def plotted(series: Series) -> tuple[np.ndarray, list[str]]:
    """The channels `[T, K]` a report draws, those that vary most, and their names."""
    assert series.test is not None
    spread = _spread(series.test)
    index = np.sort(np.argsort(-spread, kind="stable")[:PLOTTED])
    names = channel_names(series)
    drawn = np.concatenate([rows[:, index] for rows in blocks.blocks(series.test)])
    return drawn, [names[i] for i in index]


def _spread(values: Any) -> np.ndarray:
    """`[C]` standard deviation of known values; of an array on disk by its blocks."""
    if not isinstance(values, blocks.DiskArray):
        spread: np.ndarray = np.nanstd(values.astype(np.float64), axis=0)
        return spread
    count = sum((~np.isnan(rows)).sum(axis=0) for rows in blocks.blocks(values))
    each = (np.nansum(rows, axis=0, dtype=float) for rows in blocks.blocks(values))
    mean = sum(each) / np.maximum(count, 1)
    squares = (np.nansum((rows - mean) ** 2, axis=0) for rows in blocks.blocks(values))
    return np.sqrt(sum(squares) / np.maximum(count, 1))


def entity(series: Series, channels: Sequence[str]) -> dict[str, Any]:
    """What a report says of one recording."""
    return {
        "name": series.name,
        "steps": 0 if series.test is None else len(series.test),
        "train_steps": len(series.train),
        "channels": list(channels),
        "events": [list(kind) for kind in series.kinds],
    }


def validation(fitted: Sequence[Fitted]) -> dict[str, str]:
    """By entity, `split` where it was validated, `none` where there was no room."""
    found: dict[str, str] = {}
    for one in fitted:
        said = ["split" if real else "none" for real in one.validation]
        if one.setup.pooled:
            found |= dict.fromkeys(one.screened, said[0])
        else:
            names = [str(member.entity) for member in one.members]
            found |= dict(zip(names, said, strict=True))
    return found


def notes(series: Sequence[Series], fitted: Sequence[Fitted]) -> list[str]:
    """What a reader should know: mended data, missing cells, members that diverged."""
    mended = [
        f"{one.name}: {note}"
        for one in series
        for note in getattr(one, "metadata", {}).get("notes", ())
    ]
    mended += [
        f"{one.name}: values were read from disk; events name no channels"
        for one in series
        if is_on_disk([one])
    ]
    of_fits = []
    if fitted and fitted[0].setup.pooling == "federated":
        of_fits.append(fitted[0].setup.federated.words)
    for one in fitted:
        of_fits += _missing(one)
        of_fits += [note for each in one.single for note in _diverged(each)]
    return mended + of_fits


def _missing(fitted: Fitted) -> list[str]:
    return [
        f"{name}: {one.missing} of {one.cells} training cells were missing and took "
        "the value before them"
        for name, one in fitted.screened.items()
        if one.missing
    ]


def _diverged(fitted: Fitted) -> list[str]:
    if fitted.result is None:
        return []
    epochs = fitted.result.progress.diverged
    return [
        f"{member.entity or 'the pooled model'}, seed {member.seed}: a step of epoch "
        f"{epoch} was not finite; training stopped at the last good state"
        for member, epoch in zip(fitted.members, epochs, strict=True)
        if epoch >= 0
    ]
