"""GANomaly on CIFAR-10 pictures that were re-encoded as JPEG, each class left out.

python -m benchmarks.studies.ganomaly.cifar10 --data-root DIR

The pictures lost detail: no number from them may stand beside a published one.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.studies.ganomaly import images as ganomaly_images
from jaxtsad.datasets import catalog
from jaxtsad.datasets.cifar10 import CLASSES

NOTES = (
    "AUC of single images; the class is the anomaly, all others are normal",
    "JPEG re-encoding of a part of the CIFAR-10 test pictures: not comparable with "
    "published CIFAR-10 results",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the experiment; bad input is one line and exit code 2."""
    return ganomaly_images.main(
        "ganomaly_cifar10",
        "GANomaly on CIFAR-10 (JPEG copy), one class left out",
        lambda root: catalog.load_samples("cifar10_jpeg", root),
        CLASSES,
        ("bird", "automobile", "truck"),
        NOTES,
        arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
