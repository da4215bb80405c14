"""What was published of the comparison, from the notebooks that `as_run` follows.

Sodz99, "TimeSeries-Anomaly-Detection" (report and notebooks), on the 28 channels of
Hundman et al., KDD 2018. Thresholds of the LSTM models are quantiles of test scores.
"""

from __future__ import annotations

from collections.abc import Mapping

KEYS = ("precision", "recall", "f1", "accuracy", "auc_roc", "auc_pr")
MACRO: Mapping[str, Mapping[str, float]] = {
    "lstm_vae": dict(
        zip(KEYS, (0.4467, 0.4557, 0.4257, 0.6848, 0.6783, 0.4544), strict=True)
    ),
    "lstm_attention": dict(
        zip(KEYS, (0.4262, 0.4500, 0.4115, 0.6688, 0.6230, 0.4390), strict=True)
    ),
    "anomaly_transformer_headwise": dict(
        zip(KEYS[:4], (0.3377, 0.4955, 0.3769, 0.6078), strict=True)
    ),
}
"""Macro means over the 28 channels, by detector."""

_TABLE = """
A-7 .170/.349 .603/.804
A-8 .652/.843 .071/.054
A-9 .715/.940 .418/.438
D-1 .874/.956 .872/.941
D-12 .845/.940 .808/.936
D-15 .364/.642 .333/.625
D-16 .366/.530 .344/.530
D-2 .373/.694 .419/.767
D-3 .838/.966 .838/.967
D-4 .879/.998 .879/.998
D-7 .335/.680 .377/.722
D-9 .561/.863 .813/.872
E-1 .052/.560 .202/.665
E-12 .067/.367 .084/.575
E-2 .192/.627 .161/.494
E-3 .265/.286 .254/.384
E-4 .150/.363 .207/.338
E-8 .217/.631 .220/.564
F-2 .596/.705 .291/.577
F-8 .322/.597 .290/.553
M-1 .422/.430 .427/.499
M-2 .652/.862 .499/.667
P-1 .142/.521 .151/.409
P-2 .501/.918 .501/.891
P-3 .342/.641 .342/.633
P-7 .410/.728 .670/.840
T-1 .306/.698 .233/.324
T-2 .309/.657 .215/.379
"""


def channels(detector: str) -> dict[str, dict[str, float]]:
    """F1 and AUC-ROC by channel; empty where they are not published.

    Example:
        >>> channels("lstm_vae")["D-4"]
        {'f1': 0.879, 'auc_roc': 0.998}
    """
    if detector not in ("lstm_vae", "lstm_attention"):
        return {}
    place = 1 if detector == "lstm_vae" else 2
    found = {}
    for line in _TABLE.split("\n"):
        if line:
            words = line.split()
            f1, area = words[place].split("/")
            found[words[0]] = {"f1": float(f1), "auc_roc": float(area)}
    return found
