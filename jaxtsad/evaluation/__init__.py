"""Metrics, thresholds, events and protocols. Sees scores and labels, never a model."""
