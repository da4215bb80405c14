"""GANomaly on CIFAR-10 pictures that were re-encoded as JPEG, each class left out.

python -m benchmarks.studies.ganomaly.cifar10 --data-root DIR

The pictures lost detail: no number from them may stand beside a published one.
"""

from __future__ import annotations

import sys

from benchmarks.studies import study
from benchmarks.studies.ganomaly import images
from benchmarks.studies.report import Report
from benchmarks.studies.study import Session, Study
from jaxtsad.datasets.cifar10 import CLASSES

DEFAULT = ("bird", "automobile", "truck")
NOTES = (
    "AUC of single images; the class is the anomaly, all others are normal",
    "JPEG re-encoding of a part of the CIFAR-10 test pictures: not comparable with "
    "published CIFAR-10 results",
)


def run(session: Session) -> Report:
    """Leaves out each class that was asked for."""
    title = "GANomaly on CIFAR-10 (JPEG copy), one class left out"
    return images.run(session, title, "cifar10_jpeg", CLASSES, DEFAULT, NOTES)


STUDY = Study(
    "ganomaly.cifar10",
    __doc__,
    run,
    images.options,
    quick={**images.QUICK, "classes": DEFAULT[:1]},
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
