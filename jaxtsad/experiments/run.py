"""One experiment from config to run directory: load, fit, score, judge, report."""

from __future__ import annotations

import os
import pathlib
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from jaxtsad import files
from jaxtsad.evaluation import protocol as protocols
from jaxtsad.experiments import (
    baselines,
    console,
    facts,
    fits,
    recordings,
    report,
    toml,
)
from jaxtsad.experiments.config import Config
from jaxtsad.experiments.recordings import Group
from jaxtsad.pipeline import members, saving
from jaxtsad.pipeline.members import Fitted
from jaxtsad.reporting import run_directory


def run(
    config: Config,
    out: str | os.PathLike[str],
    *,
    resume: bool = False,
    terminal: Console | None = None,
) -> dict[str, Any]:
    """Runs an experiment and writes its run directory.

    Args:
        config: The experiment.
        out: Run directory; must not hold another run unless resumed.
        resume: Goes on from the last checkpoint in `out`.
        terminal: Where progress is shown; None for nowhere.

    Returns:
        The report, as `report.json` holds it.

    Raises:
        ValueError: If the config or the data is bad, or `out` holds another run, or
            one that another process is at.
        Interrupted: On Ctrl-C, after saving a checkpoint.
    """
    files.check_writable(out)
    with files.locked(out, run_directory.KIND):
        folder = pathlib.Path(out)
        _check(folder, config, resume)
        return _run(config, folder, terminal or Console(quiet=True))


def _run(config: Config, folder: pathlib.Path, terminal: Console) -> dict[str, Any]:
    protocol = protocols.PROTOCOLS[config.evaluation.protocol]
    series = recordings.load(config)
    files.write_text(folder / run_directory.CONFIG, toml.dump(config))
    groups = recordings.groups(series)
    fitted, scored, timings = [], [], _Timings()
    for group in groups:
        main = fits.fit_main(config, group, folder, terminal, protocol)
        fitted.append(main)
        began = time.perf_counter()
        scored += fits.scored(main, config.detector.name, group, protocol, explain=True)
        timings.add(main, time.perf_counter() - began, group)
        for baseline in baselines.chosen(config):
            console.say(terminal, f"beside it: {baseline.row}")
            other = fits.fit(
                baseline.setup, config, group, protocol, seeds=_seeds(config, baseline)
            )
            scored += fits.scored(other, baseline.row, group, protocol)
    scored += fits.smoothed(scored, config)
    drawn = {
        one.name: facts.plotted(one)
        for one in series
        if one.test is not None and config.kind == "series"
    }
    values = {name: array for name, (array, _) in drawn.items()}
    run_directory.write_scores(folder / run_directory.SCORES, scored, values)
    _save_models(folder, fitted, config, groups)
    said = {
        "entities": [
            facts.entity(one, drawn[one.name][1] if one.name in drawn else ())
            for one in series
            if one.test is not None
        ],
        "channels": {one.name: recordings.channel_names(one) for one in series},
        "validation": facts.validation(fitted),
        "checksums": facts.data_checksums(series),
        "state_sha256": [facts.state_checksum(main.model) for main in fitted],
        "parameters": members.parameters(fitted[0].model),
        "timings": timings.report(),
        "notes": facts.notes(series, fitted),
    }
    made = report.make(config, scored, facts=said)
    report.write(folder, made)
    return made


def _check(folder: pathlib.Path, config: Config, resume: bool) -> None:
    """Refuses a run directory that is another run's, or none to resume."""
    there = folder / run_directory.CONFIG
    if there.exists():
        if not resume:
            raise ValueError(
                f"{str(folder)!r} holds a run already; go on with --resume or name "
                "another --out"
            )
        if there.read_text("utf-8") != toml.dump(config):
            raise ValueError(f"{str(there)!r} is of another experiment than this one")
        return
    if resume:
        raise ValueError(f"{str(folder)!r} holds no run to resume")


def _seeds(config: Config, baseline: baselines.Baseline) -> Sequence[int]:
    """All seeds for an untrained network; what hardly draws at all gets the first."""
    seeds = config.training.seeds
    return seeds if baseline.setup.untrained else seeds[:1]


def _save_models(
    folder: pathlib.Path,
    fitted: Sequence[Fitted],
    config: Config,
    groups: Sequence[Group],
) -> None:
    """Saves the first seed's models for `jaxtsad score`, one folder per group."""
    seed = config.training.seeds[0]
    for main, group in zip(fitted, groups, strict=True):
        index = [i for i, member in enumerate(main.members) if member.seed == seed]
        name = "model" if len(groups) == 1 else f"model_{group.name}"
        saving.save(folder / name, members.subset(main, index), {}, group.channels)


class _Timings:
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

    def report(self) -> dict[str, float]:
        """For `report.json`; windows/s of scoring include its compilation."""
        return {
            "compile_s": self.compile_s,
            "train_s": self.train_s,
            "score_s": self.score_s,
            "train_windows_per_s": self.trained / self.train_s if self.train_s else 0.0,
            "score_windows_per_s": self.scored / self.score_s if self.score_s else 0.0,
        }
