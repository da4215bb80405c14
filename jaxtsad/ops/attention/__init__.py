"""Anomaly attention: the definition, the path of XLA, and experimental kernels."""
