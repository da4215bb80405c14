"""Detectors times score heads: what a head adds, and what a trained network adds.

A detector is trained once per series, those of one data set in one program, and each
head is fitted on the same calibration part and put on the same outputs. Budgets are
small and stated; they are for CPUs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias, get_args

import numpy as np

from benchmarks.studies import report
from benchmarks.studies.report import Report, Section, Table, number
from benchmarks.studies.study import Session
from benchmarks.studies.tsb_ad import protocol, recipes, rows
from benchmarks.studies.tsb_ad.protocol import Case
from jaxtsad import types
from jaxtsad.evaluation import uncertainty
from jaxtsad.evaluation.scoring import options
from jaxtsad.pipeline import fitting, heads, members, parts, scoring
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan

MODULE = "benchmarks.studies.tsb_ad.heads"
WINDOW = 32
BATCH = 32
HEADS: tuple[options.HeadKind, ...] = get_args(options.HeadKind)
TITLES = {"none": "raw", "smooth": "smoothed"}
UNTRAINED = "untrained"
Made: TypeAlias = dict[str, dict[str, np.ndarray]]
"""VUS-PR `[E]` by row and head, nan where a detector cannot have the head."""
CLOSED: Mapping[str, Mapping[str, Any]] = {"zscore": {}, "pca": {}, "knn": {}, "ar": {}}
RECURRENT: Mapping[str, Any] = {
    "hidden": 32,
    "learning_rate": 3e-3,
    "batch_size": BATCH,
}
TRANSFORMER: Mapping[str, Any] = {"width": 32, "heads": 4, "layers": 2, "hidden": 32}
TRAINED: Mapping[str, Mapping[str, Any]] = {
    "lstm_autoencoder": {**RECURRENT, "layers": 1},
    "lstm_vae": {**RECURRENT, "latent": 8},
    "lstm_attention": {**RECURRENT, "memory": 16, "attention": 16},
    "anomaly_transformer": {**TRANSFORMER, "learning_rate": 1e-3},
    "anomaly_transformer_headwise": dict(TRANSFORMER),
    "ganomaly": {"latent": 16, "width": 8, "learning_rate": 1e-3, "batch_size": BATCH},
    "deep_clustering": {
        "clusters": 4,
        "width": 16,
        "pretrain": 6,
        "refine": 3,
        "restarts": 2,
        "batch_size": BATCH,
    },
    "latent_search": {
        "latent": 8,
        "width": 8,
        "restarts": 1,
        "search_steps": 5,
        "learning_rate": 1e-3,
        "batch_size": BATCH,
    },
}
LEGEND = (
    "Mean VUS-PR by the protocol of TSB-AD on the {half} series, one detector per "
    f"series: windows of {WINDOW} steps, about {{windows}} of them, at most {{epochs}} "
    "epochs, some {steps} optimizer steps, early stopping and score heads by the last "
    "fifth of the training rows. Networks are small, for CPUs: the sizes are below. "
    "`raw` is the detector's score, "
    "the other columns are score heads. A head that judges channels needs a detector "
    "that explains its score by channel; where it does not, the cell is empty. "
    "`dplan`, `devnet` and `deep_sad` learn from known anomalies, of which the "
    "protocol has none, and are left out."
)


def run(session: Session) -> Report:
    """Makes what is not there yet, and the table.

    Raises:
        ValueError: If a choice or the data is bad.
    """
    asked = session.options
    cases = protocol.series(asked.half, asked.data, session.root, asked.datasets)
    rows_asked = chosen(asked.detectors)
    made: Made = {recipes.RANDOM: {"none": np.empty(len(cases))}}
    made |= {_title(*row): _nothing(len(cases)) for row in rows_asked}
    for dataset in dict.fromkeys(case.dataset for case in cases):
        places = [i for i, case in enumerate(cases) if case.dataset == dataset]
        some = [cases[i] for i in places]
        made[recipes.RANDOM]["none"][places] = chance(some)
        for name, untrained in rows_asked:
            by_head = kept(session, some, name, untrained)
            for kind, scores in by_head.items():
                each = {c.name: one for c, one in zip(some, scores, strict=True)}
                values = protocol.values(some, each)
                made[_title(name, untrained)][kind][places] = values
    lines = [
        {
            "detector": title,
            "head": kind,
            "dataset": case.dataset,
            "series": case.name,
            "vus_pr": float(values[i]),
        }
        for title, by_head in made.items()
        for kind, values in by_head.items()
        for i, case in enumerate(cases)
    ]
    steps = asked.epochs * asked.windows // BATCH
    texts = (LEGEND.format(**vars(asked), steps=steps),)
    notes = [
        f"{name}: {_words(TRAINED[name])}."
        for name, untrained in rows_asked
        if name in TRAINED and not untrained
    ]
    tree = {"half": asked.half, "data": list(asked.data), "rows": lines}
    title = "Detectors under score heads"
    return Report(title, texts, sections(cases, made), notes, lines, tree)


def chosen(names: Sequence[str] | None) -> list[tuple[str, bool]]:
    """Detectors of the table, those that are trained also untrained.

    Raises:
        ValueError: If there is no such row.
    """
    known = [*CLOSED, *TRAINED]
    for name in names or ():
        if name not in known:
            raise ValueError(
                f"detectors: {name!r} is not of this table; the choices are "
                f"{', '.join(known)}"
            )
    return [
        (name, untrained)
        for name in dict.fromkeys(names or known)
        for untrained in ((False, True) if name in TRAINED else (False,))
    ]


def chance(cases: Sequence[Case]) -> np.ndarray:
    """VUS-PR `[E]` of uniform scores."""
    random = recipes.recipe(recipes.RANDOM)
    scores = {case.name: recipes.score(random, case).scores for case in cases}
    return rows.measure(cases, scores)


def setup_of(
    name: str, cases: Sequence[Case], untrained: bool, epochs: int, windows: int
) -> Setup:
    """How a detector is trained on the series of one data set.

    The middle series has about so many windows, the others as long gaps.
    """
    steps = float(np.median([case.train_points for case in cases]))
    return Setup(
        name,
        {**CLOSED, **TRAINED}[name],
        window=WINDOW,
        stride=int(np.clip(0.8 * steps // windows, 1, WINDOW)),
        plan=Plan(epochs=epochs, schedule="cosine"),
        untrained=untrained,
        scaler="zscore",
        clip_values=None,
    )


def kept(
    session: Session, cases: Sequence[Case], name: str, untrained: bool
) -> dict[str, list[np.ndarray]]:
    """Scores of the series of one data set by head, made where they are not kept."""
    asked = session.options
    setup = setup_of(name, cases, untrained, asked.epochs, asked.windows)
    about: dict[str, Any] = {"setup": dataclasses.asdict(setup)}
    about |= {"data": [rows.checksum(case) for case in cases]}
    part = f"{_title(name, untrained).replace(', ', '_')}_{cases[0].dataset}"
    cache = session.cache(MODULE, "heads")

    def outputs() -> dict[str, np.ndarray]:
        title = _title(name, untrained)
        session.say(f"{title}: {len(cases)} series of {cases[0].dataset}")
        return made_outputs(setup, cases)

    def scores() -> dict[str, np.ndarray]:
        given = cache.arrays(f"{part}_outputs", about, outputs)
        return {
            f"{kind}/{i}": one
            for kind, each in under_heads(setup, cases, given).items()
            for i, one in enumerate(each)
        }

    found = cache.arrays(f"{part}_scores", about, scores)
    return {
        kind: [found[f"{kind}/{i}"] for i in range(len(cases))]
        for kind in HEADS
        if f"{kind}/0" in found
    }


def made_outputs(setup: Setup, cases: Sequence[Case]) -> dict[str, np.ndarray]:
    """What the detector of each series gives of its calibration part and of all rows.

    Returns:
        `[T, C]` of channels, or scores `[T]` of a detector without an explanation, by
        "calibration/0", "all/0" and so on.
    """
    data = [(case.name, case.values[: case.train_points]) for case in cases]
    fitted = fitting.fit(setup, data)
    calibration = [part.calibration for part in parts.prepare(setup, data)]
    everything = [
        members.test_part(fitted, i, case.name, case.values)
        for i, case in enumerate(cases)
    ]
    output = "score" if fitted.detector.explain is None else "explain"
    return {
        f"{which}/{i}": one
        for which, some in (("calibration", calibration), ("all", everything))
        for i, one in enumerate(scoring.aggregated(fitted, some, output))
    }


def under_heads(
    setup: Setup, cases: Sequence[Case], given: Mapping[str, np.ndarray]
) -> dict[str, list[np.ndarray]]:
    """Scores `[T]` of every series under every head that the detector can have.

    Args:
        setup: Without a head.
        cases: Series of one data set.
        given: See `made_outputs`.
    """
    data = [(case.name, case.values[: case.train_points]) for case in cases]
    prepared = parts.prepare(setup, data)
    everything = [
        part.scaler.apply(types.cut_test(case.values, entity=case.name))
        for part, case in zip(prepared, cases, strict=True)
    ]
    known, new = (
        [given[f"{which}/{i}"] for i in range(len(cases))]
        for which in ("calibration", "all")
    )
    # The contributions of channels sum to the score.
    flat = [
        [one.sum(axis=-1) if one.ndim > 1 else one for one in s] for s in (known, new)
    ]
    made = {"none": flat[1]}
    for kind in HEADS[1:]:
        headed = dataclasses.replace(setup, head=kind)
        explained = heads.source(headed) == "explain"
        if not explained or new[0].ndim > 1:
            before, after = (known, new) if explained else flat
            groups = [(part,) for part in prepared]
            head, _ = heads.fit(headed, groups, [[one] for one in before])
            made[kind] = heads.apply(headed, head, everything, after)
    return made


def sections(cases: Sequence[Case], made: Made) -> list[Section]:
    """Means in all and by data set, and what training adds under each head."""
    text = f"{len(cases)} series."
    found = [Section("All series", (text,), (table(made), gains(made)))]
    names = list(dict.fromkeys(case.dataset for case in cases))
    for dataset in names if len(names) > 1 else ():
        where = np.array([case.dataset == dataset for case in cases])
        some = {
            title: {kind: values[where] for kind, values in by_head.items()}
            for title, by_head in made.items()
        }
        found.append(Section(dataset, (f"{where.sum()} series.",), (table(some),)))
    return found


def table(made: Made) -> Table:
    """Mean VUS-PR: a line per detector, a column per head."""
    lines = [
        (title, *(number(_mean(by_head.get(kind))) for kind in HEADS))
        for title, by_head in made.items()
    ]
    return Table(("mean VUS-PR", *_heads()), lines, len(HEADS))


def gains(made: Made) -> Table:
    """Trained less untrained under each head, with 95 % intervals over series."""
    lines = []
    for title, by_head in made.items():
        other = made.get(f"{title}, {UNTRAINED}")
        if other is not None:
            cells = (
                report.ranged(
                    uncertainty.paired_bootstrap(by_head[kind], other[kind]),
                    signed=True,
                )
                for kind in HEADS
            )
            lines.append((title, *cells))
    return Table(
        ("trained less untrained", *_heads()), lines, len(HEADS), "What training adds"
    )


def _title(name: str, untrained: bool) -> str:
    return f"{name}, {UNTRAINED}" if untrained else name


def _nothing(count: int) -> dict[str, np.ndarray]:
    return {kind: np.full(count, np.nan) for kind in HEADS}


def _heads() -> list[str]:
    return [TITLES.get(kind, kind) for kind in HEADS]


def _mean(values: np.ndarray | None) -> float | None:
    return None if values is None else float(np.mean(values))


def _words(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in given.items())
