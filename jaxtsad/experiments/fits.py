"""Fits and scores detectors under a protocol."""

from __future__ import annotations

import dataclasses
import pathlib
import shlex
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from rich.console import Console

from jaxtsad import blocks, interactive
from jaxtsad.evaluation import protocol as protocols
from jaxtsad.evaluation.scoring import smoothing
from jaxtsad.experiments import console, toml
from jaxtsad.experiments.config import Config
from jaxtsad.experiments.recordings import Group
from jaxtsad.interactive import Pictures
from jaxtsad.pipeline import chunked, fitting, inspection, members, parts, scoring
from jaxtsad.pipeline.members import Fitted
from jaxtsad.pipeline.setup import Setup, build, layout_of
from jaxtsad.reporting import training_log
from jaxtsad.reporting.run_directory import Scored
from jaxtsad.training.checkpoints import Checkpoints
from jaxtsad.training.fit import Callbacks, Interrupted
from jaxtsad.training.hosts import Hosts
from jaxtsad.training.shards import AnyCheckpoints, Shards
from jaxtsad.types import Series

CHECKPOINTS = "checkpoints"


def _adapted(setup: Setup, protocol: protocols.Protocol) -> Setup:
    """The setup under a protocol: the paper's fits on everything and drops tails."""
    if not protocol.validates_on_test:
        return setup
    return dataclasses.replace(setup, validation=0.0, tail=protocol.tail)


def fit(
    setup: Setup,
    config: Config,
    group: Group,
    protocol: protocols.Protocol,
    *,
    seeds: Sequence[int] | None = None,
    **options: Any,
) -> Fitted:
    """Fits a detector on a group's training parts, as the protocol says."""
    peeked = None
    if protocol.validates_on_test:
        peeked = [one.test for one in group.series if one.test is not None]
    return fitting.fit(
        _adapted(setup, protocol),
        [(one.name, one.train) for one in group.series],
        seeds=seeds or config.training.seeds,
        known=group.known,
        breaks={one.name: one.metadata.get("train_breaks", ()) for one in group.series},
        transductive_validation=peeked,
        **options,
    )


class Place(NamedTuple):
    """Which of several hosts this is.

    Attributes:
        hosts: Its number, from 0, and how many there are.
        attempt: How often the run was begun or gone on with.
        folder: Where it alone writes.
        in_step: Whether all hosts do the same, on one model that they share.
    """

    hosts: Hosts
    attempt: int
    folder: pathlib.Path
    in_step: bool = False


def fit_main(
    config: Config,
    group: Group,
    folder: pathlib.Path,
    terminal: Console,
    protocol: protocols.Protocol,
    place: Place | None = None,
) -> Fitted:
    """Fits the experiment's detector with checkpoints, logs and a progress bar."""
    setup = config.setup()
    names = [one.name for one in group.series] if not setup.pooled else ["all"]
    who = [(name, seed) for name in names for seed in config.training.seeds]
    if place is not None and place.in_step:
        _check_shared(setup, group)
    identity = {"config": toml.dump(dataclasses.replace(config, name=""))}
    where = folder / CHECKPOINTS / group.name
    checkpoints: AnyCheckpoints
    if place is None:
        log = training_log.MetricsLog(folder, who, group.name)
        checkpoints = Checkpoints(where, identity)
    else:
        log = training_log.MetricsLog(place.folder, who, group.name, board=False)
        checkpoints = Shards(
            where, identity, who, place.attempt, place.hosts, place.in_step
        )
    resumed = log.resumed if place is None else Callbacks().resumed
    title = f"{config.detector.name}, {len(who)} member{'s' * (len(who) > 1)}"
    try:
        with (
            console.interruptible() as stop,
            console.progress(terminal, title) as status,
        ):
            callbacks = Callbacks(status, log.epoch, resumed, stop)
            return fit(
                setup,
                config,
                group,
                protocol,
                checkpoints=checkpoints,
                callbacks=callbacks,
            )
    except Interrupted:
        resume = f"jaxtsad run --resume {shlex.quote(str(folder))}"
        console.say(terminal, f"stopped; go on with: {resume}")
        raise
    finally:
        log.close()
        checkpoints.close()


def _check_shared(setup: Setup, group: Group) -> None:
    """Refuses a detector of whose batches hosts could share nothing."""
    detector = build(setup, layout_of(setup, group.series[0].train.shape[1:]))
    if not detector.rows:
        raise ValueError(
            f"{setup.detector} has no batches that the hosts of one pooled model could "
            'share; run it on one host, or with data.pooling="per_entity"'
        )


