"""Members of a detector trained in one program, or in a few by their lengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from jaxtsad import types
from jaxtsad.pipeline.members import Member, keys_of
from jaxtsad.training import fit as training
from jaxtsad.training import fleet
from jaxtsad.training.checkpoints import Saved
from jaxtsad.training.plan import Plan
from jaxtsad.training.shards import AnyCheckpoints
from jaxtsad.types import PyTree


def train(
    members: Sequence[Member],
    detector: types.Detector,
    fits: Sequence[Any],
    checks: Sequence[Any],
    validated: np.ndarray,
    plan: Plan,
    checkpoints: AnyCheckpoints | None,
    callbacks: training.Callbacks | None,
    longest: int,
    models: PyTree = None,
) -> training.Result:
    """Trains members of similar length together: one padding for all would be a waste.

    With checkpoints these say which members are together. Whole series are
    padded to the length of the longest recording, so that a fit part and all of it
    share a program. Training goes on from `models` where there are any.
    """
    saved: Sequence[tuple[list[int], Saved | None]]
    if checkpoints is None:
        lengths = [each.steps for each in fits]
        saved = [(group, None) for group in fleet.similar(lengths)]
    else:
        saved = checkpoints.fleets(len(members))
    groups = [group for group, _ in saved]
    results, least = [], {}
    for group, place in saved:
        if detector.series is not None:
            length = max(fits[i].steps for i in group)
            steps = fleet.bucket(longest if len(groups) == 1 else length)
            least = dict.fromkeys(fits[0].ARRAYS, steps)
        results.append(
            training.fit(
                keys_of([members[i] for i in group]),
                detector,
                fleet.stack([fits[i] for i in group], least=least),
                validations=fleet.stack([checks[i] for i in group]) if checks else None,
                validated=validated[group],
                plan=plan,
                checkpoints=place,
                callbacks=callbacks if len(groups) == 1 else _of(group, callbacks),
                models=jax.tree.map(lambda leaf, at=group: leaf[np.array(at)], models),
            )
        )
    if len(groups) == 1:
        return results[0]

    def in_order(*leaves: np.ndarray) -> np.ndarray:
        whole = np.empty((len(members), *leaves[0].shape[1:]), leaves[0].dtype)
        for group, leaf in zip(groups, leaves, strict=True):
            whole[group] = leaf
        return whole

    model, progress = jax.tree.map(
        in_order, *[(result.model, result.progress) for result in results]
    )
    spent = zip(*[(r.compile_s, r.train_s, r.trained) for r in results], strict=True)
    return training.Result(model, progress, *map(sum, spent))


def _of(
    group: Sequence[int], callbacks: training.Callbacks | None
) -> training.Callbacks | None:
    """Callbacks to which members of a group keep their numbers."""
    if callbacks is None:
        return None

    def epoch(records: list[dict[str, Any]]) -> None:
        callbacks.epoch([{**r, "member": group[r["member"]]} for r in records])

    return callbacks._replace(epoch=epoch)
