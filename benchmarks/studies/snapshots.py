"""Models of single epochs on disk, so that a study can score what training passed."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Collection, Sequence
from typing import NamedTuple

import jax
import numpy as np

from jaxtsad import files
from jaxtsad.pipeline.members import Fitted
from jaxtsad.types import PyTree


def check_followed(epochs: Sequence[int], last: int) -> None:
    """Refuses epochs that will not be trained, before the first is.

    Raises:
        ValueError: If one of them is below 1 or above the last.
    """
    if epochs and not 1 <= min(epochs) <= max(epochs) <= last:
        raise ValueError(f"--follow {epochs} must be between 1 and {last}")


class Snapshots(NamedTuple):
    """A folder of models as they were after an epoch.

    Attributes:
        folder: Where they are; a training that goes on finds those of before.
        wanted: How many epochs each is after; None for every epoch.
    """

    folder: pathlib.Path
    wanted: Collection[int] | None = None

    def keep(self, epoch: int, model: PyTree) -> None:
        """Writes the models of an epoch, counted from 0: `training.Callbacks.model`."""
        if self.wanted is None or epoch + 1 in self.wanted:
            leaves = map(np.asarray, jax.tree.leaves(model))
            named = {str(place): leaf for place, leaf in enumerate(leaves)}
            files.write_arrays(self._path(epoch + 1), named)

    def after(self, fitted: Fitted, epochs: int) -> Fitted:
        """The same members with the models that they had after some epochs.

        Raises:
            FileNotFoundError: If none were kept then.
        """
        count = len(fitted.members)
        with np.load(self._path(epochs), allow_pickle=False) as file:
            leaves = [file[str(place)][:count] for place in range(len(file.files))]
        model = jax.tree.unflatten(jax.tree.structure(fitted.model), leaves)
        return dataclasses.replace(fitted, model=model)

    def _path(self, epochs: int) -> pathlib.Path:
        return self.folder / f"after_{epochs}.npz"
