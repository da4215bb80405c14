"""Do explanations name the responsible channels? Against SMD's interpretation labels.

Each machine of the Server Machine Dataset is fitted on its training part, and its test
part explained. Of each event the publishers say which metrics are responsible; a
detector's contributions are averaged over the steps of the event and ranked. Nothing is
detected here: the events are given. Figures are means over the events of a machine,
then over machines.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.studies import report
from benchmarks.studies.report import Report, Section, Table
from benchmarks.studies.study import Session, Study, main
from jaxtsad.datasets import demo, places, preprocessing, smd
from jaxtsad.evaluation import uncertainty
from jaxtsad.evaluation.metrics import attribution
from jaxtsad.experiments import facts
from jaxtsad.pipeline import fitting, members, scoring
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan
from jaxtsad.types import Series, cut_test, cut_train

MODULE = "benchmarks.studies.attribution"
METRICS: Mapping[str, Callable[[np.ndarray, Sequence[int]], float]] = {
    "HitRate@100%": attribution.hit_rate,
    "HitRate@150%": lambda values, own: attribution.hit_rate(values, own, 150),
    "NDCG": attribution.ndcg,
}
RANDOM, SIZE, LARGEST = "random", "|z|", "largest |z|"
CLOSED: dict[str, Any] = {"scaler": "zscore", "validation": 0.0}
SHORT: dict[str, Any] = {"window": 10, "stride": 5, "score_stride": 5, **CLOSED}
SETUPS: Mapping[str, Setup] = {
    "pretrained_tcn": Setup("pretrained_tcn", window=40, **CLOSED),
    "zscore": Setup("zscore", **SHORT),
    "pca": Setup("pca", **SHORT),
    "knn": Setup("knn", **SHORT),
    "ar": Setup("ar", **SHORT),
    "lstm_vae": Setup(
        "lstm_vae",
        {"hidden": 16, "latent": 8, "batch_size": 128, "learning_rate": 3e-3},
        plan=Plan(epochs=2),
        **{**SHORT, "stride": 10, "validation": 0.2},
    ),
}
"""Detectors; a name may be followed by a score head, as in `pca, gated`."""
DEFAULT = "pretrained_tcn zscore pca knn ar".split()
TEXT = (
    "{count} machines with {events} events of {channels} metrics, {mean:.1f} of them "
    "responsible on average. HitRate@P% is the share of an event's G responsible "
    "metrics among the G x P / 100 that contribute most; NDCG is of the ranking of all "
    "metrics. `random` is what a random ranking is expected to give; `|z|` ranks by "
    "the mean of the absolute z-score over the event, in units of the training part, "
    "`largest |z|` by its maximum. Intervals are 95 %, by bootstrap over machines."
)


def run(session: Session) -> Report:
    """Makes what is not there yet, and the tables.

    Raises:
        ValueError: If a detector is unknown or no event has a responsible channel.
    """
    asked = session.options
    names = [name.strip() for name in asked.detectors]
    setups = {name: setup_of(name) for name in names}
    series = recordings(session, asked.machines)
    found: dict[str, dict[str, list[float]]] = {}
    for one in series:
        rows = {RANDOM: np.zeros(one.train.shape[1])}
        contributions = {RANDOM: [rows[RANDOM]] * len(events(one))}
        contributions |= sizes(one)
        for name, setup in setups.items():
            contributions[name] = kept(session, one, name, setup)
        for name, each in contributions.items():
            for metric, function in METRICS.items():
                measured = [
                    function(values, own)
                    for values, (*_, own) in zip(each, events(one), strict=True)
                ]
                by_metric = found.setdefault(name, {key: [] for key in METRICS})
                by_metric[metric].append(float(np.mean(measured)))
    counts = [len(own) for one in series for *_, own in events(one)]
    text = TEXT.format(
        count=len(series),
        events=len(counts),
        channels=series[0].train.shape[1],
        mean=np.mean(counts),
    )
    lines = [
        {"detector": name, "machine": one.name, "metric": metric, "value": values[i]}
        for name, by_metric in found.items()
        for metric, values in by_metric.items()
        for i, one in enumerate(series)
    ]
    section = Section("", (), (means(found), differences(found)))
    title = "Explanations against interpretation labels"
    return Report(title, (text,), (section,), (), lines, {"rows": lines})


def setup_of(name: str) -> Setup:
    """How a row is fitted.

    Raises:
        ValueError: If there is no such row.
    """
    detector, _, rest = name.partition(",")
    if detector not in SETUPS:
        raise ValueError(
            f"detectors: {detector!r} is unknown; the choices are {', '.join(SETUPS)}"
        )
    head: Any = rest.strip() or "none"
    return dataclasses.replace(SETUPS[detector], head=head)


def recordings(session: Session, count: int | None) -> list[Series]:
    """Machines with explained events, or those of the package, which are telemetry."""
    if session.bundled:
        return [
            dataclasses.replace(
                one,
                metadata={"interpretation": [(a, b, (0,)) for a, b, _ in one.kinds]},
            )
            for one in demo.load()
        ]
    root = places.data_root(session.root)
    explained: list[Series] = []
    for name in smd.machines(root):
        if len(explained) != count:
            explained += [one for one in smd.load(root, [name]) if events(one)]
    if not explained:
        raise ValueError("no machine has an event with a responsible channel")
    return explained


def events(one: Series) -> list[tuple[int, int, tuple[int, ...]]]:
    """Events with a responsible channel: first step, one past the last, channels."""
    assert one.test is not None
    steps = len(one.test)
    told = one.metadata["interpretation"]
    return [(a, min(b, steps), own) for a, b, own in told if own and a < min(b, steps)]


def sizes(one: Series) -> dict[str, list[np.ndarray]]:
    """Absolute z-scores of each event: their means and maxima `[C]`."""
    assert one.test is not None
    fit, _ = cut_train(one.train, window=1, validation=0)
    scaler = preprocessing.fit_scaler("zscore", fit)
    z = np.abs(scaler.apply(cut_test(one.test)).values)
    each = [z[start:stop] for start, stop, _ in events(one)]
    return {
        SIZE: [part.mean(axis=0) for part in each],
        LARGEST: [part.max(axis=0) for part in each],
    }


def kept(session: Session, one: Series, name: str, setup: Setup) -> list[np.ndarray]:
    """Mean contributions `[C]` of each event, made where they are not kept."""
    assert one.test is not None
    about: dict[str, Any] = {"setup": dataclasses.asdict(setup)}
    about |= {"data": facts.data_checksums([one])}

    def fresh() -> dict[str, np.ndarray]:
        session.say(f"{name}: {one.name}")
        fitted = fitting.fit(setup, [(one.name, one.train)])
        part = members.test_part(fitted, 0, one.name, np.asarray(one.test))
        explained = scoring.aggregated(fitted, [part], "explain")[0]
        each = [explained[start:stop].mean(axis=0) for start, stop, _ in events(one)]
        return {"contributions": np.array(each)}

    part = name.replace(", ", "_")
    return list(
        session.cache(MODULE, part).arrays(one.name, about, fresh)["contributions"]
    )


def means(found: Mapping[str, Mapping[str, Sequence[float]]]) -> Table:
    """A line per row, a column per metric, with intervals over machines."""
    lines = [
        (
            name,
            *(
                report.ranged(uncertainty.bootstrap(np.array(own[key])))
                for key in METRICS
            ),
        )
        for name, own in found.items()
    ]
    return Table(("mean over machines", *METRICS), lines, len(METRICS))


def differences(found: Mapping[str, Mapping[str, Sequence[float]]]) -> Table:
    """Each detector less the |z| row, on the same machines."""
    lines = []
    for name, own in found.items():
        if name in (RANDOM, SIZE):
            continue
        cells = (
            report.ranged(
                uncertainty.paired_bootstrap(
                    np.array(own[key]), np.array(found[SIZE][key])
                ),
                signed=True,
            )
            for key in METRICS
        )
        lines.append((name, *cells))
    heads = (f"less {SIZE}", *METRICS)
    return Table(heads, lines, len(METRICS), f"Against the {SIZE} row")


def options(parser: Any) -> None:
    """Adds the study's options."""
    parser.add_argument(
        "--detectors",
        nargs="+",
        default=DEFAULT,
        help="rows; a score head may follow a name, as in 'pca, gated'",
    )
    parser.add_argument("--machines", type=int, help="the first so many; default: all")


STUDY = Study(
    "attribution", __doc__ or "", run, options, quick={"detectors": ["zscore", "pca"]}
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
