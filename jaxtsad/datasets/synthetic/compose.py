"""Builds a taxonomy recording: waves, parts, plans and events put together."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from jaxtsad.datasets.synthetic import (
    generated,
    injection,
    placement,
    streams,
    taxonomy_options,
    waveforms,
)


def compose(
    options: taxonomy_options.Options, seed: int, series: int, name: str
) -> generated.Generated:
    """Generates one recording.

    Args:
        options: Checked options.
        seed: Seed of the data.
        series: Number of the series under that seed.
        name: Name of the recording.
    """
    waves = [
        waveforms.draw_wave(options, seed, series, dim) for dim in range(options.dims)
    ]
    seen = np.arange(options.T_train)
    ranges = []
    for dim, wave in enumerate(waves):
        values = wave.draw(seen, wave.phases(seen))
        share, mixed = _mixture(options, waves, dim, seen)
        clean = share * values + mixed
        ranges.append(injection.Range(float(clean.min()), float(clean.max())))
    first = 0
    parts: list[generated.Part] = []
    facts: dict[str, Any] = {}
    for section, length in zip(
        streams.Section, (options.T_train, options.T_val, options.T_test), strict=True
    ):
        steps = np.arange(first, first + length)
        part, drawn = _part(options, waves, ranges, steps, (seed, series, section))
        parts.append(part)
        facts[section.name.lower()] = drawn
        first += length
    metadata: dict[str, Any] = {
        "generator": "make_neurips_ts",
        "seed": seed,
        "series": series,
        "options": dataclasses.asdict(options),
        "waves": [
            {
                "shape": wave.shape,
                "period": wave.period,
                "coef": wave.coef,
                "offset": wave.offset,
                "noise": wave.noise,
                "low": bounds.low,
                "high": bounds.high,
            }
            for wave, bounds in zip(waves, ranges, strict=True)
        ],
        **facts,
    }
    channels = tuple(f"dim{dim}" for dim in range(options.dims))
    train, validation, test = parts
    return generated.Generated(name, train, validation, test, channels, metadata)


def _mixture(
    options: taxonomy_options.Options,
    waves: list[waveforms.Wave],
    dim: int,
    steps: np.ndarray,
) -> tuple[float, np.ndarray]:
    """Share of a dimension's own wave, and what is added to it at `steps`."""
    wave, leader = waves[dim], waves[0]
    if dim == 0 or options.coupling == 0:
        return 1.0, np.full(len(steps), wave.offset)
    lead = leader.draw(steps, leader.phases(steps)) / leader.coef
    return 1 - options.coupling, wave.offset + options.coupling * wave.coef * lead


def _part(
    options: taxonomy_options.Options,
    waves: list[waveforms.Wave],
    ranges: list[injection.Range],
    steps: np.ndarray,
    source: tuple[int, int, streams.Section],
) -> tuple[generated.Part, dict[str, Any]]:
    seed, series, section = source
    length = len(steps)
    trend = options.trend_per_1000 / 1000 * steps
    dimensions = []
    for dim, wave in enumerate(waves):
        share, mixed = _mixture(options, waves, dim, steps)
        rng = streams.stream(seed, streams.Use.NOISE, series, dim, section)
        noise = wave.noise * rng.standard_normal(length)
        dimensions.append(
            injection.Dimension(wave, share, ranges[dim], mixed, trend, noise)
        )
    bases = np.stack([each.clean(steps) for each in dimensions], axis=1)
    clean = bases + np.stack([trend + each.noise for each in dimensions], axis=1)
    jump = taxonomy_options.STRENGTHS[options.difficulty].jump
    possible = np.stack(
        [
            injection.admissible(bases[:, dim], ranges[dim], jump)
            for dim in range(options.dims)
        ],
        axis=1,
    )
    plan = _plan(options, waves[0].period, length, possible, source)
    numbers = injection.choices(seed, series, section, options.dims, len(plan.slots))
    joined = injection.affected(plan, numbers[:, :, 0], possible, options)
    values = [
        injection.inject(
            dimensions[dim],
            steps,
            [
                (slot, numbers[row, dim])
                for row, slot in enumerate(plan.slots)
                if joined[row, dim]
            ],
            options,
        )
        for dim in range(options.dims)
    ]
    events = [
        generated.Event(
            slot.start, slot.stop, slot.kind, tuple(np.flatnonzero(row).tolist())
        )
        for slot, row in zip(plan.slots, joined, strict=True)
    ]
    part = generated.part_of(np.stack(values, axis=1), clean, events)
    facts = {
        "gap": plan.gap,
        "point_gap": plan.point_gap,
        "return_steps": max((slot.ramp for slot in plan.slots), default=0),
        "ratio": float(part.labels.mean()) if length else 0.0,
    }
    return part, facts


def _plan(
    options: taxonomy_options.Options,
    period: int,
    steps: int,
    possible: np.ndarray,
    source: tuple[int, int, streams.Section],
) -> placement.Plan:
    seed, series, section = source
    rng = streams.stream(seed, streams.Use.SLOTS, series, section=section)
    gap = max(2 * period, 50)
    if section is not streams.Section.TEST:
        slots = placement.contamination(rng, options, steps, period)
    elif options.kinds and (options.ratio > 0 or options.count):
        slots = placement.lengths(rng, options, steps, period)
    else:
        slots = []
    lead = options.kinds.index("contextual") if options.own_dimension else 0
    return placement.place(rng, slots, steps, gap, possible[:, lead])
