"""Trains one model on all channels in a program per number of columns, and scores."""

from __future__ import annotations

import dataclasses
import json
import pathlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from rich.console import Console

from jaxtsad.datasets import preprocessing
from jaxtsad.experiments import console, facts, recordings, records
from jaxtsad.experiments.recordings import Group
from jaxtsad.experiments.records import Scored
from jaxtsad.experiments.telemetry_comparison import memory
from jaxtsad.experiments.telemetry_comparison.presets import Recipe
from jaxtsad.objectives import lstm_vae
from jaxtsad.ops import fold
from jaxtsad.pipeline import fitting, members, parts
from jaxtsad.pipeline.members import Fitted
from jaxtsad.training.checkpoints import Checkpoints
from jaxtsad.training.fit import Watch
from jaxtsad.types import Series, Split

Labels = Callable[[str, int, int], np.ndarray]
FILES = ("windows", "validation", "other_clip", "steps")
DONE = "model.json"


class Made(NamedTuple):
    """A row's scores and what it cost.

    Attributes:
        windows: Scores of test windows, calibrated on those of the fit windows.
        validation: The same, calibrated on validation windows; empty without them.
        other_clip: The same with test values not clipped, or clipped where they are
            not; empty without clipping.
        steps: Scores of test steps, calibrated on fit steps.
        facts: Parameters, seconds, windows per second, memory, notes.
    """

    windows: list[Scored]
    validation: list[Scored]
    other_clip: list[Scored]
    steps: list[Scored]
    facts: dict[str, Any]


def make(
    recipe: Recipe,
    series: Sequence[Series],
    labels: Labels,
    *,
    seeds: Sequence[int],
    folder: pathlib.Path,
    terminal: Console,
) -> Made:
    """Makes a row, or reads it where it was finished before.

    Args:
        recipe: How.
        series: All channels.
        labels: `(channel, length, stride) -> [N]` labels of test windows.
        seeds: One model per channel and seed; a trivial row takes the first.
        folder: Where the row is kept; training goes on from a checkpoint in it.
        terminal: Where progress is shown.

    Raises:
        ValueError: If the folder holds the row of another recipe or other data.
        Interrupted: On Ctrl-C, after saving a checkpoint.
    """
    if recipe.trivial and not recipe.setup.untrained:
        seeds = seeds[:1]
    identity = _identity(recipe, series, seeds)
    there = _read(folder, identity)
    if there is not None:
        terminal.print(f"{recipe.row}: finished before")
        return there
    maker = _Maker(recipe, labels, seeds, folder, terminal)
    watched = memory.begin()
    for group in recordings.groups(series):
        maker.add(group)
    maker.facts["peak_memory_bytes"] = memory.peak(watched)
    made = maker.made()
    for name in FILES:
        records.write_scores(folder / f"{name}.npz", getattr(made, name), {})
    records.write_json(folder / DONE, {"identity": identity, "facts": made.facts})
    return made


def _identity(
    recipe: Recipe, series: Sequence[Series], seeds: Sequence[int]
) -> dict[str, Any]:
    """All that decides a row's scores, as JSON gives it back."""
    said = {
        "row": recipe.row,
        "setup": dataclasses.asdict(recipe.setup),
        "clip_test": recipe.clip_test,
        "seeds": list(seeds),
        "data": facts.data_checksums(series),
    }
    identity: dict[str, Any] = json.loads(json.dumps(said))
    identity["setup"]["plan"].pop("checkpoint_seconds")
    return identity


