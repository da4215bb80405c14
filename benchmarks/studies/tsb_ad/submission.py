"""Files in the benchmark's own form: scores of each series, metrics of each row.

    scores/ROW/SERIES.csv    one score per row of the series, column `Score`
    metrics/ROW.csv          file, Time, AUC-PR, AUC-ROC, VUS-PR, VUS-ROC, Standard-F1,
                             PA-F1

Both F1 are those of the best threshold, found by the labels, as in the benchmark; its
event-based, range-based and affiliation F1 are left out.
"""

from __future__ import annotations

import io
import pathlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.studies.tsb_ad.protocol import THRESHOLDS, Case
from benchmarks.studies.tsb_ad.rows import Row, part
from jaxtsad import files
from jaxtsad.evaluation.metrics import point, point_adjusted, vus


def write(folder: pathlib.Path, cases: Sequence[Case], row: Row) -> None:
    """Writes a row's scores and metrics; of several seeds the first.

    Raises:
        ValueError: If the folder cannot be written.
    """
    lines = []
    for case, fit, score in zip(cases, row.fit_seconds, row.score_seconds, strict=True):
        scores = np.atleast_2d(row.scores[case.name])[0]
        path = folder / "scores" / row.name / f"{part(case)}.csv"
        files.write_text(path, _csv(pd.DataFrame({"Score": scores})))
        line = {"file": case.name, "Time": fit + score}
        lines.append(line | metrics(case, scores))
    files.write_text(folder / "metrics" / f"{row.name}.csv", _csv(pd.DataFrame(lines)))


def metrics(case: Case, scores: np.ndarray) -> dict[str, Any]:
    """Metrics of one series by the benchmark's names."""
    volume = vus.vus(case.labels, scores, length=case.period, thresholds=THRESHOLDS)
    return {
        "AUC-PR": point.auc_pr(case.labels, scores),
        "AUC-ROC": point.auc_roc(case.labels, scores),
        "VUS-PR": volume.pr,
        "VUS-ROC": volume.roc,
        "Standard-F1": point.oracle_f1(case.labels, scores).value,
        "PA-F1": point_adjusted.best_pa_f1(case.labels, scores).value,
    }


def _csv(table: pd.DataFrame) -> str:
    stream = io.StringIO()
    table.to_csv(stream, index=False, float_format="%.8g", lineterminator="\n")
    return stream.getvalue()
