"""What the scores of a network attend to, before and after it was trained.

python -m benchmarks.studies.what_scores_see --data-root DIR

Each detector is scored as it starts and as it ends, by all columns and by each kind of
column alone, the others held at their training mean. Beside the areas stand how its
scores go with the amplitude and the variance of what they see, and whose errors its
reconstruction is made of.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import sys
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import ndimage, stats

from benchmarks.studies import report, study
from benchmarks.studies.report import Report, Section, Table
from benchmarks.studies.study import Session, Study
from jaxtsad.datasets import catalog, places
from jaxtsad.evaluation.metrics import point
from jaxtsad.experiments import facts, toml
from jaxtsad.pipeline import fitting, members, scoring
from jaxtsad.pipeline.members import Fitted
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training import fleet
from jaxtsad.types import Batch, Series, Split

CHANNELS = ("A-7", "D-1", "E-1", "P-1")
KINDS = ("live", "two-valued", "constant")
"""Of columns, by how many values they have in the training part."""
WINDOWS = 400
"""Most windows of a test part whose reconstruction is looked at."""
COLUMNS = {
    "auc_roc": "AUC-ROC",
    "auc_pr": "AUC-PR",
    **{f"{kind} alone": f"{kind} alone" for kind in KINDS},
    "amplitude": "with amplitude",
    "variance": "with variance",
    **{f"error of {kind}": f"error: {kind}" for kind in KINDS},
}
LEAD = (
    "Means over the channels. `alone`: AUC-ROC by columns of that kind, the others "
    "held at their training mean. `with amplitude`, `with variance`: Spearman's "
    "correlation of step scores with the mean square, and the variance in time, of a "
    "window's scaled values. `error`: whose share of the reconstruction's squared "
    "error it is."
)


class Case(NamedTuple):
    """One row of the study.

    Attributes:
        config: Name of a bundled config, whose setup is taken.
        trained: Whether it is trained.
        fit: Options that training differs by.
        score: Options that only the scoring differs by.
    """

    config: str
    trained: bool = True
    fit: Mapping[str, Any] = {}
    score: Mapping[str, Any] = {}


BARELY = {"pretrain": 1, "refine": 0, "learning_rate": 1e-9}
"""Clusters on the codes of a network that training did not move."""
CASES: Mapping[str, Case] = {
    "ganomaly, untrained": Case("ganomaly_smap", False),
    "ganomaly, trained": Case("ganomaly_smap"),
    "its codes alone, untrained": Case("ganomaly_smap", False, {}, {"residual": 0.0}),
    "its codes alone, trained": Case("ganomaly_smap", True, {}, {"residual": 0.0}),
    "its residual alone, untrained": Case(
        "ganomaly_smap", False, {}, {"residual": 1e6}
    ),
    "its residual alone, trained": Case("ganomaly_smap", True, {}, {"residual": 1e6}),
    "deep_clustering, untrained (no clusters)": Case("deep_clustering_smap", False),
    "deep_clustering, clusters on untrained codes": Case(
        "deep_clustering_smap", True, BARELY
    ),
    "deep_clustering, trained": Case("deep_clustering_smap"),
    "trained, distance relative to the radius": Case(
        "deep_clustering_smap", True, {}, {"score": "relative"}
    ),
    "trained, plain distance": Case(
        "deep_clustering_smap", True, {}, {"score": "distance"}
    ),
    "trained, residual": Case("deep_clustering_smap", True, {}, {"score": "residual"}),
    "untrained codes, plain distance": Case(
        "deep_clustering_smap", True, BARELY, {"score": "distance"}
    ),
    "untrained codes, residual": Case(
        "deep_clustering_smap", True, BARELY, {"score": "residual"}
    ),
}


def kinds(train: np.ndarray) -> np.ndarray:
    """Of each column of `[T, C]` its place in `KINDS`.

    Example:
        >>> kinds(np.array([[0.1, 0, 5], [0.2, 1, 5], [0.3, 0, 5]])).tolist()
        [0, 1, 2]
    """
    values = np.array([min(3, len(np.unique(column))) for column in train.T])
    return 3 - values


def alone(series: Series, kind: int) -> np.ndarray:
    """The test part `[T, C]` with all columns but those of a kind at their mean."""
    kept = kinds(np.asarray(series.train)) == kind
    middle = np.asarray(series.train).mean(axis=0)
    return np.where(kept[None], np.asarray(series.test), middle[None])


def amounts(values: np.ndarray, length: int) -> dict[str, np.ndarray]:
    """Mean square and variance in time `[T]` of the windows around steps."""
    smooth = functools.partial(ndimage.uniform_filter1d, size=length, axis=0)
    square = smooth(values.astype(np.float64) ** 2)
    variance = square - smooth(values.astype(np.float64)) ** 2
    return {"amplitude": square.mean(axis=1), "variance": variance.mean(axis=1)}


def shares(fitted: Fitted, index: int, part: Split, kind: np.ndarray) -> dict:
    """Share of the reconstruction's squared error by kind of column.

    Args:
        fitted: The members.
        index: Which of them.
        part: Its scaled test part.
        kind: `[C]`, see `kinds`.
    """
    length = fitted.setup.window
    starts = np.linspace(0, len(part) - length, WINDOWS).astype(int)
    windows = jnp.asarray(np.stack([part.values[s : s + length] for s in starts]))
    ones = jnp.ones(len(windows))
    batch = Batch(windows, ones, jnp.arange(len(windows), dtype=jnp.int32), 0 * ones)
    keys = jax.random.split(jax.random.key(0), len(windows))
    look = fitted.detector.inspect
    assert look is not None
    model = fleet.member(fitted.model, index)
    made = jax.jit(look)(keys, model, batch)["reconstruction"]
    error = np.square(np.asarray(made - windows)).mean(axis=(0, 1))
    whole = max(float(error.sum()), 1e-12)
    return {
        f"error of {name}": float(error[kind == number].sum()) / whole
        for number, name in enumerate(KINDS)
    }


def measured(fitted: Fitted, series: Sequence[Series]) -> list[dict[str, float]]:
    """All of `COLUMNS` for each channel; nan where a channel has no such column."""
    tests = _parts(fitted, series, [np.asarray(one.test) for one in series])
    scores = scoring.aggregated(fitted, tests)
    found = []
    for index, (one, part, score) in enumerate(zip(series, tests, scores, strict=True)):
        kind = kinds(np.asarray(one.train))
        row = {
            "auc_roc": _area(one, score),
            "auc_pr": float(point.auc_pr(np.asarray(one.labels), score)),
        }
        for name, amount in amounts(part.values, fitted.setup.window).items():
            row[name] = float(stats.spearmanr(score, amount).statistic)
        found.append(row | shares(fitted, index, part, kind))
    for number, name in enumerate(KINDS):
        shown = _parts(fitted, series, [alone(one, number) for one in series])
        apart = scoring.aggregated(fitted, shown)
        for row, one, score in zip(found, series, apart, strict=True):
            there = (kinds(np.asarray(one.train)) == number).any()
            row[f"{name} alone"] = _area(one, score) if there else float("nan")
    return found


def of_amounts(series: Sequence[Series], length: int) -> dict[str, list[dict]]:
    """Rows of what needs no network: amplitude and variance of the windows."""
    setup = Setup("zscore", {}, window=length, clip_values=10.0)
    fitted = fitting.fit(setup, [(one.name, one.train) for one in series])
    parts = _parts(fitted, series, [np.asarray(one.test) for one in series])
    rows: dict[str, list[dict]] = {}
    for one, part in zip(series, parts, strict=True):
        for name, amount in amounts(part.values, length).items():
            precision = float(point.auc_pr(np.asarray(one.labels), amount))
            row = {"auc_roc": _area(one, amount), "auc_pr": precision}
            rows.setdefault(f"{name} of the window", []).append(row)
    return rows


def _area(one: Series, score: np.ndarray) -> float:
    return float(point.auc_roc(np.asarray(one.labels), score))


def _parts(
    fitted: Fitted, series: Sequence[Series], values: Sequence[np.ndarray]
) -> list[Split]:
    return [
        members.test_part(fitted, index, one.name, own)
        for index, (one, own) in enumerate(zip(series, values, strict=True))
    ]


def _setup(case: Case, quick: bool) -> Setup:
    path = places.bundled("configs", f"{case.config}.toml")
    setup = toml.load(path).setup()
    options = {**setup.options, **case.fit}
    plan = setup.plan
    if {"pretrain", "refine"} & set(case.fit):
        plan = dataclasses.replace(plan, epochs=options["pretrain"] + 1)
    if quick:
        plan = dataclasses.replace(plan, epochs=min(2, plan.epochs))
        options |= {"pretrain": 1, "refine": 0} if "pretrain" in options else {}
    return dataclasses.replace(
        setup, options=options, plan=plan, untrained=not case.trained
    )


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the study is asked for."""
    parser.add_argument("--channels", nargs="+", default=list(CHANNELS))
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=tuple(CASES))
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])


