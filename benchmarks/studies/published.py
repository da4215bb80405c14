"""What is reported of the Anomaly Transformer, adjusted and not.

Xu, Wu, Wang, Long: "Anomaly Transformer: Time Series Anomaly Detection with Association
Discrepancy", ICLR 2022, reports point-adjusted F1 only. Others ran its public code with
and without the adjustment and wrote down both.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Claim(NamedTuple):
    """F1 that somebody reports; nan where it is not reported.

    Attributes:
        source: Who reports it, as `SOURCES` explains.
        pa_f1: Point-adjusted F1.
        f1: F1 of the same flags without adjustment.
    """

    source: str
    pa_f1: float
    f1: float = float("nan")


class Published(NamedTuple):
    """How a data set is evaluated in papers, and what was reported on it.

    Attributes:
        share: Share of steps that the published thresholds flag.
        entities: How many entities the numbers are about.
        claims: What was reported, the paper's own first.
    """

    share: float
    entities: int
    claims: tuple[Claim, ...]


SOURCES = (
    "Published: Xu et al., ICLR 2022. Rerun: the public code run by others, with and "
    "without adjustment, as they report in issues 4, 34 and 51 of "
    "thuml/Anomaly-Transformer and in qweqweasd23/modified_AT."
)
PUBLISHED: Mapping[str, Published] = {
    "SMAP": Published(
        0.01,
        53,
        (
            Claim("published", 0.9669),
            Claim("rerun (issue 34)", 0.9636, 0.0189),
            Claim("rerun (modified_AT)", 0.9644, 0.0181),
        ),
    ),
    "MSL": Published(
        0.01,
        27,
        (
            Claim("published", 0.9359),
            Claim("rerun (issue 4)", 0.9314, 0.0199),
            Claim("rerun (issue 34)", 0.9500, 0.0209),
            Claim("rerun (modified_AT)", 0.9426, 0.0201),
        ),
    ),
    "SMD": Published(
        0.005,
        28,
        (
            Claim("published", 0.9233),
            Claim("rerun (issue 34)", 0.8944, 0.0201),
            Claim("rerun (issue 51)", 0.8960, 0.0368),
        ),
    ),
    "PSM": Published(
        0.01,
        1,
        (
            Claim("published", 0.9789),
            Claim("rerun (issue 34)", 0.9750, 0.0217),
            Claim("rerun (modified_AT)", 0.9764, 0.0223),
        ),
    ),
}
