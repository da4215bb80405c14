"""DPLAN on tables with a few known anomalies, and baselines that know as much."""