def _read(folder: pathlib.Path, identity: dict[str, Any]) -> Made | None:
    """A row that was finished before, None where there is none."""
    done = folder / DONE
    if not done.exists():
        return None
    try:
        record = json.loads(done.read_text())
        before = record["identity"]
    except (OSError, json.JSONDecodeError, KeyError, TypeError) as error:
        raise ValueError(f"{str(done)!r} cannot be read: {error}") from None
    for name, value in identity.items():
        if before.get(name) != value:
            raise ValueError(
                f"{str(folder)!r} holds a row made with other {name}; name another "
                "--out"
            )
    scored = {name: records.read_scores(folder / f"{name}.npz")[0] for name in FILES}
    return Made(**scored, facts=record["facts"])


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
        self.scored: dict[str, list[Scored]] = {name: [] for name in FILES}
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
        tests, test_steps = _score(fitted, test(_clipping(fitted, clipped)))
        # What is compiled is compiled by now, so that this one tells the speed.
        again = test(_clipping(fitted, not clipped))
        began = time.perf_counter()
        other, _ = _score(fitted, again)
        self.score_s += time.perf_counter() - began
        self.scored_windows += sum(map(len, other))
        fits, fit_steps = _score(fitted, [prepared[name].fit for name in who])
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
            if fitted.setup.clip is not None:
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
        return _score(chosen, [split for split in splits if split])[0]

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
        log = records.MetricsLog(self.folder, who, group.name)
        checkpoints = Checkpoints(
            self.folder / "checkpoints" / group.name,
            _identity(self.recipe, group.series, self.seeds),
        )
        title = f"{self.recipe.row}, {len(who)} members of {group.name}"
        try:
            with (
                console.interruptible() as stop,
                console.progress(self.terminal, title) as status,
            ):
                watch = Watch(status, log.epoch, log.resumed, stop)
                fitted = fitting.fit(
                    setup,
                    given,
                    seeds=self.seeds,
                    checkpoints=checkpoints,
                    watch=watch,
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
                str(one.channels): members.parameters(one.model) for one in self.fitted
            },
            "members": sum(len(one.members) for one in self.fitted),
            "compile_s": sum(one.compile_s for one in results),
            "train_s": train_s,
            "train_windows_per_s": trained / train_s if train_s else 0.0,
            "score_s": self.score_s,
            "score_windows_per_s": self.scored_windows / self.score_s,
            "epochs": _epochs(self.folder),
            "validation": facts.validation(self.fitted),
            "notes": facts.notes(self.fitted) + _collapse(self.folder),
            "state_sha256": [facts.state_checksum(one.model) for one in self.fitted],
        }
        return Made(**self.scored, facts=self.facts)


def _clipping(fitted: Fitted, clip_test: bool) -> Fitted:
    """The same members, whose test parts are clipped or not."""
    scalers: dict[str | None, preprocessing.Scaler] = {
        name: dataclasses.replace(scaler, clip_test=clip_test)
        for name, scaler in fitted.scalers.items()
    }
    return dataclasses.replace(fitted, scalers=scalers)


def _score(
    fitted: Fitted, splits: Sequence[Split]
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Scores of the windows `[N]` and of the steps `[T]` of one part per member.

    A window's score is the mean over its steps; one more window covers the last steps,
    which counts for steps only.
    """
    setup = dataclasses.replace(fitted.setup, tail=True)
    scores, view = members.window_scores(
        dataclasses.replace(fitted, setup=setup), splits
    )
    per_window = np.asarray(scores.mean(axis=-1) if scores.ndim == 3 else scores)
    windows, steps = [], []
    for i, split in enumerate(splits):
        count = (len(split) - setup.window) // setup.stride + 1
        windows.append(per_window[i, :count])
        folded = fold.fold(
            scores[i],
            view.starts[i],
            view.weight[i],
            steps=view.values.shape[1],
            length=setup.window,
            how=setup.fold,
        )
        steps.append(np.asarray(jax.device_get(folded))[: len(split)])
    return windows, steps


def _epochs(folder: pathlib.Path) -> list[int]:
    """Epochs that each member was trained, in the order of the log."""
    count: dict[tuple[str, int], int] = {}
    for record in _log(folder):
        member = record["entity"], record["seed"]
        count[member] = max(count.get(member, 0), record["epoch"] + 1)
    return list(count.values())


def _collapse(folder: pathlib.Path) -> list[str]:
    """What the last epochs say of the codes of a variational model."""
    last: dict[tuple[str, int], dict[str, Any]] = {}
    for record in _log(folder):
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


def _log(folder: pathlib.Path) -> list[dict[str, Any]]:
    path = folder / records.METRICS
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]
