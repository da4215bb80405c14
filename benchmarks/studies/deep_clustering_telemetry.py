"""Deep clustering of telemetry windows, by each of its scores.

python -m benchmarks.studies.deep_clustering_telemetry --data-root DIR

Windows slide by half their length when clustering: those of neighbouring steps are
alike but for their phase, and would be a continuum that no clustering divides.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from benchmarks.studies import study, telemetry_scores
from benchmarks.studies.report import Report
from benchmarks.studies.study import Session, Study
from jaxtsad.pipeline.setup import Setup
from jaxtsad.training.plan import Plan

WINDOW = 64
STRIDE = WINDOW // 2
SCORES = ("combined", "relative", "residual", "entropy")
NOTES = ("one model per channel; every row is trained alike but for its score",)


def setups(quick: bool) -> Mapping[str, tuple[Setup, bool]]:
    """Deep clustering by each score (quick: one), an isolation forest and PCA."""
    pretrain, refine = (1, 1) if quick else (30, 20)

    def one(detector: str, **given: Any) -> Setup:
        return Setup(
            detector,
            given,
            window=WINDOW,
            stride=STRIDE,
            score_stride=8,
            validation=0.2,
            batch_size=256,
            plan=Plan(epochs=pretrain + refine + 1, stop="none"),
        )

    own: dict[str, Any] = {"pretrain": pretrain, "refine": refine, "batch_size": 64}
    found = {
        score: (one("deep_clustering", score=score, **own), False)
        for score in SCORES[: 1 if quick else None]
    }
    return found | {
        "iforest": (one("iforest", on="window"), False),
        "pca": (one("pca"), False),
    }


def run(session: Session) -> Report:
    """All rows on the channels that were asked for."""
    asked = setups(session.options.quick)
    title = "Deep clustering of telemetry"
    return telemetry_scores.run(session, title, telemetry_scores.plain, asked, NOTES)


STUDY = Study(
    "deep_clustering_telemetry",
    __doc__,
    run,
    telemetry_scores.options,
    telemetry_scores.QUICK,
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
