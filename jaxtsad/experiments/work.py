"""What a host does of an experiment: fit and score the entities that it holds."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from rich.console import Console

from jaxtsad import blocks
from jaxtsad.evaluation import protocol as protocols
from jaxtsad.experiments import baselines, console, facts, fits, recordings
from jaxtsad.experiments.config import Config
from jaxtsad.experiments.fits import Place
from jaxtsad.experiments.recordings import Group
from jaxtsad.interactive import Pictures
from jaxtsad.pipeline import members, saving
from jaxtsad.pipeline.members import Fitted
from jaxtsad.reporting.run_directory import Scored
from jaxtsad.types import Series


class Work(NamedTuple):
    """What was fitted and scored.

    Attributes:
        series: The recordings or samples.
        groups: The same in groups that share a program.
        fitted: The experiment's detector on each group.
        scored: Its scores and those of the detectors beside it.
        timings: Seconds and windows of the detector.
        pictures: Of samples, by entity, those that the report shows.
    """

    series: Sequence[Series]
    groups: Sequence[Group]
    fitted: Sequence[Fitted]
    scored: list[Scored]
    timings: Timings
    pictures: dict[str, Pictures]

    def values(self, config: Config) -> dict[str, Any]:
        """By entity the channels to draw and their names."""
        return {
            one.name: facts.plotted(one)
            for one in self.series
            if one.test is not None and config.kind == "series"
        }

    def facts(self, config: Config) -> dict[str, Any]:
        """What `report.json` says of data and models."""
        drawn = self.values(config)
        return {
            "entities": [
                facts.entity(one, drawn[one.name][1] if one.name in drawn else ())
                for one in self.series
                if one.test is not None
            ],
            "channels": {
                one.name: recordings.channel_names(one) for one in self.series
            },
            "validation": facts.validation(self.fitted),
            "checksums": facts.data_checksums(self.series),
            "state_sha256": [facts.state_checksum(main.model) for main in self.fitted],
            "parameters": members.parameters(self.fitted[0].model),
            "timings": self.timings.report(),
            "notes": facts.notes(self.series, self.fitted),
        }


def do(
    config: Config,
    series: Sequence[Series],
    folder: pathlib.Path,
    terminal: Console,
    place: Place | None = None,
) -> Work:
    """Fits and scores all groups of some entities.

    Args:
        config: The experiment.
        series: The entities.
        folder: The run directory.
        terminal: Where progress is shown.
        place: Which of several hosts this is; None for a run on one.
    """
    protocol = protocols.PROTOCOLS[config.evaluation.protocol]
    groups = recordings.groups(series)
    on_disk = recordings.is_on_disk(series)
    if on_disk and protocol.validates_on_test:
        raise ValueError(
            f"evaluation.protocol={config.evaluation.protocol!r} needs recordings in "
            f"memory; raise {blocks.VARIABLE}"
        )
    work = Work(series, groups, [], [], Timings(), {})
    fitted: list[Fitted] = []
    for group in groups:
        main = fits.fit_main(config, group, folder, terminal, protocol, place)
        fitted.append(main)
        began = time.perf_counter()
        work.scored.extend(
            fits.scored(main, config.detector.name, group, protocol, explain=True)
        )
        work.timings.add(main, time.perf_counter() - began, group)
        if config.kind == "samples":
            work.pictures.update(fits.pictures(main, group, work.scored))
        for baseline in baselines.chosen(config, on_disk):
            console.say(terminal, f"beside it: {baseline.row}")
            other = fits.fit(
                baseline.setup, config, group, protocol, seeds=_seeds(config, baseline)
            )
            work.scored.extend(fits.scored(other, baseline.row, group, protocol))
    return work._replace(fitted=fitted)


def _seeds(config: Config, baseline: baselines.Baseline) -> Sequence[int]:
    """All seeds for an untrained network; what hardly draws at all gets the first."""
    seeds = config.training.seeds
    return seeds if baseline.setup.untrained else seeds[:1]


def save_models(
    folder: pathlib.Path,
    fitted: Sequence[Fitted],
    config: Config,
    groups: Sequence[tuple[str, Sequence[str]]],
) -> None:
    """Saves the first seed's models for `jaxtsad score`, one folder per group.

    Args:
        folder: The run directory.
        fitted: The models of each group.
        config: The experiment.
        groups: Name and channels of each.
    """
    seed = config.training.seeds[0]
    for main, (group, channels) in zip(fitted, groups, strict=True):
        index = [i for i, member in enumerate(main.members) if member.seed == seed]
        name = "model" if len(groups) == 1 else f"model_{group}"
        saving.save(folder / name, members.subset(main, index), {}, channels)


class Timings:
    """Seconds and windows of the main detector over all groups."""

    def __init__(self) -> None:
        self.compile_s = self.train_s = self.score_s = 0.0
        self.trained = self.scored = 0.0

    def add(self, fitted: Fitted, score_s: float, group: Group) -> None:
        """Adds one group's fit and scoring."""
        for result in [each.result for each in fitted.single if each.result]:
            self.compile_s += result.compile_s
            self.train_s += result.train_s
            self.trained += result.trained
        self.score_s += score_s
        stride, length = fitted.setup.scoring_stride, fitted.setup.window
        seeds = len({member.seed for member in fitted.members})
        if not fitted.setup.series:
            length = stride = 1
        for one in group.series:
            if one.test is not None:
                self.scored += seeds * (max(0, len(one.test) - length) // stride + 1)

    def join(self, other: dict[str, float]) -> None:
        """Adds what another host did meanwhile."""
        for name in ("compile_s", "train_s", "score_s"):
            setattr(self, name, max(getattr(self, name), other[name]))
        self.trained += other["trained"]
        self.scored += other["scored"]

    def report(self) -> dict[str, float]:
        """For `report.json`; windows/s of scoring include its compilation."""
        return {
            "compile_s": self.compile_s,
            "train_s": self.train_s,
            "score_s": self.score_s,
            "train_windows_per_s": self.trained / self.train_s if self.train_s else 0.0,
            "score_windows_per_s": self.scored / self.score_s if self.score_s else 0.0,
        }
