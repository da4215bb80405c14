"""Orbax checkpoints of everything training needs to go on, written atomically."""

from __future__ import annotations

import contextlib
import functools
import gc
import hashlib
import logging
import os
import pathlib
import re
import shutil
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any, Protocol

import jax

from jaxtsad import files
from jaxtsad.training import fleet
from jaxtsad.types import PyTree

MANIFEST = "sha256.json"
"""Checksums of a checkpoint's files; one without it was cut short and is none."""


def runtime_info() -> dict[str, Any]:
    """What bit-identical resumption depends on: JAX version, backend, cores."""
    return {
        "jax": jax.__version__,
        "backend": jax.default_backend(),
        "cores": fleet.cores(),
    }


class Saved(Protocol):
    """Where a training loop saves all that it needs to go on."""

    def save(self, step: int, tree: PyTree) -> None:
        """Saves a tree as a step."""

    def restore(self, template: PyTree) -> PyTree | None:
        """The newest tree, in the shapes of a template; None where there is none."""


def check_identity(
    folder: pathlib.Path, saved: dict[str, Any], identity: dict[str, Any]
) -> None:
    """Refuses a checkpoint of something else.

    Raises:
        ValueError: Naming what differs.
    """
    for name, value in identity.items():
        if saved.get(name) != value:
            raise ValueError(
                f"the checkpoint in {str(folder)!r} is of another model: "
                f"{name} was {saved.get(name)!r} and is {value!r} now"
            )


def check_runtime(saved: dict[str, Any]) -> None:
    """Warns where a checkpoint was written by another JAX or on other devices."""
    now = runtime_info()
    if saved != now:
        warnings.warn(
            f"the checkpoint was written on {saved}, this is {now}: "
            "training goes on, but not bit for bit as it would have there",
            stacklevel=3,
        )


class Checkpoints:
    """The checkpoints of one training run in one folder, the newest two kept.

    A checkpoint is written under another name and renamed, so a process killed while
    writing leaves the previous one as it was.

    Args:
        folder: Folder of the checkpoints, made when needed.
        identity: What is trained; restoring under another identity is refused.

    Raises:
        ValueError: If the folder holds checkpoints of another identity.
    """

    def __init__(self, folder: str | os.PathLike, identity: dict[str, Any]) -> None:
        import orbax.checkpoint as ocp  # Only training needs it, and it takes a while.

        self._identity = identity
        _ignore_closed_loops()
        self.folder = pathlib.Path(folder).absolute()
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2, create=True, enable_async_checkpointing=False
        )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._handle, place = _plain_name(self.folder)
            with _quiet():
                self._manager = ocp.CheckpointManager(place, options=options)
        except (OSError, ValueError) as error:
            raise ValueError(
                f"cannot keep checkpoints in {str(folder)!r}: {_reason(error)}"
            ) from None

    def of_part(self, name: str) -> Checkpoints:
        """Checkpoints of one of several things that are trained in turn."""
        folder = self.folder.with_name(f"{self.folder.name}_{name}")
        return Checkpoints(folder, self._identity)

    def fleets(self, members: int) -> list[tuple[list[int], Checkpoints]]:
        """Members that train together, by position: all of them."""
        return [(list(range(members)), self)]

    def save(self, step: int, tree: PyTree) -> None:
        """Saves `tree` as step `step`, unless that step is there already.

        Raises:
            ValueError: If the disk refuses; the previous checkpoint stays.
        """
        if self._manager.latest_step() == step:
            return
        import orbax.checkpoint as ocp

        meta = {"identity": self._identity, "runtime": runtime_info()}
        problem = ""
        try:
            with _quiet():
                self._manager.save(
                    step,
                    args=ocp.args.Composite(
                        state=ocp.args.StandardSave(tree), meta=ocp.args.JsonSave(meta)
                    ),
                    force=True,
                )
            place = self.folder / str(step)
            manifest = files.sealed({"files": _checksums(place)})
            files.write_bytes(place / MANIFEST, manifest)
        except Exception as error:  # Of a full disk tensorstore raises a ValueError.
            problem = _reason(error)
        if problem:
            with _quiet():
                _finish_writing()
            self._remove_partial()
            raise ValueError(
                f"cannot write a checkpoint to {str(self.folder)!r}: {problem}; the "
                "previous checkpoint is untouched"
            )

    def restore(self, template: PyTree) -> PyTree | None:
        """Restores the newest checkpoint.

        Args:
            template: The tree as `jax.eval_shape` gives it.

        Returns:
            The tree, or None where there is no checkpoint yet.

        Raises:
            ValueError: If the checkpoint is of another model or cannot be read.
        """
        import orbax.checkpoint as ocp

        step = self._newest()
        if step is None:
            return None
        place = self.folder / str(step)
        try:
            manifest = files.unsealed((place / MANIFEST).read_bytes())
            if manifest["files"] != _checksums(place):
                raise ValueError("its checksums are wrong: it was changed or damaged")
            with _quiet():
                meta = self._manager.restore(
                    step, args=ocp.args.Composite(meta=ocp.args.JsonRestore())
                ).meta
        except Exception as error:
            raise ValueError(self._unreadable(step, error)) from None
        check_identity(self.folder, meta["identity"], self._identity)
        check_runtime(meta["runtime"])
        try:
            with _quiet():
                return self._manager.restore(
                    step,
                    args=ocp.args.Composite(state=ocp.args.StandardRestore(template)),
                ).state
        except Exception as error:
            raise ValueError(self._unreadable(step, error)) from None

    def _remove_partial(self) -> None:
        """Removes what was half written, until tensorstore writes no more of it."""
        still = 0
        for _ in range(60):
            partial = list(self.folder.glob("*.orbax-checkpoint-tmp*"))
            for path in partial:
                shutil.rmtree(path, ignore_errors=True)
            still = 0 if partial else still + 1
            if still == 5:
                return
            time.sleep(0.05)

    def _newest(self) -> int | None:
        """The newest step that was written to its end; later ones are removed."""
        for step in sorted(self._manager.all_steps(), reverse=True):
            if (self.folder / str(step) / MANIFEST).is_file():
                return int(step)
            self._manager.delete(step)
        return None

    def _unreadable(self, step: int, error: Exception) -> str:
        return (
            f"checkpoint {step} in {str(self.folder)!r} cannot be read "
            f"({_reason(error)}); delete it to go on from the one before"
        )

    def close(self) -> None:
        """Releases the folder."""
        self._manager.close()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None


