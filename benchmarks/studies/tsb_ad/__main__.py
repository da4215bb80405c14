"""Any detector by the protocol of TSB-AD-M, on NAB and on UCR.

python -m benchmarks.studies.tsb_ad --data-root DIR --detectors pca knn

A row is one of `recipes.ROWS` or any detector by name with its defaults.
Scores are kept by series, so that an interrupted run goes on. `--heads` asks instead
what score heads make of every detector, trained and untrained (with `--half odd`).
"""

from __future__ import annotations

import argparse
import sys

from benchmarks.studies import study
from benchmarks.studies.report import Report
from benchmarks.studies.study import Session, Study
from benchmarks.studies.tsb_ad import heads, protocol, recipes, rows, submission, tables

DEFAULT = (
    "random",
    "zscore_smoothed",
    "pca",
    "pca_smoothed",
    "knn",
    "knn_without_two_valued",
)


def options(parser: argparse.ArgumentParser) -> None:
    """Adds what the study is asked for."""
    add = parser.add_argument
    add(
        "--detectors",
        nargs="+",
        metavar="ROW",
        help=f"of {', '.join(recipes.ROWS)}, or detectors by name "
        f"(default: {' '.join(DEFAULT)})",
    )
    add(
        "--beside",
        metavar="CSV",
        help="rows that an earlier run of the study measured, to compare with",
    )
    add("--data", nargs="+", default=["tsb_ad"], choices=protocol.DATA)
    add("--datasets", nargs="+", help="of TSB-AD-M only these, such as MSL")
    add("--half", default="all", choices=protocol.HALVES, help="of each data set")
    add("--main", help="the row that others are compared with (default: the last)")
    add(
        "--submission",
        action="store_true",
        help="write scores and metrics as files of the benchmark's own form",
    )
    add("--heads", action="store_true", help="the table of detectors and score heads")
    add("--epochs", type=int, default=10, help="of --heads, at most this many")
    add("--windows", type=int, default=1024, help="of --heads, about so many of each")


def run(session: Session) -> Report:
    """Makes every row that is not there yet, and measures all.

    Raises:
        ValueError: If a choice or the data is bad.
    """
    asked = session.options
    if min(asked.epochs, asked.windows) < 1:
        raise ValueError("--epochs and --windows must be at least 1")
    if asked.heads:
        return heads.run(session)
    names = asked.detectors or DEFAULT
    chosen = [recipes.recipe(name) for name in dict.fromkeys(names)]
    main = asked.main or chosen[-1].name
    given = [one.name for one in chosen]
    if main not in given:
        raise ValueError(f"main={main!r} must be one of --detectors")
    sections, lines = [], []
    for group in asked.data:
        session.say(f"reading {protocol.TITLES[group]}")
        cases = protocol.series(asked.half, [group], session.root, asked.datasets)
        made = [rows.make(one, cases, session) for one in chosen]
        before = rows.earlier(asked.beside, cases) if asked.beside else []
        every = [*(row for row in before if row.name not in given), *made]
        known = rows.published(cases, session.root) if group == "tsb_ad" else []
        sections.append(tables.section(group, cases, every, known, main))
        lines += tables.tidy(cases, every)
        if asked.submission:
            for row in made:
                submission.write(session.folder / "submission", cases, row)
    notes = [f"{one.name}: {one.words}." for one in chosen]
    if asked.beside:
        notes.append("Rows not listed here were measured by an earlier run.")
    if "tsb_ad" in asked.data:
        absent = protocol.left_out(session.root)
        if absent:
            notes.append(f"Not at hand and left out: {', '.join(absent)}.")
    title = "Detectors by the protocol of TSB-AD"
    tree = {"half": asked.half, "data": list(asked.data), "rows": lines}
    return Report(title, (tables.LEGEND,), sections, notes, lines, tree, shown=2)


STUDY = Study("tsb_ad", __doc__, run, options, quick={"data": ["demo"]})

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
