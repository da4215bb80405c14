"""How long to train: epochs, schedules, plateaus and early stopping, per member."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal, NamedTuple, TypeAlias

import numpy as np

from jaxtsad import validation
from jaxtsad.validation import Count, NotNegative, ShareAboveZero, Size

Stop: TypeAlias = Literal["loss", "paper", "none"]
Schedule: TypeAlias = Literal["constant", "halving", "cosine", "plateau"]
Members: TypeAlias = Literal["auto", "vmap", "map"]


@validation.config
class Plan:
    """When training ends and how its updates are scaled.

    Attributes:
        epochs: At most this many epochs.
        stop: What counts as an improvement: `loss`, a lower validation loss; `paper`,
            neither of the Anomaly Transformer's two validation losses rose; `none`,
            all epochs are run and the last parameters are kept.
        patience: Epochs without improvement after which a member stops.
        restore: Whether the best parameters are kept rather than the last.
        schedule: `constant`; `halving`, 1, 1, 1/2, 1/4, ... by epoch; `cosine`, from 1
            to 0 over the epochs; `plateau`, multiplied by `factor` when the validation
            loss stops falling.
        factor: Multiplier of a plateau.
        plateau: Bad epochs that are tolerated; the next one multiplies (PyTorch's
            meaning of patience).
        tolerance: Relative improvement below which a plateau is not left.
        members: How members share a program: `vmap`, `map` or `auto`, by backend.
        checkpoint_seconds: Seconds between checkpoints within and after epochs.

    Raises:
        ValueError: If a value is out of range or a choice unknown.
    """

    epochs: Count = 10
    stop: Stop = "loss"
    patience: Size = 3
    restore: bool = True
    schedule: Schedule = "constant"
    factor: ShareAboveZero = 0.75
    plateau: Count = 5
    tolerance: NotNegative = 1e-4
    members: Members = "auto"
    checkpoint_seconds: NotNegative = 30.0

    def scale(self, epoch: int) -> float:
        """Multiplier of the updates in `epoch` (from 0), plateaus apart.

        Example:
            >>> [Plan(schedule="halving").scale(epoch) for epoch in range(4)]
            [1.0, 1.0, 0.5, 0.25]
        """
        if self.schedule == "halving":
            return 0.5 ** max(0, epoch - 1)
        if self.schedule == "cosine":
            return 0.5 * (1 + math.cos(math.pi * epoch / max(1, self.epochs)))
        return 1.0


class Progress(NamedTuple):
    """Where every member stands; all arrays are `[M]`.

    Attributes:
        active: bool, still training.
        best: Lowest validation loss so far, inf before the first.
        second: The second validation loss at that time (`stop="paper"`).
        bad: int32, epochs since the last improvement.
        best_epoch: int32, epoch of the best parameters, -1 before the first.
        plateau_best: Validation loss a plateau is measured against.
        plateau_bad: int32, bad epochs of the plateau.
        scale: float32 product of the plateau's reductions.
        diverged: int32, epoch in which a step was not finite, -1 for none.
    """

    active: np.ndarray
    best: np.ndarray
    second: np.ndarray
    bad: np.ndarray
    best_epoch: np.ndarray
    plateau_best: np.ndarray
    plateau_bad: np.ndarray
    scale: np.ndarray
    diverged: np.ndarray


def begin(members: int) -> Progress:
    """Progress of `members` members before the first epoch."""

    def full(value: float, dtype: type) -> np.ndarray:
        return np.full(members, value, dtype)

    return Progress(
        active=full(True, np.bool_),
        best=full(np.inf, np.float32),
        second=full(np.inf, np.float32),
        bad=full(0, np.int32),
        best_epoch=full(-1, np.int32),
        plateau_best=full(np.inf, np.float32),
        plateau_bad=full(0, np.int32),
        scale=full(1.0, np.float32),
        diverged=full(-1, np.int32),
    )


def after_epoch(
    plan: Plan,
    progress: Progress,
    epoch: int,
    validation: Mapping[str, np.ndarray],
    validated: np.ndarray,
) -> tuple[Progress, np.ndarray]:
    """What an epoch's validation changes.

    Args:
        plan: The plan.
        progress: Progress before.
        epoch: The epoch that ended, from 0.
        validation: Metrics `[M]` by name, "loss" among them; empty without validation.
        validated: `[M]` bool, members that have a validation part.

    Returns:
        The new progress and `[M]` bool, members whose parameters are the best so far.
        A member without validation is always at its best.

    Raises:
        ValueError: If `stop="paper"` and the detector reports no "loss1" and "loss2".
    """
    alive = progress.active
    last = epoch + 1 >= plan.epochs
    if plan.stop == "none" or not validation:
        best_epoch = np.where(alive, np.int32(epoch), progress.best_epoch)
        new = progress._replace(best_epoch=best_epoch)
        improved = alive
        loss = validation.get("loss")
    else:
        loss, second = _losses(plan, validation)
        lower = loss < progress.best
        if plan.stop == "paper":
            lower = (loss <= progress.best) & (second <= progress.second)
        improved = alive & (lower | ~validated)
        bad = np.where(improved, 0, progress.bad + alive).astype(np.int32)
        kept = plan.restore
        new = progress._replace(
            best=np.where(improved, loss, progress.best).astype(np.float32),
            second=np.where(improved, second, progress.second).astype(np.float32),
            bad=bad,
            best_epoch=np.where(
                improved if kept else alive, np.int32(epoch), progress.best_epoch
            ),
            active=alive & (bad < plan.patience),
        )
        improved = improved if kept else alive
    if plan.schedule == "plateau" and loss is not None:
        new = _plateau(plan, new, loss, alive & validated)
    return new._replace(active=new.active & (not last)), improved


def _losses(
    plan: Plan, validation: Mapping[str, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    if plan.stop != "paper":
        return validation["loss"], np.zeros_like(validation["loss"])
    if "loss1" not in validation or "loss2" not in validation:
        raise ValueError(
            "stop='paper' needs a detector with the validation losses loss1 and "
            f"loss2; this one reports {', '.join(validation)}"
        )
    return validation["loss1"], validation["loss2"]


def _plateau(
    plan: Plan, progress: Progress, loss: np.ndarray, counted: np.ndarray
) -> Progress:
    """Reduces the scale of members whose loss has stopped falling.

    The counter starts again after a reduction, as in PyTorch's ReduceLROnPlateau.
    """
    before = progress.plateau_best
    margin = plan.tolerance * np.abs(np.where(np.isfinite(before), before, 0.0))
    better = counted & (loss < before - margin)
    bad = np.where(better, 0, progress.plateau_bad + counted)
    reduce = bad > plan.plateau
    return progress._replace(
        plateau_best=np.where(better, loss, before).astype(np.float32),
        plateau_bad=np.where(reduce, 0, bad).astype(np.int32),
        scale=np.where(reduce, progress.scale * plan.factor, progress.scale).astype(
            np.float32
        ),
    )