def run(session: Session) -> Report:
    """All cases; each network is fitted once and kept with its figures."""
    given = session.options
    name = "demo" if session.bundled else "smap"
    series = catalog.load(
        name, session.root, None if session.bundled else given.channels
    )
    cache = session.cache(__name__)
    data = facts.data_checksums(series)
    fits: dict[str, Fitted] = {}
    rows: dict[str, list[dict]] = of_amounts(series, 64)
    for label in given.cases:
        case = CASES[label]
        setup = _setup(case, given.quick)
        about = {"setup": repr(setup), "score": case.score, "data": data}
        about["seeds"] = given.seeds

        def make(case: Case = case, setup: Setup = setup) -> list[dict]:
            found = []
            for seed in given.seeds:
                key = repr((setup, seed))
                if key not in fits:
                    sets = [(one.name, one.train) for one in series]
                    what = {"setup": repr(setup), "data": data, "seed": seed}
                    fits[key] = session.fit(
                        case.config,
                        setup,
                        sets,
                        folder=cache.place("checkpoints", what),
                        seeds=[seed],
                    )
                fitted = fits[key]
                read = dataclasses.replace(
                    setup, options={**setup.options, **case.score}
                )
                own = measured(dataclasses.replace(fitted, setup=read), series)
                found += [
                    {"channel": one.name, "seed": seed, **row}
                    for one, row in zip(series, own, strict=True)
                ]
            return found

        session.say(label)
        rows[label] = cache.tree(label.replace(" ", "_"), about, make)
    return _report(series, rows, given.seeds)


