"""What the log of a row's training says."""

from __future__ import annotations

import pathlib
from typing import Any

from jaxtsad.detectors.lstm_vae import losses as lstm_vae
from jaxtsad.reporting import training_log


def epochs(folder: pathlib.Path) -> list[int]:
    """Epochs that each member was trained, in the order of the log."""
    count: dict[tuple[str, int], int] = {}
    for record in training_log.records(folder):
        member = record["entity"], record["seed"]
        count[member] = max(count.get(member, 0), record["epoch"] + 1)
    return list(count.values())


def collapse(folder: pathlib.Path) -> list[str]:
    """What the last epochs say of the codes of a variational model."""
    last: dict[tuple[str, int], dict[str, Any]] = {}
    for record in training_log.records(folder):
        if "validation_active_latents" in record:
            last[record["entity"], record["seed"]] = record
    lost = [
        one
        for one in last.values()
        if lstm_vae.collapsed(
            {
                "active_latents": one["validation_active_latents"],
                "kl_per_latent": one["validation_kl_per_latent"],
            }
        )
    ]
    if not lost:
        return []
    return [
        f"posterior collapse: in {len(lost)} of {len(last)} members no latent varies "
        "between windows; their score is the distance from one and the same window"
    ]
