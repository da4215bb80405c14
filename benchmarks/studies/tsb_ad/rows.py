"""The rows of the table: made once, kept, and measured."""

from __future__ import annotations

import csv
import hashlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.studies.study import Session
from benchmarks.studies.tsb_ad import protocol, recipes
from benchmarks.studies.tsb_ad.protocol import Case
from benchmarks.studies.tsb_ad.recipes import Recipe, Scored
from jaxtsad.datasets import places

MODULE = "benchmarks.studies.tsb_ad.rows"


class Row(NamedTuple):
    """One row over all series.

    Attributes:
        name: Of the row.
        words: What it is.
        vus_pr: `[E]`, one per series.
        fit_seconds: `[E]`, nan where not measured.
        score_seconds: `[E]`, nan where not measured.
        scores: `[T]` or `[S, T]` of each series by its name; none of rows that were
            not made here.
        published: Whether others measured it.
    """

    name: str
    words: str
    vus_pr: np.ndarray
    fit_seconds: np.ndarray
    score_seconds: np.ndarray
    scores: Mapping[str, np.ndarray] = {}
    published: bool = False


def make(recipe: Recipe, cases: Sequence[Case], session: Session) -> Row:
    """Scores every series, or reads the scores where they are kept."""
    raw = recipe.raw
    cache = session.cache(MODULE, raw.name)
    scores, seconds = {}, []
    for case in cases:

        def fresh(case: Case = case) -> dict[str, np.ndarray]:
            session.say(f"{raw.name}: {case.name}")
            return _arrays(recipes.score(raw, case))

        about = {"recipe": raw.about, "data": checksum(case)}
        kept = cache.arrays(part(case), about, fresh)
        scores[case.name] = recipes.smoothed(recipe, kept["scores"])
        seconds.append(kept["seconds"])
    fit, score = np.array(seconds).T
    return Row(recipe.name, recipe.words, measure(cases, scores), fit, score, scores)


def measure(cases: Sequence[Case], scores: Mapping[str, np.ndarray]) -> np.ndarray:
    """VUS-PR `[E]`, of several seeds `[S, T]` their mean."""
    seeds = max(len(np.atleast_2d(one)) for one in scores.values())
    each = [
        {name: np.atleast_2d(one)[seed] for name, one in scores.items()}
        for seed in range(seeds)
    ]
    return np.mean([protocol.values(cases, one) for one in each], axis=0)


def earlier(path: str | os.PathLike[str], cases: Sequence[Case]) -> list[Row]:
    """Rows that an earlier run measured on the same series, from its CSV.

    Rows that lack some of the series are left out.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is not the CSV of this study.
    """
    with open(path, newline="") as file:
        lines = list(csv.DictReader(file))

    def row(name: str) -> Row:
        each = [known[name, case.name] for case in cases]
        vus_pr, fit, score = (
            np.array([float(line[key]) for line in each])
            for key in ("vus_pr", "fit_seconds", "score_seconds")
        )
        return Row(name, "measured before", vus_pr, fit, score)

    try:
        known = {(line["detector"], line["series"]): line for line in lines}
        names = dict.fromkeys(name for name, _ in known)
        return [
            row(name)
            for name in names
            if all((name, case.name) in known for case in cases)
        ]
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{os.fspath(path)} is not the CSV of an earlier run of this study: {error}"
        ) from None


def published(cases: Sequence[Case], root: protocol.Root) -> list[Row]:
    """The published rows of the same series of TSB-AD-M, the best first."""
    folder = places.data_root(root)
    table = {
        row.pop("tsb_ad_file"): row
        for row in protocol.read_csv(folder, "published_vus_pr.csv")
    }
    unknown = np.full(len(cases), np.nan)
    found = [
        Row(
            name,
            "published",
            np.array([float(table[case.name][name]) for case in cases]),
            unknown,
            unknown,
            published=True,
        )
        for name in next(iter(table.values()))
    ]
    return sorted(found, key=lambda row: -row.vus_pr.mean())


def part(case: Case) -> str:
    """A file name for a series."""
    return case.name.removesuffix(".csv")


def checksum(case: Case) -> str:
    """SHA-256 of what a detector sees of a series."""
    digest = hashlib.sha256(np.ascontiguousarray(case.values).tobytes())
    digest.update(f"{case.values.shape} {case.train_points}".encode())
    return digest.hexdigest()


def _arrays(scored: Scored) -> dict[str, Any]:
    seconds = np.array([scored.fit_seconds, scored.score_seconds])
    return {"scores": scored.scores, "seconds": seconds}