def scored(
    fitted: Fitted,
    row: str,
    group: Group,
    protocol: protocols.Protocol,
    *,
    explain: bool = False,
) -> list[Scored]:
    """Scores every entity's test part with each of its models.

    Args:
        fitted: The models.
        row: Name of their rows.
        group: Whose test parts.
        protocol: Whether windows overlap and tails are scored.
        explain: Adds each channel's share, where the detector explains itself.
    """
    training: list[np.ndarray] = []
    if protocol is protocols.PAPER:
        training = _overlapping_scores(fitted, group)
        apart = dataclasses.replace(
            fitted.setup, score_stride=fitted.setup.window, aggregate="mean"
        )
        fitted = dataclasses.replace(fitted, setup=apart)
    tested = [one for one in group.series if one.test is not None]
    pooled = fitted.setup.pooled
    explain = explain and fitted.setup.series and fitted.explains
    found = []
    for batch in [[one] for one in tested] if pooled else [tested]:
        names = {one.name for one in batch}
        index = [
            i
            for i, member in enumerate(fitted.members)
            if pooled or member.entity in names
        ]
        chosen = members.subset(fitted, index)
        seeds = len(index) // len(batch)
        repeated = [one for one in batch for _ in range(seeds)]
        made, explained = _outputs(chosen, repeated, explain)
        for i, values in enumerate(made):
            one, kept = repeated[i], len(values)
            if not protocol.tail:
                kept -= kept % fitted.setup.window
            shares = None
            if explained[i] is not None:
                total = np.maximum(explained[i].sum(axis=1, keepdims=True), 1e-30)
                shares = (explained[i] / total)[:kept]
            calibration = fitted.calibration[index[i]]
            found.append(
                Scored(
                    one.name,
                    row,
                    chosen.members[i].seed,
                    values[:kept],
                    None if one.labels is None else one.labels[:kept],
                    training[index[i]] if training else calibration.values,
                    str(calibration.role),
                    shares,
                )
            )
    return found


def _outputs(
    fitted: Fitted, series: Sequence[Series], explain: bool
) -> tuple[list[np.ndarray], list[Any]]:
    """Scores `[T]` of each member's test part, and its explanation where asked.

    A recording on disk is scored some steps at a time, and not explained.
    """
    none: list[Any] = [None] * len(series)
    if any(isinstance(one.test, blocks.DiskArray) for one in series):
        each: list[Any] = [one.test for one in series]
        made = [chunked.scores(fitted, i, test) for i, test in enumerate(each)]
        return made, none
    scaled = [
        members.test_part(
            fitted,
            i,
            one.name,
            np.asarray(one.test),
            one.metadata.get("test_breaks", ()),
        )
        for i, one in enumerate(series)
    ]
    found = [one.values for one in scoring.score(fitted, scaled)]
    return found, scoring.aggregated(fitted, scaled, "explain") if explain else none


def pictures(
    fitted: Fitted, group: Group, found: Sequence[Scored]
) -> dict[str, Pictures]:
    """By entity, samples of its test part to look at, and what is made of them.

    Args:
        fitted: The models, of which an entity's first is asked.
        group: Whose test parts.
        found: Their scores.
    """
    seen = {}
    for one in group.series:
        score = next((each.score for each in found if each.entity == one.name), None)
        if one.test is None or score is None:
            continue
        owners = [member.entity for member in fitted.members]
        index = 0 if fitted.setup.pooled else owners.index(one.name)
        places = interactive.chosen(one.test, score)
        part = members.test_part(fitted, index, one.name, one.test[places])
        alone = members.subset(fitted, [index])
        made = inspection.reconstructions(alone, part)
        seen[one.name] = interactive.pictures(places, part.values, made)
    return seen


def _overlapping_scores(fitted: Fitted, group: Group) -> list[np.ndarray]:
    """Per member, the scores of all steps of all training windows, overlaps and all."""
    setup = dataclasses.replace(fitted.setup, score_stride=fitted.setup.stride)
    all_windows = dataclasses.replace(fitted, setup=setup)
    prepared = {
        part.entity: part.fit
        for part in parts.prepare(setup, [(s.name, s.train) for s in group.series])
    }
    pooled = setup.pooled
    found = []
    for i, member in enumerate(fitted.members):
        entities = list(prepared) if pooled else [str(member.entity)]
        alone = members.subset(all_windows, [i])
        training = []
        for name in entities:
            scores, view = scoring.run_detector(alone, [prepared[name]])
            real = np.asarray(view.weight[0]) > 0
            training.append(np.asarray(scores[0])[real].ravel())
        found.append(np.concatenate(training))
    return found


def smoothed(scored: Sequence[Scored], config: Config) -> list[Scored]:
    """Twins of rows averaged over a window in time, to compare smoothed with smoothed.

    The squared z-score has its own (`zscore_smoothed`). Samples have no order in time,
    nor have calibration scores under the paper protocol: there are none.
    """
    if config.evaluation.protocol == "paper" or config.kind == "samples":
        return []
    width = config.window.length

    def smooth(values: np.ndarray) -> np.ndarray:
        wide = smoothing.moving_average(values, width, centered=True)
        return wide.astype(np.float32)

    return [
        one._replace(
            detector=f"{one.detector}_smoothed",
            score=smooth(one.score),
            calibration=smooth(one.calibration),
            shares=None,
        )
        for one in scored
        if one.detector not in ("zscore", "zscore_smoothed")
    ]