@contextlib.contextmanager
def opened(
    folder: str | os.PathLike | None, identity: dict[str, Any]
) -> Iterator[Checkpoints | None]:
    """The checkpoints in a folder, closed at the end; None where there is no folder.

    Args:
        folder: See `Checkpoints`; None where nothing is kept.
        identity: See `Checkpoints`.

    Raises:
        ValueError: See `Checkpoints`.
    """
    if folder is None:
        yield None
        return
    with contextlib.closing(Checkpoints(folder, identity)) as kept:
        yield kept


def _plain_name(folder: pathlib.Path) -> tuple[int | None, pathlib.Path]:
    """A name of a folder without letters that Orbax takes for a pattern.

    Returns:
        The handle that the name is of, to be closed, or None for the name it has.
    """
    if not set(str(folder)) & set("[]*?\\"):
        return None, folder
    handle = os.open(folder, os.O_RDONLY)
    place = pathlib.Path(f"/proc/self/fd/{handle}")
    if place.exists():
        return handle, place
    os.close(handle)
    return None, folder


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Orbax and asyncio from writing tracebacks of what is raised anyway."""
    loggers = [logging.getLogger(name) for name in ("absl", "asyncio")]
    before = [logger.disabled for logger in loggers]
    try:
        for logger in loggers:
            logger.disabled = True
        yield
    finally:
        for logger, disabled in zip(loggers, before, strict=True):
            logger.disabled = disabled


def _finish_writing() -> None:
    """Waits for Orbax's threads, which go on where one of them has failed."""
    for thread in threading.enumerate():
        if type(thread).__module__.startswith("orbax."):
            threading.Thread.join(thread, timeout=10.0)
    gc.collect()  # When asyncio says what nobody asked its futures for.


@functools.cache
def _ignore_closed_loops() -> None:
    """Has nothing printed of what tensorstore's threads meet after another failed."""
    hook = sys.unraisablehook

    def said(what: Any) -> None:
        if str(what.exc_value) != "Event loop is closed":
            hook(what)

    sys.unraisablehook = said


def _reason(error: Exception) -> str:
    """The heart of an error, in at most one line."""
    if isinstance(error, OSError):
        return files.reason(error)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    system = re.search(r": ([^:]+) \[os_error_code", lines[0])
    return system[1] if system else lines[0][:120]


def _checksums(folder: pathlib.Path) -> dict[str, str]:
    """SHA-256 of all files below a folder but the manifest, by their paths."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path != folder / MANIFEST:
            with open(path, "rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            found[path.relative_to(folder).as_posix()] = digest
    return found
