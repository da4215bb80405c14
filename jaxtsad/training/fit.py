"""The one training loop: members in, best parameters out, resumable at any moment."""

from __future__ import annotations

from typing import Any

import numpy as np

from jaxtsad.training import fleet, loop, plan, programs, sharding
from jaxtsad.training.callbacks import Callbacks, Interrupted, Status
from jaxtsad.training.checkpoints import Checkpoints
from jaxtsad.training.loop import Result
from jaxtsad.types import Detector, Key

__all__ = ["Callbacks", "Interrupted", "Result", "Status", "fit"]


def fit(
    keys: Key,
    detector: Detector,
    sources: Any,
    *,
    validations: Any = None,
    validated: np.ndarray | None = None,
    plan: plan.Plan,
    checkpoints: Checkpoints | None = None,
    callbacks: Callbacks | None = None,
) -> Result:
    """Trains all members in one program and keeps the best parameters of each.

    Args:
        keys: `[M]` typed keys, one per member. All randomness of a member comes from
            its key, so its result is that of training it alone.
        detector: What to train.
        sources: View of the fit part, stacked `[M, ...]` (see `fleet.stack`).
        validations: View of the validation part, stacked `[M, ...]`, or None.
        validated: `[M]` bool, members whose validation part is real; None for all.
        plan: Epochs, schedule and early stopping.
        checkpoints: Where to save, and to resume from when something is there.
        callbacks: Whom training reports to.

    Returns:
        The best models and how training went.

    Raises:
        Interrupted: When `callbacks.stop` says so; with `checkpoints` nothing is lost.
        ValueError: If a checkpoint cannot be written or is of another model.
    """
    callbacks = callbacks or Callbacks()
    real = fleet.members_of(sources)
    devices = sharding.devices_for(real, detector.rows)
    keys, sources = sharding.place((keys, sources), devices)
    members = fleet.members_of(sources)
    compiled = programs.compiled(detector, members, plan.members, devices)
    going = loop.Loop(
        detector, compiled, sources, plan, keys, members, callbacks, checkpoints
    )
    going.progress.active[real:] = False
    if validations is not None and detector.validate is not None:
        going.validations = sharding.place(validations, devices)
        given = np.ones(real, bool) if validated is None else validated
        going.validated[:real] = given
    return going.run(real)
