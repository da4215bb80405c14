"""One model in common, averaged from what members train on their own data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jaxtsad import types
from jaxtsad.pipeline.members import Member, keys_of
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training import federated, fleet
from jaxtsad.training import fit as training
from jaxtsad.training.checkpoints import Saved
from jaxtsad.training.plan import Plan
from jaxtsad.training.shards import AnyCheckpoints, Shards

Train = Callable[..., training.Result]


def trainer(setup: Setup, alone: Train) -> Train:
    """How members are trained: by `alone`, or where federated in common."""
    if setup.pooling != "federated" or setup.untrained:
        return alone

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
        models: types.PyTree = None,
    ) -> training.Result:
        del longest, models
        federated.check(
            setup.detector, detector, detector.steps(fits[0]), setup.federated
        )
        saved: Saved | None
        if isinstance(checkpoints, Shards):
            saved = checkpoints.of_federation()
        else:
            saved = checkpoints
        seeds = [member.seed for member in members]
        return federated.fit(
            keys_of(members),
            detector,
            fleet.stack(fits),
            federations=[sorted(set(seeds)).index(seed) for seed in seeds],
            federated=setup.federated,
            validations=fleet.stack(checks) if checks else None,
            validated=validated,
            plan=plan,
            checkpoints=saved,
            callbacks=callbacks,
        )

    return train
