"""From errors by column to one score per step, and the search over ways to do it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from jaxtsad.evaluation.scoring import smoothing

INPUT = "input"
FLOOR = 0.1
CAP = 25.0


class Evidence(NamedTuple):
    """What is known of one entity, in units of its fit part's deviations.

    Attributes:
        entity: Name.
        labels: `[T]` 0/1 of the test part.
        varies: `[C]` bool, columns that are not constant in the fit part.
        commands: `[C]` bool, columns that are commands and not measured.
        held: By source, mean squared deviation `[C]` on the held-out part.
        test: By source, squared deviations `[T, C]` on the test part. The source
            `INPUT` is the recording itself, which makes them z squared; the others are
            networks, which makes them errors.
        low: By network, exp(-discrepancy) `[T]` on the test part.
    """

    entity: str
    labels: np.ndarray
    varies: np.ndarray
    commands: np.ndarray
    held: Mapping[str, np.ndarray]
    test: Mapping[str, np.ndarray]
    low: Mapping[str, np.ndarray]


class Recipe(NamedTuple):
    """How squared deviations become a score.

    Attributes:
        network: Whose errors; `INPUT` for none.
        mix: What is done with z squared besides: `none`; `mean` or `max` of it and the
            error, column by column, after squashing.
        scale: Whether each column is divided by its mean on held-out data.
        floor: Added to that mean where the column varies in training.
        squash: `none`; `log`, log(1 + x); `root`, sqrt(x); `cap`, min(x, 25).
        columns: `all`, all alike; `varying`, those that vary in training; `groups`,
            measured columns, commands and columns that are constant in training, each
            group's mean counting the same; `no_commands`, the same without commands;
            `measured`, that group alone. A group of constant columns has nothing to be
            reconstructed: it takes z squared.
        discrepancy: Whether steps of low discrepancy count more.
        width: Steps that the score is averaged over, 1 for none.
        passes: How often it is averaged.
    """

    network: str
    mix: str = "none"
    scale: bool = False
    floor: float = 1.0
    squash: str = "none"
    columns: str = "all"
    discrepancy: bool = False
    width: int = 100
    passes: int = 1


def score(evidence: Evidence, recipe: Recipe) -> np.ndarray:
    """Scores every step of an entity, `[T]`.

    Example:
        >>> squared = np.array([[0.0, 4.0], [8.0, 0.0]])
        >>> known = {"test": {"net": squared}, "held": {"net": np.array([1.0, 0.3])}}
        >>> bools = {"varies": np.array([True, False]), "commands": np.zeros(2, bool)}
        >>> one = Evidence("A", np.array([0, 1]), low={}, **bools, **known)
        >>> score(one, Recipe("net", width=1)).tolist()
        [2.0, 4.0]
        >>> score(one, Recipe("net", scale=True, columns="varying", width=1)).tolist()
        [0.0, 4.0]
    """
    groups = _groups(evidence, recipe.columns)
    means = [_deviation(evidence, recipe, *group).mean(axis=1) for group in groups]
    total = np.mean(means, axis=0)
    if recipe.discrepancy and recipe.network in evidence.low:
        total = total * evidence.low[recipe.network]
    for _ in range(recipe.passes if recipe.width > 1 else 0):
        total = smoothing.moving_average(total, recipe.width, centered=True)
    return total


def _groups(evidence: Evidence, columns: str) -> list[tuple[np.ndarray, bool]]:
    """Positions of each group's columns, and whether only z squared tells of them."""
    varies, commands = evidence.varies, evidence.commands
    chosen = {
        "all": [(np.ones_like(varies), False)],
        "varying": [(varies, False)],
        "measured": [(varies & ~commands, False)],
        "no_commands": [(varies & ~commands, False), (~varies, True)],
        "groups": [
            (varies & ~commands, False),
            (varies & commands, False),
            (~varies, True),
        ],
    }[columns]
    found = [(np.flatnonzero(kept), alone) for kept, alone in chosen if kept.any()]
    return found or [(np.arange(len(varies)), False)]


def _deviation(
    evidence: Evidence, recipe: Recipe, kept: np.ndarray, alone: bool
) -> np.ndarray:
    """Scaled and squashed deviations of some columns, mixed from the sources."""
    sources = [INPUT if alone else recipe.network]
    if recipe.mix != "none" and INPUT not in sources:
        sources.append(INPUT)
    found = []
    for source in sources:
        values = evidence.test[source][:, kept].astype(np.float64)
        if recipe.scale:
            floor = np.where(evidence.varies, recipe.floor, FLOOR)
            values = values / (evidence.held[source] + floor)[None, kept]
        found.append(_squashed(values, recipe.squash))
    return np.max(found, axis=0) if recipe.mix == "max" else np.mean(found, axis=0)


def _squashed(values: np.ndarray, how: str) -> np.ndarray:
    if how == "log":
        return np.log1p(values)
    if how == "cap":
        return np.minimum(values, CAP)
    return np.sqrt(values) if how == "root" else values


class Trial(NamedTuple):
    """One recipe that was tried, what of it was changed, and its mean on tuning."""

    changed: str
    recipe: Recipe
    value: float


def search(
    start: Recipe,
    axes: Mapping[str, Sequence[object]],
    measure: Callable[[Recipe], float],
    rounds: int,
) -> list[Trial]:
    """Changes one thing at a time and keeps what raises the mean.

    Args:
        start: Where it begins.
        axes: What each part of a recipe may be, in the order they are tried.
        measure: Mean metric of a recipe on tuning channels.
        rounds: Times that all axes are gone through, at most.

    Returns:
        Every trial in order; the best is the one chosen.

    Example:
        >>> def measure(recipe):
        ...     return float(recipe.scale) - recipe.width / 100
        >>> axes = {"scale": (False, True), "width": (1, 100)}
        >>> tried = search(Recipe("net"), axes, measure, rounds=2)
        >>> best = max(tried, key=lambda one: one.value)
        >>> best.recipe.scale, best.recipe.width, len(tried)
        (True, 1, 4)
    """
    best = Trial("start", start, measure(start))
    tried = {start: best}
    for _ in range(rounds):
        before = best
        for axis, choices in axes.items():
            for choice in choices:
                change: dict[str, Any] = {axis: choice}
                recipe = best.recipe._replace(**change)
                if recipe not in tried:
                    changed = f"{axis} = {choice}"
                    tried[recipe] = Trial(changed, recipe, measure(recipe))
            best = max(tried.values(), key=lambda one: one.value)
        if best is before:
            break
    return list(tried.values())
