"""What going on with a fitted detector does: on changed regimes, SMAP halves, NAB.

`change`: the demo's training recording, cut in two; the second half has other gains and
levels by channel, drawn for each repetition. Fitted on the first half, updated on the
second without its last part. Old and new data are judged on held-out steps into which
faults are put.

`smap`: fitted on the first half of a channel's training part, updated on the second,
judged by the labels of its test part, beside a fit on both halves.

`nab`: replays (`streaming.replay`) of the NAB files with and without updates.
"""

from __future__ import annotations

import argparse
import copy
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.studies import report, study
from benchmarks.studies.report import Report, Section, Table
from benchmarks.studies.study import Session, Study
from jaxtsad import TimeSeriesDetector
from jaxtsad.datasets import catalog
from jaxtsad.datasets.synthetic import faulty
from jaxtsad.evaluation import uncertainty
from jaxtsad.evaluation.metrics import period, vus
from jaxtsad.experiments import facts
from jaxtsad.pipeline import comparing
from jaxtsad.streaming import replay

CODE = "benchmarks.studies.updating"
COPIES, FAULTS = 4, 3
WINDOW = 40
TEXT = (
    "VUS-PR of the score, and false flags in 1,000 normal steps, with the mean over "
    "recordings and its 95 % interval. `before` is the detector as it was fitted, "
    "`after` the same after `partial_fit` on the new data (no update is refused), "
    "`anew` one that was fitted on the new data alone; of SMAP, on both halves. The "
    "guard's column tells how many of the updates `partial_fit` would have refused."
)


def new(name: str, seed: int) -> TimeSeriesDetector:
    """A detector with its defaults, of few epochs where it trains."""
    return TimeSeriesDetector(name, window=WINDOW, epochs=3, seed=seed)


def changes(session: Session, name: str) -> list[dict[str, float]]:
    """A line per repetition: figures on old and new regimes."""
    [recording] = catalog.load("demo")[:1]
    whole = np.asarray(recording.train, np.float64)
    half = len(whole) // 2
    lines = []
    for seed in range(session.options.repetitions):

        def make(seed: int = seed) -> dict[str, np.ndarray]:
            session.say(f"{name}, change {seed}")
            rng = np.random.default_rng([seed, 7])
            spread = whole.std(axis=0) + 1e-9
            gain = rng.uniform(0.6, 1.6, whole.shape[1])
            level = rng.normal(0, 3, whole.shape[1]) * spread
            old, later = whole[:half], whole[half:] * gain + level
            held = half // 4
            detector = new(name, seed).fit(old[:-held])
            updated = copy.deepcopy(detector)
            updated.partial_fit(later[:-held], tolerance=None)
            [comparison] = comparing.compare(detector.fitted_, updated.fitted_, [0])
            anew = new(name, seed).fit(later[:-held])
            figures: dict[str, Any] = {"refused": comparison.worse(0.1)}
            for which, part in (("old", old), ("new", later)):
                for when, one in (
                    ("before", detector),
                    ("after", updated),
                    ("anew", anew),
                ):
                    judged = judge(one, part, held, np.random.default_rng([seed, 8]))
                    figures[f"{which}, {when}, vus"] = judged[0]
                    figures[f"{which}, {when}, false"] = judged[1]
            return {key: np.array(float(value)) for key, value in figures.items()}

        about = {"detector": name, "seed": seed, "window": WINDOW}
        kept = session.cache(CODE).arrays(f"change-{name}-{seed}", about, make)
        lines.append({key: float(value) for key, value in kept.items()})
    return lines


