"""Members with the parts they are trained on, and views of what they see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from jaxtsad import blocks, types
from jaxtsad.pipeline.marking import draw_windows, mark_windows, meeting
from jaxtsad.pipeline.members import Member
from jaxtsad.pipeline.parts import Part, prepare
from jaxtsad.pipeline.setup import InputLayout, Setup, build, uses_labels, view

Data = Sequence[tuple[str, np.ndarray]]
"""Name and values of each entity: a series `[T, C]` or samples `[N, ...]`."""
Known = Sequence[np.ndarray | None] | None
"""Known anomalies of each, `[T]` or `[N]` with 1 for one; None for no labels."""
Breaks = Mapping[str, Sequence[int]] | None
"""By entity the steps before which time jumps; no window crosses one."""
Group = tuple[Member, tuple[Part, ...]]
"""A member and the parts it is trained on."""


def groups_of(
    setup: Setup,
    data: Data,
    seeds: Sequence[int],
    known: Known,
    breaks: Breaks,
    paired: bool,
) -> list[Group]:
    """Each member with its parts; the seed cuts samples, series are cut in time."""
    marks = known or [None] * len(data)
    if paired:
        each = zip(data, marks, seeds, strict=True)
        return [
            (
                Member(entity[0], seed),
                prepare(setup, [entity], [mark], breaks, seed=seed),
            )
            for entity, mark, seed in each
        ]
    if setup.series:
        parts = prepare(setup, data, marks, breaks)
        if setup.pooled:
            return [(Member(None, seed), parts) for seed in seeds]
        alone = [(part,) for part in parts]
        return [(Member(g[0].entity, seed), g) for g in alone for seed in seeds]
    by_seed = {seed: prepare(setup, data, marks, seed=seed) for seed in seeds}
    return [
        (Member(name, seed), (by_seed[seed][place],))
        for place, (name, _) in enumerate(data)
        for seed in seeds
    ]


def views(
    setup: Setup,
    layout: InputLayout,
    groups: Sequence[Group],
    tests: Mapping[str, types.Split],
) -> tuple[list[Any], list[Any], np.ndarray]:
    """Per member what it is fitted on and validated on, and whether it really is.

    Where some members have nothing to validate on, another's stands in.
    """
    fits: list[Any] = []
    held_out: list[Any] = []
    previous: tuple[Part, ...] = ()
    for member, group in groups:
        if group is not previous:
            whole, held = _fit_view(setup, layout, group), None
            if tests:
                splits = [tests[part.entity] for part in group]
                held = view(setup, layout, splits, stride=setup.scoring_stride)
            else:
                held = _validation_view(setup, layout, group)
            previous = group
        fit_on = whole
        if setup.series and setup.split == "windows":
            fit_on, held = draw_windows(whole, setup.validation, member.seed)
        fits.append(fit_on)
        held_out.append(held)
    real = [each for each in held_out if each is not None]
    checks = [real[0] if each is None else each for each in held_out] if real else []
    return fits, checks, np.array([each is not None for each in held_out])


def _fit_view(setup: Setup, layout: InputLayout, group: Sequence[Part]) -> Any:
    if not setup.series:
        [part] = group
        return view(setup, layout, [part.fit], known=part.known)
    latest = latest_steps(setup, layout)
    if latest and isinstance(group[0].fit.values, blocks.DiskArray):
        group = [_latest(part, latest) for part in group]
    windows = view(setup, layout, [part.fit for part in group])
    if not any(part.known.any() for part in group):
        return windows
    learns = uses_labels(setup.detector)
    return mark_windows(windows, [part.known for part in group], learns)


def latest_steps(setup: Setup, layout: InputLayout) -> int:
    """How many of the last steps a detector is fitted on; 0 for all."""
    latest = build(setup, layout).latest
    return latest and max(1, latest // layout.channels)


def _latest(part: Part, steps: int) -> Part:
    """A part whose last steps are in memory, the others gone."""
    first = max(0, len(part.fit) - steps)
    breaks = [b - first for b in part.fit.breaks if b > first]
    fit = part.fit.map(lambda values: np.asarray(values[first:]), breaks)
    return part._replace(fit=fit, known=part.known[first:])


def _validation_view(
    setup: Setup, layout: InputLayout, group: Sequence[Part]
) -> Any | None:
    """What early stopping sees: nothing that is known to be anomalous."""
    held = [part for part in group if part.validation is not None]
    splits = [part.validation for part in held if part.validation is not None]
    if not splits:
        return None
    windows = view(setup, layout, splits, stride=setup.scoring_stride)
    known = [part.known_validation for part in held]
    if not any(each.any() for each in known):
        return windows
    if meeting(windows, known).all():
        return None
    return mark_windows(windows, known, learns=False)


def tests(
    parts: Sequence[Part], series: Sequence[np.ndarray] | None
) -> dict[str, types.Split]:
    """Scaled test parts by entity, for a protocol that validates on them."""
    return {
        part.entity: part.scaler.apply(types.cut_test(values, entity=part.entity))
        for part, values in zip(parts, series or (), strict=series is not None)
    }
