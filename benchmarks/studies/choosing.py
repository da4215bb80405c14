"""Does `jaxtsad.choose` choose well? Injected against true figures on TSB-AD-M.

Of each series the training rows alone are shown to `choose`: its candidates are fitted
on a part of them and find faults put into the rest. The same candidates are then fitted
on all training rows and scored by the labels of all rows, as the benchmark does.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from benchmarks.studies import report
from benchmarks.studies.report import Report, Section, Table, number
from benchmarks.studies.study import Session, Study, main
from benchmarks.studies.tsb_ad import protocol, rows
from benchmarks.studies.tsb_ad.protocol import Case
from jaxtsad.estimator import choosing
from jaxtsad.evaluation import uncertainty

MODULE = "benchmarks.studies.choosing"
RULES = ("best", "clear", "first")
TEXT = (
    "{count} series, {half}. `injected` is VUS-PR on faults put into held-out training "
    "rows, the mean over {copies} copies; `true` is VUS-PR by the labels. `best` takes "
    "what is best on injected faults, `clear` takes it only where its paired interval "
    "over copies is above {first}, `first` always takes {first}; `with labels` takes "
    "what is truly best of each series. Intervals are 95 %, by bootstrap over series."
)


class Judged(NamedTuple):
    """The candidates on one series.

    Attributes:
        names: `[K]` of the candidates.
        injected: `[K, E]` VUS-PR on injected faults, of each copy.
        true: `[K]` VUS-PR by the labels.
        seconds: To judge all candidates by injected faults.
    """

    names: tuple[str, ...]
    injected: np.ndarray
    true: np.ndarray
    seconds: float

    def chosen(self, rule: str) -> int:
        """Which candidate a rule takes."""
        table = choosing.table_of(self.names, [*self.injected], [0.0] * len(self.names))
        return choosing.decide(table, self.names, rule)[0]

    @property
    def correlation(self) -> float:
        """Spearman's rank correlation of injected and true figures."""
        means = self.injected.mean(axis=1)
        if np.ptp(means) == 0 or np.ptp(self.true) == 0:
            return float("nan")
        return float(stats.spearmanr(means, self.true).statistic)


def run(session: Session) -> Report:
    """Judges what is not judged yet, and makes the tables.

    Raises:
        ValueError: If a choice or the data is bad.
    """
    asked = session.options
    cases = protocol.series(asked.half, asked.data, session.root, asked.datasets)
    cases = [
        case
        for case in cases
        if case.train_points >= choosing.LEAST and case.labels.any()
    ]
    if not cases:
        raise ValueError("no series has labels and training rows enough")
    each = [judged(session, case, choosing.CANDIDATES) for case in cases]
    first = each[0].names[0]
    text = TEXT.format(
        count=len(cases), half=asked.half, copies=choosing.COPIES, first=first
    )
    lines = [
        {
            "series": case.name,
            "dataset": case.dataset,
            "half": case.half,
            "candidate": name,
            "injected": float(one.injected[k].mean()),
            "true": float(one.true[k]),
            "seconds": one.seconds,
        }
        for case, one in zip(cases, each, strict=True)
        for k, name in enumerate(one.names)
    ]
    section = Section("", verdicts(each), (candidates(each), rules(each)))
    title = "Choosing without labels"
    return Report(title, (text,), (section,), (), lines, {"rows": lines})


def judged(session: Session, case: Case, asked: Sequence[choosing.Candidate]) -> Judged:
    """The candidates on one series, made where they are not kept."""
    train = case.values[: case.train_points]
    about: dict[str, Any] = {"data": rows.checksum(case), "candidates": list(asked)}
    about |= {"copies": choosing.COPIES, "faults": choosing.FAULTS}
    about |= {"held_out": [choosing.HELD_OUT, choosing.MOST_HELD_OUT]}
    cache = session.cache(MODULE)

    def fresh() -> dict[str, np.ndarray]:
        session.say(f"injected: {case.name}")
        began = time.perf_counter()
        names, injected, _ = choosing.measure(train, asked)
        seconds = time.perf_counter() - began
        true = []
        for name, candidate in zip(names, asked, strict=True):
            session.say(f"true: {name}, {case.name}")
            detector = choosing.estimator_of(candidate).fit(train)
            scores = detector.decision_function(case.values)
            true.append(protocol.vus_pr(case.labels, scores, case.period))
        return {
            "names": np.array(names),
            "injected": np.array(injected),
            "true": np.array(true),
            "seconds": np.array(seconds),
        }

    kept = cache.arrays(rows.part(case), about, fresh)
    names = tuple(str(name) for name in kept["names"])
    return Judged(names, kept["injected"], kept["true"], float(kept["seconds"]))


def candidates(each: Sequence[Judged]) -> Table:
    """A line per candidate: injected and true figures, and how often it is taken."""
    lines = []
    for k, name in enumerate(each[0].names):
        injected = np.array([one.injected[k].mean() for one in each])
        true = np.array([one.true[k] for one in each])
        taken = [sum(one.chosen(rule) == k for one in each) for rule in RULES[:2]]
        best = sum(int(one.true.argmax()) == k for one in each)
        figures = (report.ranged(uncertainty.bootstrap(v)) for v in (injected, true))
        lines.append((name, *figures, *map(str, taken), str(best)))
    heads = ("candidate", "injected", "true", *RULES[:2], "with labels")
    return Table(heads, lines, 5, "Candidates, and how often each is taken")


def rules(each: Sequence[Judged]) -> Table:
    """A line per rule: mean true figure, and less that of the first."""
    taken = taken_by(each)
    lines = [
        (
            rule,
            report.ranged(uncertainty.bootstrap(values)),
            f"{values.mean() / taken['with labels'].mean():.1%}",
            report.ranged(
                uncertainty.paired_bootstrap(values, taken["first"]), signed=True
            ),
        )
        for rule, values in taken.items()
    ]
    heads = ("rule", "mean true VUS-PR", "of the best with labels", "less `first`")
    return Table(heads, lines, 3, "Rules")


def taken_by(each: Sequence[Judged]) -> Mapping[str, np.ndarray]:
    """True VUS-PR `[S]` of what each rule takes of each series."""
    taken = {
        rule: np.array([one.true[one.chosen(rule)] for one in each]) for rule in RULES
    }
    return taken | {"with labels": np.array([one.true.max() for one in each])}


def verdicts(each: Sequence[Judged]) -> list[str]:
    """What the figures say, in sentences."""
    correlations = np.array([one.correlation for one in each])
    known = uncertainty.bootstrap(correlations)
    spent = np.array([one.seconds for one in each])
    taken = {name: values.mean() for name, values in taken_by(each).items()}
    best = max(RULES, key=lambda rule: taken[rule])
    return [
        f"Rank correlation of injected and true figures within a series: "
        f"{report.ranged(known, signed=True)} ({known.n} series).",
        f"The best rule is `{best}` at {number(float(taken[best]))}.",
        f"Judging all candidates took {np.median(spent):.0f} s per series in the "
        f"median, {spent.max():.0f} s at most, compilation included, on a machine that "
        "did other things too.",
    ]


def options(parser: Any) -> None:
    """Adds the study's options."""
    add = parser.add_argument
    add("--half", default="odd", choices=protocol.HALVES)
    add("--data", nargs="+", default=["tsb_ad"], choices=protocol.DATA)
    add("--datasets", nargs="+", help="of TSB-AD-M only these, such as MSL")


STUDY = Study(
    "choosing", __doc__ or "", run, options, quick={"data": ["demo"], "half": "all"}
)

if __name__ == "__main__":
    sys.exit(main(STUDY))
