"""Where the public data sets are published, pinned to a commit where possible."""

from __future__ import annotations

from typing import NamedTuple

GITHUB = "https://raw.githubusercontent.com"


class Source(NamedTuple):
    """Where the files below one folder of the data root come from.

    Attributes:
        prefix: Folder below the data root; its first part names the data set.
        bases: Addresses that replace the prefix, in the order they are tried.
        license: As the publisher states it.
    """

    prefix: str
    bases: tuple[str, ...]
    license: str


SOURCES = (
    Source(
        "smap_msl/data/",
        (
            f"{GITHUB}/imperial-qore/TranAD/"
            "7ffb98d0c18189cc3d9ab732b4cb0278200a0af0/data/SMAP_MSL/",
        ),
        "BSD-3-Clause",
    ),
    Source(
        "smap_msl/",
        (f"{GITHUB}/khundman/telemanom/2e6c5b6c3558e7835601519b7bdef37c649bdbdc/",),
        "Caltech's BSD-3-style license, 2018",
    ),
    Source(
        "smd/",
        (
            f"{GITHUB}/NetManAIOps/OmniAnomaly/"
            "7fb0e0acf89ea49908896bcc9f9e80fcfff6baf4/",
        ),
        "MIT",
    ),
    Source(
        "psm/",
        (f"{GITHUB}/eBay/RANSynCoders/948e61eb579815ff2a6bce721332d8220d59ca47/data/",),
        "CC BY 4.0",
    ),
    Source(
        "nab/",
        (f"{GITHUB}/numenta/NAB/ea702d75cc2258d9d7dd35ca8e5e2539d71f3140/",),
        "MIT",
    ),
    Source(
        "ucr/",
        ("https://www.cs.ucr.edu/~eamonn/time_series_data_2018/",),
        "not stated",
    ),
    Source(
        "mnist/",
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        "CC BY-SA 3.0",
    ),
    Source(
        "cifar10/",
        ("https://www.cs.toronto.edu/~kriz/",),
        "not stated",
    ),
    Source(
        "adbench/",
        (
            f"{GITHUB}/Minqi824/ADBench/3dac8221081e190f157d78e93bfa8867f90d0965/"
            "adbench/datasets/",
        ),
        "BSD-2-Clause; the tables under terms of their own",
    ),
    Source(
        "devnet/",
        (
            f"{GITHUB}/GuansongPang/deviation-network/"
            "179a74a1c03d8c03b577fc7e28672dbff3779582/dataset/",
        ),
        "GPL-3.0; UNSW-NB15 for academic research",
    ),
)
