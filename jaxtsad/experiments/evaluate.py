"""Judges a finished run again from its scores, without retraining."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from typing import Any

from jaxtsad import files
from jaxtsad.experiments import report, toml
from jaxtsad.experiments.config import Threshold
from jaxtsad.reporting import run_directory

KEPT = (
    "entities",
    "channels",
    "validation",
    "checksums",
    "state_sha256",
    "parameters",
    "timings",
    "notes",
    "hosts",
)
TRAINED_BY = ("versions", "device", "git", "peak_memory_bytes")
"""What is told of the process that trained, not of the one that judges again."""


def evaluate(
    folder: str | os.PathLike[str], *, threshold: str | None = None
) -> dict[str, Any]:
    """Rewrites the report of a run from `scores.npz`.

    Args:
        folder: A finished run directory.
        threshold: Another kind of threshold, with its default options.

    Returns:
        The new report.

    Raises:
        ValueError: If the directory holds no finished run, a file is corrupt, or the
            kind of threshold is unknown.
    """
    path = pathlib.Path(folder)
    with files.locked(path, run_directory.KIND):
        return _evaluate(path, threshold)


def _evaluate(path: pathlib.Path, threshold: str | None) -> dict[str, Any]:
    config = toml.load(path / run_directory.CONFIG)
    if threshold is not None:
        config = dataclasses.replace(config, threshold=Threshold(threshold))
    scored = run_directory.read_scores(path / run_directory.SCORES)
    before = run_directory.read_report(path)
    facts = {key: before[key] for key in KEPT if key in before}
    made = report.make(config, scored, facts=facts)
    made |= {key: before[key] for key in TRAINED_BY if key in before}
    report.write(path, made)
    return made
