"""The detectors that stand beside every result, without asking."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from jaxtsad import detectors
from jaxtsad.experiments.config import Config
from jaxtsad.pipeline.setup import Setup


class Baseline(NamedTuple):
    """A detector that is run beside another one.

    Attributes:
        row: Name of its row.
        setup: How it is fitted, on the same windows and scaling.
    """

    row: str
    setup: Setup


TRIVIAL: dict[str, tuple[str, dict[str, Any]]] = {
    "zscore": ("zscore", {}),
    "zscore_smoothed": ("zscore", {"average": True}),
    "pca": ("pca", {}),
    "knn": ("knn", {}),
    "iforest": ("iforest", {}),
    "ar": ("ar", {}),
}
BY_NAME: dict[str, tuple[str, dict[str, Any]]] = {
    "pretrained_tcn": ("pretrained_tcn", {}),
    "anomaly_transformer": (
        "anomaly_transformer",
        {"width": 64, "hidden": 64, "heads": 4, "layers": 2, "score": "reconstruction"},
    ),
}
"""Other detectors, which are run where an experiment names them."""
OF_SERIES = ("zscore_smoothed", "ar")
UNTRAINED = "untrained"
ON_DISK = ("zscore", "pca", "knn")
"""Those of a recording larger than memory: the others are fitted on all of it at once.

They are run where an experiment names none.
"""


def chosen(config: Config, on_disk: bool = False) -> list[Baseline]:
    """The baselines of an experiment: those it names, or all.

    The one that the experiment itself is about is not run twice.

    Args:
        config: The experiment.
        on_disk: Whether its recording is larger than memory.

    Raises:
        ValueError: If a name is unknown.
    """
    trivial = [
        name
        for name in (*TRIVIAL, UNTRAINED)
        if config.kind == "series" or name not in OF_SERIES
    ]
    choices = [*trivial, *BY_NAME] if config.kind == "series" else trivial
    found = []
    default = ON_DISK if on_disk else trivial
    for name in config.evaluation.baselines or default:
        if name not in choices:
            raise ValueError(
                f"evaluation.baselines={name!r} is unknown; the choices are "
                + ", ".join(choices)
            )
        if name == UNTRAINED:
            if _learns(config.detector.name):
                setup = dataclasses.replace(config.setup(), untrained=True)
                found.append(Baseline(name, setup))
        elif name != config.detector.name:
            detector, options = (TRIVIAL | BY_NAME)[name]
            found.append(Baseline(name, config.setup(detector, **options)))
    return found


def _learns(name: str) -> bool:
    """Whether a detector has a learning rate, so that untrained means something."""
    return "learning_rate" in detectors.options(name)
