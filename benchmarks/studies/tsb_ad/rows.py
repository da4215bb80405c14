"""The rows of the table: made once, kept, and measured."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.studies.study import Session
from benchmarks.studies.tsb_ad import protocol, recipes
from benchmarks.studies.tsb_ad.protocol import Case
from benchmarks.studies.tsb_ad.recipes import Recipe, Scored

MODULE = "benchmarks.studies.tsb_ad.rows"


class Row(NamedTuple):
    """One row over all series.

    Attributes:
        name: Of the row.
        words: What it is.
        vus_pr: `[E]`, one per series.
        scored: Scores and seconds of each series, by its name; none where published.
    """

    name: str
    words: str
    vus_pr: np.ndarray
    scored: Mapping[str, Scored] = {}

    def seconds(self, which: str) -> np.ndarray:
        """`[E]` seconds of `fit` or `score`."""
        return np.array([getattr(s, f"{which}_seconds") for s in self.scored.values()])


def make(recipe: Recipe, cases: Sequence[Case], session: Session) -> Row:
    """Scores every series, or reads the scores where they are kept."""
    cache = session.cache(MODULE, recipe.name)
    scored = {}
    for case in cases:

        def fresh(case: Case = case) -> dict[str, np.ndarray]:
            session.say(f"{recipe.name}: {case.name}")
            return _arrays(recipes.score(recipe, case))

        about = {"recipe": recipe.about, "data": checksum(case)}
        kept = cache.arrays(part(case), about, fresh)
        scored[case.name] = Scored(kept["scores"], *(float(x) for x in kept["seconds"]))
    return Row(recipe.name, recipe.words, measure(cases, scored), scored)


def measure(cases: Sequence[Case], scored: Mapping[str, Scored]) -> np.ndarray:
    """VUS-PR `[E]`, of several seeds their mean."""
    seeds = max(len(np.atleast_2d(one.scores)) for one in scored.values())
    each = [
        {name: np.atleast_2d(one.scores)[seed] for name, one in scored.items()}
        for seed in range(seeds)
    ]
    return np.mean([protocol.values(cases, one) for one in each], axis=0)


def published(cases: Sequence[Case], root: protocol.Root) -> list[Row]:
    """The published rows of the same series of TSB-AD-M, the best first."""
    folder = protocol.places.data_root(root)
    table = {
        row.pop("tsb_ad_file"): row
        for row in protocol.read_csv(folder, "published_vus_pr.csv")
    }
    names = list(next(iter(table.values())))
    found = [
        Row(name, "published", np.array([float(table[c.name][name]) for c in cases]))
        for name in names
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
