"""Scores of steps as they come: one compiled program, a small state, no look-ahead."""

from __future__ import annotations

from jaxtsad.streaming.adaptive import AdaptiveThreshold
from jaxtsad.streaming.drift import Drift, DriftMonitor
from jaxtsad.streaming.stream import Stream, Update
from jaxtsad.streaming.watching import LiveAlarm

__all__ = [
    "AdaptiveThreshold",
    "Drift",
    "DriftMonitor",
    "LiveAlarm",
    "Stream",
    "Update",
]
