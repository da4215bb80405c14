"""Whom training reports to: progress, finished epochs, and whether to stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtsad.types import PyTree


class Interrupted(Exception):
    """Training was asked to stop; its state is in the last checkpoint."""


class Status(NamedTuple):
    """What a progress bar shows."""

    epoch: int
    step: int
    steps: int
    epochs: int
    active: int
    members: int


class Callbacks(NamedTuple):
    """Whom training reports to.

    Attributes:
        status: Called after every stretch.
        epoch: Called once per finished epoch with its records, one per member.
        resumed: Called with the number of finished epochs before the first stretch.
        stop: Asked between stretches; True saves a checkpoint and interrupts.
        model: Called once per finished epoch with its number, from 0, and the members'
            models as they are then, stacked; to be read before it returns.
    """

    status: Callable[[Status], None] = lambda status: None
    epoch: Callable[[list[dict[str, Any]]], None] = lambda records: None
    resumed: Callable[[int], None] = lambda epochs: None
    stop: Callable[[], bool] = lambda: False
    model: Callable[[int, PyTree], None] = lambda epoch, model: None
