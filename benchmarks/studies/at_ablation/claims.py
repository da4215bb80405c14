"""What others report of the Anomaly Transformer and its repairs, point by point."""

from __future__ import annotations

from typing import NamedTuple


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
DIVERGENCE = (38_000, 40_000)
"""Steps of the glued MSL test series where the published scores differ most."""
