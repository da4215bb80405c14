"""What others report: every published figure that a study stands beside.

Xu, Wu, Wang, Long: "Anomaly Transformer: Time Series Anomaly Detection with Association
Discrepancy", ICLR 2022, reports point-adjusted F1 only. Others ran its public code with
and without the adjustment and wrote down both; areas of its repairs are of the scores
published with qweqweasd23/modified_AT.

The comparison on telemetry is Sodz99, "TimeSeries-Anomaly-Detection" (report and
notebooks, which the preset `as_run` follows), on the 28 channels of Hundman et al., KDD
2018. Thresholds of its LSTM models are quantiles of test scores.
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


class Areas(NamedTuple):
    """Areas that are reported of the glued test series; nan where none is."""

    source: str
    auc_roc: float
    auc_pr: float


REPAIRS: dict[str, tuple[Areas, ...]] = {
    "msl": (
        Areas("repair as published, weighted by discrepancy", 0.7212, 0.2526),
        Areas("repair as published, S+P", 0.7236, 0.2571),
        Areas("scores published with the repair, discrepancy", 0.7377, 0.2732),
        Areas("scores published with the repair, S+P", 0.7382, 0.2744),
    ),
    "smap": (
        Areas("scores published with the repair, discrepancy", 0.3941, 0.1098),
        Areas("scores published with the repair, S+P", 0.3967, 0.1112),
    ),
    "psm": (
        Areas("LSTM autoencoder as published beside it", 0.7779, 0.5560),
        Areas("scores published with the repair, discrepancy", 0.5875, 0.4192),
        Areas("scores published with the repair, S+P", 0.6152, 0.4758),
    ),
}
TSB_AD: dict[str, float] = {
    "msl": 0.116,
    "smap": 0.063,
    "smd": 0.067,
    "psm": 0.209,
}
"""Mean VUS-PR of a tuned Anomaly Transformer in the TSB-AD-M benchmark, by source."""
POINTWISE: dict[str, float] = {"msl": 0.191, "smap": 0.227, "smd": 0.080, "psm": 0.434}
"""Best point-wise F1 in NPSR (Lai et al., NeurIPS 2023), table 2."""
TELEMETRY_KEYS = ("precision", "recall", "f1", "accuracy", "auc_roc", "auc_pr")
TELEMETRY_MACRO: Mapping[str, Mapping[str, float]] = {
    "lstm_vae": dict(
        zip(
            TELEMETRY_KEYS,
            (0.4467, 0.4557, 0.4257, 0.6848, 0.6783, 0.4544),
            strict=True,
        )
    ),
    "lstm_attention": dict(
        zip(
            TELEMETRY_KEYS,
            (0.4262, 0.4500, 0.4115, 0.6688, 0.6230, 0.4390),
            strict=True,
        )
    ),
    "anomaly_transformer_headwise": dict(
        zip(TELEMETRY_KEYS[:4], (0.3377, 0.4955, 0.3769, 0.6078), strict=True)
    ),
}
"""Macro means over the 28 channels, by detector."""
