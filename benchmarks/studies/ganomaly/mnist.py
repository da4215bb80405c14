"""GANomaly on MNIST, each digit left out in turn.

python -m benchmarks.studies.ganomaly.mnist --data-root DIR

The CPU preset takes three digits and a narrow network; `--size full` all ten digits
with the published sizes, for a GPU.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks.studies.ganomaly import images as ganomaly_images
from jaxtsad.datasets import catalog

DIGITS = tuple("0123456789")
NOTES = (
    "AUC of single images; the digit is the anomaly, all others are normal",
    "values are scaled to [-1, 1]; the published code's normalisation reaches 2.8, "
    "which a tanh cannot make",
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the experiment; bad input is one line and exit code 2."""
    return ganomaly_images.main(
        "ganomaly_mnist",
        "GANomaly on MNIST, one digit left out",
        lambda root: catalog.load_samples("mnist", root),
        DIGITS,
        ("0", "2", "6"),
        NOTES,
        arguments,
    )


if __name__ == "__main__":
    sys.exit(main())
