"""Anomaly attention: the definition, the paths of XLA, and kernels."""
