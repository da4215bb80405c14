"""GANomaly on MNIST, each digit left out in turn.

python -m benchmarks.studies.ganomaly.mnist --data-root DIR

The CPU preset takes three digits and a narrow network; `--size full` all ten digits
with the published sizes, for a GPU.
"""

from __future__ import annotations

import sys

from benchmarks.studies import study
from benchmarks.studies.ganomaly import images
from benchmarks.studies.report import Report
from benchmarks.studies.study import Session, Study

DIGITS = tuple("0123456789")
DEFAULT = ("0", "2", "6")
NOTES = (
    "AUC of single images; the digit is the anomaly, all others are normal",
    "values are scaled to [-1, 1]; the published code's normalisation reaches 2.8, "
    "which a tanh cannot make",
)


def run(session: Session) -> Report:
    """Leaves out each class that was asked for."""
    title = "GANomaly on MNIST, one digit left out"
    return images.run(session, title, "mnist", DIGITS, DEFAULT, NOTES)


STUDY = Study(
    "ganomaly.mnist",
    __doc__,
    run,
    images.options,
    quick={**images.QUICK, "classes": DEFAULT[:1]},
)

if __name__ == "__main__":
    sys.exit(study.main(STUDY))
