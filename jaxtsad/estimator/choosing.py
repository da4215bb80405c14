"""Which detector suits normal data, judged by faults that are put into them.

Candidates are fitted on the first part of the training data. The rest is held out and
copied some times, each copy with other faults of the synthetic generator
(`datasets.synthetic.faulty`), and every candidate scores all copies. Their VUS-PR on
faults whose place is known stands for what is not known: how well they would find true
anomalies. What was chosen is then fitted on everything.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
import pandas as pd

from jaxtsad import detectors as registry
from jaxtsad import validation
from jaxtsad.datasets.reading import screening
from jaxtsad.datasets.synthetic import faulty
from jaxtsad.detectors.ensemble import Member
from jaxtsad.estimator.series import TimeSeriesDetector
from jaxtsad.evaluation import uncertainty
from jaxtsad.evaluation.metrics import period, vus
from jaxtsad.pipeline import inputs

Candidate: TypeAlias = str | Mapping[str, Any]
Copies: TypeAlias = Sequence[Mapping[str, faulty.Faulty]]
Rule: TypeAlias = Literal["clear", "best", "first"]

HEADED = {"window": 32, "head": "gated"}
CANDIDATES: tuple[Candidate, ...] = (
    "pretrained_tcn",
    {"detector": "zscore", **HEADED},
    {"detector": "pca", **HEADED},
    {"detector": "knn", **HEADED},
    {"detector": "ar", **HEADED},
    {"detector": "iforest", "window": 32, "head": "smooth"},
)
"""What is chosen among where nothing else is said; the first is the default."""
COPIES = 6
FAULTS = 3
"""Faults of each copy."""
HELD_OUT = 0.3
MOST_FIT, MOST_HELD_OUT = 8192, 2048
"""Steps that candidates are fitted on and judged by, at most."""
LEAST = 400


class Choice(NamedTuple):
    """What was chosen, and why.

    Attributes:
        detector: The chosen detector, fitted on all of the training data.
        name: Of its row.
        reason: Why it was chosen, in a sentence.
        table: A row per candidate, the best first: `candidate`, `vus_pr` on injected
            faults with the ends `low` and `high` of its interval over copies, its
            `difference` from the first candidate with its ends, and `seconds`.
        candidates: The candidates, in the order of the table.
    """

    detector: TimeSeriesDetector
    name: str
    reason: str
    table: pd.DataFrame
    candidates: tuple[Candidate, ...]

    def ensemble(self, members: int = 3) -> TimeSeriesDetector:
        """An ensemble of the best candidates, weighted by their VUS-PR; not fitted."""
        weights = self.table["vus_pr"].iloc[:members].tolist()
        options = {"members": list(self.candidates[:members]), "weights": weights}
        return TimeSeriesDetector("ensemble", options=options)


def choose(
    X: Any,
    *,
    detectors: Sequence[Candidate] = CANDIDATES,
    rule: Rule | None = None,
    seed: int = 0,
) -> Choice:
    """Chooses a detector for series that are mostly normal, without labels.

    Args:
        X: `[T, C]` array or data frame, or several of them as a list or a mapping, of
            at least `LEAST` steps each.
        detectors: Candidates: names of detectors, or mappings of `detector` and what
            else differs (`detectors.ensemble.Member`). The first is the default.
        rule: `clear`, the best where its paired interval over copies is above the
            first, else the first; `best`, whatever is best; `first`, always the first.
            None for `first` where the default detector is the first, else `clear`: on
            52 labeled series the default detector was better than what was chosen.
        seed: Of the faults, and of the detectors.

    Raises:
        ValueError: If a candidate or the data is bad, in one line.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> made = choose(rng.normal(size=(500, 2)), detectors=["zscore", "ar"])
        >>> made.name in ("zscore", "ar"), list(made.table.columns[:4])
        (True, ['candidate', 'vus_pr', 'low', 'high'])
    """
    if rule is not None:
        validation.check_names([rule], ["clear", "best", "first"], "rule")
    names, measured, seconds = measure(X, detectors, seed=seed)
    table = table_of(names, measured, seconds)
    chosen, reason = decide(table, names, rule)
    order = [names.index(name) for name in table["candidate"]]
    final = estimator_of(detectors[chosen], seed=seed).fit(X)
    ranked = tuple(detectors[i] for i in order)
    return Choice(final, names[chosen], reason, table, ranked)


def measure(
    X: Any, detectors: Sequence[Candidate], *, seed: int = 0
) -> tuple[list[str], list[np.ndarray], list[float]]:
    """How well candidates find faults that are put into held-out data.

    Args:
        X: As `choose` takes it.
        detectors: Candidates.
        seed: Of the faults, and of the detectors.

    Returns:
        Of each candidate its name, VUS-PR `[E]` of each series in each copy, and the
        seconds it took.

    Raises:
        ValueError: As `choose`.
    """
    if not detectors:
        raise ValueError("detectors=[] must name at least one candidate")
    each = [estimator_of(one, place, seed) for place, one in enumerate(detectors)]
    fit, copies = faults(X, seed)
    measured, seconds = [], []
    for detector in each:
        began = time.perf_counter()
        detector.fit(fit)
        measured.append(found(detector, fit, copies))
        seconds.append(time.perf_counter() - began)
    return _names(detectors), measured, seconds


def estimator_of(
    candidate: Candidate, place: int = 0, seed: int = 0
) -> TimeSeriesDetector:
    """The detector of a candidate, not fitted.

    Args:
        candidate: A detector's name or a mapping.
        place: Among the candidates, for the error line.
        seed: Of the detector.

    Raises:
        ValueError: If it is neither, or an option or the detector is unknown.
    """
    if not isinstance(candidate, str | Mapping):
        raise ValueError(
            f"detectors[{place}]={validation.shown(candidate)} must be a name or a "
            "mapping"
        )
    given = {"detector": candidate} if isinstance(candidate, str) else candidate
    where = f"detectors[{place}]."
    member = validation.make(Member, given, "option of a candidate", where)
    registry.module(member.detector)
    fields = dataclasses.fields(member)
    values = {field.name: getattr(member, field.name) for field in fields}
    said = {name: value for name, value in values.items() if value is not None}
    return TimeSeriesDetector(**said, seed=seed)


def _names(candidates: Sequence[Candidate]) -> list[str]:
    """What rows are called: the detector, its head, and a number where it is twice."""
    names: list[str] = []
    for one in candidates:
        name = one if isinstance(one, str) else str(one["detector"])
        if not isinstance(one, str) and one.get("head", "none") != "none":
            name += f", {one['head']}"
        count = sum(other.partition(" (")[0] == name for other in names)
        names.append(f"{name} ({count + 1})" if count else name)
    return names


def _cut(values: np.ndarray, name: str) -> tuple[np.ndarray, int]:
    """The last steps that are fitted on or held out, and how many are held out."""
    if len(values) < LEAST:
        raise ValueError(
            f"{name!r} has {len(values)} steps; choosing by injected faults needs at "
            f"least {LEAST}"
        )
    filled, _ = screening.screen(values, name=name)
    held_out = min(MOST_HELD_OUT, int(len(filled) * HELD_OUT))
    return filled[-MOST_FIT - held_out :], held_out


def faults(X: Any, seed: int) -> tuple[dict[str, np.ndarray], Copies]:
    """Steps to fit on, and held-out ones with faults put in.

    Args:
        X: As `choose` takes it.
        seed: Of the faults.

    Raises:
        ValueError: If the data is bad or too short.
    """
    given = inputs.recordings(X, fitting=True)
    parts = {one.name: _cut(one.values, one.name) for one in given.series}
    rng = np.random.default_rng([seed, 1])
    copies = [
        {name: faulty.inject(rng, *part, FAULTS) for name, part in parts.items()}
        for _ in range(COPIES)
    ]
    fit = {name: part[: len(part) - steps] for name, (part, steps) in parts.items()}
    return fit, copies


def found(
    detector: TimeSeriesDetector, fit: Mapping[str, np.ndarray], copies: Copies
) -> np.ndarray:
    """VUS-PR `[E]` of a fitted detector on each series of each copy (see `faults`)."""
    measured = []
    for copy in copies:
        values = {name: one.values for name, one in copy.items()}
        scores = detector.decision_function(values, context=dict(fit))
        for name, one in copy.items():
            length = period.dominant_period(fit[name][:, 0])
            length = min(length, len(one.labels) // (2 * FAULTS))
            measured.append(vus.vus(one.labels, scores[name], length=length).pr)
    return np.array(measured)


def table_of(
    names: Sequence[str], measured: Sequence[np.ndarray], seconds: Sequence[float]
) -> pd.DataFrame:
    """What candidates found as a table, the best first (see `Choice`).

    Args:
        names: Of the candidates.
        measured: VUS-PR `[E]` of each, on the same series and copies.
        seconds: That each took.
    """
    rows = []
    for name, own, spent in zip(names, measured, seconds, strict=True):
        mean = uncertainty.bootstrap(own)
        apart = uncertainty.paired_bootstrap(own, measured[0])
        row = {"candidate": name, "vus_pr": mean.mean, "low": mean.low}
        row |= {"high": mean.high, "difference": apart.mean}
        row |= {"difference_low": apart.low, "difference_high": apart.high}
        rows.append(row | {"seconds": spent})
    table = pd.DataFrame(rows)
    return table.sort_values(
        "vus_pr", ascending=False, kind="stable", ignore_index=True
    )


def decide(
    table: pd.DataFrame, names: Sequence[str], rule: str | None
) -> tuple[int, str]:
    """Which candidate, by its place among the names, and why.

    Args:
        table: See `table_of`.
        names: Of the candidates, as they were given.
        rule: See `choose`.
    """
    best = table.iloc[0]
    first = names[0]
    always = ""
    if rule is None and first == CANDIDATES[0]:
        rule, always = "first", ", which was better on 52 labeled series than choosing"
    if best["candidate"] == first:
        return 0, f"{first} is the best on injected faults"
    figures = (
        f"{best['candidate']} is the best on injected faults, VUS-PR "
        f"{best['vus_pr']:.3f}, above {first} by {best['difference']:.3f} "
        f"({best['difference_low']:.3f} to {best['difference_high']:.3f})"
    )
    if rule == "first":
        return 0, f"{figures}; {first} is taken all the same{always}"
    if rule == "best" or best["difference_low"] > 0:
        return names.index(best["candidate"]), figures
    return 0, f"{figures}; an interval that holds 0 says nothing: {first} is taken"
