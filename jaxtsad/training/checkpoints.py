"""Orbax checkpoints of everything training needs to go on, written atomically."""

from __future__ import annotations

import os
import pathlib
import warnings
from typing import Any

import jax
import orbax.checkpoint as ocp

from jaxtsad.training import fleet
from jaxtsad.types import PyTree


def runtime_info() -> dict[str, Any]:
    """What bit-identical resumption depends on: JAX version, backend, cores."""
    return {
        "jax": jax.__version__,
        "backend": jax.default_backend(),
        "cores": fleet.cores(),
    }


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
        self._identity = identity
        self.folder = pathlib.Path(folder).absolute()
        options = ocp.CheckpointManagerOptions(
            max_to_keep=2, create=True, enable_async_checkpointing=False
        )
        try:
            self._manager = ocp.CheckpointManager(self.folder, options=options)
        except OSError as error:
            raise ValueError(
                f"cannot keep checkpoints in {str(folder)!r}: {error}"
            ) from None

    def save(self, step: int, tree: PyTree) -> None:
        """Saves `tree` as step `step`, unless that step is there already.

        Raises:
            ValueError: If the disk refuses; the previous checkpoint stays.
        """
        if self._manager.latest_step() == step:
            return
        meta = {"identity": self._identity, "runtime": runtime_info()}
        try:
            self._manager.save(
                step,
                args=ocp.args.Composite(
                    state=ocp.args.StandardSave(tree), meta=ocp.args.JsonSave(meta)
                ),
                force=True,
            )
        except OSError as error:
            raise ValueError(
                f"cannot write a checkpoint to {str(self.folder)!r}: {error}; the "
                "previous checkpoint is untouched"
            ) from None

    def restore(self, template: PyTree) -> PyTree | None:
        """Restores the newest checkpoint.

        Args:
            template: The tree as `jax.eval_shape` gives it.

        Returns:
            The tree, or None where there is no checkpoint yet.

        Raises:
            ValueError: If the checkpoint is of another model or cannot be read.
        """
        step = self._manager.latest_step()
        if step is None:
            return None
        try:
            meta = self._manager.restore(
                step, args=ocp.args.Composite(meta=ocp.args.JsonRestore())
            ).meta
        except Exception as error:
            raise ValueError(self._unreadable(step, error)) from None
        self._check_identity(meta["identity"])
        saved, now = meta["runtime"], runtime_info()
        if saved != now:
            warnings.warn(
                f"the checkpoint was written on {saved}, this is {now}: "
                "training goes on, but not bit for bit as it would have there",
                stacklevel=2,
            )
        try:
            return self._manager.restore(
                step,
                args=ocp.args.Composite(state=ocp.args.StandardRestore(template)),
            ).state
        except Exception as error:
            raise ValueError(self._unreadable(step, error)) from None

    def _unreadable(self, step: int, error: Exception) -> str:
        first = str(error).strip().splitlines() or [type(error).__name__]
        return (
            f"checkpoint {step} in {str(self.folder)!r} cannot be read "
            f"({first[0][:120]}); delete it to go on from the one before"
        )

    def _check_identity(self, saved: dict[str, Any]) -> None:
        for name, value in self._identity.items():
            if saved.get(name) != value:
                raise ValueError(
                    f"the checkpoint in {str(self.folder)!r} is of another model: "
                    f"{name} was {saved.get(name)!r} and is {value!r} now"
                )

    def close(self) -> None:
        """Releases the folder."""
        self._manager.close()
