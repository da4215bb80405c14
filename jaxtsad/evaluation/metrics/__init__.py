"""Metrics: pure functions of scores or flags and labels."""
