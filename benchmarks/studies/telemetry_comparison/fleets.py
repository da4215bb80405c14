"""Trains one model on all channels in a program per number of columns, and scores."""

from __future__ import annotations

import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.console import Console

from benchmarks.studies.study import Session
from benchmarks.studies.telemetry_comparison import history, kept, memory, scoring
from benchmarks.studies.telemetry_comparison.kept import Made
from benchmarks.studies.telemetry_comparison.presets import Recipe
from jaxtsad.experiments import console, facts, recordings
from jaxtsad.experiments.recordings import Group
from jaxtsad.pipeline import fitting, members, parts
from jaxtsad.pipeline.members import Fitted
from jaxtsad.reporting import training_log
from jaxtsad.reporting.run_directory import Scored
from jaxtsad.training.checkpoints import Checkpoints
from jaxtsad.training.fit import Callbacks
from jaxtsad.types import Series, Split

Labels = Callable[[str, int, int], np.ndarray]


def make(
    recipe: Recipe,
    series: Sequence[Series],
    labels: Labels,
    *,
    seeds: Sequence[int],
    session: Session,
) -> Made:
    """Makes a row, or reads it where it was finished before.

    Args:
        recipe: How.
        series: All channels.
        labels: `(channel, length, stride) -> [N]` labels of test windows.
        seeds: One model per channel and seed; a trivial row takes the first.
        session: The run, which keeps the row; training goes on from a checkpoint.

    Raises:
        Interrupted: On Ctrl-C, after saving a checkpoint.
    """
    if recipe.trivial and not recipe.setup.untrained:
        seeds = seeds[:1]
    identity = kept.identity(recipe, series, seeds)
    folder = session.cache(__name__).place(recipe.row, identity)
    there = kept.read(folder)
    if there is not None:
        session.say(f"{recipe.row}: finished before")
        return there
    maker = _Maker(recipe, labels, seeds, folder, session.terminal)
    watched = memory.begin()
    for group in recordings.groups(series):
        maker.add(group)
    maker.facts["peak_memory_bytes"] = memory.peak(watched)
    made = maker.made()
    kept.write(folder, made)
    return made


class _Maker:
    """Fits and scores group after group."""

    def __init__(
        self,
        recipe: Recipe,
        labels: Labels,
        seeds: Sequence[int],
        folder: pathlib.Path,
        terminal: Console,
    ) -> None:
        self.recipe, self.labels, self.seeds = recipe, labels, seeds
        self.folder, self.terminal = folder, terminal
        self.scored: dict[str, list[Scored]] = {name: [] for name in kept.FILES}
        self.fitted: list[Fitted] = []
        self.facts: dict[str, Any] = {}
        self.score_s = self.scored_windows = 0.0

    def add(self, group: Group) -> None:
        """Fits one group and scores its fit, validation and test parts."""
        fitted = self._fit(group)
        self.fitted.append(fitted)
        prepared = {part.entity: part for part in self._prepared(group)}
        by_name = {one.name: one for one in group.series}
        who = [str(member.entity) for member in fitted.members]

        def test(fitted: Fitted) -> list[Split]:
            return [
                members.test_part(fitted, i, name, np.asarray(by_name[name].test))
                for i, name in enumerate(who)
            ]

        clipped = self.recipe.clip_test
        tests, test_steps = scoring.score(
            fitted, test(scoring.clipping(fitted, clipped))
        )
        # What is compiled is compiled by now, so that this one tells the speed.
        again = test(scoring.clipping(fitted, not clipped))
        began = time.perf_counter()
        other, _ = scoring.score(fitted, again)
        self.score_s += time.perf_counter() - began
        self.scored_windows += sum(map(len, other))
        fits, fit_steps = scoring.score(fitted, [prepared[name].fit for name in who])
        held = [i for i, name in enumerate(who) if prepared[name].validation]
        validation = self._validation(fitted, prepared, held)
        length, stride = fitted.setup.window, fitted.setup.stride
        for i, (name, seed) in enumerate(fitted.members):
            one = by_name[str(name)]
            windows = Scored(
                one.name,
                self.recipe.row,
                seed,
                tests[i],
                self.labels(one.name, length, stride),
                fits[i],
                "fit",
            )
            self.scored["windows"].append(windows)
            if i in held:
                calibration = validation[held.index(i)]
                self.scored["validation"].append(
                    windows._replace(calibration=calibration, role="validation")
                )
            if fitted.setup.clip_values is not None:
                self.scored["other_clip"].append(windows._replace(score=other[i]))
            self.scored["steps"].append(
                windows._replace(
                    score=test_steps[i], label=one.labels, calibration=fit_steps[i]
                )
            )

    def _validation(
        self, fitted: Fitted, prepared: dict[str, parts.Part], held: list[int]
    ) -> list[np.ndarray]:
        if not held:
            return []
        chosen = members.subset(fitted, held)
        splits = [prepared[str(one.entity)].validation for one in chosen.members]
        return scoring.score(chosen, [split for split in splits if split])[0]

    def _prepared(self, group: Group) -> tuple[parts.Part, ...]:
        return parts.prepare(
            self.recipe.setup, [(one.name, one.train) for one in group.series]
        )

    def _fit(self, group: Group) -> Fitted:
        setup = self.recipe.setup
        given = [(one.name, one.train) for one in group.series]
        who = [(one.name, seed) for one in group.series for seed in self.seeds]
        if self.recipe.trivial:
            self.terminal.print(f"{self.recipe.row}, {group.name}")
            return fitting.fit(setup, given, seeds=self.seeds)
        log = training_log.MetricsLog(self.folder, who, group.name)
        checkpoints = Checkpoints(
            self.folder / "checkpoints" / group.name,
            kept.identity(self.recipe, group.series, self.seeds),
        )
        title = f"{self.recipe.row}, {len(who)} members of {group.name}"
        try:
            with (
                console.interruptible() as stop,
                console.progress(self.terminal, title) as status,
            ):
                callbacks = Callbacks(status, log.epoch, log.resumed, stop)
                fitted = fitting.fit(
                    setup,
                    given,
                    seeds=self.seeds,
                    checkpoints=checkpoints,
                    callbacks=callbacks,
                )
        finally:
            log.close()
            checkpoints.close()
        if fitted.result is not None:
            self.terminal.print(
                f"{title}: trained in {fitted.result.train_s:.0f} s, "
                f"{fitted.result.trained / max(fitted.result.train_s, 1e-9):,.0f} "
                "windows/s"
            )
        return fitted

    def made(self) -> Made:
        """The row."""
        results = [one.result for one in self.fitted if one.result is not None]
        train_s = sum(one.train_s for one in results)
        trained = sum(one.trained for one in results)
        self.facts |= {
            "detector": self.recipe.setup.detector,
            "trivial": self.recipe.trivial,
            "window": self.recipe.setup.window,
            "stride": self.recipe.setup.stride,
            "parameters": {
                str(one.layout.channels): members.parameters(one.model)
                for one in self.fitted
            },
            "members": sum(len(one.members) for one in self.fitted),
            "compile_s": sum(one.compile_s for one in results),
            "train_s": train_s,
            "train_windows_per_s": trained / train_s if train_s else 0.0,
            "score_s": self.score_s,
            "score_windows_per_s": self.scored_windows / self.score_s,
            "epochs": history.epochs(self.folder),
            "validation": facts.validation(self.fitted),
            "notes": facts.notes(self.fitted) + history.collapse(self.folder),
            "state_sha256": [facts.state_checksum(one.model) for one in self.fitted],
        }
        return Made(**self.scored, facts=self.facts)
