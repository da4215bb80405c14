"""The tables of the ablation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.studies import published
from benchmarks.studies.at_ablation import measures, scores
from benchmarks.studies.at_ablation import rows as rows_
from benchmarks.studies.at_ablation.variants import VARIANTS
from benchmarks.studies.published import PUBLISHED, SOURCES
from benchmarks.studies.report import Report, Section, Table, number, ranged
from jaxtsad.evaluation import uncertainty
from jaxtsad.evaluation.uncertainty import Estimate
from jaxtsad.ops import aggregate

Rows = Iterable[Mapping[str, Any]]
Made = Mapping[str, Any]
FOLLOWED = ("reference", "modified_code", "modified")
SHOWN = (*FOLLOWED, "untrained")
END_TO_END = (
    ("assdis", "mean"),
    ("assdis_3", "mean"),
    ("sp_rows", "mean"),
    ("reconstruction", "mean"),
    ("assdis", "spread"),
    ("assdis_3", "spread"),
    ("reconstruction", "spread"),
)
"""Score and aggregate of the rows in the table of areas."""
AGGREGATES = {"mean": "", "spread": ", a window's mean over its steps"}


def report(made: Made) -> Report:
    """All tables of all data sets."""
    preset = made["preset"]
    sizes = ", ".join(f"{key} {value:g}" for key, value in preset["sizes"].items())
    lead = (
        f"Preset {made['name']}: {preset['columns'] or 'all'} columns, those that vary "
        f"most, scaler {preset['scaler']}, windows of {preset['length']} steps, "
        f"{sizes}, {preset['epochs']} epochs, {len(made['seeds'])} seeds. One model "
        "over all entities of a data set; windows stay within an entity; early "
        "stopping and thresholds see held-out training data only."
    )
    sections = []
    for name, found in made["sets"].items():
        data = found["data"]
        facts = (
            f"{len(data['entities'])} entities ({', '.join(data['entities'])}), "
            f"{len(data['columns'])} columns, {data['steps']:,} test steps, "
            f"{data['labelled']:.3f} of them labelled; training stride "
            f"{data['stride']}."
        )
        texts = (facts, weighting(found))
        sections.append(Section(name.upper(), texts, everything(name, found)))
    flat = [
        {"dataset": name, "variant": variant}
        | {k: v for k, v in row.items() if k not in ("metrics", "intervals")}
        | dict(row["metrics"])
        for name, found in made["sets"].items()
        for variant, own in found["variants"].items()
        for row in own["rows"]
    ]
    title = "The Anomaly Transformer, one change at a time"
    return Report(title, (lead, SOURCES), sections, (), flat, made, shown=1)


def everything(name: str, found: Made) -> list[Table]:
    """All tables of one data set."""
    made = [
        changes(found),
        by_score(found),
        by_threshold(found),
        by_aggregate(found),
        *([procedure(name, found)] if found["paper"] else []),
        areas(name, found),
        convergence(found),
    ]
    return [one for one in made if one.lines]


def table(
    rows: Rows, metric: str, entities: Sequence[str], **wanted: Any
) -> np.ndarray:
    """One metric `[S, E]` by seed and entity, nan where there is none."""
    wanted = {"fold": "mean", **wanted}
    chosen = [r for r in rows if all(r.get(k) == v for k, v in wanted.items())]
    seeds = sorted({row["seed"] for row in chosen}) or [0]
    found = np.full((len(seeds), len(entities)), np.nan)
    for row in chosen:
        if row["entity"] in entities:
            value = row["metrics"].get(metric)
            place = seeds.index(row["seed"]), list(entities).index(row["entity"])
            found[place] = np.nan if value is None else value
    return found


def macro(rows: Rows, metric: str, entities: Sequence[str], **wanted: Any) -> Estimate:
    """Mean over entities with a bootstrap interval, seeds averaged first."""
    return uncertainty.bootstrap(table(rows, metric, entities, **wanted))


def glued(rows: Rows, metric: str, **wanted: Any) -> Estimate:
    """Mean over seeds of all entities end to end, and the mean interval, if known."""
    rows = list(rows)
    values = table(rows, metric, [measures.GLUED], **wanted)
    one = uncertainty.over_seeds(values[:, 0])
    wanted = {"fold": "mean", "entity": measures.GLUED, **wanted}
    ends = [
        row["intervals"][metric]
        for row in rows
        if all(row.get(k) == v for k, v in wanted.items()) and "intervals" in row
    ]
    low, high = np.asarray(ends or [(np.nan, np.nan)], np.float64).mean(axis=0)
    return one._replace(low=float(low), high=float(high))


def weighting(found: Made) -> str:
    """What weighting the error by the discrepancy does to its VUS-PR."""
    name = next((one for one in FOLLOWED[::-1] if one in found["variants"]), None)
    if name is None:
        return ""
    pair = [
        table(found["variants"][name]["rows"], "vus_pr", _entities(found), score=score)
        for score in ("assdis", "reconstruction")
    ]
    one = uncertainty.paired_bootstrap(*pair)
    few = ", too few for a claim" if one.n < uncertainty.FEWEST_PAIRS else ""
    return (
        "VUS-PR of the error weighted by the discrepancy less that of the error alone "
        f"({name}, {one.n} entities{few}): {ranged(one, signed=True)}."
    )


def changes(found: Made) -> Table:
    """One change at a time, by the published score and by the error alone."""
    entities = _entities(found)
    reference = _variant(found, "reference")
    words = {variant.name: variant.change for variant in VARIANTS}
    lines = []
    for name, own in found["variants"].items():
        plain = macro(own["rows"], "vus_pr", entities, score="reconstruction")
        apart = ""
        if name != "reference" and reference:
            pair = [
                table(one, "vus_pr", entities, score="assdis")
                for one in (own["rows"], reference)
            ]
            apart = ranged(uncertainty.paired_bootstrap(*pair), signed=True)
        cells = _metrics(own["rows"], entities, "assdis")
        lines.append((name, words[name], *cells, number(plain.mean), apart))
    others = {name: own["rows"] for name, own in found["baselines"].items()}
    for name, own in {**others, **found["noise"]}.items():
        lines.append((name, "", *_metrics(own, entities, "own"), "", ""))
    return Table(
        (
            "variant",
            "what differs",
            "AUC-ROC",
            "AUC-PR",
            "VUS-PR",
            "F1",
            "PA-F1",
            "VUS-PR of the error",
            "VUS-PR less the reference's",
        ),
        lines,
        title="One change at a time",
        lead="Means over entities, seeds averaged first, 95 % bootstrap intervals over "
        "entities in brackets. The score is the published one, the error weighted by "
        "low discrepancy; the last columns are the VUS-PR of the error alone, and the "
        "paired difference of the weighted score's VUS-PR from the reference's. F1 is "
        "at the .99 quantile of held-out scores. PA-F1 means nothing without the "
        "random row. Widths that are parameters (`sigma_head`, `sigma_position`) start "
        "at a tenth of the window and hardly move in few steps, so their rows are "
        "nearly the same.",
    )


def by_score(found: Made) -> Table:
    """VUS-PR of every score of every variant."""
    lines = [
        (name, *(_vus(found, own["rows"], score=score) for score in scores.NAMES))
        for name, own in found["variants"].items()
    ]
    words = "; ".join(f"{name}: {said}" for name, said in scores.WORDS.items())
    lead = f"Mean VUS-PR over entities. {words}."
    return Table(("variant", *scores.NAMES), lines, title="Every score", lead=lead)


def by_threshold(found: Made) -> Table:
    """F1 of each score under each threshold, and what the best one would give."""
    entities = _entities(found)
    lines = []
    for name in SHOWN:
        rows = _variant(found, name)
        for score in scores.NAMES if rows else ():
            lines.append((name, score, *_thresholds(rows, entities, score)))
    for name, own in found["baselines"].items():
        lines.append((name, "own", *_thresholds(own["rows"], entities, "own")))
    return Table(
        ("variant", "score", "quantile", "POT", "dynamic", "oracle"),
        lines,
        title="Every threshold",
        lead="Mean F1 over entities, point-adjusted F1 behind the stroke. Quantile "
        "(.99) and POT are fitted on held-out scores; the dynamic threshold looks at "
        "the test scores; the oracle has seen the labels.",
    )


def by_aggregate(found: Made) -> Table:
    """VUS-PR of the followed variants aggregated in all ways."""
    lines = []
    for name in FOLLOWED:
        rows = _variant(found, name)
        for score in rows_.AGGREGATED if rows else ():
            each = (
                _vus(found, rows, score=score, fold=how) for how in aggregate.AGGREGATES
            )
            lines.append((name, score, *each))
    return Table(
        ("variant", "score", *aggregate.AGGREGATES),
        lines,
        title="Every aggregate",
        lead="Mean VUS-PR over entities by how overlapping windows become steps.",
    )


def procedure(name: str, found: Made) -> Table:
    """The reference by the published procedure, noise beside it, published F1 below."""
    paper = found["paper"]
    lines = []
    for row in ("anomaly_transformer", "random", "all_positive"):
        own = paper["rows"].get(row, {})
        cells = [number(own.get(key)) for key in ("pa_f1", "f1", "auc_pr", "vus_pr")]
        lines.append((row, *cells))
    claims = PUBLISHED[name.upper()].claims if name.upper() in PUBLISHED else ()
    for claim in claims:
        cells = [number(claim.pa_f1), number(claim.f1)]
        lines.append((f"{claim.source}, whole data set", *cells, "", ""))
    return Table(
        ("row", "PA-F1", "F1", "AUC-PR", "VUS-PR"),
        lines,
        title="By the published procedure",
        lead=f"Flags {100 * paper['share']:g} % of training and test scores together, "
        f"then adjusts. It leaks: {'; '.join(paper['leaks'])}.",
    )


def areas(name: str, found: Made) -> Table:
    """Areas of the entities end to end, beside what is reported of the whole set."""
    lines = []
    for variant in SHOWN:
        rows = _variant(found, variant)
        kinds = {(row["score"], row["fold"]) for row in rows}
        for score, how in END_TO_END:
            if (score, how) in kinds:
                pair = [glued(rows, k, score=score, fold=how) for k in measures.REDRAWN]
                label = f"{variant}, {score}{AGGREGATES[how]}"
                lines.append((label, *map(ranged, pair)))
    for other, own in found["baselines"].items():
        kinds = {row["fold"] for row in own["rows"]}
        for how, said in AGGREGATES.items():
            if how in kinds:
                about = {"score": "own", "fold": how}
                pair = [glued(own["rows"], k, **about) for k in measures.REDRAWN]
                lines.append((f"{other}{said}", *map(ranged, pair)))
    for claim in published.REPAIRS.get(name, ()):
        lines.append((claim.source, number(claim.auc_roc), number(claim.auc_pr)))
    note = ""
    if name in published.TSB_AD:
        note = (
            f" A tuned Anomaly Transformer has a mean VUS-PR of "
            f"{number(published.TSB_AD[name])} here in TSB-AD-M; NPSR reports a best "
            f"point-wise F1 of {number(published.POINTWISE[name])}."
        )
    return Table(
        ("row", "AUC-ROC", "AUC-PR"),
        lines,
        title="End to end, beside published areas",
        lead="All entities' scores as one series, mean over seeds; 95 % intervals are "
        "over entities, redrawn with replacement. Chance AUC-PR is "
        f"{number(found['data']['labelled'])} here; published figures are of the whole "
        "data set. The published repair gives every step the mean of its window, as "
        "the rows so named do. `own_mean` is the squared distance from the entity's "
        f"mean in training.{note}",
    )


def convergence(found: Made) -> Table:
    """Each score after each epoch: its area, and its likeness to the error."""
    lines = []
    epochs: list[int] = []
    for name in FOLLOWED:
        curves = found["variants"].get(name, {"curves": []})["curves"]
        epochs = sorted({*epochs, *(one["epoch"] for one in curves)})
        for score in scores.NAMES if curves else ():
            cells = []
            for epoch in epochs:
                own = [
                    one
                    for one in curves
                    if (one["epoch"], one["score"]) == (epoch, score)
                ]
                means = (
                    sum(one[key] or 0.0 for one in own) / len(own) if own else None
                    for key in ("auc_pr", "rank_correlation")
                )
                cells.append(" / ".join(map(number, means)))
            lines.append((name, score, *cells))
    return Table(
        ("variant", "score", *(f"epoch {epoch + 1}" for epoch in epochs)),
        [(*line, *[""] * (2 + len(epochs) - len(line))) for line in lines],
        title="Do the scores converge?",
        lead="AUC-PR end to end after each epoch, and behind the stroke the rank "
        "correlation of the score with the error alone; means over seeds.",
    )


def _entities(found: Made) -> list[str]:
    return list(found["data"]["entities"])


def _variant(found: Made, name: str) -> list[Any]:
    return list(found["variants"].get(name, {"rows": ()})["rows"])


def _vus(found: Made, rows: Rows, **wanted: Any) -> str:
    return number(macro(rows, "vus_pr", _entities(found), **wanted).mean)


def _metrics(rows: Rows, entities: Sequence[str], score: str) -> tuple[str, ...]:
    keys = ("auc_roc", "auc_pr", "vus_pr", "quantile/f1", "quantile/pa_f1")
    found = [macro(rows, key, entities, score=score) for key in keys]
    shown = [number(one.mean) for one in found]
    return (*shown[:2], ranged(found[2]), *shown[3:])


def _thresholds(rows: Rows, entities: Sequence[str], score: str) -> tuple[str, ...]:
    def f1(key: str) -> str:
        return number(macro(rows, key, entities, score=score).mean)

    pairs = (f"{f1(f'{r}/f1')} / {f1(f'{r}/pa_f1')}" for r in measures.RULES)
    return (*pairs, f1("oracle_f1"))