def judge(
    detector: TimeSeriesDetector,
    normal: np.ndarray,
    held: int,
    rng: np.random.Generator,
) -> tuple[float, float]:
    """VUS-PR on faults in the last steps, and false flags in 1,000 normal steps."""
    precision = []
    for _ in range(COPIES):
        made = faulty.inject(rng, normal, held, FAULTS)
        scores = detector.decision_function(made.values)
        length = min(period.dominant_period(made.values[:, 0]), held // (2 * FAULTS))
        precision.append(vus.vus(made.labels, scores, length=length).pr)
    flags = detector.predict(normal[-held:])
    return float(np.mean(precision)), 1000 * float(flags.mean())


def halves(session: Session, name: str) -> list[dict[str, float]]:
    """A line per SMAP channel: VUS-PR and false flags on its test part."""
    lines = []
    for one in catalog.load("smap", session.root)[:: session.options.every_channel]:
        train, half = np.asarray(one.train, np.float64), len(one.train) // 2
        # An update needs a validation part of its own.
        if half < 12 * WINDOW or one.labels is None:
            continue

        def make(one: Any = one, train: Any = train, half: int = half) -> Any:
            session.say(f"{name}, SMAP {one.name}")
            detector = new(name, 0).fit(train[:half])
            updated = copy.deepcopy(detector).partial_fit(train[half:], tolerance=None)
            try:
                [comparison] = comparing.compare(detector.fitted_, updated.fitted_, [0])
                refused = float(comparison.worse(0.1))
            except ValueError:
                refused = np.nan
            anew = new(name, 0).fit(train)
            figures = {"refused": refused}
            length = period.dominant_period(train[:, 0])
            for when, fitted in (
                ("before", detector),
                ("after", updated),
                ("anew", anew),
            ):
                scores = fitted.decision_function(one.test)
                found = vus.vus(one.labels, scores, length=length)
                figures[f"test, {when}, vus"] = found.pr
                flags = fitted.predict(one.test)[np.asarray(one.labels) == 0]
                figures[f"test, {when}, false"] = 1000 * flags.mean()
            return {key: np.array(float(value)) for key, value in figures.items()}

        data = facts.data_checksums([one])
        about = {"detector": name, "window": WINDOW, "data": data}
        kept = session.cache(CODE).arrays(f"smap-{name}-{one.name}", about, make)
        lines.append({key: float(value) for key, value in kept.items()})
    return lines


def table(title: str, parts: Sequence[str], each: Any) -> Table:
    """A line per detector and part of the data."""
    lines = []
    for name, found in each.items():
        refused = np.array([line["refused"] for line in found])
        counted = int(np.isfinite(refused).sum())
        for part in parts:
            cells = [name, part, f"{int(np.nansum(refused))} of {counted}"]
            for figure in ("vus", "false"):
                for when in ("before", "after", "anew"):
                    values = np.array(
                        [row[f"{part}, {when}, {figure}"] for row in found]
                    )
                    mean = uncertainty.bootstrap(values)
                    text = f"{mean.mean:.0f} [{mean.low:.0f}, {mean.high:.0f}]"
                    cells.append(report.ranged(mean) if figure == "vus" else text)
            lines.append(tuple(cells))
    heads = [
        *("detector", "data", "refused", "VUS-PR before", "after", "anew"),
        *("false flags before", "after", "anew"),
    ]
    return Table(heads, lines, 7, title)


def replays(session: Session, names: Sequence[str]) -> Table:
    """A line per NAB file and detector, without and with updates."""
    lines = []
    every = session.options.every
    for one in catalog.load("nab", session.root):
        for name in names:

            def make(one: Any = one, name: str = name) -> dict[str, np.ndarray]:
                session.say(f"{name}, NAB {one.name}")
                detector = TimeSeriesDetector(
                    name,
                    window=WINDOW,
                    threshold="budget",
                    threshold_options={"alarms_per_1000": 1.0},
                    epochs=3,
                ).fit(one.train)
                made = {}
                still = replay.replay(detector.stream(), one.test, None, one.labels)
                moved = replay.refitted(
                    detector, one.test, None, one.labels, every=every
                )
                for when, found in (("without", still), ("with", moved)):
                    assert found.nab is not None and found.events is not None
                    done = sum(not why for _, why in found.updates)
                    made[when] = np.array(
                        [
                            1000 * len(found.opened) / found.steps,
                            len(found.delays),
                            found.covered,
                            found.events,
                            found.nab.score,
                            done,
                            len(found.updates),
                        ]
                    )
                return made

            data = facts.data_checksums([one])
            about = {"detector": name, "data": data, "every": every}
            kept = session.cache(CODE).arrays(f"nab-{name}-{one.name}", about, make)
            without, moved = kept["without"].tolist(), kept["with"].tolist()
            lines.append(
                (
                    one.name,
                    name,
                    f"{without[0]:.1f}",
                    f"{moved[0]:.1f}",
                    f"{without[1]:.0f}+{without[2]:.0f} of {without[3]:.0f}",
                    f"{moved[1]:.0f}+{moved[2]:.0f} of {moved[3]:.0f}",
                    f"{without[4]:.1f}",
                    f"{moved[4]:.1f}",
                    f"{moved[5]:.0f} of {moved[6]:.0f}",
                )
            )
    heads = [
        *("file", "detector", "alarms in 1,000", "updated", "events alarmed"),
        *("updated", "NAB score", "updated", "updates"),
    ]
    return Table(heads, lines, 7, "NAB, replayed")


def run(session: Session) -> Report:
    """Makes what is not made yet, and the tables."""
    names = session.options.detectors
    change = {name: changes(session, name) for name in names}
    tables = [table("Changed regimes", ("old", "new"), change)]
    if not session.bundled:
        smap = {name: halves(session, name) for name in names}
        tables.append(table("SMAP, halves of the training part", ("test",), smap))
        tables.append(replays(session, names))
    texts = (TEXT, (__doc__ or "").partition("\n\n")[2])
    rows = [
        {"detector": name, "repetition": n, **line}
        for name, found in change.items()
        for n, line in enumerate(found)
    ]
    section = Section("", (), tables)
    title = "Going on with a fitted detector"
    return Report(title, texts, (section,), (), rows, {"change": rows})


def options(parser: argparse.ArgumentParser) -> None:
    """Adds the study's options."""
    add = parser.add_argument
    add("--detectors", nargs="+", default=["pretrained_tcn", "pca", "zscore"])
    add("--repetitions", type=int, default=12, help="changes drawn")
    add("--every-channel", type=int, default=1, metavar="N", help="every Nth of SMAP")
    add("--every", type=int, default=1000, help="steps between updates of a replay")


STUDY = Study(
    "updating",
    __doc__ or "",
    run,
    options,
    quick={"detectors": ["zscore"], "repetitions": 2},
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