def _report(
    series: Sequence[Series], rows: Mapping[str, list[dict]], seeds: Sequence[int]
) -> Report:
    lines = []
    for label, own in rows.items():
        means = []
        for key in COLUMNS:
            values = np.array([row.get(key, np.nan) for row in own], np.float64)
            seen = values[np.isfinite(values)]
            means.append(report.number(float(seen.mean()) if len(seen) else None))
        lines.append([label, *means])
    table = Table(["", *COLUMNS.values()], lines, len(COLUMNS), lead=LEAD)
    flat = [{"case": label, **row} for label, own in rows.items() for row in own]
    counts = [
        f"{one.name}: "
        + ", ".join(
            f"{(kinds(np.asarray(one.train)) == number).sum()} {kind}"
            for number, kind in enumerate(KINDS)
        )
        for one in series
    ]
    said = f"{len(series)} channels, seeds {', '.join(map(str, seeds))}"
    notes = [said, f"columns by kind: {'; '.join(counts)}"]
    title = "What scores attend to, before and after training"
    return Report(
        title, (), [Section("", tables=(table,))], notes, flat, {"rows": flat}
    )


STUDY = Study(
    "what_scores_see",
    __doc__,
    run,
    options,
    quick={"cases": ["ganomaly, trained", "deep_clustering, trained"]},
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
