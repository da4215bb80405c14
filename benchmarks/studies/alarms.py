"""Do false alarms come as often as a budget says? On normal parts of public data.

Every channel of SMAP and MSL and every machine of SMD at hand is fitted alone, with
defaults; thresholds and event rules see calibration scores only. An event is false
where it comes no nearer than a window to a labeled step, and only steps as far away
count as normal. The same on stationary scores, whose rates can be known.

    python -m benchmarks.studies.alarms --data-root DIR --detectors zscore pca
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.studies import study
from benchmarks.studies.report import Report, Section, Table
from benchmarks.studies.study import Session, Study
from jaxtsad import TimeSeriesDetector, types
from jaxtsad.datasets import catalog
from jaxtsad.evaluation import thresholds
from jaxtsad.evaluation.alarms import rules, tail
from jaxtsad.evaluation.segments import flags_of, segments
from jaxtsad.evaluation.thresholds import budget as budgets
from jaxtsad.experiments import facts
from jaxtsad.types import Series

BUDGETS = (0.5, 1.0, 5.0)
WINDOW = 40
BLOCK, BLOCKS, SHORTEST_BLOCK = 1000, 8, 100
"""Most steps of a block, blocks of an entity at least, and steps of one at least."""
CODE = "benchmarks.studies.alarms"
METHODS: dict[str, tuple[str, dict[str, float]]] = {
    f"budget of {budget:g}": ("budget", {"alarms_per_1000": budget})
    for budget in BUDGETS
} | {
    "quantile .99": ("quantile", {}),
    "POT, risk .001": ("pot", {}),
    "three sigma": ("gaussian", {}),
}


class Scored(NamedTuple):
    """Scores of one entity.

    Attributes:
        name: Its name.
        group: `nasa` or `smd`.
        calibration: `[n]` scores that thresholds may see.
        test: `[T]` scores of the test part.
        labels: `[T]`, 1 where anomalous.
    """

    name: str
    group: str
    calibration: np.ndarray
    test: np.ndarray
    labels: np.ndarray


def recordings(session: Session, sets: Sequence[str]) -> list[tuple[str, Series]]:
    """Labeled recordings with the group they belong to."""
    if session.bundled:
        return [("nasa", one) for one in catalog.load("demo")]
    return [
        ("smd" if name == "smd" else "nasa", one)
        for name in sets
        for one in catalog.load(name, session.root)
        if one.labels is not None
    ]


def scored(session: Session, detector: str, sets: Sequence[str]) -> list[Scored]:
    """Scores of every entity by a detector with its defaults."""
    cache = session.cache(CODE, detector)
    made = []
    for group, one in recordings(session, sets):

        def fit(one: Series = one) -> dict[str, np.ndarray]:
            session.say(f"{detector} on {one.name}")
            fitted = TimeSeriesDetector(detector, window=WINDOW).fit(one.train)
            calibration = fitted.fitted_.calibration[0].values
            return {
                "calibration": calibration,
                "test": fitted.decision_function(one.test),
            }

        data = facts.data_checksums([one])
        about = {"detector": detector, "window": WINDOW, "data": data}
        arrays = cache.arrays(one.name, about, fit)
        assert one.labels is not None
        made.append(
            Scored(
                one.name,
                group,
                np.asarray(arrays["calibration"], np.float64),
                np.asarray(arrays["test"], np.float64),
                one.labels,
            )
        )
    return made


def events_of(one: Scored, kind: str, options: dict[str, float]) -> np.ndarray:
    """`[E, 2]` events of the test part by a threshold and rules of calibration scores.

    Where a kind has too few scores, their largest is the threshold.
    """
    part, _ = types.cut_train(one.calibration[:, None], window=1, validation=0)
    try:
        made = thresholds.fit(kind, part.scored(one.calibration), **options)
        value = made.value
    except ValueError:
        value = float(one.calibration.max())
    known = tail.fit(one.calibration)
    found = rules.find(known.rules(value), one.test)
    return np.array([[a.start, a.stop] for a in found], np.int64).reshape(-1, 2)


class Rate(NamedTuple):
    """False events on normal steps.

    Attributes:
        false: Their number.
        normal: Normal steps.
        inside: Normal steps within events.
    """

    false: int
    normal: int
    inside: int

    @property
    def per_1000(self) -> float:
        """False events in 1000 normal steps."""
        return 1000 * self.false / max(self.normal, 1)

    @property
    def outside(self) -> float:
        """False events in 1000 normal steps at which one could open."""
        return 1000 * self.false / max(self.normal - self.inside, 1)


def together(rates: Sequence[Rate]) -> Rate:
    """Rates of entities as one: every event and step counts the same."""
    return Rate(*(sum(part) for part in zip(*rates, strict=True)))


def near_labels(one: Scored) -> np.ndarray:
    """`[T]`, True where a step is less than a window from what is labeled."""
    wide = segments(one.labels) + np.array([-WINDOW, WINDOW])
    return flags_of(np.clip(wide, 0, len(one.test)), len(one.test))


def rate(one: Scored, kind: str, options: dict[str, float]) -> Rate:
    """False events of an entity, a window and more from what is labeled."""
    near = near_labels(one)
    count = np.append(0, np.cumsum(near))
    events = events_of(one, kind, options)
    far = count[events[:, 1]] == count[events[:, 0]]
    inside = flags_of(events, len(one.test)) & ~near
    return Rate(int(far.sum()), int((~near).sum()), int(inside.sum()))


def by_blocks(one: Scored) -> Scored | None:
    """Normal steps of the test part, every other block to calibrate on.

    So calibration scores are of the same time as those that are judged. None where
    the steps are too few for eight blocks.
    """
    scores = one.test[~near_labels(one)]
    size = min(BLOCK, len(scores) // BLOCKS)
    if size < SHORTEST_BLOCK:
        return None
    even = np.arange(len(scores)) // size % 2 == 0
    rest = scores[~even]
    return Scored(one.name, one.group, scores[even], rest, np.zeros(len(rest), bool))


def table(entities: Sequence[Scored], title: str) -> Table:
    """Rates of all methods over all entities together."""
    blocks = [part for one in entities if (part := by_blocks(one)) is not None]
    lines = []
    for name, (kind, options) in METHODS.items():
        each = [rate(one, kind, options) for one in entities]
        line = [name]
        for group in ("", "nasa", "smd"):
            some = [
                r for r, one in zip(each, entities, strict=True) if group in one.group
            ]
            line.append(f"{together(some).per_1000:.2f}" if some else "")
        total = together(each)
        line += [f"{total.inside / max(total.normal, 1):.2f}", f"{total.outside:.2f}"]
        same = [rate(one, kind, options) for one in blocks]
        line.append(f"{together(same).per_1000:.2f}" if same else "")
        wanted = options.get("alarms_per_1000")
        within = [
            wanted / 3 <= r.per_1000 <= 3 * wanted for r in each if wanted is not None
        ]
        below = [r.per_1000 <= 3 * wanted for r in each if wanted is not None]
        line += [f"{np.mean(part):.2f}" if part else "" for part in (within, below)]
        lines.append(line)
    heads = [
        "threshold",
        "all",
        "NASA",
        "SMD",
        "in events",
        "outside",
        "by blocks",
        "within 3x",
        "at most 3x",
    ]
    return Table(heads, lines, len(heads) - 1, title)


def stationary(count: int, kind: str) -> list[list[str]]:
    """Rates on scores of one distribution, in 1000 steps."""

    def draw(seed: int, steps: int) -> np.ndarray:
        random = np.random.default_rng(seed)
        if kind == "independent":
            return random.exponential(size=steps)
        noise = random.normal(size=steps + 59)
        return np.convolve(noise**2, np.exp(-np.arange(60) / 10), "valid")

    lines = []
    for steps in (500, 5000, 20_000):
        line = [kind, f"{steps:,}"]
        known = [tail.fit(draw(seed, steps)) for seed in range(count)]
        for budget in BUDGETS:
            events = 0
            for seed, each in enumerate(known):
                opens = each.score_of(budgets.rate(budget))
                test = draw(1000 + seed, 50_000)
                events += len(rules.find(each.rules(opens), test))
            line.append(f"{events / (50 * count):.2f}")
        lines.append(line)
    return lines


def run(session: Session) -> Report:
    """Measures all detectors."""
    options = session.options
    sections = []
    for name in options.detectors:
        entities = scored(session, name, options.sets)
        made = table(entities, f"{len(entities)} entities")
        sections.append(Section(name, (), (made,)))
    lines = [
        line
        for kind in ("independent", "correlated")
        for line in stationary(options.draws, kind)
    ]
    heads = ["scores", "calibration steps", *(f"budget {b:g}" for b in BUDGETS)]
    lead = f"Mean of {options.draws} draws, each judged on 50,000 other steps."
    made = Table(heads, lines, 4, "False events in 1000 steps", lead)
    sections.append(Section("Stationary scores", (), (made,)))
    return Report("False alarms by budget", TEXTS, sections)


TEXTS = (
    "False events in 1000 normal steps, beside the budget. Thresholds and event rules "
    "are set on calibration scores only, the last fifth of the training part. An event "
    f"is false where it is {WINDOW} steps or more from a labeled one. `all` counts "
    "every event and step the same; `in events` is the share of normal steps within "
    "events, `outside` the rate in 1000 of the others, at which an event could open; "
    "`by blocks` sets thresholds on every other block of the normal test steps and "
    f"judges the others (blocks of {BLOCK:,} steps, or an eighth). `within 3x` is the "
    "share of entities whose rate is within a factor of three of the budget, `at most "
    "3x` of those with no more than three times as many. Priors of the tail were "
    "chosen on scores of `zscore`, on every other entity, and on stationary scores.",
)


def options(parser: argparse.ArgumentParser) -> None:
    """Which detectors and data."""
    parser.add_argument("--detectors", nargs="+", default=["pretrained_tcn"])
    parser.add_argument("--sets", nargs="+", default=["smap", "msl", "smd"])
    parser.add_argument("--draws", type=int, default=20)


QUICK = {"detectors": ["zscore"], "draws": 1}
STUDY = Study("alarms", __doc__, run, options, quick=QUICK)


if __name__ == "__main__":
    sys.exit(study.main(STUDY))
